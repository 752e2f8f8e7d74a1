#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Every option of the looking commands on one filesystem that the kernel filled: text as the distribution's, JSON as full as the text.
# bats test_tags=root

setup_file() {
	load ../lib; load helper
	[[ $(id -u) == 0 && -e /dev/loop-control && $PEER ]] || return 0
	T=$BATS_FILE_TMPDIR; : >"$T/.mounted"; : >"$T/.loops"
	rich 1 compress=zstd 'quota; swapfile' -L 'a label' -n 4096 --csum xxhash
}
setup() {
	load ../lib; load helper; begin; need_kernel; need_peer
	ln -s "$BATS_FILE_TMPDIR/d1.img" d1.img
	files=("$T/d1.img")
	img=d1.img
}
teardown() { finish; }

root_of() { "$PEER" inspect-internal dump-tree -r "$img" | sed -nE "s/^$1 tree key.* ([0-9]+) level .*/\1/p"; }

@test "dump-tree: every option" {
	local o fs root
	for o in '' -e --extents -d --device -r --roots -R --backups -u --uuid --bfs --dfs --noscan --hide-names --csum-headers --csum-items \
		'-t 5' '-t fs' '-t FS_TREE' '-t BTRFS_FS_TREE_OBJECTID' '-t root' '-t chunk' '-t 256' '--tree 257' '-t extent' '-t dev' '-t csum' '-t quota' '-t uuid' \
		'-t 999' '-t log' '-t data_reloc' '-t 256 --dfs --csum-items --csum-headers' '-r -t 5' '-e -t 2' '-b 123' '-b 1048577' '-b 4096'; do
		# shellcheck disable=SC2086
		alike dump-tree inspect-internal dump-tree $o $img
	done
	fs=$(root_of fs) root=$(root_of extent)
	for o in "-b $fs" "-b $fs --follow" "-b $fs --follow --dfs" "-b $fs -b $root" "-b $fs --follow --csum-headers --hide-names" "--block $root --follow --bfs"; do
		# shellcheck disable=SC2086
		alike dump-tree inspect-internal dump-tree $o $img
	done
}
@test "dump-tree: errors and exit codes" {
	alike - inspect-internal dump-tree
	alike - inspect-internal dump-tree -t nonsense $img
	alike - inspect-internal dump-tree -b x $img
	run_btrfs inspect-internal dump-tree nothing.img
	expect 254
	same errors "$("$PEER" inspect-internal dump-tree nothing.img 2>&1)" "$output"
	truncate -s 10M zero.img
	run_btrfs inspect-internal dump-tree zero.img
	expect 251
	has "No valid Btrfs found on zero.img"
}
@test "dump-super: every option" {
	local o
	cp --sparse=always $img bad.img
	printf XXXX | dd of=bad.img bs=1 seek=65600 conv=notrunc status=none
	printf Y | dd of=bad.img bs=1 seek=$((67108864 + 300)) conv=notrunc status=none
	for o in '' -f --full -a --all -fa '-s 0' '-s 1' '--super 2' -F --force '-fF -s 1' '--bytenr 65536' '--bytenr 67108864' '-s 65536' '-i 1' '-i 9' '-s x'; do
		# shellcheck disable=SC2086
		alike dump-super inspect-internal dump-super $o $img
		# shellcheck disable=SC2086
		alike dump-super inspect-internal dump-super $o bad.img
	done
	alike dump-super inspect-internal dump-super -f $img bad.img
	alike dump-super inspect-internal dump-super nothing.img
	alike dump-super inspect-internal dump-super
}
@test "tree-stats, but for the time it takes" {
	local o
	for o in '' -b; do
		"$PEER" inspect-internal tree-stats $o $img | sed '/Total read time/d' >.theirs
		btrfs_ours inspect-internal tree-stats $o $img | sed '/Total read time/d' >.mine
		alike_files - 0 0 "tree-stats $o"
	done
	btrfs_ours inspect-internal tree-stats -t 5 --raw $img | sed '/Total read time/d' >one
	same "-t takes one tree" "Calculating size of tree (5)" "$(head -n 1 one)"
	same "its figures" "$(sed -n '/^Calculating size of fs tree/,$p' .mine | tail -n +2)" "$(tail -n +2 one)"
	same "by name" "$(tail -n +2 one)" "$(btrfs_ours inspect-internal tree-stats -t fs -b $img | sed '/Total read time/d' | tail -n +2)"
}
@test "reports on the devices are those on the mount: every option" {
	loops
	views <<-'X'
		show filesystem show @
		show filesystem show --raw @
		show filesystem show --mbytes @
		- filesystem df @
		- filesystem df -b @
		- filesystem df -h @
		- filesystem df -H @
		- filesystem df -k @
		- filesystem df --si -m @
		- filesystem df -g @
		- filesystem df --tbytes @
		- filesystem usage @
		- filesystem usage -T @
		- filesystem usage -b @
		- filesystem usage -T --raw @
		- filesystem usage -m @
		- filesystem usage -T -k @
		- filesystem usage --si @
		- filesystem label @
		- filesystem du @/sub @/tree
		- filesystem du -s @
		- filesystem du -s --raw @ @/tree
		- filesystem du --kbytes @/tree @/tree
		- device usage @
		- device usage -b @
		- device usage --si @
		- device stats @
		- device stats -T @
		- device stats -c @
		- subvolume list @
		- subvolume list -o @
		- subvolume list -a @/sub
		- subvolume list -p -c -g -u -q -R @
		- subvolume list -s @
		- subvolume list -r @
		- subvolume list -d @
		- subvolume list -t @
		- subvolume list -tpcuqR @
		- subvolume list -G +8 @
		- subvolume list -C -9 @
		- subvolume list -G 8 @
		- subvolume list --sort=gen,-path @
		- subvolume list --sort=-rootid,ogen @
		subvolume-show subvolume show @
		subvolume-show subvolume show @/sub
		subvolume-show subvolume show @/sub/inner/again
		subvolume-show subvolume show -r 257 @
		subvolume-show subvolume show -b @/read-only
		- subvolume get-default @
		find-new subvolume find-new @/ 0
		find-new subvolume find-new @/sub 0
		find-new subvolume find-new @/snap 9
		find-new subvolume find-new @/snap 999
		property property list @
		property property get @
		property property get @ label
		- property list @/sub
		- property get @/sub
		- property get @/read-only ro
		- property get -t s @/sub ro
		- property get @/zstd
		- property get @/zlib compression
		- property list @/zstd
		- property get @/zstd nonsense
		qgroup qgroup show @
		qgroup qgroup show -pcre @
		qgroup qgroup show -re --raw @
		qgroup qgroup show --sort=-rfer,qgroupid @
		qgroup qgroup show --sort=path @
		qgroup qgroup show -F @/sub
		qgroup qgroup show -f @/sub
		qgroup qgroup show --kbytes @
		- inspect-internal min-dev-size @
		- inspect-internal min-dev-size --id 1 @
		- inspect-internal min-dev-size --id 9 @
		- inspect-internal rootid @
		- inspect-internal rootid @/sub/inner
		- inspect-internal subvolid-resolve 5 @
		- inspect-internal subvolid-resolve 256 @
		- inspect-internal subvolid-resolve 9999 @
		- inspect-internal inode-resolve 257 @
		- inspect-internal inode-resolve 300 @
		- inspect-internal inode-resolve 257 @/sub
		- inspect-internal inode-resolve 99999 @
		- inspect-internal map-swapfile @/swap
		- inspect-internal map-swapfile -r @/swap
		- inspect-internal map-swapfile @/tree/size4096
		- inspect-internal map-swapfile @/tree
		- inspect-internal map-swapfile @/tree/size1
	X
	unloop
}
@test "quota status and list-chunks say what the trees hold" {
	run_btrfs quota status $img
	expect 0
	same output "Quotas on $img:
  Enabled:                 yes
  Mode:                    qgroup (full accounting)
  Inconsistent:            no
  Override limits:         no
  Drop subtree threshold:  3
  Total count:             9
  Level 0:                 7
  Level 1:                 1
  Level 2:                 1" "$output"
	run_btrfs quota status --is-enabled $img
	expect 0
	"$PEER" inspect-internal dump-tree -t dev $img | grep -A2 -E 'DEV_EXTENT' >devs
	btrfs_ours inspect-internal list-chunks --raw $img >chunks
	same "one row a device extent" "$(grep -c 'DEV_EXTENT' devs)" "$(tail -n +3 chunks | wc -l)"
	same "their places" "$(sed -nE 's/.*DEV_EXTENT ([0-9]+).*/\1/p' devs)" "$(tail -n +3 chunks | awk '{print $(NF-5)}')"
	same "longest first" "$(awk 'NR>2 {print $(NF-4)}' chunks | sort -rn)" "$(btrfs_ours inspect-internal list-chunks --raw --sort -length $img | awk 'NR>2 {print $(NF-4)}')"
	run_btrfs inspect-internal list-chunks --sort foo $img
	expect 1
	has "ERROR: unknown sort key: foo"
}
@test "map-logical and find-root" {
	local b o
	for b in $("$PEER" inspect-internal dump-tree -t root $img | sed -nE 's/^(leaf|node) ([0-9]+) (items|level).*/\2/p' | head -n 4); do
		for o in '' '-c 1' '-o -' '-c 1 -o -'; do
			# shellcheck disable=SC2086
			btrfs-map-logical -l "$b" $o $img >.theirs 2>.theirs.err && theirs=0 || theirs=$?
			# shellcheck disable=SC2086
			"$BTRBOX" btrfs-map-logical -l "$b" $o $img >.mine 2>.mine.err && mine=0 || mine=$?
			alike_files - "$mine" "$theirs" "map-logical -l $b $o"
		done
	done
	for o in '' -a '-o 2' '-o 3' '-o 5' '-o 7' '-a -o 5' '-g 5' '-a -g 9' '-l 1' '-l 1 -a' '-o 256'; do
		# shellcheck disable=SC2086
		btrfs-find-root $o $img >.theirs 2>.theirs.err && theirs=0 || theirs=$?
		# shellcheck disable=SC2086
		"$BTRBOX" btrfs-find-root $o $img >.mine 2>.mine.err && mine=0 || mine=$?
		alike_files - "$mine" "$theirs" "find-root $o"
	done
}
@test "logical-resolve names the users that the kernel names" {
	local b o n=0
	loops
	mount_view "$T/view"
	mapfile -t extents < <("$PEER" inspect-internal dump-tree -t extent $img | sed -nE 's/.*key \(([0-9]+) EXTENT_ITEM ([0-9]+)\).*/\1/p' | sed -n '1~9p')
	for b in "${extents[@]}"; do
		for o in -P -Po '-P -s 1000000'; do
			# shellcheck disable=SC2086
			"$PEER" inspect-internal logical-resolve $o "$b" view | sort >"said.$b.${o// /}" || true
		done
	done
	umount view
	for b in "${extents[@]}"; do
		for o in -P -Po '-P -s 1000000'; do
			# shellcheck disable=SC2086
			same "logical-resolve $o $b" "$(cat "said.$b.${o// /}")" "$(btrfs_ours inspect-internal logical-resolve $o "$b" "$dev" | sort)"
			n=$((n + $(wc -l <"said.$b.${o// /}")))
		done
	done
	((n > 100)) || { echo "# only $n users"; return 1; }
	unloop
}
@test "with a device missing" {
	local spare
	rich 2 '' '' -d raid1 -m raid1 && loops
	spare=${devs[1]}
	"$PEER" device scan -u "${devs[@]}"
	losetup -d "$spare"
	sed -i "\|^$spare\$|d" "$T/.loops"
	devs=("$dev")
	alike dump-tree inspect-internal dump-tree "$dev"
	alike dump-tree inspect-internal dump-tree --noscan -t fs "$dev"
	alike dump-super inspect-internal dump-super -f "$dev"
	json inspect-internal dump-tree -t fs "$dev"
	alike show filesystem show "$dev"
	view_options=degraded
	views <<-'X'
		- filesystem df @
		- subvolume list -pcguqR @
		- filesystem du -s --raw @
		- inspect-internal rootid @/sub
	X
	unloop
}
@test "what is left of a filesystem is counted as on its degraded mount" {
	local data meta n lost i list keep
	mk_tree src
	while read -r data meta n lost; do
		mapfile -t files < <(seq -f "$T/d%g.img" "$n")
		list=$(IFS=,; echo "${files[*]}")
		mk_fs kernel "$list" 400M src -d "$data" -m "$meta"
		loops
		"$PEER" device scan -u "${devs[@]}"
		keep=()
		for i in "${!devs[@]}"; do
			[[ ,$lost, != *,$((i + 1)),* ]] || { losetup -d "${devs[i]}"; sed -i "\|^${devs[i]}\$|d" "$T/.loops"; rm "${files[i]}"; continue; }
			keep+=("${devs[i]}")
		done
		devs=("${keep[@]}") dev=${keep[0]} view_options=degraded
		"$PEER" device scan "${devs[@]}" >/dev/null
		views <<-'X' || { echo "# $data, $meta on $n without $lost"; return 1; }
			- filesystem df @
			- filesystem usage @
			- filesystem usage -T @
			- device usage @
			- device stats @
		X
		run_split "$BTRBOX" btrfs filesystem show "$dev"
		same "show" "$(printf '\t*** Some devices missing')" "$(tail -n 1 <<<"$output")"
		unloop
		rm -f "$T"/d*.img
	done <<-'X'
		raid1   raid1   2 1
		raid6   raid1c4 4 2,3
		single  raid1   3 2
	X
}
@test "half converted filesystems are counted as on their mount" {
	local from to big='/^    Free (estimated)/d' # 6.2 counts devices with next to no room, too
	while read -r from to; do
		mapfile -t files < <(seq -f "$T/d%g.img" 4)
		mk_fs kernel "$(IFS=,; echo "${files[*]}")" 600M - -d "$from" -m raid1
		mount_fs "$(IFS=,; echo "${files[*]}")" m
		for i in 1 2 3 4; do head -c 40M /dev/zero >m/f$i; sync -f m; done
		rm m/f2
		"$PEER" balance start -f -dconvert=$to,limit=1 m >/dev/null
		umount_fs m
		mount_fs "$(IFS=,; echo "${files[*]}")" m
		"$PEER" filesystem usage --raw m | grep -v / | sed "$big" >want
		umount_fs m
		btrfs_ours filesystem usage --raw "$(IFS=,; echo "${files[*]}")" 2>/dev/null | grep -v / | sed "$big" >got
		same_file want got || { echo "# $from, partly $to"; return 1; }
		rm d*.img
	done <<-'X'
		single raid1
		raid5  raid1
	X
}
@test "of a filesystem that grew out of a seed, the seed is not counted" {
	mk_fs kernel seed.img 300M -
	mount_fs seed.img m
	seq 100000 >m/f
	umount_fs m
	"${PEER}tune" -S 1 seed.img
	truncate -s 400M new.img
	mount_fs seed.img m ro
	attach new.img
	"$PEER" device add -f "${LOOPS[0]}" m >/dev/null
	mount -o remount,rw m
	seq 77777 >m/new
	sync -f m
	"$PEER" filesystem usage --raw m >want
	"$PEER" device usage --raw m >>want
	{ btrfs_ours filesystem usage --raw m; btrfs_ours device usage --raw m; } >mounted
	umount_fs m
	losetup -j "$T/seed.img" | cut -d: -f1 | xargs -r losetup -d
	{ btrfs_ours filesystem usage --raw new.img,seed.img; btrfs_ours device usage --raw new.img,seed.img; } >got
	same_file mounted <(sed "s#^new.img#${LOOPS[0]}#; s#new.img#${LOOPS[0]}#" got)
	# 6.2 takes what lies on the seed off what is left
	same_file <(sed '/Free (estimated)/d' want) <(sed '/Free (estimated)/d' mounted)
}
@test "JSON holds all that text shows" {
	local c
	while read -r c; do
		# shellcheck disable=SC2086
		json ${c//@/$img}
	done <<-'X'
		inspect-internal dump-tree @
		inspect-internal dump-tree --csum-items -t csum @
		inspect-internal dump-tree -R @
		inspect-internal dump-super -fa @
		inspect-internal tree-stats @
		inspect-internal list-chunks @
		inspect-internal list-chunks --raw @
		inspect-internal min-dev-size @
		inspect-internal map-swapfile @:/swap
		inspect-internal inode-resolve 257 @
		inspect-internal logical-resolve -P 13631488 @
		inspect-internal subvolid-resolve 257 @
		inspect-internal rootid @:/sub
		filesystem show @
		filesystem df @
		filesystem usage @
		filesystem usage -T @
		filesystem du @
		filesystem label @
		subvolume list -pcguqR @
		subvolume list -s @
		subvolume show @:/sub
		subvolume show @:/read-only
		subvolume get-default @
		subvolume find-new @ 0
		device usage @
		device stats @
		property get @:/read-only
		property list @:/sub
		qgroup show -pcre --raw @
		quota status @
	X
	"$BTRBOX" btrfs-map-logical -l 13631488 $img >.text
	"$BTRBOX" btrfs-map-logical --format json -l 13631488 $img >.json
	python3 "$TOP/tests/inspect/covers.py" .text .json
	"$BTRBOX" btrfs-find-root -a $img >.text
	"$BTRBOX" btrfs-find-root --format json -a $img >.json
	python3 "$TOP/tests/inspect/covers.py" .text .json
}
