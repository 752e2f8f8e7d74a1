# SPDX-License-Identifier: GPL-2.0-or-later
# What the bats files share. A file begins with
#
#     setup() { load ../lib; begin; }
#     teardown() { finish; }
#
# and then may use everything below. `begin` makes $T, an empty directory of this test and its working directory; `finish`
# unmounts and detaches what the helpers here mounted and attached, also when the test failed.
#
# The three judges of what we write, and of what we read: judge_kernel, judge_peer, judge_reader. A judge that is not
# there skips the test, by name.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${BTRBOX:=$TOP/btrbox}"
# The distribution's programs, never ours even when our links come first in PATH.
PEER=$(type -ap btrfs | while read -r p; do [[ $(readlink -f "$p") == "$(readlink -f "$BTRBOX")" ]] || { echo "$p"; break; }; done)
PEER_MKFS=$(PATH=$PATH:/usr/sbin:/sbin type -ap mkfs.btrfs |
	while read -r p; do [[ $(readlink -f "$p") == "$(readlink -f "$BTRBOX")" ]] || { echo "$p"; break; }; done)
SHARED=${BTRBOX_SHARED:-$(cd "$TOP/../shared" 2>/dev/null && pwd || true)}
export BTRBOX LC_ALL=C TZ=UTC

begin() {
	T=$BATS_TEST_TMPDIR
	: >"$T/.mounted"; : >"$T/.loops"
	cd "$T" || return 1
}

finish() {
	local line
	[[ ${T:-} && -f $T/.mounted ]] || return 0
	cd /
	while read -r line; do umount -R "$line" 2>/dev/null || umount -l "$line" 2>/dev/null || true; done < <(tac "$T/.mounted")
	while read -r line; do losetup -d "$line" 2>/dev/null || true; done <"$T/.loops"
}

# --- what a test needs -----------------------------------------------------------------------------------------------

need_root() { [[ $(id -u) == 0 && -e /dev/loop-control ]] || skip "needs root and loop devices"; }
need_kernel() { need_root; grep -qw btrfs /proc/filesystems || modprobe btrfs 2>/dev/null || skip "needs a kernel with btrfs"; }
need_peer() { [[ $PEER && $PEER_MKFS ]] || skip "needs the distribution's btrfs-progs"; }
need_shared() { [[ $SHARED && -e $SHARED/${1:-.} ]] || skip "needs ../shared/${1:-}"; }
need_cmd() { local c; for c in "$@"; do command -v "$c" >/dev/null || skip "needs $c"; done; }
# The long form of a test: the whole product, where `make test` takes pairs.
need_full() { [[ ${TEST_FULL:-} ]] || skip "only in make test-full"; }
full() { [[ ${TEST_FULL:-} ]]; }
# Built with this library: have_feature LZO
have_feature() { "$BTRBOX" --version | grep -q -- "+$1\b"; }

# --- running ---------------------------------------------------------------------------------------------------------

# Ours, and the distribution's.
btrfs_ours() { "$BTRBOX" btrfs "$@"; }
btrfs_peer() { "$PEER" "$@"; }
# `run` of ours; standard error goes into $stderr, apart from $output, with --separate-stderr.
run_btrfs() { run "$BTRBOX" btrfs "$@"; }
run_split() {
	status=0
	"$@" >"$T/.out" 2>"$T/.err" || status=$?
	output=$(cat "$T/.out"; printf .) && output=${output%.} && output=${output%$'\n'}
	stderr=$(cat "$T/.err"; printf .) && stderr=${stderr%.} && stderr=${stderr%$'\n'}
}

# same WHAT EXPECTED GOT: two texts, or a difference shown.
same() {
	[[ $2 == "$3" ]] && return
	echo "# $1: expected (-), got (+):"
	diff -u <(printf '%s\n' "$2") <(printf '%s\n' "$3") | tail -n +3
	return 1
}
# same_file EXPECTED GOT
same_file() { cmp -s "$1" "$2" && return; diff -u "$1" "$2" | head -n "${3:-40}"; return 1; }
# expect STATUS: what the last run returned.
expect() { [[ $status == "$1" ]] && return; printf '# exit code %s, not %s\n%s\n%s\n' "$status" "$1" "$output" "${stderr:-}"; return 1; }
# has TEXT, has_not TEXT: in $output.
has() { [[ $output == *"$1"* ]] && return; printf '# not found: %s\n# in:\n%s\n' "$1" "$output"; return 1; }
has_not() { [[ $output != *"$1"* ]] && return; printf '# found: %s\n# in:\n%s\n' "$1" "$output"; return 1; }

