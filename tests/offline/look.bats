# SPDX-License-Identifier: GPL-2.0-or-later
# The looking verbs of the offline shell say what coreutils, attr and e2fsprogs say of the same filesystem mounted.

setup() { load ../lib; begin; }
teardown() { finish; }

off() { btrfs_ours offline "$@"; }

# The same tree mounted at m and, for ours, in t.img.
both() {
	mk_tree src
	mk_fs kernel t.img 300M src
	mount_copy
}
mount_copy() { mv t.img k.img; cp --sparse=always k.img t.img; mount_fs k.img m ro; }

@test "ls writes what ls writes of the mounted filesystem" { # bats test_tags=root
	both
	for o in -lA -lAi -A -i -lAR -AR -lAS -lAtr -lAd; do
		same "ls $o" "$(cd m && ls "$o" --quoting-style=literal . | grep -v ' socket$')" "$(off t.img ls "$o" | grep -v ' socket$')"
	done
	same "several" "$(cd m && ls -l zeros text many)" "$(off t.img ls -l zeros text many)"
	same "numeric" "$(cd m && ls -n text)" "$(off t.img ls -n text)"
	same "human" "$(cd m && ls -lh)" "$(off t.img ls -lh)"
	run_btrfs offline t.img ls nowhere text
	expect 1
	has "ls: cannot access 'nowhere': No such file or directory"
	has text
}

@test "stat agrees with stat on every directive, and in its layout" { # bats test_tags=root
	both
	for f in text d dangling null fifo size0 sparse; do
		for d in a A b B f F g G h i n N o s t T u U w W x X y Y z Z; do
			same "%$d of $f" "$(cd m && stat -c "%$d" "$f")" "$(off t.img stat -c "%$d" "$f")"
		done
	done
	same layout "$(cd m && stat text | grep -v ^Device)" "$(off t.img stat text | grep -v ^Subvolume)"
	same printf "$(cd m && stat --printf 'a\t%s\n' text)" "$(off t.img stat --printf 'a\t%s\n' text)"
}

