# SPDX-License-Identifier: GPL-2.0-or-later
# receive into a filesystem that is not mounted: streams by the kernel.

setup() { load ../lib; load streams.bash; begin; }
teardown() { finish; }

fresh() { mk_fs peer dst.img 512M - "$@"; }
# received FILE NAME...: what came is what was sent, read-only, and marked with the sender's uuid.
received() {
	local name
	run_split btrfs_ours receive -q -f "$1" dst.img:/
	expect 0 || return 1
	shift
	for name; do
		same "$name" "$(hash_of src/$name)" "$(hash_of dst.img:/$name)" || return 1
		same "$name received" "$(uuid_of src/$name)" "$(btrfs_ours subvolume show dst.img:/$name | awk '/Received UUID:/ {print $3}')" || return 1
		same "$name flags" readonly "$(btrfs_ours subvolume show dst.img:/$name | awk '/Flags:/ {print $2}')" || return 1
	done
}
judged() { judge_peer dst.img && judge_reader dst.img; }

@test "streams by the kernel arrive whole in an image: chains, several in one, both versions, compressed" { # bats test_tags=root
	kernel_streams
	fresh
	received full0 s0; received inc1 s1; received inc2 s2; received inc3 s3; received inc4 s4
	judged
	fresh
	received v2full0 s0; received v2inc1 s1; received inc2 s2; received inc3 s3; received cinc4 s4
	judged
	fresh
	received three s0 s1 s2
	judged
	fresh
	received joined s0 s2
	btrfs_ours receive -q --force-decompress -f cfull4 dst.img:/
	same s4 "$(hash_of src/s4)" "$(hash_of dst.img:/s4)"
	judged
	# And the kernel takes the chain up from there, and the other way round.
	mount_fs dst.img dst
	btrfs_peer receive -q -f inc3 dst
	same s3 "$(hash_of src/s3)" "$(hash_of dst/s3)"
	umount_fs dst
}

@test "an image is as it was when a stream fails, whatever had come" { # bats test_tags=root
	local at before
	super() { dd if=dst.img bs=4096 skip=16 count=1 status=none | sha256sum; }
	kernel_streams
	fresh
	received full0 s0
	before=$(super)
	for at in 17 100 5000; do
		head -c $at inc1 >cut
		run_btrfs receive -f cut dst.img:/
		expect 1; has "unexpected end of the stream"
		same super "$before" "$(super)"
	done
	run_btrfs receive -f inc3 dst.img:/
	expect 1; has "cannot find parent subvolume $(uuid_of src/s2)"
	run_btrfs receive -f full0 dst.img:/
	expect 1; has "creating subvolume s0 failed: File exists"
	run_btrfs --dry-run receive -f inc1 dst.img:/
	expect 0
	same super "$before" "$(super)"
	btrfs_ours receive -q --undo u -f inc1 dst.img:/
	same s1 "$(hash_of src/s1)" "$(hash_of dst.img:/s1)"
	[[ -s u ]]
}

@test "receiving in steps goes on where it stopped" { # bats test_tags=root
	local at
	kernel_streams
	fresh
	head -c 900000 full0 >cut
	run_btrfs receive --checkpoint 200k -f cut dst.img:/
	expect 1; has "s0.partial is incomplete"
	token=$(sed -n 's/.*token is //p' <<<"$output")
	same mark "-" "$(btrfs_ours subvolume show dst.img:/s0.partial | awk '/Received UUID:/ {print $3}')"
	judged
	cp dst.img killed.img
	btrfs_ours receive --resume -q -f full0 dst.img:/
	same s0 "$(hash_of src/s0)" "$(hash_of dst.img:/s0)"
	judged
	tail -c +$(($(cut -d: -f2 <<<"$token") + 1)) full0 | btrfs_ours receive -q --resume="$token" killed.img:/
	same s0 "$(hash_of src/s0)" "$(hash_of killed.img:/s0)"
	for at in 2000 3000 4000; do
		fresh
		btrfs_ours receive -q -f full0 dst.img:/
		head -c $at inc1 >cut
		run_btrfs receive --keep-partial -f cut dst.img:/
		expect 1; has "s1.partial is incomplete"
		btrfs_ours receive -q --resume -f inc1 dst.img:/
		same s1 "$(hash_of src/s1)" "$(hash_of dst.img:/s1)"
	done
	judged
}
