#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=root
# Long work is shown on a terminal, and Ctrl-C ends it: the kernel's work is cancelled, nothing is lost, the program ends as by the signal.

setup() { load ../lib; begin; need_kernel; need_peer; }
teardown() { [[ ! -d ${T:-/nonexistent}/m ]] || rm -f "/var/lib/btrfs/scrub.status.$(findmnt -no UUID "$T/m")"; finish; }

# ctrl_c SECONDS ARGS...: $output, $status (-2: by the signal; "early": it was done before)
ctrl_c() {
	run python3 - "$BTRBOX" "$@" <<-'PY'
	import signal, subprocess, sys, time
	p = subprocess.Popen([sys.argv[1], 'btrfs', *sys.argv[3:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
	                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
	time.sleep(float(sys.argv[2]))
	early = p.poll() is not None
	p.send_signal(signal.SIGINT)
	print(p.communicate(timeout=100)[0], end='')
	print('ended', 'early' if early else p.returncode)
	PY
}
content() { sha256sum m/f; }

@test "balance, replace, device remove, scrub: Ctrl-C leaves nothing running and nothing lost" {
	mk_fs peer a.img,b.img,c.img 1G - -d single -m raid1
	mount_fs a.img,b.img,c.img m
	head -c 300M /dev/urandom >m/f
	sync -f m
	want=$(content)
	idle() { same exclusive none "$(cat "/sys/fs/btrfs/$(findmnt -no UUID m)/exclusive_operation")"; btrfs_peer balance status m; same content "$want" "$(content)"; }
	ctrl_c 0.05 balance start --full-balance m
	[[ $output == *"ended early" ]] || { has 'balance canceled by user'; has 'ended -2'; }
	idle
	truncate -s 1G d.img
	loops=("${LOOPS[@]}")
	attach d.img
	ctrl_c 0.05 replace start -B -f 1 "${LOOPS[0]}" m
	[[ $output == *"ended early" ]] || { has "device replace on 'm' canceled"; has 'ended -2'; btrfs_peer replace status -1 m | grep -q canceled; }
	idle
	ctrl_c 0.05 device remove "${loops[2]}" m
	[[ $output == *"ended early" || $output == *"ended 0" ]] || has 'ended -2' # by the end of the removal, perhaps
	idle
	ctrl_c 0.02 scrub start -B m
	[[ $output == *"ended early" || $output == *"ended 0" ]] || { has 'aborted'; has 'ended 1'; run_btrfs scrub status m; has 'Status:           aborted'; }
	idle
	run_btrfs scrub start -B m; expect 0; has 'no errors found'
}

@test "a balance is shown on a terminal, and nowhere else" {
	mk_fs peer a.img 1G -
	mount_fs a.img m
	head -c 100M /dev/zero >m/f
	sync -f m
	run python3 "$TOP/tests/typist.py" "$BTRBOX" btrfs balance start --full-balance m --
	has 'balancing chunks: '; has 'Done, had to relocate'; has 'exit 0'
	run_btrfs balance start --full-balance m
	expect 0; has_not 'balancing chunks'
}
