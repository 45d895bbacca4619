"""The extension module: the engine, and what a running command sees of it. Kept true by `mypy.stubtest`.

`Database`, `Client` and `Server` are only valid while a command runs, in the thread that runs it; elsewhere every use
is a RuntimeError. Keys are bytes. Times are unix milliseconds unless the name says otherwise.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar, final

from typing_extensions import disjoint_base

__all__ = [
    "HOT",
    "Bits",
    "Client",
    "ClientInfo",
    "Database",
    "Disk",
    "Geo",
    "Hashes",
    "HyperLogLogs",
    "Kernel",
    "Library",
    "Lists",
    "Scripts",
    "Server",
    "Sets",
    "SortedSets",
    "Streams",
    "Tracking",
    "Wire",
    "crc64",
    "decode_reply",
    "glob_match",
    "lz4_pack",
    "lz4_unpack",
    "parse_float",
    "rdb_string",
    "xxh3_64",
]

_Result = TypeVar("_Result")
_Level = Literal["debug", "info", "warning", "error"]
_Setting = int | bool | str | bytes

@final
class Database:
    """One database, during a command. It can't be created; a command receives it."""

    @property
    def index(self) -> int: ...
    @property
    def databases(self) -> int:
        """How many databases there are."""

    @property
    def hashes(self) -> Hashes: ...
    @property
    def sets(self) -> Sets: ...
    @property
    def max_value_len(self) -> int:
        """The setting proto-max-bulk-len, in bytes."""

    @property
    def now_ms(self) -> int:
        """The time of this command: it does not move while the command runs."""

    @property
    def is_replaying(self) -> bool:
        """Whether a journal is loaded: the clock stands at its beginning, so times that commands name may be later."""

    @property
    def is_retry(self) -> bool:
        """Whether the command has waited and runs again: it then passes over keys of another type."""

    @property
    def lists(self) -> Lists:
        """The lists."""

    @property
    def sorted_sets(self) -> SortedSets:
        """The sorted sets."""

    @property
    def bits(self) -> Bits:
        """Strings as rows of bits."""

    @property
    def scripts(self) -> Scripts:
        """Lua scripts and libraries of functions; they belong to no database."""

    @property
    def geo(self) -> Geo:
        """Sorted sets as maps of places."""

    @property
    def hyperloglogs(self) -> HyperLogLogs:
        """Strings as counters of distinct elements."""

    @property
    def streams(self) -> Streams:
        """The operations on streams."""

    def get(self, key: bytes) -> bytes | None:
        """The value; counts as an access, and as a hit or a miss. WrongType where it is not a string."""

    def peek(self, key: bytes) -> bytes | None:
        """The value, without counting as an access."""

    def set(
        self, key: bytes, value: bytes | int, expire_at_ms: int | None = None, keep_ttl: bool = False
    ) -> bool:
        """Store; true where the key existed. Without expire_at_ms and keep_ttl a time to live is removed."""

    def delete(self, key: bytes) -> bool: ...
    def exists(self, key: bytes) -> bool: ...
    def touch(self, key: bytes) -> bool:
        """Whether the key exists; counts as an access."""

    def type(self, key: bytes) -> str | None: ...
    def expire_at(self, key: bytes) -> int | None:
        """When it expires; -1 for never, None for a missing key."""

    def set_expire(self, key: bytes, at_ms: int | None) -> bool:
        """Change or (None) remove the expiry; a time in the past deletes. False where the key is missing."""

    def strlen(self, key: bytes) -> int: ...
    def get_range(self, key: bytes, start: int, end: int) -> bytes: ...
    def append(self, key: bytes, data: bytes) -> int: ...
    def set_range(self, key: bytes, offset: int, data: bytes) -> int: ...
    def incr(self, key: bytes, delta: int) -> int: ...
    def rename(self, source: bytes, target: bytes) -> bool:
        """Move the value, its expiry and flags; false where the source is missing."""

    def move(self, key: bytes, index: int) -> bool:
        """Move to another database; false where the key is missing there or taken here."""

    def copy(self, source: bytes, target: bytes, index: int | None = None) -> bool: ...
    def dump(self, key: bytes) -> bytes | None:
        """The value of any type as an RDB file has it, with version and checksum after it."""

    def restore(self, key: bytes, payload: bytes, expire_at_ms: int | None = None) -> bool:
        """Store what `dump` or Redis gave, in place of what is there; ReplyError where it is malformed.

        False where the time has passed already: the payload is checked and the key removed.
        """

    def sort(
        self,
        key: bytes,
        *,
        by: bytes | None = None,
        get: Sequence[bytes] = ...,
        alpha: bool = False,
        descending: bool = False,
        offset: int = 0,
        count: int = ...,
    ) -> list[bytes | None]:
        """What SORT returns for a list, set or sorted set; None where GET finds nothing. A negative count is all."""

    def sort_store(
        self,
        target: bytes,
        key: bytes,
        *,
        by: bytes | None = None,
        get: Sequence[bytes] = ...,
        alpha: bool = False,
        descending: bool = False,
        offset: int = 0,
        count: int = ...,
    ) -> int:
        """Store what SORT returns as a list and return its length; an empty one removes the target."""

    def keys(self, pattern: bytes) -> list[bytes]: ...
    def scan(
        self, cursor: int, count: int, pattern: bytes | None = None, type: str | None = None
    ) -> tuple[int, list[bytes]]: ...
    def random_key(self) -> bytes | None: ...
    def __len__(self) -> int: ...
    @property
    def volatile_len(self) -> int:
        """Number of keys that have an expiry."""

    @property
    def avg_ttl_ms(self) -> int: ...
    def flush(self) -> int:
        """Drop every key of this database; returns how many there were."""

    def flush_all(self) -> int: ...
    def swap(self, first: int, second: int) -> None: ...
    def encoding(self, key: bytes) -> str | None: ...
    def idle_seconds(self, key: bytes) -> int | None: ...
    def set_idle_seconds(self, key: bytes, seconds: int) -> None: ...
    def freq(self, key: bytes) -> int | None:
        """The frequency counter; None where the policy keeps none."""

    def set_freq(self, key: bytes, frequency: int) -> None: ...
    def memory_usage(self, key: bytes) -> int | None: ...
    def flags(self, key: bytes) -> int | None:
        """The memcached client flags."""

    def set_flags(self, key: bytes, flags: int) -> None: ...
    def cas(self, key: bytes) -> int | None:
        """The compare-and-swap number: every change of the value gives another one, a restart begins anew."""

    def notify(self, class_: str, event: str, key: bytes, /) -> None:
        """Announce a keyspace event of the class with that letter (notify-keyspace-events): "l", "lpush", key."""

    def effect(self, *args: bytes | int | str) -> None:
        """Journal and replicate this instead of the command itself; may be called several times."""

    def no_effect(self) -> None:
        """Leave no effect, although something changed."""

    def call(self, *args: bytes | int | str) -> Any:
        """Run another command within this one; its reply, or its ReplyError raised."""

    def select(self, index: int) -> Database:
        """Another database, valid as long as this one."""

