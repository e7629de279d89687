#!/bin/sh
# chroot.sh DIR: a small Debian 13 below DIR, with the peers that Debian packs: Suricata 8, of trixie-backports, and
# python3-netfilterqueue. Nothing in it is started, and nothing of the machine's own is changed.
# MIRROR=URL takes the packages from there.
set -eu
dir=$1
say() { echo "chroot: $*" >&2; }
[ ! -e "$dir/etc/peers" ] || exit 0
[ "$(id -u)" = 0 ] || { say "needs root"; exit 1; }
command -v debootstrap >/dev/null || { say "debootstrap is not installed (apt-get install debootstrap)"; exit 1; }

say "making $dir of trixie; this takes a minute or several, and 310 MB"
rm -rf "$dir" "$dir.new" && mkdir -p "$dir.new"
# What debootstrap mounts goes with its mount namespace, also if it is stopped half way: the next rm must not find it.
# shellcheck disable=SC2086
unshare --mount debootstrap --variant=minbase trixie "$dir.new" ${MIRROR:-} >"$dir.log" 2>&1 || { say "debootstrap failed: see $dir.log"; exit 1; }

cd "$dir.new"
sed 's/ trixie / trixie-backports /' etc/apt/sources.list >etc/apt/sources.list.d/backports.list
cp -L /etc/resolv.conf etc/resolv.conf
printf '#!/bin/sh\nexit 101\n' >usr/sbin/policy-rc.d && chmod +x usr/sbin/policy-rc.d
get="apt-get -o Dpkg::Use-Pty=0 -y -qq --no-install-recommends"
inside() { DEBIAN_FRONTEND=noninteractive chroot . "$@" >>"../${dir##*/}.log" 2>&1; }
inside apt-get -qq update || { say "apt-get update failed: see $dir.log"; exit 1; }
# shellcheck disable=SC2086
inside $get -t trixie-backports install suricata || { say "Suricata of trixie-backports was not had: see $dir.log"; exit 1; }
# shellcheck disable=SC2086
inside $get install python3-netfilterqueue || { say "python3-netfilterqueue was not had: see $dir.log"; exit 1; }
inside apt-get clean
chroot . dpkg-query -W suricata python3-netfilterqueue >etc/peers
cd - >/dev/null
mv "$dir.new" "$dir"
cat "$dir/etc/peers" >&2
