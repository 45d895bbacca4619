"""The parts of a store in the caller's process; `dozo.cache` puts them together.

codec.py     values and tags as bytes and flags
embedded.py  the engine in this process, with the mapping's methods
memo.py      functions whose results are kept
lock.py      locks by name
wires.py     redis-py's connections without a socket
"""
