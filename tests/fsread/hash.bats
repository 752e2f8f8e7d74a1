#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What is read from an image is what the kernel shows of it: one digest of all names, attributes and contents, over images that the
# kernel filled with all it can make.
# bats test_tags=root

setup() { load ../lib; begin; need_kernel; need_peer; }
teardown() { finish; }

# images N: their names, joined by commas, in $list
images() {
	local i
	list=$T/img1
	for ((i = 2; i <= $1; i++)); do list+=,$T/img$i; done
}

# row DEVICES MOUNT_OPTIONS MKFS_OPTIONS...: makes and fills an image and compares.
row() {
	local devices=$1 options=$2 times digests=()
	shift 2
	images "$devices"
	mk_fs kernel "$list" 600M - "$@"
	mount_fs "$list" mnt "noatime${options:+,$options}"
	python3 "$TOP/tests/fsread/rich.py" mnt
	umount_fs mnt
	mount_fs "$list" mnt ro,noatime
	for times in none mtime all; do
		digest=$(btrfs_ours offline hash --times "$times" mnt)
		digests+=("${digest/mnt/.}")
	done
	umount_fs mnt
	for times in none mtime all; do
		same "hash --times $times" "${digests[0]}" "$(btrfs_ours offline "$list" hash --times "$times")"
		digests=("${digests[@]:1}")
	done
}

# without LIST OPTIONS: the same from what is left of the devices
without() {
	same "with $1 alone" "${digest/mnt/.}" "$(btrfs_ours offline -o degraded "$1" hash --times all 2>"$T/.messages")"
}

# copied LIST WANT [OPTIONS...]: what get -r brings out of it has the digest WANT.
copied() {
	btrfs_ours offline "${@:3}" "$1" get -r / copy 2>"$T/.messages" || { head "$T/.messages"; return 1; }
	same "what get -r brings from $1" "${2/mnt/.}" "$(cd copy && btrfs_ours offline hash --times mtime .)"
	rm -rf copy
}

# survives N: after a row: all of it can be hashed and copied, also without any 1 to N devices.
survives() {
	local all want lost keep i
	IFS=, read -ra all <<<"$list"
	want=$(btrfs_ours offline "$list" hash --times mtime)
	copied "$list" "$want" || return 1
	for lost in $(seq "$1"); do
		for i in "${!all[@]}"; do
			# neighbours, beginning with each in turn
			keep=$(printf '%s\n' "${all[@]}" "${all[@]}" | tail -n +$((i + lost + 1)) | head -n $((${#all[@]} - lost)) | paste -sd,)
			mkdir -p away && for img in "${all[@]}"; do [[ ,$keep, == *",$img,"* ]] || mv "$img" away; done
			without "$keep" && { ((i)) || copied "$keep" "$want" -o degraded; } || return 1
			mv away/* .
		done
	done
}

@test "hash equals the mount: defaults" { row 1 '' ; }
@test "hash equals the mount: nodes of 4K, holes as items, zlib forced" { row 1 compress-force=zlib -n 4096 -O ^no-holes; }
@test "hash equals the mount: nodes of 64K, xxhash, zstd" { row 1 compress=zstd -n 65536 --csum xxhash; }
@test "hash equals the mount: sha256, lzo forced, no inline files" { row 1 compress-force=lzo,max_inline=0 --csum sha256; }
@test "hash equals the mount: blake2b, all that fits inline, zstd forced" { row 1 compress-force=zstd:1,max_inline=4095 --csum blake2; }
@test "hash equals the mount: mixed block groups, nodes of 4K" { row 1 compress=lzo -M -n 4096; }
@test "hash equals the mount: without checksums, no extrefs, no skinny metadata" { row 1 nodatasum -O ^extref,^skinny-metadata; }
@test "hash equals the mount: raid0 over two" { row 2 '' -d raid0 -m raid1; }
@test "hash equals the mount: raid1, also with one device missing" {
	row 2 compress=zstd -d raid1 -m raid1
	without "$T/img2"
}
@test "hash equals the mount: raid10, also with one device missing" {
	row 4 '' -d raid10 -m raid10
	without "$T/img1,$T/img3,$T/img4"
}
@test "hash equals the mount: raid5, also with one device missing" {
	row 3 compress=lzo -d raid5 -m raid5 --csum xxhash
	without "$T/img1,$T/img3"
}
@test "hash equals the mount: raid6, also with two devices missing" {
	row 4 '' -d raid6 -m raid1c3
	without "$T/img3,$T/img4"
}

@test "the product of profiles, node sizes and checksums, with as many devices missing as each survives" {
	need_full
	local profile devices lost node csum forced=(zstd zlib lzo)
	# All compressions are in every image; what is forced for the rest takes turns.
	while read -r profile devices lost; do
		for node in 4096 16384 65536; do
			for csum in crc32c xxhash sha256 blake2; do
				row "$devices" "compress-force=${forced[0]}" -d "$profile" -m "$profile" -n "$node" --csum "$csum" && survives "$lost" || {
					echo "# $profile, $devices devices, nodes of $node, $csum, ${forced[0]} forced"
					return 1
				}
				forced=("${forced[@]:1}" "${forced[0]}")
			done
		done
	done <<-END
		single 1 0
		dup 1 0
		raid0 2 0
		raid1 2 1
		raid1c3 3 2
		raid1c4 4 3
		raid10 4 1
		raid5 3 1
		raid6 4 2
	END
}

@test "a data sector that is bad in one copy is healed, in all copies an error that names the file" {
	local physical
	mk_fs kernel img 300M - -d dup
	mount_fs img mnt
	head -c 1000000 /dev/urandom >mnt/noise
	umount_fs mnt
	mount_fs img mnt ro
	want=$(btrfs_ours offline hash mnt)
	umount_fs mnt
	mapfile -t physical < <("$PEER-map-logical" -l "$("$PEER" inspect-internal dump-tree -t 5 img | sed -nE 's/.*extent data disk byte ([0-9]+).*/\1/p' | tail -n 1)" img |
		sed -nE 's/.*physical ([0-9]+) .*/\1/p')
	[[ ${#physical[@]} == 2 ]]
	printf 'XXXX' | dd of=img bs=1 seek=$((physical[0] + 5000)) conv=notrunc status=none
	same "one copy" "${want/mnt/.}" "$(btrfs_ours offline img hash)"
	printf 'XXXX' | dd of=img bs=1 seek=$((physical[1] + 5000)) conv=notrunc status=none
	run_btrfs offline img hash
	expect 1
	has "/noise: "
	has "data checksum does not match at logical"
}
