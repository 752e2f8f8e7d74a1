# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs filesystem and btrfs reflink on mounted filesystems, and what of them changes unmounted ones: what they do, and what they say, as the distribution's program does and says.

setup() { load ../lib; begin; }
teardown() { finish; }

both() { same "$*" "$(btrfs_peer "$@" 2>&1; echo "rc $?")" "$(btrfs_ours "$@" 2>&1; echo "rc $?")"; }
as_nobody() { setpriv --reuid 65534 --clear-groups "$@"; }
for_nobody() { cp "$(readlink -f "$BTRBOX")" m/bb; chmod 755 m m/bb "$T"; }

# Reflinks, hard links, snapshots, holes, inline data, a symlink, what only root may read, another filesystem on the way.
populate() {
	mkdir -p m/d/e/deep m/empty; mkdir -m 700 m/secret
	head -c 300k /dev/urandom >m/d/a; cp --reflink=always m/d/a m/d/e/b; ln m/d/a m/d/e/hard; ln -s a m/d/l
	echo inline >m/d/e/deep/small; truncate -s 1M m/d/hole; head -c 20k /dev/urandom >m/secret/x; mkfifo m/fifo
	btrfs_peer subvolume create m/s >/dev/null; head -c 100k /dev/urandom >m/s/f; head -c 4k m/s/f | dd of=m/s/g conv=notrunc status=none
	btrfs_peer subvolume snapshot m/s m/t >/dev/null; head -c 8k /dev/urandom | dd of=m/t/f conv=notrunc status=none
	sync -f m
}

@test "df and usage say what the distribution's say, in every unit, mounted and not" { # bats test_tags=root
	mk_fs peer a.img,b.img,c.img 300M - -d raid1 -m raid1c3; mount_fs a.img,b.img,c.img m
	populate
	for o in '' -b -h -H -k -m -g -t --raw --iec --si --kbytes '--si -m'; do
		# shellcheck disable=SC2086
		both filesystem df $o m
		# shellcheck disable=SC2086
		both filesystem usage $o m
	done
	both filesystem usage -T m
	both filesystem usage -T -b m
	both filesystem usage m/d m/s
	both filesystem df m/nowhere
	both filesystem df m/d/a
	both filesystem df /tmp
	run_btrfs -v -v filesystem df m; has "Metadata:"; has "  bytes_used "
	used=$(btrfs_ours filesystem df --raw m | grep -v Reserve; btrfs_ours filesystem usage -T --raw m | awk '/loop/ { $2 = ""; print }')
	btrfs_ours --format json filesystem usage m >json
	python3 - json <<-'PY'
	import json, sys
	u = json.load(open(sys.argv[1]))["filesystem-usage"][0]
	assert u["overall"]["device-size"] == 3 * (300 << 20) and u["overall"]["data-ratio"] == 2 and u["overall"]["metadata-ratio"] == 3, u["overall"]
	assert {b["bg-type"]: b["bg-profile"] for b in u["block-groups"]} == {"Data": "RAID1", "Metadata": "RAID1C3", "System": "RAID1C3"}, u["block-groups"]
	assert [d["devid"] for d in u["devices"]] == [1, 2, 3]
	PY
	umount_fs m
	same unmounted "$used" "$(btrfs_ours filesystem df --raw a.img,b.img,c.img | grep -v Reserve
		btrfs_ours filesystem usage -T --raw a.img,b.img,c.img | awk '/img/ { $2 = ""; print }')"
}

@test "several profiles of a type are warned of" { # bats test_tags=root
	mk_fs peer a.img,b.img 400M - -d single -m raid1; mount_fs a.img,b.img m
	head -c 5M /dev/urandom >m/f; sync -f m
	btrfs_peer balance start -q -dconvert=raid0,limit=1 m >/dev/null 2>&1 || true
	head -c 100M /dev/zero >m/g; sync -f m
	both filesystem df m
	both filesystem usage m
	if [[ $(btrfs_peer filesystem df m | grep -c '^Data') == 2 ]]; then
		run_btrfs filesystem df m; has "WARNING: Multiple block group profiles detected"; has "WARNING:    Data: single, raid0"
	fi
}

