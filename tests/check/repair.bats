# SPDX-License-Identifier: GPL-2.0-or-later
# check --repair: what it puts right, what it leaves, what it never loses.
setup() { load ../lib; begin; }
teardown() { finish; }

zap() { python3 "$TOP/tests/check/zap.py" "$BTRBOX" "$@"; }
repair() { "$BTRBOX" btrfs check --repair --force "$@" </dev/null; }

# One of the damaged images as a.img.
# One thread: with several, the restore of 6.2 now and then leaves a system chunk that differs from the superblock's copy.
fetch() {
	local f=$SHARED/images/check/$1
	rm -f a.img
	case $1 in
	*.tar.xz) tar xJf "$f" -O >a.img ;;
	*.raw.xz) xz -dc "$f" >a.img ;;
	*.img.xz) xz -dc "$f" >dump && btrfs-image -t1 -r dump a.img ;;
	*) btrfs-image -t1 -r "$f" a.img ;;
	esac
}

@test "every damaged image that can be repaired is: nothing is left, and the distribution's check agrees" {
	need_shared images/check; need_peer; need_cmd xz tar btrfs-image
	local f n=0
	while read -r f; do
		fetch "$f" >/dev/null 2>&1
		run "$BTRBOX" btrfs check a.img
		[[ $status == 1 ]] || { echo "$f: not found ($status)"; return 1; }
		repair a.img >out 2>&1 || { echo "$f: not repaired"; cat out; return 1; }
		run_split btrfs_ours check a.img
		[[ $status == 0 && $output == *"no error found"* ]] || { echo "$f: left over"; echo "$output$stderr"; return 1; }
		[[ $(grep -v '^\[' <<<"$stderr") == "" ]] || { echo "$f: $stderr"; return 1; }
		run btrfs_peer check --readonly a.img
		[[ $status == 0 ]] || { echo "$f: the distribution finds"; echo "$output"; return 1; }
		n=$((n + 1))
	done < <(sed -n 's/^| \([^ ]*\) | [^|]* | detect+repair.*/\1/p' "$SHARED/images/README.md")
	[[ $n -ge 15 ]]
}

# bats test_tags=root
@test "repaired images mount, and every name in them can be looked up" {
	need_shared images/check; need_kernel; need_cmd xz tar btrfs-image
	local f
	for f in bad-dir-item-name--default_case.img.xz bad-inode-mode--bad_free_space_cache_imode.raw.xz missing-one-file-extent--default_case.img \
		 bad-root-items--skinny_case.tar.xz invalid-block-group-used--default.img.xz; do
		fetch "$f" >/dev/null 2>&1
		repair a.img >/dev/null 2>&1
		mkdir -p m; mount -o loop,ro a.img m; echo "$T/m" >>"$T/.mounted"
		find m -ls >names || { umount m; echo "$f"; return 1; }
		[[ -s names ]]
		umount m
	done
}

@test "rescue clear-ino-cache removes what check finds" {
	need_shared images/check; need_peer; need_cmd xz btrfs-image
	fetch deprecated-inode-cache--4k_nodesize.img.xz >/dev/null 2>&1
	run "$BTRBOX" btrfs check a.img
	[[ $status == 1 ]]
	run "$BTRBOX" btrfs rescue clear-ino-cache a.img
	[[ $status == 0 && $output == *"Successfully cleaned up ino cache for root id: 5"* && $output == *"Successfully cleared ino cache" ]]
	btrfs_ours check a.img
	btrfs_peer check --readonly a.img
}

