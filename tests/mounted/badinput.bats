#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=root
# What is not as it should be: read-only mounts, names that are too long, devices in use, too few of them, full outputs, filesystems that go away, old kernels.
# (Wrong arguments: tests/mounted/twins/.)

setup() { load ../lib; load twins; begin; need_kernel; need_peer; }
teardown() { forget_scrubs 2>/dev/null || true; finish; }

# table: lines of twins.py on standard input
table() { python3 "$TOP/tests/mounted/twins.py" "$PEER" "$BTRBOX" "$T"; }
both_sides() { local side; for side in p o; do (cd "$side" && "$@") || return 1; done; }
furnish() { btrfs_peer subvolume create m/a; btrfs_peer subvolume snapshot -r m/a m/ro; echo x >m/f; btrfs_peer quota enable m; btrfs_peer quota rescan -w m; sync -f m; }

@test "a read-only mount, names that are too long, devices that are in use, too few for a profile" {
	twins 2 2 512M -d raid1 -m raid1
	both_sides furnish >/dev/null
	for side in p o; do mount -o remount,ro "$side/m"; done
	table <<-'TABLE'
	subvolume create m/new
	subvolume snapshot m/a m/new
	subvolume delete m/a
	subvolume delete -c m/a
	subvolume set-default 256 m
	subvolume sync m
	filesystem label m x
	filesystem resize max m
	filesystem defragment m/f
	filesystem defragment -r m
	filesystem mkswapfile -s 1m m/sw
	filesystem sync m
	balance start -dusage=0 m
	balance pause m
	balance resume m
	device add -f DEV3 m
	device remove DEV2 m
	device stats -z m
	replace start -B 1 DEV3 m
	scrub start -B m
	scrub start -B -r m
	quota enable m
	quota disable m
	quota rescan m
	qgroup create 1/1 m
	qgroup destroy 1/1 m
	qgroup assign 0/256 1/1 m
	qgroup remove 0/256 1/1 m
	qgroup limit 1g m
	@clearer property set m/a ro true
	property set m label y
	@clearer property set m/f compression zstd
	filesystem df m
	filesystem usage m
	TABLE
	for side in p o; do mount -o remount,rw "$side/m"; done
	long=$(printf 'x%.0s' {1..300})
	table <<-TABLE
	@clearer subvolume create m/$long
	@clearer subvolume snapshot m/a m/$long
	subvolume delete m/$long
	@clearer subvolume show m/$long
	filesystem label m $long
	filesystem label DEV1 $long
	filesystem mkswapfile -s 1m m/$long
	filesystem defragment m/$long
	property set m label $long
	@clearer device add $long m
	device remove $long m
	replace start -B $long DEV3 m
	replace start -B DEV1 $long m
	qgroup create $long m
	balance start -d$long m
	inspect-internal rootid m/$long
	TABLE
	# in use: by this filesystem, by another one that is mounted, by swap space that only looks so
	for side in p o; do
		mapfile -t devices <"$side/.devices"
		"$PEER_MKFS" -q "${devices[2]}" >/dev/null 2>&1; mkdir "$side/x"; mount "${devices[2]}" "$side/x"; echo "$T/$side/x" >>"$T/.mounted"
		mkswap -q "${devices[3]}" 2>/dev/null || mkswap "${devices[3]}" >/dev/null
	done
	table <<-'TABLE'
	device add DEV1 m
	device add DEV3 m
	device add -f DEV3 m
	device add DEV4 m
	replace start -B 1 DEV3 m
	replace start -B -f 1 DEV3 m
	replace start -B -f 1 DEV2 m
	replace start -B 1 DEV4 m
	device remove DEV3 m
	device remove DEV1 m
	device remove 1 m
	balance start -dconvert=raid10 m
	balance start -dconvert=raid5,soft -f m
	balance start -dconvert=raid1c3 m
	balance start -mconvert=single m
	$ $BTRFS filesystem df m | cut -d: -f1
	TABLE
}

