#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=root
# balance, device, replace and scrub against a live kernel: the effect on content, and the distribution's words on the same state.

setup() { load ../lib; begin; need_kernel; need_peer; }
teardown() {
	[[ ! -d ${T:-/nonexistent}/m ]] || rm -f "/var/lib/btrfs/scrub.status.$(findmnt -no UUID "$T/m")"
	finish
}

# two: a filesystem of two devices with 24 MiB of data, mounted at m; $LOOPS
two() {
	truncate -s 1G a.img b.img
	"$PEER_MKFS" -q -d raid1 -m raid1 a.img b.img >/dev/null 2>&1
	mount_fs a.img,b.img m
	for i in 1 2 3; do head -c 8M /dev/urandom >m/f$i; done
	sync -f m
	want=$(contents)
}
contents() { (cd m && sha256sum f?); }
intact() { same content "$want" "$(contents)"; }
# spare SIZE: one more loop device, in $SPARE
spare() { local keep=("${LOOPS[@]}"); rm -f "spare$1"; truncate -s "$1" "spare$1"; attach "spare$1"; SPARE=${LOOPS[0]}; LOOPS=("${keep[@]}"); }

# both ARGS...: the same words and exit code as the distribution's.
both() {
	local ours theirs rc=0 rc_peer=0
	theirs=$("$PEER" "$@" 2>&1) || rc_peer=$?
	# it scans all devices, and meets those that others are just detaching
	theirs=$(sed '/^ERROR: cannot scan \/dev\/loop/d' <<<"$theirs")
	ours=$(btrfs_ours "$@" 2>&1) || rc=$?
	same "btrfs $*" "$rc_peer
$theirs" "$rc
$ours"
}

@test "balance: filters reach the kernel and are shown as the distribution shows them" {
	two
	both balance start -v -dusage=0,devid=1,drange=0..1000000000000,vrange=0..1000000000000,limit=2..5,stripes=1..3,profiles='raid1|raid0' m
	both balance start -v -mlimit=0 m
	both balance start -v -dusage=3,limit=..4,stripes=2.. m
	both balance start -v -dconvert=raid1,soft m
	both balance start -f -v -susage=0 m
	for bad in -dusage=200 -dfoo -susage=1 -dprofiles -dprofiles= -dprofiles=foo -ddevid=0 -ddrange=5..5,devid=1 -ddrange=5..7 -dsoft -dlimit=x -dstripes=x \
		-dconvert=x -dusage=5..3 -dlimit=5..3 -dvrange=9 -dvrange=9..x -dusage=.. -mconvert=dup,usage; do
		both balance start "$bad" m
	done
	both balance start -dusage=0 m/f1
	both balance start -dusage=0 /
	both balance start -dusage=0 nothing
	for what in pause cancel resume status; do both balance $what m; done
	intact
}

@test "balance: a conversion changes the profile and nothing else; several profiles are warned of" {
	two
	run_btrfs balance start -f -v -dconvert=single -mconvert=dup m
	expect 0
	has 'converting, target=32, soft is off'
	has 'Done, had to relocate'
	btrfs_peer filesystem df m | grep -q 'Data, single'
	btrfs_peer filesystem df m | grep -q 'Metadata, DUP'
	run_btrfs balance start -dconvert=raid1,limit=0 m
	expect 0
	for i in 4 5 6 7; do head -c 100M /dev/zero | tr '\0' x >m/big$i; done
	sync -f m
	run_btrfs balance start -dconvert=raid0,limit=1 m
	expect 0
	both balance pause m
	both balance cancel m
	rm m/big?
	intact
	umount_fs m
	judge_peer a.img,b.img
}

@test "balance: the full one warns and waits, --full-balance does not; status and JSON of a paused one" {
	two
	run timeout 2 "$BTRBOX" btrfs balance start m
	expect 124
	has 'Full balance without filters requested.'
	has_not Starting
	run_btrfs balance --full-balance m
	expect 0
	has 'Done, had to relocate 3 out of 3 chunks'
	for i in 4 5; do head -c 120M /dev/urandom >m/big$i; done
	sync -f m
	# it may be done before it is paused
	for ((i = 0; i < 20; i++)); do
		run_btrfs balance start --background -d m
		expect 0
		for ((j = 0; j < 20; j++)); do btrfs_ours balance pause m 2>/dev/null && break 2; done
	done
	run_btrfs balance status -v m
	expect 1
	has "Balance on 'm' is paused"
	has 'DATA (flags 0x0): balancing'
	same 'JSON state' paused "$(btrfs_ours --format json balance status m | python3 -c 'import json,sys; print(json.load(sys.stdin)["balance-status"]["state"])')"
	run_btrfs balance start -d m
	expect 1
	has "unable to start balance, another exclusive operation 'balance paused' in progress"
	run_btrfs balance resume m
	expect 0
	has 'Done, had to relocate'
	rm m/big?
	intact
}

