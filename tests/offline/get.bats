# SPDX-License-Identifier: GPL-2.0-or-later
# get: what comes out equals what is in, whatever the filesystem is made of; nothing is written outside the target.

setup() { load ../lib; begin; }
teardown() { chmod -R u+rwX "$T" 2>/dev/null || true; finish; }

off() { btrfs_ours offline "$@"; }
hash_of() { btrfs_ours offline hash "$@" | cut -d' ' -f1; }
edit() { python3 "$TOP/tests/leafedit.py" "$@"; }

# whole IMAGE[,IMAGE...] [options]: get -r of all of it equals it.
whole() {
	rm -rf out
	off "${@:2}" "$1" get -r / out || return 1
	same "hash of $1" "$(hash_of "$1:/")" "$(hash_of out)"
}

@test "get -r brings what the kernel put in, to the last attribute" { # bats test_tags=root
	mk_tree src
	mk_fs kernel t.img 300M src
	run_btrfs offline t.img get -r / out
	expect 0
	same output "" "$output"
	same manifest "$(manifest src)" "$(manifest out)"
	same hash "$(hash_of src)" "$(hash_of out)"
	[[ $(stat -c %i out/links) == "$(stat -c %i out/d/link3)" ]]
	((5242880 / 512 > $(stat -c %b out/sparse) * 2)) || { echo "# the holes are filled"; return 1; }
}

@test "get -r equals the image, for any number of jobs" {
	mk_tree src
	mk_fs peer t.img 300M src
	run_btrfs offline t.img get -r / out
	expect 0
	same hash "$(hash_of t.img:/)" "$(hash_of out)"
	for jobs in 1 2 7; do
		rm -rf out
		off --jobs "$jobs" t.img get -r / out
		same "$jobs jobs" "$(hash_of t.img:/)" "$(hash_of out)"
	done
}

@test "profiles, node sizes, checksums and compression, pairwise; and each degraded as far as it goes" { # bats test_tags=root
	mk_tree src
	while read -r data meta devices lost node csum options; do
		list=$(seq -s, -f 'd%g.img' "$devices")
		MOUNT_OPTIONS=$options mk_fs kernel "$list" 300M src -d "$data" -m "$meta" -n "$node" --csum "$csum"
		want=$(hash_of "$list:/" --times mtime)
		same "$data $csum" "$(hash_of --times mtime src)" "$want"
		whole "$list"
		if ((lost)); then
			rm -f $(seq -f 'd%g.img' "$lost")
			left=$(seq -s, -f 'd%g.img' $((lost + 1)) "$devices")
			rm -rf out
			off -o degraded "$left" get -r / out
			same "$data with $lost lost" "$want" "$(hash_of out)"
		fi
		rm -f d*.img
	done <<-'X'
		single  single  1 0 4096  crc32c compress=zstd
		dup     dup     1 0 16384 xxhash compress-force=lzo
		raid0   raid1   2 0 65536 sha256 compress-force=zlib
		raid1   raid1   2 1 16384 blake2 compress-force=zstd
		raid1c3 raid1c3 3 2 4096  xxhash nodatasum
		raid1c4 raid1c4 4 3 16384 crc32c compress=lzo
		raid10  raid10  4 1 65536 crc32c max_inline=0
		raid5   raid5   3 1 16384 sha256 compress=zlib
		raid6   raid6   4 2 4096  blake2 nodatacow
	X
}

@test "subvolumes come along, a snapshot's dangling ones as empty directories" { # bats test_tags=root
	need_kernel
	mk_fs kernel t.img 300M -
	mount_fs t.img m
	"$PEER" -q subvolume create m/sub
	"$PEER" -q subvolume create m/sub/nested
	echo one >m/sub/one
	echo two >m/sub/nested/two
	"$PEER" -q subvolume snapshot -r m/sub m/snap >/dev/null
	umount_fs m
	whole t.img
	same two two "$(cat out/sub/nested/two)"
	same dangling "0 755 0" "$(stat -c '%Y %a' out/snap/nested) $(ls -A out/snap/nested | wc -l)"
	off t.img get -r snap alone
	same one one "$(cat alone/one)"
}

