#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes a tree at random, the same way for the same seed: every kind of file, renames into and out of new and deleted directories, swaps, hard links,
reflinks, holes, preallocation, attributes, sizes around limits.

usage: mutate.py DIR SEED [STEPS]
"""
import ctypes, fcntl, os, random, stat, sys

top, seed = sys.argv[1], int(sys.argv[2])
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 120
rnd = random.Random(seed)
os.chdir(top)
libc = ctypes.CDLL(None, use_errno=True)
FICLONERANGE = 0x4020940D
SIZES = [0, 1, 100, 2047, 2048, 2049, 4095, 4096, 4097, 8192, 20000, 65536, 131072, 131073, 300000]


def walk():
    dirs, files = ['.'], []
    for base, ds, fs in os.walk('.'):
        dirs += [os.path.join(base, d) for d in ds]
        files += [os.path.join(base, f) for f in fs]
    return sorted(dirs), sorted(files)


def name():
    return rnd.choice('abcdefgh') + str(rnd.randrange(30))


def regular(files):
    f = [x for x in files if stat.S_ISREG(os.lstat(x).st_mode)]
    return rnd.choice(f) if f else None


def data(n):
    return rnd.randbytes(n) if rnd.random() < .5 else (b'text %d ' % rnd.randrange(1000) * (n // 5 + 1))[:n]


def make(dirs, files):
    p = os.path.join(rnd.choice(dirs), name())
    k = rnd.randrange(10)
    if k < 4:
        with open(p, 'xb') as f:
            f.write(data(rnd.choice(SIZES)))
    elif k < 7:
        os.mkdir(p)
    elif k == 7:
        os.symlink(rnd.choice(['nowhere', '../a', 'x' * rnd.randrange(1, 1000)]), p)
    elif k == 8:
        os.mkfifo(p)
    elif os.geteuid() == 0:
        os.mknod(p, rnd.choice([stat.S_IFCHR, stat.S_IFBLK]) | 0o600, os.makedev(rnd.randrange(4000), rnd.randrange(1 << 20)))


def write(dirs, files):
    p = regular(files)
    if p:
        with open(p, 'r+b') as f:
            f.seek(rnd.randrange(0, 400000) if rnd.random() < .5 else max(0, os.path.getsize(p) - rnd.randrange(5000)))
            f.write(data(rnd.choice(SIZES)))


def resize(dirs, files):
    p = regular(files)
    if p:
        os.truncate(p, rnd.choice(SIZES))


def allocate(dirs, files):
    p = regular(files)
    if p:
        fd = os.open(p, os.O_RDWR)
        libc.fallocate(fd, rnd.choice([0, 1, 3, 0x10]), ctypes.c_long(rnd.randrange(0, 200000)), ctypes.c_long(rnd.randrange(1, 100000)))
        os.close(fd)


def reflink(dirs, files):
    a, b = regular(files), regular(files)
    if a and b and a != b:
        import struct
        src, dst = os.open(a, os.O_RDONLY), os.open(b, os.O_RDWR)
        try:
            n = os.fstat(src).st_size // 4096 * 4096
            if n and rnd.random() < .5:
                fcntl.ioctl(dst, FICLONERANGE, struct.pack('qQQQ', src, 0, n, rnd.randrange(4) * 4096))
            else:
                fcntl.ioctl(dst, FICLONERANGE, struct.pack('qQQQ', src, 0, 0, 0))
        finally:
            os.close(src)
            os.close(dst)


def move(dirs, files):
    both = [d for d in dirs if d != '.'] + files
    if both:
        os.rename(rnd.choice(both), os.path.join(rnd.choice(dirs), name()))


def swap(dirs, files):
    both = [d for d in dirs if d != '.'] + files
    if len(both) > 1:
        a, b = rnd.sample(both, 2)
        libc.renameat2(-100, a.encode(), -100, b.encode(), 2)


def remove(dirs, files):
    if rnd.random() < .3 and len(dirs) > 1:
        d = rnd.choice(dirs[1:])
        for base, ds, fs in os.walk(d, topdown=False):
            for f in fs:
                os.unlink(os.path.join(base, f))
            for x in ds:
                os.rmdir(os.path.join(base, x))
        os.rmdir(d)
    elif files:
        os.unlink(rnd.choice(files))


def link(dirs, files):
    if files:
        os.link(rnd.choice(files), os.path.join(rnd.choice(dirs), name()), follow_symlinks=False)


def attributes(dirs, files):
    p = rnd.choice(dirs + files)
    st = os.lstat(p)
    k = rnd.randrange(5)
    if k == 0 and not stat.S_ISLNK(st.st_mode):
        os.chmod(p, rnd.choice([0o644, 0o755, 0o4755, 0o2770, 0o1777, 0]))
    elif k == 1 and os.geteuid() == 0:
        os.chown(p, rnd.randrange(2000), rnd.randrange(2000), follow_symlinks=False)
    elif k == 2:
        os.utime(p, (rnd.randrange(1 << 31), rnd.randrange(1 << 31)), follow_symlinks=False)
    elif stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode):
        key = rnd.choice(['user.a', 'user.b', 'user.blank name', 'trusted.t'] if os.geteuid() == 0 else ['user.a', 'user.b'])
        if k == 3:
            os.setxattr(p, key, data(rnd.choice([0, 1, 30, 1000])))
        else:
            os.removexattr(p, key)


WHAT = [make] * 6 + [write] * 4 + [resize, allocate, reflink, reflink] + [move] * 4 + [swap] * 2 + [remove] * 2 + [link] * 2 + [attributes] * 4
for _ in range(steps):
    try:
        rnd.choice(WHAT)(*walk())
    except OSError:
        pass