@test "hostile images: a repair ends, with a result" {
	need_shared images/crafted; need_cmd xz
	local f
	for f in "$SHARED"/images/crafted/*; do
		xz -dc "$f" >a.img 2>/dev/null || cp "$f" a.img
		status=0
		timeout 60 "$BTRBOX" btrfs check --repair --force a.img </dev/null >out 2>&1 || status=$?
		[[ $status -le 1 ]] || { echo "$f: $status"; tail -5 out; return 1; }
		! grep -q 'runtime error\|AddressSanitizer' out || { echo "$f"; return 1; }
	done
}

# A filesystem with several leaves a tree: a.img, what it holds: want.
sample() {
	mkdir -p src; mk_tree src >/dev/null 2>&1
	for i in $(seq 300); do echo "content $i" >"src/file-with-a-name-$i"; done
	truncate -s 300M good.img
	"$BTRBOX" mkfs.btrfs -q --rootdir src "$@" good.img
	btrfs_ours offline good.img hash / >want
	cp --sparse=always good.img a.img
}

@test "one copy of a tree block lost of two: rewritten, nothing else changes" {
	sample -m dup
	local block
	for block in $(zap good.img list | awk 'NR % 5 == 1 { print $1 }'); do
		cp --sparse=always good.img a.img
		zap a.img zero "$block" 1
		cmp -s a.img good.img && return 1
		repair a.img >out 2>&1
		grep -q "^Rewrote copy 1 of tree block $block from a good one$" out
		cmp a.img good.img
	done
}

@test "all copies of a tree block lost: whatever hangs on other blocks survives" {
	need_peer
	sample -m single
	local block kind owner names
	btrfs_ours offline good.img find / | sort >all
	while read -r block kind owner; do
		cp --sparse=always good.img a.img
		zap a.img zero "$block"
		repair a.img >out 2>&1 || { echo "$block of $owner"; cat out; return 1; }
		btrfs_ours check a.img >/dev/null 2>&1 || { echo "second check: $block of $owner"; return 1; }
		btrfs_peer check --readonly a.img >/dev/null 2>&1 || { echo "the distribution's check: $block of $owner"; return 1; }
		if [[ $kind == node || $owner != FS_TREE ]]; then
			[[ $(btrfs_ours offline a.img hash /) == $(<want) ]] || { echo "$block of $owner: something was lost"; return 1; }
		else
			names=$(btrfs_ours offline a.img find / | wc -l)
			[[ $names -ge $(($(wc -l <all) / 2)) ]] || { echo "$block: $names of $(wc -l <all) left"; return 1; }
		fi
	done < <(zap good.img list | awk '$2 == "node" || $3 != "FS_TREE" || NR % 7 == 0')
}

@test "a flipped bit in a tree block, in all copies, is turned back" {
	sample -m single
	local block
	block=$(zap good.img list | awk '$3 == "FS_TREE" && $2 == "leaf" { print $1; exit }')
	python3 - "$("$BTRBOX" btrfs-map-logical -l "$block" a.img | sed 's/.*physical \([0-9]*\).*/\1/')" <<-'P'
		import sys
		with open('a.img', 'r+b') as f:
		    f.seek(int(sys.argv[1]) + 9000); b = f.read(1)
		    f.seek(int(sys.argv[1]) + 9000); f.write(bytes([b[0] ^ 16]))
	P
	run "$BTRBOX" btrfs check a.img
	[[ $status == 1 ]]
	repair a.img
	btrfs_ours check a.img
	[[ $(btrfs_ours offline a.img hash /) == $(<want) ]]
}

@test "--dry-run writes nothing; --undo takes a repair back, byte for byte" {
	sample -m single
	zap a.img zero "$(zap good.img list | awk '$3 == "EXTENT_TREE" { print $1; exit }')"
	cp --sparse=always a.img bad.img
	run "$BTRBOX" btrfs check --repair --dry-run --force a.img
	[[ $status == 0 && $output == *"This was a dry run, nothing was written."* ]]
	cmp a.img bad.img
	repair --undo undo a.img >/dev/null 2>&1
	btrfs_ours check a.img
	[[ $(btrfs_ours offline a.img hash /) == $(<want) ]]
	btrfs_ours rescue undo undo a.img
	cmp a.img bad.img
}

@test "--repair=ID fixes that alone; unknown ids and --readonly are refused" {
	sample -m dup
	zap a.img zero "$(zap good.img list | awk '$3 == "CSUM_TREE" { print $1; exit }')" 1
	dd if=/dev/zero of=a.img bs=4096 seek=16384 count=1 conv=notrunc status=none
	repair --repair=super-copy a.img >out 2>&1
	run "$BTRBOX" btrfs check a.img
	[[ $output == *"checksum verify failed"* && $output != *"superblock copy"* ]]
	run "$BTRBOX" btrfs check --force --repair=nothing a.img
	[[ $status == 1 && $output == *"unknown problem id: nothing"* ]]
	run "$BTRBOX" btrfs check --readonly --repair a.img
	[[ $status == 1 && $output == *"repair options are not compatible with --readonly"* ]]
}

@test "--init-extent-tree and --init-csum-tree: the same files, clean for every judge" {
	need_peer
	sample -m dup
	"$BTRBOX" btrfs check --force --init-extent-tree a.img >out
	grep -q '^Creating a new extent tree$' out
	"$BTRBOX" btrfs check --force --init-csum-tree a.img >out
	grep -q '^Reinitialize checksum tree$' out
	[[ $(btrfs_ours offline a.img hash /) == $(<want) ]]
	judge_peer a.img
	judge_reader a.img
}

@test "the warning, the countdown and its end" {
	sample -m dup
	timeout 3 "$BTRBOX" btrfs check --repair a.img >out 2>&1 || true
	grep -q '^WARNING:$' out
	grep -q 'The operation will start in 10 seconds\.' out
	grep -q '^enabling repair mode$' out
	cmp a.img good.img
}
