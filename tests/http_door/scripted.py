"""A server that speaks RESP and answers from a script: what no real one does on command."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from typing import Any

import hiredis

Answer = Callable[[list[bytes]], bytes]


class Scripted:
    """Answers every command by a function from its words to RESP bytes; `said` is all it heard."""

    def __init__(self, answer: Answer) -> None:
        self.said: list[list[bytes]] = []
        scripted = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                reader = hiredis.Reader(notEnoughData=...)
                while data := self.request.recv(65536):
                    reader.feed(data)
                    while (words := reader.gets()) is not ...:
                        scripted.said.append(words)
                        self.request.sendall(scripted.greeted(words) or answer(words))

        class Listener(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    @staticmethod
    def greeted(words: list[bytes]) -> bytes | None:
        """Answer what every gateway says first."""
        return b"+OK\r\n" if words[:1] == [b"CLIENT"] else None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()
