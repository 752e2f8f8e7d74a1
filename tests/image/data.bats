# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs-image -d: dumps with the contents of files.

setup() { load ../lib; begin; }
teardown() { finish; }

image() { "$BTRBOX" btrfs-image "$@"; }
offline() { "$BTRBOX" btrfs offline "$@"; }
digest() { offline "$1" hash --times mtime / | tail -1; }
# filled [mkfs options] -- IMAGE...: with files of all kinds of storage.
filled() {
	local o=()
	while [[ $1 != -- ]]; do o+=("$1"); shift; done; shift
	mkdir -p tree/dir
	echo "kept within the leaf" >tree/inline; ln -sfn inline tree/link; head -c 700000 /dev/urandom >tree/dir/random
	yes "compresses well" | head -c 900000 >tree/text; truncate -s 1M tree/hole; printf end >>tree/hole
	truncate -s 256M "$@"
	"$BTRBOX" mkfs.btrfs -q "${o[@]}" "$@"
	local IFS=,
	offline -o compress=zstd "$*" put -r tree / >/dev/null
	offline "$*" fallocate -l 300000 /tree/preallocated
}

@test "-d: what is restored has every byte and no mark of a metadata dump; the dump is read in place as well" {
	filled --csum sha256 -- a.img
	image -d a.img raw.dump; image -d -c4 -t2 a.img packed.dump
	[[ $(head -c 8 raw.dump) == _DUmP_v1 ]]
	image -r raw.dump r1; image -rt1 packed.dump r2; cmp r1 r2
	want=$(digest a.img)
	same restored "$want" "$(digest r1)"; same "in place" "$want" "$(digest packed.dump)"; same "in place, raw" "$want" "$(digest raw.dump)"
	offline packed.dump cat /tree/inline | cmp - tree/inline
	run "$BTRBOX" btrfs inspect-internal dump-super r1; has_not METADUMP
	for f in r1 packed.dump; do
		run "$BTRBOX" btrfs check --check-data-csum $f; expect 0; has "no error found"; has_not "skip data csum"
	done
	image -d -c4 a.img - | image -r - r3; cmp r1 r3
}

# bats test_tags=root
@test "-d of several devices: to one, which the kernel reads, and to as many, of any profile" {
	need_kernel; need_peer
	filled -d raid0 -m raid1 -- a b c
	want=$(digest a,b,c)
	image -d -c2 a,b,c a.dump
	image -r a.dump r1; same "one" "$want" "$(digest r1)"
	image -m a.dump m1 m2 m3; same "three" "$want" "$(digest m1,m2,m3)"
	"$PEER" check --check-data-csum r1 >out 2>&1 || { cat out; return 1; }
	mount_fs r1 m; diff -r tree m/tree --exclude preallocated; umount_fs m
	rm -f a b c m? r1
	filled -d raid5 -m raid6 -- a b c
	want=$(digest a,b,c)
	rm b; run_split image -d a,c a.dump; [[ $status == 0 ]]
	image -r a.dump r1; same "one" "$want" "$(digest r1)"
}

@test "-d takes data from the copy that is right, and as it is where none is" {
	filled -m dup -d dup -- a.img
	want=$(digest a.img)
	logical=$(offline a.img extents /tree/dir/random | grep -oP '\d{7,}' | head -1)
	mapfile -t at < <("$BTRBOX" btrfs-map-logical -l "$logical" a.img | grep -oP 'physical \K\d+')
	[[ ${#at[@]} == 2 ]]
	printf broken | dd of=a.img bs=1 seek="${at[0]}" conv=notrunc status=none
	run image -d a.img a.dump; expect 0; same "no word" "" "$output"
	image -r a.dump r1; same "healed" "$want" "$(digest r1)"
	printf broken | dd of=a.img bs=1 seek="${at[1]}" conv=notrunc status=none
	run image -d a.img a.dump; expect 0; has "WARNING: 1 runs of file data do not match their checksums"
	image -r a.dump r1
	cmp -n 4096 -i "${at[0]}" a.img r1
	run "$BTRBOX" btrfs check --check-data-csum r1; expect 1
}

@test "-d with -s leaves out what files hold within the metadata; -d goes neither with -w nor with -r" {
	filled -- a.img
	image -d -s a.img a.dump; image -r a.dump r1
	! grep -q "kept within the leaf" a.dump
	offline r1 ls -R / | grep -q random && return 1
	run image -d -w a.img b.dump; expect 1; has "-d and -w"; [[ ! -e b.dump ]]
	run image -d -r a.dump r2; expect 1; has "using -w, -s, -c, -d options for restore makes no sense"
}

@test "raw runs of more than what is read at once are taken apart; long zlib streams are refused" {
	filled -- a.img
	image -d a.img a.dump
	python3 - <<-'PY'
	import struct, zlib
	d = open('a.dump', 'rb').read(); items = []; pos = 0
	while pos < len(d):
	    n = struct.unpack_from('<I', d, pos + 16)[0]; at = pos + 1024
	    for i in range(n):
	        a, l = struct.unpack_from('<QI', d, pos + 21 + 12 * i)
	        if items and len(items) > 1 and items[-1][0] + len(items[-1][1]) == a: items[-1][1] += d[at:at + l]
	        else: items.append([a, bytearray(d[at:at + l])])
	        at += l
	    pos = (at + 1023) // 1024 * 1024
	assert max(len(i[1]) for i in items) > 600000
	def put(name, pack):
	    with open(name, 'wb') as f:
	        for i in range(0, len(items), 83):
	            part = [(a, zlib.compress(bytes(b)) if pack else bytes(b)) for a, b in items[i:i + 83]]
	            f.write((b'_DUmP_v1' + struct.pack('<QIB', f.tell(), len(part), pack) + b''.join(struct.pack('<QI', a, len(b)) for a, b in part)).ljust(1024, b'\0'))
	            f.write(b''.join(b for _, b in part)); f.write(bytes(-f.tell() % 1024))
	put('long.dump', 0); put('packed.dump', 1)
	PY
	image -r long.dump r1; same "restored" "$(digest a.img)" "$(digest r1)"; same "in place" "$(digest a.img)" "$(digest long.dump)"
	run image -r packed.dump r2; expect 1; has "has an item of"
}
