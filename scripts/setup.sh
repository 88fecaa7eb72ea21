#!/usr/bin/env bash
# Installs what a fresh Debian machine with Swift and git lacks to build Quorate. Does nothing when all is there.
#   scripts/setup.sh           what the build needs
#   scripts/setup.sh --tests   also what the tests need (SIPp, etcd, openssl, an ssh server, sudo, curl; sipsak, baresip, linphonec)
#   scripts/setup.sh --bench   also what Benchmarks/etcd.sh needs
#   scripts/setup.sh --package also what scripts/package.sh needs
#   scripts/setup.sh --testbed also what scripts/testbed.sh needs
# Run by scripts/demo.sh and scripts/test.sh. Exit code 0, or 69 when something is missing and cannot be installed.
set -euo pipefail

packages=(libsqlite3-dev)
for argument in "$@"; do
  case "$argument" in
    --tests)
      packages+=(sip-tester etcd-server openssl openssh-server openssh-client sudo curl sipsak baresip-core linphone-cli)
      ;;
    python3-venv) packages+=(python3-venv) ;;
    --bench) packages+=(etcd-server curl gcc nghttp2-client python3) ;;
    --package) packages+=(dpkg-dev binutils gzip) ;;
    --testbed) packages+=(iproute2 util-linux openssh-server openssh-client sudo etcd-server etcd-client iputils-ping
      faketime adduser procps sip-tester) ;;
    *)
      echo "setup.sh: unknown argument '$argument'; it takes --tests, --bench, --package, --testbed or nothing" >&2
      exit 64
      ;;
  esac
done

if ! command -v swift > /dev/null; then
  echo "setup.sh: no 'swift' in PATH. Install Swift 6.2 or newer from https://www.swift.org/install/linux/ first." >&2
  exit 69
fi

if ! command -v dpkg-query > /dev/null; then
  echo "setup.sh: this is no Debian system: make sure yourself that the SQLite headers${*:+ and SIPp} are there." >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Installing ${missing[*]} ..." >&2
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo > /dev/null && { sudo -n true 2> /dev/null || [ -t 0 ]; }; then
    as_root=(sudo)
  else
    echo "setup.sh: cannot install ${missing[*]}: not root, and no sudo that works here. Run as root:" >&2
    echo "  apt-get update && apt-get install -y ${missing[*]}" >&2
    exit 69
  fi
fi

install() {
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "${missing[@]}"
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A fresh machine has no package lists, or old ones: only then are they fetched.
if ! install > "$log" 2>&1; then
  if ! { ${as_root[@]+"${as_root[@]}"} apt-get update -q && install; } > "$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup.sh: installing ${missing[*]} failed; the end of apt-get's output is above." >&2
    exit 69
  fi
fi
