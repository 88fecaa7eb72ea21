#!/usr/bin/env bash
# Builds the Debian package: the program linked with Swift's libraries inside, the systemd unit, an example pool file, the man
# page and completions for bash, zsh and fish.
#   scripts/package.sh [--next] [--binary FILE] [--output DIRECTORY]
# --next      packages the next release (quorate-next), as the tests and docs/operating/packages.md do
# --binary    packages this program instead of building one; it must be a quorate
# --output    where the package goes (default: .build-package)
# Prints the package's path. Exit code 0, 64 for wrong arguments, 69 when something is missing, else the failing tool's own.
set -euo pipefail
cd "$(dirname "$0")/.."

product=quorate
binary=
output=.build-package
compression=(-Zxz)
while [ $# -gt 0 ]; do
  case "$1" in
    --next) product=quorate-next; shift ;;
    --binary)
      binary=${2:?package.sh: --binary takes a file}
      # A package for a test is read once: packing it hard would take longer than the test.
      compression=(-Zgzip -z1)
      shift 2
      ;;
    --output) output=${2:?package.sh: --output takes a directory}; shift 2 ;;
    *) echo "package.sh: unknown argument '$1'; it takes --next, --binary FILE and --output DIRECTORY" >&2; exit 64 ;;
  esac
done
for tool in dpkg-deb dpkg-shlibdeps strip gzip; do
  command -v "$tool" > /dev/null && continue
  bash scripts/setup.sh --package
  break
done

mkdir -p "$output"
output=$(cd "$output" && pwd)
if [ -z "$binary" ]; then
  bash scripts/setup.sh
  build=(swift build -c release --static-swift-stdlib --scratch-path .build-package/swift --product "$product")
  "${build[@]}" >&2
  binary=$("${build[@]}" --show-bin-path)/$product
fi
[ -x "$binary" ] || { echo "package.sh: '$binary' is no program that can be run" >&2; exit 64; }
version=$("$binary" --version)
case "$version" in
  [0-9]*) ;;
  *) echo "package.sh: '$binary --version' says '$version', which is no version of quorate" >&2; exit 64 ;;
esac
architecture=$(dpkg --print-architecture)
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}" +%Y-%m-%d)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
tree=$root/debian/quorate
put() { install -D -m "$1" "$2" "$tree/$3"; }

put 0755 "$binary" usr/bin/quorate
strip --strip-unneeded "$tree/usr/bin/quorate"
put 0644 "Packaging/systemd/quorate-frontend@.service" "lib/systemd/system/quorate-frontend@.service"
put 0644 Packaging/deb/needrestart.conf etc/needrestart/conf.d/quorate.conf
put 0644 Packaging/deb/copyright usr/share/doc/quorate/copyright
put 0644 CHANGELOG.md usr/share/doc/quorate/changelog
gzip -9n "$tree/usr/share/doc/quorate/changelog"
"$binary" init "$root/pool.yaml" > /dev/null
put 0644 "$root/pool.yaml" usr/share/doc/quorate/examples/pool.yaml
sed -e "s/@VERSION@/$version/" -e "s/@DATE@/$date/" Packaging/man/quorate.1 > "$root/quorate.1"
put 0644 "$root/quorate.1" usr/share/man/man1/quorate.1
gzip -9n "$tree/usr/share/man/man1/quorate.1"
for shell in bash:bash-completion/completions/quorate zsh:zsh/vendor-completions/_quorate \
  fish:fish/vendor_completions.d/quorate.fish; do
  "$binary" --generate-completion-script "${shell%%:*}" > "$root/completion"
  put 0644 "$root/completion" "usr/share/${shell#*:}"
done
install -d -m 0755 "$tree/etc/quorate"

# What the program is linked with, in Debian's own terms. A test's dynamic build also needs Swift's libraries, which no
# package has.
printf 'Source: quorate\n\nPackage: quorate\nArchitecture: any\n' > "$root/debian/control"
depends=$(cd "$root" && dpkg-shlibdeps -O --ignore-missing-info debian/quorate/usr/bin/quorate 2> "$root/shlibdeps" \
  | sed -n 's/^shlibs:Depends=//p') || { cat "$root/shlibdeps" >&2; exit 1; }
mkdir -m 0755 "$tree/DEBIAN"
cat > "$tree/DEBIAN/control" << CONTROL
Package: quorate
Version: $version
Architecture: $architecture
Maintainer: Quorate maintainers <maintainers@quorate.example>
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)
Depends: $depends${depends:+, }adduser
Recommends: openssh-client
Suggests: etcd-server
Section: net
Priority: optional
Description: patches a pool of replicated servers one at a time, without an outage
 Quorate checks that every replica of a pool is present, recovers the pool if
 quorum was lost, moves all services off one server, applies the patch, returns
 it to service, proves it, and repeats for every server that needs it.
 .
 It ships its own pool, a SIP registrar whose Front End servers are made to be
 patched at noon. This package never starts, stops or restarts one.
CONTROL
echo /etc/needrestart/conf.d/quorate.conf > "$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 0755 "Packaging/deb/$script" "$tree/DEBIAN/$script"; done
(cd "$tree" && find . -type f -not -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum > DEBIAN/md5sums)

package=$output/quorate_${version}_$architecture.deb
dpkg-deb --root-owner-group "${compression[@]}" --build "$tree" "$package" > /dev/null
echo "$package"
