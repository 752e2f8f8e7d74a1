#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# New filesystems without files: what the incumbent prints, the same chunks, and every judge is satisfied.

setup() { load ../lib; begin; }
teardown() { finish; }

# images N SIZE: d1.img ... in $list (commas) and $all
images() {
	local i
	list= all=()
	for ((i = 1; i <= $1; i++)); do
		rm -f "d$i.img"; truncate -s "$2" "d$i.img"
		list+=${list:+,}d$i.img; all+=("d$i.img")
	done
}

# sizes: the lines of a summary that say how large what is
sizes() { grep -E '^  (Data|Metadata|System|Data\+Metadata):|^Filesystem size|^Node size|^Number of' | tr -s ' '; }

# like_peer N SIZE OPTIONS...: the same figures, or the same refusal
like_peer() {
	local ours theirs rc_ours=0 rc_theirs=0
	images "$1" "$2"
	ours=$("$BTRBOX" mkfs.btrfs -f "${@:3}" "${all[@]}" 2>err.ours) || rc_ours=$?
	images "$1" "$2"
	theirs=$("$PEER_MKFS" -f "${@:3}" "${all[@]}" 2>err.peer) || rc_theirs=$?
	same "exit code of $*" "$rc_theirs" "$rc_ours"
	same "sizes of $*" "$(sizes <<<"$theirs")" "$(sizes <<<"$ours")"
}

# row N SIZE OPTIONS...: a filesystem that all judges accept
row() {
	images "$1" "$2"
	"$BTRBOX" mkfs.btrfs -q -f "${@:3}" "${all[@]}" || { echo "# $*"; return 1; }
	judge_peer "$list" || { echo "# $*"; return 1; }
	[[ ! -e $SHARED/tools/judge.py ]] || judge_reader "$list" || { echo "# $*"; return 1; }
	# the kernel warns of its old space cache, which it takes to where there is no free space tree
	judge_kernel "$list" - "$([[ $* != *^fst* ]] || echo nospace_cache)" || { echo "# $*"; return 1; }
}

# mbr IMAGE START,SECTORS...: a DOS partition table
mbr() {
	python3 - "$@" <<-'P'
	import struct, sys
	t = bytearray(512); t[510:] = b'\x55\xaa'
	for i, part in enumerate(sys.argv[2:]):
	    start, size = map(int, part.split(','))
	    t[446 + 16 * i:462 + 16 * i] = struct.pack('<B3sB3sII', 0, b'\0\2\0', 0x83, b'\0\2\0', start, size)
	with open(sys.argv[1], 'r+b') as f: f.write(t)
	P
}

@test "the summary is that of 6.19" {
	truncate -s 512M a.img
	run "$BTRBOX" mkfs.btrfs -L mylabel -U 544ce184-dfad-4c1f-8dd9-4a740ce03371 a.img
	expect 0
	same summary "btrfs-progs v6.19
See https://btrfs.readthedocs.io for more information.

NOTE: default settings have changed in version 6.19 (supported since linux 6.1):
      - enable block-group-tree (-O bgt)

Label:              mylabel
UUID:               544ce184-dfad-4c1f-8dd9-4a740ce03371
Node size:          16384
Sector size:        4096	(CPU page size: 4096)
Filesystem size:    512.00MiB
Block group profiles:
  Data:             single            8.00MiB
  Metadata:         DUP              32.00MiB
  System:           DUP               8.00MiB
SSD detected:       no
Zoned device:       no
Features:           extref, skinny-metadata, no-holes, free-space-tree, block-group-tree
Checksum:           crc32c
Number of devices:  1
Devices:
   ID        SIZE  PATH 
    1   512.00MiB  a.img" "$output"
}

@test "chunks are as large as the incumbent's" {
	need_peer
	local size
	for size in 110M 150M 512M 1G 20G 60G 2T; do
		like_peer 1 $size
		like_peer 1 $size -d dup
		like_peer 1 $size -m single
		like_peer 2 $size
	done
	like_peer 1 1G -M -n 4096
	like_peer 1 1G -M -m dup -d dup
}

# bats test_tags=full
@test "chunks are as large as the incumbent's, for all profiles and numbers of devices" {
	need_peer; need_full
	local n profile
	for n in 1 2 3 4 6 10; do
		for profile in single dup raid0 raid1 raid10 raid5 raid6 raid1c3 raid1c4; do
			like_peer $n 600M -d $profile -m $profile
		done
	done
}