@test "an ordinary user gets the figures that need no root" { # bats test_tags=root
	mk_fs peer a.img 400M - -m dup; mount_fs a.img m
	populate; for_nobody; sync -f m
	cd m
	same df "$(btrfs_peer filesystem df .)" "$(as_nobody ./bb btrfs filesystem df .)"
	run as_nobody ./bb btrfs filesystem usage .; expect 0
	has "WARNING: cannot read detailed chunk info, per-device usage will not be shown, run as root"
	same overall "$(btrfs_peer filesystem usage . | sed -n '/^Overall/,/^$/p')" "$(as_nobody ./bb btrfs filesystem usage . 2>/dev/null | sed -n '/^Overall/,/^$/p')"
	same du "$(as_nobody "$PEER" filesystem du . 2>/dev/null)" "$(as_nobody ./bb btrfs filesystem du . 2>/dev/null)"
	run as_nobody ./bb btrfs filesystem du .; expect 0; has "WARNING: cannot access './secret': Permission denied"
	run as_nobody ./bb btrfs filesystem label .; expect 0
	run as_nobody ./bb btrfs filesystem label . x; expect 255; has "Operation not permitted"
	run as_nobody ./bb btrfs filesystem resize max .; expect 1; has "Operation not permitted"
	run as_nobody ./bb btrfs filesystem commit-stats .; expect 0; has "Total commits:"
	run as_nobody ./bb btrfs filesystem show .; expect 0; has "Total devices 1"
	run as_nobody ./bb btrfs filesystem mkswapfile -s 1m sw; expect 1; has "ERROR: cannot create new swapfile: Permission denied"
}

@test "du says what the distribution's says, and what is said of the unmounted filesystem" { # bats test_tags=root
	mk_fs peer a.img 400M -; mount_fs a.img m
	populate
	mkdir m/d/other; mount -t tmpfs none m/d/other; echo "$PWD/m/d/other" >>"$T/.mounted"; head -c 10k /dev/urandom >m/d/other/x
	for a in m "-s m m/d m/s m/t" "--raw m" "-s --si m/d/a m/d/l m/d/e/hard m/fifo" "m/d/e m/empty"; do
		# shellcheck disable=SC2086
		same "du $a" "$(btrfs_peer filesystem du $a 2>/dev/null)" "$(btrfs_ours filesystem du $a 2>/dev/null)"
	done
	run_split btrfs_ours filesystem du m/nowhere m/s; expect 1; same errors "ERROR: cannot check space of 'm/nowhere': No such file or directory" "$stderr"; has m/s/f
	run_btrfs filesystem du /tmp; expect 1; has "ERROR: cannot check space of '/tmp'"
	umount m/d/other; rmdir m/d/other
	mounted=$(btrfs_ours filesystem du --raw m | sed 's|m/||' | sort; btrfs_ours filesystem du -s --raw m/d m/s m | sed 's|m/\?||' | awk '{ print $1, $2, $3 }')
	btrfs_ours --format json filesystem du --raw m | python3 -c '
import json, sys
rows = {r["path"]: r for r in json.load(sys.stdin)["filesystem-du"]}
assert rows["m/d/e/b"] == {"path": "m/d/e/b", "total": 307200, "exclusive": 0, "set-shared": None} and rows["m"]["set-shared"] > 307200, rows["m"]'
	umount_fs m
	same unmounted "$mounted" "$(btrfs_ours filesystem du --raw a.img | sed 's|a.img:/||; s|a.img|m|' | sort; btrfs_ours filesystem du -s --raw a.img:/d a.img:/s a.img | awk '{ print $1, $2, $3 }')"
}

