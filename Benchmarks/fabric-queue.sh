#!/bin/sh
# How fairly the processes of one fabric file take turns: N writers at full load, each with leases to renew.
# usage: Benchmarks/fabric-queue.sh [--seconds S | --minutes M] [--writers N] [--tasks T] [--program FILE]
# Passes when no lease was lost and the 99th percentile of renewals is under a quarter of the TTL (500 ms of 2 s).
set -eu
seconds=60 writers=3 tasks=64 program=
while [ $# -gt 1 ]; do
  case $1 in
    --seconds) seconds=$2 ;;
    --minutes) seconds=$(($2 * 60)) ;;
    --writers) writers=$2 ;;
    --tasks) tasks=$2 ;;
    --program) program=$2 ;;
    *) echo "unknown option $1" >&2; exit 64 ;;
  esac
  shift 2
done
if [ -z "$program" ]; then
  cd "$(dirname "$0")/.."
  swift build -c release --product fabric-load >&2
  program=$(swift build -c release --show-bin-path)/fabric-load
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
for index in $(seq "$writers"); do
  "$program" writer "$directory/fabric.db" "w$index" "$seconds" "$tasks" > "$directory/$index.out" &
done
wait
cat "$directory"/*.out
cat "$directory"/*.out | awk -v seconds="$seconds" -v writers="$writers" '
  {
    lines++
    for (i = 1; i <= NF; i++) { split($i, f, "="); v[f[1]] = f[2] + 0 }
    puts += v["puts"]; lost += v["lost"]
    if (low == "" || v["puts"] < low) low = v["puts"]
    if (v["puts"] > high) high = v["puts"]
    if (v["renewal-p50"] > p50) p50 = v["renewal-p50"]
    if (v["renewal-p99"] > p99) p99 = v["renewal-p99"]
    if (v["renewal-max"] > max) max = v["renewal-max"]
  }
  END {
    printf "total %d puts, %d puts/s; share of the least and the most %.1f %% and %.1f %%\n",
      puts, puts / seconds, 100 * low / puts, 100 * high / puts
    printf "lease renewals of the slowest: p50 %.3f ms, p99 %.3f ms, max %.3f ms; leases lost %d\n", p50, p99, max, lost
    ok = lines == writers && lost == 0 && p99 < 500
    print ok ? "PASS" : "FAIL"
    exit !ok
  }'
