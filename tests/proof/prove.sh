#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Proves the decision, and the arithmetic on what others wrote. From the root of
# the source tree: tests/proof/prove.sh [FILE...]
# With FILEs only those of tests/proof/goals.
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
	# Headers have no contracts: a contract without a body is believed. masks.h has bodies.
	for file in policy/*.h wire/*.h auth/*.h common/*.h include/careward/*.h; do
		[ "$file" = policy/masks.h ] || ! grep -Hn '/[*/]@' "$file" ||
			fail "a header holds contracts of functions without a body"
	done
	# shellcheck disable=SC2046 # names without spaces
	if grep -nE "$words" policy/masks.h $(proved_files); then
		fail "a proved file holds a word that could hide a goal"
	fi
}

# log_of FILE: where the proof of a file leaves what it printed.
log_of() {
	echo "$out/$(echo "${1%.c}" | tr / -).txt"
}

# prove_all FILE...: one after the other. Of a file of lemmas not what it includes.
prove_all() {
	for file; do
		case $file in
		$here/*)
			wp . -wp-fct "$(lemmas_of "$file")" "$file"
			! has_lemmas "$file" || wp . -wp-prop=@lemma "$file"
			;;
		*) wp . "$file" ;;
		esac >"$(log_of "$file")"
	done
}

check_goals() {
	log=$(log_of "$1")
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

# Neither a proof of a lemma nor one of a file with contracts is left out.
check_all_are_named() {
	for file in $here/lemmas*.c $(grep -l '/[*/]@' policy/*.c wire/*.c auth/*.c); do
		proved_files | grep -qx "$file" || fail "$here/goals does not name $file"
	done
}

need_provers
configure_provers
forbid_assumptions
wanted=${*:-$(proved_files)}

# The decision takes as long as most others together.
# shellcheck disable=SC2046,SC2086 # names without spaces
prove_all $(printf '%s\n' $wanted | grep -x policy/decide.c) &
other=$!
# shellcheck disable=SC2046,SC2086 # names without spaces
prove_all $(printf '%s\n' $wanted | grep -vx policy/decide.c)
wait "$other"

all=0
n_files=0
while read -r name minimum; do
	# shellcheck disable=SC2086 # on one line
	case " $(echo $wanted) " in *" $name "*) check_goals "$name" "$minimum" ;; esac
done <$here/goals
check_all_are_named
[ "$n_files" -gt 0 ] || fail "nothing was proved"
check_dependencies

if [ "$failed" -ne 0 ]; then
	echo "proof: NOT PROVED" >&2
	exit 1
fi
echo "Proved goals: $all / $all in $n_files files"