@test "names follow cp: into a directory, as a name, and what is there stays" {
	mk_tree src
	mk_fs peer t.img 300M src
	mkdir dir
	off t.img get text dir
	cmp dir/text src/text
	off t.img get text other
	cmp other src/text
	off t.img get text zeros dir/../dir 2>/dev/null && return 1 # text exists
	cmp dir/zeros src/zeros
	echo mine >dir/text
	run_btrfs offline t.img get text dir
	expect 1
	has "ERROR: get: dir/text: File exists"
	has "-f replaces what exists"
	same kept mine "$(cat dir/text)"
	echo precious >victim
	ln -sf ../victim dir/text
	run_btrfs offline t.img get -f text dir
	expect 0
	same "the link's target" precious "$(cat victim)"
	[[ ! -L dir/text ]] && cmp dir/text src/text
	run_btrfs offline t.img get d dir
	expect 1
	has "-r not specified; omitting directory 'd'"
	off t.img get -r d dir
	off t.img get -r d new
	same "the same twice" "$(hash_of dir/d)" "$(hash_of new)"
	run_btrfs offline t.img get text zeros nowhere
	expect 1
	has "target 'nowhere' is not a directory"
	run_btrfs offline t.img get text nowhere/x
	expect 1
	has "cannot open directory 'nowhere'"
	off t.img get -r dangling .
	same "a link as itself" nowhere "$(readlink dangling)"
	off t.img get d/symlink followed
	cmp followed src/text
}

@test "without root what cannot be kept is said once, with a count" { # bats test_tags=root
	need_cmd setpriv
	[[ $(id -u) == 0 ]] || skip "needs root"
	mk_tree src
	mk_fs peer t.img 300M src
	chmod 755 . .. ../.. 2>/dev/null || true
	chmod 644 t.img
	mkdir mine
	chown 65534:65534 mine
	cp "$BTRBOX" box
	setpriv --reuid 65534 --regid 65534 --clear-groups true || skip "cannot become nobody"
	run setpriv --reuid 65534 --regid 65534 --clear-groups ./box btrfs offline t.img get -r / mine/out
	expect 0
	has "device nodes could not be made"
	has "the owner of"
	has "extended attributes could not be kept"
	same lines 3 "$(wc -l <<<"$output")"
	for f in text d/e/f/g/deep many/file0007 size131073; do cmp "src/$f" "mine/out/$f"; done
	same mode "4751" "$(stat -c %a mine/out/modes)"
}

@test "few descriptors and a tree of 3000 levels" { # bats test_tags=root
	need_kernel
	mk_fs kernel t.img 300M -
	mount_fs t.img m
	python3 - <<-'P'
		import os
		os.chdir('m')
		for i in range(3000):
		    os.mkdir('level')
		    os.chdir('level')
		    if i % 500 == 0: open('file', 'w').write(str(i))
		os.utime('.', (1, 1))
	P
	umount_fs m
	for jobs in 1 3; do
		(ulimit -n 64; off --jobs $jobs t.img get -r / out$jobs)
		python3 - out$jobs <<-'P'
			import os, sys
			os.chdir(sys.argv[1])
			for i in range(3000):
			    os.chdir('level')
			    if i % 500 == 0: assert open('file').read() == str(i)
			assert os.stat('.').st_mtime == 1
		P
		same hash "$(hash_of t.img:/)" "$(hash_of out$jobs)"
	done
	# rm itself needs many descriptors
	find out1 out3 -depth -delete
}

