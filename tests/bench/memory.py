#!/usr/bin/env python3
"""Resident bytes per key: 1,000,000 keys of 16-byte name and 16-byte value, ours beside redis-server."""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("TANIST_BUILD", os.path.join(ROOT, "build-release"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from lib import Client, encode, free_port, wait_for  # noqa: E402

KEYS = 1_000_000


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def measure(argv, folder):
    port = free_port()
    proc = subprocess.Popen(argv + ["--port", str(port), "--save", ""], cwd=folder,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def up():
            with Client(port, timeout=2):
                return True
        wait_for("the server", up)
        before = resident(proc.pid)
        with Client(port) as c:
            for at in range(0, KEYS, 10000):
                c.send_bytes(b"".join(encode(("SET", f"key:{i:012d}", f"value{i:011d}")) for i in range(at, at + 10000)))
                for _ in range(10000):
                    c.read()
        return (resident(proc.pid) - before) / KEYS
    finally:
        proc.kill()
        proc.wait()


def main():
    with tempfile.TemporaryDirectory(prefix="tanist-bench-") as folder:
        ours = measure([os.path.join(BUILD, "tanist")], folder)
        theirs = measure(["/usr/bin/redis-server"], folder)
    print(f"resident bytes a key, {KEYS} keys of 16 + 16 bytes: ours {ours:.1f}, redis {theirs:.1f}, "
          f"ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
