# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs-image: dumps, and what comes back of them.

setup() { load ../lib; begin; PEER_IMAGE=$(dirname "$PEER")/btrfs-image; }
teardown() { finish; }

image_ours() { "$BTRBOX" btrfs-image "$@"; }
need_peer_image() { need_peer; [[ -x $PEER_IMAGE ]] || skip "needs the distribution's btrfs-image"; }
# small [mkfs options]: a.img, with one of everything.
small() { [[ -d tree ]] || mk_tree tree; rm -f tree/sparse; mk_fs peer a.img 128M tree "$@"; }
# What the trees say, without what a dump leaves out.
trees() { "$BTRBOX" btrfs inspect-internal dump-tree --csum-items "$@" | sed '/^btrfs-progs/d; /^warning, device [0-9]* is missing/d; s/inline extent data.*/inline/'; }

@test "a raw dump has the bytes of the incumbent's, by extent tree and by walking" {
	need_peer_image
	small
	"$PEER_IMAGE" a.img peer.dump
	image_ours -t1 a.img ours.dump
	cmp peer.dump ours.dump
	image_ours -w -t2 a.img - >walk.dump
	cmp ours.dump walk.dump
}

@test "for every checksum, node size and profile: theirs restored by ours, ours by theirs, all trees the same" {
	need_peer_image
	local o
	for o in "" "-n 4096" "-n 65536 --csum xxhash" "--csum sha256" "--csum blake2b -m single" "-M -n 4096" "-O ^no-holes -R ^free-space-tree"; do
		small $o
		trees a.img >want
		image_ours -c6 a.img ours.dump
		"$PEER_IMAGE" -c9 a.img peer.dump
		rm -f r1 r2 r3
		image_ours -r ours.dump r1
		image_ours -r peer.dump r2
		same_file r1 r2
		trees r1 >got; same_file want got
		trees peer.dump >got; same_file want got
		"$PEER" check r1 >out 2>&1 || { cat out; return 1; }
		[[ $o == *--csum* ]] && continue # the incumbent cannot restore those
		"$PEER_IMAGE" -t1 -r ours.dump r3
		same_file r3 r1
	done
}

@test "a dump is a device: check, dump-tree, dump-super and the offline shell read it in place" {
	need_peer
	small
	image_ours -c9 a.img a.dump
	trees a.img >want; trees a.dump >got; same_file want got
	"$BTRBOX" btrfs check a.img >want 2>&1 || true; "$BTRBOX" btrfs check a.dump >got 2>&1 || true
	same "check" "$(sed 's/a\.img/a.dump/' want)" "$(cat got)"
	same "super" "$("$BTRBOX" btrfs inspect-internal dump-super -f a.img | sed 's/a\.img/a.dump/')" "$("$BTRBOX" btrfs inspect-internal dump-super -f a.dump)"
	same "names" "$("$BTRBOX" btrfs offline a.img ls -lR | sed 's/ -> .*//')" "$("$BTRBOX" btrfs offline a.dump ls -lR | sed 's/ -> .*//')"
	run "$BTRBOX" btrfs offline a.dump cat /size1048576
	[[ $status == 1 && $output == *"not in the metadata dump"* ]]
	cp a.dump keep
	run "$BTRBOX" btrfs subvolume create a.dump:/new; expect 1; has "which can only be read"
	cmp a.dump keep
}

@test "pipes both ways, and standard input as a file" {
	need_peer
	small
	image_ours -c3 a.img a.dump
	image_ours -r a.dump r1
	image_ours -c3 a.img - | image_ours -r - r2
	same_file r1 r2
	image_ours -r - r3 <a.dump
	same_file r1 r3
	image_ours -r <(cat a.dump) r4
	same_file r1 r4
	run image_ours -r a.dump -; expect 1; has "cannot restore to standard output"; [[ ! -e ./- ]]
	# the reader goes away
	run_split bash -c 'set -o pipefail; "$1" btrfs-image a.img - | head -c 5000 | wc -c' - "$BTRBOX"
	[[ $status == 1 && $output == 5000 && $stderr == *"cannot write the dump: Broken pipe"* ]]
}

