"""The tree of settings: every setting of dozo with its type, unit, bounds, default and one sentence.

Owns what can be set. Refuses to read files or flags (sources.py) and to change a running server (live.py).

A setting has one name everywhere: the key in the TOML file, in CONFIG GET and SET, as a flag (`--maxmemory`) and, in
capitals with underscores, in the environment (`DOZO_MAXMEMORY`). It is Redis's name where Redis has the setting.
A field here is that name with underscores; `start` marks what only a new start can change, `live` what
CONFIG SET changes at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

_INT32 = 2**31 - 1
_UINT32 = 2**32 - 1
_INT64 = 2**63 - 1

Policy = Literal[
    "noeviction",
    "allkeys-lru",
    "volatile-lru",
    "allkeys-lfu",
    "volatile-lfu",
    "allkeys-random",
    "volatile-random",
    "volatile-ttl",
    "fifo",
    "s3fifo",
    "tinylfu",
    "hybrid",
]
LogLevel = Literal["debug", "verbose", "notice", "warning", "nothing"]
LogFormat = Literal["console", "json"]
Keeping = Literal["none", "snapshot", "journal", "both"]
Fsync = Literal["always", "everysec", "no"]
TierStrategy = Literal["always", "never", "size_based", "ttl_based", "adaptive"]
TierBounds = Literal["process", "data"]
TierFsync = Literal["everysec", "no"]
Preset = Literal["none", "memory", "tiered", "production"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a field is besides its type; `ge` and `le` bound it, `live` says whether CONFIG SET may change it."""

    summary: str
    unit: str
    live: bool
    ge: int | None
    le: int | None


def start(summary: str, unit: str = "", ge: int | None = None, le: int | None = None) -> Meaning:
    """Describe a setting that is fixed once the server runs."""
    return Meaning(summary, unit, False, ge, le)


def live(summary: str, unit: str = "", ge: int | None = None, le: int | None = None) -> Meaning:
    """Describe a setting that CONFIG SET may change while the server runs."""
    return Meaning(summary, unit, True, ge, le)


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """How much unsent output a client may pile up; 0 is no limit."""

    hard: int = 0
    soft: int = 0
    soft_seconds: int = 0


@dataclass(frozen=True, slots=True)
class OutputLimits:
    """One output limit for each class of client."""

    normal: OutputLimit = OutputLimit(1 << 30)
    replica: OutputLimit = OutputLimit(256 << 20, 64 << 20, 60)
    pubsub: OutputLimit = OutputLimit(32 << 20, 8 << 20, 60)


@dataclass(slots=True)
class Network:
    """Where dozo listens and how it treats sockets."""

    bind: Annotated[
        tuple[str, ...],
        start(
            "Addresses to listen on; one that starts with - may be missing on this machine, * is every address."
        ),
    ] = ("127.0.0.1", "-::1")
    port: Annotated[int, start("TCP port for Redis clients; 0 turns it off.", ge=0, le=65535)] = 6379
    memcached_port: Annotated[
        int, start("TCP port for memcached clients; 0 turns it off.", ge=0, le=65535)
    ] = 11211
    unixsocket: Annotated[str, start("Path of a unix socket for Redis clients; empty turns it off.")] = ""
    unixsocketperm: Annotated[
        int, start("Permissions of the unix socket; 0 keeps the umask's.", "octal", ge=0, le=0o777)
    ] = 0
    protected_mode: Annotated[
        bool, live("Refuse to serve other machines as long as there is no password.")
    ] = True
    tcp_backlog: Annotated[
        int, start("Connections the kernel holds until they are accepted.", ge=1, le=_INT32)
    ] = 511
    tcp_keepalive: Annotated[
        int, live("Time between TCP keep-alive probes; 0 sends none.", "seconds", ge=0, le=_INT32)
    ] = 300
    timeout: Annotated[
        int, live("Close a client that was idle this long; 0 never does.", "seconds", ge=0, le=_INT32)
    ] = 0
    io_threads: Annotated[
        int, start("Threads that read and write sockets; 0 leaves it to the executor.", ge=0, le=128)
    ] = 0


