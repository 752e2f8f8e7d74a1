#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The verbs of `btrfs offline` that change something: against the same commands in a kernel mount, their messages, transactions, the way back.

setup() { load ../lib; begin; need_peer; mk_fs peer o.img 300M -; cp --sparse=always o.img t.img; }
teardown() { finish; }

off() { run_btrfs offline "$@"; }
ok() { off "$@"; expect 0; }
digest() { btrfs_ours offline hash --times none "$1" | cut -d' ' -f1; }

# bats test_tags=root
@test "a random sequence of verbs gives the same tree as the same commands in a mount" {
	need_kernel
	need_cmd setfacl setfattr chattr fallocate
	mk_fs peer a.img 1G -
	mk_fs peer k.img 1G -
	mount_fs k.img m
	run python3 "$TOP/tests/offline-write/verbs_random.py" "$BTRBOX" a.img "$T/m" 3 "$(full && echo 3000 || echo 120)" 60
	umount_fs m
	expect 0
	has " steps, "
	judge_peer a.img
	judge_reader a.img
}

@test "put -r and get -r bring back the same tree, hash for hash" {
	mk_tree src
	mkdir back
	ok t.img put -r src /a
	ok -o compress=zstd t.img put -r src/. /b
	ok t.img get -r a back
	same "put" "$(digest src)" "$(digest t.img:/a)"
	same "contents of" "$(digest src)" "$(digest t.img:/b)"
	same "and back" "$(digest src)" "$(digest back/a)"
	same "times" "$(btrfs_ours offline hash --times mtime src | cut -d' ' -f1)" "$(btrfs_ours offline hash --times mtime t.img:/a | cut -d' ' -f1)"
	judge_peer t.img
	judge_reader t.img
	off t.img put -r src/text /a
	expect 1
	has "cannot replace what exists with 'src/text': File exists"
	has "1 files exist already"
	ok t.img put -f -m 600 -o 7:8 src/text /a
	same "mode and owner" "-rw------- 7 8" "$(btrfs_ours offline t.img stat -c '%A %u %g' a/text)"
	run bash -c "echo from a pipe | '$BTRBOX' btrfs offline t.img put -D - /new/dir/file"
	expect 0
	same "standard input" "from a pipe" "$(btrfs_ours offline t.img cat /new/dir/file)"
	off t.img put nowhere src /x
	expect 1
	has "put: target '/x': No such file or directory"
	off t.img put src /x
	expect 1
	has "-r not specified; omitting directory 'src'"
}

@test "what has been put and removed leaves nothing behind" {
	mk_tree src
	ok t.img mkdir d
	before=$(btrfs_ours filesystem usage -b t.img | grep -m1 Used)
	ok t.img put -r src d
	ok t.img rm -r d/src
	same "bytes in use" "$before" "$(btrfs_ours filesystem usage -b t.img | grep -m1 Used)"
	! "$PEER" inspect-internal dump-tree -t 7 t.img | grep 'EXTENT_CSUM EXTENT_CSUM'
	judge_peer t.img
}

@test "messages are those of coreutils, and an operand that fails keeps none of the others from being done" {
	ok t.img mkdir d d/e
	check() { local want=$1; shift; off t.img "$@"; expect 1; has "$want"; }
	check "mkdir: cannot create directory 'd': File exists" mkdir d new
	check "mkdir: cannot create directory 'x/y': No such file or directory" mkdir x/y
	check "rmdir: failed to remove 'd': Directory not empty" rmdir d
	check "rm: cannot remove 'd': Is a directory" rm d
	check "rm: cannot remove 'nowhere': No such file or directory" rm nowhere
	check "refusing to remove '.' or '..' directory: skipping 'd/..'" rm -r d/..
	check "it is dangerous to operate on the top directory" rm -r /
	check "cannot move 'd' to a subdirectory of itself, 'd/e/d'" mv d d/e
	check "cp: -r not specified; omitting directory 'd'" cp d x
	check "cp: cannot copy a directory, 'd', into itself, 'd/e/d'" cp -r d d/e
	check "ln: d: hard link not allowed for directory" ln d l
	check "chmod: invalid mode: 'u+q'" chmod u+q d
	check "chown: invalid user: 'nobody-of-that-name'" chown nobody-of-that-name d
	check "touch: invalid date format 'when it rains'" touch -d 'when it rains' d
	check "truncate: Invalid number: '5X'" truncate -s 5X f
	check "mknod: invalid device type 'z'" mknod n z
	check "setfattr: d: Operation not supported" setfattr -n other.x -v 1 d
	check "setfattr: d: No such attribute" setfattr -x user.none d
	check "setfacl: Invalid ACL entry: 'u:nobody-of-that-name:r'" setfacl -m u:nobody-of-that-name:r d
	check "setfacl: d/f: Only directories can have default ACLs" setfacl -m d:u:1:r d/f || true
	check "chattr: can't both set and unset the same flag" chattr +d -d d
	off t.img ls
	has new
	ok t.img rm -f nowhere
	for name in '' . .. ../.. / "$(printf 'x%.0s' {1..256})" "a//../"; do
		off t.img mkdir "$name"
		expect 1
	done
	ok t.img mkdir "$(printf 'x%.0s' {1..255})"
	judge_peer t.img
}

