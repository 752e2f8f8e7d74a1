#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# File contents changed by the engine: seeded sequences of writes, truncations, holes, preallocation, reflinks, encoded writes and whole files, in which
# every step is read back and compared; then all judges look at the image, and the kernel shows the same bytes.

setup() { load ../lib; begin; need_peer; DATA_OPS=$(dirname "$(readlink -f "$BTRBOX")")/offline-write/data_ops; }
teardown() { finish; }

# images N SIZE MKFS_OPTIONS...: their names, joined by commas, in $list
images() {
	local i n=$1 size=$2
	shift 2
	list=$T/img1
	for ((i = 2; i <= n; i++)); do list+=,$T/img$i; done
	mk_fs peer "$list" "$size" - "$@"
}

# row SEED DEVICES SIZE MIB MKFS_OPTIONS...: MIB: - or how much room the full filesystem has
row() {
	local seed=$1 devices=$2 size=$3 room=$4
	shift 4
	images "$devices" "$size" "$@"
	mkdir model
	"$DATA_OPS" "$list" "$seed" 4 "$(full && echo 400 || echo 60)" model 2 ${room#-} 2>messages || { cat messages; return 1; }
	judge_peer "$list"
}

# The kernel reads what the model holds; scrub finds nothing.
shown() {
	local f
	need_kernel
	judge_kernel "$list" -
	mount_fs "$list" mnt ro
	for f in model/*; do cmp "$f" "mnt/${f##*/}"; done
	umount_fs mnt
}

@test "data operations: defaults" { row 1 1 1G - ; judge_reader "$list"; }
@test "data operations: nodes of 4K, holes as items" { row 2 1 1G - -n 4096 -O ^no-holes; judge_reader "$list"; }
@test "data operations: nodes of 64K, sha256" { row 3 1 1G - -n 65536 --csum sha256; judge_reader "$list"; }
@test "data operations: mixed block groups, holes as items, blake2b" { row 4 1 512M - --mixed -n 4096 -O ^no-holes --csum blake2; judge_reader "$list"; }
@test "data operations: a filesystem that is full" { row 5 1 114M 4 -m single; judge_reader "$list"; }
@test "data operations: mixed block groups that are full" { row 6 1 64M 2 --mixed -n 4096; judge_reader "$list"; }

# bats test_tags=root
@test "data operations as the kernel sees them: xxhash" { row 7 1 1G - --csum xxhash; shown; judge_reader "$list"; }
# bats test_tags=root
@test "data operations as the kernel sees them: holes as items" { row 8 1 1G - -n 4096 -O ^no-holes; shown; judge_reader "$list"; }
# bats test_tags=root
@test "data operations as the kernel sees them: raid1" { row 9 2 600M - -d raid1 -m raid1; shown; judge_reader "$list"; }
# bats test_tags=root
@test "data operations as the kernel sees them: raid5" { row 10 3 600M - -d raid5 -m raid1; shown; judge_reader "$list"; }

@test "the same operations give the same bytes with one thread and with four" {
	mkdir model1 model4
	images 1 400M -U 01234567-89ab-4def-8123-456789abcdef
	cp "$list" four
	"$DATA_OPS" "$list" 11 3 40 model1 1
	"$DATA_OPS" four 11 3 40 model4 4
	cmp "$list" four
}
