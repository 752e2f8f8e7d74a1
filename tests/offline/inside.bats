# SPDX-License-Identifier: GPL-2.0-or-later
# The shell's verbs for blocks as they are: node, item, field.

setup() {
	load ../lib; begin; need_peer
	mk_tree tree; rm -f tree/sparse tree/size1048576
	mk_fs peer a.img 128M tree -m dup
	cp a.img good.img
}
teardown() { finish; }

offline() { "$BTRBOX" btrfs offline "$@"; }
dump() { "$BTRBOX" btrfs inspect-internal dump-tree "$@" 2>/dev/null; }

@test "node and item print what dump-tree prints; field gives single values" {
	root=$(offline a.img field super root)
	same root "$("$BTRBOX" btrfs inspect-internal dump-super a.img | grep -P '^root\t' | tr -dc 0-9)" "$root"
	offline a.img node $root | sed 's/ csum 0x.*//' >got
	dump -b $root a.img | sed 1d >want
	same_file want got
	dump -t 5 a.img | awk '/^\titem/ { on = index($0, "(256 INODE_ITEM 0)") } on' >want
	offline a.img item 5:256,INODE_ITEM,0 >got
	same_file want got
	same_file got <(offline a.img item FS_TREE:256,1,0)
	leaf=$(dump -t 5 a.img | grep -oP '^leaf \K\d+' | head -1)
	same_file got <(offline a.img item $leaf/0)
	same "values" "nlink 1"$'\n'"key.objectid 256" "$(offline a.img field 5:256,1,0 nlink key.objectid)"
	same "header" "$leaf" "$(offline a.img field $leaf bytenr)"
	run offline a.img field 5:256,1,0 bogus; expect 1; has "has no field 'bogus'"
	run offline a.img item 5:1,1,1; expect 1; has "there is no item"
	run offline a.img item $leaf/9999; expect 1
	run offline a.img node nonsense; expect 1; has "is none of BYTENR"
}

@test "field set changes all copies with a right checksum, or one, or leaves the checksum wrong; undo takes it back" {
	run offline a.img field set 5:256,1,0 nlink=7; expect 1; has "--undo"
	cmp a.img good.img
	run offline --undo u a.img field set 5:256,1,0 nlink=7 mode=0100644
	expect 0; has "nlink: 1 -> 7"; has "mode: 0"
	run "$PEER" check a.img; has "root 5 inode 256 errors"; has_not "checksum verify"
	"$BTRBOX" btrfs rescue undo u a.img; cmp a.img good.img
	leaf=$(dump -t 5 a.img | grep -oP '^leaf \K\d+' | head -1)
	offline a.img field set --no-undo --copy 2 $leaf item0.data_size=159 >out
	"$PEER" check a.img >out 2>&1 # the first copy is right
	run offline a.img field --copy 2 $leaf item0.data_size; same size 159 "$output"
	cp good.img a.img
	offline a.img field set --no-undo --keep-csum $leaf generation=77 >out
	run "$PEER" check a.img; has "checksum verify failed on $leaf"
	cp good.img a.img
	run offline --dry-run a.img field set $leaf generation=77; expect 0
	cmp a.img good.img
	run offline a.img field set --no-undo 5:256,1,0 nlink=99999999999; expect 1; has "does not fit"
	cmp a.img good.img
}

@test "superblocks: one copy or all, label and numbers; what can no longer be opened can still be put right" {
	offline a.img field set --no-undo super label=new-label >out
	same label new-label "$("$BTRBOX" btrfs filesystem label a.img)"
	"$PEER" check a.img >out 2>&1
	chunk_root=$(offline a.img field super chunk_root)
	offline a.img field set --no-undo super chunk_root=4096 >out
	! "$PEER" check a.img >out 2>&1
	offline a.img field set --no-undo super chunk_root=$chunk_root >out 2>&1
	"$PEER" check a.img >out 2>&1
	# the root of the fs tree: then there is no directory to be in
	leaf=$(offline a.img field 1:5,ROOT_ITEM,0 bytenr)
	offline a.img field set --no-undo 1:5,132,0 bytenr=4096 >out
	! "$BTRBOX" btrfs offline a.img ls / >out 2>&1
	offline a.img field set --no-undo 1:5,132,0 bytenr=$leaf >out 2>&1
	"$PEER" check a.img >out 2>&1
}

@test "a script may mix changes in place with others" {
	cat >script <<-'E'
	field set --no-undo 5:256,1,0 sequence=1234
	mkdir /new
	field 5:256,1,0 uid
	field set --no-undo 5:256,1,0 uid=5
	stat -c %u /
	begin
	E
	sed -i '/stat -c/d' script
	offline -f script a.img >out 2>err
	grep -q 'sequence: .* -> 1234' out; grep -q 'uid: 0 -> 5' out
	offline a.img ls / | grep -qx new
	same uid 5 "$(offline a.img field 5:256,1,0 uid)"
	run offline a.img begin; true
}

@test "every field of every kind of item, of block headers and of the superblock can be set by its name" {
	dump a.img | awk '/^[a-z].* tree key|^[a-z].*tree \(/ { print > "trees" } 1' >all || true
	python3 - "$BTRBOX" <<-'PY'
	import re, subprocess, sys
	ours = sys.argv[1]
	def run(*a): return subprocess.run([ours, 'btrfs', 'offline', *a], capture_output=True, text=True)
	text = subprocess.run([ours, 'btrfs', 'inspect-internal', 'dump-tree', 'a.img'], capture_output=True, text=True, errors='replace').stdout
	leaf, seen = None, {}
	for line in text.splitlines():
	    m = re.match(r'leaf (\d+) items', line)
	    if m: leaf = m.group(1)
	    m = re.match(r'\titem (\d+) key \(\S+ (\w+) ', line)
	    if m: seen.setdefault(m.group(2), f'{leaf}/{m.group(1)}')
	assert len(seen) > 12, seen
	n = 0
	for where in [*seen.values(), leaf, 'super']:
	    sets = []
	    for line in run('a.img', 'field', where).stdout.split('\n'):
	        name, _, value = line.partition(' ')
	        if re.fullmatch(r'0x[0-9a-f]+', value): sets.append((name, '0x' + '%x' % (int(value, 16) ^ 1)))
	        elif re.fullmatch(r'0[0-7]+', value) and name.endswith('mode'): sets.append((name, '0%o' % (int(value, 8) ^ 1)))
	        elif re.fullmatch(r'\d{1,19}', value) and 'csum' not in name and 'unused' not in name and 'inline' not in name and 'reserved' not in name: sets.append((name, str(int(value) ^ 1)))
	    # lengths decide where later fields are
	    sets = [s for s in sets if not re.search(r'_len$|num_stripes|ref\d+\.type|array_size|^type$|data_offset|key\.type|nritems|^level$|data_size', s[0])]
	    r = run('--dry-run', 'a.img', 'field', 'set', where, *(f'{a}={b}' for a, b in sets))
	    assert r.returncode == 0, (where, sets, r.stderr)
	    for name, value in sets: assert f'{name}: ' in r.stdout and f'-> {value}\n' in r.stdout, (where, name, value, r.stdout)
	    n += len(sets)
	assert n > 250, n
	PY
	cmp a.img good.img
}
