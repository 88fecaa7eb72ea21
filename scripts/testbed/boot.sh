#!/usr/bin/env bash
# The first process of a host of the test bed: gives it its root and becomes its init. Started by life.sh in the host's
# namespaces.
#   boot.sh STATE HOST
set -eu
state=$1 host=$2
root=$state/$host/root
here=$(cd "$(dirname "$0")" && pwd)

hostname "$host"
# What `up --package` installed lies between the host's own files and this machine's.
below=/
[ ! -d "$state/base/upper" ] || below=$state/base/upper:/
mount -t overlay "$host" -o "lowerdir=$below,upperdir=$state/$host/upper,workdir=$state/$host/work" "$root"
mount -t proc proc "$root/proc"
mount --bind "$state/$host/boot_id" "$root/proc/sys/kernel/random/boot_id"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mkdir -p "$root/testbed" "$root/testbed-host" "$root/usr/local/bin"
mount --bind "$state/shared" "$root/testbed"
mount --bind "$state/$host/signs" "$root/testbed-host"
cp "$here/init.sh" "$root/run/init.sh"
install -m 0755 "$here/systemctl" "$here/reboot" "$root/usr/local/bin/"
skew=
[ ! -f "$state/$host/skew" ] || skew=$(cat "$state/$host/skew")
exec env -i PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin SWIFT_BACKTRACE=enable=no \
  HOST="$host" SKEW="$skew" ETCD="$(cat "$state/etcd")" \
  chroot "$root" /bin/bash /run/init.sh
