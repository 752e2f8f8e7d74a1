# SPDX-License-Identifier: GPL-2.0-or-later
# check: blocks, extents, chunks, devices, free space.
setup() { load ../lib; begin; }
teardown() { finish; }

# The two findings that are true of what mkfs 6.2 makes: free space of removed block groups.
no_leftovers() { grep -v '^Space key logical .* has no corresponding block group$' || true; }

@test "what the distribution's mkfs makes has no error, and the same totals as it counts" {
	need_peer
	local p
	for p in "-m dup -d single" "-m single -d single --mixed" "-O ^no-holes -R ^free-space-tree"; do
		rm -f a.img; truncate -s 300M a.img
		"$PEER_MKFS" -q $p a.img >/dev/null
		run_split btrfs_ours check a.img
		[[ $(no_leftovers <<<"$stderr" | grep -v '^\[') == "" ]] || { echo "$p: $stderr"; return 1; }
		diff <(sed 1d <<<"$(grep -v 'bytes used' <<<"$output")") <(sed 1d <<<"$(btrfs_peer check a.img 2>/dev/null | grep -v 'bytes used')")
	done
}

@test "fsck.btrfs does nothing, and says so unless it runs at boot" {
	: >dev
	run "$BTRBOX" fsck.btrfs dev
	[[ $status == 0 && $output == *"see btrfs(8) subcommand 'check'"* ]]
	run "$BTRBOX" fsck.btrfs -a dev
	[[ $status == 0 && $output == "" ]]
	run "$BTRBOX" fsck.btrfs -a nowhere
	[[ $status == 8 && $output == *"nowhere does not exist" ]]
}

@test "each damaged image of metadata is told from a whole one, for any number of jobs" {
	need_shared images/check; need_peer; need_cmd xz
	local f jobs first
	for f in extent-ref-cases--keyed_data_ref.img shift-offsets--default_case.img no-extent-info--no_extent_bad_dev.img; do
		btrfs-image -t1 -r "$SHARED/images/check/$f" a.img
		first=
		for jobs in 1 2 5; do
			run "$BTRBOX" btrfs check --jobs $jobs a.img
			[[ $f == extent-ref* ]] && [[ $status == 0 ]] || [[ $f != extent-ref* && $status == 1 ]]
			[[ ! $first || $first == "$output" ]] || diff <(echo "$first") <(echo "$output")
			first=$output
		done
	done
}
