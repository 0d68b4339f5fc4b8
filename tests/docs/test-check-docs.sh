#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plants each fault that check-docs.py is for in a small clean tree, and expects
# the one row that names it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n=0

put() { # FILE: stdin
	mkdir -p "$(dirname "$scratch/tree/$1")"
	cat >"$scratch/tree/$1"
}

clean_tree() {
	rm -rf "$scratch/tree"
	put docs/trace.md <<-'EOT'
		# Trace
		| R1 | `auth/door.c` | `auth/test-door: a_door_closes`; `auth/test-door: a sentence` | [threats](threats.md#doors) |
	EOT
	put docs/threats.md <<-'EOT'
		# Threats
		## Doors
		| PW-01 | a door | `auth/test-door: a_door_closes` |
		| PW-02 | no time |
	EOT
	put docs/hazards.md <<-'EOT'
		| HZ-01 | it jams | late | Design: it opens: `auth/test-door: a_door_closes` | a second door |
	EOT
	put docs/protocol.md <<-'EOT'
		| verb | needs |
		|---|---|
		| open, shut | nothing |

	EOT
	put docs/anomalies.md <<-'EOT'
		The alarm `door-open`.
	EOT
	put docs/man/libcareward.3.scd <<-'EOT'
		*cw_open*
	EOT
	put README.md <<-'EOT'
		```c
		#include <careward/door.h>
		int main(void) { return cw_open(1); }
		```
	EOT
	put include/careward/door.h <<-'EOT'
		#define CW_PUBLIC
		/* CW_PUBLIC int cw_none(void); */
		CW_PUBLIC int cw_open(int x);
	EOT
	put auth/door.c </dev/null
	put wire/protocol.h <<-'EOT'
		VERB(OPEN, "open") VERB(SHUT, "shut")
	EOT
	put broker/engine.c <<-'EOT'
		[ALARM_OPEN] = "door-open",
	EOT
	put tests/auth/test-door.c <<-'EOT'
		START_TEST(a_door_closes) { /* PW-01 */ }
		{ "a sentence" }
		tcase_add_test(t, a_door_closes);
	EOT
}

check() {
	status=0
	python3 "$here/check-docs.py" --root "$scratch/tree" >"$scratch/out" 2>&1 || status=$?
}

result() { # STATUS WHY
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		sed 's/^/# /' "$scratch/out"
		echo "not ok $n - $2"
	fi
}

# planted FILE SED WORDS WHY: after SED the check names WORDS, in one row alone.
planted() {
	clean_tree
	sed -i "$2" "$scratch/tree/$1"
	check
	ok=1
	if [ $status = 1 ] && [ "$(grep -c '^not ok' "$scratch/out")" = 1 ] && grep -qF -- "$3" "$scratch/out"; then
		ok=0
	fi
	result $ok "$4"
}

clean_tree
check
if [ $status = 0 ] && ! grep -q SKIP "$scratch/out"; then
	result 0 "a clean tree passes, and nothing is skipped"
else
	result 1 "a clean tree passes, and nothing is skipped"
fi
planted docs/trace.md 's/door\.c/dor.c/' "there is no auth/dor.c" "a path that does not exist"
planted docs/trace.md 's/: a_door/: the_door/' "has no case: the_door_closes" "a test that does not exist"
planted docs/trace.md 's/a sentence/another/' "has no case: another" "a sentence that does not exist"
planted docs/trace.md 's/test-door: a sen/test-window: a sen/' "no test file tests/auth/test-window" "a test file that does not exist"
planted tests/auth/test-door.c '/tcase_add/d' "has no case: a_door_closes" "a test that is never run"
planted docs/trace.md 's/threats\.md/threat.md/' "leads nowhere" "a link that leads nowhere"
planted docs/threats.md 's/## Doors/## Windows/' "has no heading #doors" "a heading that is gone"
planted README.md 's/cw_open(1)/cw_open()/' "does not compile" "an example that does not compile"
planted README.md 's/```c/```/' "has no C block" "a page without its example"
planted docs/man/libcareward.3.scd 's/open/shut/' "not documented in libcareward(3): cw_open" "a call without its page"
planted wire/protocol.h 's/SHUT, "shut"/SHUT, "lock"/' "not in docs/protocol.md: lock" "a verb without its row"
planted docs/anomalies.md 's/door/window/' "nothing of the alarm door-open" "an alarm without its row"
planted tests/auth/test-door.c 's/PW-01/PW-03/' "PW-01 does not occur" "a threat whose test does not carry it"
planted tests/auth/test-door.c 's/PW-01/PW_01_02/' "PW-02 is played after all" "a threat that is played and not said to be"
planted docs/hazards.md 's/: `auth.*closes`//' "HZ-01 has a control without a test" "a hazard whose control has no test"
planted docs/hazards.md 's/ a second door / /' "HZ-01 has not five cells" "a hazard of which nothing is said to be left"
planted docs/hazards.md 's/a_door/the_door/' "has no case: the_door_closes" "a hazard whose test does not exist"
planted docs/hazards.md 'p' "HZ-01 comes twice" "a hazard twice"
echo "1..$n"
