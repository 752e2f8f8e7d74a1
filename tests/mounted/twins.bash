# SPDX-License-Identifier: GPL-2.0-or-later
# Two filesystems made alike, for tests/mounted/twins.py: p for the distribution's program, o for ours.

# twins DEVICES SPARES SIZE [mkfs options]: p/m and o/m, each of so many devices; the spare ones come behind them in .devices.
twins() {
	local n=$1 spares=$2 size=$3 side i list
	shift 3
	for side in p o; do
		mkdir -p "$side/m"
		list=()
		for ((i = 1; i <= n + spares; i++)); do
			truncate -s "$size" "$side/$i.img"
			attach "$PWD/$side/$i.img" || return 1
			list+=("${LOOPS[0]}")
		done
		printf '%s\n' "${list[@]}" >"$side/.devices"
		list=("${list[@]:0:n}")
		"$PEER_MKFS" -q "$@" "${list[@]}" >/dev/null 2>&1 || return 1
		mount -o "$(printf ',device=%s' "${list[@]}" | cut -c2-)" "${list[0]}" "$side/m" || return 1
		echo "$PWD/$side/m" >>"$T/.mounted"
	done
}

# same_words TABLE: every line of tests/mounted/twins/TABLE.
same_words() { python3 "$TOP/tests/mounted/twins.py" "$PEER" "$BTRBOX" "$T" <"$TOP/tests/mounted/twins/$1"; }

forget_scrubs() { local d; for d in p/m o/m; do rm -f "/var/lib/btrfs/scrub.status.$(findmnt -no UUID "$T/$d")"; done; }
