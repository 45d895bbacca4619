"""The geo family: sorted sets whose scores are places on the earth.

Owns every command of the group "geo". A score interleaves the bits of longitude and latitude; that arithmetic and the
search over cells are the store's (crates/store/src/geo.rs). GEOADD is a ZADD with other words, as in Redis, and its
effect is that ZADD. Options are parsed in Redis's order, which decides the error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import length_hint
from typing import Any, Final

from dozo.commands.api import DENYOOM, NULL_ARRAY, READONLY, WRITE, Client, Database, Key, Reply, command
from dozo.commands.arguments import Arg, KeySpec, block, oneof, token
from dozo.commands.numbers import floating, integer
from dozo.errors import ReplyError, SyntaxError_

_GROUP: Final = "geo"
_METERS: Final = {b"M": 1.0, b"KM": 1000.0, b"FT": 0.3048, b"MI": 1609.34}
_UPPERCASE_UNITS: Final = (("7.0.0", "Units may be in capitals."),)
_ANY: Final = (("6.2.0", "COUNT takes ANY."),)

_Place = tuple[float, float]


def _coordinate(degrees: float, client: Client) -> Reply:
    """A number in RESP3, its 17 decimals without the last zeros in RESP2."""
    return degrees if client.resp == 3 else f"{degrees:.17f}".rstrip("0").rstrip(".")


def _place(db: Database, longitude: bytes, latitude: bytes) -> _Place:
    place = floating(longitude), floating(latitude)
    if not db.geo.is_valid(place):
        raise ReplyError("ERR invalid longitude,latitude pair {:f},{:f}".format(*place))
    return place


def _meters(unit: bytes) -> float:
    """How many meters a unit has."""
    meters = _METERS.get(unit.upper())
    if meters is None:
        raise ReplyError("ERR unsupported unit provided. please use M, KM, FT, MI")
    return meters


_UNIT: Final = oneof("unit", token("M"), token("KM"), token("FT"), token("MI"))
_KEY: Final = Arg("key", "key", key_spec=0)
_COORDINATES: Final = (Arg("longitude", "double"), Arg("latitude", "double"))
_WITH: Final = tuple(token(word, optional=True) for word in ("WITHCOORD", "WITHDIST", "WITHHASH"))
_COUNT: Final = block(
    "count", Arg("count", "integer", token="COUNT"), token("ANY", optional=True), optional=True
)
_ORDER: Final = oneof("order", token("ASC"), token("DESC"), optional=True)
_STORE: Final = (
    Arg("store", "key", token="STORE", optional=True, key_spec=1),
    Arg("storedist", "key", token="STOREDIST", optional=True, key_spec=2),
)
_FROM: Final = oneof(
    "from",
    Arg("member", token="FROMMEMBER"),
    Arg("fromlonlat", "block", token="FROMLONLAT", children=_COORDINATES),
)
_BY: Final = oneof(
    "by",
    block("circle", Arg("radius", "double", token="BYRADIUS"), _UNIT),
    block("box", Arg("width", "double", token="BYBOX"), Arg("height", "double"), _UNIT),
)


@command(
    "GEOADD",
    arity=-5,
    key_flags="RW update",
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="3.2.0",
    complexity="O(log N) for each place, N the size of the sorted set",
    args=(
        _KEY,
        oneof("condition", token("NX"), token("XX"), optional=True),
        token("CH", optional=True),
        block("place", *_COORDINATES, Arg("member"), multiple=True),
    ),
    history=(("6.2.0", "The CH, NX and XX options exist."),),
)
def geoadd(db: Database, key: Key, *words: bytes) -> Reply:
    """Adds places to a sorted set; returns how many are new, or with CH how many changed."""
    options = next(
        (i for i, word in enumerate(words) if word.upper() not in (b"NX", b"XX", b"CH")), len(words)
    )
    given = {word.upper() for word in words[:options]}
    places = words[options:]
    if len(places) % 3 or not places or given >= {b"NX", b"XX"}:
        raise SyntaxError_
    pairs: list[bytes | int] = []
    for at in range(0, len(places), 3):
        pairs += (db.geo.score(_place(db, places[at], places[at + 1])), places[at + 2])
    return db.call("ZADD", key, *words[:options], *pairs)


@command(
    "GEODIST",
    arity=-4,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="3.2.0",
    complexity="O(1)",
    args=(_KEY, Arg("member1"), Arg("member2"), oneof("unit", *_UNIT.children, optional=True)),
)
def geodist(db: Database, key: Key, first: bytes, second: bytes, *unit: bytes) -> str | None:
    """Returns the distance of two members, in meters or another unit; null where one is missing."""
    if len(unit) > 1:
        raise SyntaxError_
    meters = _meters(unit[0]) if unit else 1.0
    a, b = db.geo.places(key, [first, second])
    return None if a is None or b is None else f"{db.geo.distance(a, b) / meters:.4f}"


@command(
    "GEOHASH",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="3.2.0",
    complexity="O(1) for each member",
    arity=-2,
    args=(_KEY, Arg("member", multiple=True)),
)
def geohash(db: Database, key: Key, *members: bytes) -> list[str | None]:
    """Returns the standard geohashes of members, 11 letters each; null for missing ones."""
    return db.geo.hashes(key, list(members))


@command(
    "GEOPOS",
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="3.2.0",
    complexity="O(1) for each member",
    arity=-2,
    args=(_KEY, Arg("member", multiple=True)),
)
def geopos(db: Database, client: Client, key: Key, *members: bytes) -> list[Reply]:
    """Returns the longitudes and latitudes of members; null for missing ones."""
    places = db.geo.places(key, list(members))
    return [
        NULL_ARRAY if place is None else [_coordinate(degrees, client) for degrees in place]
        for place in places
    ]


@dataclass(slots=True)
class _Search:
    """What a search command asks for."""

    name: str
    exists: bool
    """Whether the sorted set is there; without it the center's member is not looked for."""
    center: _Place | None = None
    width: float | None = None
    height: float | None = None
    unit: float = 1.0
    count: int = 0
    any: bool = False
    ascending: bool | None = None
    coordinates: bool = False
    distances: bool = False
    scores: bool = False
    target: bytes | None = None
    store_distances: bool = False

    @property
    def area(self) -> tuple[float, float, float, float | None]:
        """As the kernel takes it, in meters."""
        longitude, latitude = self.center or (0.0, 0.0)
        height = None if self.height is None else self.height * self.unit
        return longitude, latitude, (self.width or 0.0) * self.unit, height

    @property
    def choice(self) -> tuple[int, bool, bool | None]:
        """As the kernel takes it; COUNT alone means the nearest."""
        nearest = bool(self.count) and not self.any and self.ascending is None
        return self.count, self.any, True if nearest else self.ascending

    def radius(self, radius: bytes, unit: bytes) -> None:
        """A circle."""
        self.width = floating(radius, "ERR need numeric radius")
        if self.width < 0:
            raise ReplyError("ERR radius cannot be negative")
        self.unit = _meters(unit)

    def box(self, width: bytes, height: bytes, unit: bytes) -> None:
        """A rectangle."""
        self.width = floating(width, "ERR need numeric width")
        self.height = floating(height, "ERR need numeric height")
        if self.width < 0 or self.height < 0:
            raise ReplyError("ERR height or width cannot be negative")
        self.unit = _meters(unit)

    def member(self, db: Database, key: bytes, member: bytes) -> None:
        """The center is a member's place."""
        self.center = (0.0, 0.0)
        if self.exists:
            (place,) = db.geo.places(key, [member])
            if place is None:
                raise ReplyError("ERR could not decode requested zset member")
            self.center = place

    def common(self, word: bytes, rest: Iterator[bytes], left: int) -> bool:
        """An option that every search has; whether it was one."""
        match word:
            case b"WITHDIST":
                self.distances = True
            case b"WITHHASH":
                self.scores = True
            case b"WITHCOORD":
                self.coordinates = True
            case b"ANY":
                self.any = True
            case b"ASC" | b"DESC":
                self.ascending = word == b"ASC"
            case b"COUNT" if left:
                self.count = integer(next(rest))
                if self.count <= 0:
                    raise ReplyError("ERR COUNT must be > 0")
            case _:
                return False
        return True

    def check(self) -> None:
        """What excludes what."""
        if self.target is not None and (self.distances or self.scores or self.coordinates):
            what = self.name if self.name == "GEOSEARCHSTORE" else "STORE option in GEORADIUS"
            raise ReplyError(f"ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
        for given, options in (
            (self.center, "FROMMEMBER or FROMLONLAT can be"),
            (self.width, "BYRADIUS and BYBOX can be"),
        ):
            if given is None:
                raise ReplyError(f"ERR exactly one of {options} specified for {self.name}")
        if self.any and not self.count:
            raise ReplyError("ERR the ANY argument requires COUNT argument")


def _run(db: Database, client: Client, key: bytes, search: _Search) -> Reply:
    """Search, and reply or store."""
    search.check()
    if search.target is not None:
        return _store(db, key, search, search.target)
    if not search.exists:
        return []
    found = db.geo.search(key, search.area, search.choice)
    if not (search.distances or search.scores or search.coordinates):
        return [row[0] for row in found]
    columns: list[Callable[[tuple[bytes, float, int, float, float]], Any]] = [lambda row: row[0]]
    if search.distances:
        columns.append(lambda row: f"{row[1] / search.unit:.4f}")
    if search.scores:
        columns.append(lambda row: row[2])
    if search.coordinates:
        columns.append(lambda row: [_coordinate(row[3], client), _coordinate(row[4], client)])
    return [[column(row) for column in columns] for row in found]


def _store(db: Database, key: bytes, search: _Search, target: bytes) -> int:
    unit = search.unit if search.store_distances else None
    stored = db.geo.search_store(target, key, search.area, search.choice, unit) if search.exists else 0
    if stored:
        event = "geosearchstore" if search.name.startswith("GEOSEARCH") else "georadiusstore"
        db.notify("z", event, target)
    elif db.delete(target):
        db.notify("g", "del", target)
    return stored


def _radius_options(search: _Search, words: Sequence[bytes], *, may_store: bool) -> None:
    rest = iter(words)
    for word in rest:
        left = length_hint(rest)
        name = word.upper()
        if name in (b"STORE", b"STOREDIST") and left and may_store:
            search.target, search.store_distances = next(rest), name == b"STOREDIST"
        elif not search.common(name, rest, left):
            raise SyntaxError_


def _search_options(db: Database, key: bytes, search: _Search, words: Sequence[bytes]) -> None:
    rest = iter(words)
    origin = shape = b""
    for word in rest:
        left = length_hint(rest)
        name = word.upper()
        if search.common(name, rest, left):
            continue
        if name == b"STOREDIST" and search.target is not None:
            search.store_distances = True
        elif name == b"FROMMEMBER" and left and origin != b"FROMLONLAT":
            search.member(db, key, next(rest))
            origin = name
        elif name == b"FROMLONLAT" and left > 1 and origin != b"FROMMEMBER":
            search.center = _place(db, next(rest), next(rest))
            origin = name
        elif name == b"BYRADIUS" and left > 1 and shape != b"BYBOX":
            search.radius(next(rest), next(rest))
            shape = name
        elif name == b"BYBOX" and left > 2 and shape != b"BYRADIUS":
            search.box(next(rest), next(rest), next(rest))
            shape = name
        else:
            raise SyntaxError_


def _around_place(db: Database, client: Client, name: str, key: bytes, words: Sequence[bytes]) -> Reply:
    search = _Search(name, db.geo.exists(key))
    search.center = _place(db, words[0], words[1])
    search.radius(words[2], words[3])
    _radius_options(search, words[4:], may_store=not name.endswith("_RO"))
    return _run(db, client, key, search)


def _around_member(db: Database, client: Client, name: str, key: bytes, words: Sequence[bytes]) -> Reply:
    search = _Search(name, db.geo.exists(key))
    search.member(db, key, words[0])
    if search.exists:
        search.radius(words[1], words[2])
    else:
        search.width = 0.0
    _radius_options(search, words[3:], may_store=not name.endswith("_RO"))
    return _run(db, client, key, search)


def _stored_keys(first: int) -> Callable[[Sequence[bytes]], list[int]]:
    """The key, and the one behind the last STORE or STOREDIST from a position on."""

    def find(args: Sequence[bytes]) -> list[int]:
        stores = [
            at + 1 for at in range(first, len(args) - 1) if args[at].upper() in (b"STORE", b"STOREDIST")
        ]
        return [1, *stores[-1:]]

    return find


def _radius_specs(first: int) -> tuple[KeySpec, ...]:
    stores = (KeySpec("OW update", first, keyword=word) for word in ("STORE", "STOREDIST"))
    return (KeySpec("RO access"), *stores)


_RADIUS: Final = (Arg("radius", "double"), _UNIT, *_WITH, _COUNT, _ORDER)
_SEARCH_COMPLEXITY: Final = "O(N+log M), N the members in the cells around the area, M all of them"


@command(
    "GEORADIUS",
    keys=_stored_keys(5),
    arity=-6,
    key_specs=_radius_specs(6),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="3.2.0",
    complexity=_SEARCH_COMPLEXITY,
    args=(_KEY, *_COORDINATES, *_RADIUS, *_STORE),
    history=(*_ANY, *_UPPERCASE_UNITS),
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="GEOSEARCH and GEOSEARCHSTORE with BYRADIUS",
)
def georadius(db: Database, client: Client, key: Key, *words: bytes) -> Reply:
    """Returns or stores the members within a distance of a place."""
    return _around_place(db, client, "GEORADIUS", key, words)


@command(
    "GEORADIUS_RO",
    arity=-6,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="3.2.10",
    complexity=_SEARCH_COMPLEXITY,
    args=(_KEY, *_COORDINATES, *_RADIUS),
    history=_ANY,
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="GEOSEARCH with BYRADIUS",
)
def georadius_ro(db: Database, client: Client, key: Key, *words: bytes) -> Reply:
    """Returns the members within a distance of a place."""
    return _around_place(db, client, "GEORADIUS_RO", key, words)


@command(
    "GEORADIUSBYMEMBER",
    keys=_stored_keys(4),
    arity=-5,
    key_specs=_radius_specs(5),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="3.2.0",
    complexity=_SEARCH_COMPLEXITY,
    args=(_KEY, Arg("member"), *_RADIUS, *_STORE),
    history=_UPPERCASE_UNITS,
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="GEOSEARCH and GEOSEARCHSTORE with BYRADIUS and FROMMEMBER",
)
def georadiusbymember(db: Database, client: Client, key: Key, *words: bytes) -> Reply:
    """Returns or stores the members within a distance of a member."""
    return _around_member(db, client, "GEORADIUSBYMEMBER", key, words)


@command(
    "GEORADIUSBYMEMBER_RO",
    arity=-5,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="3.2.10",
    complexity=_SEARCH_COMPLEXITY,
    args=(_KEY, Arg("member"), *_RADIUS),
    doc_flags=("deprecated",),
    deprecated_since="6.2.0",
    replaced_by="GEOSEARCH with BYRADIUS and FROMMEMBER",
)
def georadiusbymember_ro(db: Database, client: Client, key: Key, *words: bytes) -> Reply:
    """Returns the members within a distance of a member."""
    return _around_member(db, client, "GEORADIUSBYMEMBER_RO", key, words)


@command(
    "GEOSEARCH",
    arity=-7,
    key_flags="RO access",
    flags=READONLY,
    group=_GROUP,
    since="6.2.0",
    complexity=_SEARCH_COMPLEXITY,
    args=(_KEY, _FROM, _BY, _ORDER, _COUNT, *_WITH),
    history=_UPPERCASE_UNITS,
)
def geosearch(db: Database, client: Client, key: Key, *words: bytes) -> Reply:
    """Returns the members within a circle or a box around a place or a member."""
    search = _Search("GEOSEARCH", db.geo.exists(key))
    _search_options(db, key, search, words)
    return _run(db, client, key, search)


@command(
    "GEOSEARCHSTORE",
    arity=-8,
    key_specs=(KeySpec("OW update"), KeySpec("RO access", first=2)),
    flags=WRITE | DENYOOM,
    group=_GROUP,
    since="6.2.0",
    complexity=_SEARCH_COMPLEXITY,
    args=(
        Arg("destination", "key", key_spec=0),
        Arg("source", "key", key_spec=1),
        *(_FROM, _BY, _ORDER, _COUNT),
        token("STOREDIST", optional=True),
    ),
    history=_UPPERCASE_UNITS,
)
def geosearchstore(db: Database, client: Client, target: Key, key: Key, *words: bytes) -> Reply:
    """Stores the members within a circle or a box around a place or a member; returns how many they are."""
    search = _Search("GEOSEARCHSTORE", db.geo.exists(key), target=target)
    _search_options(db, key, search, words)
    return _run(db, client, key, search)
