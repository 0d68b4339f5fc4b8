#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Does the proof notice? From the root of the source tree: tests/proof/mutate.sh [TEXT]
# With TEXT only the blocks that hold it.
#
# Each block of tests/proof/mutations changes a copy of the code, or of code and
# rule together, and names what to prove then. Every one must break the proof.
#
# Exit status: 0 all broke it; 1 not; 77 the provers are missing.

set -u
here=tests/proof
# shellcheck source=tests/proof/common.sh
. "$here/common.sh" || exit 1

# field BLOCK NAME: the text behind "NAME: ", one line for each.
field() {
	sed -n "s/^$2: //p" "$1"
}

# apply BLOCK DIR: changes DIR/FILE; false when a line to change is not there.
# Each "line" is looked for behind the line that begins with the last "in".
apply() {
	file=$2/$(field "$1" file)
	awk '
		FNR == NR {
			if (sub(/^in: /, "")) where = $0
			else if (sub(/^line: /, "")) { n++; from[n] = $0; at[n] = where }
			else if (sub(/^with: /, "")) to[n] = $0
			next
		}
		{
			for (i = 1; i <= n; i++) {
				if (!seen[i] && index($0, at[i]) > 0)
					seen[i] = 1
				p = index($0, from[i])
				if (seen[i] && !done[i] && p > 0) {
					$0 = substr($0, 1, p - 1) to[i] substr($0, p + length(from[i]))
					done[i] = 1
				}
			}
			print
		}
		END { for (i = 1; i <= n; i++) if (!done[i]) exit 1; if (n == 0) exit 1 }
	' "$1" "$file" >"$file.new" && mv "$file.new" "$file"
}

# copy_proved DIR: what is proved, and the headers of its folders.
copy_proved() {
	rm -rf "$1"
	for file in $(proved_files) policy/*.h wire/*.h auth/*.h; do
		mkdir -p "$1/${file%/*}" && cp "$file" "$1/$file" || return
	done
}

# try_lemma DIR NAME: a function of a file of lemmas, or a lemma in a contract there.
try_lemma() {
	file=$(grep -lE "^bool $2\(|^  lemma $2[ {:]" $here/lemmas*.c)
	if grep -q "^bool $2(" "$file"; then
		try_goals "$1" "$file" "$2" ""
	else
		try_goals "$1" "$file" "" "$2"
	fi
}

# try NUMBER: writes the outcome to $out/mutant-NUMBER/result.
try() {
	dir=$out/mutant-$1
	block=$out/mutation-$1
	copy_proved "$dir" || return
	if ! apply "$block" "$dir"; then
		echo "DOES NOT APPLY" >"$dir/result"
		return
	fi
	prove=$(field "$block" prove)
	case $prove in
	sources\ *) try_sources "$dir" "${prove#sources }" ;;
	lemma\ *) try_lemma "$dir" "${prove#lemma }" ;;
	*) try_goals "$dir" "$(field "$block" file)" "$prove" "$(field "$block" only)" ;;
	esac >"$dir/result"
}

try_sources() {
	if [ -z "$(sources "$1" "$1/policy/decide.c" "$2")" ]; then
		echo "DOES NOT COMPILE"
	elif reads_only_what_it_may "$1" "$1/policy/decide.c" "$2" >"$1/log"; then
		echo "NOT NOTICED"
	else
		echo "broke the analysis"
	fi
}

try_goals() {
	wp "$1" ${3:+-wp-fct "$3"} ${4:+-wp-prop="$4"} "$1/$2" >"$1/log"
	# shellcheck disable=SC2046 # two numbers
	set -- $(goals "$1/log")
	if [ $# -ne 2 ]; then
		echo "DOES NOT COMPILE"
	elif [ "$1" -lt "$2" ]; then
		echo "broke the proof ($1 / $2)"
	else
		echo "NOT NOTICED ($1 / $2)"
	fi
}

need_provers
configure_provers
rm -f "$out"/mutation-*
awk -v out="$out/mutation-" -v text="${1:-}" '
	BEGIN { RS = "" }
	{ gsub(/(^|\n)#[^\n]*/, "") }
	$0 != "" && index($0, text) > 0 { sub(/^\n/, ""); n++; print > (out n) }
' $here/mutations
total=$(find "$out" -maxdepth 1 -name 'mutation-[0-9]*' | wc -l)

# Two at a time, in order.
n=1
broke=0
while [ "$n" -le "$total" ]; do
	second=
	try "$n" &
	first=$!
	if [ "$n" -lt "$total" ]; then
		try $((n + 1)) &
		second=$!
	fi
	wait $first $second
	for i in $n ${second:+$((n + 1))}; do
		result=$(cat "$out/mutant-$i/result" 2>/dev/null || echo "NO RESULT")
		case $result in broke*) broke=$((broke + 1)) ;; esac
		printf '%2d  %s: %s\n' "$i" "$(field "$out/mutation-$i" why)" "$result"
	done
	n=$((n + 2))
done

echo "$total mutations, $broke broke the proof"
[ "$total" -ge 1 ] && { [ $# -gt 0 ] || [ "$total" -ge 70 ]; } && [ "$broke" -eq "$total" ]
