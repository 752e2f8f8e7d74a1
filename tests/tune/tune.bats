# SPDX-License-Identifier: GPL-2.0-or-later
# btrfstune: what the peer and the kernel think of the result.

setup() { load ../lib; begin; need_peer; mk_tree tree; rm -f tree/sparse; }
teardown() { finish; }

tune() { "$BTRBOX" btrfstune "$@"; }
super() { "$BTRBOX" btrfs inspect-internal dump-super "${2:-a.img}" | grep -P "^$1\t" | awk '{ print $2 }'; }
whole() { "$PEER" check "${1:-a.img}" >out 2>&1 || { cat out; return 1; }; }

@test "feature bits, alone and together; options of different groups do not go together" {
	mk_fs peer a.img 128M tree -O ^extref,^skinny-metadata,^no-holes -R ^free-space-tree
	run tune -r a.img; expect 0; same silent "" "$output"
	"$PEER" inspect-internal dump-super a.img | grep -q EXTENDED_IREF
	run tune -x -n a.img; expect 0
	"$PEER" inspect-internal dump-super a.img | grep -q SKINNY_METADATA
	"$PEER" inspect-internal dump-super a.img | grep -q NO_HOLES
	whole
	run tune -r -S 1 a.img; expect 1; has "too many conflicting options specified"; has "usage: btrfstune"
	run tune a.img; expect 1; has "at least one option should be specified"
	run tune -r nowhere; expect 1; has "mount check: cannot open nowhere: No such file or directory"; has "btrfstune failed"
	run tune -U xyz a.img; expect 1; has "could not parse UUID: xyz"
}

@test "seeding: set, said when it is set already, cleared after a question" {
	mk_fs peer a.img 128M tree
	cp a.img keep.img
	run tune -S 1 a.img; expect 0; same silent "" "$output"
	"$PEER" inspect-internal dump-super a.img | grep -q SEEDING
	run tune -S 1 a.img; expect 1; has "seeding flag is already set on a.img"
	run tune -S 0 a.img </dev/null; expect 1; has "We are going to clear the seeding flag, are you sure? [y/N]: "; has "clear seeding flag canceled"
	run tune -S 0 a.img <<<y; expect 0; has "seeding flag cleared on a.img"
	cmp a.img keep.img
	run tune -S 0 a.img; expect 1; has "seeding flag is not set on a.img"
}

@test "-u and -U rewrite the fsid everywhere, and finish what was interrupted" {
	local new=11111111-2222-3333-4444-555555555555
	mk_fs peer a.img 128M tree --csum xxhash -m dup
	old=$(super fsid)
	cp a.img keep.img
	"$BTRBOX" btrfs inspect-internal dump-tree a.img | sed '/^btrfs-progs/d' >want
	run tune -U $new a.img </dev/null; expect 1; has "UUID change canceled"; cmp a.img keep.img
	run tune -f -U $new a.img; expect 0
	same said "Current fsid: $old
New fsid: $new
Set superblock flag CHANGING_FSID
Change fsid in extent tree
Change fsid in chunk tree
Clear superblock flag CHANGING_FSID
Fsid change finished" "$output"
	whole
	"$BTRBOX" btrfs inspect-internal dump-tree a.img | sed '/^btrfs-progs/d' >got
	same_file <(sed "s/$old/$new/" want) got
	same "not a trace" 0 "$(grep -c "$old" got || true)"
	# as it was when the power went: some blocks of the old id, the flag set
	for leaf in $(grep -oP '^(leaf|node) \K\d+(?= (items|level))' got | sort -u | sed -n '2~3p'); do
		for phys in $("$BTRBOX" btrfs-map-logical -l $leaf keep.img | grep -oP 'physical \K\d+'); do
			dd if=keep.img of=a.img bs=4096 skip=$((phys / 4096)) seek=$((phys / 4096)) count=4 conv=notrunc status=none
		done
	done
	"$BTRBOX" btrfs offline a.img field set --no-undo super flags=0x800000001 >/dev/null
	! "$PEER" check a.img >out 2>&1
	run "$BTRBOX" btrfs offline a.img mkdir /x; expect 1; has "btrfstune -u finishes it"
	run tune -f -U 99999999-2222-3333-4444-555555555555 a.img; expect 1; has "is not the same with unfinished fsid change"
	run tune -f -u a.img; expect 0; has "New fsid: $new"
	whole
	"$BTRBOX" btrfs inspect-internal dump-tree a.img | sed '/^btrfs-progs/d' >got
	same_file <(sed "s/$old/$new/" want) got
}

