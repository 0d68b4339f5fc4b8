#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every manual page compiles, is listed for the build, and names itself.
set -eu
cd "$(dirname "$0")/../.."

n=0
row() {
	n=$((n + 1))
	echo "$1 $n - $2"
}

command -v scdoc >/dev/null || {
	echo "1..0 # SKIP scdoc is not installed"
	exit 0
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

printf 'broken(1\n' >"$scratch/broken.scd"
if scdoc <"$scratch/broken.scd" >/dev/null 2>&1; then
	row "not ok" "a page that is broken on purpose is refused"
else
	row ok "a page that is broken on purpose is refused"
fi

for page in docs/man/*.scd; do
	[ -f "$page" ] || continue
	name=$(basename "$page" .scd)
	if scdoc <"$page" >"$scratch/out" 2>"$scratch/err" && [ -s "$scratch/out" ]; then
		row ok "$name compiles"
	else
		sed 's/^/# /' "$scratch/err"
		row "not ok" "$name compiles"
	fi
	if head -n 3 "$page" | grep -qF "${name%.*}(${name##*.})"; then
		row ok "$name begins with its own name and section"
	else
		row "not ok" "$name begins with its own name and section"
	fi
	if grep -qF "'$name'" docs/meson.build; then
		row ok "$name is listed in docs/meson.build"
	else
		row "not ok" "$name is listed in docs/meson.build"
	fi
done
echo "1..$n"