@test "inline contents, symlinks and what lies between items are not in a dump" {
	need_peer
	mkdir tree; echo "a small secret" >tree/small; ln -s /the/secret/place tree/link
	mk_fs peer a.img 128M tree
	grep -q "small secret" a.img
	image_ours a.img a.dump
	! grep -q secret a.dump
}

# names DUMP: all names of files that it holds.
names() { "$BTRBOX" btrfs inspect-internal dump-tree "$1" 2>/dev/null | grep -oP '\tname: \K.*|namelen \d+ name: \K.*'; }

@test "-s replaces every name by another of the same length, one and the same wherever it stands; a seed repeats it" {
	need_peer
	small
	image_ours -s --seed 3 -t1 a.img s1; image_ours -s --seed 3 -t2 -c1 a.img s2; image_ours -s --seed 4 a.img s3
	names a.img >want; names s1 >got
	names s2 | cmp - got
	! names s3 | cmp -s - got
	same "as many" "$(wc -l <want)" "$(wc -l <got)"
	# one to one, but for what is kept
	same "one for each" "$(paste want got | sort -u | wc -l)" "$(sort -u want | wc -l)"
	paste want got | awk -F'\t' '$1 == $2 && $1 != "default" && $1 != ".." && length($1) > 3 && $1 !~ /^(user|security|trusted|system)\./ { print; bad = 1 } END { exit bad }'
	! grep -aq size1048576 s1
	# values of xattrs are gone, names stay
	"$BTRBOX" btrfs inspect-internal dump-tree s1 2>/dev/null | grep -A3 'type XATTR' | grep '^.*data ' | tr -d '\t' | sort -u >values
	! grep -v '^data \(\\000\)*$' values
}

@test "-ss makes no finding that was not there, but for the names that it counts" {
	need_peer
	mkdir -p tree/directory; local i
	for i in $(seq 300); do echo $i >tree/directory/"file number $i"; ln tree/directory/"file number $i" tree/directory/"link-$i"; done
	mk_fs peer a.img 128M tree
	"$BTRBOX" btrfs check a.img >want 2>&1 || true
	run_split image_ours -ss a.img s1
	same "nothing said" "" "$output$stderr"
	"$BTRBOX" btrfs check s1 >got 2>&1 || true
	same "findings" "$(sed 's/a\.img/s1/' want)" "$(cat got)"
	image_ours -r s1 r1
	"$PEER" check r1 >out 2>&1 || { cat out; return 1; }
	! grep -aq "file number" s1
	# three short ones
	touch tree/a tree/bc tree/long-enough tree/defg tree/five5
	mk_fs peer a.img 128M tree
	run_split image_ours -ss a.img s1
	same "warning" "WARNING: cannot find a hash collision for 3 names, which are too short: garbage, indexes will not match" "$stderr"
	! grep -aq "five5" s1
}

# bats test_tags=root
@test "--private replaces label, subvolumes and xattr names, too" {
	need_kernel; need_peer
	mk_fs peer a.img 200M - -L my-own-label
	mount_fs a.img m
	"$PEER" subvolume create m/my-own-subvolume >/dev/null
	touch m/some-file; setfattr -n user.my-own-xattr -v my-own-value m/some-file; umount_fs m
	grep -aq my-own-xattr a.img
	image_ours -ss a.img s1; grep -aq my-own-label s1; grep -aq my-own-subvolume s1; grep -aq my-own-xattr s1; ! grep -aq my-own-value s1; ! grep -aq some-file s1
	image_ours -ss --private a.img s2; ! grep -aq my-own s2
	grep -aq 'user\.' s2
	image_ours -r s2 r2
	"$PEER" check r2 >out 2>&1 || { cat out; return 1; }
	run image_ours --private a.img s3; expect 1
}