@test "looking needs no permission to write and writes nothing; changing asks for it" {
	[[ $(id -u) == 0 ]] || skip "needs root to become somebody"
	need_cmd setpriv
	chmod 755 "$T"
	chmod 444 t.img
	someone() { run setpriv --reuid 65534 --regid 65534 --clear-groups "$BTRBOX" btrfs offline "$@"; }
	someone t.img ls
	expect 0
	someone t.img mkdir d
	expect 1
	has "cannot open t.img for writing: Permission denied"
	someone --dry-run t.img mkdir -v d
	expect 0
	has "created directory 'd'"
	has "nothing was written"
	off -o ro t.img mkdir d
	expect 1
	has "read-only"
	off -o usebackuproot t.img mkdir d
	expect 1
	has "are for looking"
	cmp t.img o.img
}

# bats test_tags=root
@test "what is mounted, locked or open for writing elsewhere is refused by name; what is mounted meanwhile is noticed" {
	need_kernel
	mount_fs t.img m
	off t.img mkdir d
	expect 1
	has "is mounted at $T/m"
	off --dry-run t.img mkdir d
	expect 1
	has "is mounted at $T/m"
	umount_fs m
	exec 8<>t.img
	off t.img mkdir d
	expect 1
	has "has it open for writing"
	exec 8>&-
	ok t.img mkdir first
	printf 'mkdir second\n!losetup -f --show %s >loop; mount "$(cat loop)" m; touch m/theirs; umount m; losetup -d "$(cat loop)"\nmkdir third\n' "$T/t.img" >script
	off -f script t.img
	expect 1
	has "has been changed by somebody else meanwhile"
	same "theirs is kept" $'first\nsecond\ntheirs' "$(btrfs_ours offline t.img ls)"
	judge_peer t.img
}

@test "a line is a transaction; begin, commit and abort make one of several" {
	printf 'mkdir a\nbegin\nmkdir b\nls\nabort\nls\nbegin\nmkdir c\ncommit\nbegin\nmkdir d\n' >script
	off -f script t.img
	expect 0
	same "as it goes" $'a\nb\na\nWARNING: the batch was not committed: nothing of it is kept' "$output"
	same "in the end" $'a\nc' "$(btrfs_ours offline t.img ls)"
	printf 'commit\n' >script
	off -f script t.img
	expect 1
	has "there is no batch"
	printf 'begin\nbegin\n' >script
	off -f script t.img
	expect 1
	has "a batch is open"
	judge_peer t.img
}

@test "an --atomic script that fails leaves every byte; one that does not is one transaction" {
	head -c 3M /dev/urandom >data
	printf 'mkdir a\nput data a\nrm -r a\nput data b\nmv nowhere x\nmkdir never\n' >script
	off --atomic -f script t.img
	expect 1
	has "line 5 failed"
	cmp t.img o.img
	sed -i /nowhere/d script
	gen() { "$PEER" inspect-internal dump-super t.img | awk '$1 == "generation" { print $2 }'; }
	before=$(gen)
	ok --atomic -f script t.img
	same generations $((before + 1)) "$(gen)"
	same names $'b\nnever' "$(btrfs_ours offline t.img ls)"
	btrfs_ours offline t.img cat b | cmp - data
	judge_peer t.img
	judge_reader t.img
}

