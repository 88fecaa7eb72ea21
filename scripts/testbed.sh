#!/usr/bin/env bash
# A pool of several hosts on one machine, for tests and for trying things out: each host has network, mount, PID and UTS
# namespaces of its own, its own root (an overlay over this machine's), address, sshd, boot id and, when Quorate is installed on
# it, its Front End server. Root only. Everything lives under /run/quorate-testbed and goes away with `down`.
#   scripts/testbed.sh up [--hosts N] [--etcd N] [--package FILE.deb] [--pool FILE]
#                               N hosts h1..hN (5), an etcd member on the first of them (3; 0 for none), and the hosts op (the
#                               operator's) and ua (the clients'); the package is installed on each
#   scripts/testbed.sh down     ends all of it
#   scripts/testbed.sh status   one line a host
#   scripts/testbed.sh exec HOST COMMAND...    runs a command on a host
#   scripts/testbed.sh as-operator COMMAND...  runs a command on op as the user ops, who reaches every host by ssh and sudo; on ua, the
#                               second operator's, when TESTBED_OPERATOR=ua
#   scripts/testbed.sh cut|heal HOST           drops a host's link, or brings it back
#   scripts/testbed.sh split HOST...           puts these hosts on a network of their own; `heal` them to end it
#   scripts/testbed.sh crash|on HOST           kills a host whole; starts it again with a new boot id
#   scripts/testbed.sh reboot HOST             crash and on
#   scripts/testbed.sh skew HOST SECONDS       reboots a host with its programs' wall clock off by so much (libfaketime)
# QUORATE_TESTBED and QUORATE_TESTBED_NET name another folder and prefix of network names.
# Addresses: h1 is 10.77.0.1 and so on, op 10.77.0.100, ua 10.77.0.101, and 10.77.0.200 for where `up` is run. Exit code 0; 64 for wrong arguments; 69 when it cannot be
# done here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
state=${QUORATE_TESTBED:-/run/quorate-testbed}
net=${QUORATE_TESTBED_NET:-qtb}

fail() {
  echo "testbed.sh: $2" >&2
  exit "$1"
}

[ "$(id -u)" = 0 ] || fail 69 "only root can make network namespaces; run it as root"

hosts() { cat "$state/hosts"; }

known() {
  [ -d "$state" ] || fail 69 "there is no test bed; 'scripts/testbed.sh up' makes one"
  grep -qx -- "${1:-}" "$state/hosts" || fail 64 "no host '${1:-}'; there are: $(hosts | tr '\n' ' ')"
}

address() {
  case "$1" in
    op) echo 10.77.0.100 ;;
    ua) echo 10.77.0.101 ;;
    *) echo "10.77.0.${1#h}" ;;
  esac
}

# The process that is a host's init, seen from here; nothing when the host is off.
init_of() {
  local pid
  pid=$(cat "$state/$1/init.pid" 2> /dev/null) || return 1
  kill -0 "$pid" 2> /dev/null || return 1
  echo "$pid"
}

# Runs a command inside a host.
inside() {
  local host=$1 pid
  shift
  pid=$(init_of "$host") || fail 69 "host $host is off"
  nsenter --target "$pid" --net --mount --pid --uts --root -- env -C / "$@"
}

make_network() {
  ip netns add $net-switch
  ip netns exec $net-switch ip link set lo up
  for bridge in main apart; do
    ip netns exec $net-switch ip link add $bridge type bridge
    ip netns exec $net-switch ip link set $bridge up
  done
  # This end: whoever makes the test bed is on its network as well.
  ip link add here netns $net-switch type veth peer name $net-here
  ip netns exec $net-switch ip link set here master main up
  ip address add 10.77.0.200/24 dev $net-here
  ip link set $net-here up
}

