#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same seeded sequence of operations through `btrfs offline` and, with the tools of the system, through a kernel mount.

verbs_random.py BTRBOX IMAGE MOUNT SEED STEPS [EVERY]

Every operation is one that must work. Every EVERY steps (100) both trees have the same digest, or it says where they differ; then the command in
$JUDGE, if there is one, is run with the image as argument. Exit code 0: all of it went well."""

import os, random, re, shutil, subprocess, sys, tempfile

BOX, IMAGE, MOUNT, SEED, STEPS = sys.argv[1:4] + [int(sys.argv[4]), int(sys.argv[5])]
EVERY = int(sys.argv[6]) if len(sys.argv) > 6 else 100
R = random.Random(SEED)
OPTIONS = R.choice([[], [], ['-o', 'compress=zstd'], ['-o', 'compress-force=lzo'], ['-o', 'compress=zlib:3,max_inline=0'], ['-o', 'nodatasum']])
WORK = tempfile.mkdtemp(prefix='verbs.', dir=os.environ.get('T'))
os.umask(0o022)

def q(name):
    return b"'" + name + b"'"

class Node:
    """What we know of a name: kind 'f', 'd', 'l', 's' (special); subvol: a subvolume's top; inode: shared by hard links."""
    def __init__(self, kind, parent=None, name=b'', subvol=False):
        self.kind, self.parent, self.name, self.subvol = kind, parent, name, subvol
        self.kids = {}
        self.inode = self
        self.nlink, self.size, self.readonly, self.nocow, self.dangling = 1, 0, False, False, False
        self.xattrs = set()
    def path(self):
        return (self.parent.path() + b'/' if self.parent.parent else b'') + self.name if self.parent else b'.'
    def top(self):
        n = self
        while not n.subvol:
            n = n.parent
        return n
    def frozen(self):
        n = self
        while n:
            if n.subvol and n.readonly:
                return True
            n = n.parent
        return False
    def below(self):
        yield self
        for k in list(self.kids.values()):
            yield from k.below()

ROOT = Node('d', subvol=True)
COUNT = 0

def nodes(kinds, writable=True):
    return [n for n in ROOT.below() if n.kind in kinds and not (writable and n.top().readonly)]

def pick(kinds, writable=True, test=lambda n: True):
    c = [n for n in nodes(kinds, writable) if test(n)]
    return R.choice(c) if c else None

def new_name(d):
    global COUNT
    COUNT += 1
    style = R.randrange(12)
    base = b'n%d' % COUNT
    if style == 0:
        base = b'a name with blanks %d' % COUNT
    elif style == 1:
        base = bytes([0xff, 0xfe]) + base
    elif style == 2:
        base = (base + b'-') * 60
        base = base[:R.choice([200, 255])]
    elif style == 3:
        base = '日本語'.encode() + base
    elif style == 4:
        base = b'.' + base
    elif style == 5:
        base = b'"#$\\' + base
    return base

def add(d, name, node):
    node.parent, node.name = d, name
    d.kids[name] = node
    return node

def join(d, name):
    return (d.path() + b'/' if d.parent else b'') + name

