#!/usr/bin/env bash
# The registrar's figures beside Kamailio's, in turn, in one call: CPU a request (the servers' own, from /proc, so that it does
# not depend on what the generator takes of the same cores), rates, latency, digest, a pool of three, memory, idle TLS connections,
# overload.
#   Benchmarks/register.sh [--program QUORATE] [--parts cpu,rate,digest,pool,memory,tls,overload] [--seconds S] [--rates A,B] ...
# The load generator is Benchmarks/register/load.c: SIPp has one thread, no SHA-256, and takes more CPU a request than the servers.
# Needs root or sudo for apt, where Kamailio, sqlite3, python3 or gcc are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
program=
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --program) program=$2; shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
for package in kamailio kamailio-sqlite-modules sqlite3 python3 gcc openssl; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null | grep -q '^installed' || apt-get install -y -q "$package"
done
if [ -z "$program" ]; then
  swift build -c release --product quorate
  program=$(swift build -c release --show-bin-path)/quorate
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -o "$work/load" Benchmarks/register/load.c
python3 Benchmarks/register/figures.py --program "$program" --load "$work/load" ${arguments[@]+"${arguments[@]}"}