@test "device: added, counted, removed; what is on a device is not overwritten without -f" {
	two
	spare 700M
	head -c 1M /dev/zero >plain
	both device add plain m
	both device remove nothing m
	both device remove 9 m
	both device remove missing m
	both device remove 1 m
	both device ready nothing
	both device ready "${LOOPS[0]}"
	both device stats m
	both device stats "${LOOPS[1]}"
	both device stats -T m
	both device stats -c m
	both device stats /
	both device scan "${LOOPS[0]}"
	both device scan nothing
	"$PEER_MKFS" -q -L mine "$SPARE" >/dev/null 2>&1
	run_btrfs device add "$SPARE" m
	expect 1
	has "$SPARE appears to contain an existing filesystem (type=btrfs, label=mine)"
	has "use the -f option to force overwrite of $SPARE"
	same 'still there' mine "$(blkid -p -s LABEL -o value "$SPARE")"
	run_btrfs device add -f "$SPARE" m
	expect 0
	has "Performing full device TRIM $SPARE (700.00MiB) ..."
	btrfs_peer filesystem show m | grep -q "devid    3 size 700.00MiB.*$SPARE"
	run_btrfs device add -f "$SPARE" m
	expect 1
	has "$SPARE is mounted"
	run_btrfs device remove 3 m
	expect 0
	run_btrfs device add -K "$SPARE" m
	expect 0
	has_not TRIM
	run_btrfs device delete "$SPARE" m
	expect 0
	! btrfs_peer filesystem show m | grep "$SPARE"
	intact
	umount_fs m
	judge_peer a.img,b.img
}

@test "device: counters are reset, and a missing one is removed" {
	two
	spare 1G
	umount_fs m
	# what is read back wrong is counted
	python3 - a.img <<-'P'
	import sys
	with open(sys.argv[1], 'r+b') as f:
	    data = f.read()
	    for off in range(100 << 20, len(data), 4096):
	        if any(data[off:off + 64]):
	            f.seek(off); f.write(b'\xff' * 4096)
	P
	mount_fs a.img,b.img m
	# which copy is read goes by the process
	for i in 1 2 3 4 5 6; do dd if=m/f1 of=/dev/null bs=1M iflag=direct 2>/dev/null; done
	(($(btrfs_ours device stats m | awk '/corruption_errs/ {n += $2} END {print n}') > 0))
	run_btrfs device stats -c m
	expect 64
	same 'JSON' "$(btrfs_ours device stats m | awk '{s = s " " $2} END {print s}')" \
		"$(btrfs_ours --format json device stats m | python3 -c 'import json,sys
for d in json.load(sys.stdin)["device-stats"]: print("", *[v for k, v in d.items() if k.endswith("errs")], end="")')"
	run_btrfs device stats -z m
	expect 0
	run_btrfs device stats -c m
	expect 0
	intact
	umount_fs m
	attach b.img "sp${SPARE:+are1G}"
	mkdir -p m; mount -o degraded "${LOOPS[0]}" m; echo "$T/m" >>.mounted
	run_btrfs device stats m
	expect 0
	run_btrfs device add "${LOOPS[1]}" m
	expect 0
	run_btrfs device remove missing m
	expect 0
	intact
	run_btrfs scrub start -B m
	expect 0
	has 'no errors found'
}

@test "replace: a device goes over to another; words and codes are the distribution's" {
	two
	spare 1100M
	both replace status m
	both replace cancel m
	both replace start 9 "$SPARE" m
	both replace start nothing "$SPARE" m
	truncate -s 2G plain; both replace start 1 "$T/plain" m
	both replace status /
	run_btrfs replace start -B "${LOOPS[0]}" "$SPARE" m
	expect 0
	both replace status m
	run_btrfs replace status -1 m
	has ', finished on '
	has ', 0 write errs, 0 uncorr. read errs'
	same 'JSON state' finished "$(btrfs_ours --format json replace status m | python3 -c 'import json,sys; print(json.load(sys.stdin)["replace-status"]["state"])')"
	btrfs_peer filesystem show m | grep -q "devid    1 .*$SPARE"
	run_btrfs replace start 1 "${LOOPS[1]}" m
	expect 1
	has "use the -f option to force overwrite of ${LOOPS[1]}"
	run_btrfs device replace status -1 m
	has finished
	intact
	run_btrfs scrub start -B m
	has 'no errors found'
}

