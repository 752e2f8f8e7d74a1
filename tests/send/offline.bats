#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs send from unmounted filesystems: the distribution's receive, on a kernel mount, makes the same snapshots of it.
setup() { load ../lib; begin; }
teardown() { finish; }

# two_snapshots: a.img with /1 and /2, snapshots of a tree before and after changes of every kind.
two_snapshots() {
	new_fs a.img
	mount_fs a.img m
	"$PEER" subvolume create m/s >/dev/null
	mk_tree m/s
	head -c 3000000 /dev/urandom >m/s/big
	cp --reflink=always m/s/big m/s/big2
	install -m 4755 /bin/true m/s/setuid
	setfacl -d -m u:1000:rwx m/s
	mkdir -p m/s/d1/d2/d3 m/s/gone/below
	echo a >m/s/d1/f; echo b >m/s/d1/d2/f; echo c >m/s/gone/below/stays
	"$PEER" subvolume snapshot -r m/s m/1 >/dev/null
	mv m/s/d1/d2 m/s/d2; mv m/s/d1 m/s/d2/d3/d1; mv m/s/d2 m/s/d1
	mv m/s/gone/below/stays m/s/stays; rm -r m/s/gone; mkdir m/s/gone; echo new >m/s/gone/f
	chown 1000:1000 m/s/setuid; chmod 4755 m/s/setuid
	printf 'xyz' | dd of=m/s/big bs=1 seek=1000000 conv=notrunc 2>/dev/null
	fallocate -p -o 2000000 -l 500000 m/s/big
	cp --reflink=always m/s/big2 m/s/big3
	ln m/s/big2 m/s/gone/link; truncate -s 100 m/s/big2
	"$PEER" subvolume snapshot -r m/s m/2 >/dev/null
	"$PEER" subvolume create m/ro >/dev/null; "$PEER" property set m/ro ro true
	umount_fs m
}

hash_of() { btrfs_ours offline "$1" hash --times mtime "$2" | cut -d' ' -f1; }
uuid_of() { btrfs_ours subvolume show "$1" | awk '$1 == "UUID:" {print $2}'; }
received_uuid_of() { btrfs_ours subvolume show "$1" | awk '/Received UUID:/ {print $3}'; }
# same_snapshot NAME: in a.img and in r.img.
same_snapshot() {
	same "snapshot $1" "$(hash_of a.img "/$1")" "$(hash_of r.img "/$1")"
	same "received uuid of $1" "$(uuid_of "a.img:/$1")" "$(received_uuid_of "r.img:/$1")"
}
# new_fs IMAGE [SIZE]
new_fs() { rm -f "$1"; truncate -s "${2:-400M}" "$1"; "$PEER_MKFS" -q "$1" >/dev/null 2>&1; }

# received SEND-OPTIONS...: /1, then /2 from it, received into r.img; both are what they were.
received() {
	new_fs r.img
	mount_fs r.img r
	btrfs_ours send -q "$@" a.img:/1 | "$PEER" receive -q r
	btrfs_ours send -q "$@" -p a.img:/1 a.img:/2 | "$PEER" receive -q r
	umount_fs r
	same_snapshot 1; same_snapshot 2
}

# bats test_tags=root
@test "send: full and incremental, versions 1 and 2, as the distribution's receive sees them" {
	need_kernel; need_peer; need_cmd setfacl
	two_snapshots
	received
	received --proto 2 --compressed-data
}

