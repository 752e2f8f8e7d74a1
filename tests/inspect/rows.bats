#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# dump-tree and dump-super equal the distribution's byte for byte (but for tests/filters/since-6.2), and reports on the devices equal its
# reports on the mount, over profiles, checksums, node sizes, compressions and features.
# bats test_tags=root

setup() { load ../lib; load helper; begin; need_kernel; need_peer; }
teardown() { finish; }

dumps() {
	local root
	alike dump-tree inspect-internal dump-tree "$dev"
	alike dump-tree inspect-internal dump-tree --dfs --csum-headers --csum-items "$dev"
	alike dump-tree inspect-internal dump-tree -R "$dev"
	alike dump-super inspect-internal dump-super -fa "$dev"
	full || return 0
	for root in -e -d -u -r --hide-names '-t 256' '-t extent' '-t root' '-t chunk'; do
		alike dump-tree inspect-internal dump-tree $root "$dev"
	done
}
reports() {
	views <<-'X'
		show filesystem show @
		- filesystem df @
		- filesystem usage @
		- filesystem usage -T @
		- filesystem du -s --raw @ @/sub
		- device usage @
		- device stats @
		- subvolume list -pcguqR @
		- subvolume list -t -a @/sub
		subvolume-show subvolume show @/sub
		find-new subvolume find-new @/ 8
		- inspect-internal min-dev-size @
		- inspect-internal rootid @/read-only
	X
}
row() {
	rich "$@" && loops || return 1
	dumps
	reports
	unloop
}

@test "single, crc32c, nodes of 4K, zstd, no free space tree, quota" {
	row 1 compress=zstd quota -d single -m single -n 4096 -R ^free-space-tree
}
@test "dup, xxhash, nodes of 64K, zlib, holes as items" { row 1 compress=zlib '' -d single -m dup -n 65536 --csum xxhash -O ^no-holes; }
@test "mixed block groups, sha256, nodes of 4K" { row 1 '' '' -M -n 4096 --csum sha256 -L 'mixed up'; }
@test "raid0 and raid1, blake2b, nodes of 4K, zlib forced, a swap file" { row 2 compress-force=zlib swapfile -d raid0 -m raid1 -n 4096 --csum blake2; }
@test "raid1 after a balance, nodes of 64K, old extent items" { row 2 '' tiny_balance -d raid1 -m raid1 -n 65536 -O ^skinny-metadata; }
@test "raid10 and raid1c4, sha256, no extended references, quota" { row 4 compress=lzo quota -d raid10 -m raid1c4 --csum sha256 -O ^extref; }
@test "raid5 and raid1c3, xxhash" { row 3 compress=zstd '' -d raid5 -m raid1c3 --csum xxhash; }
@test "raid6, blake2b, nodes of 64K" { row 4 compress=lzo '' -d raid6 -m raid6 -n 65536 --csum blake2; }

@test "the product of profiles, checksums and node sizes" {
	need_full
	local profile devices csum node options=('' compress=zstd compress=zlib compress=lzo compress-force=zstd) features=(-L\ x -O\ ^no-holes -O\ ^skinny-metadata -R\ ^free-space-tree -O\ ^extref) n=0
	for profile in single:1 dup:1 raid0:2 raid1:2 raid1c3:3 raid1c4:4 raid10:4 raid5:3 raid6:4; do
		devices=${profile#*:}
		for csum in crc32c xxhash sha256 blake2; do
			for node in 4096 16384 65536; do
				n=$((n + 1))
				echo "# $profile $csum $node ${options[n % 5]} ${features[n / 5 % 5]}"
				# shellcheck disable=SC2086
				row "$devices" "${options[n % 5]}" '' -d "${profile%:*}" -m "${profile%:*}" --csum $csum -n $node ${features[n / 5 % 5]}
			done
		done
	done
	echo "# $n combinations" >&3
}

@test "what the distribution's mkfs --rootdir makes" {
	mk_tree src
	local options
	for options in '-n 4096 --csum sha256' '-n 65536 -m single -O ^no-holes' '-M -R quota'; do
		# shellcheck disable=SC2086
		mk_fs peer p.img 400M src $options
		dev=p.img
		dumps
	done
}
