#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# carewardd as a program, with an engine that writes down what it was given:
#   test-carewardd.sh CAREWARDD SOURCE_DIRECTORY
set -u
umask 022 # what others may write is refused
# Who is not dumpable cannot be searched for leaks.
export ASAN_OPTIONS=detect_leaks=0
daemon=$1
source=$2
n=0
failed=0
pid=
dir=$(mktemp -d /tmp/careward-main-XXXXXX) || exit 99

clean_up() {
	[ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT

ok() { # status sentence
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

# Trials run as whoever builds; root keeps its files and loses its rights.
me=$(id -un)
options="--state $dir/state --run $dir/run --config $dir/config --user $me"

wait_for() { # file
	i=0
	while [ ! -s "$1" ] && [ $i -lt 400 ]; do
		sleep 0.05
		i=$((i + 1))
	done
	[ -s "$1" ]
}

fact() {
	grep -qx "$1" "$dir/state/facts"
	ok $? "$2"
}

stop() { # sentence
	kill -TERM "$pid"
	wait "$pid"
	ok $? "$1"
	pid=
}

fresh() {
	rm -rf "$dir/state" "$dir/run" "$dir/config" "$dir/ready"
	mkdir -m 755 "$dir/config"
}

[ "$("$daemon" --version)" != "" ]
ok $? "--version says one"
"$daemon" --no-such-option 2>/dev/null
[ $? -eq 2 ]
ok $? "an unknown option is refused"
"$daemon" $options something 2>/dev/null
[ $? -eq 2 ]
ok $? "an argument is refused"
"$daemon" $options --ready-fd 77 2>/dev/null
[ $? -eq 2 ]
ok $? "a readiness descriptor that is not open is refused"

fresh
"$daemon" $options --ready-fd 5 5>"$dir/ready" 2>"$dir/err" &
pid=$!
wait_for "$dir/ready"
[ "$(cat "$dir/ready")" = 1 ]
ok $? "readiness is told"
fact "uid $(id -u)" "it runs as it was told"
fact "seat main 0660 listens 1" "without device.cfg there is the seat main"
fact "source 0" "and it is known for a guess"
fact "config $dir/config" "the engine knows where the configuration is"
[ -S "$dir/run/main" ] && [ "$(stat -c %a "$dir/run/main")" = 660 ]
ok $? "the socket has its mode"
[ "$(stat -c %a "$dir/state")" = 700 ]
ok $? "the state directory is closed to others"
grep -q '^CapEff:[[:space:]]*0*$' /proc/$pid/status && grep -q '^NoNewPrivs:[[:space:]]*1' /proc/$pid/status
ok $? "no capability is left"
stop "SIGTERM ends it cleanly"

fresh
cp "$source/config/infusion-pump/device.cfg" "$dir/config/"
"$daemon" $options 2>"$dir/err" &
pid=$!
wait_for "$dir/state/facts"
fact "source 2" "device.cfg alone names the seats"
kill -INT "$pid"
wait "$pid"
ok $? "SIGINT ends it cleanly"
pid=
rm "$dir/state/facts"
echo 'nonsense = ;' >"$dir/config/device.cfg"
"$daemon" $options 2>"$dir/err" &
pid=$!
wait_for "$dir/state/facts"
fact "source 1" "with a broken device.cfg the last known seats serve"
grep -q "last known seats" "$dir/err"
ok $? "and it is said"
stop "it ends cleanly"

fresh
"$daemon" $options 0<&- 1>&- 2>&- &
pid=$!
wait_for "$dir/state/facts"
fact "null 111" "closed standard descriptors are filled"
stop "and it ends cleanly"
[ -c /dev/null ]
ok $? "/dev/null is what it was"

fresh
"$daemon" --embedded $options 3<&- 2>/dev/null
[ $? -eq 1 ]
ok $? "--embedded without a client is refused"
"$daemon" --embedded $options 3</dev/null 2>/dev/null
[ $? -eq 1 ]
ok $? "--embedded with something else is refused"

fresh
mkdir -m 755 "$dir/state"
"$daemon" $options 2>"$dir/err"
[ $? -eq 1 ] && grep -q "mode 0700" "$dir/err"
ok $? "a state directory that others may read is refused, with the remedy"
fresh
mkdir -m 755 "$dir/run"
echo precious >"$dir/run/main"
"$daemon" $options 2>/dev/null
[ $? -eq 1 ] && [ "$(cat "$dir/run/main")" = precious ]
ok $? "a file in the place of a socket is left alone"

if [ "$(id -u)" -eq 0 ]; then
	fresh
	chmod 755 "$dir"
	"$daemon" $options --user nobody 2>/dev/null &
	pid=$!
	wait_for "$dir/state/facts"
	fact "uid $(id -u nobody)" "root becomes the user"
	[ "$(stat -c %U "$dir/run/main")" = nobody ]
	ok $? "the socket is the user's"
	stop "it ends cleanly"
	"$daemon" $options --user no-such-user 2>/dev/null
	[ $? -eq 1 ]
	ok $? "without that user it does not stay root"
fi

echo "1..$n"
exit $failed
