#!/bin/sh
# Runs all tests: installs what is missing (Debian, as root), builds the release and the sanitizer
# build, then unit tests, fuzz corpora, the simulator, tidy, the end-to-end tests, and the practice set.
# The last line is `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
sh configs/setup.sh tests || exit 1

if [ ! -f build-test/build.ninja ]; then
    meson setup build-test --buildtype=debugoptimized -Db_lto=false -Db_sanitize=address,undefined \
        -Db_lundef=false > build-test.log 2>&1 || { cat build-test.log; exit 1; }
    rm -f build-test.log
fi
ninja -C build-test || exit 1

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:allocator_may_return_null=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
passed=0 failed=0
count() { # adds the figures of a closing line "N passed, N failed"
    passed=$((passed + $1)) failed=$((failed + $2))
}

echo "== unit tests, corpora, simulator, tidy"
meson test -C build-test --print-errorlogs --num-processes 2
ok=$(sed -n 's/^Ok: *\([0-9]*\).*/\1/p' build-test/meson-logs/testlog.txt | tail -n 1)
bad=$(sed -n 's/^\(Fail\|Timeout\|Unexpected Pass\): *\([0-9]*\).*/\2/p' build-test/meson-logs/testlog.txt |
    awk '{ n += $1 } END { print n + 0 }')
count "${ok:-0}" "${bad:-1}"

echo "== end to end, sanitizer build"
TANIST_BUILD=$PWD/build-test python3 tests/e2e/run.py "$@" > e2e.log 2>&1
cat e2e.log
count "$(sed -n 's/^\([0-9]*\) passed, .*/\1/p' e2e.log | tail -n 1)" \
    "$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' e2e.log | tail -n 1)"
rm -f e2e.log

echo "== the practice set, release build"
if TANIST_BUILD=$PWD/build-release sh configs/practice.sh --check; then count 1 0; else count 0 1; fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