@test "find finds what find finds" { # bats test_tags=root
	both
	while read -r -a expr; do
		same "find ${expr[*]}" "$(cd m && find . "${expr[@]}" | sort)" "$(off t.img find . "${expr[@]}" | sort)"
	done <<-'X'
		-name file*
		-iname FILE00*
		-type d
		-type l
		-type c
		-size +8
		-size -2k
		-size 1048576c
		-newer text
		-maxdepth 1
		-mindepth 2 -type f -name *1
		-empty
		! -type f
		-name text -o -name zeros
		-links +1
		-perm 4751
		-perm -4000
		-path ./d/*
	X
	same print0 "$(cd m && find d -print0 | sort -z | od -c)" "$(off t.img find d -print0 | sort -z | od -c)"
	run_btrfs offline t.img find -nosuch
	expect 1
	has "find: unknown predicate '-nosuch'"
}

@test "getfattr and lsattr write what the tools write" { # bats test_tags=root
	need_cmd getfattr lsattr
	mk_tree src
	mk_fs kernel t.img 300M src
	mount_fs t.img m
	mkdir m/flags
	for f in S A d c C m; do touch "m/flags/f$f"; chattr "+$f" "m/flags/f$f"; done
	mkdir m/flags/dD; chattr +D m/flags/dD
	setfattr -n user.quoted -v 'a"b\c' m/text
	umount_fs m
	mount_copy
	same dump "$(cd m && getfattr -d text)" "$(off t.img getfattr -d text)"
	same all "$(cd m && getfattr -h -d -m - size1 d size100)" "$(off t.img getfattr -h -d -m - size1 d size100)"
	same hex "$(cd m && getfattr -e hex -d text)" "$(off t.img getfattr -e hex -d text)"
	same names "$(cd m && getfattr text)" "$(off t.img getfattr text)"
	same one "$(cd m && getfattr -n user.note text)" "$(off t.img getfattr -n user.note text)"
	same value "$(cd m && getfattr --only-values -n user.note text)" "$(off t.img getfattr --only-values -n user.note text)"
	same recursive "$(cd m && getfattr -h -R -d d | grep . | sort)" "$(off t.img getfattr -h -R -d d | grep . | sort)"
	run_btrfs offline t.img getfattr -n user.none text
	expect 1
	has "text: user.none: No such attribute"
	same flags "$(cd m && lsattr flags | sort)" "$(off t.img lsattr flags | sort)"
	same itself "$(cd m && lsattr -d flags text)" "$(off t.img lsattr -d flags text)"
}

@test "df counts as the kernel does" { # bats test_tags=root
	both
	same bytes "$(df -B1 --output=size,used,avail m | tail -n 1 | xargs)" "$(off t.img df -b | awk 'NR == 2 { print $2, $3, $4 }')"
	same percent "$(df --output=pcent m | tail -n 1 | tr -d ' ')" "$(off t.img df | awk 'NR == 2 { print $5 }')"
}

@test "extents are where FIEMAP says" { # bats test_tags=root
	need_cmd filefrag
	both
	for f in text size1048576 sparse size131073; do
		want=$(filefrag -v -b1 "m/$f" | awk -F'[:. ]+' '/^ +[0-9]+:/ { print $3, $5, $6 }')
		same "$f" "$want" "$(off t.img --format json extents "$f" | python3 -c '
import json, sys
for e in json.load(sys.stdin)["extents"][0]["extents"]:
    at = e["logical"] + e["extent-offset"]
    print(e["offset"], at, at + e["length"] - 1)')"
	done
	has_size=$(off t.img extents size100 | tail -n 1)
	[[ $has_size == *inline* ]]
}

@test "du tells disk, plain and referenced bytes" { # bats test_tags=root
	need_kernel
	mk_fs kernel t.img 300M -
	mount_fs t.img m compress-force=zstd
	yes | head -c 1M >m/packed
	cp --reflink=always m/packed m/again
	head -c 300000 /dev/urandom >m/plain
	truncate -s 1G m/hole
	umount_fs m
	run_btrfs offline t.img du -ab
	expect 0
	row=$(grep -P '\./again$' <<<"$output")
	read -r disk plain ref ratio name <<<"$row"
	[[ $plain == 1048576 && $ref == 1048576 ]] && ((disk < 65536))
	same "shared, counted where it is met first" "0 0 1048576 100% ./packed" "$(grep -P '\./packed$' <<<"$output" | tr '\t' ' ')"
	same hole "0 0 0 100% ./hole" "$(grep -P '\./hole$' <<<"$output" | tr '\t' ' ')"
	read -r disk plain ref ratio name <<<"$(tail -n 1 <<<"$output")"
	[[ $name == . && $ref == $((2 * 1048576 + 303104)) ]]
	same summary "$(tail -n 1 <<<"$output")" "$(off t.img du -sb | tail -n 1)"
}

@test "checksum verifies every copy and names the bad one" {
	need_peer
	mk_tree src
	mk_fs peer t.img 300M src -d dup
	run_btrfs offline t.img checksum -q
	expect 0
	same quiet "" "$output"
	read -r one two < <(places t.img size65536)
	printf xxxx | dd of=t.img bs=1 seek=$((two + 8192)) conv=notrunc status=none
	run_btrfs offline t.img checksum -q
	expect 1
	has "./size65536: FAILED"
	has "bytes 8192 to 12287: copy 2 of 2 is bad"
	run_btrfs offline t.img cat size65536
	expect 0
	sums=$(off t.img checksum -l size65536 | awk 'NF == 3 { print $3 }')
	[[ $(wc -l <<<"$sums") == 16 && $sums =~ ^[0-9a-f]{8} ]]
}

# The physical places of a file's first extent, one a copy.
places() {
	btrfs_ours --format json offline "$1" extents "$2" | python3 -c '
import json, sys
print(*[p.split(":")[1] for p in json.load(sys.stdin)["extents"][0]["extents"][0]["physical"].split(",")])'
}

@test "tree draws, cat and readlink give content" {
	mk_tree src
	mk_fs peer t.img 300M src
	cmp <(off t.img cat text zeros) <(cat src/text src/zeros)
	cmp <(off t.img cat sparse) src/sparse
	same link ../text "$(off t.img readlink d/symlink)"
	run_btrfs offline t.img readlink text
	expect 1
	has "readlink: text: Invalid argument"
	run_btrfs offline t.img cat d
	expect 1
	has "cat: cannot read 'd': Is a directory"
	run_btrfs offline t.img tree d/e
	expect 0
	same tree $'d/e\n└── f\n    └── g\n        └── deep\n\n2 directories, 1 file' "$output"
}

@test "every verb that prints has JSON" {
	mk_tree src
	mk_fs peer t.img 300M src
	for v in ls "ls -lR" "stat text dangling null" find tree du df hash "readlink dangling" "getfattr -d -R ." "lsattr -R" "checksum d" \
		"checksum -l text" "extents text sparse size1" pwd; do
		for how in "--format json offline t.img $v" "offline t.img $v --format json" "offline t.img --format=json $v"; do
			btrfs_ours $how | python3 -c 'import json, sys; assert json.load(sys.stdin)["__header"]["version"] == "1"' || { echo "# $how"; return 1; }
		done
	done
	same name 'not-utf8-\xff\xfe' "$(off t.img ls --format json | python3 -c '
import json, sys
print(*[ascii(e["name"])[1:-1] for d in json.load(sys.stdin)["ls"] for e in d["entries"] if e["name"].startswith("not")])')"
}

@test "hash is the same for the image, a mount, a copy and an address" { # bats test_tags=root
	both
	cp -a m copy
	want=$(off t.img hash / | cut -d' ' -f1)
	[[ ${#want} == 64 ]]
	same mount "$want" "$(off hash m | cut -d' ' -f1)"
	same copy "$want" "$(off hash copy | cut -d' ' -f1)"
	same address "$want" "$(off hash t.img:/ | cut -d' ' -f1)"
	same part "$(off hash m/d | cut -d' ' -f1)" "$(off t.img hash d | cut -d' ' -f1)"
	touch copy/text
	[[ $(off hash copy | cut -d' ' -f1) != "$want" ]]
	same "without times" "$(off hash --times none m | cut -d' ' -f1)" "$(off hash --times none copy | cut -d' ' -f1)"
	run_btrfs offline hash --times some m
	expect 1
}

@test "filesystem show of a metadata dump shows the filesystem that was dumped" {
	mk_fs peer t.img 200M -
	btrfs_ours filesystem show t.img >want
	"$BTRBOX" btrfs-image t.img t.dump
	same show "$(sed 's/t\.img/t.dump/' want)" "$(btrfs_ours filesystem show t.dump)"
}

@test "a device whose item names another filesystem is not taken for a seed" {
	mk_fs peer t.img 200M -
	off t.img field set --no-undo chunk:1,DEV_ITEM,1 fsid=bad00000-1111-2222-3333-444444444444
	run_btrfs filesystem df t.img
	expect 1
	has "the item of device 1 says that it belongs to filesystem bad00000-1111-2222-3333-444444444444, but the superblock of t.img says "
	run_btrfs check t.img
	expect 1
	has "device 1 belongs to another filesystem"
	has "[7/8] checking root refs"
}
