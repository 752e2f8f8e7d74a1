#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=root
# Every command as an ordinary user: what needs no root works, what needs it says so, and the exit code is the distribution's wherever that one works or
# has no way around root.

setup() { load ../lib; begin; need_kernel; need_peer; need_cmd setpriv; }
teardown() { finish; }

# The directories above the test's own let everybody through.
reachable() { local d=$T; while [[ $d != / && $d != /dev && $d != /tmp ]]; do chmod a+x "$d" || return 1; d=$(dirname "$d"); done; }
as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups timeout 20 "$@"; }

@test "what needs no root works, what needs it says so" {
	mk_fs peer a.img,b.img 512M - -d raid1 -m raid1
	mount_fs a.img,b.img m
	chmod 755 m; reachable
	cp "$(readlink -f "$BTRBOX")" bb; chmod 755 bb
	btrfs_peer subvolume create m/mine >/dev/null; btrfs_peer subvolume create m/theirs >/dev/null
	echo x >m/root; head -c 100000 /dev/urandom >m/mine/f; chown 65534:65534 m/mine m/mine/f
	sync -f m
	bad=0
	while read -r want line; do
		# shellcheck disable=SC2086
		rc=0; out=$(as_user ./bb btrfs ${line//DEV1/${LOOPS[0]}} 2>&1 </dev/null) || rc=$?
		case $want in
		ok) ((rc == 0)) && continue ;;
		no) ((rc)) && [[ $out == *"Operation not permitted"* || $out == *"Permission denied"* ]] && continue ;;
		none) ((rc == 2)) && continue ;;
		esac
		printf '# %s: wanted %s, exit code %s\n%s\n' "$line" "$want" "$rc" "$out"
		bad=1
	done <<-'TABLE'
	ok subvolume list m
	ok subvolume list -o m
	ok subvolume list -d m
	ok subvolume show m/mine
	ok subvolume show m
	ok subvolume show -r 256 m
	no subvolume get-default m
	no subvolume set-default 256 m
	no subvolume find-new m 0
	no subvolume sync m
	no subvolume sync m 256
	ok subvolume create m/mine/new
	no subvolume create m/other
	ok subvolume snapshot m/mine m/mine/snap
	ok subvolume snapshot -r m/mine m/mine/rosnap
	no subvolume snapshot m/theirs m/mine/stolen
	no subvolume delete m/mine/new
	no subvolume delete m/theirs
	no subvolume delete -i 256 m
	ok filesystem df m
	ok filesystem usage m
	ok filesystem usage -T m
	ok filesystem show
	ok filesystem show m
	ok filesystem show DEV1
	ok filesystem du m/mine
	ok filesystem du -s m
	ok filesystem sync m
	ok filesystem label m
	no filesystem label m foo
	ok filesystem label DEV1
	no filesystem resize max m
	ok filesystem defragment m/mine/f
	no filesystem defragment m/root
	ok filesystem defragment -r m/mine
	ok filesystem mkswapfile -s 1m m/mine/sw
	no filesystem mkswapfile -s 1m m/sw
	no balance start -dusage=0 m
	no balance status m
	no balance pause m
	no balance cancel m
	no balance resume m
	no device add DEV1 m
	no device remove DEV1 m
	ok device scan
	no device scan DEV1
	no device ready DEV1
	ok device stats m
	no device stats -z m
	ok device stats DEV1
	ok device usage m
	no replace start -B 1 DEV1 m
	no replace status -1 m
	no replace cancel m
	no scrub start -B m
	ok scrub status m
	no scrub cancel m
	no scrub resume m
	no quota enable m
	no quota disable m
	no quota rescan m
	no quota rescan -s m
	no quota rescan -w m
	no qgroup show m
	no qgroup create 1/1 m
	no qgroup destroy 1/1 m
	no qgroup assign 0/256 1/1 m
	no qgroup remove 0/256 1/1 m
	no qgroup limit 1g m
	no qgroup clear-stale m
	ok property get m
	ok property get m/mine
	ok property get m/mine ro
	ok property get m/mine/f
	ok property get m/root
	ok property set m/mine ro true
	ok property set m/mine ro false
	no property set m/theirs ro true
	no property set -t f m label x
	ok property set m/mine/f compression zstd
	no property set m/root compression zstd
	ok property list m
	ok inspect-internal rootid m/mine
	no inspect-internal inode-resolve 257 m
	no inspect-internal logical-resolve 30408704 m
	ok inspect-internal subvolid-resolve 256 m
	no inspect-internal min-dev-size m
	TABLE
	((bad == 0))
	# nothing has changed but what was allowed
	same subvolumes "mine mine/new mine/rosnap mine/snap theirs" "$(btrfs_peer subvolume list m | awk '{ print $9 }' | sort | xargs)"
	same label "" "$(btrfs_peer filesystem label m)"
	same devices 2 "$(btrfs_peer filesystem show m | grep -c devid)"
}

@test "figures of an ordinary user are those of root" {
	mk_fs peer a.img,b.img 512M - -d raid1 -m raid1
	mount_fs a.img,b.img m
	chmod 755 m; reachable
	cp "$(readlink -f "$BTRBOX")" bb; chmod 755 bb
	btrfs_peer subvolume create m/a >/dev/null; btrfs_peer subvolume create m/a/b >/dev/null; btrfs_peer subvolume snapshot -r m/a m/c >/dev/null
	head -c 3000000 /dev/urandom >m/f; sync -f m
	for c in 'subvolume list -pcguqR' 'subvolume show' 'filesystem df' 'filesystem show' 'filesystem du' 'device stats' 'property get' 'filesystem label'; do
		# shellcheck disable=SC2086
		same "$c" "$(./bb btrfs $c m 2>&1)" "$(as_user ./bb btrfs $c m 2>&1)"
	done
	same "usage" "$(./bb btrfs filesystem usage m | grep -v '^ *[/]dev\|Unallocated:$')" "$(as_user ./bb btrfs filesystem usage m 2>/dev/null)"
}
