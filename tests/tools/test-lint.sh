#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plants each fault that the lint is for, one at a time, in a small clean tree,
# and expects the one refusal that names it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for program in ctags shellcheck gcc g++; do
	command -v $program >/dev/null || {
		echo "1..0 # SKIP $program is not installed"
		exit 0
	}
done

n=0
spdx='/* SPDX-License-Identifier: Apache-2.0 */'

# A tree in which nothing is refused, so that what is refused was planted.
clean_tree() {
	rm -rf "$scratch/tree"
	mkdir -p "$scratch/tree"
	cd "$scratch/tree"
	mkdir -p include/careward common policy audit auth tokens broker ui-glue/demo tests/unit docs
	printf '%s\n#include <stdint.h>\n\nint cw_fine(uint32_t a);\n' "$spdx" >include/careward/fine.h
	printf '%s\n#include <careward/fine.h>\n\nint cw_fine(uint32_t a) {\n\treturn a > 1;\n}\n' \
		"$spdx" >common/fine.c
	# Words in comments and strings are not calls.
	printf '%s\n/* goto printf("x") */\nconst char *words = "goto, sleep(1)";\n' "$spdx" >auth/words.c
	printf '%s\n' "$spdx" >tokens/token.h
	printf '%s\n' "$spdx" >policy/decide.h
	printf '%s\n' "$spdx" >policy/config.h
	printf '%s\n#include "tokens/token.h"\n#include "policy/config.h"\n' "$spdx" >auth/arrows.c
	printf '%s\n#include "policy/decide.h"\n#include "arrows.h"\n' "$spdx" >ui-glue/arrows.c
	printf '%s\n' "$spdx" >ui-glue/arrows.h
	printf '%s\n#include <careward/fine.h>\n#include "generated.h"\n' "$spdx" >ui-glue/demo/arrows.c
	printf '%s\n#include "broker/x.h"\n#include "ui-glue/arrows.h"\n' "$spdx" >tests/unit/arrows.c
}

# result WHY: the last command's status says whether it went as it should.
result() {
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		sed 's/^/# /' "$scratch/out"
		echo "not ok $n - $1"
	fi
}

lint() {
	python3 "$here/lint.py" --root "$scratch/tree" >"$scratch/out" 2>&1
}

# planted CHECK FILE WORDS WHY: stdin is appended to FILE of a clean tree; the
# lint must then fail with a line of that check for that file, and no other.
planted() {
	clean_tree
	mkdir -p "$(dirname "$2")"
	cat >>"$2"
	status=0
	lint || status=$?
	ok=1
	if [ $status = 1 ] && grep -F "$2:" "$scratch/out" | grep -F "[$1]" | grep -qF -- "$3" &&
		! grep -E '^[^ ]+:[0-9]+: \[' "$scratch/out" | grep -qvF "[$1]"; then
		ok=0
	fi
	result "$4" $ok
}

# lines NUMBER TEXT: the same line again and again.
lines() {
	awk -v n="$1" -v text="$2" 'BEGIN { while (n-- > 0) print text }'
}

# c LINE...: a source file with its licence line.
c() {
	printf '%s\n' "$spdx" "$@"
}

# function NAME LINES: a function that long, first and last line included.
function_of() {
	printf 'int %s(void) {\n' "$1"
	lines $(($2 - 3)) "	(void)0;"
	printf '\treturn 0;\n}\n'
}

clean_tree
status=0
lint || status=$?
result "a clean tree is not refused" $status

# --- sizes ---
{ c; function_of long_one 101; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do function_of short_$i 5; done; } \
	>"$scratch/plant"
planted sizes auth/long.c "long_one() has 101 lines" "a function of 101 lines" <"$scratch/plant"
clean_tree
{ c; function_of long_one 100; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do function_of short_$i 5; done; } \
	>auth/long.c
