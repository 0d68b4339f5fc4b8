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
	got=$(python3 tests/tools/count.py "$scratch/log" "$scratch/again" 2>"$scratch/said") ||
		got="status $?"
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

# A second try, alone.
row() { printf '{"name": "%s", "result": "%s"}\n' "$1" "$2"; }
{ row one OK && row two FAIL && row three FAIL; } >"$scratch/log"
{ row two OK && row three FAIL; } >"$scratch/again"
expect "2 1 0" "what passes alone is a pass, what fails again a failure"
n=$((n + 1))
if grep -q "UNSTEADY.*two" "$scratch/said"; then
	echo "ok $n - which is not passed over in silence"
else
	echo "not ok $n - which is not passed over in silence"
fi
row two SKIP >"$scratch/again"
expect "1 2 0" "a second try that is skipped shows nothing"
printf '{"name": "tw' >"$scratch/again"
expect "1 2 0" "nor does one whose log is cut short"
# failures COUNT WHY: so many names are given for a second try.
failures() {
	n=$((n + 1))
	got=$(python3 tests/tools/count.py --failed "$scratch/log" | grep -c .) || :
	if [ "$got" = "$1" ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2: $got names"
	fi
}
failures 2 "failures are named for a second try"
for i in 1 2 3 4 5; do row "$i" FAIL; done >"$scratch/log"
failures 0 "but not many of them: that is no noise"
rm "$scratch/log"
failures 0 "nor without a log"
echo "1..$n"
