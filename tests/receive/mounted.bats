# SPDX-License-Identifier: GPL-2.0-or-later
# receive into a mounted filesystem and into a directory, and --dump: streams by the kernel.

setup() { load ../lib; load streams.bash; begin; }
teardown() { finish; }

# received FILE NAME...: what came is what was sent, read-only, and marked with the sender's uuid.
received() {
	local name
	run_split btrfs_ours receive -q -f "$1" dst
	expect 0 || return 1
	shift
	for name; do
		same "$name" "$(hash_of src/$name)" "$(hash_of dst/$name)" || return 1
		same "$name received" "$(uuid_of src/$name)" "$(received_of dst/$name)" || return 1
		same "$name flags" readonly "$(btrfs_peer subvolume show dst/$name | awk '/Flags:/ {print $2}')" || return 1
	done
}
again() { btrfs_peer -q subvolume delete dst/s* >/dev/null; }

@test "streams by the kernel arrive whole: chains, several in one, both versions, compressed" { # bats test_tags=root
	kernel_streams
	mk_fs peer dst.img 512M - && mount_fs dst.img dst
	received full0 s0; received inc1 s1; received inc2 s2; received inc3 s3; received inc4 s4
	again
	received v2full0 s0; received v2inc1 s1; received inc2 s2; received inc3 s3; received cinc4 s4
	again
	received three s0 s1 s2
	again
	received joined s0 s2
	again
	received cfull4 s4
	again
	btrfs_ours receive --force-decompress -q -f cfull4 dst
	same decompressed "$(hash_of src/s4)" "$(hash_of dst/s4)"
	[[ $(btrfs_peer filesystem df --raw dst | awk '/^Data/ {print $NF}') ]]
}

@test "a directory of any filesystem takes the files of a full stream" { # bats test_tags=root
	kernel_streams
	mkdir plain src/plain
	btrfs_ours receive -q --to-directory -f cfull4 src/plain
	same s4 "$(hash_of src/s4)" "$(hash_of src/plain/s4)"
	btrfs_ours receive -q --to-directory -f full0 plain
	same s0 "$(hash_of src/s0)" "$(hash_of plain/s0)"
	run_btrfs receive --to-directory -f inc1 plain
	expect 1; has "a directory can take full streams only"
	run_btrfs receive --to-directory -f full0 plain
	expect 1; has "creating subvolume s0 failed: File exists"
	same s0 "$(hash_of src/s0)" "$(hash_of plain/s0)"
	rm -r plain/s0
	head -c 1000000 full0 >cut
	run_btrfs receive --to-directory -f cut plain
	expect 1; has "unexpected end of the stream"
	same left "" "$(ls plain)"
	run_btrfs receive --to-directory --keep-partial -f cut plain
	expect 1
	same left s0.partial "$(ls plain)"
}

# 6.2 shows values of extended attributes and their names as they are, and commas in encoded_write.
dump_62() { sed -e '/^set_xattr/d' -e '/^[^ ]* len=8$/d' -e '/^remove_xattr/s/name=user.x y/name=user.x\\ y/' -e '/^encoded_write/s/, / /g'; }

@test "--dump prints what the distribution's program prints" { # bats test_tags=root
	local f
	kernel_streams
	for f in full0 inc1 inc4 v2full0 v2inc1 cfull4 cinc4 three joined; do
		btrfs_peer receive --dump -f $f | dump_62 >peer.dump
		btrfs_ours receive --dump -f $f | sed '/^set_xattr/d' >ours.dump
		same_file peer.dump ours.dump
		[[ $(wc -l <ours.dump) -gt 10 ]]
		# JSON has as many commands.
		same json "$(btrfs_ours receive --dump -f $f | wc -l)" \
			"$(btrfs_ours --format json receive --dump -f $f | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["send-stream"]["commands"]))')"
	done
}

@test "what is cut short is not kept, or kept as incomplete and gone on with" { # bats test_tags=root
	local at
	kernel_streams
	mk_fs peer dst.img 512M - && mount_fs dst.img dst
	for at in 30 100 5000 60000 $(($(stat -c %s full0) - 3)); do
		head -c $at full0 >cut
		run_btrfs receive -f cut dst
		expect 1; has "unexpected end of the stream"
		same nothing "" "$(ls dst)"
	done
	head -c 60000 full0 >cut
	run_btrfs receive --keep-partial -f cut dst
	expect 1; has "s0.partial is incomplete"
	same kept s0.partial "$(ls dst)"
	same mark - "$(received_of dst/s0.partial)"
	token=$(sed -n 's/.*token is //p' <<<"$output")
	run_btrfs receive --resume -f inc1 dst
	expect 1; has "before the place of the token"
	tail -c +$(($(cut -d: -f2 <<<"$token") + 1)) full0 >rest
	btrfs_ours receive --resume="$token" -q -f rest dst
	same s0 "$(hash_of src/s0)" "$(hash_of dst/s0)"
	same mark "$(uuid_of src/s0)" "$(received_of dst/s0)"
	same note "" "$(getfattr -d -m . dst/s0)"
	run_btrfs receive -f full0 dst
	expect 1; has "creating subvolume s0 failed: File exists"
	head -c 300 inc1 >cut
	run_btrfs receive --keep-partial -f cut dst
	expect 1
	btrfs_ours receive --resume -q -f inc1 dst
	same s1 "$(hash_of src/s1)" "$(hash_of dst/s1)"
	run_btrfs receive --resume -f inc1 dst
	expect 1; has "nothing to go on with"
	run_btrfs receive -f inc3 dst
	expect 1; has "cannot find parent subvolume $(uuid_of src/s2)"
}
