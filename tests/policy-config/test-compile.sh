#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# careward-compile: the header compiles, is the same every time, and refusals say why.
# usage: test-compile.sh CAREWARD-COMPILE SOURCE-ROOT
set -u
tool=$(realpath "$1")
root=$(realpath "$2")
n=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
umask 022
cd "$work" || exit 1
cp "$root/config/infusion-pump/device.cfg" device.cfg

result() { # result STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}

expect() { # expect EXIT-CODE FRAGMENT NAME COMMAND...
	want=$1 fragment=$2 name=$3
	shift 3
	"$@" >out 2>err
	got=$?
	[ "$got" -eq "$want" ] && cat out err | grep -qF -e "$fragment"
	result $? "$name"
}

echo 1..19
expect 0 'CW_ACT_THERAPY_STOP = 0,' 'handles are the places in device.cfg' "$tool" device.cfg
cp out first.h
expect 0 'CW_ACT_COUNT 10u' 'the same again' "$tool" device.cfg
cmp -s out first.h
result $? 'byte for byte the same'
"$tool" --stdin <device.cfg >out 2>err && cmp -s out first.h
result $? 'the same from standard input'
mkdir other && cp device.cfg other/renamed.cfg && touch -d '2001-01-01' other/renamed.cfg
(cd other && LC_ALL=tr_TR.UTF-8 TZ=Asia/Tokyo "$tool" "$PWD/renamed.cfg") >out 2>err && cmp -s out first.h
result $? 'the same from elsewhere, at another time, in another language'
"$tool" -o second.h device.cfg >out 2>err && cmp -s second.h first.h && [ ! -s out ]
result $? 'the same into a file'
expect 0 'PUMP_THERAPY_HIGH_RISK_DRUG = 5,' 'prefix' "$tool" --prefix PUMP_ device.cfg
cp out pump.h
! grep -q CW_ACT_ pump.h
result $? 'prefix everywhere'

# The client library's header declares the struct; a stand-in until it is there.
mkdir -p inc/careward
if ! [ -e "$root/include/careward/device.h" ]; then
	printf '%s\n' '#pragma once' '#include <stdint.h>' \
		'struct cw_action { const char *name; uint8_t kind; };' >inc/careward/device.h
fi
cat >user.c <<'C'
#include "first.h"
#include "pump.h"
#include "first.h"
int main(void) {
	return CW_ACT_TABLE[CW_ACT_THERAPY_STOP].kind == CW_KIND_ALWAYS &&
	       CW_ACT_TABLE[CW_ACT_SOFTWARE_UPDATE].kind == CW_KIND_SENSITIVE &&
	       PUMP_TABLE[PUMP_DATA_EXPORT].kind == CW_KIND_GUARDED &&
	       sizeof(CW_ACT_TABLE) / sizeof(*CW_ACT_TABLE) == CW_ACT_COUNT ? 0 : 1;
}
C
cp user.c user.cc
cc -std=c11 -Wall -Wextra -Werror -pedantic -I"$root/include" -Iinc user.c -o user-c 2>err && ./user-c
result $? 'compiles and runs as C11'
c++ -std=c++11 -Wall -Wextra -Werror -pedantic -I"$root/include" -Iinc user.cc -o user-cc 2>err && ./user-cc
result $? 'compiles and runs as C++'

expect 1 'there is no such file' 'a missing file is refused' "$tool" missing.cfg
sed 's/"always"/"allways"/' device.cfg >bad.cfg
at=$(grep -n '"allways"' bad.cfg | head -n 1 | cut -d: -f1)
expect 1 "bad.cfg:$at: error: actions.kind is \"allways\"; it must be \"always\", \"care\", \"guarded\" or \"sensitive\"; did you mean \"always\"?" \
	'an error names file, line and remedy' "$tool" bad.cfg
sed 's/"therapy.rate"/"therapy-start"/' device.cfg >bad.cfg
expect 1 'would both be CW_ACT_THERAPY_START; rename one' 'two actions with one handle' "$tool" bad.cfg
sed 's/"therapy.rate"/"count"/' device.cfg >bad.cfg
expect 1 'CW_ACT_COUNT is a name of the header itself' 'a handle that is taken' "$tool" bad.cfg
expect 1 'cannot write none/h' 'a place that cannot be written' "$tool" -o none/h device.cfg
expect 2 'usage:' 'nothing said' "$tool"
expect 2 'unknown option' 'an unknown option' "$tool" --perfix X device.cfg
expect 2 'one file only' 'two files' "$tool" device.cfg device.cfg
expect 2 'a prefix has 1 to 31' 'a prefix that is no name' "$tool" --prefix 9x device.cfg
