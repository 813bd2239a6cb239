#!/usr/bin/env python3
"""Power cuts: what was not synced is gone, file names included; what was promised is there.

A server runs with disk_trace.c in front of its C library. From the notes the disk is built as a power cut would leave
it after each of them, in several ways: everything that was not synced is lost; or any part of it has reached the disk,
each name and each file's tail for itself. A server must start on each of these disks, with all that was promised up to
there, in order, transactions whole.

    tests/e2e/test_powercut.py [--disks 2000] [--seed 1] [SCENE...]      the long form: so many disks a scene
"""
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import time

from lib import Client, ReplyError, Stage, encode, ours_only, wait_for

HEAD = struct.Struct("<BIIQqq")
WRITERS = 2
EVERYSEC_MS = 2000
PACE_S = 0.005
HERE = os.path.dirname(os.path.abspath(__file__))


# ---- recording ----

def library(stage):
    path = os.path.join(stage.folder, "disk_trace.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", path, os.path.join(HERE, "disk_trace.c"), "-ldl"], check=True)
    return path


class Writer(threading.Thread):
    """Units that count up; the answer to each holds its number, so that the notes say when it was given."""

    def __init__(self, port, me, n=0):
        super().__init__()
        self.port, self.me, self.n, self.stopping = port, me, n, False

    def run(self):
        with Client(self.port) as c:
            while not self.stopping:
                self.unit(c)
                time.sleep(PACE_S)

    def unit(self, c):
        n = self.n + 1
        c.pipeline([("MULTI",), ("SET", f"a{self.me}", n), ("SET", f"b{self.me}", n), ("RPUSH", f"l{self.me}", n),
                    ("ECHO", f"<ack {self.me} {n}>"), ("EXEC",)])
        self.n = n


SYNC_US = "2500"  # slow enough for writes to be gathered in front of a sync


class Recorded:
    """A server whose disk calls are noted; `notes` after end()."""

    def __init__(self, stage, name, *options, before=None):
        self.stage, self.trace = stage, os.path.join(stage.folder, name + ".trace")
        self.folder = os.path.join(stage.folder, name)
        os.makedirs(self.folder)
        if before:
            before(self.folder)
        open(self.trace, "wb").close()
        self.first = {p: read(os.path.join(self.folder, p)) for p in walk(self.folder)}
        self.inodes = {p: os.stat(os.path.join(self.folder, p)).st_ino for p in self.first}
        env = dict(os.environ, LD_PRELOAD=library(stage), DISK_TRACE=self.trace, DISK_SYNC_US=SYNC_US,
                   ASAN_OPTIONS="verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", ""))
        self.p = stage.server(*options, name=name, env=env)
        self.c = self.p.client()
        wait_for("the data to be loaded", lambda: self.c.info("persistence")["loading"] == "0")
        self.writers = []

    def write(self, first=0):
        """`first`: what the first writer's keys hold already."""
        self.writers = [Writer(self.p.port, i, 0 if i else first) for i in range(WRITERS)]
        for w in self.writers:
            w.start()

    def save(self):
        """A background save under writes: promised is what was there when it began."""
        self.say("begin")
        self.c.cmd("BGSAVE")
        wait_for("the save", lambda: self.c.info("persistence")["rdb_bgsave_in_progress"] == "0")
        assert self.c.info("persistence")["rdb_last_bgsave_status"] == "ok"
        self.say("saved")

    def units(self, more):
        least = [w.n + more for w in self.writers]
        wait_for("writes", lambda: all(w.n >= n for w, n in zip(self.writers, least)), every=0.005)

    def say(self, word):
        self.c.cmd("ECHO", f"<{word}>")

    def rewritten(self):
        def done():
            i = self.c.info("persistence")
            return i["aof_rewrite_in_progress"] == "0" and i["aof_rewrite_scheduled"] == "0" \
                and i.get("aof_pending_rewrite", "0") == "0"
        wait_for("the rewrite", done)
        assert self.c.info("persistence")["aof_last_bgrewrite_status"] == "ok"

    def stop_writers(self):
        for w in self.writers:
            w.stopping = True
        for w in self.writers:
            w.join()

    def end(self):
        self.stop_writers()
        self.p.kill()
        self.p.wait()
        self.notes = parse(read(self.trace), self.folder)
        return self


