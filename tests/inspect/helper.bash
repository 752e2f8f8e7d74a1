# SPDX-License-Identifier: GPL-2.0-or-later
# Looking at filesystems: ours against the distribution's, text and exit code, and JSON against text.

# rich DEVICES MOUNT_OPTIONS HOOK MKFS_OPTIONS...: devices 1, 2, ... that the kernel filled with all it can make (tests/fsread/rich.py); HOOK
# runs inside the mount. Their names go to $files and, joined by commas, to $list.
rich() {
	local devices=$1 options=$2 hook=$3
	shift 3
	mapfile -t files < <(seq -f "$T/d%g.img" "$devices")
	list=$(IFS=,; echo "${files[*]}")
	rm -f "$T"/d*.img
	mk_fs kernel "$list" 600M - "$@" || return 1
	mount_fs "$list" "$T/mnt" "noatime${options:+,$options}" || return 1
	python3 "$TOP/tests/fsread/rich.py" "$T/mnt" || return 1
	(cd "$T/mnt" && eval "$hook") || return 1
	umount_fs "$T/mnt"
}
# Hooks.
quota() {
	local id
	"$PEER" quota enable .
	"$PEER" qgroup create 1/100 .
	"$PEER" qgroup create 2/7 .
	for id in 256 257 258; do "$PEER" qgroup assign --no-rescan 0/$id 1/100 . 2>/dev/null; done
	"$PEER" qgroup assign --no-rescan 1/100 2/7 . 2>/dev/null
	"$PEER" qgroup limit 1G 1/100 .
	"$PEER" qgroup limit -e 2G 0/5 .
	"$PEER" quota rescan -W . >/dev/null
	"$PEER" quota rescan -w . >/dev/null
}
swapfile() { "$PEER" filesystem mkswapfile -s 20M swap >/dev/null; }
tiny_balance() { "$PEER" balance start -dusage=50 . >/dev/null; }

# loops: attaches $files; the devices go to $devs, the first to $dev.
loops() {
	attach "${files[@]}" || return 1
	devs=("${LOOPS[@]}") dev=${LOOPS[0]}
	"$PEER" device scan "${devs[@]}" >/dev/null
}
unloop() {
	"$PEER" device scan -u "${devs[@]}" 2>/dev/null || true
	losetup -d "${devs[@]}"
	: >"$T/.loops"
}

# alike FILTER WORDS...: both print the same and return the same. FILTER: of tests/filters/since-6.2, or - for none.
alike() {
	local filter=$1 mine=0 theirs=0
	shift
	"$PEER" "$@" >"$T/.theirs" 2>"$T/.theirs.err" || theirs=$?
	"$BTRBOX" btrfs "$@" >"$T/.mine" 2>"$T/.mine.err" || mine=$?
	[[ "$*" != *--hide-names* ]] || filter+=-hidden
	alike_files "$filter" "$mine" "$theirs" "$*"
}
alike_files() { # FILTER STATUS STATUS WHAT: $T/.theirs and $T/.mine
	if [[ $1 != - ]]; then
		peer_62 "$1" <"$T/.theirs" >"$T/.theirs.62" && mv "$T/.theirs.62" "$T/.theirs"
		ours_62 "$1" <"$T/.mine" >"$T/.mine.62" && mv "$T/.mine.62" "$T/.mine"
	fi
	if [[ $2 != "$3" ]] || ! cmp -s "$T/.theirs" "$T/.mine"; then
		echo "# $4: exit codes $3 (distribution) and $2 (ours)"
		diff -a "$T/.theirs" "$T/.mine" | head -n 20
		head -n 3 "$T/.theirs.err" "$T/.mine.err"
		return 1
	fi
}

# json WORDS...: ours as JSON holds every number, id and name that ours as text shows.
json() {
	"$BTRBOX" btrfs "$@" >"$T/.text" 2>/dev/null || true
	"$BTRBOX" btrfs --format json "$@" >"$T/.json" 2>/dev/null || true
	python3 "$TOP/tests/inspect/covers.py" "$T/.text" "$T/.json" || { echo "# $*"; return 1; }
}

# The views of a mounted and of an unmounted filesystem: for each line of standard input (FILTER COMMAND..., @ stands for the filesystem, @/x for
# a path in it) the distribution's text of the mount is ours of the devices.
views() {
	local filter words line n=0 mnt=$T/view theirs mine
	mkdir -p "$T/views"
	cat >"$T/views/lines"
	mount_view "$mnt" || return 1
	while read -r filter words; do
		n=$((n + 1)) theirs=0
		words=${words//@\//$mnt/}
		# shellcheck disable=SC2086
		"$PEER" ${words//@/$mnt} >"$T/views/$n" 2>"$T/views/$n.err" || theirs=$?
		echo $theirs >"$T/views/$n.status"
	done <"$T/views/lines"
	umount "$mnt"
	"$PEER" device scan -u "${devs[@]}" 2>/dev/null || true
	n=0
	local named rc=0
	named=$(IFS=,; echo "${devs[*]}")
	while read -r filter words; do
		n=$((n + 1)) mine=0
		line=${words//@\//$named:/}
		# shellcheck disable=SC2086
		"$BTRBOX" btrfs ${line//@/$named} >"$T/.mine" 2>"$T/.mine.err" || mine=$?
		# what is named by its path has another one; devices have the same
		case $words in
		filesystem\ usage*|filesystem\ show*|device*) ;;
		*) sed -i "s#$named:/#$mnt/#g; s#$named#$mnt#g" "$T/.mine" ;;
		esac
		cp "$T/views/$n" "$T/.theirs"; cp "$T/views/$n.err" "$T/.theirs.err"
		alike_files "$filter" "$mine" "$(cat "$T/views/$n.status")" "$words" || rc=1
	done <"$T/views/lines"
	return $rc
}
mount_view() {
	local d options=ro,noatime${view_options:+,$view_options}
	for d in "${devs[@]:1}"; do options+=,device=$d; done
	mkdir -p "$1"
	mount -t btrfs -o "$options" "$dev" "$1" || { sleep 0.5; mount -t btrfs -o "$options" "$dev" "$1"; } || return 1
	echo "$1" >>"$T/.mounted"
}
