#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=offline
# Scrub of unmounted filesystems: every copy is read, what is bad is written anew from what is good.

setup() { load ../lib; begin; }
teardown() { finish; }

# make PROFILE DEVICES: $IMAGES, filled
make() {
	local i
	IMAGES=
	for ((i = 0; i < $2; i++)); do rm -f "d$i.img"; truncate -s 200M "d$i.img"; IMAGES+=,d$i.img; done
	IMAGES=${IMAGES#,}
	"$BTRBOX" mkfs.btrfs -q -f -d "$1" -m "$1" ${IMAGES//,/ } 2>/dev/null
	btrfs_ours -q offline "$IMAGES" put -r "$TOP/kernel-shared" / >/dev/null
	HASH=$(btrfs_ours offline "$IMAGES" hash /)
}
# Bytes of the first device go bad, superblock copies apart; a damaged device keeps its own generation.
damage() { dd if=/dev/urandom of=d0.img bs=64K seek=$((12 * 16)) count=$((40 * 16)) conv=notrunc status=none; }

@test "what is bad on one device is mended from the others, then nothing is wrong and every file reads as before" {
	local row
	for row in 'raid1 2' 'raid10 4' 'raid5 3' 'raid6 4' 'raid1c3 3'; do
		make $row
		damage
		run_split btrfs_ours scrub start -R "$IMAGES"
		expect 0
		[[ $output =~ corrected_errors:\ ([0-9]+) ]]
		((BASH_REMATCH[1] > 50))
		has 'uncorrectable_errors: 0'
		[[ $stderr == *'WARNING: errors detected during scrubbing, '*' corrected'* ]]
		run_btrfs scrub start "$IMAGES"
		has 'Error summary:    no errors found'
		same hash "$HASH" "$(btrfs_ours offline "$IMAGES" hash /)"
	done
}

@test "reading only, nothing is written; the other device alone then holds the truth" {
	make raid1 2
	damage
	cp d0.img before.img
	run_btrfs scrub start -r "$IMAGES"
	expect 0
	has 'can be corrected'
	cmp d0.img before.img
	run_btrfs scrub start --dry-run "$IMAGES"
	expect 0
	cmp d0.img before.img
	run_btrfs scrub start --undo undo.log "$IMAGES"
	expect 0
	run_btrfs scrub start -q "$IMAGES"
	same nothing '' "$output"
	run_btrfs rescue undo undo.log d0.img d1.img
	expect 0
	cmp d0.img before.img
}

@test "data that no copy holds whole is counted and named, and the exit code is 3" {
	make single 1
	damage
	run_split btrfs_ours scrub start d0.img
	expect 3
	[[ $stderr =~ 'ERROR: there are '([0-9]+)' uncorrectable errors' ]]
	has "Uncorrectable:  ${BASH_REMATCH[1]}"
	[[ $stderr == *'has a wrong checksum: uncorrectable'* ]]
}

@test "a device that has missed commits is brought in line, data without checksums too" {
	local profile
	for profile in 'raid1 2' 'raid5 3'; do
		make $profile
		btrfs_ours offline "$IMAGES" mkdir /plain
		btrfs_ours offline "$IMAGES" chattr +C /plain
		head -c 300000 /dev/urandom >a; head -c 300000 /dev/urandom >b
		btrfs_ours offline "$IMAGES" put a /plain/f
		cp d0.img old.img
		btrfs_ours offline "$IMAGES" write /plain/f 0 b 2>/dev/null || btrfs_ours offline "$IMAGES" put b /plain/f
		btrfs_ours offline "$IMAGES" put b /after
		HASH=$(btrfs_ours offline "$IMAGES" hash /)
		cp old.img d0.img
		run_btrfs offline "$IMAGES" mkdir /no
		has 'scrub brings it in line'
		run_btrfs scrub start "$IMAGES"
		expect 0
		same hash "$HASH" "$(btrfs_ours offline "$IMAGES" hash /)"
		run_btrfs scrub start "$IMAGES"
		has 'no errors found'
		# without the others
		if [[ $profile == raid1* ]]; then
			mv d1.img away.img
			same hash "$HASH" "$(btrfs_ours offline -o degraded d0.img hash / 2>/dev/null)"
		fi
	done
}

@test "superblock copies that are bad are made anew" {
	make single 1
	dd if=/dev/zero of=d0.img bs=4096 seek=$((64 * 256)) count=1 conv=notrunc status=none
	run_btrfs scrub start d0.img
	expect 0
	has 'super=1'
	run_btrfs inspect-internal dump-super -s 1 d0.img
	has '[match]'
}

@test "JSON carries what the text shows; resume, cancel and status say that a scrub is over when its command ends" {
	make raid1 2
	run_split btrfs_ours --format json scrub start "$IMAGES"
	python3 -c "import json,sys; d=json.loads(sys.argv[1])['scrub']; assert d['status']=='finished' and len(d['devices'])==2 and d['bytes-scrubbed']>0" "$output"
	run_btrfs scrub resume "$IMAGES"
	expect 2
	run_btrfs scrub status d0.img
	expect 1
}

# bats test_tags=root
@test "counters are those of the kernel" {
	need_kernel; need_peer
	make raid1 2
	damage
	mkdir mnt
	mount_fs "$IMAGES" mnt
	"$PEER" scrub start -BrR mnt >kernel.txt 2>/dev/null || true
	umount_fs mnt
	run_split btrfs_ours scrub start -rR "$IMAGES"
	local c
	for c in data_extents_scrubbed data_bytes_scrubbed no_csum csum_errors read_errors uncorrectable_errors; do
		same $c "$(grep -w $c: kernel.txt)" "$(grep -w $c: <<<"$output")"
	done
}
