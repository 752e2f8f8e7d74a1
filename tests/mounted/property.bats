# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs property and btrfs filesystem label, mounted and not: what they do, and what they say, as the distribution's program does and says.

setup() { load ../lib; begin; }
teardown() { finish; }

both() { same "$*" "$(btrfs_peer "$@" 2>&1; echo "rc $?")" "$(btrfs_ours "$@" 2>&1; echo "rc $?")"; }

@test "property get, list and set of what is mounted say what the distribution's say" { # bats test_tags=root
	mk_fs peer a.img 256M - -L first; mount_fs a.img m
	btrfs_peer subvolume create m/s >/dev/null; mkdir m/d; echo x >m/f; ln -s f m/l
	for p in m m/s m/d m/f m/l "${LOOPS[0]}"; do
		both property get $p
		both property list $p
		both property get $p label
		both property get $p ro
	done
	for p in m m/s m/d m/f m/l; do both property get -t i $p compression; done
	both property get m foo
	both property get -t x m
	both property get /nowhere
	both property get "$T"
	both property set m/s ro maybe
	both property set m/f ro true
	both property set m/s label x
	both property set m/f compression bogus
	both property set "${LOOPS[0]}" label x
	run_btrfs property set m/f compression zstd:5; expect 0
	same attribute zstd:5 "$(getfattr --only-values -n btrfs.compression m/f 2>/dev/null || btrfs_peer property get m/f compression | cut -d= -f2)"
	run_btrfs property set m/f compression ''; expect 0
	same unset '' "$(btrfs_peer property get m/f compression)"
	run_btrfs property set m/d compression lzo; expect 0
	touch m/d/child
	same inherited compression=lzo "$(btrfs_peer property get m/d/child compression)"
	run_btrfs property set m/s ro true; expect 0
	run touch m/s/x; [[ $status != 0 ]]
	run_btrfs property set m/s ro false; expect 0
	touch m/s/x
	run_btrfs property set m label second; expect 0
	same label second "$(btrfs_peer filesystem label m)"
	run_btrfs filesystem label m third; expect 0
	both filesystem label m
	both filesystem label "${LOOPS[0]}" x
	btrfs_ours --format json property get m | python3 -c 'import json,sys; p=json.load(sys.stdin)["property-get"]; assert p["ro"] == "false" and p["label"] == "third", p'
	run_btrfs property set --undo u m label x; expect 1; has "--undo works on unmounted filesystems only"
	run_btrfs --dry-run property set m label x; expect 1; has "works on unmounted filesystems only"
	same "not done" third "$(btrfs_peer filesystem label m)"
}

@test "a received subvolume becomes writable with -f alone, and is then no longer a received one" { # bats test_tags=root
	mk_fs peer a.img 256M -; mount_fs a.img m
	btrfs_peer subvolume create m/s >/dev/null; echo x >m/s/f
	btrfs_peer subvolume snapshot -r m/s m/snap >/dev/null; mkdir m/to
	btrfs_peer send -q m/snap | btrfs_peer receive -q m/to
	run_btrfs property set m/to/snap ro false; expect 1; has "ERROR: cannot flip ro->rw with received_uuid set"
	has_not WARNING
	same still ro=true "$(btrfs_peer property get m/to/snap ro)"
	sync -f m
	cp --sparse=always a.img b.img
	run_btrfs property set -f m/to/snap ro false; expect 0; has "WARNING: clearing received_uuid"
	same now ro=false "$(btrfs_peer property get m/to/snap ro)"
	btrfs_peer subvolume show m/to/snap | grep -q 'Received UUID:.*-$'
	umount_fs m
	run_btrfs property set b.img:/to/snap ro false; expect 1; has "ERROR: cannot flip ro->rw with received_uuid set"
	run_btrfs property set -f b.img:/to/snap ro false; expect 0; has "WARNING: clearing received_uuid"
	run_btrfs subvolume show b.img:/to/snap; has "Received UUID: 		-"; has "Flags: 			-"
	judge_peer b.img; judge_reader b.img
}

@test "properties and the label of an unmounted filesystem are those of the next mount" { # bats test_tags=root
	mk_fs peer a.img 256M - -L first
	mount_fs a.img m; btrfs_peer subvolume create m/s >/dev/null; mkdir m/d; echo x >m/f; umount_fs m
	run_btrfs property get a.img; same device label=first "$output"
	run_btrfs property set a.img label second; expect 0
	judge_peer a.img
	run_btrfs filesystem label a.img; same label second "$output"
	run_btrfs filesystem label a.img third; expect 0
	run_btrfs filesystem label a.img "$(printf '%0256d' 0)"; expect 255; has "is too long (max 255)"
	run_btrfs --dry-run filesystem label a.img fourth; expect 0
	run_btrfs filesystem label a.img; same label third "$output"
	run_btrfs filesystem label --undo u a.img fourth; expect 0
	run_btrfs filesystem label a.img; same label fourth "$output"
	run_btrfs property set a.img:/s ro true; expect 0
	run_btrfs property set a.img:/s ro maybe; expect 1; has "ERROR: invalid value for property: maybe"
	run_btrfs property set a.img:/f ro true; expect 1; has "ERROR: object is not compatible with property: ro"
	run_btrfs property set a.img:/d compression zstd; expect 0
	run_btrfs property set a.img:/f compression bogus; expect 1; has "ERROR: failed to set compression for a.img:/f: Invalid argument"
	run_btrfs property set a.img:/nowhere compression zstd; expect 1; has "No such file or directory"
	judge_peer a.img; judge_reader a.img; judge_kernel a.img -
	for p in /s /d /; do btrfs_ours property get a.img:$p; done >offline
	mount_fs a.img m
	same "label, mounted" fourth "$(btrfs_peer filesystem label m)"
	same both "$(for p in /s /d /; do btrfs_peer property get m$p; done)" "$(cat offline)"
	run touch m/s/x; [[ $status != 0 ]]
	touch m/d/x; same inherited compression=zstd "$(btrfs_peer property get m/d/x compression)"
	run_btrfs property set a.img label fifth; expect 1; has "mounted"
}
