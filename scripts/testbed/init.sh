#!/bin/bash
# The init of a host of the test bed: accounts, sshd, etcd where there is a member, and the units that are enabled. Runs as
# process 1 of the host; the host ends with it.
#   HOST its name; ETCD how many members there are; SKEW by how many seconds its programs' clock is off
set -u
exec < /dev/null

say() { echo "$HOST: $*"; }

accounts() {
  getent passwd ops > /dev/null && return
  useradd --create-home --shell /bin/sh ops
  # No password, but not locked: sshd refuses a locked account its key as well.
  usermod --password "*" ops
  install -d -m 0700 -o ops -g ops /home/ops/.ssh
  install -m 0600 -o ops -g ops /testbed/operator.pub /home/ops/.ssh/authorized_keys
  echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops
  chmod 0440 /etc/sudoers.d/ops
  if [ "$HOST" = op ] || [ "$HOST" = ua ]; then
    install -m 0600 -o ops -g ops /testbed/operator /home/ops/.ssh/id_ed25519
    install -m 0644 -o ops -g ops /testbed/known_hosts /home/ops/.ssh/known_hosts
  fi
}

names() {
  {
    echo '127.0.0.1 localhost'
    cat /testbed/hosts.lines
  } > /etc/hosts
  echo "$HOST" > /etc/hostname
}

configuration() {
  mkdir -p /etc/quorate
  # An index of man pages, made anew by each installation, is most of its time.
  rm -f /var/lib/man-db/auto-update
  [ ! -f /testbed/pool.yaml ] || cp /testbed/pool.yaml /etc/quorate/pool.yaml
  [ ! -f /testbed/default ] || cp /testbed/default /etc/default/quorate
  if [ ! -f /etc/quorate/pool.key ]; then
    install -m 0600 /testbed/pool.key /etc/quorate/pool.key
    case "$HOST" in op | ua) chown ops /etc/quorate/pool.key ;; esac
  fi
}

ssh_server() {
  install -m 0600 "/testbed/$HOST.hostkey" /etc/ssh/testbed_host_key
  mkdir -p /run/sshd
  cat > /etc/ssh/testbed_config << CONFIG
HostKey /etc/ssh/testbed_host_key
PidFile /run/sshd.pid
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
AllowUsers ops
Subsystem sftp internal-sftp
CONFIG
  /usr/sbin/sshd -f /etc/ssh/testbed_config -E /var/log/sshd.log
}

etcd_member() {
  local number=${HOST#h} own cluster i
  [[ $number =~ ^[0-9]+$ && $number -le $ETCD ]] || return 0
  own=10.77.0.$number
  for ((i = 1; i <= ETCD; i++)); do cluster+="${cluster:+,}h$i=http://10.77.0.$i:2380"; done
  # Started again when it dies, as its unit would be.
  while true; do
    etcd --name "$HOST" --data-dir /var/lib/etcd-testbed --listen-peer-urls "http://$own:2380" \
      --initial-advertise-peer-urls "http://$own:2380" --listen-client-urls "http://$own:2379,http://127.0.0.1:2379" \
      --advertise-client-urls "http://$own:2379" --initial-cluster "$cluster" --initial-cluster-token quorate-testbed \
      --max-txn-ops 1024 --logger zap --log-level warn >> /var/log/etcd.log 2>&1
    sleep 2
  done &
  say "etcd member started"
}

trap 'say "is told to end"; exit 0' TERM
mkdir -p /run/units
accounts
names
configuration
ssh_server
etcd_member
export SKEW
for unit in /etc/testbed-enabled/*; do
  [ -e "$unit" ] || continue
  systemctl start "$(basename "$unit")" && say "started $(basename "$unit")"
done
touch /testbed-host/booted
say "is up"
while true; do
  sleep 3600 &
  wait $!
done
