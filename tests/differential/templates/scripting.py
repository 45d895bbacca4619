"""Lua scripts and functions: what becomes of every type of Lua and of RESP, the libraries, and all errors."""

from __future__ import annotations

from hashlib import sha1

from hypothesis import strategies as st

TEMPLATES = """
EVAL {expr} 0|EVAL {expr} 0|EVAL {expr} 2 {k} {k} {v} {i}|EVAL_RO {expr} 1 {k} {v}|EVAL {expr} {n} {k} {k} {v}
EVAL {call} 2 {k} {k} {v} {i} {f}|EVAL {call} 2 {k} {k} {v} {i} {f}|EVAL {call} 2 {k} {k} {v} {i} {f}
EVAL_RO {call} 2 {k} {k} {v} {i} {f}|EVAL {several} 2 {k} {k} {v} {i} {f}|EVAL {several} 2 {k} {k} {i} {i} {f}
EVAL {json} 0|EVAL {json} 0|EVAL {pack} 0|EVAL {pack} 0|EVAL {unpack} 1 {k} {v}|EVAL {bits} 0|EVAL {text} 1 {k} {v} {i}
EVAL {program} 1 {k} {v} {i}|EVAL {flagged} 1 {k} {v}|EVAL_RO {flagged} 1 {k} {v}
SCRIPT LOAD {known}|SCRIPT LOAD {known}|SCRIPT EXISTS {sha} {sha}|SCRIPT EXISTS|SCRIPT FLUSH|SCRIPT FLUSH {mode}
EVALSHA {sha} 1 {k} {v}|EVALSHA {sha} 1 {k} {v}|EVALSHA_RO {sha} 1 {k} {v}|EVALSHA {sha} {n} {k}|SCRIPT KILL
FUNCTION LOAD {library}|FUNCTION LOAD {library}|FUNCTION LOAD REPLACE {library}|FUNCTION LOAD REPLACE {library}
FUNCTION LOAD NOPE {library}|FUNCTION DELETE {name}|FUNCTION FLUSH {mode}|FUNCTION LIST|FUNCTION LIST WITHCODE
FUNCTION LIST LIBRARYNAME {p}|FUNCTION LIST LIBRARYNAME {name} WITHCODE|FUNCTION LIST NOPE|FUNCTION STATS|FUNCTION KILL
FCALL {name} 1 {k} {v}|FCALL {name} 1 {k} {v}|FCALL_RO {name} 1 {k} {v}|FCALL {name} {n} {k}|FUNCTION DUMP
FUNCTION RESTORE {v}|FUNCTION RESTORE {v} {mode}|MULTI|EXEC|EXEC|SET {k} {v}|GET {k}|LPUSH {k} {v}|HSET {k} {v} {v}
"""

NUMBERS = (
    *(
        "0",
        "1",
        "-1",
        "7",
        "255",
        "256",
        "65535",
        "65536",
        "-128",
        "-129",
        "2147483647",
        "2147483648",
        "-2147483649",
    ),
    *(
        "4294967296",
        "9007199254740993",
        "1e15",
        "1e17",
        "0.5",
        "-0.1",
        "3.99",
        "1/3",
        "1e100",
        "-1e300",
        "1/0",
    ),
    *("-1/0", "0/0", "1e-5", "123456.789", "2^53", "-0"),
)
STRINGS = (
    "''",
    "'x'",
    "'text'",
    "'two words'",
    "'a\\r\\nb'",
    "'\\0\\1\\127'",
    "'q\"s\\\\b/'",
    "string.rep('ab', 40)",
    "string.rep('z', 300)",
    "'10'",
    "'-3.5'",
    "'caf\\195\\169'",
    "'\\255\\254'",
    "KEYS[1]",
    "ARGV[1]",
)
SCALARS = st.sampled_from((*NUMBERS, *STRINGS, "nil", "true", "false", "true", "cjson.null"))
NAMES = ("a", "b", "ok", "err", "double", "map", "set", "big_number", "x y")