@final
class Lists:
    """Lists by their keys; None for a missing key. WrongType where a key holds none."""

    def len(self, key: bytes) -> int | None: ...
    def push_existing(self, key: bytes, values: list[bytes], front: bool) -> int:
        """Add to a list that exists; its length, 0 without a list."""

    def set(self, key: bytes, index: int, value: bytes) -> bool | None: ...
    def insert(self, key: bytes, before: bool, pivot: bytes, value: bytes) -> int | None:
        """Add beside the first element that equals the pivot; the length, 0 without a pivot."""

    def positions(self, key: bytes, value: bytes, rank: int, count: int, maxlen: int) -> list[int] | None: ...
    def pop(self, key: bytes, front: bool, count: int) -> list[bytes] | None: ...

@final
class SortedSets:
    """Sorted sets by their keys; None for a missing key. WrongType where a key holds none.

    Bounds are as clients write them, read by "rank", "score" or "lex". Lists with scores are flat in RESP2, pairs in
    RESP3.
    """

    def len(self, key: bytes) -> int | None: ...
    def scores(self, key: bytes, members: list[bytes]) -> list[float | None]: ...
    def reverse_rank(self, key: bytes, member: bytes) -> int | None: ...
    def count(self, key: bytes, by: str, min: bytes, max: bytes) -> int: ...
    def remove_range(self, key: bytes, by: str, min: bytes, max: bytes) -> int: ...
    def pop(self, key: bytes, last: bool, count: int) -> list[tuple[bytes, float]] | None: ...
    def check(self, keys: list[bytes]) -> None:
        """WrongType unless every key holds a sorted set, a set or nothing."""

    def count_common(self, keys: list[bytes], limit: int) -> int:
        """How many members all of the keys have, which were checked."""

    def combine(
        self, operation: str, keys: list[bytes], weights: list[float], aggregate: str, scores: bool
    ) -> list[Any]:
        """The "union", "inter" or "diff" of sorted sets and sets, which were checked."""

    def combine_into(
        self, target: bytes, operation: str, keys: list[bytes], weights: list[float], aggregate: str
    ) -> int:
        """Store it, with its events; how many members there are."""

    def random(self, key: bytes, count: int, distinct: bool, scores: bool) -> list[Any] | None: ...
    def scan(self, key: bytes, cursor: int, count: int, pattern: bytes | None) -> tuple[int, list[bytes]]: ...

