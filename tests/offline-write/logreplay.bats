#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=offline,root
# Images copied from under a running mount after fsync: what we show, and what we leave after our first write, is what a mount makes of the same copy.

setup() { load ../lib; begin; FUZZ=${BUILD:-$(dirname "$(readlink -f "$BTRBOX")")}/offline-write/subvol_fuzz; }
teardown() { finish; }

hash_none() { "$BTRBOX" btrfs offline hash --times none "$1" | cut -d' ' -f1; }

# copies SEED ROUNDS MKFS-OPTIONS...: each round's image, c.N
copies() {
	local seed=$1 rounds=$2
	shift 2
	rm -f a.img c.*; truncate -s 600M a.img
	"$PEER_MKFS" -q "$@" a.img >/dev/null 2>&1
	mount_fs a.img m "commit=600${MOUNT_OPTIONS:+,$MOUNT_OPTIONS}"
	cat >copy <<-'C'
	#!/bin/bash
	exec cp --sparse=always a.img "c.$1"
	C
	chmod +x copy
	python3 "$TOP/tests/offline-write/fsync_work.py" m "$seed" "$rounds" ./copy
	umount_fs m
}

# with_log: how many of the copies have a log at all
with_log() { local c n=0; for c in c.*; do "$PEER" inspect-internal dump-super "$c" | grep -q '^log_root.*[1-9]' && n=$((n + 1)); done; echo "$n"; }

# reader IMAGE: what the independent reader finds
reader() { /usr/bin/python3 "$SHARED/tools/judge.py" "$1" 2>&1 || true; }

# KEEP=DIR keeps the copy that failed.
compare() { local c; for c in c.*; do compare_one "$c" || { [[ ! ${KEEP:-} ]] || cp -f "$c" "$KEEP/"; return 1; }; rm -f "$c"; done; }
compare_one() {
	local shown written kernel ours
	shown=$(hash_none "$1:/")
	cp --sparse=always "$1" w.img
	"$FUZZ" w.img 1 0 0 >/dev/null || return 1
	written=$(hash_none w.img:/)
	judge_peer w.img || return 1
	ours=$(reader w.img)
	cp --sparse=always "$1" k.img
	mount_fs k.img k || return 1
	kernel=$(hash_none k)
	umount_fs k
	[[ $shown == "$kernel" && $written == "$kernel" ]] || { echo "# $1: shown $shown, written $written, kernel $kernel"; return 1; }
	# The kernel's own replay may leave a file without the items of its holes.
	[[ $ours == '' || $ours == "$(reader k.img)" ]] || { echo "# $1: $ours"; return 1; }
}

@test "a pending log is shown, and replayed at the first write, as the kernel replays it" {
	need_kernel; need_peer; need_shared tools/judge.py
	copies 1 8
	(($(with_log) >= 6))
	compare
	copies 2 6 -n 4096 -O ^no-holes
	compare
	MOUNT_OPTIONS=compress-force=zstd copies 3 6
	compare
}

@test "the same for two hundred copies" {
	need_full; need_kernel; need_peer; need_shared tools/judge.py
	local seed
	for ((seed = 10; seed < 20; seed++)); do copies $seed 8; compare; done
	for ((seed = 20; seed < 30; seed++)); do copies $seed 8 -n 4096 -O ^no-holes; compare; done
	for ((seed = 30; seed < 35; seed++)); do MOUNT_OPTIONS=compress-force=lzo copies $seed 8 -n 4096; compare; done
}
