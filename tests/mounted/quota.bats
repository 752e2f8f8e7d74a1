# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs quota and btrfs qgroup, mounted and not: what they do, and what they say, as the distribution's program does and says.

setup() { load ../lib; begin; }
teardown() { finish; }

both() { same "$*" "$(btrfs_peer "$@" 2>&1; echo "rc $?")" "$(btrfs_ours "$@" 2>&1; echo "rc $?")"; }
fresh() { mk_fs peer a.img 512M -; mount_fs a.img m; }

@test "with quotas off, each command says so in the distribution's words" { # bats test_tags=root
	fresh
	for c in "qgroup show" "quota rescan" "quota rescan -s" "quota rescan -w" "quota rescan -W" "qgroup create 1/1" "qgroup destroy 1/1" "qgroup assign 0/5 1/1" "qgroup remove 0/5 1/1" "qgroup limit 1g" "quota disable"; do
		# shellcheck disable=SC2086
		both $c m
	done
	run_btrfs qgroup clear-stale m; expect 0; same off "WARNING: qgroups not enabled" "$output"
	run_btrfs quota status m; expect 0; same status "Quotas on m:"$'\n'"  Enabled: no" "$output"
	run_btrfs quota status --is-enabled m; expect 1; same silent "" "$output"
	run_btrfs quota enable; expect 255; has "btrfs quota enable: exactly 1 argument expected, 0 given"
	run_btrfs quota disable a b; expect 255; has "btrfs quota disable: exactly 2 arguments expected, 3 given"
	both qgroup show /tmp
	both qgroup create 1/1 /tmp
	both qgroup show m/nowhere
}

@test "quotas are enabled, counted, told about and disabled" { # bats test_tags=root
	fresh
	btrfs_peer subvolume create m/a >/dev/null; head -c 100k /dev/urandom >m/a/f; sync -f m
	run_btrfs quota enable m; expect 0; same silent "" "$output"
	both quota enable m
	run_btrfs quota rescan -w m; expect 0; same text "quota rescan started" "$output"
	run_btrfs quota rescan -W m; expect 0; same silent "" "$output"
	both quota rescan -s m
	both quota rescan -ws m
	both qgroup show --raw m
	run_btrfs quota status m; expect 0
	same status "Quotas on m:
  Enabled:                 yes
  Mode:                    qgroup (full accounting)
  Inconsistent:            no
  Override limits:         no
  Drop subtree threshold:  3
  Total count:             2
  Level 0:                 2" "$output"
	run_btrfs quota status --is-enabled m; expect 0
	btrfs_ours --format json quota status m | python3 -c 'import json,sys; s=json.load(sys.stdin)["quota-status"]; assert s["enabled"] and s["mode"] == "qgroup" and s["total-count"] == 2 and s["levels"] == [{"level": 0, "count": 2}], s'
	btrfs_ours --format json quota rescan -s m | python3 -c 'import json,sys; assert json.load(sys.stdin)["quota-rescan"] == {"running": False}'
	run_btrfs quota disable m; expect 0
	run_btrfs quota status --is-enabled m; expect 1
	if [[ $(uname -r | cut -d. -f1-2) != [1-5].* && -e /sys/fs/btrfs/features/simple_quota ]]; then
		run_btrfs quota enable -s m; expect 0
		run_btrfs quota status m; has "squota (simplified accounting)"
		run_btrfs quota rescan m; expect 1
		umount_fs m
		run_btrfs quota status a.img; has "squota (simplified accounting)"
	fi
}