@final
class Bits:
    """Strings as rows of bits; bit 0 is the highest one of the first byte. WrongType where a key holds none."""

    def get(self, key: bytes, offset: int) -> int: ...
    def set(self, key: bytes, offset: int, on: bool) -> tuple[int, bool]:
        """Set a bit, after zeros up to it: the old bit, and whether anything changed."""

    def count(self, key: bytes, first: int, last: int) -> int:
        """Ones from bit first to bit last, both included and within the string."""

    def position(self, key: bytes, wanted: bool, first: int, last: int) -> int | None:
        """The first bit of that kind within the same bounds."""

    def combine(self, how: str, target: bytes, sources: list[bytes]) -> int:
        """Store what BITOP's `how` makes of the sources, unless it is empty; its length."""

    def fields(
        self, key: bytes, steps: list[tuple[int, int, bool, str, int, str]]
    ) -> tuple[list[int | None], bool]:
        """Read and change integers; the values (None: overflow) and whether anything changed.

        A step is (offset, width, signed, "get" | "set" | "add", value, "wrap" | "sat" | "fail").
        """

@final
class Geo:
    """Sorted sets as maps of places, which are (longitude, latitude) in degrees; distances are meters.

    An area is (longitude, latitude, radius, None) or (longitude, latitude, width, height); a choice (most results or 0,
    whether any of them will do, true for near to far, false for far to near or None).
    """

    def places(self, key: bytes, members: list[bytes]) -> list[tuple[float, float] | None]: ...
    def hashes(self, key: bytes, members: list[bytes]) -> list[str | None]: ...
    def exists(self, key: bytes) -> bool: ...
    @staticmethod
    def distance(a: tuple[float, float], b: tuple[float, float]) -> float: ...
    @staticmethod
    def score(place: tuple[float, float]) -> int: ...
    @staticmethod
    def is_valid(place: tuple[float, float]) -> bool: ...
    def search(
        self,
        key: bytes,
        area: tuple[float, float, float, float | None],
        choice: tuple[int, bool, bool | None],
    ) -> list[tuple[bytes, float, int, float, float]]:
        """Members of the area with their distance, score, longitude and latitude."""

    def search_store(
        self,
        target: bytes,
        key: bytes,
        area: tuple[float, float, float, float | None],
        choice: tuple[int, bool, bool | None],
        unit: float | None,
    ) -> int:
        """Store them, unless there are none, with the distances in a unit of so many meters, or (None) as they are."""

@final
class HyperLogLogs:
    """Strings as counters of distinct elements. WRONGTYPE or INVALIDOBJ where a key holds no good one."""

    def add(self, key: bytes, elements: tuple[bytes, ...], sparse_max: int) -> bool:
        """Count elements; whether a register changed or the key is new."""

    def count(self, keys: list[bytes]) -> int:
        """How many distinct elements all of them have; of one key the estimate is cached within it."""

    def merge(self, keys: list[bytes], sparse_max: int) -> None:
        """Merge all into the first."""

    def is_dense(self, key: bytes) -> bool | None:
        """The encoding; None for a missing key."""

    def make_dense(self, key: bytes) -> None: ...
    def registers(self, key: bytes) -> list[int]: ...
    def describe(self, key: bytes) -> str:
        """The runs of a sparse counter in Redis's notation."""

    @staticmethod
    def self_test(seed: int) -> None:
        """Check the algorithm on random elements; ValueError says what failed."""

@final
class ClientInfo:
    """A picture of one connected client. Sizes are bytes."""

    @property
    def id(self) -> int: ...
    @property
    def addr(self) -> str: ...
    @property
    def laddr(self) -> str: ...
    @property
    def fd(self) -> int: ...
    @property
    def name(self) -> bytes: ...
    @property
    def lib_name(self) -> bytes: ...
    @property
    def lib_ver(self) -> bytes: ...
    @property
    def db(self) -> int: ...
    @property
    def resp(self) -> int: ...
    @property
    def door(self) -> Literal["resp", "memcached", "ids"]: ...
    @property
    def unix(self) -> bool: ...
    @property
    def authenticated(self) -> bool: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def last_active_ms(self) -> int: ...
    @property
    def last_command(self) -> str: ...
    @property
    def commands(self) -> int: ...
    @property
    def net_in(self) -> int: ...
    @property
    def net_out(self) -> int: ...
    @property
    def query_buffer(self) -> int: ...
    @property
    def output_buffer(self) -> int: ...
    @property
    def output_capacity(self) -> int: ...
    @property
    def monitor(self) -> bool: ...
    @property
    def blocked(self) -> bool: ...
    @property
    def queued(self) -> int:
        """Commands queued since MULTI; -1 without one."""
    @property
    def queued_bytes(self) -> int: ...
    @property
    def watched(self) -> int: ...
    @property
    def touched(self) -> bool:
        """A watched key has changed."""
    @property
    def no_evict(self) -> bool: ...
    @property
    def no_touch(self) -> bool: ...
    @property
    def sub(self) -> int: ...
    @property
    def psub(self) -> int: ...
    @property
    def ssub(self) -> int: ...
    @property
    def subscription_memory(self) -> int: ...
    @property
    def close_asap(self) -> bool: ...
    @property
    def tracking(self) -> Tracking | None:
        """How it tracks the keys that it caches, if it does."""

