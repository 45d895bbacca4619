-- What scripts see of Lua: Redis's functions and no others, behind tables that they can't change.
-- `host` holds the functions that Rust gives. What they raise is an object of Rust's until `plain` makes it what Redis
-- raises: a table, or a text with its place.
local host = ...
local error, type, tostring, tonumber, select = error, type, tostring, tonumber, select
local setmetatable, getmetatable, rawget, rawset, rawequal = setmetatable, getmetatable, rawget, rawset, rawequal
local xpcall, pairs, next, ipairs, pcall = xpcall, pairs, next, ipairs, pcall
local where, plain, library = host.where, host.plain, string
local concat = table.concat

-- The real tables behind the read-only ones.
local real = setmetatable({}, { __mode = "k" })

local function readonly()
  error("Attempt to modify a readonly table", 2)
end

-- What getmetatable tells of a read-only table.
local nothing = setmetatable({}, { __newindex = readonly, __metatable = false })

local function protect(t)
  for k, v in pairs(t) do
    if type(v) == "table" then
      t[k] = protect(v)
    end
  end
  local view = setmetatable({}, { __index = t, __newindex = readonly, __metatable = nothing })
  real[view] = t
  return view
end

local function raised(err)
  if host.killed() then
    err = host.killed_text
  end
  err = plain(err)
  if type(err) ~= "table" then
    err = { err = "ERR " .. tostring(err) }
  end
  local source, line = where()
  if source and not real[err] then
    err.source, err.line = source, line
  end
  return err
end

local redis = host.api

-- Patterns are matched by recursion: a longer one could need more stack than there is.
local PATTERN_MAX = host.pattern_max
local function bounded(f)
  return function(text, pattern, ...)
    if type(pattern) == "string" and #pattern > PATTERN_MAX then
      error("pattern too long", 2)
    end
    return f(text, pattern, ...)
  end
end
for _, name in ipairs({ "find", "match", "gmatch", "gfind", "gsub" }) do
  library[name] = bounded(library[name])
end
getmetatable("").__index = protect(library)
getmetatable("").__metatable = nothing

-- A killed script doesn't go on because it catches errors. As in Redis 7.0, what is caught of an error table is text.
local function survived(ok, err, ...)
  if ok then
    return ok, err, ...
  end
  if host.killed() then
    error(err, 0)
  end
  err = plain(err)
  if type(err) == "table" and type(rawget(err, "err")) == "string" then
    err = err.err
  end
  return ok, err
end

math.random, math.randomseed = host.random, host.randomseed

local resume = coroutine.resume
coroutine.resume = function(...)
  return survived(resume(...))
end

local base = {
  assert = assert,
  collectgarbage = function(what)
    return what == "count" and collectgarbage("count") or 0
  end,
  coroutine = coroutine,
  error = error,
  gcinfo = gcinfo,
  getmetatable = getmetatable,
  ipairs = function(t)
    return ipairs(real[t] or t)
  end,
  loadstring = host.loadstring,
  load = function(f, name)
    local parts = {}
    for part in f do
      if type(part) ~= "string" or part == "" then
        break
      end
      parts[#parts + 1] = part
    end
    return host.loadstring(concat(parts), name)
  end,
  math = math,
  next = function(t, k)
    return next(real[t] or t, k)
  end,
  os = { clock = host.clock },
  pairs = function(t)
    return pairs(real[t] or t)
  end,
  pcall = function(...)
    return survived(pcall(...))
  end,
  rawequal = rawequal,
  rawget = function(t, k)
    return rawget(real[t] or t, k)
  end,
  rawset = function(t, k, v)
    if real[t] then
      error("Attempt to modify a readonly table", 0)
    end
    return rawset(t, k, v)
  end,
  select = select,
  setmetatable = function(t, m)
    if real[t] then
      error("Attempt to modify a readonly table", 0)
    end
    return setmetatable(t, m)
  end,
  string = library,
  table = table,
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  unpack = unpack,
  xpcall = function(...)
    return survived(xpcall(...))
  end,
  _VERSION = _VERSION,
  redis = redis,
  bit = host.bit,
  cjson = host.cjson,
  cmsgpack = host.cmsgpack,
  struct = host.struct,
}
protect(base)
base.server = base.redis

local function missing(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end
setmetatable(base, { __index = missing })
local globals = setmetatable({}, { __index = base, __newindex = readonly, __metatable = nothing })
real[globals] = base
base._G = globals

-- Functions of libraries see the same, but neither KEYS nor ARGV.
local library_base = {}
for k, v in pairs(base) do
  library_base[k] = v
end
setmetatable(library_base, { __index = missing })
local library_globals = setmetatable({}, { __index = library_base, __newindex = readonly, __metatable = nothing })
real[library_globals] = library_base
library_base._G = library_globals

-- While a library loads, it may register functions, and not call commands.
local loading = { register_function = host.register }
for k, v in pairs(redis) do
  loading[k] = v
end
for _, name in ipairs({ "call", "pcall", "setresp", "set_repl", "replicate_commands", "acl_check_cmd" }) do
  loading[name] = nil
end
setmetatable(loading, { __index = missing })
loading = protect(loading)

local function environment(loads)
  library_base.redis = loads and loading or base.redis
  library_base.server = library_base.redis
  return library_globals
end

local function run(f, ...)
  local keys, args = ...
  return xpcall(select("#", ...) == 0 and f or function()
    return f(keys, args)
  end, raised)
end

return globals, base, run, environment
