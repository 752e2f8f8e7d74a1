#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a small tree with one of everything a filesystem can hold; the same bytes each time.

usage: mktree.py DIR
"""
import os, random, socket, sys

top = sys.argv[1]
rnd = random.Random(42)
os.makedirs(top, exist_ok=True)
os.chdir(top)
TIME = 1500000000


def put(name, data):
    with open(name, 'wb') as f:
        f.write(data)


# sizes around every limit: empty, inline, sector, extent
for n in (0, 1, 100, 2047, 2048, 2049, 4095, 4096, 4097, 65536, 131072, 131073, 1 << 20):
    put(f'size{n}', rnd.randbytes(n))
put('text', b'the same line, again and again\n' * 9000)  # compresses
put('zeros', bytes(300000))
put(b'not-utf8-\xff\xfe', b'name')
put('blank and\nnewline', b'name')
put('n' * 255, b'longest name')

with open('sparse', 'wb') as f:  # holes in front, between and behind
    f.seek(1 << 20)
    f.write(rnd.randbytes(5000))
    f.seek(3 << 20)
    f.write(rnd.randbytes(5000))
    f.truncate(5 << 20)

os.makedirs('d/e/f/g')
put('d/e/f/g/deep', b'deep')
os.mkdir('empty')
os.mkdir('many')
for i in range(300):
    put(f'many/file{i:04}', b'%d\n' % i)
put('links', b'several names\n')
for i in range(5):
    os.link('links', f'd/link{i}')
os.symlink('../text', 'd/symlink')
os.symlink('x' * 1000, 'longlink')
os.symlink('nowhere', 'dangling')
os.mkfifo('fifo')
s = socket.socket(socket.AF_UNIX)
s.bind('socket')
s.close()
put('modes', b'')
os.chmod('modes', 0o4751)
os.chmod('empty', 0o1777)


def xattr(name, key, value):
    try:
        os.setxattr(name, key, value)
    except OSError:  # this host's filesystem has none
        pass


xattr('text', 'user.note', b'a value')
xattr('text', 'user.empty', b'')
xattr('text', 'user.binary', bytes(range(256)))
xattr('d', 'user.on-directory', b'x' * 200)
if os.geteuid() == 0:
    os.mknod('null', 0o20666, os.makedev(1, 3))
    os.mknod('block', 0o60640, os.makedev(7, 300))
    os.chown('text', 1000, 1001)
    os.lchown('dangling', 1234, 5678)
    xattr('size1', 'trusted.note', b'trusted')
    xattr('size100', 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))
    xattr('d', 'system.posix_acl_access', bytes.fromhex('0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000500ffffffff'))
for where, dirs, files in os.walk('.', topdown=False):
    for i, n in enumerate(files + ['.']):
        t = TIME + i
        os.utime(os.path.join(where, n), ns=(t * 10**9 + 7, t * 10**9 + 123456789), follow_symlinks=False)
