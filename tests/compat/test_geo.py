"""Places in sorted sets beside redis-server 7.0.15: scripts and generated searches."""
import random

from beside import BOTH_WAYS, events, generated, replicated, scripted, side_by_side

SICILY = "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge1 17.241510 38.788135 edge2"

SCRIPT = SICILY + """ | GEOADD g 13.361389 38.115556 Palermo | GEOADD g CH 13.5 38 Palermo | GEOADD g NX 1 1 Palermo | GEOADD g XX 1 1 new | GEOADD g NX XX 1 1 a | GEOADD g 1 1 | GEOADD g x 1 a | GEOADD g 1 x a | GEOADD g 200 1 a | GEOADD g 1 90 a | GEOADD g -180 -85.05112878 low | GEOADD g 180 85.05112878 high | GEOADD g CH NX | GEOADD g NX CH CH | GEOADD g 1 1 a 2 | GEOPOS g Palermo Catania low high nokey | GEOHASH g Palermo Catania low high nokey | ZRANGE g 0 -1 WITHSCORES | TYPE g | OBJECT ENCODING g
""" + SICILY + """ | GEODIST g Palermo Catania | GEODIST g Palermo Catania m | GEODIST g Palermo Catania KM | GEODIST g Palermo Catania mi | GEODIST g Palermo Catania ft | GEODIST g Palermo Catania yd | GEODIST g Palermo x | GEODIST nokey a b | GEODIST nokey a b yd | GEODIST g Palermo Palermo | GEODIST g Palermo Catania km x | GEODIST g a
""" + SICILY + """ | GEORADIUS g 15 37 200 km | GEORADIUS g 15 37 200 km ASC | GEORADIUS g 15 37 200 km DESC WITHDIST | GEORADIUS g 15 37 200 km WITHCOORD WITHDIST WITHHASH ASC | GEORADIUS g 15 37 200 km COUNT 1 | GEORADIUS g 15 37 200 km COUNT 1 DESC | GEORADIUS g 15 37 200 km COUNT 1 ANY | GEORADIUS g 15 37 200 km ANY | GEORADIUS g 15 37 200 km COUNT 0 | GEORADIUS g 15 37 200 km COUNT x | GEORADIUS g 15 37 200 km COUNT | GEORADIUS g 15 37 x km | GEORADIUS g 15 37 -1 km | GEORADIUS g 15 37 200 yd | GEORADIUS g 200 37 200 km | GEORADIUS g x 37 200 km | GEORADIUS g 15 37 200 km FOO | GEORADIUS g 15 37 0 m | GEORADIUS nokey 15 37 200 km | GEORADIUS nokey 15 x 200 km | GEORADIUS g 15 37 1 km
""" + SICILY + """ | GEORADIUS_RO g 15 37 200 km ASC WITHDIST | GEORADIUS_RO g 15 37 200 km STORE d | GEORADIUSBYMEMBER g Palermo 200 km ASC WITHDIST | GEORADIUSBYMEMBER g nokey 200 km | GEORADIUSBYMEMBER nokey a 200 km | GEORADIUSBYMEMBER nokey a x yd | GEORADIUSBYMEMBER g Palermo x km | GEORADIUSBYMEMBER_RO g Palermo 500 km DESC WITHCOORD | GEORADIUSBYMEMBER_RO g Palermo 500 km STORE d | GEORADIUSBYMEMBER nokey a 1 km STORE d
""" + SICILY + """ | GEORADIUS g 15 37 200 km STORE d | ZRANGE d 0 -1 WITHSCORES | GEORADIUS g 15 37 200 km STOREDIST d | ZRANGE d 0 -1 | GEORADIUS g 15 37 200 km STORE d WITHDIST | GEORADIUS g 15 37 200 km STORE | GEORADIUS g 15 37 200 km COUNT 1 STORE d | ZRANGE d 0 -1 | GEORADIUS g 15 37 1 m STORE d | EXISTS d | GEORADIUS nokey 15 37 1 m STORE d | SET d v | GEORADIUS nokey 15 37 1 m STORE d | EXISTS d | GEORADIUSBYMEMBER g Palermo 300 km STOREDIST d | ZCARD d
""" + SICILY + """ | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC | GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST WITHHASH | GEOSEARCH g FROMMEMBER Palermo BYBOX 1000 10 km DESC WITHDIST | GEOSEARCH g FROMMEMBER nokey BYRADIUS 1 m | GEOSEARCH g BYRADIUS 1 m ASC ASC ASC | GEOSEARCH g FROMLONLAT 15 37 ASC ASC ASC | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km BYBOX 1 1 m | GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 1 m BYRADIUS 2 m | GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 1 m | GEOSEARCH g FROMMEMBER Palermo FROMLONLAT 15 37 BYRADIUS 1 m | GEOSEARCH g FROMLONLAT 15 37 FROMLONLAT 13 38 BYRADIUS 200 km BYRADIUS 20 km ASC | GEOSEARCH g FROMLONLAT 15 37 BYBOX -1 1 m | GEOSEARCH g FROMLONLAT 15 37 BYBOX x 1 m | GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 x m | GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 1 yd | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 ANY ANY | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ANY | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km STORE d | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST | GEOSEARCH nokey FROMLONLAT 15 37 BYRADIUS 200 km | GEOSEARCH nokey FROMMEMBER x BYRADIUS 200 km | geosearch nokey FROMMEMBER x COUNT 1 ASC
""" + SICILY + """ | GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 km | ZRANGE d 0 -1 WITHSCORES | GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 km STOREDIST COUNT 3 | ZRANGE d 0 -1 | GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 km WITHDIST | GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 1 1 m | EXISTS d | GEOSEARCHSTORE d nokey FROMMEMBER a BYBOX 1 1 m | GEOSEARCHSTORE g g FROMLONLAT 15 37 BYRADIUS 100 km | ZRANGE g 0 -1 | GEOSEARCHSTORE d g FROMLONLAT 15 37 ASC DESC ASC | SET d v | GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 100 km STORE x | GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 100 km | TYPE d
SET k v | GEOADD k 1 1 a | GEOADD k 1 x a | GEOPOS k a | GEOHASH k a | GEODIST k a b | GEODIST k a b yd | GEORADIUS k x 1 1 m | GEORADIUSBYMEMBER k a 1 m | GEOSEARCH k FROMMEMBER a BYRADIUS 1 m | GEOSEARCHSTORE d k FROMMEMBER a BYRADIUS 1 m | GEOPOS nokey | GEOPOS nokey a | GEOHASH nokey a b | GEOHASH k | GEOADD n 0 0 a | GEOPOS n a | GEOHASH n a | GEODIST n a a
ZADD z 1 a -5 b 1e300 c 0.5 d inf e 4503599627370496 f | GEOPOS z a d | GEOHASH z a d | GEODIST z a d
"""

