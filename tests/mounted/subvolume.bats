# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs subvolume on a mounted filesystem: what it does, and what it says, as the distribution's program does and says.

setup() { load ../lib; begin; }
teardown() { finish; }

fresh() { mk_fs peer a.img 512M - "$@"; mount_fs a.img m; }
as_nobody() { setpriv --reuid 65534 --clear-groups "$@"; }
# The same command by both, their output compared.
both() { same "$*" "$(btrfs_peer "$@" 2>&1)" "$(btrfs_ours "$@" 2>&1)"; }

# 6.2 shows the wrong send time, and no line for a quota group where there is none.
not_62() { grep -v -e 'Send time' -e 'Quota group:.*n/a'; }

# Nested subvolumes, snapshots, one of them read-only, directories between.
populate() {
	btrfs_peer subvolume create m/s1 >/dev/null
	mkdir -p m/d/e
	btrfs_peer subvolume create m/d/e/s2 >/dev/null
	btrfs_peer subvolume create m/s1/inner >/dev/null
	echo data >m/s1/f
	btrfs_peer subvolume snapshot -r m/s1 m/d/snap >/dev/null
	btrfs_peer subvolume snapshot m/s1 m/copy >/dev/null
	sync -f m
}

@test "create makes subvolumes, with parents if asked, and goes on after a failure" { # bats test_tags=root
	fresh
	run_split btrfs_ours subvolume create m/s1 m/s1 m/s2 m/no/s3
	expect 1
	same output "Create subvolume 'm/s1'"$'\n'"Create subvolume 'm/s2'" "$output"
	same errors "ERROR: Could not create subvolume: File exists"$'\n'"ERROR: Could not open: No such file or directory" "$stderr"
	run_btrfs subvolume create -p m/no/where/s3
	expect 0
	same ids "256 257 258" "$(btrfs_peer subvolume list m | awk '{print $2}' | xargs)"
	cd m; run_btrfs subvolume create bare; same bare "Create subvolume './bare'" "$output"
	run_btrfs subvolume create -i 0/0 x; expect 234; has "qgroupid must not be 0"
	run_btrfs subvolume create -i foo x; expect 255; has "invalid qgroupid or subvolume path: foo"
	[[ ! -e x ]]
	run_btrfs subvolume create "$(printf '%0300d' 1)"; expect 1; has "File name too long"
}

@test "snapshot copies what was there, read-only if asked" { # bats test_tags=root
	fresh
	populate
	echo changed >m/s1/f
	run_btrfs subvolume snapshot m/s1 m/new; expect 0
	same text "Create snapshot of 'm/s1' in 'm/new'" "$output"
	run_btrfs subvolume snapshot -r m/s1 m/d; expect 0
	same text "Create readonly snapshot of 'm/s1' in 'm/d/s1'" "$output"
	[[ $(cat m/new/f) == changed && $(cat m/d/s1/f) == changed && $(cat m/d/snap/f) == data ]]
	run touch m/d/s1/x; [[ $status != 0 ]]
	touch m/new/x
	run_btrfs subvolume snapshot m/s1 m/s1/f; expect 1; has "ERROR: 'm/s1/f' exists and it is not a directory"
	run_btrfs subvolume snapshot m/d m/y; expect 1; has "ERROR: Not a Btrfs subvolume: Invalid argument"
	run_btrfs subvolume snapshot m/s1 m/nowhere/y; expect 1; has "ERROR: Could not open: No such file or directory"
	run_btrfs subvolume snapshot m/s1 m/d; expect 1; has "ERROR: Could not create subvolume: File exists"
}

@test "list says what the distribution's says, every column, filter and order" { # bats test_tags=root
	fresh
	populate
	for o in '' -p -c -g -u -q -R -s -r -t -o -a '-t -p -c -u' '-s -t' '-G +9' '-G -9' '-C +9' --sort=-rootid --sort=path,gen --sort=-ogen '-p -u -q -R -s'; do
		# shellcheck disable=SC2086
		both subvolume list $o m
	done
	run_btrfs subvolume list m/nowhere; expect 1
	run_btrfs subvolume list --sort=foo m; expect 1
	btrfs_ours --format json subvolume list m | python3 -c 'import json,sys; l=json.load(sys.stdin)["subvolume-list"]; assert [x["path"] for x in l] == ["s1","d/e/s2","s1/inner","d/snap","copy"], l'
}

@test "list, show, get-default and find-new say the same from wherever they are asked" { # bats test_tags=root
	fresh
	populate
	btrfs_peer subvolume create m/s1/inner/deep >/dev/null
	btrfs_peer subvolume create "m/a b"$'\xff' >/dev/null
	head -c 50k /dev/urandom >m/s1/inner/big; fallocate -l 1m m/s1/pre; echo x >m/d/e/small; mkdir m/s1/sub; head -c 8k /dev/urandom >m/s1/sub/last; sync -f m
	for p in m m/s1 m/d m/d/e m/s1/inner m/d/snap; do
		for o in '' -a -o '-a -puq' '-o -c -u -q -R -p' '-t -a' '-r -o' '-G +8 -a' -d; do
			# shellcheck disable=SC2086
			both subvolume list $o $p
		done
		both subvolume get-default $p
		for g in 0 7 8 9 100; do both subvolume find-new $p $g; done
	done
	both subvolume find-new m foo
	btrfs_ours --format json subvolume find-new m/s1 0 >json
	python3 - json <<-'PY'
	import json, sys
	f = json.load(open(sys.argv[1]))["subvolume-find-new"]
	assert {"pre", "sub/last", "f"} <= {e["path"] for e in f["extents"]} and f["transid-marker"] > 7, f
	PY
	mounted=$(btrfs_ours subvolume find-new m/s1 0; btrfs_ours subvolume find-new m 8)
	umount_fs m
	same unmounted "$mounted" "$(btrfs_ours subvolume find-new a.img:/s1 0; btrfs_ours subvolume find-new a.img:/ 8)"
}

