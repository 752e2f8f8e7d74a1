#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=offline
# Subvolumes, snapshots, quotas and the trees that account for space, changed on unmounted images at random but repeatably, and judged by others.

setup() { load ../lib; begin; FUZZ=${BUILD:-$(dirname "$(readlink -f "$BTRBOX")")}/offline-write/subvol_fuzz; }
teardown() { finish; }

# new IMAGE [mkfs options]: small nodes make trees high, so that much is shared below the leaves' parents.
new() { local image=$1; shift; need_peer; rm -f "$image"; truncate -s 1G "$image"; "$PEER_MKFS" -q -f -n 4096 "$@" "$image" >/dev/null 2>&1; }

fuzz() { run "$FUZZ" "$@"; expect 0; has ' done, '; }

# numbers IMAGE: what a mount says of quota groups, and what it says after counting anew.
numbers() {
	mount_fs "$1" q
	"$PEER" qgroup show --raw q >before
	"$PEER" quota rescan -w q >/dev/null
	"$PEER" qgroup show --raw q >after
	umount_fs q
	(($(wc -l <before) > 10))
	same_file after before
}

# extents_of_others IMAGE: references that subvolumes other than the top level hold, and files.
extents_of_others() { "$PEER" inspect-internal dump-tree -t 2 "$1" | grep -cE 'extent data backref|tree block backref root [0-9]{3,}|shared (block|data) backref'; }

@test "subvolumes, snapshots and files change at random over several runs, and all judges are satisfied after each" {
	new a.img
	for seed in 1 2 3; do
		fuzz a.img $seed 3 1000
		judge_peer a.img
		judge_reader a.img
	done
}

@test "when everything that was made is deleted, nothing is left of it" {
	new a.img
	fuzz a.img 5 3 1200
	(($(extents_of_others a.img) > 50))
	fuzz a.img 6 1 50 empty
	judge_peer a.img
	judge_reader a.img
	[[ $(extents_of_others a.img) == 0 ]]
	! "$PEER" inspect-internal dump-tree -t 7 a.img | grep 'EXTENT_CSUM EXTENT_CSUM'
}

# bats test_tags=root
@test "the kernel goes on where we stopped in the middle of deleting" {
	need_kernel
	new a.img
	fuzz a.img 7 2 800 half
	"$PEER" inspect-internal dump-tree -t 1 a.img | grep 'ORPHAN ORPHAN_ITEM' >orphans
	judge_kernel a.img -
	mount_fs a.img m
	"$PEER" subvolume sync m >/dev/null
	umount_fs m
	judge_peer a.img
	! "$PEER" inspect-internal dump-tree -t 1 a.img | grep 'ORPHAN ORPHAN_ITEM' >orphans
}

# bats test_tags=root
@test "we go on where the kernel stopped: snapshots, relocated blocks, a deleted origin" {
	need_kernel
	new a.img -m single
	mount_fs a.img m
	"$PEER" subvolume create m/orig >/dev/null
	for ((i = 0; i < 300; i++)); do head -c $((i * 40)) /dev/zero >m/orig/f$i; done
	sync -f m
	"$PEER" subvolume snapshot m/orig m/s1 >/dev/null
	"$PEER" subvolume snapshot -r m/orig m/s2 >/dev/null
	for ((i = 0; i < 300; i += 3)); do rm m/s1/f$i; echo more >>m/orig/f$((i + 1)); done
	sync -f m
	"$PEER" subvolume snapshot m/s1 m/s3 >/dev/null
	"$PEER" balance start -m -f m >/dev/null
	for ((i = 1; i < 300; i += 7)); do mv m/s3/f$i m/s3/g$i 2>/dev/null || true; done
	"$PEER" subvolume delete -c m/orig >/dev/null
	"$PEER" subvolume sync m >/dev/null
	umount_fs m
	(($("$PEER" inspect-internal dump-tree -t 2 a.img | grep -c 'FULL_BACKREF') > 20))
	cp --sparse=always a.img b.img
	fuzz a.img 11 3 800
	judge_peer a.img
	judge_reader a.img
	judge_kernel a.img -
	fuzz b.img 12 2 800 full
	fuzz b.img 13 1 100 empty
	judge_peer b.img
	judge_reader b.img
	[[ $(extents_of_others b.img) == 0 ]]
}