def _table(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    rows = st.lists(inner, max_size=4).map(lambda items: "{" + ", ".join(items) + "}")
    named = st.tuples(st.sampled_from(NAMES), inner).map(lambda pair: "{{['{}'] = {}}}".format(*pair))
    mixed = st.tuples(inner, st.sampled_from(NAMES), inner).map(
        lambda parts: "{{{}, ['{}'] = {}}}".format(*parts)
    )
    sparse = st.tuples(st.sampled_from(("2", "3", "10", "1.5", "-1", "0")), inner).map(
        lambda pair: "{{[{}] = {}}}".format(*pair)
    )
    typed = st.tuples(st.sampled_from(RESP_TYPES), inner).map(lambda pair: pair[0].replace("@", pair[1]))
    return st.one_of(rows, rows, named, mixed, sparse, typed)


RESP_TYPES = (
    "{double = @}",
    "{double = 3.25}",
    "{map = {a = @}}",
    "{map = @}",
    "{set = {a = true}}",
    "{set = {[1] = @}}",
    "{big_number = '123456789012345678901234567890'}",
    "{big_number = @}",
    "{verbatim_string = {format = 'txt', string = 'some text'}}",
    "{verbatim_string = {format = 'markdown', string = @}}",
    "{ok = @}",
    "{err = @}",
    "{ok = 'fine'}",
    "{err = 'ERR some error'}",
    "{err = 'plain'}",
    "redis.status_reply('fine')",
    "redis.error_reply('My bad')",
    "redis.error_reply('bad')",
)
VALUES = st.recursive(SCALARS, _table, max_leaves=8)
RESP = st.sampled_from(("", "", "redis.setresp(3) ", "redis.setresp(2) "))

EXPRESSIONS = st.tuples(RESP, VALUES).map(lambda parts: "{}return {}".format(*parts))

CALLED = (
    "'SET', KEYS[1], ARGV[1]",
    "'SET', KEYS[1], ARGV[2], 'EX', 100000",
    "'SET', KEYS[1], 3.25",
    "'SET', KEYS[1], 1e20",
    "'GET', KEYS[1]",
    "'GET', KEYS[2]",
    "'GETDEL', KEYS[1]",
    "'INCR', KEYS[1]",
    "'INCRBY', KEYS[1], ARGV[2]",
    "'INCRBYFLOAT', KEYS[1], ARGV[3]",
    "'MGET', KEYS[1], KEYS[2], 'nothing'",
    "'MSET', KEYS[1], ARGV[1], KEYS[2], ARGV[2]",
    "'DEL', KEYS[1]",
    "'TYPE', KEYS[1]",
    "'EXISTS', KEYS[1], KEYS[2]",
    "'HSET', KEYS[1], 'field', ARGV[1]",
    "'HGETALL', KEYS[1]",
    "'HMGET', KEYS[1], 'field', 'other'",
    "'LPUSH', KEYS[1], ARGV[1], ARGV[2]",
    "'LRANGE', KEYS[1], 0, -1",
    "'LPOP', KEYS[1]",
    "'BLPOP', KEYS[1], 0",
    "'SADD', KEYS[1], ARGV[1]",
    "'SMEMBERS', KEYS[1]",
    "'SISMEMBER', KEYS[1], ARGV[1]",
    "'ZADD', KEYS[1], ARGV[3], ARGV[1]",
    "'ZADD', KEYS[1], 1.5, 'member'",
    "'ZSCORE', KEYS[1], 'member'",
    "'ZINCRBY', KEYS[1], 2.25, 'member'",
    "'ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'",
    "'GEOADD', KEYS[1], 13.5, 38.25, 'place'",
    "'BITFIELD', KEYS[1], 'SET', 'u8', 0, 5, 'OVERFLOW', 'FAIL', 'INCRBY', 'u8', 0, 300",
    "'XADD', KEYS[1], '1-1', 'f', ARGV[1]",
    "'XRANGE', KEYS[1], '-', '+'",
    "'DBSIZE'",
    "'PING'",
    "'ECHO', ARGV[1]",
    "'SELECT', 3",
    "'PUBLISH', 'channel', 'message'",
    "'EXPIRE', KEYS[1], 100000",
    "'PERSIST', KEYS[1]",
    "'NOSUCH', KEYS[1]",
    "'GET'",
    "'GET', {}",
    "'GET', nil",
    "'MULTI'",
    "'SUBSCRIBE', 'x'",
    "'EVAL', 'return 1', 0",
    "'SCRIPT', 'FLUSH'",
    "'CONFIG', 'GET', 'maxmemory'",
    "",
    "unpack(ARGV)",
)
COMMANDS = st.tuples(st.sampled_from(("call", "call", "pcall")), st.sampled_from(CALLED)).map(
    lambda parts: "redis.{}({})".format(*parts)
)
RESULTS = (
    "return %s",
    "return %s",
    "return {%s}",
    "return type(%s)",
    "return tostring(%s == false)",
    "local r = %s return type(r) == 'table' and {r.ok or r.err or r.double or #r, r[1]} or r",
    "local ok, e = pcall(function() return %s end) return {tostring(ok), e}",
    "local ok, e = pcall(function() return %s end) return {ok, type(e) == 'table' and (e.err or 't') or tostring(e)}",
    "return cjson.encode(%s)",
    "return cmsgpack.pack(%s)",
)
CALLS = st.tuples(RESP, st.sampled_from(RESULTS), COMMANDS).map(
    lambda parts: parts[0] + parts[1].replace("%s", parts[2])
)
SEVERAL = st.tuples(RESP, st.lists(COMMANDS, min_size=2, max_size=5)).map(
    lambda parts: (
        parts[0] + " ".join(f"local r{at} = {one}" for at, one in enumerate(parts[1])) + " return {r0, r1}"
    )
)

JSON_TEXTS = (
    '[1, 2.5, -3e2, "x"]',
    '{"a": {"b": [null, true, false]}}',
    "[]",
    "{}",
    '"\\\\u00e9\\\\ud83d\\\\ude00\\\\n\\\\/"',
    "[1,]",
    '{"a" 1}',
    "nul",
    "[1 2]",
    '"open',
    "",
    "  7  ",
    "1e999",
    "[[[[]]]]",
    "-",
    "0x10",
    "NaN",
    "[1]]",
    '"\\\\x"',
    '"\\\\ud800"',
    "12345678901234567890",
)
JSON = st.one_of(
    VALUES.map("return cjson.encode({})".format),
    VALUES.map("return cjson.encode(cjson.decode(cjson.encode({})))".format),
    st.sampled_from(JSON_TEXTS).map("return cjson.decode('{}')".format),
    st.sampled_from(JSON_TEXTS).map("return cjson.encode(cjson.decode('{}'))".format),
    st.sampled_from(JSON_TEXTS).map("return type(cjson.decode('{}'))".format),
)

FORMATS = st.lists(
    st.sampled_from(
        (
            "b",
            "B",
            "h",
            "H",
            "i",
            "I",
            "l",
            "L",
            "i3",
            "I8",
            "f",
            "d",
            "s",
            "c0",
            "c4",
            "x",
            ">",
            "<",
            "!4",
            "!",
            "=",
        )
    ),
    min_size=1,
    max_size=4,
).map("".join)
PACK = st.one_of(
    st.lists(VALUES, min_size=1, max_size=3).map(lambda items: f"return cmsgpack.pack({', '.join(items)})"),
    VALUES.map("return {{cmsgpack.unpack(cmsgpack.pack({}))}}".format),
    st.tuples(FORMATS, st.lists(SCALARS, max_size=4)).map(
        lambda parts: "return struct.pack('{}'{})".format(parts[0], "".join(f", {item}" for item in parts[1]))
    ),
    FORMATS.map("return {{struct.unpack('{}', string.rep('\\1\\2\\0\\255', 8))}}".format),
    FORMATS.map("return struct.size('{}')".format),
)
UNPACK = st.sampled_from(
    (
        "return {cmsgpack.unpack(ARGV[1])}",
        "return {cmsgpack.unpack_one(ARGV[1])}",
        "return {cmsgpack.unpack_limit(ARGV[1], 2)}",
        "return {cmsgpack.unpack_limit(ARGV[1], 1, 1)}",
        "return {struct.unpack('s', ARGV[1])}",
        "return {struct.unpack('>I2', ARGV[1], 2)}",
        "return cjson.decode(ARGV[1])",
        "return {redis.sha1hex(ARGV[1]), #ARGV[1], #KEYS}",
    )
)
BIT_FUNCTIONS = "tobit tohex bnot band bor bxor lshift rshift arshift rol ror bswap nope"
BITS = st.tuples(
    st.sampled_from(tuple(BIT_FUNCTIONS.split())),
    st.lists(st.sampled_from((*NUMBERS, "'7'", "'x'", "nil")), max_size=3),
).map(lambda parts: "return bit.{}({})".format(parts[0], ", ".join(parts[1])))
TEXT = st.sampled_from(
    (
        "return string.format('%d %5.2f %s %q %x', 42, 3.14159, ARGV[1], 'q', 255)",
        "return {tostring(1e15), tostring(1e14), tostring(0.1), tostring(-0), tostring(2^63)}",
        "return {tonumber(ARGV[1]) or 'no', tonumber(ARGV[2]) or 'no', tonumber(ARGV[2], 16) or 'no'}",
        "return {string.find(ARGV[1], '%d+')}",
        "return {string.gsub(ARGV[1], 'l', 'L')}",
        "return ARGV[1] .. ARGV[2] + 1",
        "return #ARGV[1] + ARGV[2]",
        "return string.sub(ARGV[1], 2, -2)",
        "return {string.byte(ARGV[1], 1, -1)}",
        "return ARGV[3]",
        "return {ARGV[1] < ARGV[2], ARGV[1] == ARGV[2]}",
        "return ARGV[1] < 1",
        "return table.concat(ARGV, KEYS[1])",
        "local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t",
        "return {unpack(ARGV)}",
        "return select('#', unpack(ARGV))",
        "return string.rep(ARGV[1], 3)",
        "return tostring(KEYS):sub(1, 6)",
    )
)
PROGRAMS = st.sampled_from(
    (
        "error(ARGV[1])",
        "error({err = ARGV[1]})",
        "error({err = 'MYERR ' .. KEYS[1]})",
        "error()",
        # Not error({}): redis-server 7.0.15 crashes on an error table without a text.
        "error(5)",
        "error(redis.error_reply('CODE text'))",
        "return redis.error_reply(ARGV[1])",
        "return redis.status_reply(ARGV[1])",
        "return nothing",
        "nothing = 1",
        "local x = nil return x.y",
        "return 1 +",
        "return redis.call",
        "return {redis.call('SET', KEYS[1], ARGV[1]), redis.call('GET', KEYS[1])}",
        "for i = 1, 5 do redis.call('RPUSH', KEYS[1], i) end return redis.call('LRANGE', KEYS[1], 0, -1)",
        "redis.call('SET', KEYS[1], ARGV[2]) return redis.call('INCR', KEYS[1]) + 1",
        "redis.call('SET', KEYS[1], 'before') redis.call('NOSUCH')",
        "redis.call('SET', KEYS[1], 'x') local r = redis.pcall('INCR', KEYS[1]) return r",
        "local r = redis.pcall('INCR', KEYS[1]) if type(r) == 'table' then return r.err end return r",
        "local f = loadstring('return ' .. #ARGV) return f()",
        "local t = setmetatable({}, {__index = function(t, k) return k end}) return {t.a, t.b}",
        "local t = setmetatable({}, {__tostring = function() return 'me' end}) return tostring(t)",
        "local co = coroutine.wrap(function() redis.call('SET', KEYS[1], 'co') coroutine.yield(1) end) return co()",
        "return redis.setresp(4)",
        "return redis.set_repl(redis.REPL_NONE)",
        "return redis.replicate_commands()",
        "return redis.acl_check_cmd('SET', KEYS[1], 'x')",
        "return redis.acl_check_cmd('NOSUCH')",
        "redis.log(redis.LOG_DEBUG, ARGV[1])",
        "string.format = nil",
        "KEYS[1] = 'changed' return KEYS",
        "KEYS = nil return type(KEYS)",
        "local t = {} t.t = t return t",
    )
)
FLAGGED = st.tuples(
    st.sampled_from(
        (
            "#!lua",
            "#!lua flags=no-writes",
            "#!lua flags=allow-oom,no-writes",
            "#!lua flags=nope",
            "#!lua name=x",
            "#!lua flags=",
            "#!js",
            "#!",
        )
    ),
    st.sampled_from(
        ("return redis.call('GET', KEYS[1])", "return redis.call('SET', KEYS[1], ARGV[1])", "return 1 / 2")
    ),
).map("\n".join)

KNOWN = (
    "return redis.call('GET', KEYS[1])",
    "return redis.call('SET', KEYS[1], ARGV[1])",
    "return {KEYS[1], ARGV[1], 3.5}",
    "return redis.pcall('LPUSH', KEYS[1], ARGV[1])",
    "return +",
)
SHAS = tuple(sha1(script.encode()).hexdigest() for script in KNOWN)
FUNCTIONS = (
    "redis.register_function('{0}', function(keys, args) return {{keys, args}} end)",
    "redis.register_function('{0}', function(keys, args) return redis.call('SET', keys[1], args[1]) end)",
    "redis.register_function{{function_name='{0}', flags={{'no-writes'}}, description='reads',"
    " callback=function(keys) return redis.call('GET', keys[1]) end}}",
    "redis.register_function{{function_name='{0}', flags={{'nope'}}, callback=function() end}}",
    "redis.register_function{{function_name='{0}', callback=1}}",
    "redis.register_function('{0}', 'text')",
    "redis.register_function('{0}')",
    "local shared = 0 redis.register_function('{0}', function() shared = shared + 1 return shared end)",
    "redis.register_function('{0}', function() return undefined end)",
    "redis.register_function('{0}', function() return KEYS end)",
    "redis.register_function('{0}', function(k, a) redis.setresp(3) return redis.call('HGETALL', k[1]) end)",
    "redis.register_function('{0}', function() end) redis.register_function('{0}', function() end)",
    "redis.register_function('{0}', function() end) redis.register_function('other', function() end)",
    "redis.call('PING')",
    "local x = {0}",
    "return {0} +",
    "function {0}() end",
)
FUNCTION_NAMES = st.sampled_from(("one", "two", "Two", "x", "a-b"))
LIBRARIES = st.tuples(
    st.sampled_from(
        ("#!lua name=one", "#!lua name=one", "#!lua name=two", "#!lua name=a!", "#!lua", "#!js name=x", "--")
    ),
    st.sampled_from(FUNCTIONS),
    FUNCTION_NAMES,
).map(lambda parts: f"{parts[0]}\n{parts[1].format(parts[2])}")

HOLES = {
    "expr": EXPRESSIONS,
    "call": CALLS,
    "several": SEVERAL,
    "json": JSON,
    "pack": PACK,
    "unpack": UNPACK,
    "bits": BITS,
    "text": TEXT,
    "program": PROGRAMS,
    "flagged": FLAGGED,
    "known": st.sampled_from(KNOWN),
    "sha": st.sampled_from((*SHAS, SHAS[0].upper(), "0" * 40, "short")),
    "library": LIBRARIES,
    "name": FUNCTION_NAMES,
    "n": st.sampled_from(("0", "1", "2", "9", "-1", "x", "")),
    "mode": st.sampled_from(("SYNC", "ASYNC", "FLUSH", "APPEND", "nope")),
}
