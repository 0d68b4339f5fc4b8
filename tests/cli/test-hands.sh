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

# tmux ends with its last session, a little later than it says: one that stays.
tmux new-session -d -s stays cat
tmux new-session -d -x 80 -y 24 -s demo "TERM=screen-256color '$room' --card '$card' --empty --reader \
	--key -- '$demo' --room @ROOM@ $with_card --with-key --with-badge; echo left with \$?; cat"
shows "the first screen says whose they are" "sora the key, kim the badge" || exit 1
nurses=$(screen | awk '$1 == "lee" { print $NF }')
keys Enter
shows "which key puts the security key in, and its PIN" "F7 key in, PIN 98765432"
shows "which one taps the badge, and its code" "F8 badge, 7391"
shows "on a screen on which the glass is still the last line" "EMERGENCY: press F10 twice"
screen | head -n 24 | tail -n 1 | grep -qF "EMERGENCY" && ok "of 24" || not_ok "of 24"

if [ -n "$with_card" ]; then
	shows "which one puts the card in, and its PIN" "F9 card in, PIN 123456"
	keys F9
	shows "the card is in: its PIN is asked for" "PIN:"
	shows "and how it is pulled is said under the dialog" "F9 card out"
	text 123456
	keys Enter
	shows "berg is in by card" "Signed in: B. Berg"
	keys F9
	shows "pulled, it locks" "The screen is locked."
	shows "and could be put in again" "F9 card in"
	keys F9
	shows "which asks for the PIN" "PIN:"
	text 123456
	keys Enter
	shows "and unlocks" "B. Berg"
	keys Escape 9
	shows "Esc and the digit is the same key" "The screen is locked."
	keys Enter
	shows "who is there may sign in by name as well" "Name:"
	keys Escape
	hides "or not" "Name:"

	# New software: the engineer's card and the technician's key, and no patient.
	keys c
	keys F9
	shows "the engineer's card, its PIN typed before it is asked for" "PIN:"
	text 123456
	keys Enter
	shows "the engineer is in again" "B. Berg"
	keys h
	shows "the engineer reads the history" "History, newest first"
	shows "which does not cut names" "       B. Berg (biomed)"
	keys Escape
	hides "and goes back" "History, newest first"
	keys 0
	shows "the update asks for a confirmation" "Install version 2.4.1"
	keys y
	shows "signed by the card" "PIN:"
	text 123456
	keys Enter
	shows "and by a second person" "A second person has to confirm this."
	text sora
	keys Enter
	shows "who chooses by a number" "2  security key"
	keys 2
	shows "and puts the key in" "Plug in the security key."
	keys F7
	shows "reads it" "The second person: do you confirm"
	keys y
	shows "signs" "PIN:"
	text 98765432
	keys Enter
	shows "with a touch" "F7 touch"
	keys F7
	shows "and the software is new" "The software is updated."
	keys F7
	shows "the key goes" "The security key was removed."
	keys c
	keys o
	shows "the engineer goes, and leaves the card" "Nobody is signed in here."
	keys i
	shows "whatever lies in the reader: by name" "Name:"
	keys Escape
	keys F9
	shows "the card goes" "The card was removed."
fi

keys F7
shows "the key is in: whose is it" "Name:"
text 98765432
screen | grep -F "Name:" | grep -qF 98765432 && not_ok "a PIN typed there is not readable" ||
	ok "a PIN typed there is not readable"
keys Enter
shows "and is no name" "That is a PIN, and no name."
shows "which is still asked for" "Name:"
text sora
keys Enter
shows "its PIN is asked for" "PIN:"
text 98765432
keys Enter
shows "and a touch, with the key for it" "F7 touch"
keys F7
shows "sora is in by key" "Signed in: S. Sora"
keys F7
shows "which may be pulled" "You pulled the key."
keys o
shows "sora goes" "Nobody is signed in here."
# The code of other days, typed right behind the tap, and once more when she is in.
keys F8
text 7391
shows "kim is in by badge: a patient is there" "Signed in: Nurse Kim"
shows "which was enough" "no code and no PIN is asked for now"
text 7391
sleep 2
screen | grep -qF "Therapy: stopped" && ok "the code has started no therapy" ||
	not_ok "the code has started no therapy"
keys 3
shows "one key does, a little later" "The therapy runs."

# A high-risk drug: kim looks, who did not sign in; somebody else has to be there first.
keys Enter
shows "somebody else takes over" "Name:"
text lee
keys Enter
shows "by password" "Password:"
text "$nurses"
keys Enter
shows "which is changed" "can only be changed"
text "green marmalade 41 hats"
keys Enter
shows "and typed twice" "New password again"
text "green marmalade 41 hats"
keys Enter
shows "lee is in" "Signed in: Nurse Lee"
keys 6
shows "the drug asks for a second person" "A second person: check it"
keys F8
shows "kim taps" "Checked by a second person."
shows "and it is done" "The high-risk drug is chosen."
shows "still by lee" "Nurse Lee"
keys o
shows "lee goes" "Nobody is signed in here."
keys q
shows "leaving leaves nothing behind" "left with 0"
tmux kill-session -t demo

# Real readers, if any: nobody knows their PINs, and there are no hands.
tmux new-session -d -x 80 -y 24 -s demo "TERM=screen-256color '$demo' --with-card --with-key \
	--with-badge; echo left with \$?; cat"
shows "with real ones it starts as well" "one-time password" || exit 1
screen | grep -qF "kim the badge" && not_ok "nothing is enrolled" || ok "nothing is enrolled"
keys Enter
shows "to the pump" "Nobody is signed in here."
keys F7
sleep 1
screen | grep -qE "PIN|F9|98765432" && not_ok "no hand and no PIN is on the screen" ||
	ok "no hand and no PIN is on the screen"
keys q
shows "and it is left" "left with 0"

echo "1..$number"
[ $failed = 0 ]