@test "output into a full device or a closed pipe is an error and no crash" {
	mk_fs peer a.img 512M -
	mount_fs a.img m
	furnish >/dev/null
	for c in 'subvolume list m' 'subvolume show m/a' 'subvolume find-new m 0' 'filesystem df m' 'filesystem usage m' 'filesystem usage -T m' 'filesystem du m' 'filesystem show m' \
		'filesystem commit-stats m' 'filesystem label m' 'device stats m' 'device stats -T m' 'device usage m' 'balance status m' 'replace status -1 m' 'scrub status m' 'scrub limit m' \
		'quota status m' 'qgroup show m' 'property get m' 'property list m' 'inspect-internal list-chunks m' 'inspect-internal inode-resolve 257 m' '--format json filesystem df m'; do
		rc=0
		# shellcheck disable=SC2086
		btrfs_ours $c >/dev/full 2>err || rc=$?
		[[ $rc == 1 ]] && grep -q 'cannot write standard output' err || { echo "# $c: $rc"; cat err; return 1; }
		# nobody reads: the end of the pipe is closed before the command begins
		rc=0
		# shellcheck disable=SC2086
		{ sleep 0.1; btrfs_ours $c 2>err || echo $? >rc; } | true
		[[ $(cat rc) == 1 && ! -s err ]] || { echo "# $c into a closed pipe: $(cat rc)"; cat err; return 1; }
	done
}

@test "a filesystem that goes away under a running command" {
	mk_fs peer a.img 512M -
	mount_fs a.img m
	for i in {1..40}; do mkdir m/d$i; for j in {1..50}; do echo x >m/d$i/$j; done; done
	head -c 100000000 /dev/zero >m/big
	sync -f m
	uuid=$(findmnt -no UUID m)
	# what it holds open stays, and is done; what it has to look up by name is gone
	btrfs_ours scrub start -B --limit 40m m >out 2>err & pid=$!
	sleep 0.5
	umount -l m
	wait $pid
	grep -q 'no errors found' out
	rm -f "/var/lib/btrfs/scrub.status.$uuid"
	for c in 'scrub status m' 'filesystem usage m' 'balance status m' 'qgroup show m' 'subvolume list m'; do
		# shellcheck disable=SC2086
		run_btrfs $c
		[[ $status != 0 ]]; has 'not a btrfs filesystem: m'
	done
}

@test "an old kernel is told by name and release; where an older request does it, nothing is said" {
	need_cmd cc
	[[ $BTRBOX != *asan* && $BTRBOX != *tsan* ]] || skip "a sanitizer's runtime is loaded first"
	have_feature STATIC && skip "nothing is loaded before a static program"
	cc -shared -fPIC -o noioctl.so "$TOP/tests/mounted/noioctl.c" -ldl
	mk_fs peer a.img 512M -
	mount_fs a.img m
	furnish >/dev/null
	without() { local list=$1; shift; run env NO_IOCTL=",$list," LD_PRELOAD="$T/noioctl.so" "$BTRBOX" btrfs "$@"; }
	while read -r list request since line; do
		# shellcheck disable=SC2086
		without "$list" ${line//DEV1/${LOOPS[0]}}
		[[ $status != 0 ]] || { echo "# $line: exit code 0"; return 1; }
		has "does not know BTRFS_IOC_$request, which came with Linux $since"
	done <<-'TABLE'
	17 TREE_SEARCH 2.6.34 filesystem usage m
	17 TREE_SEARCH 2.6.34 subvolume find-new m 0
	17 TREE_SEARCH 2.6.34 qgroup show m
	20 SPACE_INFO 2.6.34 filesystem df m
	23 SNAP_CREATE_V2 2.6.38 subvolume snapshot -r m/a m/b
	25 SUBVOL_GETFLAGS 2.6.38 property get m/a ro
	26 SUBVOL_SETFLAGS 2.6.38 property set m/a ro true
	27 SCRUB 3.0 scrub start -B m
	31 FS_INFO 3.0 filesystem show m
	32 BALANCE_V2 3.3 balance start -dusage=0 m
	33 BALANCE_CTL 3.3 balance pause m
	34 BALANCE_PROGRESS 3.3 balance status m
	36 LOGICAL_INO 3.2 inspect-internal logical-resolve 30408704 m
	39 DEVICES_READY 3.6 device ready DEV1
	40 QUOTA_CTL 3.6 quota disable m
	42 QGROUP_CREATE 3.6 qgroup create 1/1 m
	44 QUOTA_RESCAN 3.11 quota rescan m
	49 GET_FSLABEL 3.9 filesystem label m
	52 GET_DEV_STATS 3.5 device stats m
	53 DEV_REPLACE 3.8 replace status -1 m
	58 RM_DEV_V2 4.7 device remove 1 m
	59 LOGICAL_INO_V2 4.15 inspect-internal logical-resolve -o 30408704 m
	63 SNAP_DESTROY_V2 5.7 subvolume delete -i 256 m
	TABLE
	without 24 subvolume create m/c; expect 0; same create "Create subvolume 'm/c'" "$output"
	without 23 subvolume snapshot m/a m/d; expect 0
	without 24 subvolume create m/no/where; expect 1; has_not 'does not know'
	without 57 filesystem usage m; expect 0; has_not 'does not know'
}
