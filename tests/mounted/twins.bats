#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=root
# Every command on a mounted filesystem, with good and with bad arguments: the same words, exit code and effect as the distribution's.

setup() { load ../lib; load twins; begin; need_kernel; need_peer; }
teardown() { forget_scrubs 2>/dev/null || true; finish; }

@test "subvolume: create, list, snapshot, show, get-default, set-default, find-new" { twins 1 0 512M; same_words subvolume; }
@test "subvolume: delete, sync; property" { twins 1 0 512M; same_words deletion-property; }
@test "filesystem: df, usage, du, show, sync, label, defragment, resize, mkswapfile" { twins 1 0 512M; same_words filesystem; }
@test "quota, qgroup; inspect-internal of mounted paths" { twins 1 0 512M; same_words quota-inspect; }

two_and_spare() {
	local side
	twins 3 1 512M -d raid1 -m raid1
	for side in p o; do mkdir "$side/m/d"; head -c 3000000 /dev/zero >"$side/m/f"; sync -f "$side/m"; done
}
@test "device, balance" { two_and_spare; same_words device-balance; }
@test "replace, scrub" { two_and_spare; same_words replace-scrub; }
