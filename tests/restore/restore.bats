# SPDX-License-Identifier: GPL-2.0-or-later
# restore: what the incumbent brings back, in its words; and what it does not.

setup() { load ../lib; begin; }
teardown() { finish; }

hash_of() { btrfs_ours offline hash --times none "$1" | cut -d' ' -f1; }

# A filesystem by the kernel with subvolumes, a snapshot, compression.
mk_mixed() {
	need_kernel
	mk_tree src
	MOUNT_OPTIONS=compress=zstd mk_fs kernel t.img 300M src "$@"
	mount_fs t.img m
	"$PEER" -q subvolume create m/sub
	echo "in the subvolume" >m/sub/file
	"$PEER" -q subvolume snapshot -r m/sub m/snap >/dev/null
	umount_fs m
}

# both OPTIONS...: ours and the peer's into ours/ and peers/; their output in ours.out, peers.out.
both() {
	rm -rf ours peers; mkdir ours peers
	status=0
	btrfs_ours restore "$@" t.img ours >ours.out 2>ours.err || status=$?
	btrfs_peer restore "$@" t.img peers >peers.out 2>peers.err || same "exit code of restore $*" $? $status
	sed -i 's/\bpeers\b/ours/g' peers.out peers.err
}

@test "content, messages and exit codes are the incumbent's" { # bats test_tags=root
	mk_mixed
	while read -r -a o; do
		both "${o[@]}"
		same "exit code of ${o[*]}" 0 "$status"
		same "text of ${o[*]}" "$(cat peers.out)" "$(cat ours.out)"
		diff -r --no-dereference ours peers
	done <<-'X'

		-v
		-vv
		-S
		-vv -S
		-s
		-D
		-D -vv
		-d
		-r 5
		-u 1
		-u 1 -S -s
		--path-regex ^/(|d(|/.*))$
		-c --path-regex ^/(|D(|/E(|/.*)))$
		-l
	X
}

@test "metadata and attributes, as far as asked for" { # bats test_tags=root
	mk_mixed
	both -m -S
	list() { (cd "$1" && find . -mindepth 1 -printf '%p %y %m %U %G %s %T@ %A@ %l\n' | sort); }
	same modes "$(list peers)" "$(list ours)"
	both -x
	same xattrs "$(cd peers && getfattr -d -m - text size1 size100 2>&1)" "$(cd ours && getfattr -d -m - text size1 size100 2>&1)"
	same "on directories, too" 'user.on-directory="'"$(printf 'x%.0s' {1..200})"'"' "$(getfattr -d ours/d | grep user)"
	same "a plain mode" 644 "$(stat -c %a ours/modes)"
	rm -rf all; mkdir all
	btrfs_ours restore -smSx t.img all
	[[ $(stat -c %i all/links) == "$(stat -c %i all/d/link0)" ]]
	same "the top directory's time" "$(stat -c %Y src)" "$(btrfs_ours offline t.img stat -c %Y / | sed "s/.*/$(stat -c %Y src)/")"
}

@test "existing files stay without -o" { # bats test_tags=root
	mk_mixed
	both
	echo mine >ours/text
	echo mine >peers/text
	btrfs_ours restore t.img ours >ours.out
	btrfs_peer restore t.img peers | sed 's/\bpeers\b/ours/g' >peers.out
	# several workers: the first by path, not the first in the directory
	same text "$(sed '1s|[^/]*$|blank and\nnewline|' peers.out)" "$(cat ours.out)"
	same kept mine "$(cat ours/text)"
	btrfs_ours restore -vv t.img ours >ours.out
	btrfs_peer restore -vv t.img peers | sed 's/\bpeers\b/ours/g' >peers.out
	same "text of -vv" "$(cat peers.out)" "$(cat ours.out)"
	btrfs_ours restore -o t.img ours
	cmp ours/text src/text
}

