# SPDX-License-Identifier: GPL-2.0-or-later
# check: files, names, references of subvolumes, checksums, quota; what scripts match, and what JSON adds.
setup() { load ../lib; begin; }
teardown() { finish; }

# image: small, one tree of one leaf, with the file name/content pairs given.
small_fs() {
	mkdir -p tree/dir
	echo hello >tree/file; ln tree/file tree/dir/again; ln -s file tree/link; head -c 100000 /dev/urandom >tree/big
	mk_fs ours a.img 120M tree
}
edit() { python3 "$BATS_TEST_DIRNAME/../leafedit.py" a.img "$@"; }
ino() { "$BTRBOX" btrfs offline a.img stat "/$1" | sed -n 's/.*Inode: \([0-9]*\).*/\1/p'; }

@test "each image of the public collection is told as its table says" {
	need_shared images/check; need_peer; need_cmd xz
	local f b want bad=0
	for f in "$SHARED"/images/check/*; do
		b=${f##*/}
		want=$(grep -F "| $b |" "$SHARED/images/README.md" | cut -d'|' -f4)
		case $b in
		*.tar.xz) rm -rf t; mkdir t; tar -xJf "$f" -C t; mv "$(find t -type f | head -1)" x.img ;;
		*.raw.xz) xz -dc "$f" >x.img ;;
		*.img.xz) xz -dc "$f" >d.img; btrfs-image -t1 -r d.img x.img ;;
		*) btrfs-image -t1 -r "$f" x.img ;;
		esac
		run "$BTRBOX" btrfs check x.img
		case $want in
		*detect*) [[ $status == 1 && $output == *"error(s) found"* ]] ;;
		*) [[ $status == 0 && $output == *"no error found"* ]] ;;
		esac || { echo "$b: exit code $status, must:$want"; bad=1; }
	done
	return $bad
}

@test "a wrong link count is said in the incumbent's words, with the names" {
	small_fs
	edit field "$(ino file)" nlink 7
	run_split btrfs_ours check a.img
	expect 1
	has "error(s) found"
	output=$stderr
	has "root 5 inode $(ino file) errors 2000, link count wrong
	unresolved ref dir 256 index "
	has "namelen 4 name file filetype 1 errors 0"
	has "namelen 5 name again filetype 1 errors 0"
	has "ERROR: errors found in fs roots"
}

