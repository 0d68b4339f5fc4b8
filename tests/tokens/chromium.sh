#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An implementation that is not ours and not libfido2's: what Chromium's virtual
# authenticator makes and signs is judged by our verifier.
# usage: chromium.sh CHROMIUM-VERIFY   (77: something is not installed)
set -eu

verify=$1
here=$(cd "$(dirname "$0")" && pwd)

skip() {
	echo "SKIPPED: $*: the cross-check with Chromium did not run" >&2
	exit 77
}

chromium=$(command -v chromium || command -v chromium-browser) || skip "chromium is not installed"
command -v node >/dev/null || skip "node is not installed"
# Whatever the browser may want to say to the world: there is none.
unshare -rn true 2>/dev/null || skip "no network namespace can be made"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unshare -rn node "$here/chromium-key.mjs" "$chromium" "$dir" 2>"$dir/said" || {
	cat "$dir/said" >&2
	exit 1
}
"$verify" "$dir"/es256-* "$dir"/rs256-* "$dir"/eddsa-*
