#!/usr/bin/env bash
# Durable REGISTER/s of a pool whose fabric is on etcd, all on this machine: one server on one member, and three servers on three
# members. Says who used the CPU. Prints Markdown tables; docs/benchmarks.md keeps the last ones.
#   Benchmarks/etcd.sh [--program QUORATE] [--seconds S] [--rates "ONE THREE"]
# Needs etcd-server, sip-tester and python3 (scripts/setup.sh --tests). The members run with etcd's default limits.
set -euo pipefail
cd "$(dirname "$0")/.."
program= seconds=10 rates="12000 6000"
while [ $# -gt 1 ]; do
  case $1 in
    --program) program=$2 ;;
    --seconds) seconds=$2 ;;
    --rates) rates=$2 ;;
    *) echo "etcd.sh: unknown option $1" >&2; exit 64 ;;
  esac
  shift 2
done
bash scripts/setup.sh --tests
if [ -z "$program" ]; then
  swift build -c release --product quorate
  program=$(swift build -c release --show-bin-path)/quorate
fi
work= members=
finish() {
  [ -z "$work" ] || "$program" pool stop "$work/pool.yaml" > /dev/null 2>&1 || true
  [ -z "$members" ] || { kill $members 2> /dev/null; wait $members 2> /dev/null; } || true
  [ -z "$work" ] || rm -rf "$work"
  work= members=
}
trap finish EXIT

measure() { # members, servers, rate
  work=$(mktemp -d)
  local cluster= endpoints= servers= number port
  for number in $(seq "$1"); do
    cluster="$cluster,m$number=http://127.0.0.1:$((23800 + number))"
    endpoints="$endpoints,127.0.0.1:$((23900 + number))"
  done
  for number in $(seq "$1"); do
    etcd --name "m$number" --data-dir "$work/m$number" --initial-cluster "${cluster#,}" \
      --listen-client-urls "http://127.0.0.1:$((23900 + number))" --advertise-client-urls "http://127.0.0.1:$((23900 + number))" \
      --listen-peer-urls "http://127.0.0.1:$((23800 + number))" --initial-advertise-peer-urls "http://127.0.0.1:$((23800 + number))" \
      > "$work/m$number.log" 2>&1 &
    members="$members $!"
  done
  sleep 2
  {
    echo "pool: bench"
    echo "domain: example.com"
    echo "fabric: etcd:http://${endpoints#,}/quorate/bench"
    echo "groups: 24"
    echo "servers:"
    for number in $(seq "$2"); do
      port=$((25300 + number * 10))
      echo "  - {name: fe$number, sip: \"127.0.0.1:$port\", peer: \"127.0.0.1:$((port + 1))\", http: \"127.0.0.1:$((port + 2))\"}"
    done
  } > "$work/pool.yaml"
  "$program" pool start "$work/pool.yaml" > /dev/null
  sleep 3
  for number in $(seq "$2"); do
    servers="$servers,{\"pid\": $(cat "$work/servers/fe$number/run/server.pid"), \"sip\": \"127.0.0.1:$((25300 + number * 10))\"}"
  done
  echo "| $2 server(s), $1 member(s) | |"
  echo "| --- | --- |"
  python3 Benchmarks/register/etcd.py "{\"servers\": [${servers#,}], \"etcd\": [$(echo $members | tr ' ' ',')], \"rate\": $3,
    \"seconds\": $seconds, \"users\": 50000, \"scenario\": \"$PWD/Benchmarks/register/register.xml\"}"
  echo
  finish
}

echo "load before: $(cat /proc/loadavg)"
measure 1 1 "${rates% *}"
measure 3 3 "${rates#* }"