@test "shared extents are shared again where the target can" { # bats test_tags=root
	need_kernel
	mk_fs kernel t.img 300M -
	mount_fs t.img m
	head -c 20M /dev/urandom >m/a
	mkdir m/d
	cp --reflink=always m/a m/d/b
	cp --reflink=always m/a m/c
	printf changed | dd of=m/c bs=1 seek=5000000 conv=notrunc status=none
	head -c 100001 /dev/urandom >m/odd
	cp --reflink=always m/odd m/odd2
	umount_fs m
	mk_fs kernel u.img 500M -
	mount_fs u.img n
	for jobs in 1 2 7; do
		rm -rf n/out; sync -f n
		run_btrfs offline --jobs $jobs t.img --format json get -r / n/out
		expect 0
		cmp n/out/a n/out/d/b
		same hash "$(hash_of t.img:/)" "$(hash_of n/out)"
		sync -f n
		shared=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["get"][0]["shared-bytes"])' <<<"$output")
		((shared > 40000000)) || { echo "# only $shared bytes were shared"; return 1; }
		total=$(df -B1 --output=used n | tail -n 1)
		((total < 30000000)) || { echo "# $total bytes are used"; return 1; }
	done
}

@test "what is shared depends neither on the order of the files nor on the number of jobs" { # bats test_tags=root
	need_kernel
	mk_fs kernel t.img 300M -
	for options in max_inline=0 compress-force=zstd; do
		mount_fs t.img m $options
		python3 "$TOP/tests/offline/shares.py" m
		umount_fs m
	done
	mk_fs kernel u.img 300M -
	mount_fs u.img n
	want=
	for jobs in 1 2 7; do
		rm -rf n/out
		run_btrfs offline --jobs $jobs t.img --format json get -r / n/out
		expect 0
		same "hash, $jobs jobs" "$(hash_of t.img:/)" "$(hash_of n/out)"
		sync -f n
		# what two trees do not share with each other is what they take on the disk
		got=$("$PEER" filesystem du -s --raw n/out | awk 'END {print $3}')
		[[ $want ]] || want=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["get"][0]["shared-bytes"])' <<<"$output")
		same "shared, $jobs jobs" "$want" "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["get"][0]["shared-bytes"])' <<<"$output")"
		# three sources and the ends, twice, and no byte of the rest
		((got <= 2 * (3 * 4194304 + 3 * 24576))) || { echo "# $jobs jobs: $got bytes of the target are there once more"; return 1; }
	done
}

@test "a full target ends it with an error and leaves no short file" { # bats test_tags=root
	need_root
	mk_tree src
	mk_fs peer t.img 300M src
	mkdir small
	mount -t tmpfs -o size=1200k none small
	(cd small && pwd) >>"$T/.mounted"
	run_btrfs offline t.img get -r / small/out
	expect 1
	has "No space left on device"
	(cd small/out && find . -type f) | while read -r f; do cmp "src/$f" "small/out/$f" || echo "$f"; done >differ
	same "short files" "" "$(cat differ)"
}

@test "one destroyed copy is healed, two are listed, other files are whole" { # bats test_tags=root
	mk_tree src
	MOUNT_OPTIONS=max_inline=0 mk_fs kernel t.img 400M src -d dup -m dup
	read -r one two < <(places t.img size1048576)
	dd if=/dev/urandom of=t.img bs=4096 seek=$((one / 4096 + 10)) count=3 conv=notrunc status=none
	whole t.img
	dd if=/dev/urandom of=t.img bs=4096 seek=$((two / 4096 + 11)) count=4 conv=notrunc status=none
	rm -rf out
	run_btrfs offline t.img get -r / out
	expect 1
	has "not everything could be copied, 1 loss:"
	has "out/size1048576: bytes 45056 to 53247: "
	has "data checksum does not match at logical"
	rm -rf holes; mkdir holes
	cp src/size1048576 holes/want
	dd if=/dev/zero of=holes/want bs=4096 seek=11 count=2 conv=notrunc status=none
	cmp holes/want out/size1048576
	rm out/size1048576
	mv src/size1048576 src.whole
	same others "$(manifest src | grep -v '^\. ')" "$(manifest out | grep -v '^\. ')"
	rm -rf out
	run_btrfs offline t.img get -r --whole / out
	expect 1
	[[ ! -e out/size1048576 && -e out/size131073 ]]
	rm -rf out
	run_btrfs offline t.img get --unverified size1048576 out
	expect 1
	has "8192 bytes were copied although their checksum does not match"
	same "bytes that differ" 0 "$(cmp -l holes/want out | awk '$1 <= 45056 || $1 > 53248' | wc -l)"
	run_btrfs offline t.img -o rescue=ignoredatacsums get size1048576 out2
	expect 0
	same "bytes that differ" 0 "$(cmp -l src.whole out2 | awk '$1 <= 40960 || $1 > 53248' | wc -l)"
}