@test "the least sizes are the incumbent's" {
	need_peer
	local bytes
	for bytes in 114294783 114294784; do like_peer 1 $bytes; done
	for bytes in 47185919 47185920; do like_peer 1 $bytes -m single; done
	for bytes in 240123903 240123904; do like_peer 1 $bytes -d dup; done
}

# bats test_tags=root
@test "profiles, checksums, node sizes and features in pairs" {
	need_kernel; need_peer
	row 1 300M -n 4096 --csum xxhash
	row 1 300M -n 65536 --csum sha256 -O '^bgt'
	row 1 300M -n 32768 --csum blake2 -O '^no-holes' -d dup
	row 1 300M -m single -O '^skinny-metadata,^extref'
	row 1 300M -M -n 4096 -O '^fst'
	row 1 300M -M -d dup -m dup -O quota
	row 2 300M -d raid0 -m raid1 --csum blake2 -n 4096 -O quota
	row 2 300M -d raid1 -m raid0 -O '^bgt' --csum sha256
	row 3 300M -d raid5 -m raid1c3 -n 65536
	row 3 300M -d raid1c3 -m raid5 -n 4096 -O '^fst'
	row 4 300M -d raid6 -m raid10 --csum xxhash
	row 4 300M -d raid10 -m raid6 -O '^skinny-metadata'
	row 4 300M -d raid1c4 -m raid1c4 -n 32768 -O quota
	row 10 300M -d single -m raid1
}

# bats test_tags=root
@test "the product of profiles on one to six devices" {
	need_kernel; need_peer; need_full
	local n data meta min
	declare -A min=([single]=1 [dup]=1 [raid0]=1 [raid1]=2 [raid10]=2 [raid5]=2 [raid6]=3 [raid1c3]=3 [raid1c4]=4)
	for n in 1 2 3 4 6; do
		for data in "${!min[@]}"; do
			for meta in "${!min[@]}"; do
				((min[$data] <= n && min[$meta] <= n)) || continue
				row $n 300M -d $data -m $meta
			done
		done
	done
}

# bats test_tags=root
@test "512 MiB with 64 KiB nodes mounts read-write and takes files" {
	need_kernel; need_peer
	row 1 512M -n 65536
	mount_fs d1.img mnt
	cp -a /etc/passwd mnt/
	sync -f mnt
	mkdir mnt/d && for i in $(seq 500); do echo $i >mnt/d/$i; done
	umount_fs mnt
	judge_peer d1.img
}

# bats test_tags=root
@test "simple quota from the start" {
	need_kernel
	images 1 300M
	"$BTRBOX" mkfs.btrfs -q -O squota d1.img
	judge_reader d1.img
	judge_kernel d1.img -
}

@test "what is there is not overwritten without -f" {
	truncate -s 300M a.img
	"$BTRBOX" mkfs.btrfs -q -L old a.img
	run "$BTRBOX" mkfs.btrfs -q a.img
	expect 1
	has "ERROR: a.img appears to contain an existing filesystem (type=btrfs, label=old)"
	has "ERROR: use the -f option to force overwrite of a.img"
	"$BTRBOX" mkfs.btrfs -q -f -L new a.img
	same label new "$(btrfs_ours filesystem label a.img)"
	truncate -s 0 a.img; truncate -s 300M a.img
	mbr a.img 2048,612352
	run "$BTRBOX" mkfs.btrfs -q a.img
	expect 1
	has "ERROR: a.img appears to contain a partition table (dos)"
}

# bats test_tags=root
@test "a mounted device is refused, with -f too" {
	need_kernel
	images 1 300M
	"$BTRBOX" mkfs.btrfs -q d1.img
	mount_fs d1.img mnt
	run "$BTRBOX" mkfs.btrfs -f "${LOOPS[0]}"
	expect 1
	has "is mounted"
	umount_fs mnt
}

@test "old superblock copies and signatures are wiped" {
	need_cmd blkid
	truncate -s 300M a.img
	"$BTRBOX" mkfs.btrfs -q -n 4096 a.img
	dd if=a.img of=a.img bs=4096 skip=16 seek=76799 count=1 conv=notrunc status=none
	"$BTRBOX" mkfs.btrfs -q -f -b 250M a.img
	same "the end" "" "$(tail -c 2097152 a.img | tr -d '\0')"
	same type btrfs "$(blkid -p -o value -s TYPE a.img)"
}

