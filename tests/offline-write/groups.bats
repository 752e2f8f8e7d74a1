# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs subvolume on unmounted filesystems, by its own names and inside btrfs offline: what is done shows after the next mount as if the kernel had done it.

setup() { load ../lib; begin; }
teardown() { finish; }

# What is in use: bytes, references and checksums, as the reader sees them.
in_use() { btrfs_ours inspect-internal dump-tree -t extent "$1" | grep -c 'EXTENT_ITEM\|METADATA_ITEM'; btrfs_ours filesystem df --raw "$1" | grep -v Reserve; }
judged() { judge_peer "$1" && judge_reader "$1"; }

@test "subvolumes are created, with parents, several at a time, and one failure does not stop the others" { # bats test_tags=root
	mk_fs peer a.img 256M -
	run_split btrfs_ours subvolume create a.img:/s1 a.img:/s1 a.img:/s2 a.img:/no/s3
	expect 1
	same output "Create subvolume 'a.img:/s1'"$'\n'"Create subvolume 'a.img:/s2'" "$output"
	same errors "ERROR: Could not create subvolume: File exists"$'\n'"ERROR: cannot access 'a.img:/no/': No such file or directory" "$stderr"
	(umask 027; btrfs_ours subvolume create -p a.img:/d/e/s3)
	run_btrfs subvolume create -i 0/0 a.img:/x; expect 234; has "qgroupid must not be 0"
	run_btrfs subvolume create -i foo a.img:/x; expect 255; has "invalid qgroupid or subvolume path: foo"
	run_btrfs subvolume create "a.img:/$(printf '%0300d' 1)"; expect 1; has "File name too long"
	run_btrfs subvolume create a.img:/; expect 1
	judged a.img; judge_kernel a.img -
	mount_fs a.img m
	same names "256 s1 257 s2 258 d/e/s3" "$(btrfs_peer subvolume list m | awk '{print $2, $9}' | xargs)"
	same modes "750 750 750" "$(stat -c %a m/d m/d/e m/d/e/s3 | xargs)"
	touch m/s1/x m/d/e/s3/x
}