@dataclass(slots=True)
class Http:
    """The HTTP door."""

    http_port: Annotated[
        int, start("TCP port for HTTP clients, on the addresses of bind; 0 turns it off.", ge=0, le=65535)
    ] = 0
    http_max_clients: Annotated[
        int, start("HTTP connections at the same time; one more is answered 503.", ge=1, le=_INT32)
    ] = 1000
    http_connections: Annotated[
        int,
        start("Connections to the upstream, each of which serves one request at a time.", ge=1, le=_INT32),
    ] = 64
    http_max_streams: Annotated[int, start("Event streams at the same time.", ge=1, le=_INT32)] = 256
    http_max_body: Annotated[
        int,
        start("Longest body with commands; values of /kv have no limit here.", "bytes", ge=1024, le=1 << 30),
    ] = 16 << 20
    http_max_reply: Annotated[
        int,
        start(
            "Longest replies to one request for commands; values of /kv have no limit here.",
            "bytes",
            ge=2 << 20,
            le=1 << 30,
        ),
    ] = 64 << 20
    http_cors_origins: Annotated[
        tuple[str, ...],
        start("Origins whose pages may use the HTTP door from a browser; * is every origin, none is safest."),
    ] = ()


@dataclass(slots=True)
class Security:
    """Who may use the server."""

    requirepass: Annotated[str, live("Password that clients must give first; empty asks for none.")] = ""
    memcached_shutdown: Annotated[bool, start("Obey the shutdown command of memcached clients.")] = False


@dataclass(slots=True)
class Memory:
    """How much is stored and what leaves when it is full."""

    databases: Annotated[int, start("Number of databases that SELECT chooses from.", ge=1, le=65535)] = 16
    maxmemory: Annotated[
        int,
        live(
            "Memory after which keys are evicted or writes refused; 0 is no limit.", "bytes", ge=0, le=_INT64
        ),
    ] = 0
    maxmemory_policy: Annotated[Policy, live("Which keys leave when maxmemory is reached.")] = "noeviction"
    maxmemory_samples: Annotated[
        int, live("Keys that a sampling policy compares for each eviction.", ge=1, le=64)
    ] = 5
    lfu_log_factor: Annotated[
        int, live("How slowly the frequency counter grows: more hits for each step.", ge=0, le=_INT32)
    ] = 10
    lfu_decay_time: Annotated[
        int, live("Time after which the frequency counter loses one step.", "minutes", ge=0, le=_INT32)
    ] = 1
    max_keys: Annotated[
        int,
        live(
            "Keys after which some are evicted or writes refused, as for maxmemory; 0 is no limit.",
            ge=0,
            le=_INT64,
        ),
    ] = 0
    default_ttl: Annotated[
        int,
        live("Expiry of a key that is written and has none; 0 gives it none.", "seconds", ge=0, le=_INT32),
    ] = 0
    max_ttl: Annotated[
        int,
        live(
            "Longest expiry of a key that is written; a longer one is cut, and one without gets it. 0 is no limit.",
            "seconds",
            ge=0,
            le=_INT32,
        ),
    ] = 0
    expire_interval: Annotated[
        int,
        live(
            "Time between two searches for expired keys; 0 is each time (hz). No expired key is ever served.",
            "seconds",
            ge=0,
            le=_INT32,
        ),
    ] = 0
    hll_sparse_max_bytes: Annotated[
        int, live("Longest sparse HyperLogLog; a longer one becomes dense.", "bytes", ge=0, le=_INT64)
    ] = 3000
    hz: Annotated[int, live("How often expired keys are looked for.", "times a second", ge=1, le=500)] = 10


@dataclass(slots=True)
class Persistence:
    """What is kept on disk."""

    persistence: Annotated[
        Keeping, start("What is kept on disk: nothing, snapshots, a journal of every change, or both.")
    ] = "both"
    data_dir: Annotated[str, start("Directory of the files; empty is ./dozo-data.")] = ""
    dbfilename: Annotated[str, start("Name of the snapshot in the directory.")] = "dump.rdb"
    appenddirname: Annotated[str, start("Name of the journal's own directory in it.")] = "appendonlydir"
    appendfilename: Annotated[str, start("What the names of the journal's files begin with.")] = (
        "appendonly.aof"
    )
    save: Annotated[str, live("When a snapshot is due: seconds and changes, in pairs; empty is never.")] = (
        "3600 1 300 100 60 10000"
    )
    appendfsync: Annotated[
        Fsync,
        live("When changes are forced to the medium: before each is acknowledged, once a second, or never."),
    ] = "everysec"
    auto_aof_rewrite_percentage: Annotated[
        int, live("Growth of the journal at which it is rewritten; 0 is never.", "percent", ge=0, le=_INT32)
    ] = 100
    auto_aof_rewrite_min_size: Annotated[
        int, live("Size below which the journal is not rewritten.", "bytes", ge=0, le=_INT64)
    ] = 64 << 20
    aof_load_truncated: Annotated[
        bool, live("Start with a journal that ends within a command, cut back to the last whole one.")
    ] = True
    stop_writes_on_bgsave_error: Annotated[
        bool, live("Refuse writes after a snapshot that failed, until one succeeds.")
    ] = True
    stop_writes_on_journal_error: Annotated[
        bool, live("Refuse writes while the journal can't be written.")
    ] = True


