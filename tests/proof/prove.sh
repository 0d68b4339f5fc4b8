#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Proves the decision. From the root of the source tree: tests/proof/prove.sh
#
# Exit status: 0 every goal is proved; 1 not; 77 the provers are missing and
# nothing was proved. Frama-C itself exits with 0 when goals fail: what counts
# is the number of goals, and that it does not fall below tests/proof/goals.

set -u
here=tests/proof
# shellcheck source=tests/proof/common.sh
. "$here/common.sh" || exit 1

failed=0

fail() {
	echo "proof: $*" >&2
	failed=1
}

# No goal may be hidden: neither assumed, nor left out, nor taken from a body
# that is not there.
forbid_assumptions() {
	words='admit|axiom|assume|\<reads\>|terminates +\\false|requires +\\false|UINT(32|64)_C'
	# decide.h and table.h have no contracts: a contract without a body is believed.
	if grep -n '/[*/]@' policy/decide.h policy/table.h include/careward/result.h; then
		fail "a header holds contracts of functions without a body"
	fi
	if grep -nE "$words" policy/decide.c policy/contexts.c policy/validate.c policy/crc.c \
		policy/masks.h "$here/lemmas.c"; then
		fail "a proved file holds a word that could hide a goal"
	fi
}

# prove_all NAME...: one after the other, logs in $out.
prove_all() {
	for name; do
		case $name in
		lemmas) file=$here/lemmas.c; only="-wp-fct $lemmas" ;;
		*) file=policy/$name.c; only= ;;
		esac
		wp . $only "$file" >"$out/$name.txt"
	done
}

check_goals() {
	log=$out/$1.txt
	# shellcheck disable=SC2046 # two numbers
	set -- "$1" "$2" $(goals "$log")
	if [ $# -ne 4 ]; then
		tail -n 5 "$log" >&2
		fail "$1: no result, see $log"
	elif [ "$3" -ne "$4" ]; then
		grep -A2 -E '\[(Failed|Timeout|Unknown)\]' "$log" >&2
		fail "$1: proved $3 of $4 goals, see $log"
	elif [ "$4" -lt "$2" ]; then
		fail "$1: only $4 goals, there were $2 ($here/goals)"
	elif grep -E 'Warning|Neither code' "$log" >&2; then
		fail "$1: the prover warns, see $log"
	else
		echo "$1: Proved goals: $3 / $4"
		all=$((all + $4))
		n_files=$((n_files + 1))
	fi
}

check_dependencies() {
	for f in decide_other reason_other; do
		if reads_only_what_it_may . policy/decide.c $f; then
			echo "$f: nothing of its result comes from the emergency"
		else
			fail "$f: reads what it must not read"
		fi
	done
	# The analysis must be able to see it where it is read.
	case " $(sources . policy/decide.c decide_care) " in
	*" emergency "*) ;;
	*) fail "decide_care: the dependency analysis does not see the emergency" ;;
	esac
}

need_provers
configure_provers
forbid_assumptions
lemmas=$(sed -n 's/^bool \([a-z_]*\)(.*/\1/p' $here/lemmas.c | tr '\n' ',' | sed 's/,$//')

prove_all decide &
other=$!
prove_all validate contexts crc lemmas
wait "$other"

all=0
n_files=0
n_wanted=0
while read -r name minimum; do
	case $name in '' | '#'*) continue ;; esac
	n_wanted=$((n_wanted + 1))
	check_goals "$name" "$minimum"
done <$here/goals
[ "$n_wanted" -eq 5 ] || fail "$here/goals names $n_wanted of 5 proofs"
check_dependencies

if [ "$failed" -ne 0 ]; then
	echo "proof: NOT PROVED" >&2
	exit 1
fi
echo "Proved goals: $all / $all in $n_files files"
