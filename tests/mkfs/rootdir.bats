#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Filesystems filled from a directory: what went in comes out, by every reader.

setup() { load ../lib; begin; }
teardown() { finish; }

digest() { btrfs_ours offline "$@" | cut -c 1-64; }

# row OPTIONS...: the tree in src, in a new filesystem, is the same for the engine and for all judges.
row() {
	rm -f a.img
	"$BTRBOX" mkfs.btrfs -q -r src "$@" a.img || { echo "# $*"; return 1; }
	same "hash of $*" "$(digest hash --times mtime src)" "$(digest a.img hash --times mtime)"
	[[ ! $PEER || ${NO_PEER:-} ]] || judge_peer a.img || { echo "# $*"; return 1; }
	[[ ! -e $SHARED/tools/judge.py ]] || judge_reader a.img || { echo "# $*"; return 1; }
	# the kernel warns of its old space cache, which it takes to where there is no free space tree
	[[ ! ${KERNEL:-} ]] || judge_kernel a.img "$T/want" "$([[ $* != *^fst* ]] || echo nospace_cache)" || { echo "# $*"; return 1; }
}

# bats test_tags=root
@test "one of everything, under options in pairs" {
	need_kernel; need_peer
	mk_tree src
	manifest src >want
	KERNEL=1 row
	row --compress zstd --csum xxhash -n 4096
	row --compress zlib:9 -n 65536 -O '^no-holes'
	! have_feature LZO || KERNEL=1 row --compress lzo -d dup -O quota
	row -M --csum sha256 -O '^skinny-metadata'
	row -m single -O '^fst' --compress zlib:1
	KERNEL=1 row --shrink --compress zstd:15 -O '^bgt' --csum blake2
	NO_PEER=1 KERNEL=1 row -O squota --compress zstd
	NO_PEER=1 row -s 16384
	NO_PEER=1 row -s 65536 --compress lzo
}

# bats test_tags=root
@test "the product of checksums, node sizes, features and compressions" {
	need_kernel; need_peer; need_full
	local csum node features compress
	mk_tree src
	manifest src >want
	for csum in crc32c xxhash sha256 blake2; do
		for node in 4096 8192 16384 32768 65536; do
			for features in extref '^no-holes' '^skinny-metadata' '^fst' '^bgt,quota'; do
				for compress in no zlib lzo zstd; do
					KERNEL=1 row --csum $csum -n $node -O "$features" --compress $compress
				done
			done
		done
	done
}

# bats test_tags=root
@test "subvolumes, nested and read-only, and the default" {
	need_kernel; need_peer
	mkdir -p src/a/b/c src/d
	echo top >src/f; echo a >src/a/f; echo b >src/a/b/f; echo c >src/a/b/c/f
	ln src/f src/a/other; ln src/a/f src/a/b/f2
	"$BTRBOX" mkfs.btrfs -q -r src -u a -u ro:a/b/c -u default:d a.img
	run btrfs_ours subvolume list -p a.img
	has "ID 256 gen 1 parent 5 top level 5 path a"
	has "ID 258 gen 1 parent 256 top level 256 path a/b/c"
	run btrfs_ours subvolume get-default a.img
	has "ID 257"
	judge_peer a.img
	judge_reader a.img
	mount_fs a.img mnt subvolid=5
	same "files" "$(cd src; find . | sort)" "$(cd mnt; find . | sort)"
	! touch mnt/a/b/c/new
	touch mnt/a/new mnt/d/new
	same "a link does not leave its subvolume" 1 "$(stat -c %h mnt/f)"
	btrfs_peer subvolume delete mnt/a/b/c >/dev/null
	umount_fs mnt
	judge_peer a.img
}

@test "names, links and holes at their limits" {
	mkdir -p src/dir
	echo x >src/x
	for ((i = 0; i < 600; i++)); do ln src/x "src/dir/$(printf 'n%.0s' {1..200})$i"; done
	for name in 'new
line' $'\xff\xfe' "$(printf 'l%.0s' {1..255})" ' ' '-rf' '...'; do echo "$name" >"src/$name"; done
	truncate -s 1T src/sparse
	echo end >>src/sparse
	ln -s "$(printf 't%.0s' {1..3000})" src/link
	truncate -s 4095 src/s1; truncate -s 4096 src/s2; head -c 4097 /dev/urandom >src/s3
	row
	rm src/sparse
	row -O '^no-holes' -n 4096
}

@test "names of one hash share an item" {
	mkdir src
	python3 - <<-'P'
	import random
	t = []
	for i in range(256):
	    c = i
	    for _ in range(8): c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
	    t.append(c)
	def h(s):
	    c = 0xfffffffe
	    for b in s: c = t[(c ^ b) & 255] ^ c >> 8
	    return c
	random.seed(1)
	seen = {}; n = 0
	while n < 3:
	    s = b'%012x' % random.getrandbits(48); k = h(s)
	    if k in seen and seen[k] != s:
	        for x in (s, seen[k]): open(b'src/' + x, 'w').write('x')
	        n += 1
	    seen[k] = s
	P
	row
}

