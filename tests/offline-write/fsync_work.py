#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded work in a mounted directory, made durable by fsync alone, so that what a crash leaves is in the log tree.

usage: fsync_work.py DIR SEED ROUNDS COMMAND...

In each round some twenty operations (create, write, overwrite, append, truncate, link, rename, exchange, unlink, mkdir, rmdir, symlink, xattr, mode, clone,
punch, preallocate), then fsync of a few files and directories that were touched, then COMMAND ROUND (which copies the image). Now and then everything is
committed first, so that a log begins anew. All names are bounded, so that they meet again.
"""
import ctypes, fcntl, os, random, shutil, struct, subprocess, sys

top, seed, rounds, command = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
r = random.Random(seed)
libc = ctypes.CDLL(None, use_errno=True)
FICLONERANGE = 0x4020940d


def any_dir():
    dirs = [top] + [d for d in (os.path.join(top, f'd{i}') for i in range(4)) if os.path.isdir(d)]
    return r.choice(dirs)


def any_path():
    return os.path.join(any_dir(), r.choice(['f%d', 'n%d']) % r.randrange(12) if r.random() < .9 else 'long' * 50 + str(r.randrange(3)))


def data(n):
    return r.randbytes(n) if r.random() < .5 else bytes([r.randrange(1, 255)]) * n


def pick_file():
    for _ in range(8):
        p = any_path()
        if os.path.isfile(p) and not os.path.islink(p):
            return p
    return None


def write(p, flags, off, n):
    fd = os.open(p, flags | os.O_WRONLY, 0o644)
    try:
        os.pwrite(fd, data(n), off)
    finally:
        os.close(fd)
    return [p]


def op():
    p, k = any_path(), r.randrange(18)
    f = pick_file()
    if k in (0, 1):
        return write(p, os.O_CREAT, 0, r.choice([0, 10, 1000, 4096, 5000, 70000]))
    if k == 2 and f:
        return write(f, 0, r.randrange(0, 90000), r.choice([1, 100, 4096, 20000]))
    if k == 3 and f:
        return write(f, os.O_APPEND, 0, r.choice([7, 3000, 9000]))
    if k == 4 and f:
        os.truncate(f, r.choice([0, 5, 4096, 6000, 100000]))
        return [f]
    if k == 5 and f:
        os.link(f, p)
        return [f, p]
    if k in (6, 7) and f:
        os.rename(f, p)
        return [p]
    if k == 8 and f:
        if libc.renameat2(-100, f.encode(), -100, p.encode(), 2):
            raise OSError('exchange')
        return [p, f]
    if k in (9, 10) and f:
        os.unlink(f)
        return [os.path.dirname(f)]
    if k == 11:
        d = os.path.join(top, f'd{r.randrange(4)}')
        os.mkdir(d)
        return [d]
    if k == 12:
        d = os.path.join(top, f'd{r.randrange(4)}')
        if r.random() < .3:
            shutil.rmtree(d)
        else:
            os.rmdir(d)
        return [top]
    if k == 13:
        os.symlink('target' * r.randrange(1, 5), p)
        return [os.path.dirname(p)]
    if k == 14 and f:
        name = f'user.x{r.randrange(3)}'
        if r.random() < .3:
            os.removexattr(f, name)
        else:
            os.setxattr(f, name, data(r.choice([0, 5, 300])))
        return [f]
    if k == 15 and f:
        os.chmod(f, r.choice([0o600, 0o644, 0o755]))
        return [f]
    if k == 16 and f:
        g = pick_file()
        n = min(os.path.getsize(f), os.path.getsize(g)) // 4096 * 4096 if g else 0
        if g and n and f != g:
            with open(f, 'rb') as a, open(g, 'r+b') as b:
                fcntl.ioctl(b, FICLONERANGE, struct.pack('qQQQ', a.fileno(), 0, n, 0))
            return [g]
    if k == 17 and f:
        with open(f, 'r+b') as a:
            mode = r.choice([0, 1, 3])
            libc.fallocate(a.fileno(), mode, ctypes.c_long(r.randrange(0, 16) * 4096), ctypes.c_long(r.randrange(1, 6) * 4096))
        return [f]
    return []


for n in range(rounds):
    touched = []
    if r.random() < .25:
        fd = os.open(top, os.O_RDONLY)
        libc.syncfs(fd)
        os.close(fd)
    for _ in range(r.randrange(3, 25)):
        try:
            touched += op()
        except OSError:
            pass
    r.shuffle(touched)
    for p in touched[:r.randrange(1, 5)]:
        try:
            fd = os.open(p, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        os.fsync(fd)
        os.close(fd)
    subprocess.run(command + [str(n)], check=True)
