"""Scripts for test_scripts.py: some by hand, and a generator of odd ones.

HAND: groups separated by ====, each with empty servers, scripts in them by ----. A line that begins
with "! " is a command of its own, \\s and \\n in it stand for blanks and line ends."""

HAND = r"""
return 1
----
return {1,2,{3,'x',{}},false,true,nil,5}
----
return {KEYS, ARGV, #KEYS}
----
return
----
return nil, 1
----
return 3.99
----
return {-3.99, 1e30, -1e30, 0/0, 1/0, 2^53, 2^63, -2^63}
----
return {double=3.5}
----
return {double='3'}
----
return {ok='fi\r\nne'}
----
return {err='bo\r\no'}
----
return {err='-boo x'}
----
return {ok=3}
----
return {err={}}
----
return {map={a=1}}
----
return {map={a={ok='x'}}}
----
return {map={}}
----
return {map=1}
----
return {set={a=1}}
----
return {set={[1]='x'}}
----
return {big_number='123'}
----
return {big_number='1\r\n2'}
----
return {big_number=3}
----
return {verbatim_string={string='hi',format='txt'}}
----
return {verbatim_string={string='hi',format='t'}}
----
return {verbatim_string={string='hi',format='txtx'}}
----
return {verbatim_string={string='hi'}}
----
return true
----
return false
----
redis.setresp(3) return true
----
redis.setresp(3) return false
----
redis.setresp(3) return nil
----
redis.setresp(3) return {double=1.5, 2}
----
return function() end
----
return cjson.null
----
local t={} t[1]=t return t
----
return foo
----
foo=1
----
KEYS=3
----
KEYS[1]=3 return KEYS
----
redis.call=1
----
rawset(_G,'a',1)
----
rawset(redis,'a',1)
----
setmetatable(_G,{})
----
setmetatable(redis,nil)
----
table.insert(redis,1)
----
getmetatable('').__index=1
----
return {tostring(getmetatable(redis))}
----
_G.x=1
----
string.format=1
----
math.x=1
----
cjson.x=1
----
local n=0 for k,v in pairs(redis) do n=n+1 end return n
----
return {next({}), type(next(redis)), type(rawget(redis,'call'))}
----
return {rawequal(redis,redis), #redis, tostring(rawget(redis,'zz'))}
----
redis.call('nosuch')
----
return redis.pcall('nosuch')
----
return redis.call('get')
----
return redis.call()
----
return redis.pcall()
----
return redis.pcall('get')
----
return pcall(redis.call)
----
return {pcall(redis.call)}
----
redis.call('multi')
----
redis.call('eval','return 1',0)
----
return redis.call('set',{})
----
return redis.call('set','a',nil)
----
return redis.call('set','a',true)
----
return redis.call('set','s',1)
----
return redis.call('lpush','s',1)
----
return redis.pcall('lpush','s',1)
----
local t={} for k,v in pairs(redis.pcall('lpush','s',1)) do t[#t+1]=k..'='..tostring(v) end table.sort(t) return t
----
local a,b=pcall(function() return redis.call('lpush','s',1) end) return {tostring(a),tostring(b)}
----
local a,b=pcall(error,{err='x',b=1}) return {tostring(a),tostring(b)}
----
local a,b=pcall(error,{1}) return {tostring(a),type(b)}
----
local ok, e = pcall(redis.call, 'lpush', 's', 1) return {tostring(ok), tostring(e)}
----
return redis.call('get','s')
----
return redis.call('get','no')
----
redis.setresp(3) return redis.call('get','no')
----
redis.call('hset','h','a',1,'b',2) redis.call('zadd','z',1.5,'m') redis.call('sadd','e','x') return 1
----
return redis.call('hgetall','h')
----
redis.setresp(3) return redis.call('hgetall','h')
----
redis.setresp(3) local x=redis.call('hgetall','h') return {type(x.map), x.map.a, x.map.b}
----
redis.setresp(3) return redis.call('smembers','e')
----
redis.setresp(3) local x=redis.call('zscore','z','m') return {type(x), tostring(x.double)}
----
redis.setresp(3) return redis.call('zscore','z','m')
----
return redis.call('zscore','z','m')
----
redis.setresp(3) return redis.call('zrange','z',0,-1,'withscores')
----
return redis.call('zrange','z',0,-1,'withscores')
----
return {redis.call('echo',0.1),redis.call('echo',3),redis.call('echo',1e20),redis.call('echo',-0),redis.call('echo',2^53+1), redis.call('echo',1/0), redis.call('echo',-1/0), redis.call('echo',1e15), redis.call('echo',123456789012), redis.call('echo', -5), redis.call('echo', 1e14), redis.call('echo', 1e16), redis.call('echo', 1e17)}
----
error('x')
----
error()
----
error(nil)
----
error('x',0)
----
error('x',2)
----
error({err='My err'})
----
error({err='ERR a', ignore_error_stats_update=true})
----
local f=function() error('deep') end f()
----
local x = nil; return x.y
----
return (
----
x y
----

return redis.call('set')
----
local x=redis.call
x()
----
assert(false)
----
assert(nil,'boo')
----
string.rep()
----
local t=setmetatable({},{__index=function() error('in') end}) return t.x
----
return {xpcall(function() error('a') end, function(e) return 'h:'..e end)}
----
return xpcall(function() error('a') end, function(e) return 'h:'..e end)
----
coroutine.yield(1)
----
local co=coroutine.wrap(function() redis.call('nosuch') end) co()
----
local co=coroutine.wrap(function() error('xx') end) co()
----
local co=coroutine.create(function() redis.call('nosuch') end) local a,b = coroutine.resume(co) return {tostring(a),type(b)}
----
local co=coroutine.wrap(function(a) local b=coroutine.yield(a+1) return b end) return {co(1), co(5)}
----
local a,b=loadstring("\27Lua") return {tostring(a), tostring(b)}
----
return loadstring(string.dump(function() return 7 end))
----
local a,b=loadstring('x y','=nm') return b
----
local a,b=loadstring('x y') return b
----
return loadstring('return 5')()
----
return load('x')
----
local n=0 return load(function() n=n+1 return ({'return ','4','2'})[n] end)()
----
local n=0 local a,b=load(function() n=n+1 if n==1 then return 'x y' end end) return b
----
return load(function() return {} end)
----
return unpack({1,2,3},1,1e8)
----
return {unpack({1,2,3},2)}
----
return {unpack({1,2,3},-1,1)}
----
return #{unpack({},1,7000)}
----
return unpack({},1,9000)
----
return unpack({}, 0, 2147483647)
----
return redis.error_reply('a b')
----
return redis.error_reply('-a b')
----
return redis.error_reply('MY b')
----
return redis.error_reply('')
----
return redis.error_reply()
----
return redis.error_reply(1)
----
return redis.status_reply('OK1')
----
return redis.status_reply(1)
----
return redis.sha1hex('a')
----
return redis.sha1hex('')
----
return redis.sha1hex('a','b')
----
return redis.sha1hex()
----
return redis.sha1hex(12)
----
return redis.log()
----
return redis.log(1)
----
return redis.log(9,'x')
----
return redis.log('a','x')
----
redis.setresp(4)
----
redis.setresp()
----
redis.set_repl(9)
----
redis.set_repl()
----
return redis.replicate_commands()
----
return redis.breakpoint()
----
return redis.debug('x')
----
return redis.acl_check_cmd('get','x')
----
return redis.acl_check_cmd('nosuch','x')
----
return redis.acl_check_cmd()
----
return {_VERSION, redis.LOG_DEBUG, redis.LOG_WARNING, redis.REPL_ALL, redis.REPL_SLAVE}
----
return {math.random(1000), math.random(1000), math.random(5,10), tostring(math.random())}
----
math.randomseed(7) return {math.random(1000), tostring(math.random())}
----
return math.random(0)
----
return {redis.call('time')[1] ~= nil, #redis.call('time')}
----
return redis.call('incr','n')
----
return {redis.call('incrbyfloat','n',0.5), redis.call('append','n','x')}
----
redis.call('select', 3) redis.call('set','in3','x') return redis.call('dbsize')
----
! GET in3
----
return redis.call('dbsize')
----
return redis.call('blpop','nol',0)
----
return redis.call('xread','block',0,'streams','nos','$')
----
return redis.call('brpoplpush','nol','x',0)
----
return redis.call('bzpopmin','noz',0)
----
return redis.call('wait',1,0)
----
return redis.call('keys','*nothing*')
----
return redis.call('config','get','maxmemory')
----
return redis.call('object','nosuch')
----
return redis.call('object')
----
return redis.call('subscribe','x')
----
return redis.call('publish','c','m')
----
return redis.call('type','h')
----
return redis.call('ping')
----
return {redis.call('ping')}
----
return {redis.call('set','a','b'), redis.pcall('incr','a')}
----
return string.format('%q %d %s %5.2f', 'a\nb', 3.7, 'x', 1/3)
----
return table.concat({1,2,3}, ',')
----
return {tostring(1e15), tostring(0.1), tostring(-0), 1e15 .. '', tostring(nil)}
----
return {tonumber('0x10'), tonumber('z',36), tonumber(' 5 '), tonumber('')}
----
return {type(collectgarbage('count')), type(collectgarbage('step')), collectgarbage('stop'), collectgarbage('setpause', 100), collectgarbage()}
----
return #string.rep('ab', 1000)
----
return {string.byte('abc',1,-1)}
----
return {('x'):rep(3), ('abc'):upper(), ('%d'):format(3)}
----
return {string.find('a.b','.',1,true), string.match('key:12','(%a+):(%d+)'), string.gsub('hello','l','L')}
----
local s = string.rep('a', 10) return {select('#', s:gmatch('a')()), s:gmatch('a')()}
----
redis.call('sadd',KEYS[1],'b','c','a','aa','zz') return redis.call('sort',KEYS[1],'by','_')
----
return redis.call('sort',KEYS[1],'by','_','desc','limit',1,2,'get','#','get','x:*')
----
return {redis.call('sort_ro',KEYS[1],'by','_','limit',3,9), redis.call('sort',KEYS[1],'by','_','store',KEYS[2]), redis.call('lrange',KEYS[2],0,-1)}
----
redis.call('del',KEYS[1]) redis.call('zadd',KEYS[1],3,'a',2,'b',1,'c') return redis.call('sort',KEYS[1],'by','_')
----
local t={} for i=1,7999 do t[i]=i end redis.call('del','many') return {redis.call('rpush','many',unpack(t,1,7998)), #redis.call('mget',unpack(t,1,7998))}
----
local t={} for i=1,8100 do t[i]=i end return redis.call('mget',unpack(t))
----
local t={} for i=1,7996 do t[i]=i end return redis.pcall('get',unpack(t))
----
local m=getmetatable(_G) m.__index={}
----
local m=getmetatable(_G) m.__index=nil
----
return {type(getmetatable(_G)), pcall(rawset,getmetatable(_G),'__index',1), type(getmetatable(_G).__index)}
====
! EVAL
----
! EVAL return\s1
----
! EVAL return\s1 x
----
! EVAL return\s1 -1
----
! EVAL return\s1 1
----
! EVAL return\s1 99999999999999999999
----
! EVALSHA abc 0
----
! EVALSHA ffffffffffffffffffffffffffffffffffffffff 0
----
! EVALSHA ffffffffffffffffffffffffffffffffffffffff x
----
! EVALSHA ffffffffffffffffffffffffffffffffffffffff 1
----
! SCRIPT LOAD return\s1
----
! SCRIPT LOAD return\s(
----
! SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db E0E1F9FABFC9D4800C877A703B823AC0578FF8DB x
----
! EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
----
! EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0
----
! EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
----
! SCRIPT FLUSH
----
! SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
----
! SCRIPT FLUSH x
----
! SCRIPT FLUSH ASYNC
----
! SCRIPT FLUSH SYNC x
----
! SCRIPT EXISTS
----
! SCRIPT KILL
----
! SCRIPT nosuch
----
! SCRIPT
----
! SCRIPT DEBUG x
----
! SCRIPT DEBUG NO
----
! EVAL_RO return\sredis.call('set','a',1) 0
----
! EVAL_RO return\sredis.call('get','a') 0
----
! EVAL_RO return\sredis.call('publish','a','b') 0
----
! EVAL #!lua\sflags=foo\nreturn\s1 0
----
! EVAL #!lua\sflags=\nreturn\s1 0
----
! EVAL #!lua\sname=x\nreturn\s1 0
----
! EVAL #!luax\nreturn\s1 0
----
! EVAL #!\nreturn\s1 0
----
! EVAL #!lua 0
----
! EVAL #!lua\sflags=no-writes\nreturn\sredis.call('set','a',1) 0
----
! EVAL #!lua\sflags=no-writes,allow-oom,allow-stale,no-cluster,allow-cross-slot-keys\nreturn\s5 0
----
! EVAL #!lua\nreturn\sredis.call('set','a',1) 0
----
! EVAL_RO #!lua\nreturn\s1 0
----
! EVAL_RO #!lua\sflags=no-writes\nreturn\s1 0
----
! EVAL #!lua\n\nx\sy 0
----
! EVAL #!lua\n\nerror('x') 0
----
! MULTI
----
! EVAL return\s{redis.call('incr','a'),redis.call('lpush','a',1)} 0
----
! EVAL return\s1 0
----
! EXEC
----
! CONFIG SET maxmemory 1
----
! EVAL return\sredis.call('set','a',1) 0
----
! EVAL #!lua\nreturn\sredis.call('get','a') 0
----
! EVAL #!lua\sflags=allow-oom\nreturn\sredis.call('set','a',1) 0
----
! EVAL #!lua\sflags=no-writes\nreturn\sredis.call('get','a') 0
----
! EVAL redis.call('del','a')\sreturn\sredis.call('set','a',1) 0
----
! CONFIG SET maxmemory 0
----
! CONFIG SET min-replicas-to-write 1
----
! EVAL return\sredis.call('set','a',1) 0
----
! EVAL #!lua\nreturn\s1 0
----
! CONFIG SET min-replicas-to-write 0
----
! COMMAND GETKEYS EVAL return\s1 2 a b c
----
! COMMAND GETKEYS EVAL return\s1 0
----
! COMMAND GETKEYS FCALL f 1 a b
----
! COMMAND GETKEYSANDFLAGS EVALSHA_RO f 1 a b
----
! COMMAND INFO EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO
====
! FUNCTION LOAD return\s1
----
! FUNCTION FLUSH x y
----
! FUNCTION FLUSH x
----
! EVAL return\sredis.call('debug','protocol','bignum') 0
----
! DEBUG SET-DISABLE-DENY-SCRIPTS 1
----
! EVAL redis.setresp(3)\sreturn\sredis.call('debug','protocol','attrib') 0
----
! EVAL local\st={}\sfor\s_,k\sin\sipairs{'string','integer','double','bignum','null','array','verbatim','true','false','attrib'}\sdo\st[#t+1]=k\st[#t+1]=redis.call('debug','protocol',k)\sor\s'no'\send\sreturn\st 0
----
! EVAL redis.setresp(3)\slocal\st={}\sfor\s_,k\sin\sipairs{'string','integer','double','bignum','null','array','verbatim','true','false','attrib'}\sdo\st[#t+1]=k\st[#t+1]=redis.call('debug','protocol',k)\sor\s'no'\send\sreturn\st 0
----
! DEBUG SET-DISABLE-DENY-SCRIPTS 0
----
! EVAL return\sredis.call('debug','protocol','bignum') 0
----
! FUNCTION LOAD #!lua\nreturn\s1
----
! FUNCTION LOAD #!lua
----
! FUNCTION LOAD #!lua\sname=a\sb=c\nx
----
! FUNCTION LOAD #!js\sname=a\nx
----
! FUNCTION LOAD #!lua\sname=a@\nx
----
! FUNCTION LOAD #!lua\sname=\nx
----
! FUNCTION LOAD #!lua\sname=a\sname=b\nx
----
! FUNCTION LOAD #!lua\sname=a\nreturn\s1
----
! FUNCTION LOAD #!lua\sname=a\nreturn\s(
----
! FUNCTION LOAD #!LUA\sNAME=a\nredis.register_function('f',function(k,a)\sreturn\s{k,a}\send)
----
! FUNCTION LOAD #!lua\sname=a\nredis.register_function('f',function()\send)
----
! FUNCTION LOAD #!lua\sname=b\nredis.register_function('f',function()\send)
----
! FUNCTION LOAD REPLACE #!lua\sname=a\nredis.register_function('f',function(k,a)\sreturn\s{k,a,1}\send)
----
! FUNCTION LOAD FOO #!lua\sname=a\nx
----
! FUNCTION LOAD
----
! FCALL f 1 a b
----
! FCALL f 0
----
! FCALL f x
----
! FCALL f -1
----
! FCALL f 2 a
----
! FCALL nosuch 0
----
! FCALL_RO f 0
----
! FCALL F 0
----
! FUNCTION LOAD #!lua\sname=c\nredis.register_function{function_name='g',callback=function(k,a)\sreturn\sredis.call('set','x','y')\send,flags={'no-writes'},description='d\se'}
----
! FCALL g 0
----
! FCALL_RO g 0
----
! FUNCTION LOAD #!lua\sname=d\nlocal\sr=redis\sredis.register_function('h1',function()\sreturn\sr.call('get','s')\send)
----
! FCALL h1 0
----
! FUNCTION LOAD #!lua\sname=e\nredis.register_function('h2',function()\sreturn\sx.y\send)
----
! FCALL h2 0
----
! FUNCTION LOAD #!lua\sname=e2\nredis.register_function('h3',function()\sredis.register_function('z',function()\send)\send)
----
! FCALL h3 0
----
! FUNCTION LOAD #!lua\sname=u1\nfoo=1
----
! FUNCTION LOAD #!lua\sname=u2\nredis.call('get','x')
----
! FUNCTION LOAD #!lua\sname=u3\nredis.register_function('a')
----
! FUNCTION LOAD #!lua\sname=u4\nredis.register_function('a@',function()\send)
----
! FUNCTION LOAD #!lua\sname=u5\nredis.register_function{a=1}
----
! FUNCTION LOAD #!lua\sname=u6\nredis.register_function('a',function()\send,1,2)
----
! FUNCTION LOAD #!lua\sname=u7\nredis.register_function()
----
! FUNCTION LOAD #!lua\sname=u8\nredis.register_function(1,function()\send)
----
! FUNCTION LOAD #!lua\sname=u9\nredis.register_function({},function()\send)
----
! FUNCTION LOAD #!lua\sname=u10\nredis.register_function('a',2)
----
! FUNCTION LOAD #!lua\sname=u11\nredis.register_function{function_name='a',callback=function()\send,flags={'x'}}
----
! FUNCTION LOAD #!lua\sname=u12\nredis.register_function{function_name='a',callback=function()\send,flags='x'}
----
! FUNCTION LOAD #!lua\sname=u13\nredis.register_function{function_name='a',callback=function()\send,flags={1}}
----
! FUNCTION LOAD #!lua\sname=u14\nredis.register_function{function_name='a'}
----
! FUNCTION LOAD #!lua\sname=u15\nredis.register_function{callback=function()\send}
----
! FUNCTION LOAD #!lua\sname=u16\nredis.register_function{function_name=1,callback=function()\send}
----
! FUNCTION LOAD #!lua\sname=u17\nredis.register_function{function_name='a',callback=1}
----
! FUNCTION LOAD #!lua\sname=u18\nredis.register_function{function_name='a',callback=function()\send,description=function()\send}
----
! FUNCTION LOAD #!lua\sname=u19\nredis.register_function{1}
----
! FUNCTION LOAD #!lua\sname=u20\nredis.register_function('a',function()\send)\sredis.register_function('a',function()\send)
----
! FUNCTION LOAD #!lua\sname=u21\nerror('x')
----
! FUNCTION LOAD #!lua\sname=u22\nlocal\sx=nil\sx()
----
! FUNCTION LOAD #!lua\sname=u23\nredis.log(1)
----
! FUNCTION LOAD #!lua\sname=e4\nredis.register_function('q7',function()\slocal\st={}\sfor\sk\sin\spairs(redis)\sdo\st[#t+1]=k\send\stable.sort(t)\sreturn\stable.concat(t,'\s')\send)
----
! FCALL q7 0
----
! FUNCTION LIST LIBRARYNAME a
----
! FUNCTION LIST LIBRARYNAME A* WITHCODE
----
! FUNCTION LIST LIBRARYNAME zz
----
! FUNCTION LIST foo
----
! FUNCTION LIST LIBRARYNAME
----
! FUNCTION LIST WITHCODE WITHCODE
----
! FUNCTION STATS
----
! FUNCTION KILL
----
! FUNCTION DELETE nosuch
----
! FUNCTION DELETE a
----
! FCALL f 0
----
! FUNCTION RESTORE x
----
! FUNCTION RESTORE x FOO
----
! FUNCTION RESTORE x FLUSH x
----
! FUNCTION FLUSH x
----
! FUNCTION FLUSH ASYNC
----
! FUNCTION LIST
----
! FUNCTION DUMP
----
! FUNCTION nosuch
----
! FUNCTION LOAD #!lua\sname=one\nredis.register_function('one1',function()\send)
----
! FUNCTION DUMP
----
! FUNCTION STATS
"""