@test "du of many files, read from the devices where that may be, is what the kernel tells file by file" { # bats test_tags=root
	mk_fs peer a.img,b.img 400M - -d raid0; mount_fs a.img,b.img m
	btrfs_peer subvolume create m/live >/dev/null; mkdir -p m/live/{0..9}
	python3 - <<-'PY'
	import os
	for i in range(2500):
	    with open(f'm/live/{i % 10}/f{i}', 'wb') as f: f.write(bytes([i & 255, i >> 8]) * (10 if i % 3 else 3000 + i))
	for i in range(0, 2500, 50): os.link(f'm/live/{i % 10}/f{i}', f'm/live/{(i + 1) % 10}/l{i}')
	PY
	cp -r --reflink=always m/live/1 m/live/copy
	btrfs_peer subvolume snapshot m/live m/snap >/dev/null
	echo later >>m/snap/3/f3; rm m/live/4/f4; truncate -s 0 m/live/5/f5; sync -f m
	btrfs_peer filesystem du m >want
	btrfs_ours filesystem du m >got; same_file want got
	same summary "$(btrfs_peer filesystem du -s m m/snap)" "$(btrfs_ours filesystem du -s m m/snap)"
	# what was written just now counts, as after a sync
	head -c 100k /dev/urandom >m/live/new
	btrfs_ours filesystem du -s --raw m >got; btrfs_peer filesystem du -s --raw m >want; same_file want got
	# another filesystem below, or an ordinary user: the kernel is asked
	mkdir m/snap/0/other; mount -t tmpfs none m/snap/0/other; echo "$PWD/m/snap/0/other" >>"$T/.mounted"; echo x >m/snap/0/other/x
	same "mounted over" "$(btrfs_peer filesystem du m 2>/dev/null)" "$(btrfs_ours filesystem du m)"
	umount m/snap/0/other
	for_nobody; sync -f m; cd m
	same user "$(as_nobody "$PEER" filesystem du live)" "$(as_nobody ./bb btrfs filesystem du live)"
	btrfs_ours filesystem du live | head -3 >/dev/null
}

@test "du goes as deep as directories do" { # bats test_tags=root
	mk_fs peer a.img 256M -; mount_fs a.img m
	(cd m; for i in {1..300}; do mkdir d f; echo "$i" >f/x; cd d || exit; done; head -c 8k /dev/urandom >end)
	sync -f m
	run bash -c "ulimit -n 300; '$BTRBOX' btrfs filesystem du --raw m | tail -1"; expect 0
	has "      8192        8192"
	same rows 901 "$(btrfs_ours filesystem du m | tail -n +2 | wc -l)" || same rows "$(btrfs_peer filesystem du m | wc -l)" "$(btrfs_ours filesystem du m | wc -l)"
}

@test "show finds filesystems by path, device, label and uuid, mounted or not, with devices missing" { # bats test_tags=root
	label=groups$RANDOM$RANDOM
	mk_fs peer a.img,b.img,c.img 300M - -L $label -d raid1 -m raid1; mount_fs a.img,b.img,c.img m
	loops=("${LOOPS[@]}"); uuid=$(btrfs_peer filesystem show m | sed -n 's/.*uuid: //p'); mkdir m/sub
	peer_show() { btrfs_peer filesystem show "$@" 2>/dev/null | peer_62 show; }
	for a in m "${loops[1]}" "$label" "$uuid" "-m $label" "--raw m" "--si m" "-m m"; do
		# shellcheck disable=SC2086
		same "show $a" "$(peer_show $a)" "$(btrfs_ours filesystem show $a 2>&1)"
	done
	same "an image that is mounted" "$(peer_show m)" "$(btrfs_ours filesystem show b.img)"
	run_btrfs filesystem show nosuch$label; expect 1; same "not found" "ERROR: not a valid btrfs filesystem: nosuch$label" "$output"
	run_btrfs filesystem show -d m; expect 1
	run_btrfs filesystem show -m; has "uuid: $uuid"
	run_btrfs filesystem show; has "uuid: $uuid"
	echo x >notbtrfs; truncate -s 1M notbtrfs; run_btrfs filesystem show notbtrfs; expect 1; has "ERROR: no btrfs on notbtrfs"
	btrfs_ours --format json filesystem show m | python3 -c 'import json,sys; f=json.load(sys.stdin)["filesystem-show"][0]; assert f["total-devices"] == 3 and f["mounted"] and [d["devid"] for d in f["devices"]] == [1, 2, 3], f'
	mounted=$(btrfs_ours filesystem show m | sed 's/path.*//')
	umount_fs m
	same unmounted "$mounted" "$(btrfs_ours filesystem show a.img | sed 's/path.*//')"
	# one is gone
	attach a.img c.img; loops=("${LOOPS[@]}"); mkdir -p n
	mount -o "degraded,device=${loops[1]}" "${loops[0]}" n; echo "$PWD/n" >>"$T/.mounted"
	same degraded "$(peer_show n)" "$(btrfs_ours filesystem show n)"
	run_btrfs filesystem show n; [[ $output =~ "devid    2 size 0 used 0 path ".*" MISSING" ]]
	same usage "$(btrfs_peer filesystem usage n | sed 's/<missing disk>/missing/')" "$(btrfs_ours filesystem usage n)"
	run_btrfs filesystem usage -T n; has " 2 missing "
	umount n
	btrfs_peer device scan --forget "${loops[@]}"
	mkdir lone; cp --sparse=always a.img lone/; run_btrfs filesystem show lone/a.img; expect 0; has "*** Some devices missing"
}

