#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=root
# JSON of every command parses and carries every value that the text shows; and what is mounted looks as it does unmounted.

setup() { load ../lib; begin; need_kernel; need_peer; }
teardown() { [[ ! -d ${T:-/nonexistent}/m ]] || rm -f "/var/lib/btrfs/scrub.status.$(findmnt -no UUID "$T/m")"; finish; }

carries() { python3 "$TOP/tests/mounted/carries.py" "$BTRBOX"; }

# fill: subvolumes, a snapshot, a reflink, groups with limits, a label, a swap file
fill() {
	btrfs_peer filesystem label m lab1
	btrfs_peer subvolume create m/a >/dev/null
	btrfs_peer subvolume create m/a/n >/dev/null
	head -c 300000 /dev/urandom >m/a/f
	btrfs_peer subvolume snapshot -r m/a m/snap7 >/dev/null
	cp --reflink=always m/a/f m/g9
	btrfs_peer quota enable m
	btrfs_peer qgroup create 1/100 m
	btrfs_peer qgroup assign 0/256 1/100 m >/dev/null
	btrfs_peer qgroup limit 1g 0/256 m
	btrfs_peer qgroup limit -e 2g 1/100 m
	btrfs_peer quota rescan -w m >/dev/null
	btrfs_peer property set m/a/f compression zstd
	sync -f m
}

@test "every value of the text is in the JSON" {
	mk_fs peer a.img,b.img 512M - -d single -m raid1
	mount_fs a.img,b.img m
	fill
	btrfs_ours filesystem mkswapfile -s 1m m/swp5 >/dev/null
	btrfs_ours scrub start -B m >/dev/null
	carries <<-'TABLE'
	subvolume list -pcguqR m
	subvolume list -s -pcuqR m
	subvolume list -t -r m
	subvolume show --raw m/a
	subvolume show --raw m/snap7 -- readonly
	subvolume show --raw m
	subvolume get-default m
	subvolume find-new m/a 0
	filesystem df --raw m
	-v -v filesystem df --raw m
	filesystem du --raw m
	filesystem du --raw -s m m/a
	filesystem show --raw m -- lab1
	filesystem usage --raw m
	filesystem usage --raw -T m
	filesystem commit-stats m
	filesystem label m -- lab1
	device stats m
	device stats -T m
	device usage --raw m
	balance status m
	replace status -1 m
	scrub status --raw m
	scrub status --raw -d m
	scrub status -R m
	scrub limit --raw m
	quota status m
	qgroup show --raw -pcre m
	property get m
	property get m/a
	property get m/a/f
	property list m -- ro label compression
	inspect-internal inode-resolve 257 m/a
	inspect-internal subvolid-resolve 256 m -- a
	inspect-internal rootid m/a
	inspect-internal list-chunks --raw m
	inspect-internal map-swapfile m/swp5
	TABLE
}

@test "the same with several profiles, a paused balance, and a missing device" {
	mk_fs peer a.img,b.img 1G - -d raid1 -m raid1
	mount_fs a.img,b.img m
	fallocate -l 300M m/room
	head -c 100000000 /dev/zero | tr '\0' x >m/f
	sync -f m
	btrfs_peer balance start -dconvert=single,limit=1,usage=1..100 m >/dev/null
	carries <<-'TABLE'
	filesystem usage --raw m -- data
	filesystem df --raw m
	TABLE
	for ((i = 0; i < 30; i++)); do
		btrfs_ours balance start --background -d m
		for ((j = 0; j < 20; j++)); do btrfs_ours balance pause m 2>/dev/null && break 2; done
	done
	carries <<-'TABLE'
	balance status m
	balance status -v m -- DATA balancing
	TABLE
	btrfs_ours balance cancel m
	umount_fs m
	attach a.img
	"$PEER" device scan --forget >/dev/null 2>&1 || true
	mount -o degraded "${LOOPS[0]}" m
	echo "$T/m" >>"$T/.mounted"
	carries <<-'TABLE'
	filesystem show --raw m
	filesystem usage --raw m -- missing
	filesystem usage -T --raw m
	device usage --raw m -- missing
	device stats m
	inspect-internal list-chunks --raw m
	TABLE
}

# seen PATH SUBVOL-PREFIX DEVICES: everything that can be asked on both sides, the place and the devices taken out.
seen() {
	local what at=$1
	for what in 'filesystem usage --raw' 'filesystem usage --raw -T' 'filesystem df --raw' 'filesystem show --raw' 'subvolume list -pcguqR' 'subvolume list -s' 'subvolume list -t -r' \
		'qgroup show --raw -pcre' 'quota status' 'device usage --raw' 'device stats' 'subvolume get-default' 'subvolume show --raw' 'inspect-internal list-chunks --raw' \
		'inspect-internal min-dev-size' 'inspect-internal subvolid-resolve 256' 'inspect-internal logical-resolve -P 30408704' 'filesystem label'; do
		echo "## $what"
		# shellcheck disable=SC2086
		btrfs_ours $what "$at" 2>&1
	done
	for what in 'subvolume show --raw' 'filesystem du --raw' 'inspect-internal rootid' 'property get'; do
		echo "## $what a"
		# shellcheck disable=SC2086
		btrfs_ours $what "$2/a" 2>&1
	done
}

# What cannot be the same: names; what only one side knows (the kernel's reserve, what df makes of it); what is no longer there when nothing is mounted.
plain() {
	sed -E -e 's#/dev/loop[0-9]+|[0-9]\.img#DEV#g' -e "s#$T/##g; s#(m|DEV(,DEV)*:)/a#A#g; s#Quotas on .*#Quotas on#" -e '/Global ?[Rr]eserve|Free \(statfs/d' -e 's/ +/ /g; s/-{5,}/---/g' -e 's/(Drop subtree|Override limits).*//'
}

@test "mounted and unmounted, every report says the same" {
	i=0
	for row in '1 -m dup -d single' '1 -M -m single -d single' '2 -d raid0 -m raid1' '3 -d raid5 -m raid1c3' '4 -d raid10 -m raid10' '2 -d single -m raid1'; do
		read -r n options <<<"$row"
		list=$(seq -f %g.img -s , "$n")
		# shellcheck disable=SC2086
		mk_fs peer "$list" 300M - $options
		mount_fs "$list" m noatime
		fill
		a=$(seen m m | plain)
		btrfs_ours filesystem usage m >/dev/null
		umount_fs m
		b=$(seen "$list" "$list:" | plain)
		same "$row" "$a" "$b"
	done
}
