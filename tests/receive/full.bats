# SPDX-License-Identifier: GPL-2.0-or-later
# A full filesystem ends a receive at whatever command it comes: with the command and its place, nothing marked as received, nothing half made left behind.

setup() { load ../lib; load streams.bash; begin; }
teardown() { mountpoint -q "$T/dir" && umount "$T/dir"; finish; }

# Makes the streams: one large file, many small ones, many directories.
big_streams() {
	mkdir -p src/data src/files src/dirs
	head -c 130M /dev/urandom >src/data/f
	python3 - <<-'P'
	import os
	b = os.urandom(4000)
	for n in range(30000):
	    with open('src/files/%0200d' % n, 'wb') as f: f.write(b[n % 2000:][:1900])
	for n in range(30000):
	    os.mkdir('src/dirs/%0240d' % n); os.symlink('y' * 1000, 'src/dirs/%0240d/l' % n)
	P
	mk_fs ours src.img 1G src -m single --subvol ro:data --subvol ro:files --subvol ro:dirs
	rm -rf src
	local s
	for s in data files dirs; do btrfs_ours send -q -f $s src.img:/$s; done
	rm src.img
}

# The failure names its place in the stream.
said_full() {
	expect 1
	[[ $output =~ No\ space\ left\ on\ device\ \(stream\ offset\ [0-9]+,\ command\ [0-9]+\) ]] || has "(offset and command)"
}

@test "a mounted filesystem that is full gets nothing, or what is kept on demand" { # bats test_tags=root
	need_kernel; need_peer
	local s
	big_streams
	mk_fs peer dst.img 130M -
	mount_fs dst.img dst
	for s in data files dirs; do
		run_btrfs receive -q -f $s dst
		said_full
		[[ -z $(ls dst) ]] || { ls dst; return 1; }
		[[ -z $(btrfs_peer subvolume list dst) ]]
	done
	run_btrfs receive -q --keep-partial -f data dst
	said_full; has "--resume"
	same entries "data.partial" "$(ls dst)"
	same ro "ro=false" "$(btrfs_peer property get dst/data.partial ro)"
	same received - "$(btrfs_peer subvolume show dst/data.partial | awk '/Received UUID:/ {print $3}')"
}

@test "an unmounted filesystem that is full is as it was, or keeps what is kept on demand" {
	local s before
	super() { dd if=dst.img bs=4096 skip=16 count=1 status=none | sha256sum; }
	big_streams
	for s in data files dirs; do
		mk_fs ours dst.img 110M -
		before=$(super)
		run_btrfs receive -q -f $s dst.img:/
		expect 1; has "offset "; has "no space"
		same super "$before" "$(super)"
		btrfs_ours check dst.img >log 2>&1 || { cat log; return 1; }
	done
	mk_fs ours dst.img 110M -
	run_btrfs receive -q --keep-partial -f data dst.img:/
	expect 1; has "--resume"
	same entries "data.partial" "$(btrfs_ours offline dst.img ls /)"
	btrfs_ours check dst.img >log 2>&1 || { cat log; return 1; }
	judge_reader dst.img
}

@test "a directory that is full: the error says where" { # bats test_tags=root
	local s
	big_streams
	mkdir dir; mount -t tmpfs -o size=8m,nr_inodes=1000 none dir
	for s in data files dirs; do
		run_btrfs receive -q --to-directory -f $s dir
		said_full
		rm -rf dir/*
	done
	umount dir
}