# bats test_tags=root
@test "several devices to one: the peer and the kernel see a whole filesystem with all names" {
	need_kernel; need_peer
	local o
	mk_tree tree; rm -f tree/sparse
	for o in "-m raid1 -d raid0" "-m raid10 -d raid6" "-m raid5 -d raid1c3 --csum xxhash"; do
		MOUNT_OPTIONS='' mk_fs kernel a.img,b.img,c.img,d.img 400M tree $o
		"$BTRBOX" btrfs offline a.img ls -R >want
		image_ours -c3 a.img a.dump
		rm -f r1; image_ours -r a.dump r1
		"$PEER" check r1 >out 2>&1 || { cat out; return 1; }
		run grep -iE 'mismatch|warning|error' out
		same "peer's words" 1 "$(grep -ciE 'mismatch|warning|error' out)" # "no error found"
		"$BTRBOX" btrfs offline r1 ls -R >got; same_file want got
		has_one=$("$BTRBOX" btrfs inspect-internal dump-super r1 | grep -E '^num_devices' | tr -dc 0-9)
		same devices 1 "$has_one"
		cp --sparse=always r1 k.img; rm r1; rm -f a.img b.img c.img d.img
		mount_fs k.img m ro; (cd m && find . | wc -l) >got; umount_fs m
		same names "$(find tree | wc -l)" "$(cat got)"
	done
}

# bats test_tags=root
@test "-m: several devices to as many, striped and with parity" {
	need_kernel; need_peer
	mk_tree tree; rm -f tree/sparse
	MOUNT_OPTIONS='' mk_fs kernel a.img,b.img,c.img 400M tree -m raid5 -d raid0 --csum sha256
	trees a.img >want
	image_ours -c1 a.img a.dump
	run image_ours -m a.dump x y; expect 1; has "it needs 3 devices but has only 2"
	mkdir r; image_ours -m a.dump r/a r/b r/c
	rm a.img b.img c.img
	trees r/a >got; same_file want got
	attach r/a r/b r/c; "$PEER" device scan "${LOOPS[@]}" >/dev/null 2>&1 || true
	"$PEER" check "${LOOPS[0]}" >out 2>&1 || { cat out; return 1; }
	"$PEER" device scan --forget "${LOOPS[@]}" >/dev/null 2>&1 || true
	losetup -d "${LOOPS[@]}"; : >"$T/.loops"
	# the parity is right: with any one device gone the same is read
	for d in a b c; do
		mv r/$d gone
		trees r/$([[ $d == a ]] && echo b || echo a) 2>/dev/null >got; same_file want got
		mv gone r/$d
	done
}

# bats test_tags=root
@test "mounted and too small targets are refused, the source as target, too" {
	need_kernel; need_peer
	small
	image_ours a.img a.dump
	truncate -s 100M small.img; attach small.img
	run image_ours -r a.dump "${LOOPS[0]}"
	expect 1; has "is too small"
	same "nothing written" 0 "$(tr -d '\0' <small.img | wc -c)"
	truncate -s 200M other.img; "$PEER_MKFS" -q other.img >/dev/null 2>&1
	mount_fs other.img m
	run image_ours -r a.dump "${LOOPS[0]}"; expect 1
	run image_ours -r a.dump other.img; expect 1
	umount_fs m
	cp a.img keep; run image_ours a.img a.img; expect 1; has "it is the source"; cmp keep a.img
	cp a.dump keep; run image_ours -r a.dump a.dump; expect 1; has "it is the dump"; cmp keep a.dump
}

@test "options that do not go together say what the incumbent says" {
	: >a; : >b
	run image_ours -t 99 a b; expect 1; has "number of threads out of range: 99 > 32"
	run image_ours -c 10 a b; expect 1; has "compression level out of range: 10"
	run image_ours -o a b; expect 1; has "create and restore cannot be used at the same time"
	run image_ours -r -w a b; expect 1; has "using -w, -s, -c, -d options for restore makes no sense"
	run image_ours -m a b; expect 1; has "not enough devices specified for -m option"
	run image_ours -r a b c; expect 1; has "accepts only 1 device without -m option"
	run image_ours a; expect 1
	run image_ours a c; expect 1; has "open ctree failed"; has "create failed: "; [[ ! -e c ]]
}