@dataclass(slots=True)
class DiskTier:
    """Values on disk, when memory is too small for them."""

    disk_tier: Annotated[
        str, start("Directory to which values move when memory is short; empty keeps all of them in memory.")
    ] = ""
    disk_tier_size: Annotated[
        int, start("Bytes that the files there take at most.", "bytes", ge=1 << 20, le=_INT64)
    ] = 8 << 30
    disk_tier_strategy: Annotated[
        TierStrategy,
        live(
            "Which values go to the disk: each as it is written (always); large ones at once and others when memory is "
            "short (size_based), but none that soon expires (ttl_based), or rather dropped than waited for "
            "(adaptive); or none (never)."
        ),
    ] = "size_based"
    large_value_threshold: Annotated[
        int, live("Values of this length go to the disk at once.", "bytes", ge=256, le=_INT64)
    ] = 10 << 10
    disk_tier_min_value: Annotated[
        int, live("Shorter values stay in memory or leave.", "bytes", ge=0, le=_INT64)
    ] = 64
    disk_tier_min_ttl: Annotated[
        int,
        live(
            "Values that expire sooner don't go there (ttl_based, adaptive).", "milliseconds", ge=0, le=_INT64
        ),
    ] = 5000
    disk_tier_window: Annotated[
        int, live("A value read twice within this time comes back to memory.", "seconds", ge=0, le=_INT32)
    ] = 60
    disk_tier_bounds: Annotated[
        TierBounds,
        live(
            "What maxmemory bounds with a tier: the memory of the whole server process, or data only, as without one "
            "and in a program's own process."
        ),
    ] = "process"
    disk_tier_write_buffer: Annotated[
        int, start("Memory for what is still to be written there.", "bytes", ge=1 << 20, le=1 << 30)
    ] = 8 << 20
    disk_tier_threads: Annotated[
        int, start("Threads that read values there; 0 leaves it to the executor.", ge=0, le=64)
    ] = 4
    disk_tier_fsync: Annotated[
        TierFsync, start("When what is written there is forced to the medium: once a second, or never.")
    ] = "everysec"
    disk_tier_clear: Annotated[
        bool, start("Begin with an empty tier, where what an earlier run has left there would be taken over.")
    ] = False
    disk_tier_warmup: Annotated[
        bool, live("Bring the values that were hot to memory after a start, before anybody asks for them.")
    ] = True
    compression_threshold: Annotated[
        int,
        start(
            "Length from which on values are compressed there, if that pays; 0 compresses none.",
            "bytes",
            ge=0,
            le=_INT64,
        ),
    ] = 1024


@dataclass(slots=True)
class Limits:
    """What a client may ask for."""

    maxclients: Annotated[int, live("Clients connected at the same time.", ge=1, le=_UINT32)] = 10000
    client_query_buffer_limit: Annotated[
        int, live("Unparsed input a client may pile up.", "bytes", ge=1 << 20, le=_INT64)
    ] = 1 << 30
    client_output_buffer_limit: Annotated[
        OutputLimits,
        live(
            "Unsent output a client may pile up: class (normal, replica, pubsub), hard limit, soft limit, seconds "
            "over the soft limit; a client beyond it is closed, 0 is no limit.",
        ),
    ] = OutputLimits()
    proto_max_bulk_len: Annotated[
        int,
        live(
            "Longest single argument of a command, so also the longest value.",
            "bytes",
            ge=1 << 20,
            le=1 << 32,
        ),
    ] = 512 << 20
    memcached_max_item_size: Annotated[
        int, live("Longest value a memcached client may store.", "bytes", ge=1024, le=1 << 30)
    ] = 1 << 20
    memcached_max_stream_size: Annotated[
        int,
        live(
            "Longest value a memcached client may store in chunks (set_begin).", "bytes", ge=1024, le=1 << 31
        ),
    ] = 512 << 20
    memcached_stream_timeout: Annotated[
        int,
        live(
            "Give up a stream of chunks that has not moved this long; 0 never does.",
            "seconds",
            ge=0,
            le=_INT32,
        ),
    ] = 60