# --- filesystems -----------------------------------------------------------------------------------------------------

# Attaches each image to a loop device; their names go to $LOOPS.
attach() {
	local image
	LOOPS=()
	for image; do
		LOOPS+=("$(losetup -f --show "$image")") || return 1
		echo "${LOOPS[-1]}" >>"$T/.loops"
	done
}

# mount_fs IMAGE[,IMAGE...] DIR [OPTIONS]: all devices of one filesystem.
mount_fs() {
	local images list=${3:+,$3} loop
	IFS=, read -ra images <<<"$1"
	mkdir -p "$2"
	attach "${images[@]}" || return 1
	for loop in "${LOOPS[@]:1}"; do list+=,device=$loop; done
	# Somebody else on this machine may be scanning devices just now: once more, then.
	mount -t btrfs ${list:+-o "${list#,}"} "${LOOPS[0]}" "$2" 2>/dev/null || { sleep 0.5; mount -t btrfs ${list:+-o "${list#,}"} "${LOOPS[0]}" "$2"; } || return 1
	(cd "$2" && pwd) >>"$T/.mounted"
}

# umount_fs DIR: and detaches its loop devices.
umount_fs() {
	local dir loop
	dir=$(cd "$1" && pwd) || return 1
	sync -f "$dir" # another mount namespace may keep it alive
	umount "$dir" || return 1
	sed -i "\|^$dir\$|d" "$T/.mounted"
	while read -r loop; do losetup -d "$loop" 2>/dev/null || true; done <"$T/.loops"
	: >"$T/.loops"
}

# mk_fs peer|kernel|ours IMAGE[,IMAGE...] SIZE DIR|- [mkfs options...]
# A new filesystem holding a copy of DIR (-: empty): by the distribution's mkfs --rootdir, by cp into a kernel mount (with
# $MOUNT_OPTIONS), by our mkfs --rootdir.
mk_fs() {
	local who=$1 list=$2 size=$3 dir=$4 images image
	shift 4
	IFS=, read -ra images <<<"$list"
	for image in "${images[@]}"; do rm -f "$image"; truncate -s "$size" "$image" || return 1; done
	case $who in
	peer)
		need_peer
		[[ $dir == - ]] || set -- --rootdir "$dir" "$@"
		"$PEER_MKFS" -q "$@" "${images[@]}" >/dev/null 2>"$T/.mkfs" || { cat "$T/.mkfs"; return 1; }
		;;
	kernel)
		need_kernel; need_peer
		"$PEER_MKFS" -q "$@" "${images[@]}" >/dev/null 2>"$T/.mkfs" || { cat "$T/.mkfs"; return 1; }
		mount_fs "$list" "$T/.mk" "${MOUNT_OPTIONS:-}" || return 1
		[[ $dir == - ]] || cp -a "$dir/." "$T/.mk/" || return 1
		umount_fs "$T/.mk"
		;;
	ours)
		"$BTRBOX" --list | grep -qx mkfs.btrfs || skip "needs our mkfs.btrfs"
		[[ $dir == - ]] || set -- --rootdir "$dir" "$@"
		"$BTRBOX" mkfs.btrfs -q "$@" "${images[@]}"
		;;
	*) echo "# mk_fs: $who?"; return 1 ;;
	esac
}

# A small tree with one of everything. As root also device nodes, owners and privileged xattrs.
# mk_tree DIR
mk_tree() { python3 "$TOP/tests/mktree.py" "$1"; }

# manifest DIR: one line a path (names, types, modes, owners, times, xattrs, link structure, content), independent of ours.
manifest() { python3 "$TOP/tests/manifest.py" "$@"; }

# --- judges ----------------------------------------------------------------------------------------------------------