@test "defragment joins extents, compresses and says what it cannot do" { # bats test_tags=root
	mk_fs peer a.img 512M -; mount_fs a.img m
	extents() { filefrag "$1" | sed 's/.*: \([0-9]*\) extent.*/\1/'; }
	mkdir -p m/d/e; btrfs_peer subvolume create m/d/sub >/dev/null
	for i in {0..15}; do for f in m/d/a m/d/e/b m/d/sub/c; do dd if=/dev/urandom of=$f bs=16k count=1 seek=$i conv=notrunc,fsync status=none; done; done
	sum=$(md5sum <m/d/a)
	(( $(extents m/d/a) > 4 ))
	run_btrfs filesystem defragment m/d/a; expect 0; same silent "" "$output"; sync -f m
	same extents 1 "$(extents m/d/a)"
	same content "$sum" "$(md5sum <m/d/a)"
	run_btrfs filesystem defragment -v -r -f m/d; expect 0
	same names "m/d/a m/d/e/b" "$(sort <<<"$output" | xargs)"
	same "recursive" 1 "$(extents m/d/e/b)"; (( $(extents m/d/sub/c) > 4 ))
	run_btrfs filesystem defragment -s 0 -l 64k m/d/sub/c; expect 0; sync -f m
	n=$(extents m/d/sub/c); (( n > 2 && n < 16 ))
	run_btrfs filesystem defragment --step 1k m/d/sub/c; expect 0; has "WARNING: step"; sync -f m; same steps 1 "$(extents m/d/sub/c)"
	yes compressible | head -c 1M >m/z; sync -f m
	run_btrfs filesystem defragment -czstd m/z; expect 0; sync -f m; filefrag -v m/z | grep -q encoded
	run_btrfs filesystem defragment -c m/z; expect 0
	if [[ $(printf '%s\n' 6.17 "$(uname -r)" | sort -V | head -1) == 6.17 ]]; then
		run_btrfs filesystem defragment --nocomp m/z; expect 0; sync -f m; run bash -c 'filefrag -v m/z | grep encoded'; [[ $status != 0 ]]
		run_btrfs filesystem defragment -czstd -L 15 m/z; expect 0; run_btrfs filesystem defragment -czstd --level -3 m/z; expect 0
	fi
	both filesystem defragment -cfoo m/z
	both filesystem defragment -t 5g m/z
	both filesystem defragment m/nowhere m/z
	run_btrfs filesystem defragment -c --nocomp m/z; expect 1; has "ERROR: cannot use compression with --nocomp"
	run_btrfs filesystem defragment m/d; expect 0; has "WARNING: directory specified but recursive mode not requested: m/d"
	mkfifo m/p; run_btrfs filesystem defragment m/p; expect 1; has "ERROR: m/p is not a directory or a regular file"; has "total 1 failures"
	run_btrfs filesystem defragment -s foo m/z; expect 1
	umount_fs m
	run_btrfs filesystem defragment a.img:/z; expect 1; has "works on mounted filesystems only"
}

