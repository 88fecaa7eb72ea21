#!/usr/bin/env bash
# Passes the tests on a fresh Debian machine that has Swift and git: installs what is missing, checks the format, builds,
# builds the previous release too, runs unit tests, simulations, the integration tests with real processes, SQLite, etcd and SIPp, and, as
# root, those on a test bed of five hosts.
#   scripts/test.sh                everything
#   scripts/test.sh --unit         everything but the integration tests and the test bed
#   scripts/test.sh --filter NAME  what swift test's --filter takes
set -euo pipefail
cd "$(dirname "$0")/.."
# A crash's backtrace takes seconds to print and can hang in a test of kill -9.
export SWIFT_BACKTRACE=enable=no

bash scripts/setup.sh --tests --package --testbed

swift format lint --strict --recursive --parallel Sources Tests Fuzzing Package.swift
swift build --build-tests

# The previous release, from its own sources: pools are patched from it to this one and back. It lacks in a shallow clone.
if [ $# -eq 0 ]; then
  if QUORATE_PREVIOUS=$(bash scripts/previous.sh); then
    export QUORATE_PREVIOUS
  else
    unset QUORATE_PREVIOUS
    echo "test.sh: the previous release was not built (see above): its tests are left out" >&2
  fi
fi

run() { swift test --skip-build --disable-xctest "$@"; }

if [ "${1:-}" = --filter ]; then
  run "$@"
  exit
fi

# Those that compute go together. Those that wait for real time go one target after the other: a simulation takes both
# cores and the threads that tasks share, and would make every time-out a lie.
waiting="FabricStoreTests FabricStoreSQLiteTests FabricStoreEtcdTests FabricAgentTests FrontEndPoolDriverTests FrontEndTests
  PatchEngineTests ServerControlTests SIPClientTests TargetActsTests"
skipped=(--skip IntegrationTests --skip TestbedTests)
for target in $waiting; do skipped+=(--skip "$target"); done
run --parallel "${skipped[@]}"
for target in $waiting; do run --filter "$target"; done
if [ "${1:-}" != --unit ]; then
  run --filter IntegrationTests
  run --filter TestbedTests
fi
