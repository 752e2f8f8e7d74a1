#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=offline
# Balance of unmounted filesystems: filters choose chunks, conversion and packing leave every file, snapshot and quota as it was.

setup() { load ../lib; begin; }
teardown() { finish; }

# make PROFILE DEVICES SIZE: $IMAGES, with snapshots, reflinks, preallocated and compressed files; $HASH
make() {
	local i
	IMAGES=
	for ((i = 1; i <= $2; i++)); do rm -f "d$i.img"; truncate -s "${3:-300M}" "d$i.img"; IMAGES+=,d$i.img; done
	IMAGES=${IMAGES#,}
	"$BTRBOX" mkfs.btrfs -q -f -d "$1" -m "$1" ${IMAGES//,/ } 2>/dev/null
	head -c 3000000 /dev/urandom >big
	btrfs_ours -q offline -f - "$IMAGES" >/dev/null <<-END
		put -r $TOP/kernel-shared/tree /
		put big /big
		cp --reflink /big /copy
		subvolume snapshot / /snap
		rm /big
		fallocate -l 1M /pre
		write /pre 8192 $TOP/README.md
		subvolume snapshot /snap /snap2
		rm -r /snap2/tree
		subvolume snapshot -r /snap2 /snap3
	END
	HASH=$(btrfs_ours offline "$IMAGES" hash /)
}
same_files() { same hash "$HASH" "$(btrfs_ours offline "$1" hash /)"; }
judges() {
	same_files "$1"
	judge_reader "$1"
	if [[ $(id -u) == 0 && -e /dev/loop-control && $PEER ]]; then
		judge_peer "$1"
		judge_kernel "$1" -
	fi
}
profiles() { btrfs_ours filesystem df "$IMAGES" | grep -v Global | sed 's/: total.*//' | sort | tr '\n' ';'; }

@test "every profile becomes every other that the devices allow, metadata and system too" {
	make single 4
	local p
	for p in raid1 raid5 raid10 raid6 raid0 raid1c3 dup raid1c4 single; do
		run_btrfs balance start -f -dconvert=$p -mconvert=$p "$IMAGES"
		expect 0
		[[ $output =~ 'Done, had to relocate '[0-9]+' out of '[0-9]+' chunks' ]]
		[[ $(profiles | tr A-Z a-z) == "data, $p;metadata, $p;system, $p;" ]] || { profiles; return 1; }
		same_files "$IMAGES"
		judge_reader "$IMAGES"
		case $p in raid5 | raid10) judges "$IMAGES" ;; esac
	done
	# the feature bits of profiles that are gone are gone
	run_btrfs inspect-internal dump-super d1.img
	has_not RAID56
	has_not RAID1C34
}

@test "packing moves what lies in chunks that are chosen, and removes them" {
	make single 1
	local before
	before=$(btrfs_ours inspect-internal list-chunks --raw d1.img | awk '$3 ~ /single/ {print $8}' | sort -n | tail -1)
	run_btrfs balance start --full-balance d1.img
	expect 0
	judges d1.img
	# nothing is left where it was
	run_btrfs balance start -f -d"vrange=0..$((before + 1))" -m"vrange=0..$((before + 1))" d1.img
	has 'relocate 0 out of'
	run_btrfs balance start -dusage=0 d1.img
	expect 0
	same_files d1.img
}

@test "quota groups count what they counted" {
	make single 1
	btrfs_ours quota enable d1.img
	btrfs_ours qgroup show d1.img >before
	run_btrfs balance start -d -m d1.img
	expect 0
	btrfs_ours qgroup show d1.img >after
	cmp before after
	[[ $(grep -c / after) -ge 4 ]]
	run_btrfs check d1.img
	expect 0
	judges d1.img
}

@test "filters: limit, devid, profiles, stripes, soft" {
	make raid1 2
	run_btrfs balance start -dlimit=0 "$IMAGES"
	has 'relocate 0 out of 3'
	run_btrfs balance start -dlimit=1 "$IMAGES"
	has 'relocate 1 out of 3'
	run_btrfs balance start -ddevid=3 "$IMAGES"
	has 'relocate 0 out of'
	run_btrfs balance start -dprofiles=raid0 "$IMAGES"
	has 'relocate 0 out of'
	run_btrfs balance start -dstripes=3.. "$IMAGES"
	has 'relocate 0 out of'
	run_btrfs balance start -dconvert=raid1,soft "$IMAGES"
	has 'relocate 0 out of'
	same_files "$IMAGES"
}

@test "what cannot be, or would lose redundancy unasked, is refused" {
	make raid1 2
	sha256sum d1.img d2.img >before
	run_btrfs balance start -dconvert=raid6 "$IMAGES"
	expect 1
	has 'too few devices'
	run_btrfs balance start -mconvert=single "$IMAGES"
	expect 1
	has 'use --force'
	run_btrfs balance start -f -dconvert=single --dry-run "$IMAGES"
	expect 0
	sha256sum -c --quiet before
	run_btrfs balance status "$IMAGES"
	expect 0
	has "No balance found"
}

@test "damaged data is not moved: the balance stops, what was there is there" {
	make single 1
	local at
	at=$(btrfs_ours inspect-internal list-chunks --raw d1.img | awk '/Data/ {print $4; exit}')
	dd if=/dev/urandom of=d1.img bs=4096 seek=$((at / 4096)) count=8 conv=notrunc status=none
	run_btrfs balance start -d d1.img
	expect 1
	has 'no copy of the data at logical'
	run_btrfs check d1.img
	expect 0
}
