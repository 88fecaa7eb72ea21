#!/usr/bin/env bash
# Kills the real 'quorate patch' with SIGKILL when its journal record 1, 2, 3 ... is seen in the fabric, until the run ends before
# that record; each time runs the same command again and looks at what came of it: a pool of three servers under load. Then kills the
# coordinator's whole process group, and Front End servers, at records drawn by chance. Prints one table (docs/benchmarks.md has the
# last one). About 10 s for each record.
#   Benchmarks/kill-sweep.sh [STEP [RANDOM]]     every STEP-th record (1), RANDOM groups and servers (6 of each)
# Exit code 0 when every run was resumed to the same end and nothing was lost, 1 when not, 69 when it could not be done.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
bash scripts/setup.sh
scratch=${QUORATE_SCRATCH:-.build}
build=(swift build -c release --scratch-path "$scratch")
for product in quorate quorate-next pool-bench; do
  output=$("${build[@]}" --product "$product" 2>&1) || { tail -n 60 <<< "$output" >&2; exit 69; }
done
echo "load before: $(cat /proc/loadavg); $(nproc) cores; commit $(git rev-parse --short HEAD 2> /dev/null || echo unknown)"
exec "$("${build[@]}" --show-bin-path)/pool-bench" kills "$@"