@final
class Tracking:
    """How a client tracks the keys that it caches; CLIENT TRACKING says what the words mean."""

    @property
    def redirect(self) -> int:
        """Id of the client that is told in its place; 0 is nobody."""
    @property
    def broken(self) -> bool:
        """That client has gone."""
    @property
    def bcast(self) -> bool: ...
    @property
    def optin(self) -> bool: ...
    @property
    def optout(self) -> bool: ...
    @property
    def noloop(self) -> bool: ...
    @property
    def caching(self) -> bool:
        """The next command is the exception."""
    @property
    def prefixes(self) -> list[bytes]: ...

@final
class Client:
    """The client whose command runs."""

    @property
    def id(self) -> int: ...
    @property
    def addr(self) -> str: ...
    @property
    def laddr(self) -> str: ...
    @property
    def unix(self) -> bool: ...
    name: bytes
    lib_name: bytes
    lib_ver: bytes
    db: int
    resp: int
    authenticated: bool
    no_evict: bool
    no_touch: bool
    @property
    def may_wait(self) -> bool:
        """_Not in a transaction, a script or a command called by a command."""
    monitor: bool
    """_Setting it starts MONITOR; only RESET, or the end of the connection, ends it."""
    reply_mode: Literal["on", "off", "skip"]
    """_Setting it is CLIENT REPLY; "skip" leaves out the reply of the next command."""
    def info(self) -> ClientInfo: ...
    def track(
        self,
        *,
        redirect: int = 0,
        bcast: bool = False,
        optin: bool = False,
        optout: bool = False,
        noloop: bool = False,
        prefixes: list[bytes] = ...,
    ) -> None:
        """Begin, or change, its tracking; prefixes join those that it broadcasts already."""

    def untrack(self) -> None: ...
    def except_next(self) -> None:
        """Make the next command, or the transaction that it begins, the exception from optin or optout."""

    def reset(self) -> None:
        """What RESET does to the session."""

    def close(self) -> None:
        """Close the connection once this reply is written."""

@final
class Server:
    """The whole server, during a command."""

    @property
    def persistence(self) -> Any:
        """The object that the Kernel was given as `persistence`."""

    @property
    def disk(self) -> Disk:
        """Saving, journal and loading."""

    @property
    def config(self) -> Any:
        """The object that the Kernel was given as `config`."""

    @property
    def run_id(self) -> str:
        """Forty hexadecimal digits, new with each start."""

    @property
    def start_ms(self) -> int: ...
    @property
    def databases(self) -> int: ...
    def id_figures(self) -> dict[str, Any]:
        """What the ID generator tells: worker, until_ms, now_ms, time_ms, last_ms, why_not, and stats by name."""

    def clients(self) -> list[ClientInfo]:
        """Every connected client, by id."""

    def channels(self, pattern: bytes | None = None, shard: bool = False) -> list[bytes]:
        """The channels, or shard channels, that somebody listens to."""

    def subscribers(self, channel: bytes, shard: bool = False) -> int: ...
    def is_connected(self, id: int) -> bool: ...
    def kill(self, id: int) -> bool:
        """Close a client; the calling one is closed after its reply. False where there is none of that id."""

    def unblock(self, id: int, error: bool = False) -> bool:
        """End the waiting of that client, as its timeout would or with an error; False when it doesn't wait."""
    def pause(self, until_ms: int, writes_only: bool) -> None: ...
    def unpause(self) -> None: ...
    def stats(self) -> dict[str, Any]:
        """Every figure the engine keeps, by INFO's names where INFO has it (crates/py/src/server.rs lists them)."""

    def command_stats(self) -> dict[str, tuple[int, int, int, int, list[int]]]:
        """Of each command that was called: calls, nanoseconds, rejected, failed, histogram by powers of two of us."""

    def reset_stats(self) -> None: ...
    def configure(self, name: str, value: _Setting) -> None:
        """Hand a checked setting to the engine; ValueError where it has none of that name."""

    def slowlog(self) -> list[tuple[int, int, int, list[bytes], str, bytes]]:
        """(id, unix seconds, microseconds, arguments, client address, client name), newest first."""

    def slowlog_reset(self) -> None: ...
    def latency(self) -> dict[str, tuple[int, list[tuple[int, int]]]]:
        """By event: the worst milliseconds of all time, and (unix seconds, milliseconds), oldest first."""

    def latency_reset(self, *events: str) -> int: ...
    def log(self, level: _Level, message: str) -> None: ...
    def purge(self) -> None:
        """Give unused memory back to the system."""

    def shutdown(self) -> None:
        """Stop the server once this command is done."""

    def sleep(self, seconds: float) -> None:
        """Hold the executor (DEBUG SLEEP)."""

