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
# CC-05: nothing that two handles could share. What is left is the compiler's own.
if objdump -t "$library" | grep -E ' \.(data|bss|tdata|tbss)[[:space:]]' |
	grep -vE ' (completed\.[0-9]+|__dso_handle|__TMC_END__|\.(data|bss))$'; then
	echo "the library has data that can be written to"
	exit 1
fi
echo "$(wc -l <"$folder/exported") functions"