# bats test_tags=root
@test "send: situations that broke senders and receivers before" {
	need_kernel; need_peer; need_cmd setfacl setfattr fallocate
	local n
	new_fs a.img 1G
	mount_fs a.img m
	python3 "$TOP/tests/send/situations.py" m >names
	umount_fs m
	[[ $(wc -l <names) -gt 40 ]]
	for opts in "" "--proto 2 --compressed-data"; do
		new_fs r.img 1G
		mount_fs r.img r
		while read -r n; do
			btrfs_ours send -q $opts "a.img:/$n.a" | "$PEER" receive -q r || { echo "# $n"; return 1; }
			btrfs_ours send -q $opts -p "a.img:/$n.a" "a.img:/$n.b" | "$PEER" receive -q r || { echo "# $n"; return 1; }
		done <names
		umount_fs r
		while read -r n; do
			# Subvolumes below a snapshot are empty directories in it, and not sent.
			case $n in
			subvolume-takes-name) same "$n" "$(hash_of a.img "/$n.b/e")" "$(hash_of r.img "/$n.b/e")"; same_snapshot "$n.a" ;;
			name-takes-subvolume) same_snapshot "$n.b" ;;
			*) same_snapshot "$n.a"; same_snapshot "$n.b" ;;
			esac
		done <names
	done
}

# pairs FIRST COUNT MOUNT-OPTIONS SEND-OPTIONS...: random pairs; each one's predecessors are clone sources.
pairs() {
	local first=$1 count=$2 mount=$3 i clones
	shift 3
	new_fs a.img 2G
	for i in 1 2 3; do
		mount_fs a.img m "$mount" # anew each time: numbers of deleted inodes are given out again
		python3 "$TOP/tests/send/pairs.py" m "$first" "$count" $i
		umount_fs m
	done
	new_fs r.img 2G
	mount_fs r.img r
	for ((i = first; i < first + count; i++)); do
		clones=()
		((i == first)) || clones=(-c "a.img:/$((i - 1)).a" -c "a.img:/$((i - 1)).b")
		btrfs_ours send -q "$@" "a.img:/$i.a" | "$PEER" receive -q r || { echo "# seed $i, full"; return 1; }
		btrfs_ours send -q "$@" -p "a.img:/$i.a" "${clones[@]}" "a.img:/$i.b" | "$PEER" receive -q r || { echo "# seed $i"; return 1; }
	done
	umount_fs r
	for ((i = first; i < first + count; i++)); do same_snapshot "$i.a"; same_snapshot "$i.b"; done
}

# bats test_tags=root
@test "send: random pairs of snapshots" {
	need_kernel; need_peer
	local n=$(full && echo 100 || echo 20)
	pairs 100 "$n" ""
	pairs 300 "$n" compress-force=zstd --proto 2 --compressed-data
	pairs 500 "$n" compress=lzo --proto 2
}

# bats test_tags=root
@test "send: a chain of 20 incrementals, and back again" {
	need_kernel; need_peer
	local i last
	new_fs a.img
	mount_fs a.img m
	"$PEER" subvolume create m/s >/dev/null
	for ((i = 0; i <= 20; i++)); do
		mkdir -p m/s/d$((i % 5))/$i; seq $((i * 500)) >m/s/d$((i % 5))/f$i
		((i < 3)) || mv "$(find m/s -name f$((i - 2)))" m/s/d$((i % 5))/$i/
		((i < 5)) || { mv m/s/d$((i % 5)) m/s/t; mv m/s/d$(((i + 1) % 5)) m/s/d$((i % 5)); mv m/s/t m/s/d$(((i + 1) % 5)); }
		"$PEER" subvolume snapshot -r m/s m/$i >/dev/null
	done
	umount_fs m
	new_fs r.img
	mount_fs r.img r
	btrfs_ours send -q a.img:/0 | "$PEER" receive -q r
	for ((i = 1; i <= 20; i++)); do btrfs_ours send -q -p a.img:/$((i - 1)) a.img:/$i | "$PEER" receive -q r; done
	umount_fs r
	for ((i = 0; i <= 20; i++)); do same_snapshot $i; done
	# What was received is known by the uuid that it was sent with: a change made there can be sent back.
	mount_fs r.img r
	"$PEER" subvolume snapshot r/20 r/w >/dev/null
	echo back >r/w/back; rm -r r/w/d1
	"$PEER" subvolume snapshot -r r/w r/back >/dev/null
	umount_fs r
	btrfs_ours send -q -p r.img:/20 r.img:/back -f back.stream
	mount_fs a.img m
	"$PEER" receive -q -f back.stream m
	umount_fs m
	same "sent back" "$(hash_of r.img /back)" "$(hash_of a.img /back)"
	# And the other way round: an old one from a newer one.
	btrfs_ours send -q -p r.img:/20 r.img:/3 -f 3.stream
	mount_fs a.img m
	mkdir m/old
	"$PEER" receive -q -f 3.stream m/old
	umount_fs m
	same "backwards" "$(hash_of a.img /3)" "$(hash_of a.img /old/3)"
}