@final
class Kernel:
    """A server: the engine, its executor thread and its sockets."""

    def __new__(
        cls,
        commands: Sequence[Any],
        settings: Mapping[str, _Setting],
        *,
        config: Any = None,
        log: Callable[[_Level, str], None] | None = None,
        memcached_stats: Callable[[Server, str], list[tuple[str, str]] | None] | None = None,
        persistence: Any = None,
    ) -> Kernel:
        """`commands` are dozo.commands.api.Command; `settings` go to the engine and the store by name.

        Of `persistence` the method chores(server) is called about ten times a second, and end(server) at the end, as if
        they were commands.
        """

    def bind(
        self,
        endpoints: Sequence[tuple[str, str, int, bool]],
        *,
        backlog: int = 511,
        io_threads: int = 0,
        grace_seconds: float = 10.0,
    ) -> list[str]:
        """Open all listeners or none (OSError, one line); the places where it listens.

        An endpoint is (door, address, port, optional): the door is "resp" or "memcached"; the address an IP, a name,
        `*`, `::*` or `unix:PATH` (the port is then the file's mode, 0 for the umask's); an optional one may be missing.
        """

    def start(self) -> None:
        """Start the executor thread."""

    def stop(self, graceful: bool = True) -> None:
        """Ask for the end; returns at once, from any thread. Graceful: what was received is answered first."""

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the executor has ended; whether it has. Signal handlers run meanwhile."""

    def configure(self, name: str, value: _Setting) -> None:
        """Hand over a checked setting, from any thread; ValueError where the kernel has none of that name."""

    def call(self, *args: bytes | int | str) -> Any:
        """Run one command from any thread but the executor; its reply, or its ReplyError raised."""

    def run(self, function: Callable[[Server], _Result]) -> _Result:
        """Call a function as if it were a command, from any thread but the executor."""

    def stats(self) -> dict[str, Any]:
        """Every figure the engine keeps, from any thread."""

    def id_figures(self) -> dict[str, Any]:
        """As `Server.id_figures`, from any thread."""

    def permit_ids(self, worker: int, floor_ms: int, until_ms: int, mark_ms: int) -> None:
        """Let IDs be issued as a worker, later than floor_ms and earlier than mark_ms, until now_ms is until_ms."""

    def refuse_ids(self, why: str) -> int:
        """Issue no more, for a reason that clients hear; the time of the last one, 0 without one. Ended or not."""

@disjoint_base
class Library:
    """The engine of a kernel that is not started, in the caller's thread: values in and out, and connections to it.

    Keys are bytes or str; values bytes, str and int, and what the codec makes bytes of. Every call is atomic and does
    what is due; after the end it is a ClosedError. dozo.store.api.Store says what keys, values, ttl and tags are.
    """

    def __new__(cls, kernel: Kernel, codec: Any, db: int = 0) -> Self:
        """The codec has encode(value), decode(kind, bytes), tag(tags) and the number `kind` of what encode makes."""

    def get(self, key: bytes | str, default: Any = None) -> Any: ...
    def pop(self, key: bytes | str, default: Any = None) -> Any: ...
    def set(
        self,
        key: bytes | str,
        value: Any,
        ttl: float | None = None,
        tags: Iterable[str] | None = None,
        *,
        disk: bool | None = None,
        compress: bool = False,
    ) -> None: ...
    def add(
        self,
        key: bytes | str,
        value: Any,
        ttl: float | None = None,
        tags: Iterable[str] | None = None,
        *,
        disk: bool | None = None,
        compress: bool = False,
    ) -> bool: ...
    def gets(self, key: bytes | str, default: Any = None) -> tuple[Any, int | None]: ...
    def cas(
        self,
        key: bytes | str,
        value: Any,
        version: int,
        ttl: float | None = None,
        tags: Iterable[str] | None = None,
        *,
        disk: bool | None = None,
        compress: bool = False,
    ) -> bool | None: ...
    def incr(self, key: bytes | str, by: int = 1, default: int | None = 0) -> int: ...
    def delete(self, key: bytes | str) -> bool: ...
    def touch(self, key: bytes | str, ttl: float | None) -> bool: ...
    def ttl(self, key: bytes | str) -> float | None: ...
    def clear(self) -> int: ...
    def expire(self) -> int: ...
    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]: ...
    def evict_some(self, cursor: int, count: int, spared: Sequence[int]) -> tuple[int, int]:
        """Remove keys with tags whose number is not spared, of about `count`; the next cursor and how many left."""

    def tags_in_use(self, cursor: int, count: int) -> tuple[int, list[int]]:
        """The numbers of tags that about `count` keys bear; the next cursor first."""

    def execute(self, *words: bytes | int | str) -> Any:
        """Run one command; its reply, or its ReplyError raised."""

    def reply(self, *words: bytes | int | str) -> bytes:
        """What `execute` decodes: the reply as RESP3."""

    def connect(self, name: str) -> Wire:
        """Open a connection whose address is that name; ConnectionError where there are too many."""

    def tick(self) -> None:
        """Do what is due, without a call that would."""

    def forsake(self) -> None:
        """Leave the engine alone for good: it is the process's that this one was forked from."""

    def end(self) -> None:
        """Bring what is kept on disk to its end, and drop the data."""

    def flags(self, key: bytes | str) -> int | None:
        """Kind and tags of a key."""

    def get_item(self, key: bytes | str, take: bool = False) -> tuple[bytes, int] | None:
        """Bytes and flags of a key, which is removed with them if `take`."""

    def set_item(
        self,
        key: bytes | str,
        data: bytes,
        flags: int,
        ttl: float | None = None,
        only_new: bool = False,
        disk: bool | None = None,
    ) -> bool:
        """Store bytes with flags, with `only_new` only where the key is missing; whether they were stored."""

    def gets_item(self, key: bytes | str) -> tuple[bytes, int, int] | None:
        """Bytes, flags and version of a key."""

    def cas_item(
        self,
        key: bytes | str,
        data: bytes,
        flags: int,
        version: int,
        ttl: float | None = None,
        disk: bool | None = None,
    ) -> bool | None:
        """Store bytes with flags where the key has that version still; whether they were, None without the key."""

    def __getitem__(self, key: bytes | str, /) -> Any: ...
    def __setitem__(self, key: bytes | str, value: Any, /) -> None: ...
    def __delitem__(self, key: bytes | str, /) -> None: ...
    def __contains__(self, key: bytes | str, /) -> bool: ...
    def __len__(self) -> int: ...