@test "mounted and unmounted, list, show and get-default say the same" { # bats test_tags=root
	fresh
	populate
	btrfs_ours subvolume set-default m/s1
	sync -f m
	a=$(btrfs_ours subvolume list -p -c -u -q -R -s m; btrfs_ours subvolume list m; btrfs_ours subvolume show m/s1; btrfs_ours subvolume get-default m)
	umount_fs m
	b=$(btrfs_ours subvolume list -p -c -u -q -R -s a.img; btrfs_ours subvolume list a.img; btrfs_ours subvolume show a.img:/s1; btrfs_ours subvolume get-default a.img)
	same "both sides" "$a" "$b"
}

@test "an ordinary user lists what he may see" { # bats test_tags=root
	fresh
	populate
	mkdir -m 700 m/secret
	btrfs_peer subvolume create m/secret/hidden >/dev/null
	chmod 755 . m "$BATS_RUN_TMPDIR" 2>/dev/null || true
	cp "$(readlink -f "$BTRBOX")" m/bb; chmod 755 m/bb
	cd m
	run as_nobody ./bb btrfs subvolume list .
	expect 0
	has "path s1"; has "path d/e/s2"; has_not hidden
	run as_nobody ./bb btrfs subvolume show s1
	expect 0
	has "Name: 			s1"
	run as_nobody ./bb btrfs subvolume delete s1
	expect 1
	[[ -e s1/f ]]
}

@test "show and get-default say what the distribution's say" { # bats test_tags=root
	fresh
	populate
	for p in m/s1 m/d/snap m; do
		same "show $p" "$(btrfs_peer subvolume show $p | grep -v 'Send time')" "$(btrfs_ours subvolume show $p | not_62)"
	done
	same rootid "$(btrfs_peer subvolume show -r 257 m | grep -v 'Send time')" "$(btrfs_ours subvolume show -r 257 m | not_62)"
	both subvolume get-default m
	run_btrfs subvolume set-default m/s1; expect 0
	same silent "" "$output"
	both subvolume get-default m
	run_btrfs subvolume set-default 0 m; expect 0
	both subvolume get-default m
	run_btrfs subvolume set-default 999 m; expect 1
	run_btrfs subvolume show m/d; expect 1; has "ERROR: Not a Btrfs subvolume: Invalid argument"
	run_btrfs subvolume show -r 999 m; expect 1; has "ERROR: Subvolume not found"
}

@test "delete removes what it says, and nothing in a dry run" { # bats test_tags=root
	fresh
	populate
	run_btrfs --dry-run subvolume delete m/copy; expect 0
	same dry "Delete subvolume 260 (no-commit): '$T/m/copy'" "$output"
	[[ -e m/copy/f ]]
	run_btrfs subvolume delete m/s1; expect 1
	has "Could not destroy subvolume/snapshot: Directory not empty"
	[[ -e m/s1/f ]]
	run_btrfs subvolume delete -R -c m/copy m/s1; expect 0
	same lines "Delete subvolume 260 (no-commit): '$T/m/copy'"$'\n'"Delete subvolume 258 (no-commit): '$T/m/s1/inner'"$'\n'"Delete subvolume 256 (commit): '$T/m/s1'" "$output"
	[[ ! -e m/s1 && ! -e m/copy && -e m/d/snap/f ]]
	run_btrfs subvolume delete -C -i 257 m; expect 0
	has "Delete subvolume 257 (commit): 'm/d/e/s2'"
	[[ ! -e m/d/e/s2 ]]
	run_btrfs subvolume delete -i 999 m; expect 1; has "subvolid=999"
	run_btrfs subvolume delete -R -i 257 m; expect 1
	run_btrfs subvolume delete m/d; expect 1; has "ERROR: Not a Btrfs subvolume: Invalid argument"
	run_btrfs subvolume delete m/nowhere; expect 1; has "ERROR: Could not statfs: No such file or directory"
	btrfs_peer subvolume set-default m/d/snap
	run_btrfs subvolume delete m/d/snap; expect 1; has "WARNING: not deleting default subvolume id 259"
	run_btrfs subvolume delete -q m/nowhere; expect 1
}

@test "sync waits until deleted subvolumes are gone" { # bats test_tags=root
	fresh
	populate
	run timeout 20 "$BTRBOX" btrfs subvolume sync m; expect 0
	same "nothing to wait for" "" "$output"
	btrfs_ours subvolume delete -c m/copy
	run timeout 60 "$BTRBOX" btrfs subvolume sync m 260; expect 0
	has "Subvolume id 260 is gone (1/1)"
	run_btrfs subvolume sync m foo; expect 1; has "unrecognized subvolume id foo"
	run_btrfs subvolume sync -s 0 m; expect 1; has "invalid sleep interval 0"
}