# bats test_tags=root
@test "quota numbers equal what the kernel counts" {
	need_kernel
	new a.img
	fuzz a.img 21 2 800 full
	judge_reader a.img
	fuzz a.img 22 2 800 groups drop
	judge_reader a.img
	numbers a.img
	judge_kernel a.img -
}

@test "quota numbers equal what the distribution's check counts" {
	new a.img -n 16384
	fuzz a.img 23 3 600 full drop
	judge_peer a.img
	grep -q 'checking quota groups$' .check
	fuzz a.img 24 1 100 off
	judge_peer a.img
	grep -q 'not enabled' .check
}

# bats test_tags=root
@test "simple quotas: what is charged is given back to the last byte" {
	need_kernel
	new a.img
	fuzz a.img 31 1 400
	fuzz a.img 32 3 600 simple groups
	judge_reader a.img
	judge_kernel a.img -
	fuzz a.img 33 1 50 empty
	judge_reader a.img
	mount_fs a.img m ro
	"$PEER" qgroup show --raw m >shown
	umount_fs m
	# the one leaf of the top level is left, and groups made by hand
	run awk '$1 ~ /^0\// { print $1, $2, $3 }' shown
	same groups '0/5 4096 4096' "$output"
}

@test "free space tree and block group tree come and go" {
	new a.img -R free-space-tree
	for words in bgt 'nobgt nofst' fst 'refst bgt'; do
		fuzz a.img 41 2 300 $words
		judge_peer a.img
		judge_reader a.img
	done
	"$PEER" inspect-internal dump-super a.img >super
	grep -q BLOCK_GROUP_TREE super || grep -q '0xb' super
}

# bats test_tags=root
@test "the old space cache goes at the first commit" {
	need_kernel
	new a.img -R ^free-space-tree
	mount_fs a.img m space_cache=v1
	for i in 1 2 3; do head -c 3000000 /dev/urandom >m/f$i; sync -f m; done
	umount_fs m
	"$PEER" inspect-internal dump-tree -t 1 a.img | grep 'key (FREE_SPACE ' >headers
	cp --sparse=always a.img b.img
	fuzz a.img 51 2 300
	judge_peer a.img
	judge_reader a.img
	! "$PEER" inspect-internal dump-tree -t 1 a.img | grep 'key (FREE_SPACE '
	fuzz b.img 52 2 300 fst
	judge_peer b.img
	judge_kernel b.img -
}

@test "a free space tree that is marked as not valid is filled anew at the first commit" {
	new a.img -R free-space-tree
	fuzz a.img 61 1 300
	python3 - a.img <<'EOF'
import struct, sys
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for n in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
with open(sys.argv[1], 'r+b') as f:
    for at in (65536, 64 << 20):
        f.seek(at)
        s = bytearray(f.read(4096))
        flags = struct.unpack_from('<Q', s, 0xb4)[0]
        assert flags & 3 == 3
        struct.pack_into('<Q', s, 0xb4, flags & ~2)
        struct.pack_into('<I', s, 0, crc32c(s[32:]))
        f.seek(at)
        f.write(s)
EOF
	fuzz a.img 62 1 300
	"$PEER" inspect-internal dump-super a.img | grep FREE_SPACE_TREE_VALID
	judge_peer a.img
	judge_reader a.img
}

@test "on a full filesystem much is refused, nothing breaks, and all can be deleted" {
	need_peer
	truncate -s 112M a.img
	"$PEER_MKFS" -q -f -n 4096 -m single a.img >/dev/null 2>&1
	fuzz a.img 71 1 300 fill
	fuzz a.img 72 3 1500
	judge_peer a.img
	judge_reader a.img
	fuzz a.img 73 1 1 empty
	judge_peer a.img
	judge_reader a.img
	[[ $(extents_of_others a.img) == 0 ]]
}

# bats test_tags=root
@test "quota numbers stay right over many small commits" {
	need_kernel
	new a.img
	fuzz a.img 81 1 4000 full drop
	for seed in 82 83; do fuzz a.img $seed 25 8 drop; done
	judge_reader a.img
	numbers a.img
}