connect() {
  ip netns add "$net-$1"
  ip link add "$1" netns $net-switch type veth peer name eth0 netns "$net-$1"
  ip netns exec $net-switch ip link set "$1" master main up
  ip netns exec "$net-$1" ip link set lo up
  ip netns exec "$net-$1" ip address add "$(address "$1")/24" dev eth0
  ip netns exec "$net-$1" ip link set eth0 up
}

make_keys() {
  mkdir -p "$state/shared"
  ssh-keygen -q -t ed25519 -N '' -C ops@op -f "$state/shared/operator"
  head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$state/shared/pool.key"
  local host
  while read -r host; do
    ssh-keygen -q -t ed25519 -N '' -C "root@$host" -f "$state/shared/$host.hostkey"
    echo "$host,$(address "$host") $(cut -d' ' -f1,2 "$state/shared/$host.hostkey.pub")" >> "$state/shared/known_hosts"
    echo "$(address "$host") $host" >> "$state/shared/hosts.lines"
  done < "$state/hosts"
}

# Starts what keeps a host alive: it boots it anew each time its init ends, until the host is switched off.
power_on() {
  rm -f "$state/$1/off"
  setsid bash "$here/testbed/life.sh" "$state" "$1" "$net-$1" < /dev/null >> "$state/$1/console.log" 2>&1 &
  local i
  for ((i = 0; i < 200; i++)); do
    [ -e "$state/$1/signs/booted" ] && init_of "$1" > /dev/null && return
    sleep 0.05
  done
  tail -n 20 "$state/$1/console.log" >&2
  fail 69 "host $1 did not boot; the end of its console is above"
}

# Ends a host and what keeps it alive. A host that is just booting anew has no init yet: so again until its life is over.
power_off() {
  touch "$state/$1/off"
  local pid life i
  life=$(cat "$state/$1/life.pid" 2> /dev/null) || life=
  for ((i = 0; i < 1000; i++)); do
    if pid=$(init_of "$1"); then kill -9 "$pid" 2> /dev/null || true; fi
    [ -n "$life" ] && kill -0 "$life" 2> /dev/null || break
    sleep 0.01
  done
  rm -f "$state/$1/signs/booted"
}

up() {
  local count=5 etcd=3 package='' pool=''
  while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail 64 "$1 takes a value"
    case "$1" in
      --hosts) count=$2 ;;
      --etcd) etcd=$2 ;;
      --package) package=$2 ;;
      --pool) pool=$2 ;;
      *) fail 64 "unknown argument '$1'; up takes --hosts, --etcd, --package and --pool" ;;
    esac
    shift 2
  done
  [[ $count =~ ^[1-9]$ && $etcd =~ ^[0-9]$ && $etcd -le $count ]] || fail 64 "from 1 to 9 hosts, and no more etcd members than hosts"
  [ -z "$package" ] || [ -f "$package" ] || fail 64 "no package '$package'"
  [ -z "$pool" ] || [ -f "$pool" ] || fail 64 "no pool file '$pool'"
  [ ! -d "$state" ] || fail 69 "there is a test bed already; 'scripts/testbed.sh down' ends it"
  local tool
  for tool in ip nsenter unshare sshd etcd sudo start-stop-daemon; do
    command -v "$tool" > /dev/null || PATH=$PATH:/usr/sbin command -v "$tool" > /dev/null \
      || { bash "$here/setup.sh" --testbed && break; }
  done

  mkdir -m 0755 "$state"
  # An overlay's upper folder must not lie in the folder it covers: a file system of its own.
  mount -t tmpfs -o mode=0755 quorate-testbed "$state"
  trap 'down > /dev/null 2>&1 || true' ERR
  local number
  for ((number = 1; number <= count; number++)); do echo "h$number"; done > "$state/hosts"
  printf 'op\nua\n' >> "$state/hosts"
  echo "$etcd" > "$state/etcd"
  make_network
  make_keys
  [ -z "$pool" ] || cp "$pool" "$state/shared/pool.yaml"
  [ -z "$package" ] || install_below "$package"
  local host
  while read -r host; do
    mkdir -p "$state/$host"/{upper,work,root,signs}
    connect "$host"
    power_on "$host"
  done < "$state/hosts"
  trap - ERR
}