@final
class Wire:
    """A connection without a socket. What is taken is b"" at its end."""

    def exchange(self, data: bytes) -> tuple[bytes | None, int | None]:
        """Hand data over and take the answer; without one, when to ask again (milliseconds) if nothing calls before."""

    def take(self) -> tuple[bytes | None, int | None]:
        """The same, with nothing to hand over."""

    def wait(self, timeout: float | None = None) -> bytes | None:
        """Wait until there is something and take it; None once the time, in seconds, is up."""

    def on_ready(self, function: Callable[[], object] | None) -> None:
        """Have a function called, in any thread, when something came that no call of this connection has taken."""

    def close(self) -> None:
        """End it."""

_Id = tuple[int, int]

@final
class Streams:
    """Typed operations on streams. Ids go in as (ms, seq) and come out as texts; a missing key or group is None."""

    @property
    def default_limit(self) -> int:
        """How many entries an approximate trimming deletes at most when it has no limit of its own."""

    def info(self, key: bytes) -> dict[str, Any] | None:
        """length, blocks, groups, added; last_id, first_id, max_deleted and newest_id as pairs."""

    def range(
        self, key: bytes, start: _Id, end: _Id, count: int | None = None, reverse: bool = False
    ) -> list[Any] | None:
        """Entries between two ids, each [id, [field, value, ...]]."""

    def entries(self, key: bytes, ids: list[_Id]) -> list[Any] | None:
        """The entries of these ids, as far as they exist."""

    def delete(self, key: bytes, ids: list[_Id], references: str = "KEEPREF") -> list[int] | None:
        """For each id 1 deleted, 2 still referenced, -1 missing."""

    def trim(
        self,
        key: bytes,
        *,
        maxlen: int | None = None,
        minid: _Id | None = None,
        approx: bool = False,
        limit: int = 0,
        references: str = "KEEPREF",
    ) -> int | None:
        """Delete the oldest entries beyond a length or below an id; how many those were."""

    def set_counters(
        self, key: bytes, last_id: _Id, added: int | None = None, max_deleted: _Id | None = None
    ) -> None:
        """Set the last id, and what else is not None."""

    def has_group(self, key: bytes, group: bytes) -> bool | None:
        """Whether the stream has the group."""

    def create_group(
        self,
        key: bytes,
        group: bytes,
        last_id: _Id | None,
        entries_read: int | None = None,
        make_stream: bool = False,
    ) -> bool | None:
        """Make a group; None as its id is the stream's last one. False when there is one of that name."""

    def destroy_group(self, key: bytes, group: bytes) -> bool | None:
        """Remove a group."""

    def set_group(
        self, key: bytes, group: bytes, last_id: _Id | None, entries_read: int | None = None
    ) -> None:
        """Set how far a group has read."""

    def create_consumer(self, key: bytes, group: bytes, name: bytes) -> bool | None:
        """Make a consumer; False when there is one of that name."""

    def delete_consumer(self, key: bytes, group: bytes, name: bytes) -> int | None:
        """Remove a consumer; how many entries were pending at it."""

    def groups(self, key: bytes) -> list[dict[str, Any]] | None:
        """The groups by name: name, consumers, pending, last_id, entries_read, lag."""

    def consumers(self, key: bytes, group: bytes) -> list[dict[str, Any]] | None:
        """The consumers by name: name, pending, seen_at, active_at."""

    def pending(
        self,
        key: bytes,
        group: bytes,
        start: _Id = ...,
        end: _Id = ...,
        count: int | None = None,
        consumer: bytes | None = None,
        min_idle: int = 0,
    ) -> list[tuple[bytes, bytes, int, int]] | None:
        """Pending entries: id, consumer, ms since the last delivery, deliveries."""

    def pending_summary(
        self, key: bytes, group: bytes
    ) -> tuple[int, bytes | None, bytes | None, list[tuple[bytes, int]]] | None:
        """How many are pending, the first and the last id, and how many at each consumer that has some."""

    def claim(
        self,
        key: bytes,
        group: bytes,
        consumer: bytes,
        ids: list[_Id],
        *,
        min_idle: int,
        delivered_at: int,
        deliveries: int | None,
        keep_count: bool,
        force: bool,
    ) -> list[tuple[bool, tuple[int, int] | None]] | None:
        """For each id whether something was done, and the delivery's time and count unless the entry was gone."""

    def autoclaim(
        self,
        key: bytes,
        group: bytes,
        consumer: bytes,
        start: _Id,
        *,
        count: int,
        min_idle: int,
        keep_count: bool,
    ) -> tuple[_Id, list[tuple[_Id, tuple[int, int]]], list[_Id]] | None:
        """Where to go on, what was taken with its delivery's time and count, and what was gone."""

    def acknowledge(
        self, key: bytes, group: bytes, ids: list[_Id], references: str = "KEEPREF"
    ) -> list[int] | None:
        """Take ids out of those pending and delete their entries: 1 deleted, 2 still referenced, -1 not pending."""

