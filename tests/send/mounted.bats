#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs send from mounted filesystems: the kernel makes the stream, we are what the distribution's send is.
setup() { load ../lib; begin; }
teardown() { finish; }

# bats test_tags=root
@test "send, mounted: the streams, messages and exit codes of the distribution's" {
	need_kernel; need_peer
	truncate -s 300M a.img; "$PEER_MKFS" -q a.img >/dev/null 2>&1
	mount_fs a.img m compress=zstd
	"$PEER" subvolume create m/s >/dev/null
	mk_tree m/s; yes | head -c 300000 >m/s/text
	"$PEER" subvolume snapshot -r m/s m/1 >/dev/null
	echo more >>m/s/text; mkdir m/s/new
	"$PEER" subvolume snapshot -r m/s m/2 >/dev/null
	"$PEER" subvolume snapshot -r m/s m/3 >/dev/null
	for opts in "m/1" "-p m/1 m/2" "-c m/1 m/2" "-e -c m/1 m/2 m/3" "m/1 m/2" "--proto 2 m/1" "--compressed-data m/1" "--proto 0 m/1" "--no-data m/1" "-v m/1" "-q m/1" \
		"-v --no-data -p m/1 m/2" "m/s" "-p m/s m/1" "-c m/s m/1" "-p m/1 -p m/2 m/3" "--proto 1 --compressed-data m/1" "-i m/1 m/2"; do
		local a=0 b=0
		btrfs_ours send $opts >ours 2>ours.err || a=$?
		btrfs_peer send $opts >peer 2>peer.err || b=$?
		same "exit code of $opts" $b $a
		cmp ours peer
		same "messages of $opts" "$(cat peer.err)" "$(cat ours.err)"
		[[ $a != 0 ]] || { btrfs_ours send $opts -f file 2>/dev/null; cmp file peer; }
	done
	same "mode" 600 "$(rm file; umask 0; btrfs_ours send -q m/1 -f file; stat -c %a file)"
	run btrfs_ours send m/1/d -f f; expect 1
	run btrfs_ours send /tmp -f f; expect 1; has "not a btrfs filesystem: /tmp"
	run btrfs_ours send --proto 9 m/1 -f f; expect 1; has "requested version 9 but kernel supports only"
	run btrfs_ours send --estimate m/1; expect 1; has "unmounted filesystems only"
	run bash -c "'$BTRBOX' btrfs send -q m/1 2>err | head -c 100 >/dev/null; echo \${PIPESTATUS[0]}; cat err"; same "a closed pipe" 1 "$output"
	run btrfs_ours send m/1 -f /dev/full; expect 1; has "No space left"
	run script -qec "'$BTRBOX' btrfs send m/1" /dev/null; expect 1; has "not dumping send stream into a terminal"
	run bash -c "'$BTRBOX' btrfs send --progress -q m/1 2>&1 >/dev/null"; expect 0; has "Sending"
}
