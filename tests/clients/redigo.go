// Go's redigo (RESP2) and its Sentinel library: HOST PORT PROTOCOL, or `sentinel PORTS NAME KEY` (see README.md here).
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/FZambia/sentinel"
	"github.com/gomodule/redigo/redis"
)

func check(name string, got, want interface{}) {
	if !reflect.DeepEqual(got, want) {
		fmt.Fprintf(os.Stderr, "FAIL %s: got %#v, want %#v\n", name, got, want)
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL", err)
		os.Exit(1)
	}
}

func str(reply interface{}, err error) string {
	s, err := redis.String(reply, err)
	must(err)
	return s
}
func num(reply interface{}, err error) int { n, err := redis.Int(reply, err); must(err); return n }
func strs(reply interface{}, err error) []string {
	s, err := redis.Strings(reply, err)
	must(err)
	return s
}
func list(args ...interface{}) []interface{}      { return args }
func do(reply interface{}, err error) interface{} { must(err); return reply }

func types(r redis.Conn, _ string) {
	check("set", list(str(r.Do("SET", "s", "v")), str(r.Do("GET", "s")), do(r.Do("SET", "s", "w", "NX")),
		num(r.Do("APPEND", "s", "x"))), list("OK", "v", nil, 2))
	check("incr", list(num(r.Do("INCR", "n")), num(r.Do("INCRBY", "n", 41)), str(r.Do("MSET", "a", 1, "b", 2)),
		strs(r.Do("MGET", "a", "none", "b"))), list(1, 42, "OK", []string{"1", "", "2"}))
	check("list", list(num(r.Do("RPUSH", "l", 1, 2, 3)), strs(r.Do("LRANGE", "l", 0, -1)), str(r.Do("LPOP", "l"))),
		list(3, []string{"1", "2", "3"}, "1"))
	check("set type", list(num(r.Do("SADD", "t", 1, 2)), len(strs(r.Do("SMEMBERS", "t"))),
		num(r.Do("SISMEMBER", "t", 9))), list(2, 2, 0))
	hash, err := func() (map[string]string, error) {
		must(r.Send("HSET", "h", "f", 1, "g", "x"))
		return redis.StringMap(r.Do("HGETALL", "h"))
	}()
	must(err)
	check("hash", hash, map[string]string{"f": "1", "g": "x"})
	check("zset", list(num(r.Do("ZADD", "z", 1, "a", 2.5, "b")), strs(r.Do("ZRANGE", "z", 0, -1, "WITHSCORES")),
		strs(r.Do("ZPOPMIN", "z"))), list(2, []string{"a", "1", "b", "2.5"}, []string{"a", "1"}))
	check("bits", list(num(r.Do("SETBIT", "bits", 7, 1)), num(r.Do("BITCOUNT", "bits"))), list(0, 1))
	check("hll", list(num(r.Do("PFADD", "p", "a", "b")), num(r.Do("PFCOUNT", "p"))), list(1, 2))
	do(r.Do("GEOADD", "geo", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"))
	at, err := redis.Positions(r.Do("GEOPOS", "geo", "Palermo", "none"))
	must(err)
	check("geo", list(str(r.Do("GEODIST", "geo", "Palermo", "Catania", "km")), int(at[0][0]), at[1] == nil),
		list("166.2742", 13, true))
	id := str(r.Do("XADD", "x", "*", "k", "v"))
	do(r.Do("XGROUP", "CREATE", "x", "g", "0"))
	read, err := redis.Values(r.Do("XREADGROUP", "GROUP", "g", "me", "STREAMS", "x", ">"))
	must(err)
	check("stream", list(len(read), num(r.Do("XACK", "x", "g", id)), num(r.Do("XLEN", "x"))), list(1, 1, 1))
	check("expire", list(num(r.Do("EXPIRE", "s", 100)), num(r.Do("TTL", "s")) > 0, str(r.Do("TYPE", "z"))),
		list(1, true, "zset"))
	_, err = r.Do("LPUSH", "s", 1)
	check("error", err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE"), true)
}

func together(r redis.Conn, address string) {
	for i := 0; i < 1000; i++ {
		must(r.Send("SET", fmt.Sprint("key:", i), i))
	}
	must(r.Flush())
	for i := 0; i < 1000; i++ {
		check("pipeline", str(r.Receive()), "OK")
	}
	must(r.Send("MULTI"))
	must(r.Send("INCR", "n"))
	must(r.Send("GET", "n"))
	check("transaction", do(r.Do("EXEC")), list(int64(43), []byte("43")))
	do(r.Do("WATCH", "n"))
	other, err := redis.Dial("tcp", address)
	must(err)
	do(other.Do("INCR", "n"))
	must(r.Send("MULTI"))
	must(r.Send("INCR", "n"))
	check("watch", do(r.Do("EXEC")), nil)
	seen := map[string]bool{}
	for at := 0; ; {
		got, err := redis.Values(r.Do("SCAN", at, "MATCH", "key:*", "COUNT", 100))
		must(err)
		var keys []string
		_, err = redis.Scan(got, &at, &keys)
		must(err)
		for _, k := range keys {
			seen[k] = true
		}
		if at == 0 {
			break
		}
	}
	check("scan", len(seen), 1000)
}

func waiting(r redis.Conn, address string) {
	c, err := redis.Dial("tcp", address)
	must(err)
	sub := redis.PubSubConn{Conn: c}
	must(sub.Subscribe("news"))
	must(sub.PSubscribe("n*"))
	got := []interface{}{}
	for len(got) < 2 {
		switch m := sub.ReceiveWithTimeout(30 * time.Second).(type) {
		case redis.Subscription:
			if m.Kind == "psubscribe" {
				check("publish", num(r.Do("PUBLISH", "news", "hello")), 2)
			}
		case redis.Message:
			got = append(got, string(m.Data))
		case error:
			must(m)
		}
	}
	check("pub/sub", got, list("hello", "hello"))
	go func() {
		other, err := redis.Dial("tcp", address)
		must(err)
		for !strings.Contains(str(other.Do("INFO", "clients")), "blocked_clients:1") {
			time.Sleep(5 * time.Millisecond)
		}
		do(other.Do("RPUSH", "queue", "job"))
	}()
	check("blpop", strs(r.Do("BLPOP", "queue", 30)), []string{"queue", "job"})
	check("timeouts", list(do(r.Do("BLPOP", "queue", "0.01")), do(r.Do("BZPOPMIN", "nothing", "0.01"))), list(nil, nil))
}

func dial(address string) (redis.Conn, error) {
	return redis.Dial("tcp", address, redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second),
		redis.DialWriteTimeout(time.Second))
}

// The pool asks the Sentinels at each dial, and takes nobody who does not say that it is master.
func follow(ports, name, key string) {
	addresses := []string{}
	for _, port := range strings.Split(ports, ",") {
		addresses = append(addresses, "127.0.0.1:"+port)
	}
	watched := &sentinel.Sentinel{Addrs: addresses, MasterName: name, Dial: dial}
	pool := &redis.Pool{MaxIdle: 1, Dial: func() (redis.Conn, error) {
		address, err := watched.MasterAddr()
		if err != nil {
			return nil, err
		}
		r, err := dial(address)
		if err == nil && !sentinel.TestRole(r, "master") {
			r.Close()
			return nil, errors.New(address + " is not the master")
		}
		return r, err
	}}
	r := pool.Get()
	for i := 1; ; i++ {
		if _, err := r.Do("RPUSH", key, i); err != nil {
			fmt.Println("note", err)
			drop(r)
			r = pool.Get()
		} else {
			fmt.Println("wrote", i)
			if stop, err := r.Do("GET", "stop"); err == nil && stop != nil {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A READONLY answer does not end a connection by itself: the pool would hand it out again.
func drop(r redis.Conn) {
	r.Do("QUIT")
	r.Close()
}

func main() {
	if os.Args[1] == "sentinel" {
		follow(os.Args[2], os.Args[3], os.Args[4])
		return
	}
	address := os.Args[1] + ":" + os.Args[2]
	r, err := redis.Dial("tcp", address)
	must(err)
	for _, step := range []struct {
		name string
		run  func(redis.Conn, string)
	}{{"types", types}, {"together", together}, {"waiting", waiting}} {
		step.run(r, address)
		fmt.Println("ok", step.name)
	}
}