status=0
lint || status=$?
result "a function of 100 lines is not refused" $status
planted sizes tests/unit/test-long.c "long_test() has 101 lines" "a long test inside START_TEST" <<EOF
$(c 'START_TEST(long_test) {'; lines 99 '	(void)0;'; printf '}\nEND_TEST\n')
EOF
{ c; for i in 1 2 3 4 5 6; do function_of middling_$i 46; done; } >"$scratch/plant"
clean_tree
cp "$scratch/plant" auth/middling.c
status=0
lint || status=$?
[ $status = 1 ] && grep -q '^product:1: \[sizes\] p90 of the functions is 46 lines' "$scratch/out" &&
	status=0
result "functions of 46 lines that are more than a tenth" $status
{ c; lines 800 'extern int x;'; } >"$scratch/plant"
planted sizes auth/longfile.c "the file has 801 lines" "a file of 801 lines" <"$scratch/plant"
planted sizes auth/unseen.c "ctags does not see" "a function that ctags cannot see" <<EOF
$(c 'UNKNOWN_MACRO {' '	(void)0;' '}')
EOF

# --- layers ---
arrow() { # FILE TARGET
	planted layers "$1" "$2" "$1 may not include $2" <<-EOF
		$spdx
		#include "$2"
	EOF
}
arrow policy/up.c auth/account.h
arrow policy/up.c audit/journal.h
arrow common/up.c policy/table.h
arrow audit/up.c policy/table.h
arrow audit/up.c auth/account.h
arrow auth/up.c broker/frame.h
arrow auth/up.c tokens/pkcs11.h
arrow tokens/up.c auth/account.h
arrow broker/up.c ui-glue/client.h
arrow wire/up.c policy/config.h
arrow wire/up.c auth/account.h
arrow auth/up.c wire/frame.h
arrow policy/up.c tests/unit/helper.h
arrow ui-glue/up.c broker/frame.h
arrow ui-glue/up.c policy/config.h
arrow ui-glue/demo/up.c common/page.h
arrow ui-glue/demo/up.c policy/decide.h
arrow ui-glue/demo/up.c ui-glue/client.h
planted layers include/careward/up.h "may not include common/limits.h" "a public header that includes a private one" <<EOF
$(c '#if 0' '#include "common/limits.h"' '#endif' 'extern int x;')
EOF
planted layers stray/new.c "no rule says what stray/ may include" "a folder without a rule" <<EOF
$(c 'extern int x;')
EOF
planted layers ui-glue/demo/up.c ../arrows.h "an include that climbs out of its folder" <<EOF
$(c '#include "../arrows.h"')
EOF
planted layers auth/source.c words.c "an include of a source file" <<EOF
$(c '#include "words.c"')
EOF

# --- calls ---
call() { # FILE CALL WORDS
	planted calls "$1" "$3" "$2 in $1" <<-EOF
		$spdx
		void f(void) {
			$2;
		}
	EOF
}
for area in auth policy tokens audit common; do
	call "$area/bad.c" 'getenv("X")' "getenv() is not for library code"
	call "$area/bad.c" 'printf("x")' "printf() prints"
done
call auth/bad.c 'secure_getenv("X")' "secure_getenv()"
call auth/bad.c 'sleep(1)' "sleep()"
call auth/bad.c 'usleep (1)' "usleep()"
call auth/bad.c 'nanosleep(&t, NULL)' "nanosleep()"
call auth/bad.c 't = time(NULL)' "time()"
call auth/bad.c 'clock_gettime(1, &t)' "clock_gettime()"
call auth/bad.c 'syslog(1, "x")' "syslog() prints"
call auth/bad.c 'fprintf(stderr, "x")' "prints"
call broker/bad.c 'strcpy(a, b)' "strcpy() is used nowhere"
call broker/bad.c 'strcat(a, b)' "strcat()"
call ui-glue/bad.c 'sprintf(a, "x")' "sprintf()"
call tests/unit/bad.c 'p = alloca(9)' "alloca()"
call ui-glue/demo/bad.c 'gets(a)' "gets()"
clean_tree
c 'void f(void) {' '	printf("x");' '}' >policy/careward-compile.c
c 'void f(void) {' '	snprintf(a, 1, "x");' '	fprintf(file, "x");' '	s->time(1);' '}' >policy/fine.c
c 'void f(void) {' '	printf("x");' '	getenv("X");' '	sleep(1);' '}' >ui-glue/fine.c
status=0
lint || status=$?
result "careward-compile prints, an edge may wait, snprintf() is fine" $status

