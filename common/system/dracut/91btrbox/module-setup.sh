#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# dracut's own module btrfs brings the kernel's side and waits for the devices; this one brings the program and its rules.

check() {
	require_binaries btrbox || return 1
	if [[ $hostonly || $mount_needs ]]; then
		local type
		for type in "${host_fs_types[@]}"; do
			[[ $type == btrfs ]] && return 0
		done
		return 255
	fi
	return 0
}

depends() {
	return 0
}

installkernel() {
	instmods btrfs crc32c crc32c_intel xxhash_generic blake2b_generic sha256_generic
}

install() {
	inst_multiple btrbox btrfs btrfsck
	inst_multiple -o fsck.btrfs
	inst_rules 64-btrfs-dm.rules 64-btrfs-zoned.rules 65-btrfs-ready.rules
}
