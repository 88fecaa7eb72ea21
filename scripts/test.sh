#!/usr/bin/env bash
# Passes the tests on a fresh Debian machine that has Swift and git: installs what is missing, checks the format, builds,
# runs unit tests, simulations and the integration tests with real processes, SQLite and SIPp.
#   scripts/test.sh                everything
#   scripts/test.sh --unit         everything but the integration tests
#   scripts/test.sh --filter NAME  what swift test's --filter takes
set -euo pipefail
cd "$(dirname "$0")/.."
# A crash's backtrace takes seconds to print and can hang in a test of kill -9.
export SWIFT_BACKTRACE=enable=no

bash scripts/setup.sh --tests

swift format lint --strict --recursive --parallel Sources Tests Package.swift
swift build --build-tests

arguments=()
if [ "${1:-}" = --unit ]; then
  arguments+=(--skip IntegrationTests)
  shift
fi
swift test --skip-build --disable-xctest --parallel ${arguments[@]+"${arguments[@]}"} "$@"