places() {
	btrfs_ours --format json offline "$1" extents "$2" | python3 -c '
import json, sys
print(*[p.split(":")[1] for p in json.load(sys.stdin)["extents"][0]["extents"][0]["physical"].split(",")])'
}

# hostile COMMAND...: get and restore of an edited image write nothing but below box/in.
hostile() {
	cp t.img h.img
	edit h.img "$@"
	for f in "" -f; do
		rm -rf box victim; mkdir -p box/in/restored victim
		timeout 60 "$BTRBOX" btrfs offline h.img get -r $f / box/in/got >log 2>&1 || true
		timeout 60 "$BTRBOX" btrfs restore -smSx ${f:+-o} h.img box/in/restored >>log 2>&1 || true
		same "outside after $*" "$(printf '%s\n' box box/in victim)" "$(find box victim -maxdepth 1 | sort)"
		same "inside after $*" "$(printf '%s\n' box/in/got box/in/restored)" "$(find box/in -mindepth 1 -maxdepth 1 | sort)"
	done
	[[ ! -e /btrbox-escaped && ! -e box/escaped ]]
}

@test "whatever its names are, nothing is written outside of the target" {
	mkdir -p src/d src/e src/TTT
	echo evil >src/d/AA
	echo ok >src/d/ok
	echo x >src/e/BBB
	ln -s "$T/victim" src/SSS
	echo pwned >src/TTT/f
	mk_fs peer t.img 200M src
	hostile rename AA ..
	grep -q 'impossible name "\.\."' log
	hostile rename AA .
	hostile rename BBB ../../../escaped
	grep -q 'impossible name "../../../escaped"' log
	hostile rename AA /btrbox-escaped
	hostile rename AA 'a\x00b'
	grep -q 'impossible name' log
	hostile rename AA "$T/victim/x"
	# a symlink and a directory of one name, in either order
	hostile rename SSS TTT
	hostile rename TTT SSS
	# directories that contain themselves, or are in two places
	top=256
	hostile point d $top
	grep -q 'was met under another name already: not copied again' log
	hostile point e "$(off t.img ls -id d | awk '{ print $1 }')"
	hostile point TTT 99999
	grep -q 'does not exist' log
}

@test "impossible sizes and extents end with an error, soon" {
	mkdir src
	seq 100000 >src/f
	mk_fs peer t.img 200M src
	ino=$(off t.img ls -i f | awk '{ print $1 }')
	for c in "field $ino size 0xffffffffffffffff" "extent $ino disk_bytenr 0xfffffffffffff000" "extent $ino num_bytes 0xfffffffffffff000" \
		"extent $ino offset 0xfffffffffffff000" "extent $ino disk_num_bytes 0" "extent $ino compression 1" "extent $ino compression 3"; do
		cp t.img h.img
		edit h.img $c
		rm -rf out restored; mkdir restored
		run timeout 60 "$BTRBOX" btrfs offline h.img get f out
		expect 1
		run timeout 60 "$BTRBOX" btrfs restore h.img restored
		expect 1
	done
}
