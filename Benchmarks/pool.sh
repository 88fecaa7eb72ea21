#!/usr/bin/env bash
# Measures what issue 2 asks for ("Figures to show") on a real pool of processes: gaps that users feel in a planned
# fail-over and in a kill -9, times of fail-over, fail-back and cold start, and latency of the command line. Builds in
# release and prints the machine and one table; docs/benchmarks.md keeps the last one.
#   Benchmarks/pool.sh [gaps] [failover] [coldstart] [commands]     all when none is named
# Exit code 0 when every bound is met, 1 when not, 69 when something could not be measured.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no

bash scripts/setup.sh
build=(swift build -c release)
for product in quorate quorate-next pool-bench; do
  if ! output=$("${build[@]}" --product "$product" 2>&1); then
    tail -n 60 <<< "$output" >&2
    exit 69
  fi
done
directory=$("${build[@]}" --show-bin-path)

processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
echo "Machine: $(uname -n), $(nproc) x ${processor:-unknown processor}, $memory, $(. /etc/os-release && echo "$PRETTY_NAME"),"
echo "kernel $(uname -r), load $(cut -d ' ' -f 1 /proc/loadavg) before; $(swift --version 2> /dev/null | head -n 1);"
echo "commit $(git rev-parse --short HEAD 2> /dev/null || echo unknown); all servers and clients on this one machine."
echo
exec "$directory/pool-bench" "$@"