@dataclass(slots=True)
class Collections:
    """Up to where lists, sets, sorted sets and hashes keep their compact form."""

    hash_max_listpack_entries: Annotated[
        int, live("Fields up to which a hash is one compact allocation.", ge=0, le=_INT32)
    ] = 128
    hash_max_listpack_value: Annotated[
        int, live("Longest field or value in a compact hash.", "bytes", ge=0, le=_INT32)
    ] = 64
    set_max_intset_entries: Annotated[
        int, live("Members up to which a set of integers is one sorted allocation.", ge=0, le=_INT32)
    ] = 512
    set_max_listpack_entries: Annotated[
        int, live("Members up to which a set is one compact allocation.", ge=0, le=_INT32)
    ] = 128
    set_max_listpack_value: Annotated[
        int, live("Longest member of a compact set.", "bytes", ge=0, le=_INT32)
    ] = 64
    zset_max_listpack_entries: Annotated[
        int, live("Members up to which a sorted set is one compact allocation.", ge=0, le=_INT32)
    ] = 128
    zset_max_listpack_value: Annotated[
        int, live("Longest member of a compact sorted set.", "bytes", ge=0, le=_INT32)
    ] = 64
    list_max_listpack_size: Annotated[
        int,
        live("Elements of a block of a list; -1 to -5 mean 4, 8, 16, 32 or 64 KB.", ge=-_INT32, le=_INT32),
    ] = -2
    list_compress_depth: Annotated[
        int, live("Accepted for Redis's configuration files: lists are not compressed.", ge=0, le=_INT32)
    ] = 0
    stream_node_max_bytes: Annotated[
        int, live("Size of a block of a stream; 0 is no limit.", "bytes", ge=0, le=_INT32)
    ] = 4096
    stream_node_max_entries: Annotated[
        int, live("Entries in a block of a stream; 0 is no limit.", ge=0, le=_INT32)
    ] = 100


@dataclass(slots=True)
class Scripting:
    """What Lua scripts may take."""

    busy_reply_threshold: Annotated[
        int,
        live(
            "Time after which a running script makes others hear BUSY; 0 is never.",
            "milliseconds",
            ge=0,
            le=_INT32,
        ),
    ] = 5000
    lua_memory_limit: Annotated[
        int, start("Memory that all scripts together may take.", "bytes", ge=1 << 22, le=_INT64)
    ] = 256 << 20
    script_cache_max_memory: Annotated[
        int,
        live(
            "Sources of scripts that are kept; beyond it EVAL compiles each time.", "bytes", ge=0, le=_INT64
        ),
    ] = 64 << 20


@dataclass(slots=True)
class Observe:
    """What the server remembers about its own work."""

    slowlog_log_slower_than: Annotated[
        int,
        live("Commands that take longer enter the slow log; -1 logs none.", "microseconds", ge=-1, le=_INT64),
    ] = 10000
    slowlog_max_len: Annotated[int, live("Entries that the slow log keeps.", ge=0, le=_INT64)] = 128
    latency_monitor_threshold: Annotated[
        int,
        live("Events that take longer enter LATENCY's history; 0 is none.", "milliseconds", ge=0, le=_INT64),
    ] = 0
    notify_keyspace_events: Annotated[
        str,
        live(
            "Events of keys that are published: K and E choose the channels, then a letter a class, A for most; "
            "empty publishes none.",
            "events",
        ),
    ] = ""
    tracking_table_max_keys: Annotated[
        int,
        live(
            "Keys that are remembered for client-side caching; one too many leaves, and its clients are told. 0 is "
            "no limit.",
            ge=0,
            le=_INT64,
        ),
    ] = 1_000_000
    latency_tracking: Annotated[bool, live("Keep a histogram of each command's time.")] = True


