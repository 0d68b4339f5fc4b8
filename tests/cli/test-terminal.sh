#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Drives the interactive demo in a terminal of 80x24, as a person would.
# usage: test-terminal.sh CAREWARD-DEMO CAREWARD
set -u

demo=$1
careward=$2
# shellcheck source=tests/cli/terminal.sh
. "${0%/*}/terminal.sh"

# tmux ends with its last session, a little later than it says: one that stays.
tmux new-session -d -s stays cat
tmux new-session -d -x 80 -y 24 -s demo "TERM=screen-256color '$demo'; echo left with \$?; cat"
shows "commissioning hands out one-time passwords" "one-time password" || exit 1
secret=$(screen | awk '$1 == "lee" { print $NF }')
[ -n "$secret" ] && ok "the nurse has one" || not_ok "the nurse has one"
doctors=$(screen | awk '$1 == "okafor" { print $NF }')

# The command line in a second terminal, at the same broker (threats: PM-09).
socket=$(screen | awk '$1 == "--socket" { print $2 }')
uid=$(screen | sed -n 's/.*--broker-uid \([0-9]*\).*/\1/p')
tmux new-session -d -x 80 -y 24 -s line "PS1='\$ ' sh"
line() { tmux send-keys -t line "$@"; }
line_shows() {
	if comes line "$2"; then ok "$1"; else
		not_ok "$1"
		tmux capture-pane -p -t line | sed 's/^/# /'
	fi
}
line "'$careward' sign-in ruiz --socket $socket --broker-uid $uid" Enter
line_shows "the command line asks at the terminal" "Password:"
line -l "my secret words"
sleep 0.5
tmux capture-pane -p -t line | grep -qF "my secret words" && not_ok "without echo" || ok "without echo"
line C-c
# The shell's prompt once more; what is typed before it may be thrown away.
i=0
while [ $i -lt 300 ] && [ "$(tmux capture-pane -p -t line | grep -c '^\$')" -lt 2 ]; do
	i=$((i + 1))
	sleep 0.1
done
line "echo status \$?; stty -a | grep -o ' -*echo ' | tr -d ' '" Enter
line_shows "interrupted, it leaves" "status 130"
sleep 0.5
tmux capture-pane -p -t line | grep -qx "echo" && ok "and the terminal echoes again" ||
	not_ok "and the terminal echoes again"
# What is typed before the question belongs to nobody: the old question must be off the screen.
line clear Enter
goes line "Password:"
line "'$careward' sign-in ruiz --socket $socket --broker-uid $uid" Enter
line_shows "asked again" "Password:"
line -l "nonsense"
line Enter
line_shows "a wrong password is a no" "Name or password is wrong."
tmux kill-session -t line

keys Enter
shows "nobody is signed in: care says why it is not offered" "Nobody is signed in here."
screen | tail -n 1 | grep -qF "EMERGENCY: press F10 twice" && ok "the last of 24 lines is the glass" ||
	not_ok "the last of 24 lines is the glass"
screen | grep -qF "PIN" && not_ok "where nothing is virtual no hand is offered" ||
	ok "where nothing is virtual no hand is offered"
screen | grep -q "Nurse" && not_ok "the silent screen has no name" || ok "the silent screen has no name"

keys 3
shows "touching care asks who it is" "Name:"
keys F2
shows "what is always allowed works under a dialog" "The alarm is silent"
text lee
keys Enter
shows "then for the password" "Password:"
text "$secret"
shows "which is not shown" "********************"
screen | grep -qF "$secret" && not_ok "not a letter of it" || ok "not a letter of it"
keys Enter
shows "a one-time password can only be changed" "can only be changed"
text short
keys Enter
shows "a short one is refused in words" "It is too short."
screen | grep -qE "^ +15 *$" && ok "which say how long it has to be" || not_ok "which say how long it has to be"
text "green marmalade 41 hats"
keys Enter
shows "it is asked for twice" "New password again"
text "green marmalade 41 hats"
keys Enter
shows "then the nurse is in" "Signed in: Nurse Lee"
shows "with the last sign-in and the failures since" "Failures since then: 0"
keys 3
shows "care is given" "The therapy runs."
text 3555
shows "digits in a row are a code, and no keys" "Keys in a row are taken for a code"
sleep 1
screen | grep -qF "A bolus" && not_ok "a code gives no bolus" || ok "a code gives no bolus"
keys 5
shows "one digit is a key again" "A bolus of 2 ml is given."
keys 8
shows "a guarded action is done when it is recorded" "The brightness is 80 %."
keys 6
shows "a high-risk drug asks for a second person, here by name" "A second person: check it"
keys Escape
hides "who may be absent" "A second person: check it"
keys 9
shows "what the role does not include is refused in words" "Your role does not include this."
keys h
sleep 1
shows "the history is not for a nurse" "Your role does not include this."

