"""Scripts whose replies must be the same from dozo and from redis-server; each is run with the keys and arguments."""

from __future__ import annotations

from typing import Final

KEYS: Final = ("key1", "key2")
ARGS: Final = ("arg1", "3", "")

SCRIPTS: Final = r"""
return 1
return -1
return 3.99
return -3.99
return 1e20
return 'text'
return ''
return true
return false
return nil
return
return {}
return {1, 2, 3}
return {1, 'two', 3.5, {4, {5}}}
return {1, nil, 3}
return {1, false, true}
return {ok='fine'}
return {ok='two\r\nlines'}
return {err='bad thing'}
return {err='bad'}
return {err='-ERR bad'}
error('one\0two')
return redis.call('PUBLISH', 'channel', 'message')
return redis.call('SPUBLISH', 'channel', 'message')
return redis.call('PFCOUNT', 'missing')
return struct.pack('b', 1e100)
return redis.error_reply('h\r\n\0x')
return {err='ERR two\r\nlines\n\n'}
return {ok='two\r\nlines\r\n'}
return {double = 0/0}
return {double = -(0/0)}
return {struct.unpack('fc0', string.rep('\1\2\0\255', 8))}
return {struct.unpack('bc0', '\255abc')}
return {struct.unpack('bc0', '\2abc')}
return {struct.unpack('sc0', '2\0abc')}
return {struct.unpack('dc0', struct.pack('d', -0.5) .. 'abc')}
return {struct.unpack('dc0', struct.pack('d', 0/0) .. 'abc')}
return {struct.unpack('c0', 'abc')}
return {struct.unpack('sc0', 'x\0abc')}
return struct.pack('<i8', -1e100)
return struct.pack('<I8', 1e19)
return struct.pack('<I8', 1e20)
return struct.pack('<i8', 0/0)
error({err='one\0two'})
return {double=3.25}
return {map={a=1}}
return {set={a=true}}
return {big_number='123456789012345678901234567890'}
return {big_number='1\r2\n3\255\128'}
return {verbatim_string={format='txt', string='some text'}}
return {a=1, b=2}
return KEYS
return ARGV
return {KEYS[1], ARGV[2], #KEYS, #ARGV}
return KEYS[3]
return function() end
return redis.call('SET', KEYS[1], ARGV[1])
redis.call('SET', KEYS[1], 'x') return redis.call('GET', KEYS[1])
return redis.call('GET', 'missing')
return redis.call('GET', 'missing') == false
redis.call('SET', 'n', 10) return redis.call('INCRBY', 'n', 5)
redis.call('SET', 'n', 10) return type(redis.call('INCR', 'n'))
redis.call('MSET', 'a', 1, 'b', 2) return redis.call('MGET', 'a', 'b', 'c')
return redis.call('SET', 'f', 3.5)['ok']
redis.call('SET', 'f', 3.5) return redis.call('GET', 'f')
redis.call('SET', 'f', 0.1) return redis.call('GET', 'f')
redis.call('SET', 'f', 1e100) return redis.call('GET', 'f')
redis.call('SET', 'f', 12345678901234567890) return redis.call('GET', 'f')
return redis.call('NOSUCH')
return redis.call('GET')
return redis.call('GET', 'a', 'b')
return redis.call()
return redis.pcall()
return redis.call({})
return redis.call('GET', {})
return redis.call('GET', nil)
return redis.call('GET', true)
return redis.pcall('NOSUCH')
return redis.pcall('GET')
redis.call('SET', 's', 'x') return redis.call('INCR', 's')
redis.call('SET', 's', 'x') return redis.pcall('INCR', 's')
redis.call('SET', 's', 'x') return redis.pcall('INCR', 's')['err']
redis.call('SET', 's', 'x') local ok, e = pcall(redis.call, 'INCR', 's') return {tostring(ok), e['err']}
redis.call('SET', 's', 'x') return {pcall(function() return redis.call('INCR', 's') end)}
return redis.call('SUBSCRIBE', 'a')
return redis.call('EVAL', 'return 1', 0)
return redis.call('MULTI')
return redis.call('SELECT', 1)
redis.call('SELECT', 3) redis.call('SET', 'elsewhere', 1) return redis.call('DBSIZE')
return redis.call('DBSIZE')
return redis.error_reply('abc')
return redis.error_reply('My Error')
return redis.error_reply('-My Error')
return redis.error_reply()
return redis.error_reply(1)
return redis.status_reply('fine')
return redis.status_reply()
return redis.sha1hex('')
return redis.sha1hex('abc')
return redis.sha1hex(12)
return redis.sha1hex()
return redis.sha1hex('a', 'b')
return redis.log(redis.LOG_DEBUG, 'text')
return redis.log(1)
return redis.log('x', 'y')
return redis.log(17, 'y')
return {redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING}
return {redis.REPL_NONE, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_ALL}
return {redis.REDIS_VERSION, redis.REDIS_VERSION_NUM}
return redis.set_repl(redis.REPL_ALL)
return redis.set_repl()
return redis.set_repl(12)
return redis.replicate_commands()
return redis.breakpoint()
return redis.debug('x')
return redis.setresp(2)
return redis.setresp(3)
return redis.setresp(4)
return redis.setresp()
return redis.acl_check_cmd('GET', 'x')
return redis.acl_check_cmd()
redis.setresp(3) return redis.call('GET', 'missing') == nil
redis.setresp(3) return true
redis.setresp(3) return false
redis.setresp(3) return {true, false}
redis.setresp(3) redis.call('HSET', 'h', 'f', 'v') return redis.call('HGETALL', 'h')
redis.setresp(3) redis.call('HSET', 'h', 'f', 'v') return redis.call('HGETALL', 'h')['map']['f']
redis.setresp(3) redis.call('SADD', 's1', 'm') return redis.call('SMEMBERS', 's1')
redis.setresp(3) redis.call('ZADD', 'z', 1.5, 'm') return redis.call('ZSCORE', 'z', 'm')
redis.setresp(3) redis.call('ZADD', 'z', 1.5, 'm') return redis.call('ZSCORE', 'z', 'm')['double'] * 2
redis.call('HSET', 'h', 'f', 'v') return redis.call('HGETALL', 'h')
redis.call('RPUSH', 'l', 'a', 'b', 'c') return redis.call('LRANGE', 'l', 0, -1)
redis.call('DEL', 'l') return redis.call('BLPOP', 'l', 0)
redis.call('ZADD', 'z', 1.5, 'm') return redis.call('ZSCORE', 'z', 'm')
error('abc')
error('abc', 0)
error()
error({err='My abc'})
error({err='abc'})
error(12)
local x = nil; return x.y
local x = nil; return x()
return 1 + {}
return 'a' + 1
return #nil
return undefined
undefined = 1
function f() end
_G.x = 1
string.x = 1
redis.x = 1
redis.call = nil
rawset(_G, 'x', 1)
setmetatable(_G, {})
return getmetatable(_G)
return type(redis)
return rawget(_G, 'nothing')
return print
return require
return io
return dofile
return getfenv
return setfenv
return newproxy
return debug
return module
return package
return loadstring('return 5')()
return {loadstring('return +')}
return load(function() return nil end)
return tostring(nil)
return tonumber('0x10')
return tonumber('10', 2)
return {tonumber('zz', 36), tostring(12), tostring(1.5)}
return select('#', 1, 2, 3)
return {unpack({1, 2, 3}, 2)}
return string.format('%5.2f %d %s %q', 3.14159, 42, 'x', 'y')
return ('x'):rep(5)
return string.gsub('hello world', 'o', '0')
return {string.find('hello', 'l+')}
return string.byte('A')
return {string.match('k=v', '(%w+)=(%w+)')}
return #string.rep('x', 1000)
return string.upper('abc') .. string.reverse('abc')
local t = {3, 1, 2} table.sort(t) return t
local t = {1, 2} table.insert(t, 3) return table.concat(t, ',')
local t = {} for w in string.gmatch('one two', '%a+') do t[#t + 1] = w end return t
return {math.random(100), math.random(100), math.random(10, 20)}
math.randomseed(42) return {math.random(1000), math.random(1000)}
return tostring(math.random())
return {math.floor(3.7), math.max(1, 5), math.huge}
return math.random(0)
return {pcall(error, 'x')}
return {xpcall(function() error('x') end, function(e) return 'handled' end)}
local co = coroutine.wrap(function() coroutine.yield(1) return 2 end) return {co(), co()}
local co = coroutine.wrap(function() return redis.call('PING') end) return co()
return {bit.band(7, 3), bit.bor(4, 1), bit.bxor(5, 1), bit.bnot(0)}
return {bit.lshift(1, 31), bit.rshift(-1, 1), bit.arshift(-8, 1), bit.tobit(2^32 + 5)}
return {bit.rol(0x12345678, 8), bit.ror(0x12345678, 8), bit.bswap(0x12345678)}
return {bit.tohex(255), bit.tohex(255, 4), bit.tohex(255, -4), bit.tohex(-1)}
return bit.band()
return bit.band('x')
return cjson.encode({1, 2, 3})
return cjson.encode({})
return cjson.encode({a=1})
return cjson.encode({[1]='a', [3]='c'})
return cjson.encode({[1]=1, [100]=2})
return cjson.encode('quote " slash / back \\ tab \t nl \n ctl \1 del \127')
return cjson.encode(cjson.null)
return cjson.encode({cjson.null, true, false})
return cjson.encode(1/3)
return cjson.encode({1.5, 100, 1e20, -0.5, 123456789012})
return cjson.encode(0/0)
return cjson.encode(1/0)
return cjson.encode(function() end)
return cjson.encode()
return cjson.encode({[{}]=1})
return cjson.encode({[1.5]='x'})
local t = {} for i = 1, 1100 do t = {t} end return cjson.encode(t)
return cjson.decode('[1, 2, {"a": "b"}]')
return cjson.decode('{"a": [1, null, true]}')['a'][1]
return cjson.decode('[null]')[1] == cjson.null
return tostring(cjson.decode('1.5e3'))
return cjson.decode('"\\u00e9\\ud83d\\ude00\\n"')
return cjson.decode('{')
return cjson.decode('')
return cjson.decode('[1,]')
return cjson.decode('[1 2]')
return cjson.decode('{"a" 1}')
return cjson.decode('{1: 2}')
return cjson.decode('nonsense')
return cjson.decode('[1]]')
return cjson.decode('"abc')
return cjson.decode('"\\x"')
return cjson.decode(nil)
return cjson.decode()
return cjson.decode(string.rep('[', 1100))
return #cjson.decode('[]')
return cjson.encode(cjson.decode('{"k": [1, 2.5, "x"]}'))
return cjson.encode(cjson.decode('[]'))
return tostring(cjson.null)
return cmsgpack.pack(1)
return cmsgpack.pack(-1, 127, 128, 255, 256, 65535, 65536, 4294967295, 4294967296)
return cmsgpack.pack(-32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649)
return cmsgpack.pack(1.5, 0.1, true, false, nil)
return cmsgpack.pack('x', string.rep('y', 40), string.rep('z', 300))
return cmsgpack.pack({1, 2, 3}, {}, {a=1})
return cmsgpack.pack()
return {cmsgpack.unpack(cmsgpack.pack(1, 'two', {3, 4}))}
return cmsgpack.unpack(cmsgpack.pack({a={1, 2}}))['a'][2]
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3))}
return {cmsgpack.unpack_one(cmsgpack.pack(1, 2, 3), 1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 2)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2, 3), 2, 1)}
return cmsgpack.unpack('\193')
return cmsgpack.unpack('\218')
return cmsgpack.unpack(nil)
return struct.pack('>I2', 258)
return struct.pack('<i4', -2)
return struct.pack('>I2hB', 1, 2, 3)
return struct.pack('>!4bi4', 1, 2)
return struct.pack('>d', 1.5)
return struct.pack('<f', 1.5)
return struct.pack('>Bc0', 3, 'abc')
return struct.pack('s', 'abc')
return struct.pack('c2', 'abc')
return struct.pack('c5', 'abc')
return struct.pack('I2')
return struct.pack('Y', 1)
return {struct.unpack('>I2', '\1\2')}
return {struct.unpack('<i4', '\254\255\255\255')}
return {struct.unpack('>Bc0', '\3abcdef')}
return {struct.unpack('s', 'abc\0def')}
return {struct.unpack('>I2', '\1')}
return {struct.unpack('>I2', 'abcdef', 3)}
return struct.size('>I2hBi4')
return struct.size('s')
return struct.size('i33')
return #!
return return
local x = 1 return x +
""".strip().splitlines()

PROGRAMS: Final = (
    "#!lua\nreturn 1",
    "#!lua flags=no-writes\nreturn redis.call('SET', 'a', 1)",
    "#!lua flags=no-writes,allow-stale,allow-oom,no-cluster\nreturn redis.call('GET', 'a')",
    "#!lua flags=nonsense\nreturn 1",
    "#!lua name=x\nreturn 1",
    "#!python\nreturn 1",
    "#!lua",
    "\n\nreturn undefined",
    "#!lua\n\nerror('third line')",
    "local function f()\n  error('deep')\nend\nf()",
    "local function f()\n  return redis.call('INCR', 'text')\nend\nredis.call('SET', 'text', 'x')\nreturn f()",
)
"""Scripts of more than one line."""