# Installs the package once, in a layer that every host's root is put over.
install_below() {
  local base=$state/base
  mkdir -p "$base"/{upper,work,root}
  mount -t overlay base -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
  cp "$1" "$base/root/run/"
  local result=0
  unshare --mount --propagation private chroot "$base/root" dpkg --install "/run/$(basename "$1")" > "$base/install.log" 2>&1 || result=$?
  rm -f "$base/root/run/$(basename "$1")"
  umount "$base/root"
  [ "$result" = 0 ] || {
    cat "$base/install.log" >&2
    fail 69 "the package could not be installed; dpkg's output is above"
  }
}

down() {
  local host name i
  if [ -f "$state/hosts" ]; then
    while read -r host; do
      [ ! -d "$state/$host" ] || power_off "$host"
    done < "$state/hosts"
    # A host's life ends when it sees that it is off; its overlay goes with its mount namespace.
    sleep 0.3
  fi
  # By name, also those of a test bed that was not ended properly.
  for name in /run/netns/"$net"-*; do
    [ ! -e "$name" ] || ip netns delete "$(basename "$name")" 2> /dev/null || true
  done
  ip link delete "$net-here" 2> /dev/null || true
  [ -d "$state" ] || return 0
  for ((i = 0; i < 50; i++)); do
    mountpoint -q "$state" || break
    umount "$state" 2> /dev/null || sleep 0.1
  done
  ! mountpoint -q "$state" || umount --lazy "$state"
  rmdir "$state"
}

status() {
  [ -d "$state" ] || fail 69 "there is no test bed; 'scripts/testbed.sh up' makes one"
  local host pid
  while read -r host; do
    if pid=$(init_of "$host"); then
      printf '%-4s %-12s boot id %s, %s\n' "$host" "$(address "$host")" "$(cat "$state/$host/boot_id")" \
        "$(cat "$state/$host/signs/units" 2> /dev/null | tr '\n' ' ')"
    else
      printf '%-4s %-12s off\n' "$host" "$(address "$host")"
    fi
  done < "$state/hosts"
}

command=${1:-}
[ $# -eq 0 ] || shift
case "$command" in
  up) up "$@" ;;
  down) down ;;
  status) status ;;
  exec)
    known "${1:-}"
    inside "$@"
    ;;
  as-operator)
    known "${TESTBED_OPERATOR:-op}"
    inside "${TESTBED_OPERATOR:-op}" setpriv --reuid=ops --regid=ops --init-groups env HOME=/home/ops USER=ops "$@"
    ;;
  cut)
    known "${1:-}"
    ip netns exec $net-switch ip link set "$1" down
    ;;
  heal)
    known "${1:-}"
    ip netns exec $net-switch ip link set "$1" master main up
    ;;
  split)
    for host in "$@"; do
      known "$host"
      ip netns exec $net-switch ip link set "$host" master apart up
    done
    ;;
  crash)
    known "${1:-}"
    power_off "$1"
    ;;
  on)
    known "${1:-}"
    power_on "$1"
    ;;
  reboot)
    known "${1:-}"
    power_off "$1"
    power_on "$1"
    ;;
  skew)
    known "${1:-}"
    [[ ${2:-} =~ ^[-+]?[0-9]+$ ]] || fail 64 "skew takes a host and seconds, such as 'skew h4 3600'"
    power_off "$1"
    if [ "$2" -eq 0 ]; then rm -f "$state/$1/skew"; else printf '%+d\n' "$2" > "$state/$1/skew"; fi
    power_on "$1"
    ;;
  *) fail 64 "unknown command '$command'; see the head of scripts/testbed.sh" ;;
esac