@test "into a partition of a disk image" {
	truncate -s 700M disk.img
	mbr disk.img 2048,102400 104448,1329152
	before=$(head -c 1048576 disk.img | sha256sum)
	"$BTRBOX" mkfs.btrfs -q disk.img@p2
	same "partition table" "$before" "$(head -c 1048576 disk.img | sha256sum)"
	dd if=disk.img of=part.img bs=1M skip=51 conv=sparse status=none
	truncate -s $((700 * 1048576 - 104448 * 512)) part.img
	judge_reader part.img
	btrfs_ours offline disk.img@p2 ls /
}

@test "a seed and a fixed clock give the same bytes" {
	export SOURCE_DATE_EPOCH=1700000000
	truncate -s 300M a.img b.img c.img
	"$BTRBOX" mkfs.btrfs -q --seed 7 a.img
	"$BTRBOX" mkfs.btrfs -q --seed 7 b.img
	"$BTRBOX" mkfs.btrfs -q --seed 8 c.img
	cmp a.img b.img
	! cmp -s a.img c.img
}

# refused TEXT ARGUMENTS...
refused() {
	run "$BTRBOX" mkfs.btrfs "${@:2}"
	expect 1
	has "$1"
}

@test "wrong options are refused in the incumbent's words, and nothing is written" {
	truncate -s 300M a.img b.img
	refused "ERROR: unknown data profile foo" -d foo a.img
	refused "ERROR: unknown metadata profile foo" -m foo a.img
	refused "ERROR: illegal nodesize 2048 (smaller than 4096)" -n 2048 a.img
	refused "ERROR: illegal nodesize 131072 (larger than 65536)" -n 128k a.img
	refused "ERROR: illegal nodesize 5000 (not aligned to 4096)" -n 5000 a.img
	refused "ERROR: illegal nodesize 16384 (not equal to" -M -n 16k a.img
	refused "ERROR: invalid sectorsize 5000, must be power of 2" -s 5000 a.img
	refused "ERROR: invalid sectorsize 2048, expected range is [4K, 64K]" -s 2048 a.img
	refused "ERROR: unrecognized filesystem feature 'foo'" -O foo a.img
	refused "ERROR: could not parse UUID: foo" -U foo a.img
	refused "ERROR: could not parse device UUID: foo" --device-uuid foo a.img
	refused "can be used only for a single device filesystem" --device-uuid 544ce184-dfad-4c1f-8dd9-4a740ce03371 a.img b.img
	refused "ERROR: unknown csum type foo" --csum foo a.img
	refused "is too long (max 255)" -L "$(printf 'x%.0s' {1..256})" a.img
	refused "ERROR: with mixed block groups data and metadata profiles must be the same" -M -d dup -m single a.img
	refused "unable to create FS with data profile RAID1C3 (have 2 devices but 3 devices are required)" -d raid1c3 a.img b.img
	refused "ERROR: size 10485760 is too small to make a usable filesystem" -b 10M a.img
	refused "a.img is smaller than requested size, expected 2147483648, found 314572800" -b 2G a.img
	refused "the option --shrink must be used with --rootdir" --shrink a.img
	refused "the option --reflink must be used with --rootdir" --reflink a.img
	refused "option --subvol must be used with --rootdir" -u x a.img
	refused "option --inode-flags must be used with --rootdir" --inode-flags nodatacow:x a.img
	refused "--compression must be used with --rootdir" --compress zstd a.img
	refused "the option -r is limited to a single device" -r . a.img b.img
	refused "zoned" -O zoned a.img
	refused "mount check: cannot open none: No such file or directory" none
	refused "a.img was given twice" a.img a.img
	same "bytes written" "" "$(tr -d '\0' <a.img)"
}

@test "the features are listed" {
	run "$BTRBOX" mkfs.btrfs -O list-all
	expect 0
	has "Filesystem features available:"
	has "block-group-tree    - "
	has "(compat=6.1, safe=6.6, default=6.19)"
	has "fst                 - free-space-tree alias"
	run "$BTRBOX" mkfs.btrfs -R list-all
	has "quota"
	has_not "raid56"
}
