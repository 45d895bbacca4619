"""A client that knows no .proto file learns the services from the server and calls them."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICES = [
    "dozo.v1.Data",
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
    "katsubushi.Generator",
    "katsubushi.Stats",
]


@pytest.fixture
def database(channel):
    return ProtoReflectionDescriptorDatabase(channel)


@pytest.fixture
def call(channel, database):
    """Call a method by its name and the fields of its request, with nothing but what reflection tells."""
    pool = DescriptorPool(database)

    def call(service: str, method: str, **fields):
        described = pool.FindServiceByName(service).methods_by_name[method]
        request, response = (GetMessageClass(each) for each in (described.input_type, described.output_type))
        stub = channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return stub(request(**fields))

    return call


def test_the_services_are_listed(database):
    assert sorted(database.get_services()) == SERVICES


def test_every_method_is_described(database):
    pool = DescriptorPool(database)
    methods = {name: {*pool.FindServiceByName(name).methods_by_name} for name in SERVICES}
    assert methods["dozo.v1.Data"] == {"Get", "Set", "Delete", "Batch", "Command", "Watch", "Subscribe"}
    assert methods["katsubushi.Generator"] == {"Fetch", "FetchMulti"}
    assert methods["katsubushi.Stats"] == {"Get"}


def test_a_call_by_reflection_alone(call, client):
    stored = call("dozo.v1.Data", "Set", key=b"k", value=b"v", flags=3)
    item = call("dozo.v1.Data", "Get", key=b"k").item
    assert (item.value, item.flags, item.version) == (b"v", 3, stored.version)
    assert client.get("k") == b"v"
