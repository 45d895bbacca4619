"""The door of a store that is kept on disk: other processes come in by a unix socket beside the data.

One thread serves all of them: whoever speaks RESP is a client like any other, whoever speaks `calls.py` is a store in
another process. Owns the socket and the thread. Only processes of the same user may connect.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dozo._kernel import Wire
from dozo.errors import ClosedError, ConfigError, StoreError
from dozo.store.calls import GREETING, Frames, answer
from dozo.store.embedded import Engine

__all__ = ["SOCKET", "Host", "address"]

SOCKET: Final = "dozo.sock"
_LONGEST_ADDRESS: Final = 100
"""Bytes of a path that every system takes for a socket."""
_BACKLOG: Final = 128
_READ: Final = 1 << 18
_UNSENT_MAX: Final = 1 << 20
"""Bytes that a client has not taken, from which on nothing more is read from it."""


def address(folder: Path) -> str:
    """The path of the socket, by a detour where it is too long for one."""
    path = str(folder / SOCKET)
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        return path
    if not os.path.isdir("/proc/self/fd"):
        raise ConfigError(f"{path} is too long for a socket")
    # Left open as long as the process lives: the path is this descriptor.
    return f"/proc/self/fd/{os.open(folder, os.O_RDONLY | os.O_DIRECTORY)}/{SOCKET}"


class _Guest:
    """A connection from another process."""

    def __init__(self, host: Host, sock: socket.socket) -> None:
        self._host, self.sock = host, sock
        self._frames: Frames | None = None
        self._wire: Wire | None = None
        self._unsent = bytearray()
        self.due: float | None = None
        """When a connection that waits wants to be looked at."""

    def wants(self) -> int:
        """What is waited for."""
        reads = selectors.EVENT_READ if len(self._unsent) < _UNSENT_MAX else 0
        return reads | (selectors.EVENT_WRITE if self._unsent else 0)

    def read(self) -> None:
        """Serve what has come. OSError or StoreError end it."""
        data = self.sock.recv(_READ)
        if not data:
            raise ConnectionResetError
        if self._frames is None and self._wire is None:
            data = self._greet(data)
        if self._wire:
            self._take(self._wire.exchange(data))
        elif self._frames:
            for request in self._frames.feed(data):
                self._unsent += answer(self._host.engine, request)
        self.send()

    def _greet(self, data: bytes) -> bytes:
        if data.startswith(GREETING):
            self._frames = Frames()
            return data[len(GREETING) :]
        self._wire = self._host.engine.store.connect(self._host.name)
        self._wire.on_ready(lambda: self._host.call(self))
        return data

    def hear(self) -> None:
        """Take what came for it from elsewhere."""
        if self._wire:
            self._take(self._wire.take())
            self.send()

    def _take(self, turned: tuple[bytes | None, int | None]) -> None:
        received, due_ms = turned
        self.due = None if due_ms is None else time.monotonic() + due_ms / 1000 + 0.0005
        if received == b"":
            self.send()
            raise ConnectionResetError
        self._unsent += received or b""

    def send(self) -> None:
        """Send as much as the other side takes."""
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: self.sock.send(self._unsent)]

    def close(self) -> None:
        """End it."""
        if self._wire:
            self._wire.on_ready(None)
            self._wire.close()
        self.sock.close()


class Host:
    """The socket, and the thread that serves it."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder / SOCKET)
        self._path = folder / SOCKET
        self._listener = socket.socket(socket.AF_UNIX)
        try:
            # Whoever left it there is gone: the directory is locked.
            self._path.unlink(missing_ok=True)
            self._listener.bind(address(folder))
            self._path.chmod(0o600)
            self._listener.listen(_BACKLOG)
        except OSError as error:
            self._listener.close()
            raise ConfigError(f"{self._path}: {error.strerror}") from None
        self._listener.setblocking(False)
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)
        self._called: set[_Guest] = set()
        self._guests: set[_Guest] = set()
        self._is_over = False
        self._thread: threading.Thread | None = None
        self._engine: Callable[[], Engine | None] = lambda: None

    @property
    def engine(self) -> Engine:
        """Whose door it is. ClosedError where nobody uses that any more."""
        engine = self._engine()
        if engine is None:
            raise ClosedError
        return engine

    def serve(self, engine: Engine) -> None:
        """Begin to answer those who have connected."""
        # Weakly: a store that nobody uses any more is to be closed.
        self._engine = weakref.ref(engine)
        self._thread = threading.Thread(target=self._run, name="dozo-host", daemon=True)
        self._thread.start()

    def call(self, guest: _Guest) -> None:
        """Something came for a guest; from any thread."""
        self._called.add(guest)
        self._ring()

    def _ring(self) -> None:
        # A bell that can't be rung any more rings already, or has nobody to hear it.
        with contextlib.suppress(OSError):
            self._bell.send(b"!")

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            while not self._is_over:
                for key, events in selector.select(self._pause()):
                    self._handle(selector, key, events)
                self._hear(selector)

    def _pause(self) -> float | None:
        due = [guest.due for guest in self._guests if guest.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _handle(self, selector: selectors.BaseSelector, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._listener:
            self._accept(selector)
        elif key.fileobj is self._ear:
            with contextlib.suppress(BlockingIOError):
                self._ear.recv(_READ)
        else:
            guest: _Guest = key.data
            self._serve(selector, guest, guest.read if events & selectors.EVENT_READ else guest.send)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        guest = _Guest(self, sock)
        self._guests.add(guest)
        selector.register(sock, selectors.EVENT_READ, guest)

    def _hear(self, selector: selectors.BaseSelector) -> None:
        now = time.monotonic()
        late = [guest for guest in self._guests if guest.due is not None and guest.due <= now]
        called = [self._called.pop() for _ in range(len(self._called))]
        for guest in {*late, *called} & self._guests:
            self._serve(selector, guest, guest.hear)

    def _serve(self, selector: selectors.BaseSelector, guest: _Guest, work: Callable[[], None]) -> None:
        try:
            work()
            selector.modify(guest.sock, guest.wants(), guest)
        except BlockingIOError:
            pass
        except (OSError, StoreError, RuntimeError):
            # It has gone, or speaks nothing that is known here, or the store is closing.
            selector.unregister(guest.sock)
            self._guests.discard(guest)
            guest.close()

    def close(self) -> None:
        """Stop, once what is being answered is answered."""
        self._is_over = True
        self._ring()
        # A store that nobody uses any more may find its end right here.
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()
        with contextlib.suppress(OSError):
            self._path.unlink()
        self.forsake()

    def forsake(self) -> None:
        """Close this process's ends of everything, and nothing else."""
        for guest in self._guests:
            guest.sock.close()
        for sock in (self._listener, self._bell, self._ear):
            sock.close()
