#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example of an actuator: nothing is installed without a receipt for exactly that.
# usage: test-installer.sh INSTALLER WRITE-RECEIPTS
set -u

installer=$1 write=$2
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
n=0 failed=0

result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$dir/err"
		failed=1
	fi
}

# refused WHY IMAGE RECEIPT KEYS: nothing is installed, nothing is left behind
refused() {
	why=$1
	shift
	rm -f "$dir/target"
	"$installer" "$dir/$1" "$dir/target" "$dir/$2" "$dir/$3" "$dir/used" >"$dir/out" 2>"$dir/err"
	[ $? = 1 ] && [ ! -e "$dir/target" ] && [ ! -e "$dir/target.new" ] && [ ! -s "$dir/out" ]
	result $? "$why"
}

"$write" "$dir" || exit 99
cp "$dir/image" "$dir/other"
echo more >>"$dir/other"
head -c 900 "$dir/receipt" >"$dir/half"
sed 's/software.update/software.Update/' "$dir/receipt" >"$dir/changed"
echo '{}' >"$dir/no-keys"

echo 1..18
refused 'without a receipt nothing is installed' image none keys
refused 'PO-06 a receipt for another image installs nothing' other receipt keys
refused 'half a receipt installs nothing' image half keys
refused 'a changed receipt installs nothing' image changed keys
refused 'a receipt by a token that nobody enrolled installs nothing' image stranger keys
refused 'PO-06 a receipt for another action installs nothing' image settings keys
refused 'PO-16 a receipt that passwords gave installs nothing' image passwords keys
refused 'PO-16 nor one that the second person gave a password for' image second-password keys
refused 'PO-06 nor one that a single person gave' image alone keys
mkdir "$dir/used"
refused 'a list of used receipts that cannot be kept installs nothing' image receipt keys
rmdir "$dir/used"
echo rubbish-rubbish-rubbish-rubbish-rubbish >"$dir/used"
refused 'nor one that is something else' image receipt keys
rm "$dir/used"
refused 'without the keys of the device nothing is installed' image receipt no-keys
refused 'an image that is not there installs nothing' none receipt keys
printf 'a0b1' >"$dir/used" # of a try that was cut off
"$installer" "$dir/image" "$dir/target" "$dir/receipt" "$dir/keys" "$dir/used" >"$dir/out" 2>"$dir/err" &&
	cmp -s "$dir/image" "$dir/target" && [ ! -e "$dir/target.new" ]
result $? 'with its receipt an image is installed'
grep -q "signed by the person's smartcard" "$dir/out"
result $? 'and the second process says who signed'
[ "$(wc -c <"$dir/used")" = 33 ]
result $? 'and writes down that it was used'
refused 'PO-06 a receipt installs once' image receipt keys
"$installer" "$dir/image" >"$dir/out" 2>"$dir/err"
[ $? = 2 ]
result $? 'a wrong command line installs nothing'
exit $failed