@final
class Hashes:
    """The hashes of one database: `db.hashes`. Every method raises WrongType where the key holds something else."""

    def get(self, key: bytes, field: bytes) -> bytes | None: ...
    def get_many(self, key: bytes, fields: Sequence[bytes]) -> list[bytes | None]: ...
    def exists(self, key: bytes) -> bool: ...
    def fields(self, key: bytes) -> list[bytes]: ...
    def values(self, key: bytes) -> list[bytes]: ...
    def set(self, key: bytes, pairs: Sequence[tuple[bytes, bytes]], keep_ttl: bool = False) -> int:
        """Set fields and return how many are new; without keep_ttl they live for ever."""
    def remove(self, key: bytes, fields: Sequence[bytes]) -> int: ...
    def expiries(self, key: bytes, fields: Sequence[bytes]) -> list[int] | None:
        """When each field expires in unix ms; -1 for never, -2 for a missing field, None for a missing key."""
    def set_expiry(self, key: bytes, fields: Sequence[bytes], at_ms: int | None) -> int: ...
    def random(self, key: bytes, count: int, distinct: bool) -> list[tuple[bytes, bytes]]:
        """Random fields and values; distinct ones, all of them when there are fewer."""
    def scan(
        self, key: bytes, cursor: int, count: int, pattern: bytes | None = None
    ) -> tuple[int, list[tuple[bytes, bytes]]]: ...

@final
class Sets:
    """The sets of one database: `db.sets`. Operations are "inter", "union" and "diff"."""

    def contains(self, key: bytes, members: Sequence[bytes]) -> list[bool]: ...
    def add(self, key: bytes, member: bytes) -> bool: ...
    def remove(self, key: bytes, member: bytes) -> bool: ...
    def len(self, key: bytes) -> int | None:
        """The number of members; None for a missing key."""
    def combine(self, operation: str, keys: Sequence[bytes]) -> set[bytes]: ...
    def combine_len(self, operation: str, keys: Sequence[bytes], limit: int) -> int: ...
    def store(self, operation: str, target: bytes, keys: Sequence[bytes]) -> int:
        """Store the result in place of whatever `target` holds, and return its number of members."""
    def random(self, key: bytes, count: int, distinct: bool) -> list[bytes]: ...
    def scan(
        self, key: bytes, cursor: int, count: int, pattern: bytes | None = None
    ) -> tuple[int, list[bytes]]: ...

@final
class Scripts:
    """Lua scripts and libraries of functions."""

    def load(self, body: bytes) -> str:
        """Compile a script and cache it; its SHA-1."""

    def exists(self, sha1: str) -> bool:
        """Whether a script is cached; lower case."""

    def flush(self) -> None:
        """Forget all scripts."""

    def kill(self, function: bool) -> None:
        """End the script, or the function, that is past its time."""

    def running(self) -> tuple[str, list[bytes], int] | None:
        """What is past its time: SHA-1 or name, the command that called it, milliseconds since."""

    def load_library(self, source: bytes, replace: bool) -> bytes:
        """Compile a library and put it in; its name."""

    def delete_library(self, name: bytes) -> bool:
        """Forget a library; whether it was there."""

    def libraries(self) -> list[tuple[bytes, bytes, list[tuple[bytes, bytes | None, list[str]]]]]:
        """Name, source and functions of each library; a function is its name, its description and its flags."""

HOT: Final[tuple[str, ...]]
"""Lower-case names of the commands that Rust implements."""

def glob_match(pattern: bytes, text: bytes, nocase: bool = False) -> bool:
    """Redis's glob: * ? [a-z] [^a] and backslash."""

def lz4_pack(data: bytes) -> bytes | None:
    """These bytes as LZ4: their length in four bytes, the lowest first, and a block; None where that is no shorter."""

def lz4_unpack(data: bytes) -> bytes:
    """The bytes that such a form stands for; ValueError where it is damaged."""

def decode_reply(reply: bytes) -> Any:
    """The value of a reply in RESP3, or its ReplyError raised."""

def parse_float(text: bytes, bounded: bool = True) -> float | None:
    """A number as C's strtod reads it, hexadecimal too, without blanks and not NaN; within a double if `bounded`."""

