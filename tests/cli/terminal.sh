#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A terminal of 80x24 that a test looks at and types into; sourced by the tests.
# The session is called demo; ok and not_ok count, `number` and `failed` are the counts.
# shellcheck shell=sh disable=SC2034 # used where it is sourced
if ! command -v tmux >/dev/null; then
	echo "1..0 # SKIP the terminal was NOT tested: tmux is not installed"
	exit 0
fi

folder=$(mktemp -d)
export TMUX_TMPDIR="$folder"
unset TMUX
# A tmux of our own, which ends with us, and the demo with it.
# shellcheck disable=SC2317 # called by the trap
finish() {
	tmux kill-server 2>/dev/null
	rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

number=0 failed=0
ok() {
	number=$((number + 1))
	echo "ok $number - $1"
}
not_ok() {
	number=$((number + 1)) failed=$((failed + 1))
	echo "not ok $number - $1"
	screen | sed '/^ *$/d; s/^/# /'
}

screen() { tmux capture-pane -p -t demo; }
keys() { tmux send-keys -t demo "$@"; }
text() { tmux send-keys -t demo -l "$1"; }

# comes SESSION WORDS: onto its screen, soon.
comes() {
	i=0
	while ! tmux capture-pane -p -t "$1" | grep -qF -- "$2"; do
		i=$((i + 1))
		[ $i -lt 300 ] || return 1
		sleep 0.1
	done
}

# goes SESSION WORDS: from its screen, soon.
goes() {
	i=0
	while tmux capture-pane -p -t "$1" | grep -qF -- "$2"; do
		i=$((i + 1))
		[ $i -lt 100 ] || return 1
		sleep 0.1
	done
}

# shows SENTENCE WORDS, hides SENTENCE WORDS
shows() {
	if comes demo "$2"; then ok "$1"; else
		not_ok "$1"
		return 1
	fi
}
hides() {
	if goes demo "$2"; then ok "$1"; else not_ok "$1"; fi
}