@test "dumps cut off or mangled anywhere end with an error, or with what they still say" {
	need_peer
	small
	image_ours -c9 a.img good.dump
	python3 - <<-'PY'
	import random, struct
	good = open('good.dump', 'rb').read()
	r = random.Random(5)
	def put(name, data): open(name, 'wb').write(data)
	def at(pos, fmt, v): b = bytearray(good); struct.pack_into(fmt, b, pos, v); return bytes(b)
	for i, cut in enumerate([0, 1, 1000, 1024, 5000, len(good) // 2, len(good) - 1, len(good) - 1024]): put(f'bad{i}', good[:cut])
	for i, (pos, fmt, v) in enumerate([(0, '<Q', 1), (8, '<Q', 1024), (16, '<I', 0), (16, '<I', 84), (16, '<I', 0xffffffff), (20, 'B', 2), (20, 'B', 0),
	        (29, '<I', 0), (29, '<I', 0xffffffff), (29, '<I', 1 << 20), (21, '<Q', 123), (33, '<Q', 1 << 63), (33, '<Q', 5)]): put(f'bad1{i:02}', at(pos, fmt, v))
	for i in range(40):
	    b = bytearray(good)
	    for _ in range(1 + i // 4): b[r.randrange(len(b))] = r.randrange(256)
	    put(f'mangled{i}', bytes(b))
	PY
	for f in bad*; do
		run timeout 20 "$BTRBOX" btrfs-image -r $f r1
		expect 1; has "ERROR: "
		run timeout 20 "$BTRBOX" btrfs check $f; [[ $status != 0 && $status -lt 124 ]]
	done
	for f in mangled*; do
		rm -f r1
		run timeout 20 "$BTRBOX" btrfs-image -r $f r1; [[ $status -le 1 ]]
		run timeout 20 "$BTRBOX" btrfs check $f; [[ $status -lt 124 ]]
	done
}

@test "--damaged takes what no copy of passes, and leaves it out where names are replaced" {
	need_peer
	small -m single
	# a leaf of the fs tree: broken behind its header
	leaf=$("$BTRBOX" btrfs inspect-internal dump-tree -t 5 a.img | grep -oP '^leaf \K\d+' | sed -n 2p)
	phys=$("$BTRBOX" btrfs-map-logical -l "$leaf" a.img | grep -oP 'physical \K\d+' | head -1)
	printf broken | dd of=a.img bs=1 seek=$((phys + 200)) conv=notrunc status=none
	run image_ours a.img a.dump; expect 1; has "create failed"; [[ ! -e a.dump ]]
	run_split image_ours --damaged -w a.img a.dump
	[[ $status == 0 ]]; [[ $stderr == *"1 tree blocks are damaged in all copies"* ]]
	image_ours -r a.dump r1
	cmp <(dd if=a.img bs=1 skip=$phys count=4096 status=none) <(dd if=r1 bs=1 skip=$phys count=4096 status=none)
	image_ours --damaged -ss a.img s.dump 2>/dev/null
	image_ours -r s.dump r2
	same "left out" 0 "$(dd if=r2 bs=1 skip=$phys count=4096 status=none | tr -d '\0' | wc -c)"
}

# bats test_tags=root
@test "-o leaves every block at its logical address, and what reads such a thing reads it" {
	need_peer_image
	small
	trees a.img >want
	image_ours -c1 a.img a.dump
	image_ours -ro a.dump r1
	"$PEER_IMAGE" -t1 -ro a.dump r2 2>/dev/null || true
	same "but for the superblock" "$(tail -c +69633 r2 | cksum)" "$(tail -c +69633 r1 | cksum)"
	trees r1 >got; same_file want got
}

# bats test_tags=root
@test "the log and an old space cache go with the dump" {
	need_kernel; need_peer
	mk_fs peer a.img 300M - -R ^free-space-tree
	mount_fs a.img m space_cache
	for i in 1 2 3; do head -c 3000000 /dev/urandom >m/f$i; sync -f m; done
	sync -f m; echo logged >m/logged; python3 -c 'import os; os.fsync(os.open("m/logged", os.O_RDONLY))'
	cp --sparse=always a.img live.img # as after a power cut
	umount_fs m; rm a.img
	[[ $("$BTRBOX" btrfs inspect-internal dump-super live.img | grep -P '^log_root\t' | tr -dc 0-9) != 0 ]]
	image_ours -c3 live.img a.dump
	image_ours -r a.dump r1
	same "same trees" "$(trees live.img | cksum)" "$(trees r1 | cksum)"
	"$PEER" check r1 >out 2>&1 || { cat out; return 1; }
	! grep -i "cache" out | grep -iE "error|fail|corrupt"
	mount_fs r1 m; [[ -e m/logged ]]; umount_fs m
}