@test "snapshots hold what was there, read-only if asked, and deleting one leaves no trace" { # bats test_tags=root
	mk_tree tree
	mk_fs peer a.img 512M tree
	btrfs_ours subvolume create a.img:/s a.img:/keep
	mount_fs a.img m; cp -a tree/. m/s/; manifest m/s >want; umount_fs m
	before=$(in_use a.img)
	run_btrfs subvolume snapshot -r a.img:/s a.img:/snap; expect 0
	same text "Create readonly snapshot of 'a.img:/s' in 'a.img:/snap'" "$output"
	run_btrfs subvolume snapshot a.img:/snap a.img:/keep; expect 0
	same text "Create snapshot of 'a.img:/snap' in 'a.img:/keep/snap'" "$output"
	run_btrfs subvolume snapshot a.img:/s a.img:/keep/snap/; expect 0
	run_btrfs subvolume snapshot a.img:/s a.img:/keep/snap; expect 1; has "ERROR: Could not create subvolume: File exists"
	run_btrfs subvolume snapshot a.img:/keep/snap/s a.img:/third; expect 0
	run_btrfs subvolume snapshot a.img:/s m/x; expect 1; has "Invalid cross-device link"
	judged a.img
	mount_fs a.img m
	for d in snap keep/snap/s third; do manifest m/$d | diff -q want - ; done
	run touch m/snap/x; [[ $status != 0 ]]
	echo change >m/third/change; rm -rf m/keep/snap/s/*
	btrfs_peer subvolume show m/snap | grep -q 'Flags:.*readonly'
	umount_fs m
	judged a.img
	run_btrfs subvolume delete a.img:/keep; expect 1; has "ERROR: Could not destroy subvolume/snapshot: Directory not empty"
	run_btrfs subvolume delete -R -c a.img:/keep/snap a.img:/third a.img:/snap; expect 0
	same lines "Delete subvolume 260 (no-commit): 'a.img:/keep/snap/s'"$'\n'"Delete subvolume 259 (no-commit): 'a.img:/keep/snap'"$'\n'"Delete subvolume 261 (no-commit): 'a.img:/third'"$'\n'"Delete subvolume 258 (commit): 'a.img:/snap'" "$output"
	judged a.img; judge_kernel a.img -
	same "space, as before" "$before" "$(in_use a.img)"
	mount_fs a.img m; manifest m/s | diff -q want -
}

@test "delete by id, in dry runs, with an undo file; never the default subvolume" { # bats test_tags=root
	mk_fs peer a.img 256M -
	btrfs_ours subvolume create a.img:/s1 a.img:/s2 a.img:/s1/in
	cp --sparse=always a.img before.img
	run_btrfs --dry-run subvolume delete -R a.img:/s1; expect 0; has "Delete subvolume 258 (no-commit): 'a.img:/s1/in'"; has "nothing was written"
	cmp a.img before.img
	run_btrfs subvolume delete -i 258 a.img; expect 0; has "Delete subvolume 258 (no-commit): 'a.img:/s1/in'"
	run_btrfs subvolume delete -i 258 a.img; expect 1; has "subvolid=258"
	run_btrfs subvolume delete -i 5 a.img; expect 1
	run_btrfs subvolume delete -R -i 256 a.img; expect 1; has "option --recursive is not supported with --subvolid"
	run_btrfs subvolume set-default a.img:/s2; expect 0; same silent "" "$output"
	run_btrfs subvolume delete a.img:/s2 a.img:/s1; expect 1
	has "WARNING: not deleting default subvolume id 257 'a.img:/s2'"; has "Delete subvolume 256 (no-commit): 'a.img:/s1'"
	run_btrfs subvolume delete a.img:/nowhere; expect 1; has "ERROR: Could not statfs: No such file or directory"
	mkdir d; run_btrfs subvolume delete d; expect 1
	judged a.img
	mount_fs a.img m subvolid=5
	same left s2 "$(ls m)"
	umount_fs m
	mount_fs a.img m
	same "default is mounted" 257 "$(btrfs_peer inspect-internal rootid m)"
	umount_fs m
	run_btrfs subvolume set-default 0 a.img; expect 0
	run_btrfs subvolume get-default a.img; same default "ID 5 (FS_TREE)" "$output"
	run_btrfs subvolume set-default 999 a.img; expect 1
	run_btrfs subvolume set-default a.img; expect 0
	judged a.img
}

@test "inside btrfs offline the same commands work on paths; a batch is all or nothing" { # bats test_tags=root
	mk_fs peer a.img 256M -
	btrfs_ours offline a.img subvolume create s
	printf '%s\n' 'subvolume snapshot -r s /snap' 'property set s compression zstd' 'subvolume create /s' | (btrfs_ours offline --atomic -f - a.img && exit 1 || true)
	same "nothing happened" "ID 256 gen" "$(btrfs_ours subvolume list a.img | cut -d' ' -f1-3)"
	printf '%s\n' 'subvolume snapshot -r s /snap' 'subvolume delete s' 'filesystem label . inside' | btrfs_ours offline --atomic -f - a.img
	same "all of it" snap "$(btrfs_ours subvolume list a.img | awk '{print $9}')"
	same label inside "$(btrfs_ours filesystem label a.img)"
	judged a.img
}

@test "sync drops what a mount left half deleted" { # bats test_tags=root
	mk_tree tree
	mk_fs peer a.img 512M -
	mount_fs a.img m
	btrfs_peer subvolume create m/s >/dev/null; cp -a tree/. m/s/; sync -f m
	# the cleaner has not come to it when this copy is taken
	btrfs_peer subvolume delete -c m/s >/dev/null; cp --sparse=always a.img b.img
	umount_fs m
	run_btrfs subvolume list -d b.img
	if [[ $output ]]; then
		run_btrfs subvolume sync b.img 999; expect 0; same "not that one" "" "$output"
		run_btrfs subvolume sync b.img; expect 0
		same text "Waiting for 1 subvolume"$'\n'"Subvolume id 256 is gone (1/1)" "$output"
	fi
	run_btrfs subvolume sync b.img; expect 0; same nothing "" "$output"
	run_btrfs subvolume list -d b.img; same none "" "$output"
	judged b.img; judge_kernel b.img -
}