@test "rescue undo gives back every byte, once, and only of what has not changed since" {
	mk_tree src
	ok t.img put -r src /a
	cp --sparse=always t.img before.img
	printf 'rm -r a/d\nput -r src /b\ntruncate -s 1G a/text\nmv a/many c\n' >script
	ok --undo u -f script t.img
	! cmp -s t.img before.img
	cp --sparse=always t.img after.img
	run_btrfs rescue undo u t.img
	expect 0
	cmp t.img before.img
	run_btrfs rescue undo u t.img
	expect 1
	has "has been used"
	ok --undo u2 t.img mkdir x
	ok t.img mkdir y
	run_btrfs rescue undo u2 t.img
	expect 1
	has "has been changed since"
	off --undo u2 t.img mkdir z
	expect 1
	has "cannot make the undo file u2"
	off --undo u3 t.img mkdir nowhere/z
	expect 1
	[[ ! -e u3 ]]
	run_btrfs rescue undo u2 before.img
	expect 1
}

@test "--dry-run tells what would be done and writes none" {
	mk_tree src
	printf 'mkdir a\nput -r src a\ncp -r a b\nls\nrm -r a\n' >script
	off --dry-run -f script t.img
	expect 0
	has "created directory 'a'"
	has "'a/src/text' -> 'b/src/text'"
	has "removed directory 'a'"
	has "Dry run: nothing was written"
	cmp t.img o.img
	off t.img mkdir --dry-run x
	expect 0
	cmp t.img o.img
	run_btrfs rescue zero-log --dry-run t.img
	expect 0
	has "Clearing log on t.img, previous log_root 0, level 0"
	cmp t.img o.img
}

@test "a full filesystem ends a line with an error and is as before it; removing makes room again" {
	head -c 40M /dev/urandom >big
	mk_fs peer f.img 200M - -m single
	ok f.img put big /one
	before=$(digest f.img:/)
	off f.img put big /two
	while [[ $status == 0 ]]; do before=$(digest f.img:/); off f.img put big "/two$((++n))"; done
	expect 1
	has "space"
	same "as before" "$before" "$(digest f.img:/)"
	for line in "write one text" "cp --reflink=never one x" "mkdir -p a/b" "compress one" "touch t"; do
		run_btrfs offline f.img $line
		[[ $status == 0 ]] || same "$line" "$before" "$(digest f.img:/)"
		before=$(digest f.img:/)
	done
	judge_peer f.img
	ok f.img rm -r one
	ok f.img put big /again
	btrfs_ours offline f.img cat again | cmp - big
	judge_peer f.img
	judge_reader f.img
}

@test "killed or failing at any write, a line has happened or has not" {
	need_cmd strace
	head -c 200K /dev/urandom >data
	ok t.img put data /a
	printf 'begin\nput data b\nmkdir -p c/d\nmv a c/d\nchmod 600 b\ncommit\n' >script
	cp --sparse=always t.img o.img
	ok -f script t.img
	before=$(digest o.img:/) after=$(digest t.img:/)
	for how in error=EIO signal=KILL signal=INT; do
		for ((k = 1; k < 99; k += 3)); do
			cp --sparse=always o.img x.img
			ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 strace -f -qq -o trace -e trace=pwrite64,pwritev -e "inject=pwrite64,pwritev:$how:when=$k" "$BTRBOX" btrfs offline --jobs 1 -f script x.img >out 2>&1 || true
			now=$(digest x.img:/)
			[[ $now == "$before" || $now == "$after" ]] || { echo "$how at write $k"; cat out; return 1; }
			grep -q 'INJECTED\|killed\|SIG' trace || break
		done
		((k > 3))
		same "$how: the last one is whole" "$after" "$now"
	done
	judge_peer x.img
}

@test "compress packs and unpacks, dedupe shares, and neither changes content or times" {
	yes 'a line of text' | head -c 2M >text
	head -c 1M /dev/urandom >noise
	cp noise noise2
	ok t.img put text noise noise2 /
	was=$(btrfs_ours offline hash --times mtime t.img:/)
	ok t.img compress -v -c zstd text
	has "1 files: 2097152 -> "
	(($(sed -n 's/.*-> \([0-9]*\) bytes/\1/p' <<<"$output") < 100000))
	ok t.img dedupe noise noise2
	has "2 files with 2097152 bytes: 1048576 bytes shared in 8 ranges"
	ok t.img dedupe noise noise2
	has " 0 bytes shared"
	same "content and times" "$was" "$(btrfs_ours offline hash --times mtime t.img:/)"
	ok t.img compress -c none text
	same "unpacked" "$was" "$(btrfs_ours offline hash --times mtime t.img:/)"
	judge_peer t.img
	judge_reader t.img
}

