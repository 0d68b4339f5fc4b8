#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fresh-inside.sh ROOT PACKAGES VERB...: the first process of a fresh root.
#
# Called by fresh.sh inside new mount and process namespaces only: it makes the
# mounts, turns ROOT into /, and runs ./dev VERB there.
set -eu

new=$1
packages=$2
shift 2

# Nothing below may ever reach the machine's own mounts.
[ $$ = 1 ] || {
	echo "fresh-inside.sh: to be called by fresh.sh only" >&2
	exit 2
}

mount --bind "$new" "$new" # a mount point, as pivot_root wants it
mount -t proc -o nosuid,nodev,noexec proc "$new/proc"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$new/tmp"
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs "$new/run"
mkdir -m 1777 "$new/run/lock"
mkdir -p "$new/var/cache/apt/archives"
mount --bind "$packages" "$new/var/cache/apt/archives"

# A /dev of its own over the root's; the nodes are the machine's, bound one by one.
mount -t tmpfs -o mode=0755,nosuid tmpfs "$new/dev"
for node in null zero full random urandom tty; do
	: >"$new/dev/$node"
	mount --bind "/dev/$node" "$new/dev/$node"
done
mkdir "$new/dev/pts"
mkdir -m 1777 "$new/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$new/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$new/dev/shm"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
ln -s fd/0 "$new/dev/stdin"
ln -s fd/1 "$new/dev/stdout"
ln -s fd/2 "$new/dev/stderr"

cat /etc/resolv.conf >"$new/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 fresh\n' >"$new/etc/hosts"
hostname fresh 2>/dev/null || :

# pivot_root, not chroot: tests may want namespaces of their own, which a
# process in a chroot is refused.
mkdir "$new/machine"
cd "$new"
pivot_root . machine
cd /careward
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	HOME=/root TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
	${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
	sh -c '
		umount -l /machine && rmdir /machine || exit 1
		"$@" # not exec: the first process has to collect the orphans
		exit $?
	' sh ./dev "$@"
