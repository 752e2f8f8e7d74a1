# SPDX-License-Identifier: GPL-2.0-or-later
# The offline shell itself: one command, script, standard input, options.

setup() { load ../lib; begin; need_peer; mk_tree src; mk_fs peer t.img 300M src; }
teardown() { finish; }

@test "a script runs line by line in one session" {
	printf 'cd d/e\npwd\n\n# comment\ncd ..//./e/f\npwd\ncat g/deep\ncd\npwd\nls "size1" '"'size0'"' text\n' >script
	run_btrfs offline -f script t.img
	expect 0
	same output $'/d/e\n/d/e/f\ndeep/\nsize0\nsize1\ntext' "$output"
	run_btrfs offline t.img -f script
	expect 0
	same "behind the device" $'/d/e\n/d/e/f\ndeep/\nsize0\nsize1\ntext' "$output"
	run bash -c "printf 'cd d\npwd\nquit\npwd\n' | '$BTRBOX' btrfs offline t.img"
	expect 0
	same quit /d "$output"
	run bash -c "printf 'cat d/e/f/g/deep\n' | '$BTRBOX' btrfs offline -f - t.img"
	expect 0
	same stdin deep "$output"
}

@test "a script ends at the first line that fails and says which" {
	printf 'pwd\n\ncat nowhere\npwd\n' >script
	run_split btrfs_ours offline -f script t.img
	expect 1
	same output / "$output"
	[[ $stderr == *"cat: cannot access 'nowhere': No such file or directory"* ]]
	[[ $stderr == *"script: line 3 failed, the rest is not run: cat nowhere"* ]]
	printf 'ls "open\n' >script
	run_btrfs offline -f script t.img
	expect 1
	has "a quote is not closed"
	run_btrfs offline -f nowhere t.img
	expect 1
	has "cannot open 'nowhere': No such file or directory"
}

@test "host commands, lcd and get work from a script" {
	mkdir there
	printf 'lcd there\nget text\n!cmp text ../src/text && echo same\n' >script
	run_btrfs offline -f script t.img
	expect 0
	same output same "$output"
	cmp there/text src/text
}

@test "help lists verbs and groups and describes one" {
	run_btrfs offline t.img help
	expect 0
	for w in cat cd checksum df du extents find get getfattr hash help lcd ls lsattr pwd quit readlink stat tree; do has "  $w "; done
	same "?" "$output" "$(btrfs_ours offline t.img '?')"
	run_btrfs offline t.img help ls
	expect 0
	has "usage: ls [OPTION]... [FILE]..."
	has "-R|--recursive"
	run_btrfs offline t.img find --help
	expect 0
	has "-maxdepth N"
	run_btrfs offline t.img nosuch
	expect 1
	has "unknown command 'nosuch', try 'help'"
	run_btrfs offline t.img ls -Z
	expect 1
	has "invalid option 'Z'"
}

@test "a btrfs group runs with the device left out" {
	btrfs_ours filesystem --help 2>/dev/null | grep -q 'filesystem df' || skip "needs filesystem df"
	same df "$(btrfs_ours filesystem df t.img)" "$(btrfs_ours offline t.img filesystem df /)"
	same abbreviated "$(btrfs_ours filesystem df t.img)" "$(btrfs_ours offline t.img fi df /)"
}

@test "mount options: subvolumes are entered, unknown ones refused by name" { # bats test_tags=root
	need_kernel
	mount_fs t.img m
	"$PEER" -q subvolume create m/d/sub
	echo inside >m/d/sub/file
	id=$("$PEER" inspect-internal rootid m/d/sub)
	umount_fs m
	same path inside "$(btrfs_ours offline -o subvol=d/sub t.img cat /file)"
	same "behind the device" inside "$(btrfs_ours offline t.img -o "ro,subvolid=$id" cat file)"
	same "the root is the subvolume" file "$(btrfs_ours offline -o subvol=d/sub t.img ls ../../..)"
	same rescue inside "$(btrfs_ours offline -o ro,rescue=nologreplay:ibadroots:ignoredatacsums -o usebackuproot t.img cat d/sub/file)"
	for o in nosuch compress=zst compress=zstd:99 rescue=nosuch subvolid=x subvolid=999 subvol=nowhere subvol=d; do
		run_btrfs offline -o "$o" t.img ls
		expect 1
		o=${o#*=}
		has "${o#*:}"
	done
}

@test "what is no filesystem is refused" {
	head -c 1M /dev/zero >zero.img
	run_btrfs offline zero.img ls
	expect 1
	has "zero.img"
	run_btrfs offline nowhere ls
	expect 1
	has "cannot access 'nowhere': No such file or directory"
	run_btrfs offline src ls
	expect 1
	run_btrfs offline
	expect 1
	run_btrfs offline t.img:/d ls
	expect 1
	has "a device is expected"
}

@test "a mounted filesystem is refused without --force" { # bats test_tags=root
	need_kernel
	mount_fs t.img m ro
	run_btrfs offline t.img ls
	expect 1
	has "t.img is in use"
	run_btrfs offline --force t.img cat d/e/f/g/deep
	expect 0
	has deep
}
