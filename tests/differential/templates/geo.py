"""The geo family: places that lie in one another's cells, at the poles and at the date line."""

from hypothesis import strategies as st

HOLES = {
    "m": st.sampled_from(("Palermo", "Catania", "x", "y", "z", "w")),
    "q": st.sampled_from(
        ("13.361389", "15.087269", "2.35", "-122.4", "179.99", "-179.99", "0", "181", "abc")
    ),
    "l": st.sampled_from(("38.115556", "37.502669", "48.85", "-17.5", "85", "-85", "0", "86", "nan")),
    "r": st.sampled_from(("0", "1", "50", "200", "1000", "5000", "20000", "-1", "x")),
    "u": st.sampled_from(("m", "km", "KM", "ft", "mi", "yd")),
    "c": st.sampled_from(("1", "2", "10", "0", "x")),
}

TEMPLATES = """
GEOADD {k} {q} {l} {m}|GEOADD {k} {q} {l} {m}|GEOADD {k} {q} {l} {m} {q} {l} {m}|GEOADD {k} NX {q} {l} {m}
GEOADD {k} XX CH {q} {l} {m}|GEOADD {k} NX XX {q} {l} {m}|GEOADD {k} {q} {l}|GEOADD {k} CH {q} {l} {m} x
GEODIST {k} {m} {m}|GEODIST {k} {m} {m} {u}|GEODIST {k} {m} {m} m x|GEOHASH {k} {m} {m}|GEOPOS {k} {m} {m}|GEOPOS {k}
GEORADIUS {k} {q} {l} {r} km ASC|GEORADIUS {k} {q} {l} {r} {u} WITHDIST WITHCOORD WITHHASH DESC
GEORADIUS {k} {q} {l} {r} km COUNT {c}|GEORADIUS {k} {q} {l} {r} km COUNT {c} ANY ASC|GEORADIUS {k} {q} {l} {r} km ANY
GEORADIUS {k} {q} {l} {r} km STORE {k}|GEORADIUS {k} {q} {l} {r} km STOREDIST {k}
GEORADIUS {k} {q} {l} {r} km WITHDIST STORE {k}
GEORADIUS_RO {k} {q} {l} {r} km ASC|GEORADIUS_RO {k} {q} {l} {r} km STORE {k}|GEORADIUSBYMEMBER {k} {m} {r} km ASC
GEORADIUSBYMEMBER {k} {m} {r} {u} ASC WITHDIST|GEORADIUSBYMEMBER {k} {m} {r} km STORE {k}
GEORADIUSBYMEMBER_RO {k} {m} {r} km DESC|GEORADIUSBYMEMBER_RO {k} {m} {r} km NOPE
GEOSEARCH {k} FROMLONLAT {q} {l} BYRADIUS {r} km ASC|GEOSEARCH {k} FROMMEMBER {m} BYBOX {r} {r} km ASC WITHDIST
GEOSEARCH {k} FROMLONLAT {q} {l} BYBOX {r} {r} {u} DESC WITHCOORD COUNT {c}|GEOSEARCH {k} FROMMEMBER {m} ASC WITHDIST x
GEOSEARCH {k} FROMMEMBER {m} FROMLONLAT {q} {l} BYRADIUS 1 km|GEOSEARCH {k} BYRADIUS 1 km ASC WITHDIST
GEOSEARCH {k} FROMMEMBER {m} ASC WITHDIST WITHCOORD|GEOSEARCH {k} FROMMEMBER {m} BYBOX 1 1 km BYRADIUS 1 km
GEOSEARCHSTORE {k} {k} FROMLONLAT {q} {l} BYRADIUS {r} km
GEOSEARCHSTORE {k} {k} FROMMEMBER {m} BYBOX {r} {r} km STOREDIST
GEOSEARCHSTORE {k} {k} FROMMEMBER {m} BYRADIUS {r} km ASC COUNT {c}
GEOSEARCHSTORE {k} {k} FROMMEMBER {m} BYRADIUS 1 km WITHDIST
SET {k} {v}|DEL {k}|EXPIRE {k} 100000|TYPE {k}|ZCARD {k}|COMMAND GETKEYS GEORADIUS a 1 2 3 km STORE b
"""
