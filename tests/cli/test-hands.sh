#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plays a newcomer with the virtual card, key and badge, in a terminal of 80x24.
# usage: test-hands.sh CAREWARD-DEMO CARD-ROOM CARD
set -u

demo=$1
room=$2
card=$3
# shellcheck source=tests/cli/terminal.sh
. "${0%/*}/terminal.sh"

"$room" --empty --reader --key -- true
status=$?
if [ $status -eq 77 ]; then
	echo "1..0 # SKIP the virtual hands were NOT tested: no room for virtual readers here"
	exit 0
fi
[ "$(id -u)" -eq 0 ] && with_card=--with-card || with_card=

tmux new-session -d -x 80 -y 24 -s demo "TERM=screen-256color '$room' --card '$card' --empty --reader \
	--key -- '$demo' --room @ROOM@ $with_card --with-key --with-badge; echo left with \$?; cat"
shows "the first screen says whose they are" "badge are kim's" || exit 1
keys Enter
shows "which key puts the security key in, and its PIN" "F7 key in, PIN 98765432"
shows "which one taps the badge, and its code" "F8 badge, code 7391"
shows "on a screen on which the glass is still the last line" "EMERGENCY: press F10 twice"
screen | head -n 24 | tail -n 1 | grep -qF "EMERGENCY" && ok "of 24" || not_ok "of 24"

if [ -n "$with_card" ]; then
	shows "which one puts the card in, and its PIN" "F6 card in, PIN 123456"
	keys F6
	shows "the card is in: its PIN is asked for" "PIN:"
	shows "and how it is pulled is said under the dialog" "F6 card out"
	text 123456
	keys Enter
	shows "kim is in by card" "Signed in: Nurse Kim"
	keys F6
	shows "pulled, it locks" "The screen is locked."
	shows "and could be put in again" "F6 card in"
	keys F6
	shows "which asks for the PIN" "PIN:"
	text 123456
	keys Enter
	shows "and unlocks" "Nurse Kim"
	keys Escape 6
	shows "Esc and the digit is the same key" "The screen is locked."
	keys Enter
	shows "who is there may sign in by name as well" "Name:"
	keys Escape
	hides "or not" "Name:"
fi

keys F7
shows "the key is in: whose is it" "Name:"
text kim
keys Enter
shows "its PIN is asked for" "PIN:"
text 98765432
keys Enter
shows "and a touch, with the key for it" "F7 touch key"
keys F7
shows "kim is in by key" "Signed in: Nurse Kim"
keys F7
shows "which may be pulled" "You pulled the key."
keys o
shows "kim goes" "Nobody is signed in here."
keys F8
shows "and is in by badge: a patient is there" "Signed in: Nurse Kim"
keys o
shows "kim goes again" "Nobody is signed in here."
keys q
shows "leaving leaves nothing behind" "left with 0"
tmux kill-session -t demo

# Real readers, if any: nobody knows their PINs, and there are no hands.
tmux new-session -d -x 80 -y 24 -s demo "TERM=screen-256color '$demo' --with-card --with-key \
	--with-badge; echo left with \$?; cat"
shows "with real ones it starts as well" "one-time password" || exit 1
screen | grep -qF "kim's" && not_ok "nothing is enrolled" || ok "nothing is enrolled"
keys Enter
shows "to the pump" "Nobody is signed in here."
keys F7
sleep 1
screen | grep -qE "PIN|F6|98765432" && not_ok "no hand and no PIN is on the screen" ||
	ok "no hand and no PIN is on the screen"
keys q
shows "and it is left" "left with 0"

echo "1..$number"
[ $failed = 0 ]
