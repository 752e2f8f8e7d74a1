#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills a mounted btrfs with what only the kernel makes: every compression, rewritten, reflinked, preallocated and punched files, links
beyond one item, names with equal hashes, subvolumes in snapshots in subvolumes. The same for the same seed. Needs root.

usage: rich.py MOUNTPOINT [SEED]
"""
import ctypes, fcntl, os, random, struct, subprocess, sys

rnd = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
subprocess.run([sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../mktree.py'), sys.argv[1] + '/tree'], check=True)
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
FICLONERANGE, SUBVOL_CREATE, SNAP_CREATE_V2 = 0x4020940d, 0x5000940e, 0x50009417
KEEP_SIZE, PUNCH_HOLE = 1, 2


def mixed(n):
    """Text, noise, zeros and repetition in turn."""
    out = b''
    while len(out) < n:
        m = rnd.randrange(1, 60000)
        kind = rnd.randrange(4)
        out += (b''.join(b'line %d of a text\n' % i for i in range(m // 18 + 1)) if kind == 0 else
                rnd.randbytes(m) if kind == 1 else bytes(m) if kind == 2 else b'ab' * (m // 2 + 1))
    return out[:n]


def put(name, data, at=0, sync=False):
    fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
    os.pwrite(fd, data, at)
    if sync:
        os.fdatasync(fd)
    os.close(fd)


def clone(source, start, length, target, to):
    s, t = os.open(source, os.O_RDONLY), os.open(target, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.ioctl(t, FICLONERANGE, struct.pack('qQQQ', s, start, length, to))
    os.close(s)
    os.close(t)


def fallocate(name, mode, start, length):
    fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
    if libc.fallocate(fd, mode, ctypes.c_long(start), ctypes.c_long(length)):
        raise OSError(ctypes.get_errno(), 'fallocate')
    os.close(fd)


def subvolume(path, source=None, readonly=False):
    where = os.open(os.path.dirname(path) or '.', os.O_RDONLY)
    name = os.path.basename(path).encode()
    if source:
        s = os.open(source, os.O_RDONLY)
        fcntl.ioctl(where, SNAP_CREATE_V2, bytearray(struct.pack('qQQ32x4040s', s, 0, 2 if readonly else 0, name)))
        os.close(s)
    else:
        fcntl.ioctl(where, SUBVOL_CREATE, bytearray(struct.pack('q4088s', 0, name)))  # of a bytes only 1024 are taken
    os.close(where)


def maybe(what, *args, **more):
    """What not every node size or format has room for."""
    try:
        what(*args, **more)
    except OSError:
        pass


for alg in ('none', 'zlib', 'lzo', 'zstd'):
    os.mkdir(alg)
    if alg != 'none':
        maybe(os.setxattr, alg, 'btrfs.compression', alg.encode())
    for n in (1, 500, 2000, 4095, 4096, 4097, 70000, 131072, 131073, 1500000):
        put(f'{alg}/{n}', mixed(n))
    put(f'{alg}/zeros', bytes(200000))
    for i in range(20):
        put(f'{alg}/rewritten', mixed(rnd.randrange(1, 30000) if i else 900000), rnd.randrange(900000) if i else 0, sync=i % 4 == 0)
    os.truncate(f'{alg}/rewritten', 777777)
    clone(f'{alg}/rewritten', 5 * 4096, 60 * 4096, f'{alg}/clone', 3 * 4096)
    clone(f'{alg}/rewritten', 90 * 4096, 7 * 4096, f'{alg}/clone', 20 * 4096)
    clone(f'{alg}/1500000', 0, 0, f'{alg}/whole-clone', 0)
    put(f'{alg}/appended', b'begin')
    for i in range(12):
        put(f'{alg}/appended', mixed(rnd.randrange(1, 5000)), os.path.getsize(f'{alg}/appended'), sync=i % 3 == 0)

fallocate('prealloc', 0, 0, 1 << 20)
put('prealloc', mixed(50000), 123456)
fallocate('prealloc', KEEP_SIZE, 1 << 20, 1 << 20)
put('punched', mixed(600000), sync=True)
for i in range(10):
    fallocate('punched', KEEP_SIZE | PUNCH_HOLE, rnd.randrange(600000), rnd.randrange(1, 50000))
put('huge-hole', b'far out', 1 << 40)
os.truncate('huge-hole', (1 << 60) + 12345)
for i in range(100):
    put('holes', rnd.randbytes(rnd.randrange(1, 9000)), i * 300000 + rnd.randrange(1000))
put('big', mixed(12 << 20))

os.mkdir('links')
put('links/first', b'x')
for i in range(1200):  # beyond one item, where the format has extrefs
    maybe(os.link, 'links/first', 'links/' + 'l' * (i % 200) + str(i))
os.mkdir('elsewhere')
os.link('links/first', 'elsewhere/link')
os.mkdir('equal-hashes')
for name in ('3519a2105c', 'a06ea6bb7a', '6e05cf61fa', '93211ddea'):
    put(f'equal-hashes/{name}', name.encode())
    os.setxattr('equal-hashes', f'user.{name}', name.encode())
put('attributes', b'')
for i in range(40):
    os.setxattr('attributes', f'user.n{i}', b'v' * i)
maybe(os.setxattr, 'attributes', 'user.large', rnd.randbytes(12000))
maybe(os.setxattr, 'attributes', 'user.less', rnd.randbytes(3000))
for n in (1, 255, 2000, 3000, 4000):
    maybe(os.symlink, 's' * n, f'symlink{n}')

subvolume('sub')
os.mkdir('sub/dir')
put('sub/dir/file', mixed(100000))
subvolume('sub/inner')
subvolume('sub/inner/deeper')
put('sub/inner/deeper/file', b'deep')
subvolume('snap', 'sub')
put('snap/dir/file', b'changed', 50000)
subvolume('read-only', 'snap', readonly=True)
subvolume('sub/inner/again', 'read-only')
os.rename('sub/inner/deeper', 'sub/dir/moved')
libc.syncfs(os.open('.', os.O_RDONLY))  # sync() would wait for all others, too
