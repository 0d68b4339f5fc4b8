#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Which system calls does break-glass make? Clocks, and sendto() that does not wait.
set -eu
probe=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! strace -o "$folder/try" true 2>/dev/null; then
	echo "SKIPPED: strace cannot trace here" >&2
	exit 77
fi
for how in broker full alone; do
	strace -f -o "$folder/trace" "$probe" "$how"
	awk '
		/getpgid\(0\)/ { inside = !inside; ++markers; next }
		!inside { next }
		/clock_gettime\(/ { next }
		/sendto\(.*MSG_DONTWAIT/ && /MSG_NOSIGNAL/ { ++sent; next }
		{ print "not permitted: " $0; bad = 1 }
		END {
			if (markers != 2) { print "markers: " markers + 0; bad = 1 }
			print sent + 0 > "'"$folder"'/sent"
			exit bad
		}' "$folder/trace"
	sent=$(cat "$folder/sent")
	echo "$how: $sent sends"
	case $how in
	alone) [ "$sent" -eq 0 ] ;;
	broker) [ "$sent" -eq 4 ] ;;
	full) [ "$sent" -ge 1 ] ;;
	esac
done
