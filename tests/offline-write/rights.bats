#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=offline
# What the attributes of an inode forbid, and what a change takes away from it: as the kernel has it for root.

setup() { load ../lib; begin; }
teardown() { [[ -d m ]] && chattr -R -i -a m 2>/dev/null; finish; }

# both COMMAND...: in the mount by the system's tools, in t.img by ours; notes "0 COMMAND" or "1 COMMAND" for each in theirs and ours.
both() {
	local rc=0
	(cd m && "$@") >/dev/null 2>&1 || rc=1
	echo "$rc $*" >>theirs
	rc=0
	run_btrfs offline t.img "$@"
	((status == 0)) || rc=1
	echo "$rc $*" >>ours
}

# The tree as the kernel shows it, times apart.
shown() { manifest "$1" | sed -E 's/ [0-9]{15,20}( |$)/\1/g'; }

both_write() { # FILE: bytes into a file; the shell's redirection is no command
	(printf 'x\n' >"m/$1") 2>/dev/null && echo "0 write $1" >>theirs || echo "1 write $1" >>theirs
	run_btrfs offline t.img write "$1" x && ((status == 0)) && echo "0 write $1" >>ours || echo "1 write $1" >>ours
}
both_append() {
	(printf 'x\n' >>"m/$1") 2>/dev/null && echo "0 append $1" >>theirs || echo "1 append $1" >>theirs
	run_btrfs offline t.img write -a "$1" x && ((status == 0)) && echo "0 append $1" >>ours || echo "1 append $1" >>ours
}

begin_both() {
	need_kernel
	need_cmd chattr setfattr setfacl fallocate
	mk_fs peer t.img 512M -
	mk_fs peer k.img 512M -
	mount_fs k.img m
}

end_both() {
	diff -u theirs ours
	umount_fs m
	mount_fs k.img m
	mount_fs t.img o
	shown m >m.txt
	shown o >o.txt
	diff -u m.txt o.txt
	chattr -R -i -a m o 2>/dev/null || true
	umount_fs m
	umount_fs o
	judge_peer t.img
	judge_reader t.img
}

# bats test_tags=root
@test "immutable and append-only files and directories refuse root what the kernel refuses" {
	begin_both
	local flag f
	for flag in i a; do
		both mkdir "$flag" "$flag/d" "$flag/d/sub" "$flag/out"
		for f in f g d/x d/y out/n; do both_write "$flag/$f"; done
		both ln "$flag/f" "$flag/link"
		both setfattr -n user.a -v 1 "$flag/f"
		both chattr "+$flag" "$flag/f" "$flag/d"
		both_write "$flag/f"
		both_append "$flag/f"
		both_append "$flag/link"
		both truncate -s 0 "$flag/f"
		both truncate -s 100 "$flag/f"
		# not on append-only files: there the tool of the system does not come as far as the kernel, as it does not open them for appending
		[[ $flag == a ]] || both fallocate -o 0 -l 8192 "$flag/f"
		both fallocate -z -o 0 -l 4096 "$flag/f"
		both chmod 600 "$flag/f"
		both chown 5:5 "$flag/f"
		both touch "$flag/f"
		both touch -d @1000 "$flag/f"
		both touch -a "$flag/f"
		both setfattr -n user.b -v 2 "$flag/f"
		both setfattr -x user.a "$flag/f"
		both setfacl -m u:5:r "$flag/f"
		both ln "$flag/f" "$flag/another"
		both mv "$flag/f" "$flag/moved"
		both mv "$flag/g" "$flag/f"
		both mv "$flag/out/n" "$flag/d/n"
		both mv "$flag/d/x" "$flag/out/x"
		both mv "$flag/d/x" "$flag/d/z"
		both rm -f "$flag/f"
		both rm -f "$flag/link"
		both rm -f "$flag/d/y"
		both rmdir "$flag/d/sub"
		both mkdir "$flag/d/new"
		both mkdir "$flag/d/sub/below"
		both_write "$flag/d/created"
		both_append "$flag/d/x"
		both ln -s to "$flag/d/symlink"
		both mkfifo "$flag/d/fifo"
		both chmod 700 "$flag/d"
		both chown 6 "$flag/d"
		both touch -d @2000 "$flag/d"
		both setfattr -n user.c -v 3 "$flag/d"
		both mv "$flag/d" "$flag/e"
		both rm -rf "$flag/d"
		both chattr +A "$flag/f"
		both chattr +c "$flag/d"
	done
	grep -q '^1 ' ours
	end_both
}

