"""Where an upstream is: `redis://[user:password@]host[:port]`, `rediss://` for TLS, or `unix:///path`.

Owns reading and printing that URL. Refuses a database in it: every call names its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from dozo.errors import ConfigError

__all__ = ["Address"]

_DEFAULT_PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    """A RESP server; `path` is that of a unix socket and stands for host and port.

    Callers are known to the server by what they present themselves, unless `requirepass` is set: who presents that
    is let in, and the server sees the address's own credentials.
    """

    host: str = "127.0.0.1"
    port: int = _DEFAULT_PORT
    path: str = ""
    tls: bool = False
    username: str = ""
    password: str = ""
    requirepass: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL; ConfigError says what is wrong with it, without repeating its password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"upstream: {error}") from None
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.query or parts.fragment:
            raise ConfigError("upstream: the URL has no options")
        if parts.scheme == "unix":
            if not parts.path or parts.hostname:
                raise ConfigError("upstream: a unix socket is unix:///path/to/socket")
            return cls(path=unquote(parts.path), username=user, password=password)
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ConfigError("upstream: expected redis://host:port, rediss://host:port or unix:///path")
        if parts.path not in ("", "/", "/0"):
            raise ConfigError("upstream: leave the database out, each request names its own")
        tls = parts.scheme == "rediss"
        return cls(parts.hostname, port or _DEFAULT_PORT, tls=tls, username=user, password=password)

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{self.port}"
