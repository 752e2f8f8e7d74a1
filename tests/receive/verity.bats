# SPDX-License-Identifier: GPL-2.0-or-later
# fs-verity in version 3 streams, on unmounted filesystems: the running kernel need not know it.

setup() { load ../lib; begin; }
teardown() { finish; }

# The items are those that a second reader of the rules expects.
@test "files are sealed offline: every algorithm, block size, salt and signature; the stream made of them is the one that made them" {
	PYTHONPATH="$TOP/tests/receive" python3 - <<-'P'
	import hashlib, json, os, random
	from stream import Stream
	r = random.Random(5)
	s, want = Stream(version=3), []
	s.subvol('v')
	for n, (alg, block, salt, sig, size) in enumerate([(1, 4096, b'', b'', 0), (1, 4096, b'', b'', 1), (1, 4096, b'', b'', 4096), (1, 4096, b'salt', b'sig' * 1000, 4097),
	        (1, 1024, b'x' * 32, b'', 300000), (2, 4096, b'', b'', 1000001), (2, 1024, b'pepper', b'', 70000), (1, 65536, b'', b'', 3 << 20),
	        (2, 65536, b'y' * 31, b's', 65536), (1, 1024, b'', b'', 1024 * 32 * 32 + 1)]):
	    data = r.randbytes(size)
	    if n == 9: # a hole in the middle
	        data = data[:5000] + bytes(200000) + data[205000:]
	    name = 'f%d' % n
	    s('mkfile', path=name, ino=257 + n)
	    for i in range(0, size, 40000):
	        piece = data[i:i + 40000]
	        if piece.strip(b'\0') or i + 40000 >= size:
	            s('write', path=name, file_offset=i, data=piece)
	    s('truncate', path=name, size=size)
	    s('enable_verity', path=name, verity_algorithm=alg, verity_block_size=block, verity_salt_data=salt, verity_sig_data=sig)
	    s('utimes', path=name, atime=(1, 2), mtime=(3, 4), ctime=(5, 6))
	    make = hashlib.sha512 if alg == 2 else hashlib.sha256
	    pad = salt.ljust(128 if alg == 2 else 64, b'\0') if salt else b''
	    h = lambda b: make(pad + b.ljust(block, b'\0')).digest()
	    level, tree = [h(data[i:i + block]) for i in range(0, size, block)], b''
	    while len(level) > 1:
	        raw = b''.join(level)
	        raw = raw.ljust(-(-len(raw) // block) * block, b'\0')
	        tree = raw + tree
	        level = [h(raw[i:i + block]) for i in range(0, len(raw), block)]
	    root = level[0] if level else b''
	    desc = bytes([1, alg, block.bit_length() - 1, len(salt)]) + len(sig).to_bytes(4, 'little') + size.to_bytes(8, 'little') + root.ljust(64, b'\0') + salt.ljust(32, b'\0') + bytes(144) + sig
	    want.append((desc, tree, min(block, 2048))) # blocks are stored one by one
	s.end().save('stream')
	with open('want', 'w') as f:
	    for n, (desc, tree, step) in enumerate(want):
	        for kind, first, v, step in ((36, 1, desc, 2048), (37, 0, tree, step)):
	            for off in range(0, len(v), step):
	                print(257 + n, kind, first + off, hashlib.sha256(v[off:off + step]).hexdigest(), file=f)
	P
	mk_fs ours a.img 300M -
	btrfs_ours receive -q -f stream a.img:/
	sealed a.img 256 >got; same_file want got
	run btrfs_ours inspect-internal dump-super a.img; has VERITY
	btrfs_ours check a.img >/dev/null
	judge_reader a.img
	run btrfs_ours offline a.img truncate -s 1 /v/f3
	expect 1; has "read-only"
	# back again
	btrfs_ours send -q --proto 3 -f again a.img:/v
	btrfs_ours receive --dump -f again | grep enable_verity | sort >b
	btrfs_ours receive --dump -f stream | grep enable_verity | sort >a; same_file a b
	mk_fs ours b.img 300M -
	btrfs_ours receive -q -f again b.img:/
	sealed b.img 256 >got; same_file want got
	same hash "$(btrfs_ours offline a.img hash --times mtime /v)" "$(btrfs_ours offline b.img hash --times mtime /v)"
	# what cannot be sealed, and what is sealed
	refused "no hash algorithm 3" verity_algorithm=3
	refused "impossible fs-verity block size" verity_block_size=5000
	refused "impossible fs-verity block size" verity_block_size=131072
	refused "salt of more than 32 bytes" "verity_salt_data=b'x'*33"
	refused "signature for fs-verity has 16129 bytes" "verity_sig_data=b'x'*16129"
	refused "regular files" "path='d'"
	refused "enabled already" "path='g'"
	refused "sealed by fs-verity" --
}

# Digests of the items of fs-verity in tree $2 of an image.
sealed() {
	python3 - "$1" "$2" "$(btrfs_ours inspect-internal dump-super "$1" | awk '$1 == "nodesize" {print $2}')" <<-'P'
	import hashlib, subprocess, sys
	text = subprocess.run([__import__('os').environ['BTRBOX'], 'btrfs', 'inspect-internal', 'dump-tree', '-t', sys.argv[2], sys.argv[1]], stdout=subprocess.PIPE, text=True, check=True).stdout
	image, node = open(sys.argv[1], 'rb').read(), int(sys.argv[3])
	import re
	chunks = []
	c = subprocess.run([__import__('os').environ['BTRBOX'], 'btrfs', 'inspect-internal', 'dump-tree', '-t', 'chunk', sys.argv[1]], stdout=subprocess.PIPE, text=True, check=True).stdout
	for m in re.finditer(r'CHUNK_ITEM (\d+)\).*?\n\s+length (\d+).*?stripe 0 devid 1 offset (\d+)', c, re.S):
	    chunks.append(tuple(map(int, m.groups())))
	def phys(a):
	    return next(a - s + p for s, n, p in chunks if s <= a < s + n)
	leaf = None
	for line in text.splitlines():
	    if line.startswith('leaf '):
	        leaf = phys(int(line.split()[1]))
	    m = re.match(r'\s+item \d+ key \((\d+) (VERITY_DESC_ITEM|VERITY_MERKLE_ITEM) (\d+)\) itemoff (\d+) itemsize (\d+)', line)
	    if m and not (m[2] == 'VERITY_DESC_ITEM' and m[3] == '0'):
	        at = leaf + 101 + int(m[4])
	        print(m[1], 36 if m[2] == 'VERITY_DESC_ITEM' else 37, m[3], hashlib.sha256(image[at:at + int(m[5])]).hexdigest())
	P
}

# refused TEXT ATTR=VALUE: the command with this fails, and the last commit stays.
refused() {
	PYTHONPATH="$TOP/tests/receive" python3 - "$2" <<-'P'
	import sys
	from stream import Stream
	s = Stream(version=3)
	s.subvol('w')
	s('mkfile', path='f', ino=257); s('write', path='f', file_offset=0, data=b'x' * 5000); s('mkdir', path='d', ino=258); s('mkfile', path='g', ino=259)
	a = dict(path='g', verity_algorithm=1, verity_block_size=4096, verity_salt_data=b'', verity_sig_data=b'')
	s('enable_verity', **a)
	if sys.argv[1] == '--':
	    s('write', path='g', file_offset=0, data=b'x')
	else:
	    a['path'] = 'f'
	    k, v = sys.argv[1].split('=', 1)
	    a[k] = eval(v)
	    s('enable_verity', **a)
	s.end().save('bad')
	P
	super() { dd if=b.img bs=4096 skip=16 count=1 status=none | sha256sum; }
	local before=$(super)
	run btrfs_ours receive -q -f bad b.img:/
	expect 1; has "$1"
	same super "$before" "$(super)"
}
