#!/usr/bin/python3
"""Django's cache, locks and sessions by django-redis: `PORT`, or `failover PORTS NAME` (see README.md here)."""
import sys
import threading
import time

import django
from django.conf import settings


def configure(cache, factory="ConnectionFactory"):
    settings.configure(CACHES={"default": cache}, DJANGO_REDIS_CONNECTION_FACTORY=f"django_redis.pool.{factory}",
                       SESSION_ENGINE="django.contrib.sessions.backends.cache", INSTALLED_APPS=[])
    django.setup()


def check(name, got, want):
    if got != want:
        sys.exit(f"FAIL {name}: got {got!r}, want {want!r}")


def one_server(port):
    configure({"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://127.0.0.1:{port}/1",
               "OPTIONS": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}})
    from django.contrib.sessions.backends.cache import SessionStore
    from django.core.cache import cache
    cache.set("a", {"x": [1, "two"]}, timeout=100)
    check("get", [cache.get("a"), cache.get("none", 7), cache.ttl("a") > 90, cache.has_key("a")], [{"x": [1, "two"]}, 7, True, True])
    check("add", [cache.add("b", 1), cache.add("b", 2), cache.get("b")], [True, False, 1])
    check("incr", [cache.incr("b"), cache.incr("b", 10), cache.decr("b")], [2, 12, 11])
    cache.set("big", 2**40)
    check("no counter", [cache.incr("big"), fails(lambda: cache.incr("none"))], [2**40 + 1, "ValueError"])
    cache.set_many({f"many:{n}": n for n in range(200)})
    check("many", [cache.get_many(["many:1", "many:2", "no"]), len(list(cache.iter_keys("many:*"))), cache.delete_pattern("many:*")],
          [{"many:1": 1, "many:2": 2}, 200, 200])
    check("touch", [cache.touch("a", 5), cache.ttl("a") <= 5, cache.persist("a"), cache.ttl("a"), cache.expire("a", 50)],
          [True, True, True, None, True])
    calls = []
    threads = [threading.Thread(target=count, args=(cache, calls)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check("lock", [cache.get("counter"), len(calls)], [20, 20])
    held = cache.lock("held", timeout=60)
    check("held", [held.acquire(), cache.lock("held", timeout=60).acquire(blocking=False)], [True, False])
    held.extend(60)
    held.release()
    store = SessionStore()
    store["user"] = "x"
    store.save()
    check("session", [SessionStore(store.session_key).get("user"), SessionStore().exists(store.session_key)], ["x", True])
    store.cycle_key()
    store.flush()
    check("no session", store.exists(store.session_key), False)
    cache.clear()
    check("clear", cache.get("a"), None)
    print("ok django-redis")


def fails(call):
    try:
        return call()
    except Exception as e:
        return type(e).__name__


def count(cache, calls):
    for _ in range(5):
        with cache.lock("counting", timeout=20):
            cache.set("counter", cache.get("counter", 0) + 1)
            calls.append(1)


def failover(ports, name):
    """Each number: a value, a counter and a lock that is kept. In the end each must be there as it was left."""
    configure({"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://{name}/0",
               "OPTIONS": {"CLIENT_CLASS": "django_redis.client.SentinelClient",
                           "SENTINELS": [("127.0.0.1", int(p)) for p in ports.split(",")],
                           "SENTINEL_KWARGS": {"socket_timeout": 1},
                           "CONNECTION_POOL_CLASS": "redis.sentinel.SentinelConnectionPool"}}, "SentinelConnectionFactory")
    from django.core.cache import cache
    from django_redis import get_redis_connection
    taken, n = [], 0
    while True:
        n += 1
        try:
            cache.set(f"value-{n}", n, timeout=None)
            cache.set(f"count-{n}", 1, timeout=None)
            cache.incr(f"count-{n}")
            if not cache.lock(f"lock-{n}", timeout=600).acquire(blocking=False):
                raise RuntimeError("locked already")
            taken.append(n)
            print("wrote", n, flush=True)
            if get_redis_connection("default").get("stop"):
                break
        except Exception as e:
            print("note", repr(e), flush=True)
        time.sleep(0.01)
    for n in taken:
        kept = not cache.lock(f"lock-{n}", timeout=600).acquire(blocking=False)
        if kept and cache.get(f"value-{n}") == n and cache.get(f"count-{n}") == 2:
            print("done", n)


if sys.argv[1] == "failover":
    failover(*sys.argv[2:4])
else:
    one_server(sys.argv[1])
