#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=offline
# Devices of unmounted filesystems come, go, are replaced and shrunk: the files stay as they are, and all judges agree.

setup() { load ../lib; begin; }
teardown() { finish; }

# make PROFILE DEVICES: $IMAGES, filled; $HASH
make() {
	local i
	IMAGES=
	for ((i = 1; i <= $2; i++)); do rm -f "d$i.img"; truncate -s 300M "d$i.img"; IMAGES+=,d$i.img; done
	IMAGES=${IMAGES#,}
	"$BTRBOX" mkfs.btrfs -q -f -d "$1" -m "$1" ${IMAGES//,/ } 2>/dev/null
	btrfs_ours -q offline "$IMAGES" put -r "$TOP/kernel-shared/check" / >/dev/null
	HASH=$(btrfs_ours offline "$IMAGES" hash /)
}
spare() { local f; for f; do rm -f "$f"; truncate -s 310M "$f"; done; }
same_files() { same hash "$HASH" "$(btrfs_ours offline "$1" hash /)"; }
judges() {
	same_files "$1"
	judge_reader "$1"
	if [[ $(id -u) == 0 && -e /dev/loop-control && $PEER ]]; then
		judge_peer "$1"
		judge_kernel "$1" -
	fi
}

@test "a device is added, then the first is removed: its chunks are elsewhere, it is no member any more" {
	local row
	for row in 'single 1' 'raid5 3'; do
		make $row
		spare n.img
		run_btrfs device add n.img "$IMAGES"
		expect 0
		same_files "$IMAGES,n.img"
		run_btrfs device remove d1.img "$IMAGES,n.img"
		expect 0
		run_btrfs inspect-internal dump-super d1.img
		has_not '_BHRfS_M [match]'
		IMAGES=$IMAGES,n.img
		judges "${IMAGES#d1.img,}"
	done
}

@test "a device is replaced by one of another size; it takes the number, the profile stays" {
	local row
	for row in 'raid6 4' 'raid10 4'; do
		make $row
		spare n.img
		run_btrfs replace start 2 n.img "$IMAGES"
		expect 0
		run_btrfs device usage "${IMAGES/d2.img/n.img}"
		has 'n.img, ID: 2'
		judges "${IMAGES/d2.img/n.img}"
	done
}

@test "a missing device is replaced, or removed, from what the others hold" {
	make raid5 3
	rm d2.img
	spare n.img
	run_btrfs replace start 2 n.img d1.img,d3.img
	expect 0
	judges d1.img,n.img,d3.img
	make raid1 3
	rm d1.img
	run_btrfs device remove missing d2.img,d3.img
	expect 0
	judges d2.img,d3.img
	run_btrfs device remove missing d2.img,d3.img
	expect 1
	has 'no missing devices found to remove'
}

@test "shrinking moves what lies behind the new end, and cuts the file" {
	make dup 1
	truncate -s 600M d1.img
	btrfs_ours filesystem resize --offline max d1.img
	head -c 40000000 /dev/urandom >big
	btrfs_ours offline d1.img put big /a; btrfs_ours offline d1.img put big /b; btrfs_ours offline d1.img rm /a
	HASH=$(btrfs_ours offline d1.img hash /)
	run_btrfs filesystem resize --offline 400M d1.img
	expect 0
	has 'to 400.00MiB'
	[[ $(stat -c %s d1.img) == $((400 << 20)) ]]
	judges d1.img
	run_btrfs filesystem resize --offline 20M d1.img
	expect 1
	same_files d1.img
}

@test "what cannot be is refused by its reason, and nothing is changed" {
	make raid1 2
	run_btrfs device remove 1 "$IMAGES"
	expect 1
	has "unable to go below two devices on raid1"
	run_btrfs device remove 7 "$IMAGES"
	expect 1
	truncate -s 100M small.img
	run_btrfs replace start 1 small.img "$IMAGES"
	expect 1
	has 'too small'
	make single 1; mv d1.img other.img; make single 1
	run_btrfs device add other.img d1.img
	expect 1
	has 'use the -f option to force overwrite of other.img'
	run_btrfs device add -f other.img d1.img
	expect 0
	same_files d1.img,other.img
	run_btrfs device remove 1 d1.img,nowhere.img
	expect 1
}

@test "a dry run and --undo leave everything as it was" {
	make raid1 2
	spare n.img
	sha256sum d1.img d2.img n.img >before
	run_btrfs device add --dry-run n.img "$IMAGES"
	expect 0
	run_btrfs replace start --dry-run 1 n.img "$IMAGES"
	expect 0
	sha256sum -c --quiet before
	run_btrfs replace start --undo u 1 n.img "$IMAGES"
	expect 0
	run_btrfs rescue undo u d1.img d2.img n.img
	expect 0
	sha256sum -c --quiet before
}

@test "inside btrfs offline the last argument is the place itself; a batch takes no part in it" {
	make raid1 2
	spare n.img
	run_btrfs offline "$IMAGES" device add n.img /
	expect 0
	run_btrfs offline "$IMAGES,n.img" device remove 1 /
	expect 0
	same_files d2.img,n.img
	run_btrfs offline --atomic d2.img,n.img device remove 2 /
	expect 1
	has 'belongs to no batch'
}
