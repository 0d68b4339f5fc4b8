#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public header compiles alone, strictly, as C11.
set -eu
compiler=$1
include=$2

for header in "$include"/careward/*.h; do
	printf '#include <careward/%s>\nint main(void) { return 0; }\n' "$(basename "$header")" |
		$compiler -std=c11 -pedantic -Wall -Wextra -Werror -I"$include" -fsyntax-only -x c -
done
