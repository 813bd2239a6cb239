"""Ways out of a script's room that were known in the last years, and others: each must end in an error, or give nil."""
from lib import ReplyError, Stage, ours_only

QUIET = ("--save", "")

REFUSED = r"""
return io
return os.execute
return os.getenv
return debug
return package
return require
return dofile
return loadfile
return print
return newproxy
return setfenv
return getfenv
return module
return loadstring(string.dump(function() return 1 end))()
return loadstring('\27LuaQ\0\1\4\8\4\8\0')()
return load(function() return '\27LuaQ' end)()
local n = 0 return load(function() n = n + 1 return n == 1 and '\27' or n == 2 and 'LuaQ' or nil end)()
string.format = 1
redis.call = 1
redis.x = 1
_G.x = 1
x = 1
table.insert(redis, 1)
table.insert(_G, 1)
table.insert(string, 1)
rawset(_G, 'a', 1)
rawset(redis, 'call', 1)
rawset(string, 'x', 1)
rawset(cjson, 'encode', 1)
rawset(cmsgpack, 'pack', 1)
rawset(bit, 'bor', 1)
rawset(math, 'random', 1)
rawset(coroutine, 'wrap', 1)
setmetatable(_G, {})
setmetatable(_G, nil)
setmetatable(redis, {__index = {}})
setmetatable(string, {})
getmetatable('').__index = function() end
getmetatable('').__index.upper = 1
getmetatable('').__metatable = 1
rawset(getmetatable(''), '__index', 1)
getmetatable('').x = 1
setmetatable('', {})
getmetatable(1).__index = 1
getmetatable(cjson.null).__index = 1
getmetatable(print).__index = 1
getmetatable(redis).__newindex = nil
getmetatable(_G).__index = nil
for k, v in pairs(redis) do redis[k] = 1 end
local f, s = pairs(redis) s.x = 1
local f, s = pairs(redis) rawset(s, 'x', 1)
local f, s = pairs(_G) s.redis = nil
table.foreach(redis, function(k) redis[k] = 1 end)
_G._G.x = 1
_G.redis = nil
KEYS = nil
ARGV = nil
redis.register_function('x', function() end)
return unpack({}, 0, 2147483647)
return unpack({}, -2147483648, 2147483647)
return unpack({}, 1, 1e9)
return {string.rep('x', 1e10)}
return string.find(('a'):rep(100000), ('a?'):rep(100000))
return string.find(('a'):rep(100000), ('a*'):rep(100000))
return string.match(('a'):rep(100000), ('(a'):rep(100000))
return string.gsub('x', ('[a'):rep(100000), '')
return string.format('%99999d', 1)
return string.format(('%s'):rep(300), 1)
return struct.pack('i4294967297', 1)
return struct.pack('c2147483648', 'a')
return struct.unpack('c4294967295', 'a')
return struct.unpack('I2147483647', 'a')
return struct.unpack('bc0', '\255a')
return struct.unpack('i', 'abcd', 2147483648)
return struct.unpack('i', 'abcd', -3)
return struct.pack('!1000b', 1)
return struct.unpack('!2147483648i', 'abcd')
return cmsgpack.unpack('\221\255\255\255\255')
return cmsgpack.unpack('\219\255\255\255\255')
return cmsgpack.unpack('\223\127\255\255\255\1')
return cmsgpack.unpack(('\145'):rep(100000))
return cmsgpack.unpack(('\129\1'):rep(100000))
return cmsgpack.unpack_limit('a', 2147483647, 2147483647)
return cmsgpack.unpack_one('a', -1)
return cmsgpack.unpack('\129\192\1')
return cjson.decode(('['):rep(100000))
return cjson.decode(('{"a":'):rep(100000))
local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)
local t = {} t.t = t return cjson.encode(t)
cjson.encode_max_depth(1e9) local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)
cjson.decode_max_depth(1e9) return cjson.decode(('['):rep(100000))
local s = ('\0'):rep(2^20) local t = {} for i = 1, 1000 do t[i] = s end return #cjson.encode(t)
local t = {'x'} for i = 1, 60 do t = {t, t} end return #cjson.encode(t)
local t = {} for i = 1, 1e9 do t[i] = {i, i, i} end
local s = 'x' while true do s = s .. s end
local t = {} while true do t = {t, t, {}, {}} end
local function f() return f() + 1 end return f()
local co co = coroutine.wrap(function() co() end) co()
local function f(n) return coroutine.wrap(function() return f(n + 1) end)() end return f(1)
local f = function() end for i = 1, 1e5 do local g = f f = function() return g() end end return f()
return loadstring(('('):rep(100000) .. '1' .. (')'):rep(100000))()
return loadstring('return ' .. ('{'):rep(100000))()
return loadstring('local a ' .. ('a=a..'):rep(300000) .. '1')()
return loadstring('return ' .. ('not '):rep(500000) .. '1')()
return loadstring('x', ('y\0'):rep(100000))()
return setmetatable({}, {__tostring = function() return {} end}) .. ''
return tostring(setmetatable({}, {__tostring = function() error('x') end}))
error(setmetatable({}, {__index = function() error('again') end}))
error(setmetatable({err = 1}, {__tostring = function() while true do end end}))
error({err = {}})
error({})
error(function() end)
error(coroutine.create(function() end))
xpcall(function() error('a') end, function() error('b') end) error('x')
coroutine.yield()
table.sort({3, 2, 1, 5, 4}, function() return true end) table.sort({1, 'a'})
redis.call('eval', 'return 1', 0)
redis.call('script', 'flush')
redis.call('function', 'flush')
redis.call('config', 'set', 'dir', '/')
redis.call('debug', 'sleep', 1)
redis.call('shutdown')
redis.call('multi')
redis.call('subscribe', 'x')
redis.call('auth', 'x')
redis.call('client', 'kill', 'type', 'normal')
redis.call('replicaof', 'no', 'one')
redis.call('monitor')
redis.call('hello', 3)
""".strip().split("\n")