@test "groups are made, related, limited and removed, as the distribution's program says" { # bats test_tags=root
	fresh
	btrfs_peer quota enable m; btrfs_peer quota rescan -w m >/dev/null
	for s in z c x; do btrfs_peer subvolume create m/$s >/dev/null; done; head -c 300k /dev/urandom >m/c/f; mkdir m/d; sync -f m
	for c in "create 1/100" "create 2/1" "assign 0/256 1/100" "assign 1/100 2/1" "assign --no-rescan 0/257 1/100" "assign --rescan 0/258 1/100" "remove 0/257 1/100"; do
		# shellcheck disable=SC2086
		run_btrfs qgroup $c m; expect 0; [[ $c == *rescan* || $c == remove* ]] || same "$c" "" "$output"
	done
	btrfs_peer quota rescan -w m >/dev/null
	for c in "create 1/100" "create foo" "create 0/999" "create 0/256" "assign 0/256 1/100" "assign 1/100 0/256" "assign 0/257 9/9" "remove 0/257 1/100" "destroy 1/100" "destroy 1/999" "destroy 0/256" \
		"limit 1g 3/3" "limit 1g foo" "limit 1g"; do
		# shellcheck disable=SC2086
		both qgroup $c m
	done
	run_btrfs qgroup limit 1g m/c; expect 0
	run_btrfs qgroup limit -e 2g 1/100 m; expect 0
	run_btrfs qgroup limit -c 3g "$PWD/m/x" m; expect 0
	both qgroup limit 1g m/c/f
	both qgroup limit 1g m/d
	both qgroup limit 1g m/nowhere
	sync -f m
	for who in peer ours; do
		for o in m '-p m' '-c m' '-r m' '-e m' '-pcre m' '--raw -pcre m' '--si -re m' '--sort=path m' '--sort=-path m' '--sort=rfer,path m' '--sort=-max_excl,-path m' \
			'--sort=-excl,qgroupid m' '--sort=max_rfer m' '--sync m' '-F m/c' '-f m/c' '-F m'; do
			# shellcheck disable=SC2086
			echo "$o"; "btrfs_$who" qgroup show $o 2>&1
		done | "${who}_62" qgroup >"$who"
	done
	same_file peer ours
	both qgroup show --sort=foo m
	run_btrfs qgroup limit none m/c; expect 0
	btrfs_peer qgroup show -r --raw m | grep -q '^0/257.* none  *c$'
	# the text's values are all in the JSON
	btrfs_ours --format json qgroup show m | python3 -c '
import json, sys
groups = {g["qgroupid"]: g for g in json.load(sys.stdin)["qgroup-show"]}
assert list(groups) == ["0/5", "0/256", "0/257", "0/258", "1/100", "2/1"], groups
assert groups["1/100"]["max_exclusive"] == 2 << 30 and groups["1/100"]["parents"] == ["2/1"] and groups["1/100"]["children"] == ["0/256", "0/258"]
assert groups["0/258"]["max_referenced"] == 3 << 30 and groups["0/257"]["max_referenced"] == "none" and groups["0/257"]["path"] == "c" and groups["0/257"]["referenced"] > 300 << 10'
	# what the kernel shows mounted, the engine shows unmounted
	mounted=$(btrfs_ours qgroup show --raw -pcre m; btrfs_ours quota status m | tail -n +2; btrfs_ours qgroup show -F --raw m/z)
	umount_fs m
	same unmounted "$mounted" "$(btrfs_ours qgroup show --raw -pcre a.img; btrfs_ours quota status a.img | tail -n +2; btrfs_ours qgroup show -F --raw a.img:/z)"
}

@test "stale groups are cleared, others stay" { # bats test_tags=root
	fresh
	btrfs_peer quota enable m; btrfs_peer quota rescan -w m >/dev/null
	btrfs_peer subvolume create m/a >/dev/null; btrfs_peer subvolume create m/b >/dev/null
	btrfs_peer subvolume delete -c m/a >/dev/null; btrfs_peer subvolume sync m >/dev/null
	if btrfs_ours qgroup show m | grep -q '<stale>'; then
		run_btrfs qgroup clear-stale m; expect 0; same text "Delete stale qgroup 0/256" "$output"
	fi
	run_btrfs qgroup clear-stale m; expect 0; same nothing "" "$output"
	same left "0/5 0/257" "$(btrfs_peer qgroup show m | awk 'NR > 2 { print $1 }' | xargs)"
}

