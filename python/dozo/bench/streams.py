"""What a huge value costs that goes in and out by chunks: the server's memory, and how long others wait meanwhile.

Another process sends and reads, this one pings. The tier's directory lies in a temporary one; what the server takes
more of memory while the value moves is its own, as pages of files are the system's. The server and the pinger have
real-time priority where the system allows that, so that the waits are of the server's making.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, TypedDict

from dozo.bench import processes
from dozo.bench.client import Client
from dozo.bench.processes import BenchError, Running

__all__ = ["Figures", "measure"]

#: What a stream may take of memory; a server that takes more fails the measurement.
MEMORY_MOST: Final = 16 << 20
_CHUNK: Final = 64 << 10
_PAUSE_S: Final = 0.001


class Figures(TypedDict):
    """Of one value that went one way."""

    extra_bytes: int
    p99_ms: float
    worst_ms: float
    seconds: float


def measure(size: int) -> dict[str, Figures]:
    """Send a value of so many bytes to a server with a disk tier, and read it: the figures of `in` and `out`."""
    with tempfile.TemporaryDirectory(prefix="dozo-bench-") as folder:
        flags = ("--disk-tier", folder, "--persistence", "none", "--maxmemory", "64mb")
        with processes.dozo(*flags) as server:
            # Once small, so that what a first stream sets up is not counted.
            for way in ("in", "out"):
                _moved(server, way, _CHUNK)
            return {way: _moved(server, way, size) for way in ("in", "out")}


def _moved(server: Running, way: str, size: int) -> Figures:
    command = [sys.executable, "-m", __name__, way, str(server.memcached_port), str(size)]
    with Client(server.port) as pinger:
        _count_peak_anew(server)
        before = server.rss_bytes()
        waits: list[float] = []
        mover = subprocess.Popen(command, stdin=subprocess.PIPE)
        with processes.undisturbed(server):
            began = time.perf_counter()
            if mover.stdin:
                mover.stdin.close()
            while mover.poll() is None or not waits:
                start = time.perf_counter()
                pinger.call(b"PING")
                waits.append(time.perf_counter() - start)
                time.sleep(_PAUSE_S)
    if mover.returncode:
        raise BenchError(f"the value could not be moved {way}")
    waits.sort()
    extra = max(_peak_bytes(server) - before, 0)
    if extra > MEMORY_MOST:
        raise BenchError(f"a value that moves {way} takes {extra >> 20} MB of memory")
    return {
        "extra_bytes": extra,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
        "worst_ms": waits[-1] * 1000,
        "seconds": time.perf_counter() - began,
    }


def _count_peak_anew(server: Running) -> None:
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


def _peak_bytes(server: Running) -> int:
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _send(sock: socket.socket, size: int) -> bool:
    chunk = os.urandom(_CHUNK)
    count = -(-size // _CHUNK)
    sock.sendall(b"set_begin huge %d %d 0 0\r\n" % (size, count))
    for index in range(count):
        part = chunk[: size - index * _CHUNK]
        sock.sendall(b"set_data huge %d %d\r\n%b\r\n" % (index, len(part), part))
    sock.sendall(b"set_end huge\r\n")
    return sock.makefile("rb").read(len("STREAM_READY\r\nSTORED\r\n")).endswith(b"STORED\r\n")


def _receive(sock: socket.socket, size: int) -> bool:
    sock.sendall(b"streaming_get huge %d\r\n" % _CHUNK)
    buffer, got, end = bytearray(_CHUNK), 0, b""
    while not end.endswith(b"STREAM_END huge\r\n"):
        read = sock.recv_into(buffer)
        if not read or b"STREAM_ERROR" in end:
            return False
        got += read
        end = (end + bytes(buffer[:read]))[-32:]
    return got > size


if __name__ == "__main__":
    # Whoever started this says when to begin.
    sys.stdin.read()
    with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as connected:
        way = _send if sys.argv[1] == "in" else _receive
        sys.exit(0 if way(connected, int(sys.argv[3])) else 1)
