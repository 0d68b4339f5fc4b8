#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the library exports is what the headers declare, no more and no less.
set -eu
library=$1
headers=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$folder/exported"
cat "$headers"/*.h | tr '\n' ' ' | grep -o 'CW_PUBLIC[^;]*;' | grep -o 'cw_[a-z_]*(' | tr -d '(' |
	sort -u >"$folder/declared"
[ -s "$folder/declared" ]
diff "$folder/declared" "$folder/exported"
grep -v '^cw_' "$folder/exported" && exit 1
echo "$(wc -l <"$folder/exported") functions"
