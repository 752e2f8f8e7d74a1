# SPDX-License-Identifier: GPL-2.0-or-later
# Streams by the kernel, of a subvolume that changes between snapshots: src/s0 to src/s4 mounted in $T/src, streams in $T.
#
# full0 inc1 inc2 inc3 inc4: each from the one before. v2full0 v2inc1: version 2. cfull4 cinc4: version 2, compressed data as it is. three: s0 s1 s2 with -e.
# joined: s0 and s2, one stream after the other.

kernel_streams() {
	need_kernel; need_peer
	mk_fs peer src.img 512M - && mount_fs src.img src || return 1
	btrfs_peer subvolume create src/v >/dev/null
	mk_tree src/v/tree
	python3 - <<'P'
import os, random
random.seed(5)
b = 'src/v/'
open(b + 'big', 'wb').write(random.randbytes(1 << 20) + bytes(100000) + b'x' * 777)
open(b + 'zz', 'wb').write(b'hello world ' * 100000)
os.setxattr(b + 'big', 'user.x y', b'va l\n\xff\x00z')
for i in range(60):
    os.makedirs(b + 'd%d/e' % (i % 10), exist_ok=True)
    open(b + 'd%d/e/f%d' % (i % 10, i), 'wb').write(random.randbytes(random.randrange(0, 20000)))
os.chown(b + 'zz', 1234, 5678)
os.chmod(b + 'zz', 0o4755)
P
	cp --reflink=always src/v/big src/v/big2
	btrfs_peer subvolume snapshot -r src/v src/s0 >/dev/null
	python3 - <<'P'
import os
b = 'src/v/'
with open(b + 'big', 'r+b') as f:
    f.seek(100000)
    f.write(b'Q' * 5000)
os.rename(b + 'd1', b + 'd0/moved')
os.rename(b + 'd2/e', b + 'top-e')
for i in range(3, 60, 7):
    p = b + 'd%d/e/f%d' % (i % 10, i)
    if os.path.exists(p):
        os.unlink(p)
os.link(b + 'zz', b + 'zz-link')
os.symlink('../outside', b + 'sym')
os.removexattr(b + 'big', 'user.x y')
os.truncate(b + 'big2', 12345)
P
	fallocate -p -o 4096 -l 8192 src/v/zz
	fallocate -l 1M src/v/pre
	btrfs_peer subvolume snapshot -r src/v src/s1 >/dev/null
	local i
	for i in 2 3; do
		echo $i >src/v/n$i
		mv src/v/d$((i + 2)) src/v/moved$i
		btrfs_peer subvolume snapshot -r src/v src/s$i >/dev/null
	done
	python3 - <<'P'
import subprocess
b = 'src/v/'
for name, how, data in ('c-zstd', 'zstd', b'some text which compresses ' * 20000), ('c-inline', 'zlib', b'inline ' * 200), \
        ('c-lzo', 'lzo', b'lzo lzo text ' * 20000), ('c-zlib', 'zlib', b'zlib zlib text ' * 20000 + b'q' * 77):
    open(b + name, 'wb').close()
    subprocess.run(['chattr', '+c', b + name], check=True)
    subprocess.run(['setfattr', '-n', 'btrfs.compression', '-v', how, b + name], check=True)
    open(b + name, 'wb').write(data)
P
	btrfs_peer subvolume snapshot -r src/v src/s4 >/dev/null
	stream full0 s0
	for i in 1 2 3 4; do stream inc$i -p src/s$((i - 1)) s$i; done
	stream v2full0 --proto 2 s0
	stream v2inc1 --proto 2 -p src/s0 s1
	stream cfull4 --proto 2 --compressed-data s4
	stream cinc4 --proto 2 --compressed-data -p src/s3 s4
	stream three -e s0 src/s1 src/s2
	stream joined s0 src/s2
}
# stream FILE [OPTIONS...] SNAPSHOT [MORE...]: the first plain word is a snapshot of src.
stream() {
	local file=$1 args=() a
	shift
	for a; do [[ $a == s[0-9] ]] && a=src/$a; args+=("$a"); done
	btrfs_peer -q send -f "$file" "${args[@]}"
}
# hash_of DIRECTORY|ADDRESS: names, contents, attributes, modification times.
hash_of() { btrfs_ours offline hash --times mtime "$1" | cut -d' ' -f1; }
# The uuid of src/NAME, of anything mounted.
uuid_of() { btrfs_peer subvolume show "$1" | awk '/^\tUUID:/ {print $2}'; }
received_of() { btrfs_peer subvolume show "$1" | awk '/Received UUID:/ {print $3}'; }
