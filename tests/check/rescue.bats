# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs rescue, btrfs-select-super.
setup() { load ../lib; begin; }
teardown() { finish; }

rescue() { "$BTRBOX" btrfs rescue "$@" </dev/null; }
zap() { python3 "$TOP/tests/check/zap.py" "$BTRBOX" "$@"; }
sample() {
	mkdir -p src; for i in $(seq 50); do echo "content $i" >"src/file-$i"; done
	head -c 300000 /dev/urandom >src/large
	truncate -s 300M a.img
	"$BTRBOX" mkfs.btrfs -q --rootdir src "$@" a.img
	btrfs_ours offline a.img hash / >want
}
same() { [[ $(btrfs_ours offline a.img hash /) == $(<want) ]]; }

@test "super-recover: says what is bad, writes it from what is good, by exit code" {
	sample
	run rescue super-recover a.img
	[[ $status == 0 && $output == "All supers are valid, no need to recover" ]]
	dd if=/dev/zero of=a.img bs=4096 seek=16 count=1 conv=notrunc status=none
	run rescue super-recover a.img
	[[ $status == 4 && $output == *"Are you sure? [y/N]: Aborted to recover bad superblocks" ]]
	run rescue super-recover -y -v a.img
	[[ $status == 2 && $output == *"[All bad supers]:"*"superblock bytenr = 65536"*"Recovered bad superblocks successful" ]]
	btrfs_ours check a.img; same
	run rescue super-recover a.img
	[[ $status == 0 ]]
}

@test "chunk-recover: a lost chunk tree comes back, for all profiles of one device and several" {
	need_peer
	local p i
	for p in "-m single -d single" "-m dup -d dup"; do
		rm -rf src a.img; sample $p
		run rescue chunk-recover -y a.img
		[[ $status == 0 && $output == *"Check chunks successfully with no orphans" ]]
		zap a.img zero "$(zap a.img list | awk '$3 == "CHUNK_TREE" { print $1; exit }')"
		run rescue chunk-recover -y -v a.img
		[[ $status == 0 && $output == *"Chunk tree recovered successfully" ]] || { echo "$p: $output"; return 1; }
		btrfs_ours check a.img; same
		judge_peer a.img
	done
}

@test "chunk-recover: stripes of RAID0, RAID10 and RAID5 find their order" {
	local p i
	for p in raid0 raid10 raid5; do
		rm -f d?.img; truncate -s 300M d1.img d2.img d3.img d4.img
		mkdir -p src; for i in $(seq 800); do echo "content $i" >"src/file-$i"; done
		"$BTRBOX" mkfs.btrfs -q -m $p -d $p d1.img d2.img d3.img d4.img
		"$BTRBOX" btrfs offline d1.img,d2.img,d3.img,d4.img put -r src /
		btrfs_ours offline d1.img,d2.img,d3.img,d4.img hash / >want
		zero_chunk_tree
		run "$BTRBOX" btrfs rescue chunk-recover -y -v d1.img,d2.img,d3.img,d4.img
		[[ $status == 0 ]] || { echo "$p: $output"; return 1; }
		[[ $(btrfs_ours offline d1.img,d2.img,d3.img,d4.img hash /) == $(<want) ]] || { echo "$p"; return 1; }
	done
}
zero_chunk_tree() {
	python3 - "$BTRBOX" <<-'P'
		import re, subprocess, sys
		box, devs = sys.argv[1], 'd1.img,d2.img,d3.img,d4.img'
		def run(*a): return subprocess.run([box, *a], capture_output=True, text=True).stdout
		bytenr = re.search(r'^(?:leaf|node) (\d+) ', run('btrfs', 'inspect-internal', 'dump-tree', '-t', '3', devs), re.M).group(1)
		for physical, path in re.findall(r'physical (\d+) device (\S+)', run('btrfs-map-logical', '-l', bytenr, devs)):
		    with open(path, 'r+b') as f: f.seek(int(physical)); f.write(bytes(16384))
	P
}

@test "fix-device-size: a device that became smaller" {
	need_peer
	sample
	run rescue fix-device-size a.img
	[[ $status == 0 && $output == "No device size related problem found" ]]
	truncate -s 250M a.img
	run "$BTRBOX" btrfs check a.img
	[[ $status == 1 && $output == *"block device size is smaller than total_bytes"* ]]
	run rescue fix-device-size a.img
	[[ $status == 0 && $output == *"Fixed device size for devid 1, old size: 314572800 new size: 262144000"*"Fixed unaligned/mismatched total_bytes"* ]]
	btrfs_ours check a.img; same; judge_peer a.img
	truncate -s 60M a.img
	run rescue fix-device-size a.img
	[[ $status == 1 && $output == *"can not shrink the device without losing data"* ]]
}

