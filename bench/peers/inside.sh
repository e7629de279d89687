#!/bin/sh
# inside.sh ROOT COMMAND…: runs it below ROOT, where this directory is /peers and the policies are /policies.
# bench starts it by ip netns exec, which gives it a mount namespace of its own: what is mounted here goes with it.
set -eu
root=$1
shift
here=$(dirname "$0")
mkdir -p "$root/peers" "$root/policies"
mount -t proc proc "$root/proc"
mount --bind -o ro "$here" "$root/peers"
mount --bind -o ro "$here/../policies" "$root/policies"
exec chroot "$root" "$@"
