# SPDX-License-Identifier: GPL-2.0-or-later
# Chains of random changes, sent by the kernel, received by ours in an image, on a mount, and again after a journey back.

setup() { load ../lib; load streams.bash; begin; }
teardown() { finish; }

# chain SEED LENGTH: all that is sent arrives, in every version.
chain() {
	local i opts parent sum
	btrfs_peer subvolume create src/v$1 >/dev/null
	for ((i = 0; i < $2; i++)); do
		python3 "$TOP/tests/receive/mutate.py" src/v$1 $(($1 * 100 + i)) 100
		btrfs_peer subvolume snapshot -r src/v$1 src/r$1.$i >/dev/null
		case $((($1 + i) % 3)) in 0) opts= ;; 1) opts="--proto 2" ;; 2) opts="--proto 2 --compressed-data" ;; esac
		parent=()
		((i == 0)) || parent=(-p src/r$1.$((i - 1)))
		# shellcheck disable=SC2086
		btrfs_peer -q send $opts "${parent[@]}" -f stream src/r$1.$i
		btrfs_ours receive -q -f stream dst || return 1
		btrfs_ours receive -q -f stream off.img:/ || return 1
		sum=$(hash_of src/r$1.$i)
		# The kernel's streams may leave the root directory's own time behind (it is not part of what they say).
		if [[ $sum != "$(hash_of dst/r$1.$i)" || $sum != "$(hash_of off.img:/r$1.$i)" ]]; then
			manifest src/r$1.$i | tail -n +2 >want
			manifest dst/r$1.$i | tail -n +2 >mounted
			same_file want mounted || return 1
			mkdir -p look; mount_fs off.img look ro
			manifest look/r$1.$i | tail -n +2 >offline
			same_file want offline || return 1
			umount_fs look
		fi
		same uuid "$(uuid_of src/r$1.$i)" "$(btrfs_ours subvolume show off.img:/r$1.$i | awk '/Received UUID:/ {print $3}')" || return 1
		rm stream
	done
}

@test "random changes arrive: chains sent by the kernel" { # bats test_tags=root
	need_kernel; need_peer
	mk_fs peer src.img 1G - && MOUNT_OPTIONS= mount_fs src.img src compress=zstd
	mk_fs peer dst.img 1G - && mount_fs dst.img dst
	mk_fs peer off.img 1G -
	local seed
	if full; then
		for seed in {1..10}; do chain $seed 20; done
	else
		chain 1 4; chain 2 3
	fi
	judge_peer off.img
	judge_reader off.img
}
