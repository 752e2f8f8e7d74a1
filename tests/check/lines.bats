# SPDX-License-Identifier: GPL-2.0-or-later
# check: the lines that scripts match, for damage made field by field, beside what the distribution's check says of the same damage.
setup() { load ../lib; begin; }
teardown() { finish; }

# Two subvolumes that share blocks, in nodes of 4K: base.img; the block of the top-level tree's root and a leaf of its own to $node and $leaf.
make_base() {
	local i
	mkdir -p tree/d
	for i in $(seq 60); do echo "content $i" >"tree/d/file-$i"; done
	head -c 200000 /dev/urandom >tree/large
	truncate -s 128M base.img
	"$BTRBOX" mkfs.btrfs -q -n 4096 -m dup --rootdir tree base.img
	"$BTRBOX" btrfs offline -f - base.img >/dev/null <<-'END'
		subvolume snapshot / /snap
		rm /d/file-60
	END
	"$BTRBOX" btrfs inspect-internal dump-tree -t 5 base.img >dump
	node=$(sed -n 's/^node \([0-9]*\) level.*/\1/p' dump | head -1)
	leaf=$(sed -n 's/^leaf \([0-9]*\) items.*generation \([0-9]*\) owner FS_TREE/\2 \1/p' dump | sort -n | tail -1 | cut -d' ' -f2)
	[[ $node && $leaf ]]
}

# damaged WHERE NAME=VALUE: ours and theirs, what the two checks say of a copy with that field, in all copies, its checksum right.
damaged() {
	cp --sparse=always base.img a.img
	"$BTRBOX" btrfs offline a.img field set --no-undo "$@" >/dev/null
	ours=$("$BTRBOX" btrfs check a.img 2>&1) && return 1
	theirs=$(btrfs_peer check a.img 2>&1) || true
}

both_say() { grep -qF -- "$1" <<<"$ours" && grep -qF -- "$1" <<<"$theirs" || { echo "not both: $1"; diff <(echo "$ours") <(echo "$theirs"); return 1; }; }
ours_says() { grep -qF -- "$1" <<<"$ours" || { echo "not there: $1"; echo "$ours"; return 1; }; }

@test "a block whose owner does not refer to it, flags and revision that do not exist, a full back reference that is none" {
	need_peer
	make_base
	damaged "$leaf" owner=4294967301
	both_say "owner ref check failed [$leaf 4096]"
	damaged "$leaf" flags=$((0xfffffffffffff1))
	ours_says "ERROR: tree block $leaf has flags 0xfffffffffffff0, which nobody has defined"
	damaged "$leaf" flags=3
	both_say "bad full backref, on [$leaf]"
	damaged "$node" backref_rev=0
	ours_says "ERROR: tree block $node has back reference revision 0, not 1"
	ours_says "ERROR: errors found in extent allocation tree or chunk allocation"
}

@test "trees that no mount does without, and the data relocation tree's directory" {
	make_base
	local id
	for id in 4 7 -9; do
		cp --sparse=always base.img a.img
		"$BTRBOX" btrfs-corrupt-block -r 1 -d "$id,132,0" a.img >/dev/null
		run "$BTRBOX" btrfs check a.img
		[[ $status == 1 && $output == *"tree is missing or its root cannot be read"* ]] || { echo "$id: $output"; return 1; }
	done
	ours=$(damaged 1:-9,132,0 root_dirid=257; echo "$ours")
	ours_says "its root directory is not 256"
}

@test "a device item of another filesystem, a name with a type from the future" {
	need_peer
	make_base
	local ino index
	damaged 3:1,216,1 fsid=00000000-0000-0000-0000-000000000001
	ours_says "device 1 belongs to another filesystem"
	read -r ino index < <(sed -n 's/.*key (\([0-9]*\) DIR_INDEX \([0-9]*\)).*/\1 \2/p' dump | tail -1)
	damaged "5:$ino,96,$index" 0.type=$((128 + 1))
	both_say ", filetype mismatch"
}

@test "a gap in a file that must write holes down counts up to the end of the file, not behind it" {
	need_peer
	truncate -s 128M base.img
	"$BTRBOX" mkfs.btrfs -q -O ^no-holes base.img
	head -c 8192 /dev/urandom >data
	"$BTRBOX" btrfs offline -f - base.img >/dev/null <<-'END'
		put data /f
		truncate -s 4096 /f
		truncate -s 64K /f
		touch /g
	END
	"$BTRBOX" btrfs-corrupt-block -r 5 -d 257,108,0 base.img >/dev/null
	damaged 5:257,1,0 nbytes=0
	both_say "root 5 inode 257 errors 100, file extent discount"
	"$BTRBOX" btrfs offline base.img field set --no-undo 5:257,1,0 size=0 nbytes=0 >/dev/null
	run "$BTRBOX" btrfs check base.img
	[[ $output != *"file extent discount"* ]]
}

@test "the extent item of a tree block that is of another generation than the block" {
	make_base
	local key
	key=$("$BTRBOX" btrfs inspect-internal dump-tree -t 2 base.img | sed -n "s/.*key ($leaf METADATA_ITEM \([0-9]*\)).*/2:$leaf,169,\1/p")
	cp --sparse=always base.img a.img
	"$BTRBOX" btrfs offline a.img field set --no-undo "$key" generation=0 >/dev/null
	run "$BTRBOX" btrfs check a.img
	[[ $status == 1 && $output == *"ERROR: extent[$leaf, 4096] backref generation mismatch, wanted: 0, have: "* ]] || { echo "$output"; return 1; }
}
