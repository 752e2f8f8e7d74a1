#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs send from unmounted filesystems: the distribution's receive, on a kernel mount, makes the same snapshots of it.
setup() { load ../lib; begin; }
teardown() { finish; }

# two_snapshots: a.img with /1 and /2, snapshots of a tree before and after changes of every kind.
two_snapshots() {
	truncate -s 400M a.img
	"$PEER_MKFS" -q a.img >/dev/null 2>&1
	mount_fs a.img m
	"$PEER" subvolume create m/s >/dev/null
	mk_tree m/s
	head -c 3000000 /dev/urandom >m/s/big
	cp --reflink=always m/s/big m/s/big2
	install -m 4755 /bin/true m/s/setuid
	setfacl -d -m u:1000:rwx m/s
	mkdir -p m/s/d1/d2/d3 m/s/gone/below
	echo a >m/s/d1/f; echo b >m/s/d1/d2/f; echo c >m/s/gone/below/stays
	"$PEER" subvolume snapshot -r m/s m/1 >/dev/null
	mv m/s/d1/d2 m/s/d2; mv m/s/d1 m/s/d2/d3/d1; mv m/s/d2 m/s/d1
	mv m/s/gone/below/stays m/s/stays; rm -r m/s/gone; mkdir m/s/gone; echo new >m/s/gone/f
	chown 1000:1000 m/s/setuid; chmod 4755 m/s/setuid
	printf 'xyz' | dd of=m/s/big bs=1 seek=1000000 conv=notrunc 2>/dev/null
	fallocate -p -o 2000000 -l 500000 m/s/big
	cp --reflink=always m/s/big2 m/s/big3
	ln m/s/big2 m/s/gone/link; truncate -s 100 m/s/big2
	"$PEER" subvolume snapshot -r m/s m/2 >/dev/null
	umount_fs m
}

# received SEND-OPTIONS...: /1, then /2 from it, received into r.img; both are what they were.
received() {
	local s
	rm -f r.img; truncate -s 400M r.img
	"$PEER_MKFS" -q r.img >/dev/null 2>&1
	mount_fs r.img r
	btrfs_ours send -q "$@" a.img:/1 | "$PEER" receive -q r
	btrfs_ours send -q "$@" -p a.img:/1 a.img:/2 | "$PEER" receive -q r
	umount_fs r
	for s in 1 2; do
		same "snapshot $s ($*)" "$(btrfs_ours offline a.img hash --times mtime /$s)" "$(btrfs_ours offline r.img hash --times mtime /$s)"
		same "received uuid" "$(btrfs_ours subvolume show a.img:/$s | awk '$1 == "UUID:" {print $2}')" \
			"$(btrfs_ours subvolume show r.img:/$s | awk '/Received UUID:/ {print $3}')"
	done
}

# bats test_tags=root
@test "send: full and incremental, versions 1 and 2, as the distribution's receive sees them" {
	need_kernel; need_peer; need_cmd setfacl
	two_snapshots
	received
	received --proto 2 --compressed-data
}
