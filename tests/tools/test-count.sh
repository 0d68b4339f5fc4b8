#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# count.py: what is not a pass and not a skip is a failure.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

n=0
# expect COUNTS WHY: of the log in $scratch/log.
expect() {
	n=$((n + 1))
	got=$(python3 tests/tools/count.py "$scratch/log" 2>/dev/null) || got="status $?"
	if [ "$got" = "$1" ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2: got '$got', want '$1'"
	fi
}

# rows RESULT...: a log with one row each.
rows() {
	for r in "$@"; do
		printf '{"name": "a test", "result": "%s"}\n' "$r"
	done
}

rows OK OK EXPECTEDFAIL >"$scratch/log"
expect "3 0 0" "passes and expected failures pass"
rows OK SKIP >"$scratch/log"
expect "1 0 1" "a skip is a skip"
rows OK FAIL TIMEOUT ERROR INTERRUPT UNEXPECTEDPASS >"$scratch/log"
expect "1 5 0" "every way to fail is a failure"
rows OK SOMETHING-NEW >"$scratch/log"
expect "1 1 0" "an unknown result is a failure"
printf '{"name": "a test"}\n' >"$scratch/log"
expect "0 1 0" "a row without a result is a failure"
rows >"$scratch/log"
expect "0 1 0" "no test at all is a failure"
printf '{"name": "a te' >"$scratch/log"
expect "0 1 0" "a log that is cut short is a failure"
rm "$scratch/log"
expect "0 1 0" "a log that is absent is a failure"
echo "1..$n"