def crc64(data: bytes) -> int:
    """CRC-64 as in RDB files and DUMP payloads (Jones polynomial, reflected, initial value 0)."""

def xxh3_64(data: bytes) -> int:
    """XXH3, 64 bits, seed 0: the digest of IFDEQ and DIGEST."""

def rdb_string(data: bytes, at: int) -> tuple[bytes, int]:
    """The string that begins at `at` in an RDB file, and where it ends; ValueError if there is none."""

@final
class Disk:
    """Saving, journal and loading, during a command. What fails on the disk is an OSError with the system's words."""

    @property
    def dirty(self) -> int:
        """A number that every change increments."""

    @property
    def is_atomic(self) -> bool:
        """Whether a transaction or a script runs, in whose middle no save may begin."""

    def begin_save(self, path: Path | str, aux: Mapping[str, str]) -> None:
        """Begin to write what is stored now; OSError while another save is under way."""

    def finish_save(self) -> None:
        """Hold everything up until the running save is on the medium."""

    def abort_save(self) -> None:
        """Give the running save up."""

    def save_state(self) -> tuple[bool, int, int, str | None] | None:
        """Of the last save: whether its walk goes on, keys, bytes, and how it ended: "", or why it failed."""

    def open_journal(self, path: Path | str, policy: str) -> None:
        """Send every change from now on to that file; the policy is that of `appendfsync`."""

    def close_journal(self) -> None:
        """End the journal once everything is on the medium."""

    def rotate_journal(self, path: Path | str) -> None:
        """Send what changes from now on to another file."""

    def set_fsync(self, policy: str) -> None:
        """Change the policy of the open journal."""

    def journal_state(self) -> tuple[int, int, int, int, str | None] | None:
        """Bytes handed over, written and durable, the length of the file, and what is wrong with the disk."""

    def refuse_writes(self, text: str | None) -> None:
        """Answer commands that write with this error; None lets them run again."""

    def begin_loading(self, files: Sequence[tuple[Path | str, bool]]) -> None:
        """Load files, each with whether to keep what has expired; clients wait until `end_loading`."""

    def load_some(self, milliseconds: int) -> bool:
        """Load for so long; whether there is more."""

    def load_state(self) -> tuple[int, int, int, int, int, int, int, bool] | None:
        """Bytes read and in all, keys stored and dropped, commands run and failed, libraries; whether it is over."""

    def load_fault(self) -> tuple[Path, int, str, bool, int] | None:
        """File, offset, what is wrong, whether the file only ends too early, and up to where it is good."""

    def end_loading(self) -> None:
        """Serve clients again."""

    def open_tier(
        self,
        path: Path | str,
        limit: int,
        buffer: int,
        compression_threshold: int,
        syncs: bool,
        threads: int,
        revive: tuple[bytes, int] | None = None,
    ) -> tuple[int, int, int, int]:
        """Have values move to files in that directory; once, before anything is stored.

        With `revive` what an earlier run has left there comes back: the values at these places (of `take_heat`) are
        wanted in memory first (the newest, where none are named), up to so many bytes of them. Returns how many keys
        came back, how many had expired, and how many segments were made good, or given up.
        """

    def settle_tier(self, milliseconds: int) -> tuple[int, int]:
        """Write values that are in memory only, for so long at most; how many were written, and how many were not."""

    def find_heat(self, db: int, cursor: int, count: int, most: int) -> int:
        """Look for the hottest values that are in memory and on disk, among so many entries; the next cursor."""

    def take_heat(self, most: int) -> bytes:
        """Where the values lie that were found so, the hottest first: segment and place, four bytes each."""

    def warm_up_to(self, bytes: int) -> None:
        """Bring wanted values to memory until that takes so many bytes; 0 brings no more."""

    def set_tier_rule(self, name: str, value: bool | int | str) -> None:
        """Change a rule: strategy, large, least, least-ttl, window, churn."""

    def watch_memory(self, step: int) -> None:
        """Call `watch_memory(server)` of `persistence` whenever so many bytes have passed the sockets; 0 ends that."""

    @property
    def counted_memory(self) -> int:
        """The bytes that maxmemory is compared with, without those reserved."""

    def reserve_memory(self, bytes: int) -> None:
        """Keep so much of maxmemory from data."""

    def trim_memory(self) -> None:
        """Give back to the system what was freed."""

    def cool_all(self) -> None:
        """Move every value to the tier that it takes."""

    def compact_tier(self) -> bool:
        """Have segments of the tier written anew where a sixteenth is needed no more: `compact_tier_some` does it.

        False while values that are gone are still on their way out: ask again.
        """

    def compact_tier_some(self) -> bool:
        """Work on that for a moment; false when it is done."""

    def tier_state(self) -> dict[str, Any] | None:
        """The figures of the tier: bytes, hits, segments and so on, and the "error" of its disk, or None."""

    def raise_cas(self, cas: int) -> None:
        """Never give a compare-and-swap number up to this one again."""