# bats test_tags=root
@test "file capabilities go with new content, another size or another owner, and stay with the rest" {
	begin_both
	local f
	for f in write append truncate same grow punch zero alloc chown chgrp chmod acl xattr link move cp over touch dir reflink; do
		if [[ $f == dir ]]; then both mkdir dir; else both_write $f; fi
		both truncate -s 20000 $f
		both chmod 6755 $f
		both setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 $f
	done
	both_write write
	both_append append
	both truncate -s 100 truncate
	both truncate -s 20000 same
	both truncate -s 30000 grow
	both fallocate -n -p -o 0 -l 4096 punch
	both fallocate -z -o 0 -l 4096 zero
	both fallocate -o 40000 -l 4096 alloc
	both chown 5 chown
	both chown :5 chgrp
	both chmod 711 chmod
	both setfacl -m u:5:r acl
	both setfattr -n user.a -v 1 xattr
	both ln link other
	both mv move moved
	both cp cp copy
	both cp -a cp archive
	both cp --preserve=xattr cp attributes
	both cp -p cp preserved
	both cp chmod over
	both touch touch
	both chown 5:5 dir
	both cp --reflink=always cp reflink
	grep -q '^0 chown 5 chown' ours
	end_both
	run_btrfs offline t.img compress -c zstd touch
	run_btrfs offline t.img getfattr -m - touch
	has security.capability
}

@test "a script line with a NUL byte is refused, not cut short" {
	mk_fs peer t.img 512M -
	printf "write a 1\nwrite 'b\0c' 2\nwrite d 3\n" >script
	run_btrfs offline -f script t.img
	expect 1
	has "script: line 2 failed"
	has "NUL"
	same "made" a "$(btrfs_ours offline t.img ls)"
	run_btrfs offline --atomic -f script t.img
	expect 1
	same "made" a "$(btrfs_ours offline t.img ls)"
}

# bats test_tags=root
@test "flags and the compression property follow one another" {
	begin_both
	local n=0 init op
	for init in '' 'zstd:5' 'no' '+C' '+m'; do
		for op in '+A' '-m' '+c' '+C' '+m'; do
			both touch f$((++n))
			case $init in
			'') ;;
			[+]*) both chattr $init f$n ;;
			*) both setfattr -n btrfs.compression -v $init f$n ;;
			esac
			both chattr $op f$n
		done
	done
	# a subvolume takes the property of the one above, and the flag with it
	both mkdir d
	both setfattr -n btrfs.compression -v lzo . d
	(cd m && "$PEER" -q subvolume create d/s && touch d/s/f)
	run_btrfs offline t.img subvolume create d/s
	expect 0
	both touch d/s/f
	lsattr -R m | sed 's:m/::' | sort >flags.m
	for f in d d/s d/s/f f6 f11; do btrfs_ours offline t.img lsattr -d $f | cut -d' ' -f1; lsattr -d m/$f | cut -d' ' -f1; done | uniq -c | awk '$1 % 2' >odd
	[[ ! -s odd ]]
	end_both
	mount_fs t.img o
	same "flags" "$(cat flags.m)" "$(lsattr -R o | sed 's:o/::' | sort)"
	umount_fs o
}

@test "a seed is not written to" {
	mk_fs peer seed.img 512M -
	run_btrfs offline seed.img write a text
	expect 0
	"$BTRBOX" btrfstune -S 1 seed.img
	cp seed.img before.img
	for line in "offline seed.img write b text" "subvolume create seed.img:/s"; do
		run_btrfs $line
		expect 1
		has "is a seed"
	done
	cmp seed.img before.img
	run_btrfs offline seed.img cat a
	expect 0
	has text
	"$BTRBOX" btrfstune -f -S 0 seed.img
	run_btrfs offline seed.img write b text
	expect 0
}