@test "fix-data-checksum: which copies, which files; -m makes one count" {
	sample -d dup -m dup
	local at
	at=$(btrfs_ours inspect-internal dump-tree -t 5 a.img | sed -n 's/.*extent data disk byte \([1-9][0-9]*\) nr.*/\1/p' | head -1)
	run rescue fix-data-checksum a.img
	[[ $status == 0 && $output == "no data checksum mismatch found" ]]
	printf x | dd of=a.img bs=1 seek="$("$BTRBOX" btrfs-map-logical -l "$at" -b 4096 a.img | sed -n 's/^mirror 2 .*physical \([0-9]*\).*/\1/p')" conv=notrunc status=none
	run rescue fix-data-checksum a.img
	[[ $status == 0 && $output == *"logical=$at corrtuped mirrors=2 affected files:"*"(subvolume 5)/large"* ]]
	run rescue fix-data-checksum -i a.img
	[[ $status == 0 && $output == *"<<I>>gnore/<1><2>:"* ]]
	run rescue fix-data-checksum -m 2 a.img
	[[ $status == 0 && $output == *"Csum item for logical $at updated using data from mirror 2"* ]]
	run rescue fix-data-checksum a.img
	[[ $output == *"logical=$at corrtuped mirrors=1 "* ]]
	run rescue fix-data-checksum -m 0 a.img
	[[ $status == 1 && $output == *"invalid mirror number 0, must be >= 1"* ]]
}

@test "clear-uuid-tree, clear-space-cache: gone, and the rest is whole" {
	need_peer
	sample -O ^block-group-tree
	run rescue clear-uuid-tree a.img
	[[ $status == 0 && $output == "" ]]
	! btrfs_ours inspect-internal dump-tree a.img | grep -q 'UUID_TREE ROOT_ITEM'
	run rescue clear-space-cache v2 a.img
	[[ $status == 0 && $output == "Clear free space cache v2"*"free space cache v2 cleared" ]]
	run rescue clear-space-cache v2 a.img
	[[ $status == 0 && $output == "no free space cache v2 to clear" ]]
	run rescue clear-space-cache v1 a.img
	[[ $status == 0 && $output == "Free space cache cleared" ]]
	run rescue clear-space-cache v3 a.img
	[[ $status == 1 && $output == *'invalid version string, has "v3" expect "v1" or "v2"' ]]
	btrfs_ours check a.img; same; judge_peer a.img
}

@test "btrfs-select-super: a copy takes the place of the first" {
	sample
	dd if=/dev/zero of=a.img bs=4096 seek=16 count=1 conv=notrunc status=none
	run "$BTRBOX" btrfs-select-super a.img
	[[ $status == 1 && $output == *"please select the super copy with -s"* ]]
	run "$BTRBOX" btrfs-select-super -s 3 a.img
	[[ $status == 1 && $output == *"super mirror should be less than: 3" ]]
	run "$BTRBOX" btrfs-select-super -s 1 a.img
	[[ $status == 0 && $output == "using SB copy 1, bytenr 67108864" ]]
	btrfs_ours check a.img; same
}

@test "check --clear-space-cache: the older way to the same; with a block group tree the free space tree is made anew" {
	need_peer
	for o in block-group-tree ^block-group-tree; do
		rm -f a.img; truncate -s 300M a.img; "$BTRBOX" mkfs.btrfs -q -O $o a.img
		"$BTRBOX" btrfs offline a.img mkdir /d
		run "$BTRBOX" btrfs check --clear-space-cache v2 a.img
		expect 0; has "please use \"btrfs rescue clear-space-cache\" instead"; has "Checking filesystem on a.img"; has "free space cache v2 cleared"; has_not "[1/8]"
		btrfs_peer check a.img >out 2>&1
		if [[ $o == ^* ]]; then ! "$BTRBOX" btrfs inspect-internal dump-tree -t 10 a.img 2>/dev/null | grep -q INFO
		else "$BTRBOX" btrfs inspect-internal dump-tree -t 10 a.img | grep -q INFO; fi
	done
	run "$BTRBOX" btrfs check --clear-space-cache v3 a.img; expect 1; has "ERROR: invalid argument to --clear-space-cache, must be v1 or v2"
}