@test "unmounted, the same commands change the same things, and all counts are exact" { # bats test_tags=root
	mk_tree tree
	mk_fs peer a.img 512M tree
	run_btrfs quota rescan a.img; expect 1; same off "ERROR: quota rescan failed: Transport endpoint is not connected" "$output"
	run_btrfs qgroup limit 1g a.img; expect 1; has "quota not enabled"
	run_btrfs qgroup create 1/1 a.img; expect 1; has "ERROR: unable to create quota group: quota not enabled"
	btrfs_ours subvolume create a.img:/a a.img:/b >/dev/null
	run_btrfs quota enable a.img; expect 0
	run_btrfs quota enable a.img; expect 0
	btrfs_ours subvolume create a.img:/c >/dev/null
	for c in "create 1/100" "create 2/1" "assign 0/256 1/100" "assign 1/100 2/1" "assign /b 1/100" "limit -e 2g 1/100" "remove 0/257 1/100"; do
		# shellcheck disable=SC2086
		run_btrfs qgroup $c a.img; expect 0; same "$c" "" "$output"
	done
	run_btrfs qgroup limit 1g a.img:/c; expect 0
	while read -r message; read -r -a c; do
		run_btrfs qgroup "${c[@]}" a.img; expect 1; same "${c[*]}" "ERROR: $message" "$output"
	done <<-'LIST'
	unable to create quota group: File exists
	create 1/100
	invalid qgroupid foo
	create foo
	unable to create quota group: Invalid argument
	create 0/999
	unable to assign quota group: File exists
	assign 0/256 1/100
	bad relation requested: a.img
	assign 1/100 0/256
	unable to assign quota group: No such file or directory
	remove 0/257 1/100
	unable to destroy quota group: Device or resource busy
	destroy 1/100
	unable to destroy quota group: No such file or directory
	destroy 1/999
	unable to destroy quota group: Device or resource busy
	destroy 0/256
	unable to limit requested quota group: No such file or directory
	limit 1g 3/3
	LIST
	btrfs_ours subvolume snapshot -i 1/100 a.img:/a a.img:/snap >/dev/null
	run_btrfs quota rescan -w a.img; expect 0; same text "quota rescan started" "$output"
	btrfs_ours offline a.img qgroup limit 5g /snap
	judge_peer a.img; judge_reader a.img; judge_kernel a.img -
	mine=$(btrfs_ours qgroup show -pcre --raw a.img | ours_62 qgroup)
	mount_fs a.img m
	same "as the kernel has it" "$(btrfs_peer qgroup show -pcre --raw m | peer_62 qgroup)" "$mine"
	# and as it counts
	btrfs_peer quota rescan -w m >/dev/null; sync -f m
	same "counted anew" "$(btrfs_peer qgroup show -pcre --raw m | peer_62 qgroup)" "$mine"
	umount_fs m
	run_btrfs qgroup destroy 2/1 a.img; expect 1
	run_btrfs qgroup remove 1/100 2/1 a.img; expect 0
	run_btrfs qgroup destroy 2/1 a.img; expect 0
	run_btrfs qgroup clear-stale a.img; expect 0; same nothing "" "$output"
	run_btrfs --dry-run quota disable a.img; expect 0
	run_btrfs quota status --is-enabled a.img; expect 0
	run_btrfs quota disable a.img; expect 0
	run_btrfs quota status --is-enabled a.img; expect 1
	judge_peer a.img; judge_reader a.img
	run_btrfs quota enable -s a.img; expect 0
	run_btrfs quota status a.img; has "squota (simplified accounting)"
	judge_reader a.img
}

@test "an ordinary user may ask for the status, and is told what needs root" { # bats test_tags=root
	fresh
	btrfs_peer quota enable m; btrfs_peer quota rescan -w m >/dev/null
	cp "$(readlink -f "$BTRBOX")" m/bb; chmod 755 m m/bb "$T"
	cd m
	run setpriv --reuid 65534 --clear-groups ./bb btrfs quota status .; expect 0; has "Mode:                    qgroup (full accounting)"; has "Total count:             1"
	run setpriv --reuid 65534 --clear-groups ./bb btrfs qgroup show .; expect 1; has "ERROR: can't list qgroups"; has "Operation not permitted"
	run setpriv --reuid 65534 --clear-groups ./bb btrfs quota disable .; expect 1; same text "ERROR: quota command failed: Operation not permitted" "$output"
	run setpriv --reuid 65534 --clear-groups ./bb btrfs qgroup create 1/1 .; expect 1; has "ERROR: unable to create quota group: Operation not permitted"
	run setpriv --reuid 65534 --clear-groups ./bb btrfs qgroup limit 1g .; expect 1; has "Operation not permitted"
}
