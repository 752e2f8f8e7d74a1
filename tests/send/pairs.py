#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random pairs of snapshots, by seed, on a mounted btrfs: all kinds of files, and what changes between two snapshots.

usage: pairs.py DIR FIRST COUNT STEP

For each seed in FIRST .. FIRST + COUNT - 1: STEP 1 makes the subvolume DIR/SEED, fills it and snapshots it as DIR/SEED.a; STEP 2 changes it; STEP 3 changes it
again and snapshots it as DIR/SEED.b. Mounting anew before step 3 makes the kernel give out inode numbers of deleted files again. Needs root.
"""
import ctypes, fcntl, os, random, shutil, stat, struct, subprocess, sys

libc = ctypes.CDLL(None, use_errno=True)
FICLONERANGE, SETFLAGS, GETFLAGS = 0x4020940d, 0x40086602, 0x80086601
SIZES = [0, 1, 100, 2047, 2048, 2049, 4095, 4096, 4097, 8192, 12288, 49151, 49152, 49153, 65536, 131071, 131072, 131073, 200000, 300001]


def quiet(f, *args):
    try:
        return f(*args)
    except OSError:
        return None


class Tree:
    def __init__(self, top, r):
        self.top, self.r, self.n, self.open = top, r, 0, []

    def all(self):
        dirs, files = [self.top], []
        for d, ds, fs in os.walk(self.top):
            dirs += [os.path.join(d, x) for x in ds if not os.path.islink(os.path.join(d, x))]
            files += [os.path.join(d, x) for x in fs] + [os.path.join(d, x) for x in ds if os.path.islink(os.path.join(d, x))]
        return dirs, files

    def pick(self, kind='any'):
        dirs, files = self.all()
        dirs.sort(); files.sort()
        if kind == 'dir':
            return self.r.choice(dirs)
        if kind == 'subdir':
            return self.r.choice(dirs[1:]) if len(dirs) > 1 else None
        if kind == 'reg':
            files = [f for f in files if stat.S_ISREG(os.lstat(f).st_mode)]
            return self.r.choice(files) if files else None
        if kind == 'file':
            return self.r.choice(files) if files else None
        both = dirs[1:] + files
        return self.r.choice(both) if both else None

    def name(self):
        self.n += 1
        return self.r.choice(['f%d', 'n\xe4me %d', 'x' * 200 + '%d', 'o257-7-%d', '-%d\n']) % self.r.randrange(16) if self.r.random() < .6 else 'u%d' % self.n

    def place(self):
        return os.path.join(self.pick('dir'), self.name())

    def data(self, n):
        k = self.r.randrange(4)
        if k == 0:
            return bytes(n)
        if k == 1:
            return (b'%d ' % self.r.randrange(1000) * (n // 2 + 1))[:n]
        return self.r.randbytes(n)

    def create(self):
        p = self.place()
        with open(p, 'xb') as f:
            if self.r.random() < .1:
                fl = bytearray(8)
                quiet(lambda: fcntl.ioctl(f, SETFLAGS, struct.pack('l', 0x00800000)))  # nocow
            f.write(self.data(self.r.choice(SIZES)))
        if self.r.random() < .3:
            os.chmod(p, self.r.choice([0o644, 0o600, 0o4755, 0o2755, 0o6711, 0]))

    def mkdir(self):
        os.mkdir(self.place(), self.r.choice([0o755, 0o700, 0o2775, 0o1777]))

    def special(self):
        p, k = self.place(), self.r.randrange(5)
        if k == 0:
            os.symlink(self.r.choice(['x', '/a/b', 'y' * 1000, '../' + self.name()]), p)
        elif k == 1:
            os.mkfifo(p, 0o640)
        elif k == 2:
            os.mknod(p, stat.S_IFSOCK | 0o755)
        else:
            os.mknod(p, (stat.S_IFCHR if k == 3 else stat.S_IFBLK) | 0o620, os.makedev(self.r.choice([1, 8, 300]), self.r.choice([0, 3, 70000])))

    def write(self):
        p = self.pick('reg')
        if p:
            with open(p, 'r+b') as f:
                size = os.fstat(f.fileno()).st_size
                f.seek(self.r.choice([0, size, self.r.randrange(size + 1), self.r.randrange(size // 4096 + 2) * 4096, size + self.r.randrange(100000)]))
                f.write(self.data(self.r.choice([1, 100, 4096, 5000, 40000])))

    def truncate(self):
        p = self.pick('reg')
        if p:
            os.truncate(p, self.r.choice(SIZES))

    def falloc(self):
        p = self.pick('reg')
        if p:
            with open(p, 'r+b') as f:
                mode, a, n = self.r.choice([0, 1, 3, 3, 16]), self.r.randrange(40) * 4096 + self.r.choice([0, 0, 17]), self.r.choice([1, 4096, 70000])
                libc.fallocate(f.fileno(), mode, ctypes.c_long(a), ctypes.c_long(n))

    def reflink(self, source=None):
        a, b = source or self.pick('reg'), self.pick('reg')
        if self.r.random() < .3:
            b = self.place()
            open(b, 'xb').close()
        if a and b:
            with open(a, 'rb') as s, open(b, 'r+b') as d:
                size = os.fstat(s.fileno()).st_size
                off = self.r.randrange(size // 4096 + 1) * 4096
                n = self.r.choice([0, 0, 4096, 8192, 65536])
                to = self.r.choice([0, off, self.r.randrange(40) * 4096])
                quiet(lambda: fcntl.ioctl(d, FICLONERANGE, struct.pack('qQQQ', s.fileno(), off, n, to)))

    def link(self):
        p = self.pick('file')
        if p:
            os.link(p, self.place(), follow_symlinks=False)

    def unlink(self):
        p = self.pick('file')
        if p:
            if self.r.random() < .15 and stat.S_ISREG(os.lstat(p).st_mode):
                self.open.append(open(p, 'rb'))  # it lives on without a name
            os.unlink(p)

    def rmtree(self):
        p = self.pick('subdir')
        if p and (self.r.random() < .4 or len(os.listdir(p)) < 2):
            shutil.rmtree(p)

    def rename(self):
        p = self.pick()
        if p:
            os.rename(p, self.place())

    def replace(self):
        a, b = self.pick('file'), self.pick('file')
        if a and b:
            os.rename(a, b)

    def exchange(self):
        a, b = self.pick(), self.pick()
        if a and b:
            libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), 2)

    def cycle(self):
        """a/b becomes b/a."""
        p = self.pick('subdir')
        if p and os.path.dirname(p) != self.top:
            up = os.path.dirname(p)
            t = os.path.join(os.path.dirname(up), 'cyc%d' % self.r.randrange(1000000))
            os.rename(p, t)
            os.rename(up, os.path.join(t, os.path.basename(up)))
            if self.r.random() < .7:
                os.rename(t, up)

    def again(self):
        """A directory goes, a new one gets its name; what was in it may be in it again."""
        p = self.pick('subdir')
        if p:
            t = p + '~'
            os.rename(p, t)
            os.mkdir(p)
            for x in os.listdir(t):
                if self.r.random() < .5:
                    os.rename(os.path.join(t, x), os.path.join(p, x))
            if self.r.random() < .7:
                shutil.rmtree(t)

    def xattr(self):
        p, r = self.r.choice([self.pick(), self.top]), self.r
        if not p or os.path.islink(p):
            return
        k = r.randrange(6)
        if k < 3:
            os.setxattr(p, 'user.%d' % r.randrange(5), r.randbytes(r.choice([0, 1, 50, 3000])))
        elif k == 3:
            quiet(os.removexattr, p, 'user.%d' % r.randrange(5))
        elif k == 4 and os.path.isfile(p):
            os.setxattr(p, 'security.capability', struct.pack('<5I', 0x02000001, 1 << r.randrange(8), 0, 0, 0))
        else:
            # user:1000, mask
            n = r.randrange(8)
            acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in [(1, 6, 0xffffffff), (2, n, 1000), (4, 4, 0xffffffff), (16, r.randrange(8), 0xffffffff), (32, 4, 0xffffffff)])
            name = 'system.posix_acl_default' if os.path.isdir(p) and r.random() < .6 else 'system.posix_acl_access'
            if stat.S_ISREG(os.lstat(p).st_mode) or os.path.isdir(p):
                if r.random() < .3:
                    quiet(os.removexattr, p, name)
                else:
                    os.setxattr(p, name, acl)

    def prop(self):
        p = self.r.choice([self.pick('dir'), self.pick('reg'), self.top])
        if p:
            quiet(os.setxattr, p, 'btrfs.compression', self.r.choice([b'zstd', b'lzo', b'zlib']))

    def chmod(self):
        p = self.pick()
        if p and not os.path.islink(p):
            os.chmod(p, self.r.choice([0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o6555]))

    def chown(self):
        p = self.r.choice([self.pick(), self.top])
        if p:
            mode = os.lstat(p).st_mode
            os.chown(p, self.r.choice([0, 1000, 1001]), self.r.choice([0, 1000]), follow_symlinks=False)
            if not stat.S_ISLNK(mode) and self.r.random() < .7:
                os.chmod(p, stat.S_IMODE(mode))

    def times(self):
        p = self.r.choice([self.pick(), self.top])
        if p:
            os.utime(p, ns=(self.r.randrange(1 << 60), self.r.randrange(-1 << 55, 1 << 60)), follow_symlinks=False)

    def run(self, ops, n):
        names, weights = zip(*ops.items())
        for _ in range(n):
            quiet(getattr(self, self.r.choices(names, weights)[0]))


FILL = dict(create=10, mkdir=5, special=2, write=3, reflink=3, link=3, xattr=4, falloc=2, truncate=1, rename=2, prop=.3, chown=2, chmod=1, times=1, unlink=1)
CHANGE = dict(create=5, mkdir=2, special=1, write=5, reflink=4, link=3, xattr=4, falloc=3, truncate=3, rename=6, replace=2, exchange=3, cycle=2, again=1, prop=.3,
              chown=2, chmod=2, times=2, unlink=4, rmtree=2)


def btrfs(*args):
    subprocess.run(['btrfs', *args], check=True, stdout=subprocess.DEVNULL)


def main(base, first, count, step):
    held = []
    for seed in range(first, first + count):
        top = os.path.join(base, str(seed))
        r = random.Random(seed * 10 + step)
        if step == 1:
            btrfs('subvolume', 'create', top)
        t = Tree(top, r)
        if step == 1:
            t.run(FILL, r.choice([10, 50, 200]))
        else:
            t.run(CHANGE, r.choice([1, 5, 20, 80]))
        if step != 2 and seed > first and r.random() < .5:  # content of another subvolume
            other = Tree(os.path.join(base, str(seed - 1)) + ('.a' if step == 1 else '.b'), r)
            source = other.pick('reg')
            if source:
                quiet(t.reflink, source)
        if step == 1:
            btrfs('subvolume', 'snapshot', '-r', top, top + '.a')
        elif step == 3:
            btrfs('subvolume', 'snapshot', '-r', top, top + '.b')
        for f in t.open:
            f.close()


main(sys.argv[1], *map(int, sys.argv[2:5]))
