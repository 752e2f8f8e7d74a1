#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What changed between two snapshots: `offline DEVICE diff` and `subvolume diff`, unmounted and mounted.
setup() { load ../lib; begin; }
teardown() { finish; }

# bats test_tags=root
@test "diff: names, ranges, attributes, as text" {
	need_kernel; need_peer
	truncate -s 300M a.img; "$PEER_MKFS" -q a.img >/dev/null 2>&1
	mount_fs a.img m
	"$PEER" subvolume create m/s >/dev/null
	head -c 1000000 /dev/urandom >m/s/big; mkdir -p m/s/d/e m/s/gone; echo x >m/s/d/f; echo y >m/s/gone/f; echo z >m/s/two; ln m/s/two m/s/d/two; echo >m/s/same
	"$PEER" subvolume snapshot -r m/s m/1 >/dev/null
	printf abc | dd of=m/s/big bs=1 seek=500000 conv=notrunc status=none
	mv m/s/d m/s/moved; rm -r m/s/gone; rm m/s/two; ln m/s/moved/two m/s/three; mkdir m/s/new; echo n >m/s/new/n; chmod 600 m/s/moved/f; truncate -s 5 m/s/same
	"$PEER" subvolume snapshot -r m/s m/2 >/dev/null
	umount_fs m
	run btrfs_ours offline a.img diff /1 /2
	expect 0
	same "offline" "$(cat <<-'E'
		modified  big: times; data 499712+4096
		renamed   d/ -> moved/
		removed   gone/
		modified  moved/f: mode
		removed   gone/f
		renamed   two -> three
		modified  same: size 1 -> 5, times; data 0+5
		added     new/
		added     new/n
	E
	)" "$output"
	run btrfs_ours subvolume diff a.img:/1 a.img:/2
	expect 0; has "renamed   two -> three"
	run btrfs_ours subvolume diff a.img:/1 a.img:/2/new
	expect 1; has "not a subvolume: a.img:/2/new"
	mount_fs a.img m
	run btrfs_ours subvolume diff m/1 m/2
	expect 0; has "renamed   d/ -> moved/"; has "data 499712+4096"; has "removed   gone/f"; has "added     new/n"; has "modified  moved/f: mode"
	run btrfs_ours subvolume diff m/1 m/s
	expect 1; has "cannot compare m/s with m/1"
	umount_fs m
	run btrfs_ours subvolume diff a.img:/1 a.img:/1
	expect 0; same "nothing" "" "$output"
}

# bats test_tags=root
@test "diff: what it tells of random pairs is what their trees say, offline and mounted" {
	need_kernel; need_peer
	local i n=$(full && echo 60 || echo 8)
	truncate -s 1G a.img; "$PEER_MKFS" -q a.img >/dev/null 2>&1
	mount_fs a.img m
	for i in 1 2 3; do python3 "$TOP/tests/send/pairs.py" m 900 $n $i; done
	umount_fs m
	for ((i = 900; i < 900 + n; i++)); do btrfs_ours --format json subvolume diff a.img:/$i.a a.img:/$i.b >$i.json; done
	mount_fs a.img m ro
	for ((i = 900; i < 900 + n; i++)); do
		python3 "$TOP/tests/send/diffcheck.py" m/$i.a m/$i.b $i.json
		btrfs_ours --format json subvolume diff m/$i.a m/$i.b >mounted.json
		python3 "$TOP/tests/send/diffcheck.py" m/$i.a m/$i.b mounted.json
	done
}