@test "the same bytes for any number of jobs, and twice" {
	export SOURCE_DATE_EPOCH=1700000000
	mk_tree src
	mkdir src/more && for i in $(seq 300); do head -c $((i * 997 % 30000)) /dev/urandom >src/more/$i; done
	for jobs in 1 2 5; do
		"$BTRBOX" mkfs.btrfs -q --seed 1 --jobs $jobs --compress zstd -r src $jobs.img
	done
	"$BTRBOX" mkfs.btrfs -q --seed 1 --compress zstd -r src again.img
	cmp 1.img 2.img; cmp 1.img 5.img; cmp 1.img again.img
}

@test "owners are replaced or mapped" {
	mkdir src; echo x >src/f
	[[ $(id -u) != 0 ]] || chown 1000:1001 src/f
	"$BTRBOX" mkfs.btrfs -q -r src --owner 7:8 a.img
	same owner "7:8" "$(btrfs_ours offline a.img stat -c %u:%g /f)"
	[[ $(id -u) == 0 ]] || skip "the rest needs root"
	"$BTRBOX" mkfs.btrfs -q -r src --uid-map 1000:5000:10 --gid-map 1000:100000:65536 b.img
	same owner "5000:100001" "$(btrfs_ours offline b.img stat -c %u:%g /f)"
}

@test "under fakeroot" {
	need_cmd fakeroot
	export SOURCE_DATE_EPOCH=1700000000
	mkdir src; echo x >src/f; ln src/f src/g; ln -s f src/l; mkdir src/d
	fakeroot sh -c "chown 12:34 src/f; mknod src/dev c 5 6; '$BTRBOX' mkfs.btrfs -q --seed 3 -r src a.img"
	same owner 12:34 "$(btrfs_ours offline a.img stat -c %u:%g /f)"
	same device "character special file" "$(btrfs_ours offline a.img stat -c %F /dev)"
	rm -f src/dev
	fakeroot "$BTRBOX" mkfs.btrfs -q --seed 3 --owner 0:0 -r src b.img
	"$BTRBOX" mkfs.btrfs -q --seed 3 --owner 0:0 -r src c.img
	cmp b.img c.img
}

@test "a file grows, a given size is kept, a device too small is refused" {
	mkdir src; head -c 200M /dev/urandom >src/f
	truncate -s 120M a.img
	"$BTRBOX" mkfs.btrfs -q -r src a.img
	(($(stat -c %s a.img) > 200 * 1048576))
	truncate -s 1G b.img
	"$BTRBOX" mkfs.btrfs -q -r src b.img
	same size 1073741824 "$(stat -c %s b.img)"
	"$BTRBOX" mkfs.btrfs -q -f -r src --shrink b.img
	(($(stat -c %s b.img) < 350 * 1048576))
	truncate -s 200M disk.img
	run "$BTRBOX" mkfs.btrfs -q -r src disk.img@1MiB
	expect 1
	has "no space"
	run "$BTRBOX" mkfs.btrfs -q -r none c.img
	expect 1
	[[ ! -e c.img ]]
}

@test "flags of inodes are inherited, and compression steps back" {
	mkdir -p src/d/e; head -c 100000 /dev/zero >src/d/e/f; head -c 100000 /dev/zero >src/g; head -c 300000 /dev/urandom >src/noise
	"$BTRBOX" mkfs.btrfs -q -r src --compress zstd --inode-flags nodatacow:d a.img
	run btrfs_ours inspect-internal dump-tree -t 5 a.img
	has "flags 0x3(NODATASUM|NODATACOW)"
	has "flags 0x8(NOCOMPRESS)"
	has "extent compression 3 (zstd)"
	judge_reader a.img
	run "$BTRBOX" mkfs.btrfs -q -f -r src --inode-flags foo:d a.img
	has "ERROR: unknown flag: foo"
	run "$BTRBOX" mkfs.btrfs -q -f -r src --compress zstd:99 a.img
	has "compression level 99 out of range [1..15]"
}

# bats test_tags=root
@test "contents are shared with the source" {
	need_kernel
	truncate -s 600M host.img
	"$BTRBOX" mkfs.btrfs -q host.img
	mount_fs host.img host
	mkdir host/src; head -c 20000007 /dev/urandom >host/src/f; head -c 5000 /dev/urandom >host/src/g
	sync -f host
	"$BTRBOX" mkfs.btrfs -q -r host/src --reflink host/a.img
	same "hash" "$(digest hash --times mtime host/src)" "$(digest host/a.img hash --times mtime)"
	cp host/a.img a.img
	judge_peer a.img
	run filefrag -v host/src/f
	has shared
}

