#!/bin/sh
# Installs what is missing on Debian (as root) and builds Tanist into build-release/.
# Usage: sh configs/setup.sh            what users need
#        sh configs/setup.sh tests      also what the tests need (Check, a real Redis to compare with, client libraries)
set -eu
cd "$(dirname "$0")/.."

build_packages="gcc libc6-dev meson ninja-build pkg-config python3 libev-dev libcjson-dev liblzf-dev libjemalloc-dev liblua5.1-0-dev lua-cjson-dev lua-bitop-dev"
test_packages="check redis-server redis-sentinel redis-tools iproute2"
# Client libraries of tests/clients; those of node are its own affair (package-lock.json there).
test_packages="$test_packages python3-redis libhiredis-dev php-cli php-redis php-nrk-predis ruby ruby-redis
    libredis-perl gccgo-12 golang-github-fzambia-sentinel-dev haproxy
    prometheus-redis-exporter python3-rq python3-celery python3-django-redis ruby-sidekiq"
command -v node > /dev/null || test_packages="$test_packages nodejs"
command -v npm > /dev/null || test_packages="$test_packages npm"

missing() {
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
    done
}

packages=$build_packages
[ "${1:-}" = tests ] && packages="$packages $test_packages"
need=$(missing $packages)
if [ -n "$need" ]; then
    echo "installing: $need"
    export DEBIAN_FRONTEND=noninteractive
    # Packages must not start services of their own here (the reference server takes port 6379).
    policy=/usr/sbin/policy-rc.d
    made_policy=no
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
        made_policy=yes
    fi
    status=0
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $need; } > /tmp/tanist-apt.log 2>&1 || status=$?
    [ "$made_policy" = yes ] && rm -f "$policy"
    if [ "$status" -ne 0 ]; then
        tail -n 20 /tmp/tanist-apt.log
        echo "apt-get failed; the whole output is in /tmp/tanist-apt.log"
        exit "$status"
    fi
fi

if [ ! -f build-release/build.ninja ]; then
    meson setup build-release --buildtype=release -Dtests=false > build-release.log 2>&1 || {
        cat build-release.log
        exit 1
    }
    rm -f build-release.log
fi
ninja -C build-release
