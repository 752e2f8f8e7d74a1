# SPDX-License-Identifier: GPL-2.0-or-later
# The examples of the manual pages are run as they stand: /mnt is a mounted filesystem, /dev/sdX are loop devices, *.img are images.

setup() { load ../lib; begin; }
teardown() { finish; }

# What the examples talk of.
make_world() {
	mkdir -p w/tree/dir w/tree/usr w/rootfs w/src/me w/src/dir links
	echo text >w/tree/file; echo root >w/rootfs/etc; echo mine >w/src/me/notes; head -c 5000000 /dev/urandom >w/src/big
	printf 'mkdir /made\nput tree/file /made/file\n' >w/changes
	ln -s "$BTRBOX" links/btrbox; for p in $("$BTRBOX" --list); do ln -s btrbox links/$p; done
	cd w
	truncate -s 600M disk.img; btrfs_make disk.img
	truncate -s 300M a.img b.img c.img; btrbox mkfs.btrfs -q -draid1 -mraid1 a.img b.img
	truncate -s 200M other.img; btrbox mkfs.btrfs -q other.img
	truncate -s 200M old.img; btrbox mkfs.btrfs -q -O ^free-space-tree,^block-group-tree old.img
	btrfs send disk.img:/snap/1 -f 1.stream >/dev/null
	cd ..
}
btrfs_make() {
	btrbox mkfs.btrfs -q "$1"
	btrfs offline "$1" put -r src/big /a >/dev/null; btrfs offline "$1" put src/big /b >/dev/null
	btrfs offline --atomic -f - "$1" >/dev/null <<-'SH'
	subvolume create /home
	put -r src/me /home/me
	mkdir /snap
	mkdir /snapshots
	subvolume snapshot -r /home /snap/1
	put tree/file /home/me/later
	subvolume snapshot -r /home /snap/2
	subvolume snapshot -r /home /snapshots/monday
	subvolume snapshot -r /home /snapshots/tuesday
	SH
}
# page NAME: all its examples, in turn, in a world of their own.
page() {
	local line status n=0 dev
	rm -rf world; cp -r --reflink=auto --sparse=always w world; cd world
	if grep -q '^    \$.*\(/mnt\|/dev/sd\)' "$TOP/Documentation/man/$1.md"; then
		truncate -s 300M sdb sdc mnt.img mnt2.img
		btrbox mkfs.btrfs -q mnt.img mnt2.img
		attach sdb sdc; dev=("${LOOPS[@]}")
		mount_fs mnt.img,mnt2.img m || { echo "# page $1"; dmesg | tail -8; losetup -a; return 1; }
		[[ $1 != btrfs-replace ]] || dev=("${LOOPS[1]}" "${dev[@]}") # the one that goes is a member, the one that comes is free
		mkdir m/dir m/rescue m/backup; btrfs subvolume create m/a m/b >/dev/null; btrfs subvolume snapshot -r m/a m/snap >/dev/null
		cp src/big m/disk.raw; btrfs quota enable m >/dev/null
	fi
	while IFS= read -r line; do
		line=${line//\/mnt/$PWD/m}; line=${line//\/dev\/sdb/${dev[0]:-}}; line=${line//\/dev\/sdc/${dev[1]:-}}; line=${line//\/tmp\/me/$PWD/me}
		n=$((n + 1)); status=0
		[[ $line != *"replace start 2"* ]] || line=${line//${dev[1]}/${dev[2]}} # the first one is taken by now
		[[ $1 != mkfs.btrfs ]] || { rm -f disk.img; truncate -s 600M disk.img; }
		[[ $line != *@p2* ]] || python3 -c 'import struct
with open("disk.img", "r+b") as f:
    f.seek(446); f.write(b"".join(struct.pack("<B3xB3xII", 0, 0x83, *p) for p in ((2048, 2048), (4096, 819200)))); f.seek(510); f.write(b"\x55\xaa")'
		[[ $line != *"remove missing"* ]] || continue # needs a filesystem that has lost one
		# a question is answered with yes; a prompt has nothing to do
		{ [[ $line == "btrfs offline disk.img" ]] || yes; } | timeout 60 bash -c "$line" >out 2>&1 || status=${PIPESTATUS[1]}
		((status == 0)) || { echo "# $1: $line: exit code $status"; tail -5 out; failed=1; }
	done < <(sed -n 's/^    \$ //p' "$TOP/Documentation/man/$1.md")
	cd ..
	[[ ${dev:-} ]] && { for i in {1..40}; do umount_fs world/m 2>/dev/null && break; sleep .25; done; for d in "${dev[@]}"; do losetup -d "$d" 2>/dev/null || true; done; }
	((n))
}

# bats test_tags=root
@test "every example of every page can be run as it stands" {
	need_kernel
	PATH=$T/links:$PATH
	make_world
	failed=
	for f in "$TOP"/Documentation/man/*.md; do
		f=${f##*/}
		[[ $f == fsck.btrfs.md || $f == btrfs-balance.md ]] || page "${f%.md}"
	done
	[[ ! $failed ]]
}
