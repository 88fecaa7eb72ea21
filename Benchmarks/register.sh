#!/usr/bin/env bash
# REGISTER against one durable Front End server and against Kamailio in memory, in turn, in one call: the servers' own CPU time a
# request, and the ratio. SIPp makes the load on the same cores, so CPU a request is the figure to read; the rate is SIPp's.
#   Benchmarks/register.sh [--rate N] [--seconds S] [--users U] [--program QUORATE]
# Needs root or sudo for apt, where kamailio, sip-tester or python3 are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
rate=10000 seconds=10 users=50000 program=
while [ $# -gt 1 ]; do
  case $1 in
    --rate) rate=$2 ;;
    --seconds) seconds=$2 ;;
    --users) users=$2 ;;
    --program) program=$2 ;;
    *) echo "register.sh: unknown option $1" >&2; exit 64 ;;
  esac
  shift 2
done
for package in kamailio sip-tester python3; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null | grep -q '^installed' || apt-get install -y -q "$package"
done
if [ -z "$program" ]; then
  swift build -c release --product quorate
  program=$(swift build -c release --show-bin-path)/quorate
fi
work=$(mktemp -d)
kamailio=
finish() {
  [ -z "$kamailio" ] || kill "$kamailio" 2> /dev/null || true
  "$program" pool stop "$work/pool.yaml" > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

measure() { # name, pid, target
  python3 Benchmarks/register/register.py "{\"pid\": $2, \"targets\": [\"$3\"], \"rate\": $rate, \"seconds\": $seconds,
    \"users\": $users, \"scenario\": \"$PWD/Benchmarks/register/register.xml\"}" | tee "$work/$1.json"
}

echo "load before: $(cat /proc/loadavg)"
cat > "$work/pool.yaml" << EOF
pool: benchmark
domain: example.com
fabric: sqlite:fabric.db
groups: 8
servers:
  - {name: fe1, sip: "127.0.0.1:25171", peer: "127.0.0.1:25172", http: "127.0.0.1:25173"}
EOF
"$program" pool start "$work/pool.yaml" > /dev/null
echo "Quorate, durable:"
measure quorate "$(cat "$work/servers/fe1/run/server.pid")" 127.0.0.1:25171
"$program" pool stop "$work/pool.yaml" > /dev/null

kamailio -f Benchmarks/register/kamailio.cfg -DD -E -m 512 -M 16 > "$work/kamailio.log" 2>&1 &
kamailio=$!
sleep 2
kill -0 "$kamailio" 2> /dev/null || { tail -n 5 "$work/kamailio.log" >&2; exit 69; }
echo "Kamailio, in memory:"
measure kamailio "$kamailio" 127.0.0.1:25160
python3 - "$work" << 'EOF'
import json, sys
ours, theirs = (json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("quorate", "kamailio"))
print(f"CPU a REGISTER: Quorate {ours['cpu_us']} us, Kamailio {theirs['cpu_us']} us, ratio {ours['cpu_us'] / theirs['cpu_us']:.2f}")
EOF