@test "scrub: finds and repairs, says what it found, and remembers it for the distribution's, too" {
	local uuid
	two
	uuid=$(findmnt -no UUID m)
	both scrub resume m
	both scrub cancel m
	run_btrfs scrub start a.img # which unmounted would be scrubbed
	expect 1
	has 'a.img is in use'
	run_btrfs scrub status m
	same 'no history' "UUID:             $uuid
	no stats available" "$output"
	run_btrfs scrub start -B m
	expect 0
	has "Starting scrub on devid 1
Starting scrub on devid 2
scrub done for $uuid
Scrub started: "
	has 'Error summary:    no errors found'
	# the distribution's reads our record, and we read its
	same 'raw status' "$(btrfs_peer scrub status -R m)" "$(btrfs_ours scrub status -R m)"
	btrfs_peer scrub start -Bd m >/dev/null
	same 'raw status' "$(btrfs_peer scrub status -R -d m)" "$(btrfs_ours scrub status -R -d m)"
	cp m/f1 m.f1
	umount_fs m
	python3 - a.img m.f1 <<-'P'
	import sys
	want = open(sys.argv[2], 'rb').read(5 * 4096)
	with open(sys.argv[1], 'r+b') as f:
	    data = f.read()
	    for n in range(5):
	        f.seek(data.index(want[n * 4096:(n + 1) * 4096])); f.write(b'\xff' * 4096)
	P
	mount_fs a.img,b.img m
	run_btrfs scrub start -B -r m
	has 'csum=5'
	run_btrfs scrub start -B m
	expect 0
	has 'errors detected during scrubbing, 5 corrected'
	has '  Corrected:      5
  Uncorrectable:  0
  Unverified:     0'
	same 'JSON' 5 "$(btrfs_ours --format json scrub status m | python3 -c 'import json,sys; print(json.load(sys.stdin)["scrub-status"]["corrected_errors"])')"
	run_btrfs scrub start -B "${LOOPS[1]}"
	expect 0
	has 'Starting scrub on devid 2'
	has_not 'devid 1'
	intact
}

@test "scrub: limits slow it down; it is cancelled and resumed where it stopped" {
	local uuid
	two
	uuid=$(findmnt -no UUID m)
	run_btrfs scrub limit m
	has " 1      -  ${LOOPS[0]}"
	run_btrfs scrub limit -d 1 -l 1M m
	has 'Set scrub limit of devid 1 from unlimited to 1.00MiB/s'
	run_btrfs scrub limit -a -d 1 m
	expect 1
	has -- '--all and --devid cannot be used at the same time'
	run_btrfs scrub limit -d 9 -l 1M m
	expect 1
	has 'device with devid 9 not found'
	run_btrfs scrub limit -a -l 1M m
	expect 0
	"$BTRBOX" btrfs scrub start m >started 2>&1
	grep -q "scrub started on m, fsid $uuid (pid=" started
	sleep 2
	run_btrfs scrub status m
	has 'Status:           running'
	has 'Bytes scrubbed:'
	has '(limit 1.00MiB/s)'
	btrfs_peer scrub status m | grep -q 'Status:           running'
	run_btrfs scrub start m
	expect 1
	has 'Scrub is already running.'
	run_btrfs scrub cancel m
	expect 0
	has 'scrub cancelled'
	for ((i = 0; i < 40; i++)); do btrfs_ours scrub status m | grep -q running || break; sleep 0.1; done
	run_btrfs scrub status m
	has 'Status:           aborted'
	run_btrfs scrub limit -a -l 0 m
	run_btrfs scrub resume -B m
	expect 0
	has 'Scrub resumed:'
	has 'Status:           finished'
	# both runs together saw everything once
	(($(btrfs_ours scrub status -R m | awk '/data_bytes_scrubbed/ {print $2}') >= 2 * 24 << 20))
	intact
}

@test "without root, and on what is no btrfs, it is said why not" {
	two
	need_cmd setpriv
	for command in 'balance start -dusage=0 m' 'scrub start -B m' 'device stats -z m' 'device remove 1 m'; do
		run setpriv --reuid 65534 --clear-groups "$BTRBOX" btrfs $command
		[[ $status != 0 ]]
		has 'Operation not permitted'
	done
	run_btrfs balance start -dusage=0 a.img
	expect 1
	run_btrfs scrub start a.img
	expect 1
}
