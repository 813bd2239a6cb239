#!/usr/bin/env python3
"""Runs the end-to-end and compatibility tests: every function test_* of every test_*.py.

    run.py [-j N] [--list] [WORD ...]        only tests whose name contains a word

A test that needs the reference server says so by needs_redis; without it the test fails: the test
command installs it. The last line is `N passed, N failed`.
"""
import concurrent.futures
import importlib
import inspect
import os
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = [HERE] + [os.path.join(os.path.dirname(HERE), other) for other in ("compat", "clients")]
ONE_TEST_S = 300


def find_tests():
    for folder in FOLDERS:
        sys.path.insert(0, folder)
        for name in sorted(os.listdir(folder)):
            if name.startswith("test_") and name.endswith(".py"):
                module = importlib.import_module(name[:-3])
                for fn, obj in inspect.getmembers(module, inspect.isfunction):
                    if fn.startswith("test_") and obj.__module__ == module.__name__:
                        yield f"{name[:-3]}.{fn}"


def run_here(full):
    module, fn = full.split(".")
    for folder in FOLDERS:
        sys.path.insert(0, folder)
    getattr(importlib.import_module(module), fn)()


def run_apart(full):
    """In a process of its own, so that a test that hangs can be ended."""
    began = time.monotonic()
    try:
        p = subprocess.run([sys.executable, os.path.abspath(__file__), "--here", full], timeout=ONE_TEST_S,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        ok, out = p.returncode == 0, p.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as e:
        ok, out = False, (e.stdout or b"").decode(errors="replace") + f"\nno end within {ONE_TEST_S} s"
    return full, ok, out, time.monotonic() - began


def main():
    args = sys.argv[1:]
    if args[:1] == ["--here"]:
        try:
            run_here(args[1])
        except BaseException:
            traceback.print_exc()
            return 1
        return 0
    jobs = 2
    if args[:1] == ["-j"]:
        jobs, args = int(args[1]), args[2:]
    tests = list(find_tests())
    if args[:1] == ["--list"]:
        print("\n".join(tests))
        return 0
    tests = [t for t in tests if not args or any(w in t for w in args)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for full, ok, out, seconds in pool.map(run_apart, tests):
            print(f"{'ok  ' if ok else 'FAIL'} {full} ({seconds:.1f} s)", flush=True)
            if not ok:
                failed += 1
                print(out, flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