# judge_kernel IMAGE[,IMAGE...] MANIFEST|- [MOUNT OPTIONS]
# Mounts copies, compares all that can be read with the manifest of what went in, scrubs, unmounts; and the kernel had nothing
# to complain about.
judge_kernel() {
	local list=$1 want=$2 options=${3:-} images image copies='' mark names rc=0
	need_kernel; need_peer
	IFS=, read -ra images <<<"$list"
	for image in "${images[@]}"; do
		cp --sparse=always "$image" "$T/.judge.${#copies}" || return 1
		copies+=,$T/.judge.${#copies}
	done
	mark="btrbox test $$ $RANDOM$RANDOM"
	echo "$mark" >/dev/kmsg 2>/dev/null || true
	mount_fs "${copies#,}" "$T/.judge.mnt" "$options" || { echo "# the kernel does not mount $list"; dmesg | tail -5; return 1; }
	names=$(printf '|%s' "${LOOPS[@]#/dev/}")
	if [[ $want != - ]]; then
		manifest "$T/.judge.mnt" >"$T/.judge.got" || rc=1
		diff -u "$want" "$T/.judge.got" | head -40 || true
		cmp -s "$want" "$T/.judge.got" || { echo "# the kernel shows something else"; rc=1; }
	fi
	"$PEER" scrub start -B "$T/.judge.mnt" >"$T/.scrub" 2>&1 || { cat "$T/.scrub"; rc=1; }
	grep -q 'no errors found' "$T/.scrub" || { cat "$T/.scrub"; rc=1; }
	rm -f "/var/lib/btrfs/scrub.status.$(findmnt -no UUID "$T/.judge.mnt")"
	umount_fs "$T/.judge.mnt" || rc=1
	if dmesg 2>/dev/null | sed -n "/$mark/,\$p" | grep -E "BTRFS( |:).*\((device|device:) ?(${names#|})\b" | grep -vE 'BTRFS info|BTRFS: device'; then
		echo "# the kernel complains"; rc=1
	fi
	rm -f "$T"/.judge.[0-9]* "$T/.judge.got"; rmdir "$T/.judge.mnt" 2>/dev/null || true
	return $rc
}

# judge_peer IMAGE[,IMAGE...]: the distribution's check, with data checksums. Exit code 0 and no word of an error.
judge_peer() {
	local images rc=0 target
	need_peer
	IFS=, read -ra images <<<"$1"
	target=${images[0]}
	if ((${#images[@]} > 1)); then
		need_root
		attach "${images[@]}" || return 1
		"$PEER" device scan "${LOOPS[@]}" >/dev/null 2>&1
		target=${LOOPS[0]}
	fi
	"$PEER" check --readonly --check-data-csum "$target" >"$T/.check" 2>&1 || rc=1
	# its scan of all devices meets those that others are just detaching
	grep -iE '^(ERROR|WARNING)|error(s)? found|mismatch|errors? [0-9]' "$T/.check" | grep -vE 'no error found|^ERROR: cannot scan /dev/loop' && rc=1
	((rc == 0)) || { echo "# the distribution's check:"; cat "$T/.check"; }
	if ((${#images[@]} > 1)); then
		"$PEER" device scan --forget "${LOOPS[@]}" >/dev/null 2>&1 || true
		losetup -d "${LOOPS[@]}"; : >"$T/.loops"
	fi
	return $rc
}

# judge_reader IMAGE[,IMAGE...] [options]: the independent reader finds nothing.
judge_reader() {
	local images list=$1
	shift
	need_shared tools/judge.py
	IFS=, read -ra images <<<"$list"
	/usr/bin/python3 "$SHARED/tools/judge.py" "$@" "${images[@]}" >"$T/.reader" 2>&1 && return
	echo "# judge.py:"; head -40 "$T/.reader"
	return 1
}

# --- the incumbent's text ---------------------------------------------------------------------------------------------

# Output of 6.2 as 6.19 prints it, and ours without what 6.2 cannot show (tests/filters/since-6.2 names each difference):
#     diff <(btrfs_peer inspect-internal dump-tree a.img | peer_62 dump-tree) <(btrfs_ours inspect-internal dump-tree a.img | ours_62 dump-tree)
peer_62() { "$TOP/tests/filters/since-6.2" peer "$1"; }
ours_62() { "$TOP/tests/filters/since-6.2" ours "$1"; }