def data_file(size):
    p = os.path.join(WORK, 'd%d' % R.randrange(6))
    kind = R.randrange(3)
    with open(p, 'wb') as f:
        if kind == 0:
            f.write(R.randbytes(size))
        elif kind == 1:
            f.write((b'line %d of compressible text\n' % R.randrange(100)) * (size // 20 + 1))
            f.truncate(size)
        else:
            f.write((R.randbytes(3000) + b'\0' * 6000) * (size // 9000 + 1))
            f.truncate(size)
    return p.encode()

SIZES = [1, 10, 100, 2047, 2048, 2049, 4095, 4096, 4097, 5000, 12288, 65536, 131072, 131073, 300000, 1048576]

# Each operation returns a list of (our line, host command), or None when there is nothing to do it with.

def op_mkdir():
    d = pick('d'); name = new_name(d)
    opt = R.choice([b'', b'-m 2775 ', b'-m u=rwx,go= ', b'-p '])
    add(d, name, Node('d'))
    return [(b'mkdir ' + opt + q(join(d, name)),) * 2]

def op_mkdir_deep():
    d = pick('d'); names = [b'p%d' % R.randrange(1000) for _ in range(3)]
    p, cur = d, []
    for n in names:
        if n in p.kids:
            return None
        p = add(p, n, Node('d'))
    return [(b'mkdir -p ' + q(p.path()),) * 2]

def op_write():
    d = pick('d'); name = new_name(d); text = b'text %d' % R.randrange(10 ** 6)
    n = add(d, name, Node('f')); n.size = len(text) + 1
    p = q(n.path())
    return [(b'write ' + p + b' ' + q(text), b"printf '%s\\n' " + q(text) + b' >' + p)]

def op_append():
    n = pick('f')
    if not n: return None
    text = b'more %d' % R.randrange(10 ** 6); n.inode.size += len(text) + 1
    return [(b'write -a ' + q(n.path()) + b' ' + q(text), b"printf '%s\\n' " + q(text) + b' >>' + q(n.path()))]

def op_write_at():
    n = pick('f')
    if not n: return None
    size, off = R.choice(SIZES), R.choice([0, 1, 4096, 5000, 65536, 131072, 200000])
    f = data_file(size)
    n.inode.size = max(n.inode.size, off + size)
    return [(b'write -o %d -i ' % off + f + b' ' + q(n.path()),
             b'dd if=' + f + b' of=' + q(n.path()) + b' bs=4M seek=%d oflag=seek_bytes conv=notrunc status=none' % off)]

def op_truncate():
    n = pick('f')
    if not n: return None
    size = R.choice([0, 1, 4000, 4096, 10000, 131072, 262144, 500000]); n.inode.size = size
    return [(b'truncate -s %d ' % size + q(n.path()),) * 2]

def op_fallocate():
    n = pick('f')
    if not n: return None
    off, size, mode = R.choice([0, 4096, 5000, 100000]), R.choice([1000, 4096, 70000]), R.choice([b'', b'-n ', b'-p ', b'-z '])
    if mode in (b'', b'-z '): n.inode.size = max(n.inode.size, off + size)
    line = b'fallocate ' + mode + b'-o %d -l %d ' % (off, size) + q(n.path())
    return [(line.replace(b'fallocate -p', b'punch'), line)]

def op_cp():
    n, d = pick('f', False), pick('d')
    if not n or n.inode.nocow: return None
    name = new_name(d); c = add(d, name, Node('f')); c.size = n.inode.size
    opt = R.choice([b'', b'-p ', b'--reflink=never ', b'-a '])
    return [(b'cp ' + opt + q(n.path()) + b' ' + q(c.path()),) * 2]

def copy_of(n, deep):
    """deep: subvolumes below become directories; else a snapshot, in which a subvolume leaves an entry that leads nowhere."""
    c = Node(n.kind); c.size = n.inode.size; c.xattrs = set(n.inode.xattrs); c.nocow = n.inode.nocow; c.dangling = n.dangling
    for k in n.kids.values():
        if k.subvol and not deep: c.dangling = True
        else: add(c, k.name, copy_of(k, deep))
    return c

def pairs(a, b):
    yield a, b
    for name, k in b.kids.items():
        yield from pairs(a.kids[name], k)

def clone(n, deep=True):
    c = copy_of(n, deep)
    twins = {}
    for a, b in pairs(n, c):
        first = twins.setdefault(id(a.inode), b)
        if first is not b: first.nlink += 1
        b.inode = first
    return c

def setgid(d):
    """What cp -a copies into such a directory keeps the bit or not, depending on access lists: a matter of GNU cp."""
    flush()
    return os.lstat(os.path.join(MOUNT.encode(), d.path())).st_mode & 0o2000

def op_cp_tree():
    n, d = pick('d', False, lambda n: n.parent), pick('d')
    if not n or len(list(n.below())) > 60 or any(x is d for x in n.below()) or any(x.inode.nocow for x in n.below()): return None
    if setgid(d): return None
    name = new_name(d); src = n.path(); add(d, name, clone(n))
    return [(b'cp -a ' + q(src) + b' ' + q(join(d, name)),) * 2]

def op_put():
    d = pick('d'); src = os.path.join(WORK, 'tree%d' % R.randrange(3)).encode()
    t, inodes = Node('d'), {}
    for dp, dns, fns in os.walk(src):
        at = t
        rel = os.path.relpath(dp, src)
        for part in ([] if rel == b'.' else rel.split(b'/')):
            at = at.kids[part]
        for x in dns: add(at, x, Node('d'))
        for x in fns:
            p = os.path.join(dp, x); st = os.lstat(p)
            k = Node('l' if os.path.islink(p) else 'f' if os.path.isfile(p) else 's'); k.size = st.st_size
            k.inode = inodes.setdefault(st.st_ino, k)
            if k.inode is not k: k.inode.nlink += 1
            add(at, x, k)
    if setgid(d): return None
    name = new_name(d); add(d, name, t)
    return [(b'put -r ' + src + b' ' + q(join(d, name)), b'cp -a ' + src + b' ' + q(join(d, name)))]

def op_mv():
    n = pick('fdls', True, lambda n: n.parent and not n.subvol)
    if not n: return None
    d = pick('d', True, lambda d: not any(x is d for x in n.below()))
    if d.top() is not n.top():
        if len(list(n.below())) > 30 or any(x.subvol or x.dangling or x.inode.nlink > 1 or x.inode.nocow for x in n.below()): return None
        if setgid(d): return None
    src, name = n.path(), new_name(d)
    del n.parent.kids[n.name]; add(d, name, n)
    return [(b'mv ' + q(src) + b' ' + q(n.path()),) * 2]

def op_mv_over():
    a = pick('f'); b = pick('f', True, lambda b: a and b.top() is a.top() and b.inode is not a.inode)
    if not b: return None
    src = a.path(); del a.parent.kids[a.name]; b.inode.nlink -= 1
    d, name = b.parent, b.name
    add(d, name, a)
    return [(b'mv ' + q(src) + b' ' + q(a.path()),) * 2]

def op_ln():
    n = pick('f', True, lambda n: n.inode.nlink < 200)
    d = pick('d', True, lambda d: n and d.top() is n.top())
    if not d: return None
    name = new_name(d); l = add(d, name, Node('f')); l.inode = n.inode; n.inode.nlink += 1
    return [(b'ln ' + q(n.path()) + b' ' + q(l.path()),) * 2]

def op_symlink():
    d = pick('d'); name = new_name(d); add(d, name, Node('l'))
    target = R.choice([b'nowhere', b'../x', b't' * R.choice([1, 300, 3000]), b'/abs/path'])
    return [(b'ln -s ' + target + b' ' + q(join(d, name)),) * 2]

def forget(n):
    for x in n.below():
        x.inode.nlink -= 1
    del n.parent.kids[n.name]

def op_rm():
    n = pick('fls')
    if not n: return None
    p = n.path(); forget(n)
    return [(b'rm -f ' + q(p),) * 2]

def op_rm_tree():
    n = pick('d', True, lambda n: n.parent and not n.subvol and not any(x.subvol for x in n.below()))
    if not n or R.random() < 0.5 or len(list(n.below())) > 80: return None
    p = n.path(); forget(n)
    return [(b'rm -r ' + q(p),) * 2]

def op_rmdir():
    n = pick('d', True, lambda n: n.parent and not n.subvol and not n.kids and not n.dangling)
    if not n: return None
    p = n.path(); forget(n)
    return [(b'rmdir ' + q(p),) * 2]

def op_chmod():
    n = pick('fd')
    mode = R.choice([b'644', b'0600', b'4755', b'2750', b'1777', b'u+x', b'go-w', b'a=rX', b'u=rwx,g=u,o=', b'+t', b'u-s,g-s', b'g=u-w'])
    opt = b'-R ' if n.kind == 'd' and not n.subvol and R.random() < 0.3 and not any(x.subvol or x.dangling for x in n.below()) else b''
    return [(b'chmod ' + opt + mode + b' ' + q(n.path()),) * 2]

def op_chown():
    n = pick('fdls')
    who = R.choice([b'1000', b'1000:1001', b':5', b'0:0', b'daemon:bin', b'65534'])
    opt = R.choice([b'', b'-h ']) if n.kind != 'l' else b'-h '
    return [(b'chown ' + opt + who + b' ' + q(n.path()),) * 2]

def op_touch():
    n = pick('fd')
    t = R.choice([b'-d @%d.%09d ' % (R.randrange(2 ** 33), R.randrange(10 ** 9)), b'-t 202001020304.05 ', b"-d '1969-12-31 23:00:00 +0000' ", b'-a ', b'-m '])
    return [(b'touch ' + t + q(n.path()),) * 2]

def op_touch_new():
    d = pick('d'); name = new_name(d); add(d, name, Node('f'))
    return [(b'touch ' + q(join(d, name)),) * 2]

def op_special():
    d = pick('d'); name = new_name(d); add(d, name, Node('s')); p = q(join(d, name))
    return [(R.choice([b'mkfifo ' + p, b'mkfifo -m 600 ' + p, b'mknod ' + p + b' c 1 3', b'mknod -m 640 ' + p + b' b 259 1048575']),) * 2]

def op_setfattr():
    n = pick('fd'); name = R.choice([b'user.a', b'user.b', b'trusted.c', b'security.d', b'user.' + b'n' * 250])
    value = R.choice([b'0x00ff10', b'text', b'"quoted\\001"', b'0sAAEC', b'v' * 3000, b'v' * R.choice([10, 200])])
    n.inode.xattrs.add(name)
    return [(b'setfattr -n ' + name + b" -v '" + value + b"' " + q(n.path()),) * 2]

def op_unsetfattr():
    n = pick('fd', True, lambda n: n.inode.xattrs)
    if not n: return None
    name = R.choice(sorted(n.inode.xattrs)); n.inode.xattrs.discard(name)
    return [(b'setfattr -x ' + name + b' ' + q(n.path()),) * 2]

def op_setfacl():
    n = pick('fd')
    acl = R.choice([b'-m u:1000:rwx', b'-m g:5:r,u:7:---', b'-b', b'-m m::r', b'-m u::rw,o::-'])
    if n.kind == 'd' and R.random() < 0.5:
        acl = R.choice([b'-m d:u:1000:rx', b'-k', b'-m d:g:5:rwx,d:o::-', b'-d -m u:8:w'])
    return [(b'setfacl ' + acl + b' ' + q(n.path()),) * 2]

def op_chattr():
    n = pick('fd')
    flag = R.choice([b'c', b'd', b'A', b'S'])
    # what could not be compressed is marked so, which excludes the flag
    return [(b'chattr -m ' + q(n.path()),) * 2, (b'chattr ' + R.choice([b'+', b'-']) + flag + b' ' + q(n.path()),) * 2]

def op_compress():
    n = pick('f', True, lambda n: not n.inode.nocow)
    if not n: return None
    return [(b'compress -c ' + R.choice([b'zstd', b'lzo', b'zlib:9', b'none']) + b' ' + q(n.path()), None)]

def op_dedupe():
    n = pick('d', True, lambda n: not any(x.subvol and x is not n for x in n.below()))
    return [(b'dedupe -r -b 4K ' + q(n.path()), None)] if n else None

def op_subvol_create():
    d = pick('d'); name = b's%d' % R.randrange(10 ** 6); add(d, name, Node('d', subvol=True))
    return [(b'subvolume create ' + q(join(d, name)), b'btrfs -q subvolume create ' + q(join(d, name)))]

def op_snapshot():
    s = pick('d', False, lambda n: n.subvol and len(list(n.below())) < 400)
    d = pick('d')
    if sum(1 for n in ROOT.below() if n.subvol) > 25: return None
    name = b'snap%d' % R.randrange(10 ** 6); c = clone(s, False); c.subvol = True
    ro = R.random() < 0.4; c.readonly = ro; src = s.path()
    add(d, name, c)
    opt = b'-r ' if ro else b''
    return [(b'subvolume snapshot ' + opt + q(src) + b' ' + q(join(d, name)), b'btrfs -q subvolume snapshot ' + opt + q(src) + b' ' + q(join(d, name)))]

def op_subvol_delete():
    n = pick('d', False, lambda n: n.parent and n.subvol and not n.parent.top().readonly and not any(x.subvol and x is not n for x in n.below()))
    if not n or R.random() < 0.5: return None
    p = n.path(); del n.parent.kids[n.name]
    return [(b'subvolume delete ' + q(p), b'btrfs -q subvolume delete ' + q(p))]

def op_rm_subvol():
    n = pick('d', True, lambda n: n.parent and n.subvol and not n.parent.top().readonly and not any(x.subvol and x is not n for x in n.below()))
    if not n or R.random() < 0.7: return None
    p = n.path(); del n.parent.kids[n.name]
    return [(b'rm -r ' + q(p),) * 2]

OPS = [(op_mkdir, 4), (op_mkdir_deep, 1), (op_write, 6), (op_append, 4), (op_write_at, 8), (op_truncate, 5), (op_fallocate, 5), (op_cp, 5), (op_cp_tree, 2),
       (op_put, 2), (op_mv, 5), (op_mv_over, 2), (op_ln, 4), (op_symlink, 2), (op_rm, 4), (op_rm_tree, 1), (op_rmdir, 1), (op_chmod, 4), (op_chown, 3),
       (op_touch, 2), (op_touch_new, 2), (op_special, 2), (op_setfattr, 4), (op_unsetfattr, 2), (op_setfacl, 3), (op_chattr, 3), (op_compress, 2),
       (op_dedupe, 1)]
SUBVOL_OPS = [(op_subvol_create, 2), (op_snapshot, 3), (op_subvol_delete, 2), (op_rm_subvol, 1)]

def run(cmd, **kw):
    return subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)

def offline(args, **kw):
    return run([BOX, 'btrfs', 'offline'] + OPTIONS + args, **kw)

def fail(text, output=b''):
    LOG.flush()
    sys.stdout.write('seed %d: %s\n' % (SEED, text))
    sys.stdout.flush()
    os.write(1, output[-3000:] + b'\n')
    sys.exit(1)

def make_trees():
    for i in range(3):
        t = os.path.join(WORK, 'tree%d' % i)
        os.makedirs(os.path.join(t, 'sub', 'deeper'))
        for k in range(R.randrange(3, 12)):
            with open(os.path.join(t, R.choice(['.', 'sub', 'sub/deeper']), 'f%d' % k), 'wb') as f:
                f.write(R.randbytes(R.choice([0, 10, 3000, 5000, 100000])))
        with open(os.path.join(t, 'sparse'), 'wb') as f:
            f.seek(R.choice([5000, 300000])); f.write(b'end'); f.truncate(400000)
        os.link(os.path.join(t, 'sparse'), os.path.join(t, 'sub', 'hard'))
        os.symlink('sparse', os.path.join(t, 'soft'))
        os.mkfifo(os.path.join(t, 'pipe'))
        os.chmod(os.path.join(t, 'sub'), 0o1775)
        run(['setfattr', '-n', 'user.tree', '-v', 'value', os.path.join(t, 'sub')])
        run(['setfacl', '-m', 'u:1000:rwx,d:g:5:rx', os.path.join(t, 'sub', 'deeper')])

def digest(where, *more):
    p = subprocess.run([BOX, 'btrfs', 'offline', 'hash', '--times', 'none'] + list(more) + [where], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode: fail('hash of %s' % where, p.stderr)
    return p.stdout.split()[0]

FORGOTTEN = 0
def remember():
    """After mounting anew the kernel forgets a directory's compression property, and lets nothing inherit it, when the inode item is the last of its leaf
    and the attribute stands in the next. What should have been inherited is set by hand. True: that was all of the difference."""
    global FORGOTTEN
    a, name, missing = os.path.join(WORK, 'a'), 'btrfs.compression', []
    os.makedirs(a, exist_ok=True)
    run(['mount', '-o', 'loop,ro', IMAGE, a])
    for d, dirs, files in os.walk(os.fsencode(a)):
        for x in [b''] + files:
            path = os.path.join(d, x)
            theirs = os.path.join(os.fsencode(MOUNT), os.path.relpath(path, os.fsencode(a)))
            if not os.path.islink(path) and name in os.listxattr(path) and os.path.lexists(theirs) and name not in os.listxattr(theirs):
                missing.append((theirs, os.getxattr(path, name)))
    run(['umount', a])
    for path, value in missing:
        top = path
        while os.stat(top).st_ino != 256:
            top = os.path.dirname(top)
        frozen = run(['btrfs', 'property', 'get', '-ts', top, 'ro']).stdout.strip() == b'ro=true'
        if frozen: run(['btrfs', 'property', 'set', '-ts', top, 'ro', 'false'])
        os.setxattr(path, name, value)
        if frozen: run(['btrfs', 'property', 'set', '-ts', top, 'ro', 'true'])
    FORGOTTEN += len(missing)
    return bool(missing) and digest(IMAGE + ':/') == digest(MOUNT)

def compare(step):
    if os.environ.get('KIMAGE'): # so that it forgets what it made up for entries that lead nowhere
        run(['umount', MOUNT])
        if run(['mount', '-o', 'loop' + (',' + OPTIONS[1] if OPTIONS else ''), os.environ['KIMAGE'], MOUNT]).returncode: fail('cannot mount again')
    if digest(IMAGE + ':/') == digest(MOUNT) or remember():
        return
    a, b = os.path.join(WORK, 'a'), os.path.join(WORK, 'b')
    here = os.path.dirname(os.path.abspath(__file__))
    os.makedirs(a, exist_ok=True)
    run(['mount', '-o', 'loop,ro', IMAGE, a])
    for d, out in ((a, 'x'), (MOUNT, 'y')):
        with open(os.path.join(WORK, out), 'wb') as f:
            text = subprocess.run([sys.executable, os.path.join(here, '..', 'manifest.py'), d], stdout=subprocess.PIPE).stdout
            for line in text.split(b'\n'):
                line = re.sub(rb' \d{15,20}(?= |$)', b'', line) # times
                f.write(re.sub(rb'=([0-9a-f]{24})[0-9a-f]+', rb'=\1...', line) + b'\n')
    diff = run(['diff', os.path.join(WORK, 'x'), os.path.join(WORK, 'y')]).stdout
    run(['umount', a])
    fail('step %d: the trees differ (< ours, > the kernel\'s)' % step, diff[:2500])

def play(batch):
    """One process for all lines, or one for each; the kernel runs the same."""
    ours = [o for o, h in batch]
    host = [h for o, h in batch if h]
    mode = R.choice(['script', 'script', 'atomic', 'batch', 'each'])
    script = os.path.join(WORK, 'script')
    if mode == 'each':
        runs = [[l] for l in ours]
    else:
        runs = [[b'begin'] + ours + [b'commit'] if mode == 'batch' else ours]
    for lines in runs:
        with open(script, 'wb') as f: f.write(b'\n'.join(lines) + b'\n')
        p = offline((['--atomic'] if mode == 'atomic' else []) + ['-f', script, IMAGE])
        if p.returncode: fail('ours failed (%s)' % mode, b'\n'.join(lines) + b'\n' + p.stdout)
    with open(script, 'wb') as f: f.write(b'set -e\ncd ' + q(MOUNT.encode()) + b'\n' + b'\n'.join(host) + b'\n')
    p = run(['bash', script])
    if p.returncode: fail('the kernel failed', b'\n'.join(host) + b'\n' + p.stdout)

BATCH = []
def flush():
    if BATCH: play(BATCH)
    BATCH.clear()

def main():
    ops = list(OPS)
    if offline(['--dry-run', IMAGE, 'subvolume', 'create', '/probe']).returncode == 0: ops += SUBVOL_OPS
    global LOG
    LOG = open(os.path.join(WORK, 'log'), 'wb')
    if OPTIONS and not os.environ.get('KIMAGE'): run(['mount', '-o', 'remount,' + OPTIONS[1], MOUNT])
    compare(0)
    choices = [f for f, w in ops for _ in range(w)]
    make_trees()
    step, checked = 0, 0
    while step < STEPS:
        r = R.choice(choices)()
        if not r: continue
        BATCH.extend(r)
        step += 1
        LOG.write(b'\n'.join(o for o, h in r) + b'\n')
        if len(BATCH) >= R.choice([1, 5, 20, 40]) or step % EVERY == 0 or step == STEPS:
            flush()
        if step % EVERY == 0 or step == STEPS:
            compare(step); checked += 1
            if os.environ.get('JUDGE'):
                p = run(os.environ['JUDGE'].split() + [IMAGE])
                if p.returncode: fail('step %d: a judge objects' % step, p.stdout)
    print('seed %d: %d steps, %d comparisons, options %s, %d names%s%s' % (SEED, step, checked, OPTIONS, len(nodes('fdls', False)),
          ', the kernel forgot %d properties' % FORGOTTEN if FORGOTTEN else '',
          '' if len(ops) > len(OPS) else ', no subvolumes'))
    shutil.rmtree(WORK)

main()
