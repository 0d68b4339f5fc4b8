# SPDX-License-Identifier: Apache-2.0
#
# What prove.sh and mutate.sh share; sourced from the root of the source tree

# Seconds of processor time for one prover and one goal. The same for the proof
# and for the mutations: what proves within it unmutated cannot time out mutated.
limit=6

out=${CAREWARD_BUILD:-build}/proof

# Tells what is missing and ends with 77, the exit status of a skipped test.
need_provers() {
	missing=
	for tool in frama-c why3 z3 cvc4; do
		command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
	done
	[ -z "$missing" ] && return 0
	{
		echo "*** NOT PROVED: missing:$missing"
		echo "*** NOTHING was proved and this is no success. Install the packages of the"
		echo "*** section proof (frama-c-base why3 z3 cvc4) and run this again."
	} >&2
	exit 77
}

# A configuration of Why3 of our own: the one in $HOME is left alone.
configure_provers() {
	mkdir -p "$out/home" || exit 1
	out=$(cd "$out" && pwd) || exit 1
	mkdir -p "$out/session/script" && cp tests/proof/scripts/*.json "$out/session/script/" || exit 1
	if ! HOME=$out/home why3 config detect >"$out/why3.txt" 2>&1; then
		cat "$out/why3.txt" >&2
		echo "proof: why3 config detect failed" >&2
		exit 1
	fi
}

root=$PWD

# frama_c DIR ARGUMENT...: the kernel options of every run. What DIR holds is taken from
# there, all else from the tree; Frama-C looks where it stands before it looks anywhere.
frama_c() {
	first=$1
	shift
	(
		cd "$first" || exit
		HOME=$out/home frama-c -c11 -machdep gcc_x86_64 \
			-cpp-extra-args="-I$root/include -I$root" "$@"
	)
}

# wp DIR ARGUMENT...: one proof; prints what Frama-C prints. The two goals
# that have a script are proved by following it, all others by the provers.
wp() {
	dir=$1
	shift
	frama_c "$dir" -wp -wp-rte -warn-unsigned-overflow -wp-prover script,cvc4,z3 \
		-wp-timeout "$limit" -wp-par 2 -wp-cache none -wp-session "$out/session" "$@" 2>&1
}

# What is proved, one file in a line.
proved_files() {
	sed -n 's/^\([a-z].*\.c\) .*/\1/p' tests/proof/goals
}

# lemmas_of FILE: its lemmas, with commas between them.
lemmas_of() {
	sed -n 's/^bool \([a-z_]*\)(.*/\1/p' "$1" | tr '\n' ',' | sed 's/,$//'
}

# goals FILE: "proved all" out of a log, summed up; nothing when there is no such line.
goals() {
	sed -n 's|^\[wp\] Proved goals: *\([0-9]*\) */ *\([0-9]*\)$|\1 \2|p' "$1" |
		awk '{ proved += $1; all += $2 } END { if (NR > 0) print proved, all }'
}

# has_lemmas FILE: are there lemmas in its contracts, apart from those in functions?
has_lemmas() {
	grep -q '^  lemma ' "$1"
}

# The fields of the state that a verdict on guarded and sensitive may rest on.
may_read="assurance confirmed confirmed_how contexts_later contexts_now false_later false_now
flags lease_until lock_at policy_generation reauth_assurance reauth_at roles session
signals_until suspended true_later true_now"

# sources DIR FILE FUNCTION: fields of *s that its result comes from, in one line.
sources() {
	frama_c "$1" -deps -lib-entry -main "$3" "$2" 2>/dev/null | awk -v f="$3" '
		$0 == "[from] Function " f ":" { on = 1; next }
		/^\[from\]/ { on = 0 }
		on { text = text " " $0 }
		END {
			sub(/.*S_s/, "", text)
			sub(/S_[a-rt-z].*/, "", text)
			gsub(/\[0\]/, "", text)
			gsub(/[{};]/, " ", text)
			n = split(text, field, " ")
			for (i = 1; i <= n; i++)
				print field[i]
		}' | sed 's/^\.//' | LC_ALL=C sort -u | tr '\n' ' '
}

# reads_only_what_it_may DIR FILE FUNCTION: by dependency analysis.
reads_only_what_it_may() {
	found=$(sources "$1" "$2" "$3")
	allowed=$(echo $may_read | tr ' ' '\n' | LC_ALL=C sort -u | tr '\n' ' ')
	[ "$found" = "$allowed" ] && return 0
	echo "$3: its result comes from these fields of the state: $found"
	echo "$3: it may come from these: $allowed"
	return 1
}
