#!/bin/sh
# kernel.sh DIR: a kernel of Debian's with its modules, unpacked below DIR and not installed: nothing of the machine's own
# start is touched. As root it installs the emulator too.
set -eu
dir=$1
[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || { echo "qemu: this needs Debian or a child of it, on amd64" >&2; exit 1; }
apt-cache show linux-image-cloud-amd64 >/dev/null 2>&1 || apt-get update -qq >/dev/null || { echo "qemu: run apt-get update once, as root" >&2; exit 1; }
if ! command -v qemu-system-x86_64 >/dev/null; then
	[ "$(id -u)" = 0 ] || { echo "qemu: qemu-system-x86 is not installed" >&2; exit 1; }
	echo "qemu: installing qemu-system-x86"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-system-x86 >/dev/null
fi
[ ! -d "$dir/boot" ] || exit 0
# The name that always exists depends on the one with the version.
package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
rm -rf "$dir.new" && mkdir -p "$dir.new"
(cd "$dir.new" && apt-get download -qq "$package" 2>/dev/null && dpkg -x ./*.deb . && rm ./*.deb)
rm -rf "$dir" && mv "$dir.new" "$dir"
