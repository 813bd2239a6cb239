#!/bin/sh
# Brings up a highly available set on this machine and shows a failover: a master, two replicas and
# three Sentinels. Ctrl-C ends it and removes everything. `--check` ends by itself, for tests.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${TANIST_BUILD:-}" ]; then
    sh configs/setup.sh
    TANIST_BUILD=$PWD/build-release
    export TANIST_BUILD
fi
exec python3 configs/practice.py "$@"
