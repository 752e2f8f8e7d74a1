# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs-corrupt-block: breaks what it is told to, and nothing else.

setup() {
	load ../lib; begin; need_peer
	mkdir -p tree/dir; for i in $(seq 300); do echo $i >tree/dir/file$i; done
	head -c 100000 /dev/urandom >tree/data
	mk_fs peer a.img 128M tree -m dup
}
teardown() { finish; }

corrupt() { "$BTRBOX" btrfs-corrupt-block --seed 9 "$@"; }
dump() { "$BTRBOX" btrfs inspect-internal dump-tree "$@" 2>/dev/null; }
ino_of() { "$BTRBOX" btrfs offline a.img stat -c %i "$1" 2>/dev/null || "$BTRBOX" btrfs offline a.img stat "$1" | grep -oP 'Inode: \K\d+'; }
# item KEY-AS-DUMPED: its lines.
item() { dump -t 5 a.img | awk -v k="key ($1)" 'index($0, k) { on = 1; print; next } /^\titem/ { on = 0 } on'; }
# only_lines_changed N: between before and after.
changed() { diff <(sed 1d before) <(sed 1d after) | grep -c '^>'; }

@test "inode fields: the one that was named, in the fs tree, with a right checksum" {
	ino=$(ino_of /data)
	for f in isize:size nbytes:nbytes nlink:links uid:uid gid:gid mode:mode; do
		item "$ino INODE_ITEM 0" >before
		run corrupt -i $ino -f ${f%:*} a.img
		expect 0; same said "corrupting inode" "$output"
		item "$ino INODE_ITEM 0" >after
		same "$f: lines changed" 1 "$(changed)"
		[[ $(grep -oP " ${f#*:} \K\w+" before | head -1) != "$(grep -oP " ${f#*:} \K\w+" after | head -1)" ]]
	done
	! "$PEER" check a.img >out 2>&1; grep -q "inode $ino errors" out
	! grep -qi "checksum verify failed" out
	run corrupt -i $ino -f bogus a.img; expect 234; has "invalid field bogus"
	run corrupt -i 99999 -f mode a.img; expect 254; has "couldn't find inode 99999"
}

@test "file extents, item bytes, item keys, directory entries" {
	ino=$(ino_of /data)
	run corrupt -i $ino -x 0 -f type a.img; expect 234; has "specify a new extent type value (-v)"
	corrupt -i $ino -x 0 -f disk_bytenr --value 4096 a.img
	item "$ino EXTENT_DATA 0" | grep -q 'disk byte 4096 nr'
	corrupt -I $ino,1,0 -r 5 --offset 24 -b 8 --value 1 a.img
	item "$ino INODE_ITEM 0" | grep -q 'nbytes 72340172838076673'
	run corrupt -I $ino,1,0 --offset 156 -b 8 --value 1 a.img; expect 234; has "item corruption past end of item"
	run corrupt -d $ino,1,5 a.img; expect 254; has "error searching to node -2"
	corrupt -K $ino,1,0 -f offset --value 77 a.img
	item "$ino INODE_ITEM 77" | grep -q generation
	hash=$(dump -t 5 a.img | grep -oP "\(256 DIR_ITEM \K\d+" | head -1)
	before=$(item "256 DIR_ITEM $hash" | grep name:)
	corrupt -D 256,84,$hash -f name -r 5 a.img
	[[ $before != "$(dump -t 5 a.img | grep -A3 "(256 DIR_ITEM $hash)" | grep name:)" ]]
}

@test "deletions go through transactions: items, checksums, extents" {
	ino=$(ino_of /data)
	gen() { "$BTRBOX" btrfs inspect-internal dump-super a.img | grep -P '^generation' | tr -dc 0-9; }
	g=$(gen)
	corrupt -d $ino,12,256 a.img
	same generation $((g + 1)) "$(gen)"
	! item "$ino INODE_REF 256" | grep -q .
	at=$(item "$ino EXTENT_DATA 0" | grep -oP 'disk byte \K\d+')
	corrupt -C $at -b 8192 a.img
	! "$PEER" check a.img >out 2>&1
	grep -q "some csum missing" out
	run_split corrupt -e -l $at a.img
	[[ $status == 0 && $stderr =~ ^(deleting|corrupting)\ extent\ record:\ key\ $at\ 168 ]]
	! "$PEER" check a.img >out 2>&1
	grep -qE "(ref mismatch on|corrupt extent record: key) \[$at" out
}

@test "blocks where they lie: generation, shifted items, swapped keys, zeroed sectors of one copy or all" {
	leaf=$(dump -t 5 a.img | grep -oP '^leaf \K\d+' | sed -n 2p)
	cp a.img good.img
	corrupt -m $leaf -f generation a.img
	run "$PEER" check a.img; has "parent transid verify failed on $leaf wanted"; has_not "checksum verify failed"
	cp good.img a.img; corrupt -m $leaf -f shift_items a.img
	run "$PEER" check a.img; has "unexpected item end"
	cp good.img a.img; run_split corrupt -k -l $leaf a.img
	[[ $stderr == "corrupting keys in block $leaf slot "*" swapping with "* ]]
	run "$PEER" check a.img; has "bad key order"
	cp good.img a.img; run corrupt -l $leaf -c 2 a.img
	same said "corrupting $leaf copy 2" "$output"
	"$PEER" check a.img >out 2>&1 # the other copy is there
	run corrupt -l $leaf -b 16384 a.img
	same lines 8 "$(wc -l <<<"$output")"
	run "$PEER" check a.img; has "checksum verify failed on $leaf"
	cp good.img a.img; bg=$("$BTRBOX" btrfs inspect-internal list-chunks a.img | grep -i 'metadata' | awk '{print $0}' | head -1)
	start=$(dump -t 2 a.img | grep -oP '\(\K\d+(?= BLOCK_GROUP_ITEM)' | tail -1)
	corrupt --block-group $start -f used a.img
	run "$PEER" check a.img; has "but extent items used"
	run corrupt --block-group 5 -f used a.img; expect 254; has "couldn't find the bg 5"
}

@test "what is missing is the usage; what is broken already can be broken further" {
	for o in "" "-i 257" "-e" "-k" "-x 0 -f type" "-I 257,1,0" "-I 257,1"; do
		run corrupt $o a.img; expect 1
	done
	leaf=$(dump -t 2 a.img | grep -oP '^leaf \K\d+' | head -1)
	corrupt -l $leaf -b 16384 a.img >/dev/null # no extent tree: no transaction
	ino=256
	corrupt -i $ino -f uid a.img
	same "uid" 1 "$("$BTRBOX" btrfs inspect-internal dump-tree -t 5 a.img 2>/dev/null | grep -A3 '(256 INODE_ITEM 0)' | grep -v ' uid 0 ' | grep -c ' uid ')"
	run corrupt -l 65536000000 a.img; [[ $status != 0 ]]
}

@test "what no transaction can leave out is deleted where it lies: an inode item, a root item" {
	ino=$(ino_of /data)
	corrupt -d $ino,1,0 a.img
	! item "$ino INODE_ITEM 0" | grep -q .
	item "$ino INODE_REF 256" | grep -q 'name: data'
	run "$PEER" check a.img; [[ $status == 1 ]]; has "root 5 inode $ino errors"
	corrupt -r 1 -d 7,132,0 a.img
	! dump -t 1 a.img | grep -q 'CSUM_TREE ROOT_ITEM'
	dump -t 1 a.img | grep -q 'EXTENT_TREE ROOT_ITEM'
}