class Generator:
    """Expressions of all kinds, put into calls of all libraries. Nothing that depends on addresses, on the order of
    tables or on the moment, and nothing that is known to end the reference."""

    NUMBERS = ["0", "-1", "1", "7", "-0", "3.5", "-3.99", "255", "256", "65535", "65536", "2147483647", "2147483648",
               "-2147483648", "-2147483649", "4294967295", "4294967296", "2^53", "2^53+2", "-2^53", "2^62", "1e15", "1e16",
               "1e100", "0.1", "1/3", "-1e-7", "127", "128", "-32", "-33", "-128", "-129", "-32768", "-32769", "31", "32"]
    WILD = ["1/0", "-1/0", "0/0", "2^63", "-2^63", "2^64"]
    STRINGS = ["''", "'a'", "'abc'", "'k1'", "'12'", "'-7'", "' 5'", "'0x10'", "'1.5'", "'a\\nb'", "'\\0x\\255'", "'\\r\\n'",
               "string.rep('z',31)", "string.rep('z',32)", "string.rep('y',300)", "KEYS[1]", "ARGV[2]", "'\\195\\164'", "'\"q\\\\'"]
    CALLS = ["'get','k1'", "'set','k1',V", "'incr','k2'", "'incrby','k2',V", "'append','k1',V", "'lpush','l',V,V",
             "'lrange','l',0,-1", "'lrange','l',V,V", "'hset','h',V,V", "'hget','h',V", "'hlen','h'", "'zadd','z',V,V", "'zscore','z',V",
             "'zincrby','z',V,V", "'zrange','z',0,-1,'withscores'", "'del','k1'", "'exists','k1','k2'", "'type',V", "'echo',V", "'strlen','k1'",
             "'getrange','k1',V,V", "'setrange','k1',3,V", "'lindex','l',V", "'lpop','l'", "'rpush','l',V", "'llen','l'", "'mget','k1','nok',V",
             "'expire','k1',V", "'pttl','nok'", "'nosuch',V", "'get'", "V", "V,V", "'sadd','e',V", "'sismember','e',V", "'scard','e'",
             "'incrbyfloat','f',V", "'bitcount','k1'", "'setbit','b',7,V", "'hmget','h','a',V", "'hincrby','h','n',V", "'xlen','x'",
             "'ping'", "'ping',V", "'select',V", "'lset','l',0,V", "'linsert','l','before',V,V", "'object','encoding','k1'",
             "'geodist','g','a','b'", "'pfadd','p',V", "'pfcount','p'", "'zrank','z',V", "'substr','k1',0,2", "'getset','k1',V",
             "'setex','k1',100,V", "'lrem','l',V,V", "'zrangebyscore','z',V,V", "'zcount','z',V,V", "'multi'", "'eval','return 1',0"]

    def __init__(self, rng):
        self.r = rng

    def pick(self, many):
        return self.r.choice(many)

    def scalar(self):
        return self.pick([lambda: self.pick(self.NUMBERS), lambda: self.pick(self.STRINGS), lambda: self.pick(self.STRINGS),
                          lambda: self.pick(["true", "false", "nil"]), lambda: self.pick(self.WILD)])()

    def word(self):
        return self.pick([self.pick(self.NUMBERS), self.pick(self.STRINGS), self.pick(self.STRINGS)])

    def value(self, depth=0):
        if depth > 3 or self.r.random() < 0.55:
            return self.scalar()
        n = self.r.randrange(5)
        if self.r.random() < 0.75:
            return "{" + ",".join(self.value(depth + 1) for _ in range(n)) + "}"
        # one field only: the order of more is nobody's
        return "{[" + self.pick(["'a'", "'ok'", "'err'", "'double'", "'map'", "'set'", "2", "10", "1.5", "-1", "'big_number'"]) + "]=" + \
            self.value(depth + 1) + "}"

    def call(self):
        words = "".join(self.word() if c == "V" else c for c in self.pick(self.CALLS))
        return f"redis.{self.pick(['call', 'call', 'pcall'])}({words})"

    def string(self):
        return self.pick(self.STRINGS)

    def number(self):
        return self.pick(self.NUMBERS)

    def bit(self):
        f = self.pick(["tobit", "bnot", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror", "bswap", "tohex"])
        n = {"tobit": 1, "bnot": 1, "bswap": 1}.get(f, 2)
        if f == "tohex":
            n = self.r.randrange(1, 3)
        return f"bit.{f}({','.join(self.pick(self.NUMBERS + ['nil', chr(39) + '5' + chr(39)]) for _ in range(n))})"

    def json(self):
        texts = ["[1,2,{\"a\":null}]", "{\"a\":[]}", "[]", "{}", "1.5", "\"x\\\\u00e9\\\\n\"", "[1e400]", "nul", "", "[1,", "{\"a\":1,\"a\":2}", "[[[[1]]]]",
                 "true", "[true,false,null]", "-0", "0x1", "[NaN]", "\\t 5 ", "\"\\\\ud83d\\\\ude00\"", "\"\\\\ud83d\"", "{1:2}", "[01]", "12345678901234567890"]
        return self.pick([lambda: f"cjson.encode({self.value()})", lambda: f"cjson.decode('{self.pick(texts)}')",
                          lambda: f"cjson.encode(cjson.decode('{self.pick(texts)}'))", lambda: f"cjson.decode({self.scalar()})",
                          lambda: f"cjson.decode(cjson.encode({self.value()}))"])()

    def msgpack(self):
        raw = "'" + "".join(f"\\{self.r.choice([self.r.randrange(256), self.r.randrange(0x80, 0xe0), 0, 1, 2])}" for _ in range(self.r.randrange(8))) + "'"
        return self.pick([lambda: f"cmsgpack.pack({self.value()})", lambda: f"cmsgpack.unpack(cmsgpack.pack({self.value().replace('nil', 'false')}))",
                          lambda: f"cmsgpack.unpack({raw})", lambda: f"cmsgpack.pack({self.value()},{self.value()})", lambda: "cmsgpack.pack()",
                          lambda: f"cmsgpack.unpack_one({raw},{self.number()})", lambda: f"cmsgpack.unpack_limit({raw},{self.number()},{self.pick(['0', '1', '2', '-1'])})",
                          lambda: f"cmsgpack.unpack({self.scalar()})"])()

    def struct(self):
        def form():
            parts = ["b", "B", "h", "H", "l", "L", "i", "I", "i1", "i2", "i3", "I5", "i8", "I16", "i33", "f", "d", "s", "c0", "c1", "c3", "x", ">", "<",
                     "!", "!4", "!3", " ", "T", "q", "i99999999999", "c4294967296"]
            return "'" + "".join(self.pick(parts) for _ in range(self.r.randrange(5))) + "'"
        raw = "'" + "".join(f"\\{self.r.randrange(256)}" for _ in range(self.r.randrange(20))) + "'"
        return self.pick([lambda: f"struct.pack({form()},{','.join(self.scalar() for _ in range(self.r.randrange(1, 5)))})",
                          lambda: f"struct.unpack({form()},{raw})", lambda: f"struct.unpack({form()},{raw},{self.number()})",
                          lambda: f"struct.size({form()})"])()

    def library(self):
        s, n, v = self.string, self.number, self.value
        return self.pick([
            lambda: f"tostring({self.scalar()})", lambda: f"tonumber({self.scalar()})", lambda: f"tonumber({s()},{n()})",
            lambda: f"string.sub({s()},{n()},{n()})", lambda: f"string.rep({s()},{self.pick(['0', '2', '-1', '3.5'])})",
            lambda: f"string.format('%{self.pick(['d', 's', '5.2f', 'x', 'q', 'c', 'g', 'i', 'o', 'e', 'u', '05d', '-5s|', 'z', ''])}',{self.scalar()})",
            lambda: f"string.byte({s()},{n()})", lambda: f"string.find({s()},{s()},{n()})", lambda: f"string.gsub({s()},'.',{s()})",
            lambda: f"string.upper({self.scalar()})", lambda: f"#{s()}", lambda: f"#{{{v()},{v()}}}", lambda: f"table.concat({{{self.word()},{self.word()}}},{s()})",
            lambda: f"unpack({{{v()},{v()}}},{n()})", lambda: f"select({n()},{v()},{v()})", lambda: f"type({v()})",
            lambda: f"math.floor({self.scalar()})", lambda: f"math.{self.pick(['abs', 'ceil', 'sqrt', 'max', 'min', 'fmod', 'modf', 'pow'])}({n()},{n()})",
            lambda: f"math.random({self.pick(['', '10', '0', '-1', '3,9', '9,3', '1.5'])})", lambda: f"redis.sha1hex({self.scalar()})",
            lambda: f"redis.error_reply({self.scalar()})", lambda: f"redis.status_reply({self.scalar()})", lambda: f"pcall(error,{self.scalar()})",
            lambda: f"({self.scalar()}) .. ({self.scalar()})", lambda: f"({self.scalar()}) + ({self.scalar()})", lambda: f"({self.scalar()}) < ({self.scalar()})",
            lambda: f"({self.scalar()}) == ({self.scalar()})", lambda: f"rawget({v()},{self.scalar()})", lambda: f"assert({self.scalar()},{self.scalar()})",
            lambda: f"error({self.scalar()})", lambda: f"next({v()})", lambda: f"string.char({n()})", lambda: f"string.reverse({s()})",
            lambda: f"loadstring({self.pick([chr(39) + 'return 1' + chr(39), chr(39) + 'x y' + chr(39), self.scalar()])})",
            lambda: f"cjson.encode({{[{self.scalar()}]={self.scalar()}}})", lambda: f"{self.pick(['nosuch', 'redis.nosuch', 'KEYS.x', 'nosuch.x', 'string.nosuch()'])}",
            lambda: f"{self.pick(['foo', 'KEYS', 'redis.call', 'string.rep', '_G.x', 'math.pi'])}",
        ])()

    def expression(self):
        return self.pick([self.value, self.call, self.call, self.bit, self.json, self.msgpack, self.struct, self.library, self.library])()

    def script(self):
        head = "redis.setresp(3) " if self.r.random() < 0.2 else ""
        e, f = self.expression(), self.expression()
        return head + self.pick([f"return {e}", f"return {{{e}}}", f"return {{{e},{f}}}", f"local a,b=pcall(function() return {e} end) return {{a,b}}",
                                 f"local a={e} local b={f} return {{a,b}}", f"local a={e} return {{type(a),a}}", f"{e.split('=')[0] if '=' not in e else 'local x'}=1",
                                 f"local a={e} return cmsgpack.pack(a)", f"for i=1,2 do local a={e} end return {f}"])
