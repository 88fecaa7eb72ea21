#!/usr/bin/env bash
# One act that does nothing, over a shared ssh connection, through the fence: first, median and p99.
#   Benchmarks/ssh.sh [COUNT]      COUNT acts, 300 when left out
# It starts an sshd of its own on a free port of 127.0.0.1, with its own keys; it must be root. Nothing of /etc/ssh or ~/.ssh is
# touched. QUORATE names the program (default: .build-release/release/quorate, built if it is not there).
# The login shell is kept from reading ~/.bashrc by SetEnv SHLVL=2, as an account whose shell is dash would; WITH_BASHRC=1 lets it.
set -euo pipefail
cd "$(dirname "$0")/.."
count=${1:-300}
quorate=${QUORATE:-.build-release/release/quorate}
[ "$(id -u)" = 0 ] || { echo "ssh.sh: must be root: it starts an sshd" >&2; exit 77; }
command -v sshd > /dev/null || [ -x /usr/sbin/sshd ] || { echo "ssh.sh: no sshd: scripts/setup.sh --tests" >&2; exit 69; }
[ -x "$quorate" ] || swift build -c release --scratch-path .build-release --product quorate >&2

dir=$(mktemp -d /tmp/quorate-ssh-bench-XXXXXX)
sshd=
cleanup() {
  [ -z "$sshd" ] || kill "$sshd" 2> /dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT
for key in host user; do ssh-keygen -q -t ed25519 -N '' -f "$dir/$key"; done
port=$(awk 'BEGIN { srand(); print 20000 + int(rand() * 20000) }')
cat > "$dir/sshd_config" << END
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host
AuthorizedKeysFile $dir/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PidFile none
END
[ -n "${WITH_BASHRC:-}" ] || echo "SetEnv SHLVL=2" >> "$dir/sshd_config"
mkdir -p /run/sshd
/usr/sbin/sshd -D -f "$dir/sshd_config" -E "$dir/log" &
sshd=$!
for _ in $(seq 100); do grep -q "Server listening" "$dir/log" 2> /dev/null && break; sleep 0.05; done
echo "[127.0.0.1]:$port $(cat "$dir/host.pub")" > "$dir/known"
cat > "$dir/config" << END
Host target
  HostName 127.0.0.1
  Port $port
  User root
  IdentityFile $dir/user
  IdentitiesOnly yes
  UserKnownHostsFile $dir/known
  GlobalKnownHostsFile /dev/null
END
cat > "$dir/pool.yaml" << END
pool: bench
domain: example.com
fabric: sqlite:fabric.db
servers:
  - name: fe1
    sip: 127.0.0.1:5071
    peer: 127.0.0.1:5081
    http: 127.0.0.1:5091
    service: {start: "true", stop: "true", status: "false"}
    ssh: {to: target, config: $dir/config, state: $dir/state}
  - name: here
    sip: 127.0.0.1:5072
    peer: 127.0.0.1:5082
    http: 127.0.0.1:5092
END
"$quorate" pool reach "$dir/pool.yaml" --count "$count"
