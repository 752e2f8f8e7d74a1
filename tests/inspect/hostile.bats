#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad input to every command that reads: a report or an error, soon and in little memory; never a crash.

setup() { load ../lib; load helper; begin; }
teardown() { chmod -R u+rwX "$T" 2>/dev/null || true; finish; }

# Every command that reads, @ for the image. Each is given 20 s and (without a sanitizer) 3 GiB of address space.
READERS='
btrfs inspect-internal dump-tree @
btrfs inspect-internal dump-tree --dfs --csum-headers --csum-items @
btrfs inspect-internal dump-tree -R @
btrfs --format json inspect-internal dump-tree @
btrfs inspect-internal dump-super -faF @
btrfs --format json inspect-internal dump-super -fF @
btrfs inspect-internal tree-stats @
btrfs inspect-internal list-chunks @
btrfs inspect-internal min-dev-size @
btrfs inspect-internal map-swapfile @:/file
btrfs inspect-internal inode-resolve 257 @
btrfs inspect-internal logical-resolve 4198400 @
btrfs inspect-internal subvolid-resolve 256 @
btrfs inspect-internal rootid @
btrfs-find-root -a @
btrfs-map-logical -l 4198400 -b 1000000000000 @
btrfs filesystem show @
btrfs filesystem df @
btrfs filesystem usage -T @
btrfs filesystem du @
btrfs filesystem label @
btrfs subvolume list -pcguqR @
btrfs subvolume show @
btrfs subvolume get-default @
btrfs subvolume find-new @ 0
btrfs device usage @
btrfs device stats --offline @
btrfs property get @:/
btrfs qgroup show -pcre @
btrfs quota status @
btrfs restore -smSxi @ out
btrfs restore -l @
btrfs restore -di @ out
btrfs check @
btrfs offline @ ls -lRai /
btrfs offline -o rescue=all @ get -r / out2
btrfs offline -o rescue=all @ find /
btrfs offline @ hash /
btrfs offline @ checksum -r /
btrfs offline @ extents /
btrfs offline @ df'

# readers IMAGE: all of them end by themselves, with an exit code of theirs. `make test` gives each image a third of them in turn.
readers() {
	local c limit=ulimit\ -v\ 3145728 i=0
	turn=$((${turn:-0} + 1))
	"$BTRBOX" --help 2>&1 | grep -q Sanitizer && limit=:
	nm "$BTRBOX" 2>/dev/null | grep -qE '__[at]san_init' && limit=:
	rm -rf out out2; mkdir -p out
	while read -r c; do
		i=$((i + 1))
		[[ $c ]] && { full || ((i % 3 == turn % 3)); } || continue
		status=0
		# shellcheck disable=SC2086
		(eval "$limit"; exec timeout 20 "$BTRBOX" ${c//@/$1} </dev/null >.out 2>.err) || status=$?
		((status <= 1 || status >= 251)) || { echo "# ${c//@/$1}: exit code $status"; tail -n 3 .err; return 1; }
		((status == 0)) || [[ -s .err || -s .out ]] || { echo "# ${c//@/$1}: exit code $status without a word"; return 1; }
		(($(stat -c %s .out) < 200000000)) || { echo "# ${c//@/$1}: $(stat -c %s .out) bytes of output"; return 1; }
	done <<<"$READERS"
	rm -rf out out2
}

@test "crafted images: every command that reads ends with a report or an error" {
	need_shared images/crafted
	need_cmd xz
	local f
	for f in "$SHARED"/images/crafted/*.xz; do
		echo "# ${f##*/}"
		xz -dc "$f" >i.img
		readers i.img
	done
}

@test "no filesystem at all: a clear message and an error" {
	local f c
	truncate -s 20M zeros.img
	head -c 3000000 /dev/urandom >noise.img
	: >empty.img
	echo short >short.img
	mkdir directory
	for f in zeros.img noise.img empty.img short.img directory nothing.img; do
		while read -r c; do
			[[ $c && $c != *" check "* ]] || continue
			status=0
			# shellcheck disable=SC2086
			"$BTRBOX" ${c//@/$f} </dev/null >.out 2>.err || status=$?
			case $c in
			*dump-super*) ;; # forced, it shows what is there
			*)
				((status)) || { echo "# ${c//@/$f}: exit code 0"; return 1; }
				grep -qE "ERROR: |No valid Btrfs|$f" .err || { echo "# ${c//@/$f}: no clear message"; cat .err; return 1; }
				;;
			esac
		done <<<"$READERS"
	done
	if [[ $(id -u) == 0 ]] && command -v setpriv >/dev/null; then
		truncate -s 10M secret.img; chmod 600 secret.img; chmod 755 "$T"
		run setpriv --reuid 65534 --clear-groups "$BTRBOX" btrfs filesystem df "$T/secret.img"
		expect 1
		has "Permission denied"
	fi
}

