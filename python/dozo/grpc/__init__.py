"""The gRPC door: the data and the IDs of a server for clients that are made from .proto files.

`v1/data.proto` and `katsubushi/katsubushi.proto` say what there is; the build makes Python code of them, which clients
import from here as well (`from dozo.grpc.v1 import data_pb2, data_pb2_grpc`). It is a gateway: a client of the engine
like any other (dozo.gateway). Imports nothing by itself, as a server without this door loads no grpcio.
"""
