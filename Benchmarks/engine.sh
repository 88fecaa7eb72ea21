#!/usr/bin/env bash
# The engine's figures (issue 4), for anyone to repeat: the planner on generated pools, the engine's own time for one server, the
# same roll by Ansible (serial: 1, local) beside it, and primary moves against their floor. Installs what it needs: python3-venv,
# and ansible-core in a virtual environment below .build.
#   Benchmarks/engine.sh --prepare               only what needs the network and the compiler
#   Benchmarks/engine.sh [plan] [own] [rolls]    measures; all when none is named; prepares first what is missing
# Exit code 0 when every bound that is held is met, 1 when not, 69 when something could not be measured.
# The simulator's figures are Benchmarks/engine-sim.sh, the kills Benchmarks/kill-sweep.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
scratch=${QUORATE_SCRATCH:-.build}
venv=$PWD/.build/ansible
build=(swift build -c release --scratch-path "$scratch")
only= what=()
for argument in "$@"; do
  case $argument in
    --prepare) only=1 ;;
    plan | own | rolls) what+=("$argument") ;;
    *) echo "engine.sh: unknown argument '$argument'" >&2; exit 64 ;;
  esac
done
[ ${#what[@]} -gt 0 ] || what=(plan own rolls)

if [ ! -x "$venv/bin/ansible-playbook" ] && [[ " ${what[*]} " = *" rolls "* ]]; then
  python3 -c 'import venv, ensurepip' 2> /dev/null || bash scripts/setup.sh python3-venv
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q ansible-core
fi
bash scripts/setup.sh
for product in quorate quorate-next plan-bench engine-bench pool-bench; do
  output=$("${build[@]}" --product "$product" 2>&1) || { tail -n 60 <<< "$output" >&2; exit 69; }
done
[ -z "$only" ] || exit 0

directory=$("${build[@]}" --show-bin-path)
echo "load before: $(cat /proc/loadavg); $(nproc) cores; commit $(git rev-parse --short HEAD 2> /dev/null || echo unknown)"
code=0
for name in "${what[@]}"; do
  echo
  case $name in
    plan) "$directory/plan-bench" || code=$? ;;
    own) "$directory/engine-bench" || code=$? ;;
    rolls)
      "$venv/bin/ansible-playbook" --version | sed -n 1p
      PATH="$venv/bin:$PATH" "$directory/pool-bench" rolls "$venv/bin/ansible-playbook" "$PWD/Benchmarks/engine" || code=$?
      ;;
  esac
done
exit $code