@test "truncated devices and zeroed blocks" {
	need_peer
	mk_tree src
	mk_fs peer good.img 120M src -m single
	btrfs_ours offline good.img hash / >/dev/null
	local size cut
	for cut in 66000 4200000 20000000; do
		cp --sparse=always good.img t.img
		truncate -s $cut t.img
		readers t.img
	done
	# zeros and noise over a third of all tree blocks in turn
	mapfile -t blocks < <(btrfs_ours inspect-internal dump-tree good.img | sed -nE 's/^(leaf|node) ([0-9]+) (items|level).*/\2/p' | sort -un)
	for size in 0 1 2; do
		cp --sparse=always good.img t.img
		for ((i = size; i < ${#blocks[@]}; i += 3)); do
			at=$("$BTRBOX" btrfs-map-logical -l "${blocks[$i]}" good.img | sed -nE '1s/.*physical ([0-9]+) .*/\1/p')
			[[ $at ]] || continue
			head -c 16384 "$([[ $size == 1 ]] && echo /dev/urandom || echo /dev/zero)" | dd of=t.img bs=4096 seek=$((at / 4096)) conv=notrunc status=none
		done
		readers t.img
	done
}

# reseal IMAGE BLOCK FIELD_OFFSET FORMAT VALUE: changes a node and gives it a matching checksum.
reseal() {
	local at
	at=$("$BTRBOX" btrfs-map-logical -l "$2" "$1" 2>/dev/null | sed -nE '1s/.*physical ([0-9]+) .*/\1/p')
	python3 - "$1" "$at" "$3" "$4" "$5" <<-'X'
		import struct, sys
		path, at, off, fmt, value = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4], int(sys.argv[5])
		def crc32c(data):
		    table = []
		    for n in range(256):
		        c = n
		        for _ in range(8):
		            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
		        table.append(c)
		    c = 0xFFFFFFFF
		    for b in data:
		        c = table[(c ^ b) & 255] ^ c >> 8
		    return c ^ 0xFFFFFFFF
		with open(path, 'r+b') as f:
		    f.seek(at)
		    block = bytearray(f.read(4096))
		    struct.pack_into('<' + fmt, block, off, value)
		    block[:4] = struct.pack('<I', crc32c(block[32:]))
		    f.seek(at)
		    f.write(block)
	X
}
@test "loops between nodes, wrong levels, wrong owners, items past the end" {
	need_peer
	mk_tree src
	mk_fs peer good.img 120M src -m single -n 4096
	local root level leaf
	read -r root level < <(btrfs_ours inspect-internal dump-tree -r good.img | sed -nE 's/^fs tree key.* ([0-9]+) level ([0-9]+).*/\1 \2/p')
	((level >= 1))
	leaf=$(btrfs_ours inspect-internal dump-tree -b "$root" good.img | sed -nE 's/^\tkey .* block ([0-9]+) gen .*/\1/p' | sed -n 2p)
	# header: bytenr 48, owner 88, nritems 96, level 100; first pointer's address 101 + 17; first item's offset and size 101 + 17, 101 + 21
	while read -r block off fmt value what; do
		cp --sparse=always good.img t.img
		reseal t.img "$block" "$off" "$fmt" "$value"
		readers t.img || { echo "# $what"; return 1; }
		btrfs_ours offline -o rescue=ignorebadroots:ignoremetacsums t.img get -r / part >/dev/null 2>said && { cat said; echo "# nothing is missing? $what"; return 1; }
		[[ -s said ]]
		rm -rf part
		# an older commit is another filesystem, and that is said, too
		btrfs_ours offline -o rescue=all t.img get -r / part >/dev/null 2>said || true
		[[ $what != "a level too high" ]] || grep -q '^WARNING: using the backup root of generation 6, ' said
		rm -rf part out
	done <<-X
		$root 118 Q $root a pointer to itself
		$root 100 B 7 a level too high
		$root 100 B 0 a node that claims to be a leaf
		$root 96 I 4000000000 too many pointers
		$leaf 100 B 1 a leaf that claims to be a node
		$leaf 96 I 65535 too many items
		$leaf 118 I 4294967000 an item past the end
		$leaf 122 I 4000000 an item that is too large
		$leaf 88 Q 2 the wrong owner
		$leaf 48 Q 4096 the wrong address
	X
}
