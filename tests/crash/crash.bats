#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=offline
# A crash at any write leaves the last commit whole: recorded work is replayed up to each flush, with any part of the rest (crash.c says how).

setup() { load ../lib; begin; CRASH=${BUILD:-$(dirname "$(readlink -f "$BTRBOX")")}/crash/crash; }
teardown() { finish; }

# crash PROFILE DEVICES SEED ROUNDS COMMITS STEPS [WORD...] with mkfs options in $OPTIONS, options of crash in $JUDGE
crash() {
	local profile=$1 list= i
	for ((i = 0; i < $2; i++)); do rm -f "d$i.img"; truncate -s 400M "d$i.img"; list+=,d$i.img; done
	list=${list#,}
	"$BTRBOX" mkfs.btrfs -q -f -d "$profile" -m "$profile" ${OPTIONS:-} ${list//,/ } 2>/dev/null
	shift 2
	run "$CRASH" ${JUDGE:-} "$list" "$@"
	expect 0
	has ' 0 lost,'
	(($(awk '{s = $1} END {print s}' <<<"$output") >= 50))
}

@test "one device: each crash shows the commit before or after, whole" {
	OPTIONS='-n 4096' crash single 1 1 2 3 250
	OPTIONS='-n 4096' crash dup 1 2 2 3 250
	crash single 1 3 1 3 400 full
	OPTIONS='-O squota' crash single 1 4 1 3 400
}

@test "several devices, also with one a commit behind: each crash shows the commit before or after, whole" {
	OPTIONS='-n 4096' crash raid1 2 5 1 4 200 stale
	OPTIONS='-n 4096' crash raid5 3 6 1 3 200 stale
	OPTIONS='-n 4096' crash raid6 4 7 1 2 200 stale
	OPTIONS='-n 4096' crash raid10 4 8 1 2 200 stale
}

# bats test_tags=root
@test "a crashed filesystem mounts, reads and checks clean" {
	need_kernel; need_peer
	JUDGE="-j 25 $TOP/tests/crash/judge"
	OPTIONS='-n 4096' crash single 1 9 1 4 250
	OPTIONS='-n 4096' crash raid1 2 10 1 2 200
}

@test "a crash in the middle of balancing, or of a device that comes or goes, leaves everything whole" {
	OPTIONS='-n 4096' JUDGE='-s 3' crash single 2 11 2 2 0 chunks
	OPTIONS='-n 4096' JUDGE='-s 3' crash raid1 3 12 1 2 0 chunks
	local i
	for i in 1 2; do rm -f "d$i.img"; truncate -s 400M "d$i.img"; done
	truncate -s 400M spare.img
	"$BTRBOX" mkfs.btrfs -q -f -n 4096 -d raid1 -m raid1 d1.img d2.img 2>/dev/null
	btrfs_ours -q offline d1.img,d2.img put -r "$TOP/kernel-shared/tree" /
	run "$CRASH" -s 4 d1.img,d2.img,spare.img 3 4 1 0 devices
	expect 0
	has ' 0 lost,'
}