# bats test_tags=root
@test "send: several subvolumes in one stream, parents chosen among clone sources" {
	need_kernel; need_peer; need_cmd setfacl
	two_snapshots
	mount_fs a.img m
	echo three >m/s/three; "$PEER" subvolume snapshot -r m/s m/3 >/dev/null
	umount_fs m
	new_fs r.img
	mount_fs r.img r
	btrfs_ours send -q a.img:/1 | "$PEER" receive -q r
	btrfs_ours send -q -e -c a.img:/1 a.img:/2 a.img:/3 >both
	same "headers" 1 "$(grep -ac btrfs-stream both)"
	"$PEER" receive -q -e -f both r
	umount_fs r
	for i in 1 2 3; do same_snapshot $i; done
	run_btrfs receive --dump -f both
	same "kinds" "snapshot snapshot" "$("$PEER" receive --dump -f both | awk '$1 ~ /^(snapshot|subvol)$/ {print $1}' | xargs)"
	new_fs r.img
	mount_fs r.img r
	btrfs_ours send -q -e a.img:/1 a.img:/2 a.img:/3 | "$PEER" receive -q -e r
	umount_fs r
	for i in 1 2 3; do same_snapshot $i; done
	btrfs_ours send -q a.img:/1 a.img:/2 >joined
	same "headers" 2 "$(grep -ao 'btrfs-stream' joined | wc -l)"
}

# bats test_tags=root
@test "send: the same bytes for any number of jobs; --estimate knows their number; --resume continues anywhere" {
	need_kernel; need_peer; need_cmd setfacl
	local uuid tokens=0
	two_snapshots
	for v in 1 2 3; do
		btrfs_ours send -q --proto $v --jobs 1 -p a.img:/1 a.img:/2 >one
		btrfs_ours send -q --proto $v --jobs 4 -p a.img:/1 a.img:/2 >four
		cmp one four
		same "estimate" "$(stat -c %s one)" "$(btrfs_ours --format json send --estimate --proto $v -p a.img:/1 a.img:/2 | sed -n 's/.*"bytes": *"*\([0-9]*\).*/\1/p')"
	done
	btrfs_ours send -q --proto 2 a.img:/1 >whole
	uuid=$(uuid_of a.img:/1)
	# Each command's offset: 17 bytes of header, then lengths.
	python3 - whole >places <<-'E'
		import struct, sys
		s = open(sys.argv[1], 'rb').read()
		at = 17; n = 0
		while at < len(s):
		    print(at, n); at += 10 + struct.unpack_from('<I', s, at)[0]; n += 1
	E
	while read -r at n; do
		((n == 1 || n % 40 == 7)) || continue
		btrfs_ours send -q --resume "2:$at:$n:$uuid" a.img:/1 >rest
		cmp <(tail -c +$((at + 1)) whole) rest
		tokens=$((tokens + 1))
	done <places
	[[ $tokens -gt 3 ]]
	run_btrfs send -q --resume "2:$((at + 1)):$n:$uuid" a.img:/1; expect 1; has "token"
	run_btrfs send -q --resume "2:17:0:$uuid" a.img:/1; expect 1; has "token"
	run_btrfs send -q --resume "2:99999999999:5:$uuid" a.img:/1; expect 1; has "token"
	run_btrfs send -q --resume "nonsense" a.img:/1; expect 1; has "token"
}

