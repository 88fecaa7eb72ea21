#!/bin/sh
# Builds quorate-sim alone, for the simulator's figures: its eight modules with the compiler itself, as SwiftPM builds a
# release but for three things. The program has one thread, so references are counted without atomic instructions
# (-assume-single-threaded); the law of exclusivity is not checked as it runs, only as it is compiled; the standard library
# is linked into it. What the program does is the same: so are the fingerprints (Benchmarks/engine-sim.sh prints them).
# Usage: Benchmarks/engine-sim-build.sh ; then: QUORATE_SIM=.build/sim/quorate-sim Benchmarks/engine-sim.sh
set -eu
cd "$(dirname "$0")/.."
OUT=.build/sim
mkdir -p "$OUT"
FLAGS="-O -g -swift-version 6 -enable-upcoming-feature MemberImportVisibility -package-name main -I $OUT
  -assume-single-threaded -enforce-exclusivity=unchecked"
# In the order of Package.swift: each needs only what is before it.
for MODULE in PoolModel SIPMessage PatchRun Replication Registrar PoolDriving PoolProcedures PoolSimulator; do
  # shellcheck disable=SC2086
  swiftc -module-name "$MODULE" -parse-as-library -whole-module-optimization $FLAGS \
    -emit-module -emit-module-path "$OUT/$MODULE.swiftmodule" -c "Sources/$MODULE"/*.swift -o "$OUT/$MODULE.o"
done
# shellcheck disable=SC2086
swiftc -module-name quorate_sim $FLAGS -static-stdlib Sources/quorate-sim/main.swift "$OUT"/*.o -o "$OUT/quorate-sim"
echo "$OUT/quorate-sim"