@test "sizes, links and attributes up to the limit" {
	ok t.img truncate -s 9223372036854775807 huge
	ok t.img write -o 9223372036854775800 -n huge 1234567
	same size 9223372036854775807 "$(btrfs_ours offline t.img stat -c %s huge)"
	off t.img write -o 9223372036854775800 -n huge 12345678
	expect 1
	off t.img truncate -s +1 huge
	expect 1
	ok t.img touch f
	ok t.img setfattr -n "user.$(printf 'n%.0s' {1..250})" -v "$(printf 'v%.0s' {1..15000})" f
	off t.img setfattr -n "user.$(printf 'n%.0s' {1..251})" -v 1 f
	expect 1
	off t.img setfattr -n user.x -v "$(printf 'v%.0s' {1..16300})" f
	expect 1
	has "f: "
	ok t.img ln -s "$(printf 't%.0s' {1..4095})" link
	off t.img ln -s "$(printf 't%.0s' {1..4096})" link2
	expect 1
	judge_peer t.img
	judge_reader t.img
}

@test "every verb has its help and its place in the manual page" {
	"$BTRBOX" --man btrfs-offline "$TOP/Documentation/man/btrfs-offline.md" >page
	for v in abort begin chattr chmod chown commit compress cp dedupe fallocate ln mkdir mkfifo mknod mv punch put rm rmdir setfacl setfattr touch truncate write; do
		ok t.img help $v
		has "usage: $v"
		grep -q "^.\\\\fB$v\|^\\\\fB$v" page
		off t.img help
		has "  $v "
	done
}

@test "what an operation costs grows with the height of the trees, not with the filesystem" {
	"$(dirname "$(readlink -f "$BTRBOX")")/offline-write/cost" t.img 300 1 20 >table
	(($(grep -c ' / ' table) == 21))
	awk -F'[/ ]+' '/^(blocks|level|write 1 MiB)/ { next } { for (i = NF - 3; i < NF; i += 2) if ($i > 40 || $(i + 1) > 80) { print; bad = 1 } } END { exit bad }' table
	judge_peer t.img
}

@test "put gives the same image with one job and with three, twice, and under fakeroot" {
	mkdir -p src/d
	for i in $(seq 60); do head -c $((i * 3000)) /dev/urandom >"src/d/f$i"; done
	ln src/d/f1 src/hard
	export SOURCE_DATE_EPOCH=1700000000
	sum() { cp --sparse=always o.img x.img; ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0 "$@" btrfs offline --seed 7 --jobs $((++n % 3 + 1)) -o compress=zstd x.img put -o 0:0 -r src /a && sha256sum <x.img; }
	first=$(sum "$BTRBOX")
	same second "$first" "$(n=1; sum "$BTRBOX")"
	same third "$first" "$(n=4; sum "$BTRBOX")"
	command -v fakeroot >/dev/null || return 0
	same fakeroot "$first" "$(n=7; sum fakeroot "$BTRBOX")"
}

# bats test_tags=root
@test "files that share their data in the running system share it where put brings them" {
	need_kernel
	mk_fs peer k.img 300M -
	mount_fs k.img m
	head -c 8M /dev/urandom >m/one
	cp --reflink=always m/one m/two
	cp --reflink=never m/one m/three
	cp --reflink=always m/one m/four
	printf changed | dd of=m/four bs=1 seek=1000000 conv=notrunc status=none
	sync -f m
	ok t.img put -r m /m
	for f in one two three four; do btrfs_ours offline t.img cat m/$f | cmp - m/$f; done
	same hash "$(btrfs_ours offline hash --times mtime m | cut -d' ' -f1)" "$(btrfs_ours offline hash --times mtime t.img:/m | cut -d' ' -f1)"
	umount_fs m
	stored=$("$PEER" inspect-internal dump-tree -t 2 t.img | awk '/EXTENT_ITEM/ && $5 != "METADATA_ITEM" { gsub(")", "", $6); n += $6 } END { print n }')
	((stored > 23 << 20 && stored < 26 << 20)) || { echo "stored $stored"; return 1; }
	judge_peer t.img
	judge_reader t.img
}