@dataclass(slots=True)
class Grpc:
    """The gRPC door."""

    grpc_port: Annotated[int, start("TCP port for gRPC clients; 0 turns it off.", ge=0, le=65535)] = 0
    grpc_max_clients: Annotated[
        int, start("gRPC connections at the same time; one more is closed.", ge=1, le=_INT32)
    ] = 1000
    grpc_connections: Annotated[
        int, start("Connections to the upstream, each of which serves one call at a time.", ge=1, le=_INT32)
    ] = 64
    grpc_max_message_size: Annotated[
        int,
        start(
            "Longest request of a gRPC client, and longest reply it is sent.",
            "bytes",
            ge=64 << 10,
            le=1 << 30,
        ),
    ] = 16 << 20
    grpc_max_calls: Annotated[
        int, start("Calls that gRPC clients may have open at the same time.", ge=1, le=_INT32)
    ] = 1000
    grpc_max_streams: Annotated[
        int,
        start("Watches and subscriptions among them; each holds a connection to the data.", ge=0, le=_INT32),
    ] = 256


@dataclass(slots=True)
class Log:
    """What the server writes about itself."""

    loglevel: Annotated[LogLevel, live("Least important message that is written.")] = "notice"
    log_format: Annotated[LogFormat, start("Lines for people, or one JSON object a line.")] = "console"
    log_timestamp: Annotated[bool, start("Begin lines for people with the time.")] = True
    log_colors: Annotated[bool, start("Colour the level in lines for people.")] = False


@dataclass(slots=True)
class Ids:
    """Unique IDs; a worker ID or a place to lease one from turns the service on."""

    worker_id: Annotated[
        int, start("Worker ID of every ID that is issued; -1 is none of its own.", ge=-1, le=1023)
    ] = -1
    id_lease: Annotated[
        str,
        start(
            "Where a worker ID is leased: redis://HOST:PORT/DB (rediss, unix; Redis, Valkey or dozo) or "
            "etcd://HOST:PORT; empty leases none."
        ),
    ] = ""
    id_port: Annotated[
        int, start("TCP port for katsubushi's memcached clients; 0 turns it off.", ge=0, le=65535)
    ] = 11212
    id_unixsocket: Annotated[str, start("Path of a unix socket for them; empty turns it off.")] = ""
    id_idle_timeout: Annotated[
        int, live("Close one that has sent no command this long; 0 never does.", "seconds", ge=0, le=_INT32)
    ] = 600
    id_state_dir: Annotated[
        str, start("Directory that keeps how far a worker ID has come; empty is ids in the data-dir.")
    ] = ""
    min_worker_id: Annotated[int, start("Least worker ID that is leased.", ge=0, le=1023)] = 1
    max_worker_id: Annotated[int, start("Greatest worker ID that is leased.", ge=0, le=1023)] = 1023
    id_lease_namespace: Annotated[str, start("What the names of the lease's keys begin with.")] = "raus"
    id_lease_ttl: Annotated[
        int, start("How long a lease lasts unless it is renewed.", "milliseconds", ge=300, le=86_400_000)
    ] = 600_000
    id_lease_heartbeat: Annotated[
        int, start("How often it is renewed.", "milliseconds", ge=50, le=3_600_000)
    ] = 1000

    @property
    def is_on(self) -> bool:
        """Whether this server issues IDs."""
        return self.worker_id >= 0 or bool(self.id_lease)


@dataclass(slots=True)
class Process:
    """How the process starts and ends."""

    preset: Annotated[
        Preset,
        start(
            "Several settings at once: a cache in memory (memory), with a disk tier behind it (tiered), or a store "
            "that keeps everything (production)."
        ),
    ] = "none"
    load: Annotated[tuple[str, ...], start("Python files that register commands of your own.")] = ()
    shutdown_timeout: Annotated[
        int, live("Longest wait for commands in flight when the server stops.", "seconds", ge=0, le=_INT32)
    ] = 10


@dataclass(slots=True)
class Tree:
    """All settings, by section."""

    network: Network = field(default_factory=Network)
    http: Http = field(default_factory=Http)
    security: Security = field(default_factory=Security)
    memory: Memory = field(default_factory=Memory)
    persistence: Persistence = field(default_factory=Persistence)
    tier: DiskTier = field(default_factory=DiskTier)
    limits: Limits = field(default_factory=Limits)
    collections: Collections = field(default_factory=Collections)
    scripting: Scripting = field(default_factory=Scripting)
    observe: Observe = field(default_factory=Observe)
    grpc: Grpc = field(default_factory=Grpc)
    log: Log = field(default_factory=Log)
    id: Ids = field(default_factory=Ids)
    process: Process = field(default_factory=Process)


SECTIONS: tuple[str, ...] = tuple(Tree.__dataclass_fields__)