keys l
shows "locked: care says why" "The screen is locked."
hides "locked: the name is gone" "Nurse Lee"
hides "locked: so is what the role does not include" "Your role"
keys Enter
shows "somebody signs in" "Name:"
text lee
keys Enter
shows "with a password" "Password:"
text wrong
keys Enter
shows "a wrong one is refused, whatever was wrong" "Name or password is wrong."
text "222"
sleep 0.5
screen | grep -q "The alarm is silent" && not_ok "typing on presses no key of the pump" ||
	ok "typing on presses no key of the pump"
shows "but for these two" "Enter: once more    Esc: back"
tmux resize-window -t demo -x 60 -y 20
shows "a terminal that is too small has the glass as well" "EMERGENCY: press F10 twice"
shows "and says that it is too small" "needs 80 x 24"
keys F2
shows "what is always allowed works in it" "F1 stop  F2 silence"
tmux resize-window -t demo -x 80 -y 24
hides "until it is large enough again" "needs 80 x 24"

keys F10
shows "one touch asks for the second" "Once more F10"
keys F10
shows "two touches break the glass" "EMERGENCY  Care is open to everybody"
keys 3
shows "care works" "The therapy runs."
keys 7
shows "what is no care opens no dialog in an emergency" "In an emergency care alone is open."
keys 4
shows "so that care goes on" "The rate is 6.0 ml/h."
keys Enter
shows "who signs in then is asked who it is: it may be somebody else" "Name:"
shows "the dialog says which keys do care now" "F1 stop  F2 silence  F3-F6 care"
keys F4
shows "and so they do" "The rate is 7.0 ml/h."
keys F1
shows "and stop, too" "The therapy is stopped."
keys F3
shows "it runs again" "The therapy runs."
keys Escape F1
shows "Esc and F1 at once stop it as well" "Therapy: stopped"
hides "and give the dialog up" "Name:"
keys e
shows "a person ends it, and is asked why" "Why was the glass broken?"
shows "the list of reasons says what stops" "F1 stops the therapy"
keys 2
shows "the reason is taken" "Thank you."
hides "the banner is gone" "EMERGENCY  Care is open"

# The former owner has gone. Whoever else comes must not be sent back to that password.
keys Enter
shows "after an emergency the seat asks who it is" "Name:"
text mallory
keys Enter
shows "whoever it says it is" "Password:"
text wrong
keys Enter
shows "somebody else's wrong try" "Enter: once more    Esc: back"
keys Enter
shows "is no end of it" "Name:"
text okafor
keys Enter
shows "the physician comes" "Password:"
text "$doctors"
keys Enter
shows "whose password is a one-time one" "can only be changed"
text "seven quiet orchards by noon"
keys Enter
shows "it is changed" "New password again"
text "seven quiet orchards by noon"
keys Enter
shows "and the seat is taken over" "Signed in: Dr Okafor"
shows "as a handover" "Handed over"
keys l
shows "locked by the physician" "The screen is locked."
keys 3
shows "care on a locked screen asks who it is as well" "Name:"
text lee
keys Enter
shows "the nurse is back" "Password:"
text "green marmalade 41 hats"
keys Enter
shows "and takes the seat over again" "Signed in: Nurse Lee"
# One wrong try was her own, before the emergency; the one after it was not hers.
shows "nobody else's wrong try counts against her" "Failures since then: 1"
keys o
shows "nobody is there" "Nobody is signed in here."

# Without an F10 key: Esc 0, twice.
keys Escape 0
shows "Esc 0 is a touch as well" "Once more F10"
keys Escape 0
shows "and twice breaks the glass" "EMERGENCY  Care is open to everybody"
keys e
shows "it is ended" "Why was the glass broken?"
keys 5

keys q
shows "leaving leaves nothing behind" "left with 0"
tmux kill-session -t demo

tmux new-session -d -x 80 -y 24 -s demo "TERM=nosuch '$demo'; echo left with \$?; cat"
shows "an unknown terminal is said, before anything is started" 'a terminal "nosuch"'
shows "and left" "left with 2"
tmux kill-session -t demo

# Killed, it can clean up nothing: the keeper does. A folder of a dead demo goes with the next one.
[ -w /tmp ] && base=/tmp || base=.
old=$(mktemp -d "$base/careward-demo-XXXXXX")
mkdir "$old/state"
: >"$old/demo.lock"
tmux new-session -d -x 80 -y 24 -s demo "TERM=screen-256color exec '$demo'"
shows "once more" "one-time password"
[ -e "$old" ] && not_ok "what a dead demo left is removed" || ok "what a dead demo left is removed"
socket=$(screen | awk '$1 == "--socket" { print $2 }')
root=${socket%/run/service}
[ -d "$root" ] && ok "the folder of a living one is there" || not_ok "the folder of a living one is there"
tmux set-option -t demo remain-on-exit on
kill -KILL "$(tmux display-message -p -t demo '#{pane_pid}')"
i=0
while [ $i -lt 300 ] && [ -e "$root" ]; do
	i=$((i + 1))
	sleep 0.1
done
[ -e "$root" ] && not_ok "killed, it leaves no folder" || ok "killed, it leaves no folder"
pgrep -f -- "--run $root/run" >/dev/null && not_ok "and no broker" || ok "and no broker"
echo "1..$number"
[ $failed = 0 ]