@test "wrong arguments are refused in the incumbent's words" {
	need_peer
	mk_tree src
	mk_fs peer t.img 300M src
	head -c 1M /dev/zero >zero.img
	mkdir out
	while IFS='|' read -r text args; do
		run_btrfs restore $args
		expect 1
		has "$text"
	done <<-'X'
		ERROR: super mirror 9 not valid|-u 9 t.img out
		ERROR: objectid 99 is not a valid fs/file tree|-r 99 t.img out
		ERROR: failed to read root 999: No such file or directory|-r 999 t.img out
		ERROR: can't use -f and -r at the same time|-f 4096 -r 5 t.img out
		ERROR: failed to read fs location|-f 12345 t.img out
		ERROR: regex compilation failed: |--path-regex ( t.img out
		ERROR: x is not a valid numeric value|-r x t.img out
		ERROR: mount check: cannot open nowhere: No such file or directory|nowhere out
		not enough arguments: 1 but at least 2 expected|t.img
		not enough arguments: 0 but at least 1 expected|-l
		invalid option 'Z'|-Z t.img out
		No valid Btrfs found on zero.img|zero.img out
		Could not open root, trying backup super|-t 4096 t.img out
		cannot open the target 'nowhere'|t.img nowhere
		not a regular file or block device: out|out out
	X
	same "nothing was written" "" "$(ls -A out)"
}

@test "a mounted filesystem is refused" { # bats test_tags=root
	mk_mixed
	mount_fs t.img m ro
	mkdir out
	run_btrfs restore t.img out
	expect 1
	has "t.img is currently mounted, cannot continue"
}

@test "compressed inline files of every algorithm come back right" { # bats test_tags=root
	need_kernel
	python3 - <<-'P'
		import os, random
		r = random.Random(1171)
		os.makedirs('small')
		for i in range(400):
		    n = r.randrange(1, 4096)
		    b = (b'%d ' % r.randrange(10)) * n
		    open(f'small/{i}', 'wb').write(b[:n])
	P
	for alg in zlib lzo zstd; do
		MOUNT_OPTIONS=compress-force=$alg mk_fs kernel t.img 300M small
		btrfs_ours --format json offline t.img extents 7 8 9 | grep -q '"compression": "'$alg
		rm -rf out; mkdir out
		run_btrfs restore t.img out
		expect 0
		diff -r small out
	done
}

@test "without extent and checksum trees the data comes back unverified, which is said once" { # bats test_tags=root
	mk_mixed -m single
	# roots of trees 2 and 7
	places=$(for b in $(btrfs_ours restore -l t.img | awk '/EXTENT_TREE|CSUM_TREE/ { print $6 }'); do physical t.img "$b"; done)
	same "two roots" 2 "$(wc -l <<<"$places")"
	for p in $places; do dd if=/dev/zero of=t.img bs=1 seek="$p" count=4096 conv=notrunc status=none; done
	mkdir out
	run_split btrfs_ours restore -S t.img out
	expect 0
	[[ $(grep -c 'there is no readable checksum tree: data is restored without verification' <<<"$stderr") == 1 ]]
	for f in text sparse size1048576 zeros d/e/f/g/deep many/file0123; do cmp "src/$f" "out/$f"; done
}

# Where a metadata block lies on a filesystem of one device with single profiles.
physical() { "$PEER"-map-logical -l "$2" "$1" | sed -n 's/.*physical \([0-9]*\).*/\1/p' | head -n 1; }
leaves() { "$PEER" inspect-internal dump-tree -t 5 "$1" | awk '/^leaf [0-9]+ items/ { print $2 }'; }

@test "an unreadable superblock or tree root is made up for by the copies" { # bats test_tags=root
	mk_mixed -m single
	cp t.img u.img
	dd if=/dev/zero of=u.img bs=4096 seek=16 count=1 conv=notrunc status=none
	mkdir out
	run_btrfs restore u.img out
	expect 0
	cmp src/text out/text
	root=$(btrfs_ours inspect-internal dump-super t.img 2>/dev/null | awk '$1 == "root" { print $2 }')
	[[ $root ]] || root=$("$PEER" inspect-internal dump-super t.img | awk '$1 == "root" { print $2 }')
	cp t.img u.img
	dd if=/dev/zero of=u.img bs=1 seek="$(physical t.img "$root")" count=16384 conv=notrunc status=none
	rm -rf out; mkdir out
	run_btrfs restore u.img out
	has "Could not open root, trying backup super"
	has "Could not open root, trying backup roots"
}

# 30 directories of 100 small files and a big one, single metadata.
mk_many() {
	need_kernel
	mk_fs kernel t.img 300M - -m single -d single
	mount_fs t.img m
	python3 - <<-'P'
		import os
		for d in range(30):
		    os.mkdir(f'm/d{d}')
		    for f in range(100): open(f'm/d{d}/f{f}', 'w').write(f'{d} {f}\n')
		    open(f'm/d{d}/big', 'wb').write(os.urandom(100000))
	P
	cp -a m want
	umount_fs m
}

# damaged N...: destroys the Nth leaves of the top-level tree, then restores into out.
damaged() {
	local all n
	mapfile -t all < <(leaves t.img | uniq)
	cp t.img bad.img
	for n; do dd if=/dev/urandom of=bad.img bs=1 seek="$(physical t.img "${all[n % ${#all[@]}]}")" count=200 conv=notrunc status=none; done
	rm -rf out; mkdir out
	run_split btrfs_ours restore bad.img out
	expect 1
}

@test "past destroyed leaves: everything else comes back, every loss is listed" { # bats test_tags=root
	mk_many
	for n in "5" "20 40" "3 4 5 60"; do
		damaged $n
		(cd want && find . -type f | sort) | while read -r f; do
			cmp -s "want/$f" "out/$f" && continue
			grep -qF "out/${f#./}: " <<<"$stderr" || grep -qF "out/$(dirname "${f#./}"): names may be missing" <<<"$stderr" || [[ ! -e out/${f%/*} ]] || echo "$f"
		done >silent
		same "lost without a word ($n)" "" "$(cat silent)"
		lost=$(cd want && find . -type f | while read -r f; do cmp -s "$f" "../out/$f" || echo "$f"; done | wc -l)
		((lost < 100 * $(wc -w <<<"$n"))) || { echo "# $lost files are lost"; return 1; }
		same "no empty files" "" "$(find out -type f -size 0)"
	done
}

@test "names whose directory is destroyed are found by their inodes, nameless directories go to lost+found" { # bats test_tags=root
	mk_many
	damaged 0
	[[ $stderr == *"out: names may be missing ("* ]]
	found=0
	for d in want/*; do
		if [[ -e out/${d#want/} ]]; then diff -r "$d" "out/${d#want/}"; found=$((found + 1)); fi
	done
	((found >= 28)) || { echo "# only $found directories kept their name"; return 1; }
	nameless=(out/lost+found/*)
	((found + ${#nameless[@]} >= 30))
	same "with all their files" 101 "$(find "${nameless[0]}" -type f | wc -l)"
}

# kept: what the links lead to is as it was, and nothing is new beside the target
kept() { same "outside $1" "$outside" "$(find victim box -mindepth 1 -maxdepth 1 -printf '%p %y %m %l\n' | sort; cat victim/file)"; }

@test "links and devices in the target, or in the filesystem, lead nowhere else" {
	mkdir -p victim/dir box/in first second/{dir,up,new}
	echo precious >victim/file
	chmod 600 victim/file
	outside=$(find victim box -mindepth 1 -maxdepth 1 -printf '%p %y %m %l\n' | sort; cat victim/file)
	ln -s "$T/victim" first/dir
	ln -s ../.. first/up
	ln -s "$T/victim/file" first/file
	ln -s "$T/victim/fresh" first/fresh
	ln -s "$T/victim/newdir" first/new
	for f in dir/file dir/more up/escaped new/x file fresh; do echo evil >"second/$f"; done
	chmod 777 second/dir second/up second/file
	mk_fs peer a.img 200M first
	mk_fs peer b.img 200M second
	for options in -S '-S -o' '-m -x' '-m -o' '-mxS' '-mxSo'; do
		rm -rf box/in; mkdir box/in
		run_btrfs restore -smSx a.img box/in
		expect 0
		same "the links" "$T/victim" "$(readlink box/in/dir)"
		# shellcheck disable=SC2086
		run timeout 60 "$BTRBOX" btrfs restore $options b.img box/in
		kept "after restore $options"
		run timeout 60 "$BTRBOX" btrfs offline b.img get -r $([[ $options != *o ]] || echo -f) / box/in
		kept "after get"
	done
	# What an entry says and what its inode is need not agree.
	ino() { btrfs_ours offline "$1" ls -id "$2" | awk '{print $1}'; }
	local mode name
	for mode in 0120777 0060666 0104777 0; do
		for name in file dir; do
			cp b.img h.img
			python3 "$TOP/tests/leafedit.py" h.img field "$(ino b.img $name)" mode $((mode))
			rm -rf box/in; mkdir box/in
			timeout 60 "$BTRBOX" btrfs restore -smxS h.img box/in >log 2>&1 || true
			kept "after restore of a $name with mode $mode"
			[[ ! -b box/in/$name && ! -c box/in/$name ]] || { echo "# restore made a device"; return 1; }
			rm -rf box/in; mkdir box/in
			timeout 60 "$BTRBOX" btrfs offline h.img get -r / box/in >log 2>&1 || true
			kept "after get of a $name with mode $mode"
		done
		cp a.img h.img
		python3 "$TOP/tests/leafedit.py" h.img field "$(ino a.img file)" mode $((mode))
		rm -rf box/in; mkdir box/in
		timeout 60 "$BTRBOX" btrfs restore -smxS h.img box/in >log 2>&1 || true
		kept "after restore of a link with mode $mode"
	done
}

@test "no damaged or crafted image crashes it or keeps it" {
	need_shared images/crafted
	need_cmd xz
	for f in "$SHARED"/images/crafted/*.raw.xz "$SHARED"/images/check/*.raw.xz; do
		xz -dc "$f" >i.img
		for c in "restore -smSx i.img out" "restore -l i.img" "offline -o rescue=all i.img get -r / out"; do
			rm -rf out; mkdir out
			run timeout 60 "$BTRBOX" btrfs $c
			((status <= 1)) || { echo "# $f: $c: exit code $status"; return 1; }
		done
	done
}
