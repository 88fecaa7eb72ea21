#!/usr/bin/env bash
# A pool whose fabric is on etcd, all on this machine: durable REGISTER/s of one server on one member and of three servers on three,
# with the CPU that each uses; what users feel of a planned fail-over and of a host that crashes; a server that joins a pool of a
# million bindings; and etcd alone with the same transactions. Prints Markdown tables; docs/benchmarks.md keeps the last ones.
#   Benchmarks/etcd.sh [--program QUORATE] [--parts one,three,gaps,join,bare] [--seconds S] [--users N] [--bindings N]
# Without --program it builds, in release. `gaps` needs pool-bench and quorate-next beside QUORATE. The members run with etcd's default
# limits; only the quota is 8 GiB. Needs what scripts/setup.sh --bench installs.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
program='' parts=one,three,gaps,join,bare arguments=()
while [ $# -gt 1 ]; do
  case $1 in
    --program) program=$2 ;;
    --parts) parts=$2 ;;
    --seconds | --users | --bindings) arguments+=("$1" "$2") ;;
    *) echo "etcd.sh: unknown option $1" >&2; exit 64 ;;
  esac
  shift 2
done
bash scripts/setup.sh --bench
if [ -z "$program" ]; then
  for product in quorate quorate-next pool-bench; do swift build -c release --product "$product" >&2; done
  program=$(swift build -c release --show-bin-path)/quorate
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -o "$work/load" Benchmarks/register/load.c
for part in ${parts//,/ }; do
  if [ "$part" = gaps ]; then
    echo
    "$(dirname "$program")/pool-bench" etcd-gaps || [ $? = 1 ]
  else
    python3 Benchmarks/register/etcd.py --program "$program" --load "$work/load" --parts "$part" ${arguments[@]+"${arguments[@]}"}
  fi
done
