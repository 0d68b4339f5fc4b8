#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ./dev: what it refuses, in which words, and with which status.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

n=0
# expect STATUS WORDS WHY COMMAND...: the last line on stderr contains WORDS.
expect() {
	want=$1 words=$2 why=$3
	shift 3
	n=$((n + 1))
	rc=0
	"$@" >"$scratch/out" 2>"$scratch/err" </dev/null || rc=$?
	if [ "$rc" = "$want" ] && tail -n 1 "$scratch/err" | grep -qF -- "$words"; then
		echo "ok $n - $why"
	else
		sed 's/^/# /' "$scratch/out" "$scratch/err"
		echo "not ok $n - $why: status $rc, want $want"
	fi
}

# A tree of its own: no areas, and a package that exists nowhere.
mkdir "$scratch/tree"
cp dev "$scratch/tree/"
printf '[run]\nno-such-package-at-all # planted\n' >"$scratch/tree/packages.list"
chmod 755 "$scratch" "$scratch/tree"
chmod 644 "$scratch/tree/packages.list"

expect 2 "there is no verb 'frobnicate'" "an unknown verb is said by name" ./dev frobnicate
expect 2 "there is no verb 'demo'" "a verb without its part is not offered" "$scratch/tree/dev" demo
expect 2 "fresh what?" "fresh wants a verb" ./dev fresh
expect 2 "soak what?" "soak wants to know what" ./dev soak
expect 2 "there is no verb 'frobnicate'" "fresh wants a verb that exists" ./dev fresh frobnicate
expect 2 "there is no verb ''" "fresh --keep wants a verb, too" ./dev fresh --keep

as_nobody() { # without a sudo, so that none can help
	mkdir -p "$scratch/bin"
	for tool in sh sed awk dpkg-query id dirname nproc cat printf; do
		[ -e "$scratch/bin/$tool" ] || ln -s "$(command -v $tool)" "$scratch/bin/$tool"
	done
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups env PATH="$scratch/bin" "$@"
	else
		env PATH="$scratch/bin" "$@"
	fi
}
expect 2 "needs root or sudo: no-such-package-at-all" "a missing right is said in one line" \
	as_nobody "$scratch/tree/dev" build
lines=$(grep -c . "$scratch/err") || :
n=$((n + 1))
if [ "$lines" = 1 ]; then
	echo "ok $n - and in one line only"
else
	echo "not ok $n - and in one line only: $lines lines"
fi
expect 2 "fresh needs root" "fresh says that it needs root" as_nobody "$scratch/tree/dev" fresh test

printf '[run]\n# nothing\n[test]\nno-such-package-at-all\n' >"$scratch/tree/packages.list"
n=$((n + 1))
if as_nobody "$scratch/tree/dev" build 2>&1 | grep -q no-such-package; then
	echo "not ok $n - a verb asks for the packages of its own sections only"
else
	echo "ok $n - a verb asks for the packages of its own sections only"
fi
# A package that dpkg has heard of, as a suggestion of another, is not installed.
rm "$scratch/bin/dpkg-query"
# shellcheck disable=SC2016 # for the script that is written here
printf '#!/bin/sh\ncase $4 in known) echo "not-installed " ;; *) echo "installed " ;; esac\n' \
	>"$scratch/bin/dpkg-query"
chmod 755 "$scratch/bin/dpkg-query"
printf '[run]\nthere # words\nknown\n' >"$scratch/tree/packages.list"
expect 2 "sudo: known" "a package that dpkg only knows by name is missing" \
	as_nobody "$scratch/tree/dev" build
n=$((n + 1))
if ./dev help | grep -q '^  test ' && ! "$scratch/tree/dev" help | grep -q '^  proof '; then
	echo "ok $n - help offers what stands in the tree"
else
	echo "not ok $n - help offers what stands in the tree"
fi
echo "1..$n"