# --- words and forms ---
planted goto broker/jump.c "goto is not used" "goto" <<EOF
$(c 'void f(void) {' '	goto out;' 'out:' '	return;' '}')
EOF
for file in policy/decide.c policy/other.h include/careward/wide.h; do
	planted proved $file "UINT32_C is wider for the prover" "UINT32_C in $file" <<-EOF
		$spdx
		#define WIDE UINT32_C(1)
		extern int x;
	EOF
done
planted spdx docs/page.md "no licence line" "a page without its licence line" <<EOF
# Page
EOF
planted spdx auth/bare.c "no licence line" "a source without its licence line" <<EOF
extern int x;
EOF
# The words themselves are put together here: the lint reads this file, too.
planted words docs/path.md "path of somebody's machine" "a path of a machine" <<EOF
<!-- SPDX-License-Identifier: Apache-2.0 -->
See $(printf '/%s/' work)main.
EOF
for word in TO-DO FIX-ME X-XX; do
	word=$(echo $word | tr -d -)
	planted words auth/later.c "$word: finish it" "the word $word" <<-EOF
		$spdx
		/* $word */
	EOF
done
planted forms auth/form.c "white space at the end" "white space at the end of a line" <<EOF
$(c 'extern int x; ' 'extern int y;')
EOF
planted forms auth/form.c "longer than 100 columns" "a line of 101 columns" <<EOF
$(c "$(awk 'BEGIN { printf "\textern int "; while (n++ < 81) printf "x"; print ";" }')")
EOF
planted forms auth/form.c "indented with spaces" "a line indented with spaces" <<EOF
$(c 'int f(void) {' '        return 0;' '}')
EOF
planted forms auth/form.c "// comment" "a // comment" <<EOF
$(c '// words')
EOF
clean_tree
{
	c '//@ requires \true;' '/*@ ensures x;' '    // why' '    ensures y; */' 'int f(int a,' '      int b) {' '	return 0;' '}'
	awk 'BEGIN { printf "extern const char *s = \""; while (n++ < 99) printf "x"; print "\";" }'
} >auth/form.c
status=0
lint || status=$?
result "annotations, aligned continuations and long strings are not refused" $status
clean_tree
printf '%s\nextern int x;' "$spdx" >auth/form.c
status=0
lint || status=$?
[ $status = 1 ] && grep -q '^auth/form.c:2: \[forms\] no line break' "$scratch/out" && status=0
result "a file without a line break at its end" $status

# --- areas ---
meson_line='# SPDX-License-Identifier: Apache-2.0'
planted areas tests/lost/meson.build "is never built: 'tests/lost' is not in meson.build" \
	"an area of tests that is never built" <<EOF
$meson_line
EOF
clean_tree
printf "%s\nsubdir('auth')\nsubdir('tests')\n" "$meson_line" >meson.build
printf '%s\n' "$meson_line" >auth/meson.build
printf "%s\nforeach area : ['unit']\n" "$meson_line" >tests/meson.build
printf '%s\n' "$meson_line" >tests/unit/meson.build
status=0
lint || status=$?
result "areas that are gone to are not refused" $status

# --- other programs ---
planted headers include/careward/needy.h "does not compile alone as C11" "a header that needs another" <<EOF
$(c 'uint32_t cw_needy(void);')
EOF
planted headers include/careward/c-only.h "does not compile alone as C++" "a header that is not C++" <<EOF
$(c 'int cw_class(int class);')
EOF
# shellcheck disable=SC2016 # the fault is planted as it is
planted shell docs/bad.sh "SC2164" "a script with a fault" <<'EOF'
#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
cd "$1"
rm -r ./*
EOF
cd /
status=0
python3 "$here/lint.py" --root "$scratch/tree" no-such-check >"$scratch/out" 2>&1 || status=$?
[ $status = 2 ] && grep -q "no check 'no-such-check'" "$scratch/out" && status=0
result "a check that does not exist is said by name" $status
echo "1..$n"