@test "mkswapfile makes what the kernel swaps to, mounted and not" { # bats test_tags=root
	mk_fs peer a.img 400M -; mount_fs a.img m
	run_btrfs filesystem mkswapfile -s 1m m/s; expect 0; same text "create swapfile m/s size 1.00MiB (1048576)" "$output"
	run_btrfs -v -v filesystem mkswapfile -s 41k -U clear m/t; expect 0
	same steps "create file m/t with mode 0600
set NOCOW attribute
fallocate to size 40960, page size 4096, 9 pages
write swap signature
create swapfile m/t size 40.00KiB (40960)" "$output"
	same mode "600 1048576" "$(stat -c '%a %s' m/s)"
	swapon m/s; swapoff m/s
	btrfs_peer filesystem mkswapfile -s 1m -U 01234567-89ab-cdef-0123-456789abcdef m/p >/dev/null
	run_btrfs filesystem mkswapfile -s 1m -U 01234567-89ab-cdef-0123-456789abcdef m/o; expect 0
	cmp m/p m/o
	run_btrfs filesystem mkswapfile -s 39k m/x; expect 1; has "ERROR: swapfile needs to be at least 40 KiB"
	run_btrfs filesystem mkswapfile -s 1m m/s; expect 1; has "ERROR: cannot create new swapfile: File exists"
	run_btrfs filesystem mkswapfile -s 1m -U foo m/x; expect 1; has "ERROR: UUID not recognized: foo"
	run_btrfs filesystem mkswapfile -s 1g m/x; expect 1; has "No space left on device"
	[[ ! -e m/x ]]
	umount_fs m
	run_btrfs filesystem mkswapfile -s 2m a.img:/off; expect 0; same text "create swapfile a.img:/off size 2.00MiB (2097152)" "$output"
	run_btrfs filesystem mkswapfile -s 2m a.img:/off; expect 1; has "ERROR: cannot create new swapfile: File exists"
	run_btrfs filesystem mkswapfile -s 1g a.img:/full; expect 1
	judge_peer a.img; judge_reader a.img; judge_kernel a.img -
	run_btrfs inspect-internal map-swapfile -r a.img:/off; expect 0; offset=$output
	mount_fs a.img m
	[[ ! -e m/full ]]
	same mode "600 2097152" "$(stat -c '%a %s' m/off)"
	same offset "$offset" "$(btrfs_peer inspect-internal map-swapfile -r m/off)"
	swapon m/off; swapoff m/off
}

@test "resize of a mounted filesystem says and does what the distribution's does" { # bats test_tags=root
	mk_fs peer a.img 600M -; mount_fs a.img m
	dev=${LOOPS[0]}
	run_btrfs filesystem resize 400m m; expect 0; same text "Resize device id 1 ($dev) from 600.00MiB to 400.00MiB" "$output"
	same size $((400 << 20)) "$(btrfs_peer filesystem show --raw m | sed -n 's/.*size \([0-9]*\).*/\1/p')"
	run_btrfs filesystem resize -50m m; expect 0; has "to 350.00MiB"
	run_btrfs filesystem resize 1:+20m m; expect 0; has "to 370.00MiB"
	run_btrfs filesystem resize --enqueue 1:max m; expect 0; same max "Resize device id 1 ($dev) from 370.00MiB to max" "$output"
	for a in 100g cancel; do same "resize $a" "$(btrfs_peer filesystem resize $a m 2>&1 | sort)" "$(btrfs_ours filesystem resize $a m 2>&1 | sort)"; done
	run_btrfs filesystem resize -700m m; expect 1; same smaller "ERROR: current size is 600.00MiB which is smaller than 700.00MiB" "$output"
	run_btrfs filesystem resize foo m; expect 1; same size "ERROR: failed to parse size foo" "$output"
	run_btrfs filesystem resize x:1g m; expect 1; has "ERROR: failed to parse devid x: "
	run_btrfs filesystem resize 2:max m; expect 1; same "no such device" "ERROR: cannot find devid: 2" "$output"
	run_btrfs filesystem resize 200m m; has "WARNING: the new size 209715200 (200.00MiB) is < 256MiB, this may be rejected by kernel"
	run_btrfs filesystem resize "$(printf '%04200d' 1)" m; expect 1; has "ERROR: resize value too long"
	run_btrfs filesystem resize 1g m/nowhere; expect 1
	run_btrfs filesystem resize --offline 1g m; expect 1; has "m must not be mounted to use --offline"
	run_btrfs filesystem resize --offline 1g a.img; expect 1; has "a.img must not be mounted to use --offline"
}