@test "several devices: -U on all of them; one that was left behind with the old fsid is taken along" {
	local new=11111111-2222-3333-4444-555555555555
	truncate -s 200M x.img y.img; "$BTRBOX" mkfs.btrfs -q -m raid1 -d raid1 x.img y.img
	"$BTRBOX" btrfs offline x.img,y.img put -r tree / >/dev/null
	want=$("$BTRBOX" btrfs offline x.img,y.img hash / | tail -1)
	cp --sparse=always y.img old.img
	run tune -f -U $new x.img,y.img; expect 0; has "Fsid change finished"
	same both "$new $new" "$(super fsid x.img) $(super fsid y.img)"
	"$BTRBOX" btrfs offline x.img,y.img field set --no-undo super flags=0x800000001 >/dev/null
	for at in 16 16384; do dd if=old.img of=y.img bs=4096 skip=$at seek=$at count=1 conv=notrunc status=none; done
	[[ $(super fsid y.img) != "$new" ]]
	run tune -f -u x.img,y.img; expect 0; has "New fsid: $new"
	same both "$new $new" "$(super fsid x.img) $(super fsid y.img)"
	run "$BTRBOX" btrfs check x.img,y.img; expect 0
	same files "$want" "$("$BTRBOX" btrfs offline x.img,y.img hash / | tail -1)"
	run tune -m x.img,nowhere; expect 1; has "mount check: cannot open"
}

# bats test_tags=root
@test "-m and -M change the superblock alone, and back; the kernel mounts it by the new id" {
	need_kernel
	mk_fs peer a.img 128M tree
	cp a.img keep.img; old=$(super fsid)
	run tune -m a.img; expect 0; same silent "" "$output"
	[[ $(super fsid) != "$old" ]]; same metadata_uuid "$old" "$(super metadata_uuid)"
	whole
	mount_fs a.img m ro; (cd m && find . | wc -l) >got; umount_fs m
	same names "$(find tree | wc -l)" "$(cat got)"
	run tune -f -u a.img; expect 1; has "Cannot rewrite fsid while METADATA_UUID flag is active."
	run tune -M "$old" a.img; expect 0
	cmp a.img keep.img
}

# bats test_tags=root
@test "block group tree and free space tree, there and back; the kernel mounts and scrubs the result" {
	need_kernel
	mk_fs peer a.img 300M tree -R ^free-space-tree
	run tune --convert-to-block-group-tree a.img; expect 1; has "doesn't have space cache v2"
	run tune --convert-to-free-space-tree a.img; expect 0; same said "Converted to free space tree feature" "$output"; whole
	run tune --convert-to-free-space-tree a.img; expect 1; has "filesystem already has free-space-tree feature"
	run tune --convert-from-block-group-tree a.img; expect 1; has "filesystem doesn't have block-group-tree feature"
	run tune --convert-to-block-group-tree a.img; expect 0; same said "Converted the filesystem to block group tree feature" "$output"; whole
	run tune --convert-to-block-group-tree a.img; expect 1; has "the filesystem already has block group tree feature"
	judge_kernel a.img -
	run tune --convert-from-block-group-tree a.img; expect 0; same said "Converted filesystem with block-group-tree to extent tree feature" "$output"; whole
}

# bats test_tags=root
@test "simple quotas come, the kernel accounts by them, and go without a trace" {
	need_kernel
	mk_fs peer a.img 300M tree
	run tune --enable-simple-quota a.img; expect 0; same said "created qgroup for 5" "$output"
	mount_fs a.img m; "$PEER" subvolume create m/s >/dev/null; head -c 500000 /dev/urandom >m/s/f; umount_fs m
	"$BTRBOX" btrfs inspect-internal dump-tree -t 2 a.img | grep -q "extent owner root"
	run tune --remove-simple-quota a.img; expect 0
	"$BTRBOX" btrfs inspect-internal dump-tree -t 2 a.img >out; ! grep -q "extent owner root" out
	whole
	judge_kernel a.img -
	run tune --remove-simple-quota a.img; expect 1
}

# bats test_tags=root
@test "a mounted device is refused" {
	need_kernel
	mk_fs peer a.img 128M tree
	mount_fs a.img m
	run tune -f -u "${LOOPS[0]}"; expect 1; has "is mounted"; has "btrfstune failed"
	umount_fs m
}
