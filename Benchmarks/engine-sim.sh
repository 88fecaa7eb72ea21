#!/bin/sh
# The simulator's figures (issue 4): many runs with faults and no violation, runs a second, and the table of weakenings:
# each gate and each fence switched off in turn, with the number of runs until that is noticed.
# Usage: Benchmarks/engine-sim.sh [runs] ; needs: swift build -c release --product quorate-sim
set -u
cd "$(dirname "$0")/.." || exit 1
SIM="${QUORATE_SIM:-.build/release/quorate-sim}"
RUNS="${1:-1000000}"
[ -x "$SIM" ] || { echo "no $SIM: swift build -c release --product quorate-sim"; exit 1; }
echo "load: $(cat /proc/loadavg), $(nproc) cores"
echo "kept seeds: $("$SIM" --replay Simulations/seeds.txt | tail -n 1)"
"$SIM" --seed 1 --runs "$RUNS" || exit 1
FIRST=$("$SIM" --seed 7 --runs 200 | sed 's/.*fingerprint //')
SECOND=$("$SIM" --seed 7 --runs 200 | sed 's/.*fingerprint //')
[ "$FIRST" = "$SECOND" ] || { echo "the same seeds gave two histories: $FIRST, $SECOND"; exit 1; }
echo "two processes, one history: fingerprint $FIRST"
MISSED=0
for NAME in $("$SIM" --help | sed -n 's/^Names: //p'); do
  if OUT=$("$SIM" --seed 1 --runs 10000 --weaken "$NAME"); then
    echo "$NAME: NOT NOTICED in 10000 runs"
    MISSED=$((MISSED + 1))
  else
    echo "$NAME: $(echo "$OUT" | sed -n 's/^\(seed .*\)$/\1/p' | head -n 1)"
  fi
done
[ "$MISSED" -eq 0 ] || { echo "$MISSED not noticed"; exit 1; }
