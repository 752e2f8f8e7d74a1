#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# bats file_tags=root
# Programs that run btrfs and read what it prints do with ours what they do with the distribution's.

setup() { load ../lib; begin; need_kernel; need_peer; }
teardown() { finish; }

# with peer|ours COMMAND...: whatever it runs by the name of btrfs
with() {
	local who=$1 path=$PATH
	shift
	[[ $who == peer ]] || path=$T/links:$PATH
	PATH=$path "$@" 2>&1
}
# What differs from one run to the next.
plain() { sed -E "s#$T/(peer|ours)#T#g; s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g; s/[0-9]{8}T[0-9]{6}[+0-9]*/STAMP/g; s#/dev/loop[0-9]+#LOOP#g; s/((Date|Config): +).*/\1/; s/ +/ /g"; }

session() {
	local who=$1 i
	mkdir "$who"
	mk_fs peer "$who/a.img" 512M - && mount_fs "$who/a.img" "$who/m" && mk_fs peer "$who/b.img" 512M - && mount_fs "$who/b.img" "$who/bk" || return 1
	btrfs_peer subvolume create "$who/m/vol" >/dev/null
	# nested subvolumes that were deleted a moment ago are in the kernel's tree, and in no list
	btrfs_peer subvolume create "$who/m/vol/gone" >/dev/null
	btrfs_peer subvolume snapshot -r "$who/m/vol" "$who/m/vol/gone/too" >/dev/null
	btrfs_peer subvolume delete "$who/m/vol/gone/too" "$who/m/vol/gone" >/dev/null
	echo one >"$who/m/vol/f"
	mkdir "$who/m/snaps"
	printf '%s\n' 'timestamp_format long-iso' 'snapshot_preserve_min 1h' 'target_preserve_min 1h' 'snapshot_preserve no' 'target_preserve no' \
		"volume $T/$who/m" ' snapshot_dir snaps' " target $T/$who/bk" ' subvolume vol' >"$who/conf"
	for i in '-n run' run run 'list snapshots' 'list backups' 'list latest' stats clean; do
		echo "## $i"
		sleep 1.1
		echo "$i" >>"$who/m/vol/f"
		# shellcheck disable=SC2086
		with "$who" btrbk -c "$who/conf" --lockfile "$T/lock" $i; echo "exit $?"
	done
	cat "$who"/bk/vol.*/f
}

@test "btrbk makes, sends and lists snapshots" {
	need_cmd btrbk
	mkdir links; ln -s "$(readlink -f "$BTRBOX")" links/btrfs
	session peer | plain >p.out
	session ours | plain >o.out
	grep -q '^exit 0' p.out
	same_file p.out o.out
}
