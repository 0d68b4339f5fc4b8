#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ./dev fresh [--keep] VERB...: runs ./dev VERB in a new Debian 12 root.
#
# The root is made from this machine's own package sources, gets the committed
# tree as /careward, and lives in mount and process namespaces of its own:
# when the first process ends, every other process and every mount is gone.
# Downloaded packages are kept beside it for the next time.
set -eu

suite=bookworm
base=${CAREWARD_FRESH:-$HOME/.cache/careward-fresh}

say() { printf '%s\n' "fresh: $*" >&2; }
refuse() {
	say "$*"
	exit 2
}

keep=
if [ "${1:-}" = --keep ]; then
	keep=yes
	shift
fi
[ $# -gt 0 ] || refuse "fresh what? For example: ./dev fresh test"
[ "$(id -u)" = 0 ] || refuse "fresh needs root: sudo ./dev fresh $*"
command -v mmdebstrap >/dev/null || refuse "fresh needs mmdebstrap: see packages.list"

mkdir -p "$base/packages/partial"
base=$(cd "$base" && pwd)
work=$(mktemp -d "$base/root-XXXXXX")
new=$work/root
# shellcheck disable=SC2317 # called by the trap
finish() {
	[ -z "$keep" ] || {
		say "kept: $new"
		return
	}
	# Every mount was made in the namespace that has ended: only files are left.
	rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# --- where packages come from: as this machine says, nothing else -------------

mkdir "$work/sources"
debian() { # the file names the suite, and no key but the archive's own
	grep -q "$suite" "$1" || return 1
	! grep -i 'signed-by' "$1" | grep -qv 'debian-archive'
}
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
	if [ -f "$f" ] && debian "$f"; then
		cp "$f" "$work/sources/"
	fi
done
# Proxies and the checks of dates; what else is set there is this machine's own.
apt-config dump | grep -iE '^Acquire::((https?|ftp)::.*(Proxy|CAInfo|Verify)|Check-|Retries)' |
	grep -v ' "";$' >"$work/apt.conf" || :

set_up() {
	set -- --variant=minbase --quiet --aptopt="$work/apt.conf" "$suite" "$new"
	if [ -n "${CAREWARD_MIRROR:-}" ]; then
		mmdebstrap "$@" "$CAREWARD_MIRROR"
	elif [ -n "$(ls "$work/sources")" ]; then
		mmdebstrap "$@" "$work/sources/"*
	else
		say "no package source of this machine has Debian 12 ($suite): set CAREWARD_MIRROR"
		return 1
	fi
}
say "making a Debian 12 root"
start=$(date +%s)
set_up >"$work/mmdebstrap.log" 2>&1 || {
	cat "$work/mmdebstrap.log" >&2
	refuse "the root could not be made"
}
say "the root stands after $(($(date +%s) - start)) s"

# --- the tree -------------------------------------------------------------------

# Modes as a clone has them: an archive's directories are its group's to write.
mkdir "$new/careward"
umask 022
if [ -e .git ] && git rev-parse -q --verify HEAD >/dev/null 2>&1; then
	[ -z "$(git status --porcelain)" ] || say "what is not committed stays out"
	git archive HEAD
else
	tar -c --exclude='./build*' --exclude=./.git .
fi | tar -x --no-same-owner --no-same-permissions -C "$new/careward"

# --- the run --------------------------------------------------------------------

say "./dev $*"
rc=0
# A PID namespace of its own, ended with its first process, and that one with us.
setpriv --pdeathsig KILL unshare --mount --pid --uts --ipc --fork --kill-child --propagation private -- \
	sh tests/tools/fresh-inside.sh "$new" "$base/packages" "$@" || rc=$?
say "./dev $* ended with status $rc after $(($(date +%s) - start)) s in all"
exit $rc
