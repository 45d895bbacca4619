"""The parts of a store in the caller's process; `dozo.cache` puts them together.

api.py       Store: the mapping's face, and what is made of its operations
codec.py     values and tags as bytes and flags; tagfile.py keeps the tags of a path
embedded.py  the engine in this process
shared.py    one path for several processes: who has the engine, and the store of those who have not
host.py      the door of the process that has it; calls.py is what is spoken there
memo.py      functions whose results are kept
lock.py      locks by name
wires.py     redis-py's connections without a socket
"""
