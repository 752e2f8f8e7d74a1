#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random filesystems by the kernel, random operations on their chunks and devices offline, judged by the kernel, the distribution's check, ours, and judge.py.

usage: random_rounds.py BTRBOX DIR SEED ROUNDS        (root; DIR should be on a ramdisk; exit code 1 at the first failure, whose images stay in DIR)
"""
import os, random, re, subprocess, sys, time

box, top, seed, rounds = os.path.abspath(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
peer = '/usr/bin/btrfs'
judge = os.path.join(os.environ.get('BTRBOX_SHARED', '/work/shared'), 'tools/judge.py')
os.makedirs(top, exist_ok=True)
os.chdir(top)
done = {}

MIN = {'single': 1, 'dup': 1, 'raid0': 1, 'raid1': 2, 'raid10': 2, 'raid5': 2, 'raid6': 3, 'raid1c3': 3, 'raid1c4': 4}


class Failed(Exception):
    pass


def sh(*args, ok=True, timeout=300):
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    text = p.stdout.decode('utf-8', 'replace')
    if ok and p.returncode:
        raise Failed(f'{args}: {p.returncode}\n{text[-3000:]}')
    return p.returncode, text


def ours(*args, ok=True):
    return sh(box, 'btrfs', *args, ok=ok)


class Loops:
    def __init__(self, images):
        self.images, self.loops = images, []

    def __enter__(self):
        for i in self.images:
            self.loops.append(sh('losetup', '-f', '--show', i)[1].strip())
        sh(peer, 'device', 'scan', *self.loops, ok=False)
        return self.loops

    def __exit__(self, *_):
        sh(peer, 'device', 'scan', '--forget', *self.loops, ok=False)
        for l in self.loops:
            for _ in range(10):
                if not sh('losetup', '-d', l, ok=False)[0]:
                    break
                time.sleep(0.2)


class Mounted:
    def __init__(self, images, options=''):
        self.l, self.options, self.mark = Loops(images), options, f'btrbox rounds {os.getpid()} {random.random()}'

    def __enter__(self):
        loops = self.l.__enter__()
        with open('/dev/kmsg', 'w') as f:
            f.write(self.mark + '\n')
        opts = ','.join([f'device={x}' for x in loops] + ([self.options] if self.options else []))
        os.makedirs('mnt', exist_ok=True)
        try:
            sh('mount', '-t', 'btrfs', '-o', opts, loops[0], 'mnt')
        except Failed:
            self.l.__exit__()
            raise
        return 'mnt'

    def __exit__(self, kind, *_):
        sh('sync', '-f', 'mnt')
        for _ in range(20):
            if not sh('umount', 'mnt', ok=False)[0]:
                break
            time.sleep(0.3)
        loops = '|'.join(x.replace('/dev/', '') for x in self.l.loops)
        self.l.__exit__()
        log = sh('dmesg')[1].split(self.mark)[-1]
        bad = [x for x in log.splitlines() if re.search(rf'BTRFS (warning|error|critical).*\b({loops})\b', x)
               and not re.search(r'qgroup|RAID56|raid56|has skinny|device stats zeroed', x)]
        if bad and not kind:
            raise Failed('kernel log: ' + '\n'.join(bad[:10]))


def populate(r, mnt):
    files, subs = [], [mnt]
    n = 0
    if r.random() < 0.4:
        sh(peer, 'quota', 'enable', mnt)
    for step in range(r.randrange(20, 70)):
        k, d = r.random(), r.choice(subs)
        if k < 0.45:
            f, n = f'{d}/f{n}', n + 1
            size = r.choice([10, 1500, 5000, 70000, 400000, 3000000])
            with open(f, 'wb') as o:
                o.write(os.urandom(size) if r.random() < 0.5 else bytes(r.randrange(256) for _ in range(97)) * (size // 97 + 1))
            files.append(f)
        elif k < 0.55 and files:
            f = r.choice(files)
            try:
                with open(f, 'r+b') as o:
                    o.seek(r.randrange(0, 2000000, 4096))
                    o.write(os.urandom(r.randrange(1, 200000)))
            except OSError:
                pass
        elif k < 0.63 and files:
            f, n = r.choice(files), n + 1
            sh('cp', '--reflink=always', f, f'{d}/r{n}', ok=False)
            if os.path.exists(f'{d}/r{n}'):
                files.append(f'{d}/r{n}')
        elif k < 0.70:
            n += 1
            sh('fallocate', '-l', r.randrange(4096, 4000000), f'{d}/p{n}', ok=False)
            files.append(f'{d}/p{n}')
        elif k < 0.75:
            n += 1
            open(f'{d}/c{n}', 'w').close()
            sh('chattr', '+C', f'{d}/c{n}', ok=False)
            files.append(f'{d}/c{n}')
        elif k < 0.85:
            n += 1
            src = r.choice(subs)
            if not sh(peer, 'subvolume', 'snapshot', src, f'{mnt}/s{n}', ok=False)[0]:
                subs.append(f'{mnt}/s{n}')
        elif k < 0.88:
            n += 1
            sh(peer, 'subvolume', 'create', f'{d}/v{n}', ok=False)
            if os.path.isdir(f'{d}/v{n}'):
                subs.append(f'{d}/v{n}')
        elif k < 0.93 and files:
            f = r.choice(files)
            if os.path.exists(f):
                os.unlink(f)
        elif k < 0.95 and len(subs) > 2:
            s = r.choice(subs[1:])
            if not sh(peer, 'subvolume', 'delete', s, ok=False)[0]:
                subs.remove(s)
        else:
            n += 1
            os.makedirs(f'{d}/d{n}', exist_ok=True)
            for i in range(r.randrange(200)):
                with open(f'{d}/d{n}/x{i}', 'w') as o:
                    o.write('x' * r.randrange(3000))
        files = [f for f in files if os.path.exists(f)]


def check(images, what, with_peer=True):
    code, text = ours('check', '--check-data-csum', images[0], *[], ok=False) if len(images) == 1 else ours('check', '--check-data-csum', ','.join(images), ok=False)
    left = [x for x in text.splitlines() if 'has no corresponding block group' not in x]
    if code and any(re.search(r'^(ERROR|root|.*mismatch|.*wrong|.*missing)', x) for x in left if 'error(s) found' not in x):
        raise Failed(f'{what}: our check:\n{text[-3000:]}')
    # the distribution's mkfs leaves free space of block groups that it has removed
    code, text = sh('/usr/bin/python3', judge, *images, ok=False)
    if code and [x for x in text.splitlines() if x.strip() and 'no such block group' not in x]:
        raise Failed(f'{what}: judge.py: {text[-2000:]}')
    if with_peer:
        # 6.2 reads the second way to data of RAID5/6 wrongly: there the kernel's scrub and our own check judge the data
        parity = re.search('RAID[56]', ours('filesystem', 'usage', ','.join(images))[1])
        for _ in range(8):  # its scan of all devices meets those that others are just detaching
            with Loops(images) as loops:
                code, text = sh(peer, 'check', '--readonly', *([] if parity else ['--check-data-csum']), loops[0], ok=False)
            if 'could not check mount status' not in text and 'cannot open file system' not in text:
                break
            time.sleep(0.5)
        bad = [x for x in text.splitlines() if re.search(r'^(ERROR)|error\(?s?\)? found|mismatch|errors? \d', x) and 'no error found' not in x
               and not x.startswith('ERROR: cannot scan /dev/loop')]
        if code or bad:
            raise Failed(f'{what}: the distribution\'s check ({code}):\n{text[-3000:]}')


def hash_of(images):
    return ours('offline', ','.join(images), 'hash', '/')[1].strip().splitlines()[-1]


def quotas(images):
    return ours('qgroup', 'show', ','.join(images), ok=False)[1]


def fine(text):
    return re.search(r'no room|too few devices|unable to go below|too small|not enough free space|reduces metadata|must be the same|only writeable|no space|is in use up to|must be',
                     text)


def operate(r, images, step):
    """One random operation; returns the images that then make the filesystem."""
    all_ = ','.join(images)
    kind = r.choice(['add', 'remove', 'replace', 'balance', 'balance', 'convert', 'convert', 'convert', 'shrink', 'scrub', 'lost'])
    args, after = None, images
    if kind == 'add':
        new = f'n{step}.img'
        sh('truncate', '-s', f'{r.randrange(200, 500)}M', new)
        args, after = ['device', 'add', new, all_], images + [new]
    elif kind == 'remove' and len(images) > 1:
        i = r.randrange(len(images))
        args, after = ['device', 'remove', images[i], all_], images[:i] + images[i + 1:]
    elif kind == 'replace':
        i, new = r.randrange(len(images)), f'n{step}.img'
        sh('truncate', '-s', f'{r.choice([500, 600, 700])}M', new)
        args, after = ['replace', 'start', images[i], new, all_], images[:i] + [new] + images[i + 1:]
    elif kind == 'lost' and len(images) > 1:
        i, new = r.randrange(len(images)), f'n{step}.img'
        others = images[:i] + images[i + 1:]
        if ours('device', 'usage', all_)[1].count('single') or re.search('RAID0|DUP|single', ours('filesystem', 'usage', all_)[1]):
            return images, 'skip'
        devid = sh(box, 'btrfs', 'inspect-internal', 'dump-super', images[i])[1]
        devid = re.search(r'dev_item.devid\s+(\d+)', devid).group(1)
        os.rename(images[i], 'lost.img')
        sh('truncate', '-s', '700M', new)
        code, text = ours('replace', 'start', devid, new, ','.join(others), ok=False)
        if code:
            raise Failed(f'lost: {text}')
        os.unlink('lost.img')
        return others[:i] + [new] + others[i:], 'lost'
    elif kind == 'balance':
        what = r.choice(['-d', '-m', '-dusage=50', '-dusage=90', '-dlimit=1', '-dvrange=0..300000000', '--full-balance', '-musage=60'])
        args = ['balance', 'start', what, all_]
    elif kind == 'convert':
        d, m = r.choice(list(MIN)), r.choice(list(MIN))
        args = ['balance', 'start', '-f'] + r.choice([[f'-dconvert={d}', f'-mconvert={m}'], [f'-dconvert={d}'], [f'-mconvert={m}'], [f'-dconvert={d},soft']]) + [all_]
    elif kind == 'shrink' and len(images) == 1:
        args = ['filesystem', 'resize', '--offline', r.choice(['-40M', '-100M', 'max', '-64M']), all_]
    elif kind == 'scrub':
        args = ['scrub', 'start', all_]
    if not args:
        return images, 'skip'
    code, text = ours(*args, ok=False)
    print('   ', *args, '->', code, text.strip().splitlines()[-1:] if code else '', flush=True)
    if code:
        if not fine(text):
            raise Failed(f'{args}: {text}')
        return images, kind + ' refused'
    return after, kind


def one(number):
    r = random.Random(seed * 100003 + number)
    for f in os.listdir('.'):
        if f.endswith('.img'):
            os.unlink(f)
    n = r.choice([1, 1, 2, 3, 4, 5])
    fits = [p for p in MIN if MIN[p] <= n]
    d, m = r.choice(fits), r.choice(fits)
    images = [f'a{i}.img' for i in range(n)]
    for i in images:
        sh('truncate', '-s', f'{r.randrange(400, 600)}M', i)
    mkfs = r.choice([['mkfs.btrfs'], [box, 'mkfs.btrfs']])
    opts = ['-q', '-f', '-d', d, '-m', m, '-n', r.choice([4096, 16384, 16384, 65536]), '--csum', r.choice(['crc32c', 'crc32c', 'xxhash', 'sha256'])]
    if mkfs[0] == box and r.random() < 0.4:
        opts += ['-O', 'block-group-tree']
    elif r.random() < 0.15 and d == m:
        opts += ['--mixed', '-n', 4096]
        i = opts.index('-n')
        del opts[i:i + 2]
    print(f'round {number}: {n} devices', *opts[2:], flush=True)
    sh(*mkfs, *opts, *images)
    with Mounted(images, r.choice(['', 'compress=zstd', 'compress-force=lzo', 'compress-force=zlib'])) as mnt:
        populate(r, mnt)
    want, groups = hash_of(images), quotas(images)
    for step in range(r.randrange(1, 5)):
        images, kind = operate(r, images, step)
        done[kind] = done.get(kind, 0) + 1
        if kind == 'skip':
            continue
        if hash_of(images) != want:
            raise Failed(f'{kind}: the files are not what they were')
        now = quotas(images)
        if 'under deletion' in groups and 'under deletion' not in now:
            groups = now  # what a mount would have finished
        if now != groups:
            raise Failed(f'{kind}: quota groups are not what they were:\n{groups}\n{now}')
        check(images, kind, with_peer=False)
    check(images, 'at the end')
    with Mounted(images) as mnt:
        code, text = sh(peer, 'scrub', 'start', '-B', mnt, ok=False)
        if code or 'no errors found' not in text:
            raise Failed(f'kernel scrub: {text}')
        sh(peer, 'subvolume', 'snapshot', mnt, f'{mnt}/after', ok=False)
        for base, _, names in list(os.walk(mnt))[:3]:
            for name in names[:5]:
                try:
                    with open(os.path.join(base, name), 'ab') as o:
                        o.write(b'more')
                except OSError:
                    pass
    check(images, 'after the kernel wrote')


for i in range(rounds):
    try:
        one(i)
    except Failed as e:
        print(f'FAILED in round {i} of seed {seed}:\n{e}', flush=True)
        sys.exit(1)
print(f'{rounds} rounds,', ', '.join(f'{v} {k}' for k, v in sorted(done.items())))
