"""Streams: few keys, groups, consumers and ids, so that they meet. Ids are explicit, as clocks differ."""

from hypothesis import strategies as st

TEMPLATES = """
XADD {s} {x} f {v}|XADD {s} {x} f {v}|XADD {s} {x} f {v} g 1|XADD {s} {x} g 2|XADD {s} 9-* f {o}
XADD {s} {n} f {o}|XADD {s} {n} f {o}|XADD {s} {n} f {o} g {v}|XADD {s} {n} f {o}|XADD {s} NOMKSTREAM {x} f v
XADD {s} MAXLEN {c} {n} f v|XADD {s} MAXLEN = {c} {n} f v|XADD {s} MAXLEN ~ {c} {n} f v
XADD {s} MINID {x} {n} f v|XADD {s} MINID ~ {x} LIMIT {c} {n} f v|XADD {s} MAXLEN {c} LIMIT 5 {n} f v
XADD {s} MAXLEN 5 MINID 5 7-* f v|XADD {s} LIMIT 5 {n} f v|XADD {s} {x} f|XADD {s} {x}|XADD {s} MAXLEN
XADD {s} bad f v|XADD {s} MAXLEN 1 MAXLEN 2 {x} f v|XADD {s} MAXLEN -1 {x} f v
XADD {s} MAXLEN ~ 1 LIMIT -1 {x} f v|XADD {s} BOGUS {x} f v|XLEN {s}|XLEN {s} x|XRANGE {s} {e} {e}
XRANGE {s} - +|XRANGE {s} {e} {e} COUNT {c}|XREVRANGE {s} + -|XRANGE {s} - + BOGUS|XREVRANGE {s} {e} {e}
XREVRANGE {s} {e} {e} COUNT {c}|XRANGE {s} - + COUNT|XRANGE {s} -|XDEL {s} {x}|XDEL {s} {x} {x} {x}|XDEL {s} bad
XTRIM {s} MAXLEN {c}|XTRIM {s} MAXLEN ~ {c}|XTRIM {s} MINID {x}|XTRIM {s} MINID ~ {x} LIMIT {c}
XTRIM {s} MAXLEN ~ {c} LIMIT {c}|XTRIM {s} MAXLEN|XTRIM {s} BOGUS 1|XTRIM {s} LIMIT 1 MAXLEN 1
XTRIM {s} MINID bad|XTRIM {s} MAXLEN x|XTRIM {s} MAXLEN = {c}|XTRIM {s} LIMIT 0|XREAD STREAMS {s} {x}
XREAD COUNT {c} STREAMS {s} {x}|XREAD COUNT 2 STREAMS {s} {s} 0 0|XREAD STREAMS {s} $|XREAD STREAMS {s} >
XREAD STREAMS {s} {s} 0|XREAD COUNT x STREAMS {s} 0|XREAD BOGUS STREAMS {s} 0|XREAD BLOCK x STREAMS {s} 0
XREAD STREAMS {s} bad|XREAD BLOCK -1 STREAMS {s} 0|XREAD GROUP g1 c STREAMS {s} 0|XREAD NOACK STREAMS {s} 0
XREAD COUNT 1 STREAMS|XREAD COUNT 1 BLOCK|XGROUP CREATE {s} {g} {x}|XGROUP CREATE {s} {g} 0 MKSTREAM
XGROUP CREATE {s} {g} $ MKSTREAM|XGROUP CREATE {s} {g} $|XGROUP CREATE {s} {g} 0 ENTRIESREAD {i}
XGROUP CREATE {s} {g} bad|XGROUP CREATE {s} {g} 0 BOGUS|XGROUP SETID {s} {g} {x}
XGROUP CREATE {s} {g} 0 MKSTREAM|XGROUP CREATE {s} {g} 0 MKSTREAM|XGROUP SETID {s} {g} $
XGROUP SETID {s} {g} {x} ENTRIESREAD {c}|XGROUP SETID {s} {g} 0 MKSTREAM|XGROUP DESTROY {s} {g}
XGROUP CREATECONSUMER {s} {g} {w}|XGROUP DELCONSUMER {s} {g} {w}|XGROUP NOPE {s}|XGROUP CREATE {s} {g}
XINFO NOPE {s}|XREADGROUP GROUP {g} {w} STREAMS {s} >|XREADGROUP GROUP {g} {w} STREAMS {s} >
XREADGROUP GROUP {g} {w} COUNT {c} STREAMS {s} >|XREADGROUP GROUP {g} {w} COUNT 1 STREAMS {s} >
XREADGROUP GROUP {g} {w} NOACK COUNT 2 STREAMS {s} >|XREADGROUP GROUP {g} {w} STREAMS {s} {x}
XREADGROUP GROUP {g} {w} COUNT {c} STREAMS {s} 0|XREADGROUP GROUP {g} {w} STREAMS {s} $
XREADGROUP GROUP {g} {w} STREAMS {s} {s} > 0|XREADGROUP GROUP {g} {w} STREAMS {s} {s} 0
XREADGROUP COUNT 1 STREAMS {s} 0 >|XREADGROUP COUNT 1 COUNT 2 STREAMS {s} 0
XREADGROUP GROUP {g} {w} COUNT 1 BOGUS STREAMS {s} 0|XACK {s} {g} {x}|XACK {s} {g} {x} {x} {x}|XACK {s} {g} bad
XACK {s} {g}|XPENDING {s} {g}|XPENDING {s} {g}|XPENDING {s} {g} - + {c}|XPENDING {s} {g} {e} {e} {c}
XPENDING {s} {g} - + 10 {w}|XPENDING {s} {g} IDLE 0 - + 10|XPENDING {s} {g} IDLE 0 - + 10 {w}
XPENDING {s} {g} IDLE 9999999 - + 10|XPENDING {s} {g} -|XPENDING {s} {g} IDLE 0 - +|XPENDING {s} {g} - + x
XPENDING {s} {g} - + 10 {w} {w}|XPENDING {s} {g} IDLE x - + 10|XCLAIM {s} {g} {w} 0 {x}
XCLAIM {s} {g} {w} 0 {x} {x} {x}|XCLAIM {s} {g} {w} 9999999 {x}|XCLAIM {s} {g} {w} 0 {x} JUSTID
XCLAIM {s} {g} {w} 0 {x} FORCE|XCLAIM {s} {g} {w} 0 {x} FORCE JUSTID|XCLAIM {s} {g} {w} 0 {x} RETRYCOUNT {c}
XCLAIM {s} {g} {w} 0 {x} LASTID {x}|XCLAIM {s} {g} {w} 0 {x} IDLE 5 TIME 7 FORCE|XCLAIM {s} {g} {w} 0 {x} BOGUS
XCLAIM {s} {g} {w} x {x}|XCLAIM {s} {g} {w} 0 {x} IDLE x|XCLAIM {s} {g} {w} 0 bad
XCLAIM {s} {g} {w} 0 {x} LASTID bad|XAUTOCLAIM {s} {g} {w} 0 {e}|XAUTOCLAIM {s} {g} {w} 0 - COUNT {c}
XAUTOCLAIM {s} {g} {w} 0 0 COUNT 1|XAUTOCLAIM {s} {g} {w} 0 0 COUNT 2|XAUTOCLAIM {s} {g} {w} 0 0 JUSTID
XAUTOCLAIM {s} {g} {w} 9999999 0|XAUTOCLAIM {s} {g} {w} x 0|XAUTOCLAIM {s} {g} {w} 0 bad
XAUTOCLAIM {s} {g} {w} 0 0 BOGUS|XAUTOCLAIM {s} {g} {w} 0 0 COUNT 0|XINFO STREAM {s}|XINFO STREAM {s} FULL
XINFO STREAM {s} FULL COUNT {c}|XINFO STREAM {s} BOGUS|XINFO GROUPS {s}|XINFO GROUPS {s}|XINFO CONSUMERS {s} {g}
XINFO GROUPS|XSETID {s} {x}|XSETID {s} {x} ENTRIESADDED {c}|XSETID {s} {x} MAXDELETEDID {x}|XSETID {s} {x} BOGUS
XSETID {s} 9-99 ENTRIESADDED 50 MAXDELETEDID 3-0|DEL {s}|SET {s} x|TYPE {s}|OBJECT ENCODING {s}|EXPIRE {s} {t}
XGROUP CREATE {s} {g} {x} MKSTREAM ENTRIESREAD {c}|XGROUP CREATE {s} {g} $ ENTRIESREAD {i}
XGROUP CREATE {s} {g} {x} ENTRIESREAD {c} MKSTREAM|XGROUP CREATE {s} {g} 0 ENTRIESREAD
XGROUP SETID {s} {g} {x} ENTRIESREAD {i}|XGROUP SETID {s} {g} $ ENTRIESREAD {c}|XGROUP CREATE {s} {g} - MKSTREAM
XGROUP SETID {s} {g} +|XGROUP DESTROY {s}|XGROUP CREATECONSUMER {s} {g}|XGROUP CREATECONSUMER {s} {g} {w} x
XGROUP DELCONSUMER {s} {g} nobody|XGROUP|XREADGROUP GROUP {g} {w} COUNT {c} BLOCK 5 NOACK STREAMS {s} >
XREADGROUP GROUP {g} {w} BLOCK 5 STREAMS {s} {s} > >|XREADGROUP GROUP {g} {w} BLOCK 5 STREAMS {s} 0
XREADGROUP NOACK GROUP {g} {w} STREAMS {s} 0|XREADGROUP GROUP {g} {w} STREAMS {s} +
XREADGROUP GROUP {g} {w} BLOCK -1 STREAMS {s} >|XREADGROUP GROUP {g} {w} BLOCK x COUNT x STREAMS {s} >
XREADGROUP GROUP {g}|XREAD BLOCK 5 STREAMS {s} {s} $ {x}|XREAD COUNT {c} BLOCK 5 STREAMS {s} {x}
XREAD BLOCK 5 COUNT 1 STREAMS {s} $|XREAD BLOCK 1e3 STREAMS {s} 0|XREAD COUNT {c} COUNT {c} STREAMS {s} {x}
XREAD STREAMS|XREAD STREAMS {s}|XREAD COUNT {i} STREAMS {s} 0
XCLAIM {s} {g} {w} 0 {x} {x} IDLE {c} RETRYCOUNT {c} FORCE JUSTID LASTID {x}
XCLAIM {s} {g} {w} {c} {x} TIME {m} FORCE|XCLAIM {s} {g} {w} 0 {x} RETRYCOUNT {i} FORCE
XCLAIM {s} {g} {w} 0 {x} IDLE -5 FORCE|XCLAIM {s} {g} {w} -1 {x}|XCLAIM {s} {g} {w} 0 {x} TIME
XCLAIM {s} {g} {w} 0 {x} RETRYCOUNT|XCLAIM {s} {g} {w} 0 FORCE|XCLAIM {s} {g} {w} 0 {x} LASTID
XCLAIM {s} {g} {w} 0 JUSTID {x}|XCLAIM {s} {g} {w} 0 {x} TIME 33177117420000 FORCE
XCLAIM {s} {g} {w} 0 {x} lastid {x} justid|XCLAIM {s} {g} {w} 0 {x} {x} TIME x
XAUTOCLAIM {s} {g} {w} 0 {e} COUNT {c} JUSTID|XAUTOCLAIM {s} {g} {w} {i} {x}
XAUTOCLAIM {s} {g} {w} 0 {x} JUSTID COUNT {c}|XAUTOCLAIM {s} {g} {w} 0 0 COUNT
XAUTOCLAIM {s} {g} {w} 0 0 COUNT {i}|XAUTOCLAIM {s} {g} {w} 0 + COUNT 1|XAUTOCLAIM {s} {g} {w} 0 (1-1
XPENDING {s} {g} IDLE {i} - + {c} {w}|XPENDING {s} {g} IDLE|XPENDING {s} {g} {e} {e} {i}
XPENDING {s} {g} - + 10 nobody|XPENDING {s} {g} - + 5 {w} x|XPENDING {s}|XPENDING {s} {g} IDLE 0 - + 10 {w} x
XPENDING {s} {g} (1-1 (3-0 10|XSETID {s} {x} ENTRIESADDED {c} MAXDELETEDID {x}
XSETID {s} {x} MAXDELETEDID {x} ENTRIESADDED {i}|XSETID {s} {x} ENTRIESADDED|XSETID {s} 9-99 MAXDELETEDID 9-99
XSETID {s}|XINFO STREAM {s} FULL COUNT {i}|XINFO STREAM {s} FULL COUNT|XINFO STREAM|XINFO CONSUMERS {s}
XINFO GROUPS {s} x|XINFO STREAM {s} FULL x|XADD {s} NOMKSTREAM MAXLEN ~ {c} LIMIT {c} {n} f v
XADD {s} MINID = {x} {n} f v|XADD {s} MAXLEN {i} {n} f v|XADD {s} MAXLEN ~ {c} LIMIT {i} {n} f v
XADD {s} *-1 f v|XADD {s} {n} f v g|XADD {s} 18446744073709551615-* f v|XADD {s} 5 f v|XADD {s} -1 f v
XADD {s} 1-* f v|XADD {s} NOMKSTREAM 9-* f|XADD {s} {x} f {v} g {v} h {v}|XADD {s} MAXLEN 0 {n} f v
XADD {s} MINID ~ {x} 8-* f {v}|XTRIM {s} MINID {x} LIMIT 1|XTRIM {s} MAXLEN ~ {c} LIMIT {i}
XTRIM {s} MINID = {x}|XTRIM {s} MAXLEN {i}|XTRIM {s} MAXLEN 1 MINID 1|XTRIM {s} MAXLEN = 1 LIMIT 5
XRANGE {s} {x} {x}|XRANGE {s} {e} {x} COUNT {i}|XREVRANGE {s} {x} {x} COUNT {c}|XRANGE {s} - + COUNT 1 COUNT 2
XDEL {s}|XDEL {s} {x} bad|XACK {s} {g} {x} bad|XACK {s}|XLEN|SET {s} x|LPUSH {s} x|EXPIRE {s} -1|DEL {s} {s}
DEBUG DIGEST-VALUE {s}|MOVE {s} 1|RENAME {s} {s}|COPY {s} {s}|COPY {s} {s} REPLACE
"""

HOLES = {
    "s": st.sampled_from(("s", "s", "s", "s", "t")),
    "x": st.builds("{}-{}".format, st.integers(0, 4), st.integers(0, 3))
    | st.sampled_from(("0", "3", "4", "9-9", "007-1", "18446744073709551615-18446744073709551615", "1-x")),
    "n": st.sampled_from(("1-*", "2-*", "3-*", "4-*", "5-*", "6-*", "7-*")),
    "e": st.sampled_from(("-", "+", "(1-1", "(2", "2", "1-0", "4-3", "(0-0", "(bad", "(-", "0", "5")),
    "c": st.sampled_from(("0", "1", "2", "3", "5", "10", "-1")),
    "g": st.sampled_from(("g1", "g1", "g1", "g2")),
    "w": st.sampled_from(("alice", "alice", "bob", "carol")),
}