# What must still be there, and as it was, after all of these.
WHOLE = """local t = {} for k, v in pairs(redis) do t[#t + 1] = k end table.sort(t)
local g = {} for k, v in pairs(_G) do g[#g + 1] = k .. type(v) end table.sort(g)
return {t, g, ('x'):upper(), string.format('%d', 3), cjson.encode({1}), #KEYS, type(getmetatable('')),
        tostring(getmetatable('').__index == string), cmsgpack.unpack(cmsgpack.pack(7)), bit.bor(1, 2)}"""


@ours_only
def test_ways_out():
    with Stage() as stage:
        c = stage.server(*QUIET, "--lua-memory-limit", "64mb", "--busy-reply-threshold", "0").client()
        before = c.cmd("EVAL", WHOLE, "1", "k")
        for script in REFUSED:
            got = c.raw("EVAL", script, "1", "k", "v")
            assert got is None or isinstance(got, ReplyError), (script, got)
            assert c.cmd("EVAL", WHOLE, "1", "k") == before, script
        assert c.cmd("PING") == "PONG"


@ours_only
def test_harmless():
    with Stage() as stage:
        c = stage.server(*QUIET, "--busy-reply-threshold", "0").client()
        for script, want in (("collectgarbage('stop') return 1", 1), ("collectgarbage('setpause', 1000000) return 1", 1),
                             ("return bit.tohex(1, -2147483648)", b"00000001"), ("return bit.tohex(1, 2147483647)", b"00000001"),
                             ("return cmsgpack.pack(1)", b"\1"), ("return type(os.clock())", b"number"),
                             ("local n = 0 for _ in pairs(os) do n = n + 1 end return n", 1),
                             ("local t = {} t.t = t return #cmsgpack.pack(t) < 100", 1),
                             ("return {pcall(function() rawset(redis, 'x', 1) end)}", [None, b"Attempt to modify a readonly table"])):
            assert c.cmd("EVAL", script, "0") == want, script


@ours_only
def test_memory_is_bounded():
    with Stage() as stage:
        p = stage.server(*QUIET, "--lua-memory-limit", "8mb")
        c = p.client()
        got = c.raw("EVAL", "local t = {} for i = 1, 1e8 do t[i] = i .. 'x' end", "0")
        assert "not enough memory" in str(got), got
        assert c.cmd("EVAL", "return {pcall(function() return ('x'):rep(1e9) end)}", "0") == [None, b"not enough memory"]
        assert int(p.info("memory")["used_memory_vm_eval"]) < 8 << 20
        assert c.cmd("EVAL", "return redis.call('set', 'k', ('x'):rep(1e6))", "0") == "OK"
