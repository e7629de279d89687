#!/bin/sh
# Installs what the lab tests use besides Go, as root on Debian and its children. Anywhere else it says what is missing.
set -eu
want="iptables nftables iproute2 ethtool procps curl dnsutils openssl nginx-light"
missing=""
for p in $want; do
	dpkg -s "$p" >/dev/null 2>&1 || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "setup: not installed, so some tests will be skipped:$missing" >&2
	exit 0
fi
echo "setup: installing$missing"
apt-get update -qq >/dev/null
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