@test "a tar archive gives the same filesystem as the directory it was made of" {
	have_feature TAR || skip "built without archives"
	mk_tree src
	find src -type s -delete
	tar -S --format=pax --xattrs --xattrs-include='*' --acls --sort=name -cf a.tar -C src .
	"$BTRBOX" mkfs.btrfs -q -r src a.img
	"$BTRBOX" mkfs.btrfs -q -r a.tar b.img
	gzip a.tar
	"$BTRBOX" mkfs.btrfs -q --compress zstd -r - c.img <a.tar.gz
	same "from a file" "$(digest a.img hash --times none)" "$(digest b.img hash --times none)"
	same "from a pipe" "$(digest b.img hash --times mtime)" "$(digest c.img hash --times mtime)"
	[[ ! $PEER ]] || judge_peer b.img
	(($(du -k b.img | cut -f 1) < $(du -k a.img | cut -f 1) + 200))
}

@test "archives that lead out, lie or end early are refused" {
	have_feature TAR || skip "built without archives"
	python3 - <<-'P'
	import io, tarfile
	def make(name, *members):
	    with tarfile.open(name, 'w') as t:
	        for m, data in members: t.addfile(m, io.BytesIO(data) if data else None)
	def info(name, **kw):
	    i = tarfile.TarInfo(name)
	    for k, v in kw.items(): setattr(i, k, v)
	    return i
	make('out.tar', (info('../x', size=1), b'x'))
	make('link.tar', (info('a', type=tarfile.LNKTYPE, linkname='nothing'), None))
	make('both.tar', (info('a', size=1), b'x'), (info('a/b', size=1), b'x'))
	make('big.tar', (info('f', size=100000), b'x' * 100000))
	data = open('big.tar', 'rb').read(); open('cut.tar', 'wb').write(data[:50000])
	open('noise.tar', 'wb').write(b'noise' * 5000)
	P
	for f in out link both cut noise; do
		run "$BTRBOX" mkfs.btrfs -q -r $f.tar $f.img
		expect 1
		has "ERROR: error while filling filesystem"
		[[ ! -e $f.img ]]
	done
}

@test "a manifest gives what the source has not" {
	mkdir -p src/sub src/d; echo x >src/f; ln src/f src/g; echo y >src/sub/h
	cat >list <<-'M'
	# comment
	dev type=dir mode=0700
	dev/console type=char dev=5:1 mode=0620 uid=3 gid=5
	dev/with\040blank type=fifo
	dev/l type=link target=/a/b mtime=5.000000007
	sub subvol=ro
	g uid=77 mode=4750 xattr:user.m=a\001b
	M
	"$BTRBOX" mkfs.btrfs -q -r src --manifest list a.img
	judge_reader a.img
	same console "character special file 5:1 620 3:5" "$(btrfs_ours offline a.img stat -c '%F %t:%T %a %u:%g' /dev/console)"
	same link /a/b "$(btrfs_ours offline a.img readlink /dev/l)"
	same fifo fifo "$(btrfs_ours offline a.img stat -c %F '/dev/with blank')"
	same "both names" "77 4750 77 4750" "$(btrfs_ours offline a.img stat -c '%u %a' /f) $(btrfs_ours offline a.img stat -c '%u %a' /g)"
	run btrfs_ours subvolume list a.img
	has "path sub"
	echo 'nothing mode=0' >bad; run "$BTRBOX" mkfs.btrfs -q -r src --manifest bad b.img
	expect 1; has "bad, line 1: nothing is not in the source"
	echo 'f mode=99' >bad; run "$BTRBOX" mkfs.btrfs -q -r src --manifest bad b.img
	expect 1; has "bad, line 1"
}

# The descriptor that a second reader of the rules expects, and the Merkle tree, must be in the filesystem.
@test "sealed files carry the digests of fs-verity" {
	mkdir src
	: >src/empty; head -c 100 /dev/urandom >src/small; head -c 4096 /dev/urandom >src/one; head -c 1000000 /dev/urandom >src/two; ln src/two src/again
	printf '%s\n' empty small one /two >list
	"$BTRBOX" mkfs.btrfs -q -m single -r src --verity list a.img
	run btrfs_ours inspect-internal dump-super a.img
	has VERITY
	judge_reader a.img
	python3 - a.img src/empty src/small src/one src/two <<-'P'
	import hashlib, struct, sys
	image = open(sys.argv[1], 'rb').read()
	h = lambda b: hashlib.sha256(b.ljust(4096, b'\0')).digest()
	for name in sys.argv[2:]:
	    data = open(name, 'rb').read()
	    level = [h(data[i:i + 4096]) for i in range(0, len(data), 4096)]
	    tree = []
	    while len(level) > 1:
	        raw = b''.join(level)
	        blocks = [raw[i:i + 4096].ljust(4096, b'\0') for i in range(0, len(raw), 4096)]
	        tree = blocks + tree
	        level = [h(b) for b in blocks]
	    root = level[0] if level else bytes(32)
	    desc = struct.pack('<BBBBIQ64s32s144x', 1, 1, 12, 0, 0, len(data), root, b'')
	    assert image.count(desc) == 1, name
	    for b in tree:
	        for half in (b[:2048], b[2048:]):
	            assert half.strip(b'\0') == b'' or half in image, name
	P
}
