#!/bin/sh
# The simulator's figures (issue 4): many runs with faults and no violation, in pieces that go on after a failure, runs a
# second of one core, how often each fault happened, and the table of weakenings: each gate and each fence switched off in
# turn, with the number of runs until that is noticed.
# Usage: Benchmarks/engine-sim.sh [runs] ; needs: swift build -c release --product quorate-sim, or for the figures
# Benchmarks/engine-sim-build.sh and QUORATE_SIM=.build/sim/quorate-sim
set -u
cd "$(dirname "$0")/.." || exit 1
SIM="${QUORATE_SIM:-.build/release/quorate-sim}"
RUNS="${1:-1000000}"
PIECE=20000
FAILED=0
[ -x "$SIM" ] || { echo "no $SIM: swift build -c release --product quorate-sim"; exit 1; }
echo "load: $(cat /proc/loadavg), $(nproc) cores"
OUT=$("$SIM" --replay Simulations/seeds.txt) || { echo "$OUT"; exit 1; }
echo "kept seeds: $(echo "$OUT" | tail -n 1)"
FIRST=$("$SIM" --seed 7 --runs 200 | sed 's/.*fingerprint //')
SECOND=$("$SIM" --seed 7 --runs 200 | sed 's/.*fingerprint //')
[ "$FIRST" = "$SECOND" ] || { echo "the same seeds gave two histories: $FIRST, $SECOND"; exit 1; }
echo "two processes, one history: fingerprint $FIRST"
echo "faults in 2,000 runs:"
"$SIM" --seed 1 --runs 2000 --faults || FAILED=1
SEED=1
while [ "$SEED" -le "$RUNS" ]; do
  LEFT=$((RUNS - SEED + 1))
  [ "$LEFT" -lt "$PIECE" ] || LEFT=$PIECE
  echo "quorate-sim --seed $SEED --runs $LEFT --all"
  "$SIM" --seed "$SEED" --runs "$LEFT" --all || FAILED=1
  SEED=$((SEED + LEFT))
done
echo "gates and fences switched off in turn:"
"$SIM" --weaknesses || FAILED=1
[ "$FAILED" -eq 0 ] && echo "no violation in $RUNS runs, and every weakening found"
exit "$FAILED"