@test "an unmounted filesystem grows with its file, and shrinks into its free end" { # bats test_tags=root
	mk_tree tree
	mk_fs kernel a.img 300M tree; mount_fs a.img m; manifest m >want; umount_fs m
	run_btrfs filesystem resize 400m a.img; expect 1; has "ERROR: not a directory: a.img"; has "ERROR: to resize a file containing a BTRFS image use the --offline flag"
	cp --sparse=always a.img before.img
	run_btrfs filesystem resize --undo u --offline +100m a.img; expect 0; same text "Resize from 300.00MiB to 400.00MiB" "$output"
	same length $((400 << 20)) "$(stat -c %s a.img)"
	judge_peer a.img; judge_reader a.img; judge_kernel a.img want
	btrfs_ours rescue undo u a.img; cmp a.img before.img
	run_btrfs filesystem resize a.img:/; expect 1
	run_btrfs filesystem resize 1g a.img:/; expect 0; same text "Resize from 300.00MiB to 1.00GiB" "$output"
	run_btrfs offline a.img filesystem resize -200m .; expect 0; same text "Resize from 1.00GiB to 824.00MiB" "$output"
	same length $((824 << 20)) "$(stat -c %s a.img)"
	run_btrfs filesystem resize --offline 1:max a.img; expect 0
	run_btrfs --dry-run filesystem resize --offline 500m a.img; expect 0
	same length $((824 << 20)) "$(stat -c %s a.img)"
	run_btrfs filesystem resize --offline 10m a.img; expect 1; has "unable to resize 'a.img': not enough free space"
	for a in "2:max|invalid device id 2" "cancel|can not cancel --offline resize" "foo|failed to parse size foo"; do
		run_btrfs filesystem resize --offline "${a%|*}" a.img; expect 1; same "${a%|*}" "ERROR: ${a#*|}" "$output"
	done
	run_btrfs filesystem resize --offline --enqueue 1g a.img; expect 1; has "--enqueue is not compatible with --offline"
	run_btrfs filesystem resize --offline 15e a.img; expect 1
	judge_peer a.img; judge_reader a.img; judge_kernel a.img want
}

@test "commit-stats and sync" { # bats test_tags=root
	mk_fs peer a.img 256M -; mount_fs a.img m
	echo x >m/f
	run_btrfs filesystem sync m; expect 0; same silent "" "$output"
	run_btrfs filesystem sync /tmp; expect 1
	run_btrfs filesystem commit-stats m; expect 0
	same uuid "UUID: $(btrfs_peer filesystem show m | sed -n 's/.*uuid: //p')" "${lines[0]}"
	same commits "$(sed -n 's/^commits //p' "/sys/fs/btrfs/${lines[0]#UUID: }/commit_stats")" "$(sed -n 's/.*Total commits: *//p' <<<"$output")"
	run_btrfs filesystem commit-stats -z m; expect 0; has "reset"
	run_btrfs filesystem commit-stats --reset m; expect 0
	btrfs_ours --format json filesystem commit-stats m | python3 -c 'import json,sys; assert json.load(sys.stdin)["filesystem-commit-stats"]["commits"] > 0'
}

@test "reflink clone shares data, whole or by ranges, mounted and not" { # bats test_tags=root
	mk_fs peer a.img 256M -; mount_fs a.img m
	head -c 300k /dev/urandom >m/f
	run_btrfs reflink clone m/f m/g; expect 0; same silent "" "$output"
	cmp m/f m/g
	run_btrfs reflink clone -r 64k:64k:1m -r 0:4k: m/f m/h; expect 0
	cmp -n 65536 -i 65536:1048576 m/f m/h; cmp -n 4096 m/f m/h
	run_btrfs reflink clone -s 100k m/f m/i; expect 0; cmp -i 102400:0 m/f m/i
	sync -f m
	same shared "$(btrfs_peer filesystem du -s --raw m/g | awk 'NR == 2 { print $1, $2 }')" "307200 0"
	run_btrfs reflink clone -r 3:5:8 m/f m/h; expect 1; has "Invalid argument"
	run_btrfs reflink clone m/f /tmp/nope$$; expect 1; has "Invalid cross-device link"; [[ ! -e /tmp/nope$$ ]]
	run_btrfs reflink clone m/nowhere m/x; expect 1; [[ ! -e m/x ]]
	run_btrfs reflink clone m m/x; expect 1
	run_btrfs reflink clone -r 0:0 m/f m/x; expect 1
	umount_fs m
	run_btrfs reflink clone a.img:/f a.img:/new; expect 0
	run_btrfs reflink clone -r 0:64k:2m a.img:/f a.img:/h; expect 0
	run_btrfs reflink clone -r 3:5:8 a.img:/f a.img:/h; expect 1
	run_btrfs reflink clone a.img:/f b.img:/x; expect 1
	run_btrfs offline a.img reflink clone f again; expect 0
	judge_peer a.img; judge_reader a.img
	mount_fs a.img m
	cmp m/f m/new; cmp m/f m/again; cmp -n 65536 -i 0:2097152 m/f m/h
	same shared "307200 0" "$(btrfs_peer filesystem du -s --raw m/new | awk 'NR == 2 { print $1, $2 }')"
}