LISTS = {
    "k": ["g1", "g2"], "m": [f"m{i}" for i in range(60)], "x": ["-180", "-120.5", "-13.361389", "0", "2.3522", "13.361389", "15.087269", "139.6917", "179.99"],
    "y": ["-85", "-66.5", "-33.9", "-1", "0", "1.5", "38.115556", "37.502669", "48.8566", "67", "81.5", "85"],
    "r": ["0", "1", "10", "150", "1000", "5000", "15000", "21000"], "u": ["m", "km", "mi", "ft", "KM"], "o": ["ASC", "DESC"], "n": ["1", "3", "100"],
}
WRITES = ["GEOADD k x y m x y m x y m", "GEOADD k x y m", "GEOADD k CH x y m", "ZREM k m", "GEOSEARCHSTORE k k FROMLONLAT x y BYRADIUS r km",
          "GEORADIUS k x y r mi STORE k", "GEOADD k x y m x y m x y m x y m x y m x y m"]
READS = ["GEOPOS k m m", "GEOHASH k m", "GEODIST k m m u", "GEORADIUS k x y r u", "GEORADIUS k x y r u WITHDIST WITHCOORD WITHHASH",
         "GEORADIUSBYMEMBER k m r u WITHDIST", "GEOSEARCH k FROMLONLAT x y BYRADIUS r u", "GEOSEARCH k FROMLONLAT x y BYBOX r r u",
         "GEOSEARCH k FROMMEMBER m BYBOX r r u WITHDIST", "GEOSEARCH k FROMLONLAT x y BYRADIUS r km COUNT n ANY"]


def test_script_resp2():
    scripted(SCRIPT, 2)


def test_script_resp3():
    scripted(SCRIPT, 3)


def test_generated():
    generated(20260601, 10000, WRITES[:4] + WRITES[6:] * 3 + WRITES + READS * 2, LISTS)


def random_places(r, n):
    return [(r.uniform(-180, 180), r.uniform(-85, 85), f"p{i}") for i in range(n)]


def test_random_searches():
    """Places everywhere, searches of every size and on every side of the globe, each with its order."""
    def run(c):
        r = random.Random(20260602)
        places = random_places(r, 3000)
        for i in range(0, len(places), 100):
            c.step(["GEOADD", "g"] + [x for p in places[i:i + 100] for x in p])
        for _ in range(1500):
            at = ["FROMLONLAT", r.uniform(-180, 180), r.uniform(-85, 85)]
            if r.random() < 0.3:
                at = ["FROMMEMBER", f"p{r.randrange(3000)}"]
            size = 10 ** r.uniform(0, 4.3)
            by = ["BYRADIUS", size, "km"] if r.random() < 0.5 else ["BYBOX", size, 10 ** r.uniform(0, 4.3), "km"]
            c.step(["GEOSEARCH", "g", *at, *by, *r.choice([[], ["ASC"], ["COUNT", 10], ["COUNT", 5, "ANY"], ["DESC"]]), "WITHDIST", "WITHCOORD"])
    side_by_side(2, run)


def test_events():
    events(20260604, 2000, WRITES, LISTS)


def test_replication():
    for master, replica in BOTH_WAYS:
        replicated(master, replica, 20260603, 1500, WRITES, LISTS)