def read(path):
    with open(path, "rb") as f:
        return f.read()


def walk(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.relpath(os.path.join(at, name), folder)
            if not path.startswith("log-"):
                yield path


def parse(data, folder):
    """[(op, a, b, inode, at, ms)], paths relative to the folder."""
    def relative(p):
        p = p.decode()
        return os.path.relpath(p, folder) if p.startswith("/") else os.path.normpath(p) if p else ""
    notes, at = [], 0
    while at < len(data):
        op, an, bn, inode, pos, ms = HEAD.unpack_from(data, at)
        at += HEAD.size
        a, b = data[at:at + an], data[at + an:at + an + bn]
        at += an + bn
        op = chr(op)
        if op not in "ws":
            a, b = relative(a), relative(b)
        notes.append((op, a, b, inode, pos, ms))
    return notes


# ---- replaying ----

class Disk:
    """What the notes so far leave: the files as the processes see them, and what of it is safe."""

    def __init__(self, first, inodes):
        self.data = {inodes[p]: bytearray(d) for p, d in first.items()}
        self.safe_data = {i: bytes(d) for i, d in self.data.items()}
        self.names = dict(inodes)
        self.safe_names = dict(inodes)
        self.loose = []  # (number, folder, [(name, inode or None)]) not synced yet
        self.syncs, self.number = {}, 0

    def name(self, folder, *changes):
        self.number += 1
        self.loose.append((self.number, folder, changes))
        for name, inode in changes:
            if inode is None:
                self.names.pop(name, None)
            else:
                self.names[name] = inode

    def settle(self, changes):
        for name, inode in changes:
            if inode is None:
                self.safe_names.pop(name, None)
            else:
                self.safe_names[name] = inode

    def take(self, op, a, b, inode, at, _ms):
        if op == "c":
            self.data[inode], self.safe_data[inode] = bytearray(), b""
            self.name(os.path.dirname(a), (a, inode))
        elif op == "w" and inode in self.data:
            d = self.data[inode]
            if len(d) < at:
                d.extend(bytes(at - len(d)))
            d[at:at + len(a)] = a
        elif op == "t" and inode in self.data:
            del self.data[inode][at:]
        elif op == "u":
            self.name(os.path.dirname(a), (a, None))
        elif op == "r":
            self.name(os.path.dirname(b), (a, None), (b, self.names.get(a)))
        elif op == "f":
            self.syncs[inode] = self.number if a else bytes(self.data.get(inode, b""))
        elif op == "F" and a:
            folder, upto = "" if a == "." else a, self.syncs[inode]
            for change in [l for l in self.loose if l[1] == folder and l[0] <= upto]:
                self.settle(change[2])
                self.loose.remove(change)
        elif op == "F":
            self.safe_data[inode] = self.syncs[inode]

    def lost(self):
        """All that is not safe is gone."""
        return {n: self.safe_data[i] for n, i in self.safe_names.items()}

    def torn(self, rng):
        """Of what is not safe, any part."""
        names = dict(self.safe_names)
        for _, _, changes in self.loose:
            if rng.random() < 0.5:
                for name, inode in changes:
                    if inode is None:
                        names.pop(name, None)
                    else:
                        names[name] = inode
        return {n: self.tail(i, rng) for n, i in names.items()}

    def tail(self, inode, rng):
        now, safe = bytes(self.data[inode]), self.safe_data[inode]
        if not now.startswith(safe):
            return rng.choice([now, safe])
        return now[:rng.choice([len(safe), len(now), rng.randint(len(safe), len(now))])]


class Promise:
    """What the answers so far promise: the least number of each writer."""

    def __init__(self, late_ms):
        self.late_ms = late_ms
        self.acked = [[] for _ in range(WRITERS)]  # (ms, n), from "on" to "off"
        self.last, self.floor, self.valid = [0] * WRITERS, [0] * WRITERS, True
        self.begun = list(self.last)

    def hear(self, text, ms):
        for part in text.split(b"<")[1:]:
            words = part.split(b">")[0].split()
            if words[:1] == [b"ack"] and len(words) == 3:
                me, n = int(words[1]), int(words[2])
                self.last[me] = n
                self.acked[me].append((ms, n))
            elif words == [b"begin"]:
                self.begun = list(self.last)
            elif words == [b"saved"]:
                self.floor = self.begun
            elif words == [b"off"]:
                self.valid = False
            elif words == [b"on"]:
                self.valid, self.floor = True, list(self.last)

    def least(self, ms):
        if not self.valid or self.late_ms is None:
            return list(self.floor) if self.valid else [0] * WRITERS
        return [max([n for at, n in acked if at <= ms - self.late_ms] + [floor])
                for acked, floor in zip(self.acked, self.floor)]


def choose(notes, count, rng):
    """Notes behind which the power fails: mostly those about names."""
    def weight(note):
        return rng.random() * (0.2 if note[0] in "crudt" or (note[0] in "fF" and note[1]) else 1)
    return set(sorted(range(len(notes)), key=lambda i: weight(notes[i]))[:count])


def disks(rec, late_ms, count, rng):
    """[(files, least, what)]: so many different disks."""
    disk, promise, seen, out = Disk(rec.first, rec.inodes), Promise(late_ms), set(), []
    chosen = choose(rec.notes, count, rng)
    for i, note in enumerate(rec.notes):
        disk.take(*note)
        if note[0] == "s":
            promise.hear(note[1], note[5])
        if i not in chosen:
            continue
        least = promise.least(note[5])
        for files, how in [(disk.lost(), "lost"), (disk.torn(rng), "torn"), (disk.torn(rng), "torn")]:
            key = hashlib.sha1(repr((sorted(files.items()), least)).encode()).digest()
            if key not in seen:
                seen.add(key)
                out.append((files, least, f"after note {i} ({note[0]} {note[1][:60]!r} {note[2]!r}), "
                            f"what is not synced {how}"))
    rng.shuffle(out)
    return out[:count]


def check_disk(stage, number, files, least, options):
    folder = os.path.join(stage.folder, f"d{number}")
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
    p = stage.server(*options, "--appendfsync", "no", name=f"d{number}", wait=False)
    wait_for("the server", lambda: p.proc.poll() is not None or p.cmd("PING"), every=0.005)
    with p.client() as c:
        wait_for("the data", lambda: c.info("persistence")["loading"] == "0", every=0.005)
        for me in range(WRITERS):
            a, b, l = c.cmd("GET", f"a{me}"), c.cmd("GET", f"b{me}"), c.cmd("LRANGE", f"l{me}", 0, -1)
            assert a == b, f"a transaction was torn: {a} {b}"
            n = int(a or 0)
            assert l == [b"%d" % i for i in range(1, n + 1)], f"order was lost: {n} {l[-5:]}"
            assert n >= least[me], f"writer {me}: {least[me]} was promised, {n} is there"
        c.cmd("SET", "goes", "on")
    p.kill()
    p.wait()
    assert "AddressSanitizer" not in p.logged()
    stage.processes.remove(p)
    shutil.rmtree(folder)


def replay(stage, rec, options, late_ms, count, seed):
    rng = random.Random(seed)
    rec.end()
    all_of_them = disks(rec, late_ms, count, rng)
    for number, (files, least, what) in enumerate(all_of_them):
        try:
            check_disk(stage, number, files, least, options)
        except (AssertionError, OSError, EOFError, ReplyError) as e:
            sizes = {n: len(d) for n, d in files.items()}
            raise AssertionError(f"seed {seed}, {what}: {sizes}: {e}") from e
    print(f"{len(rec.notes)} notes, {len(all_of_them)} disks, all as promised")


# ---- scenes ----

def rewrites(stage, fsync, *options):
    rec = Recorded(stage, "r", "--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", 0, *options)
    rec.write()
    for _ in range(3):
        rec.units(5)
        rec.c.cmd("BGREWRITEAOF")
        rec.rewritten()
    rec.units(5)
    return rec


def scene_always(stage):
    return rewrites(stage, "always"), 0


def scene_commands(stage):
    return rewrites(stage, "always", "--aof-use-rdb-preamble", "no"), 0


def scene_everysec(stage):
    rec = rewrites(stage, "everysec")
    time.sleep(2.5)  # so long nothing is promised
    rec.c.cmd("BGREWRITEAOF")
    rec.rewritten()
    rec.units(3)
    return rec, EVERYSEC_MS


def scene_switched(stage):
    """Off and on again: the promise rests until the first base file is there."""
    rec = Recorded(stage, "s", "--appendonly", "yes", "--appendfsync", "always")
    rec.write()
    for _ in range(2):
        rec.units(4)
        rec.say("off")
        rec.c.cmd("CONFIG", "SET", "appendonly", "no")
        rec.c.cmd("CONFIG", "SET", "appendonly", "yes")
        rec.rewritten()
        rec.say("on")
    rec.units(4)
    return rec, 0


def scene_adopted(stage):
    """The single file of old versions moves into the folder."""
    def before(folder):
        with open(os.path.join(folder, "appendonly.aof"), "wb") as f:
            for n in (1, 2):
                for words in (("SET", "a0", n), ("SET", "b0", n), ("RPUSH", "l0", n)):
                    f.write(encode(words))
    rec = Recorded(stage, "o", "--appendonly", "yes", "--appendfsync", "always", before=before)
    rec.write(2)
    rec.units(5)
    return rec, 0


def scene_first(stage):
    """A snapshot becomes the first base file."""
    def before(folder):
        p = stage.server(name="maker")
        for words in (("SET", "a0", 1), ("SET", "b0", 1), ("RPUSH", "l0", 1), ("SAVE",)):
            p.cmd(*words)
        shutil.copy(os.path.join(p.folder, "dump.rdb"), folder)
    rec = Recorded(stage, "f", "--appendonly", "yes", "--appendfsync", "always", before=before)
    rec.write(1)
    rec.units(5)
    return rec, 0


def scene_saves(stage):
    """No append-only file: what BGSAVE said it had done."""
    rec = Recorded(stage, "d")
    rec.write()
    for _ in range(4):
        rec.units(5)
        rec.save()
    return rec, None


SCENES = {name[6:]: fn for name, fn in sorted(globals().items()) if name.startswith("scene_")}


def play(name, count, seed):
    with Stage() as stage:
        rec, late_ms = SCENES[name](stage)
        options = [] if name == "saves" else ["--appendonly", "yes"]
        replay(stage, rec, options, late_ms, count, seed)


@ours_only
def test_always():
    play("always", 25, 1)


@ours_only
def test_always_commands():
    play("commands", 15, 1)


@ours_only
def test_everysec():
    play("everysec", 25, 1)


@ours_only
def test_switched():
    play("switched", 20, 1)


@ours_only
def test_first_starts():
    play("adopted", 12, 1)
    play("first", 12, 1)


@ours_only
def test_saves():
    play("saves", 20, 1)


def main(argv):
    def option(name, usual):
        return int(argv[argv.index(name) + 1]) if name in argv else usual
    scenes = [a for a in argv[1:] if a in SCENES] or list(SCENES)
    for name in scenes:
        print(name, flush=True)
        play(name, option("--disks", 2000), option("--seed", 1))


if __name__ == "__main__":
    main(sys.argv)