# bats test_tags=root
@test "send: no data, and what is refused" {
	need_kernel; need_peer; need_cmd setfacl
	two_snapshots
	btrfs_ours send -q --no-data -p a.img:/1 a.img:/2 | "$PEER" receive --dump >dump
	grep -q '^update_extent .*/big ' dump
	run grep -c '^write ' dump; same "writes" 0 "$output"
	new_fs b.img
	rm -f f
	run_btrfs send a.img:/s -f f; expect 1; has "subvolume a.img:/s is not read-only"
	run_btrfs send -p a.img:/s a.img:/1 -f f; expect 1; has "parent subvolume a.img:/s is not read-only"
	run_btrfs send -c a.img:/s a.img:/1 -f f; expect 1; has "cloned subvolume a.img:/s is not read-only"
	run_btrfs send -p a.img:/1 -p a.img:/1 a.img:/2 -f f; expect 1; has "you cannot have more than one parent (-p)"
	run_btrfs send a.img:/ -f f; expect 1
	run_btrfs send a.img:/1/d1 -f f; expect 1; has "not a subvolume: a.img:/1/d1"
	run_btrfs send a.img:/none -f f; expect 1; has "a.img:/none"
	run_btrfs send -p b.img:/1 a.img:/2 -f f; expect 1; has "all subvolumes must be from the same filesystem"
	run_btrfs send -p /tmp a.img:/2 -f f; expect 1; has "all subvolumes must be from the same filesystem"
	run_btrfs send -i a.img:/1 a.img:/2 -f f; expect 1; has "option -i was removed, use -c instead"
	run_btrfs send --proto 9 a.img:/1 -f f; expect 1; has "requested version 9"
	run_btrfs send --proto 1 --compressed-data a.img:/1 -f f; expect 1; has "--compressed-data requires protocol version >= 2 (requested 1)"
	run_btrfs send a.img:/1 -f no/where; expect 1; has "cannot create 'no/where'"
	run_btrfs send -c a.img:/2 a.img:/ro -f f; expect 1; has "parent determination failed for"
	btrfs_ours send -q a.img:/1 -f f
	same "mode" 600 "$(rm f; umask 0; btrfs_ours send -q a.img:/1 -f f; stat -c %a f)"
	if [[ -c /dev/full ]]; then run_btrfs send a.img:/1 -f /dev/full; expect 1; has "No space left"; fi
	run bash -c "'$BTRBOX' btrfs send -q a.img:/1 2>err | head -c 100 >/dev/null; echo \${PIPESTATUS[0]}; cat err"
	same "a closed pipe" 1 "$output"
	run script -qec "'$BTRBOX' btrfs send a.img:/1" /dev/null; expect 1; has "not dumping send stream into a terminal"
}

# bats test_tags=root
@test "send: what cannot be read ends the stream with an error that names the file" {
	need_kernel; need_peer; need_cmd setfacl
	two_snapshots
	local physical leaf
	physical=$(btrfs_ours offline a.img extents /1/big | awk 'NR == 2 { sub("1:", "", $6); print $6 }')
	cp --sparse=always a.img bad.img
	printf 'damage' | dd of=bad.img bs=1 seek=$((physical + 5000)) conv=notrunc status=none
	run_split "$BTRBOX" btrfs send -q bad.img:/1 -f out
	expect 1; output=$stderr has "cannot read big"
	run "$PEER" receive --dump -f out; [[ $status != 0 ]]
	leaf=$(btrfs_ours inspect-internal dump-tree -t "$(btrfs_ours inspect-internal rootid a.img:/1 2>/dev/null || echo 257)" a.img | awk '$1 == "leaf" {print $2}' | sed -n 2p)
	[[ $leaf ]]
	cp --sparse=always a.img bad.img
	while read -r physical; do printf 'damage' | dd of=bad.img bs=1 seek=$((physical + 200)) conv=notrunc status=none; done \
		< <("$BTRBOX" btrfs-map-logical -l "$leaf" bad.img | awk '$1 == "mirror" {print $6}')
	run_split "$BTRBOX" btrfs send -q bad.img:/1 -f out
	expect 1; output=$stderr has "$leaf"
	run "$PEER" receive --dump -f out; [[ $status != 0 ]]
}