@test "sizes, modes, types and stray names are told by id, place and path" {
	small_fs
	local n; n=$(ino big)
	edit field 256 size 3
	edit field "$n" size 90000
	edit field "$(ino link)" mode $((8#100644))
	run_split btrfs_ours --format json check a.img
	expect 1
	printf '%s' "$output" >out.json
	python3 - <<-'PY'
		import json
		f = json.load(open("out.json"))["check"]["findings"]
		by = {}
		for x in f: by.setdefault(x["id"], []).append(x)
		d = by["inode-dir-size"][0]
		assert d["tree"] == 5 and d["inode"] == 256 and d["have"] == 3 and d["want"] > 3 and d["severity"] == "error", d
		t = by["name-type"][0]
		assert t["name"] == "link" and t["directory"] == 256 and t["path"] == "link", t
		assert all(x["phase"] == 5 for x in f), f
	PY
}

@test "a name that leads elsewhere is missed by who it belonged to" {
	small_fs
	edit point file "$(ino big)"
	run_split btrfs_ours check a.img
	expect 1
	output=$stderr
	has "root 5 inode $(ino file) errors 2000, link count wrong"
	has "namelen 4 name file filetype 0 errors 3, no dir item, no dir index"
	has "root 5 inode $(ino big) errors 2000, link count wrong"
	has "namelen 4 name file filetype 1 errors 4, no inode ref"
}

@test "the same findings in the same order for any number of jobs, in little memory, too" {
	small_fs
	edit field "$(ino file)" nlink 7; edit field 256 size 3; edit point big 999
	"$BTRBOX" btrfs --format json check --jobs 1 a.img >1 && return 1
	"$BTRBOX" btrfs --format json check --jobs 4 a.img >4 && return 1
	"$BTRBOX" btrfs --format json check --jobs 3 --memory 1M --temp . a.img >3 && return 1
	[[ $(grep -c '"id": "' 1) -ge 8 ]]
	same_file 1 4 && same_file 1 3
}

# corrupt LOGICAL COPY...: flips bytes of file data.
corrupt() {
	local logical=$1 m; shift
	for m; do
		local phys; phys=$("$BTRBOX" btrfs-map-logical -l "$logical" a.img | sed -n "s/^mirror $m .*physical \([0-9]*\).*/\1/p")
		[[ $phys ]] || return 1
		printf 'XXXXXXXX' | dd of=a.img bs=1 seek="$phys" conv=notrunc status=none
	done
}

@test "data is compared with its checksums in all copies; files that have lost some are named" {
	mkdir tree; head -c 50000 /dev/urandom >tree/big; echo x >tree/other
	"$BTRBOX" mkfs.btrfs -q -d dup -m dup --rootdir tree a.img
	truncate -s 300M a.img
	run_btrfs check --check-data-csum a.img; expect 0
	local logical; logical=$("$BTRBOX" btrfs inspect-internal dump-tree -t 5 a.img | sed -n 's/.*extent data disk byte \([1-9][0-9]*\) nr 53248.*/\1/p' | head -1)
	corrupt "$logical" 2
	run_btrfs check a.img; expect 0
	run_btrfs check --check-data-csum a.img; expect 1
	has "mirror 2 bytenr $logical csum 0x"; has " expected csum 0x"; has "ERROR: errors found in csum tree"; has_not "no good copy"
	corrupt "$logical" 1
	run_btrfs check --check-data-csum --damaged-files a.img; expect 1
	has "mirror 1 bytenr $logical"; has "no good copy of $logical-$((logical + 4096)): root 5"; has "/big: no good copy"
}

# bats test_tags=root
@test "no false alarm: snapshots, reflinks, holes, quotas, deletion and a log, as the kernel leaves them" {
	need_kernel; need_peer
	local opts
	for opts in "" "-O ^no-holes"; do
		rm -f a.img; truncate -s 300M a.img; mkfs.btrfs -q -f $opts a.img >/dev/null
		"$BTRBOX" btrfs check a.img >/dev/null 2>before || true
		mount_fs a.img m
		btrfs quota enable m
		btrfs subvolume create m/s >/dev/null; mkdir -p m/s/d
		local i; for i in {1..200}; do echo "$i" >m/s/d/$i; ln m/s/d/1 m/s/a_name_that_is_so_long_that_a_good_many_need_extended_references_$i; done
		head -c 300000 /dev/urandom >m/s/big; cp --reflink=always m/s/big m/s/too; printf x | dd of=m/s/big bs=1 seek=9000 conv=notrunc status=none
		truncate -s 9M m/s/sparse; fallocate -l 1M m/s/pre; printf y | dd of=m/s/pre bs=1 seek=70000 conv=notrunc status=none
		btrfs subvolume create m/s/nested >/dev/null
		btrfs subvolume snapshot m/s m/t >/dev/null; btrfs subvolume snapshot -r m/t m/u >/dev/null; rm -r m/t/d; echo z >m/t/big
		btrfs quota rescan -w m >/dev/null
		btrfs subvolume delete m/u >/dev/null
		sync -f m; echo more >>m/s/d/7; python3 -c 'import os; os.fsync(os.open("m/s/d/7", os.O_RDWR))'
		cp --sparse=always a.img b.img
		umount_fs m
		for i in a.img b.img; do
			run_split btrfs_ours check $i
			[[ $(grep -v '^\[\|^Space key logical' <<<"$stderr") == "" ]] || { echo "$opts $i: $stderr"; return 1; }
		done
		[[ $stderr == *"[1/8] checking log"$'\n'* && $stderr == *"[8/8] checking quota groups" ]]
	done
}

@test "the list of problems is the table's" {
	need_cmd cc
	OUT=$PWD/out "$BATS_TEST_DIRNAME/../../Documentation/problems.py"
	same_file "$BATS_TEST_DIRNAME/../../Documentation/problems.md" out
	[[ $(grep -c '^| [a-z]' out) -gt 100 ]]
}

@test "options: progress lines, reports, and what is refused" {
	small_fs
	run_split btrfs_ours check -p a.img; expect 0
	[[ $(tr '\r' '\n' <<<"$output") == *"[2/7] checking extents                         (0:00:00 elapsed, "*" items checked)"* ]]
	run_btrfs check -s 3 a.img; expect 1; has "ERROR: super mirror should be less than 3"
	run_btrfs check -s 1 a.img; expect 0; has "using SB copy 1, bytenr 67108864"
	run_btrfs check --mode quick a.img; expect 1; has "unknown mode: quick"
	run_btrfs check -b a.img; expect 0
	run_btrfs check -E 5 a.img; expect 0; has "Print extent state for subvolume 5 on a.img"; [[ $output == *$'Offset\t\tLen\tRoot Refs\tRoots\n'[0-9]*$'\t1\t5 '* ]]
	run_btrfs check nowhere.img; expect 1; has "could not check mount status: No such file or directory"
}
