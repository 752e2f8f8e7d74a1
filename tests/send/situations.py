#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Situations that broke generators or receivers of send streams before (send-stream 11), each a subvolume with two snapshots.

usage: situations.py DIR     on a mounted btrfs; prints the names. DIR/NAME.a and DIR/NAME.b are the snapshots. Needs root.
"""
import fcntl, os, struct, subprocess, sys

PRELUDE = f'''
reflink() {{ python3 {os.path.abspath(__file__)} --reflink "$@"; }} # FROM OFFSET TO-OFFSET LENGTH TO
cap() {{ setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$1"; }}
'''
SITUATIONS = {
    # directory moves
    'swap-parent-child': ('mkdir -p a/b; touch a/b/f', 'mv a/b b2; mv a b2/a'),
    'rename-both': ('mkdir -p a/b/c', 'mv a/b/c a/b/c2; mv a/b a/b2; mv a a2'),
    'reorder-deep': ('mkdir -p a/b/c/d a/b/c2; echo x >a/b/c/d/f', 'mv a/b/c/d a/b/c2/d2; mv a/b/c a/b/c2/d2/cc'),
    'reorder-low-high': ('mkdir -p p/q/r/s t/u; touch p/q/r/s/1', 'mkdir n; mv p/q/r n/r; mv t n/r/s/t; mv p/q n/r/s/t/u/q; mv p n/p'),
    'new-takes-old-name': ('mkdir -p d/x', 'mv d e; mkdir d; mv e/x d/x; mv e d/e'),
    'waits-for-another': ('mkdir -p a/c b', 'mv a/c b/c; mv b c; mv c a/b'),
    'same-subpath': ('mkdir -p d1/x d2/x; echo 1 >d1/x/f; echo 2 >d2/x/f', 'mv d1 t; mv d2 d1; mv t d2; echo a >>d1/x/f; echo b >>d2/x/f'),
    'inverted-ancestry': ('mkdir -p a/n b/n/c', 'mv b/n t; mv a/n b/n; mv t a/n; mv b a/n/c/b'),
    'three-rotate': ('mkdir a b c; touch a/1 b/2 c/3', 'mv a t; mv c a; mv b c; mv t b'),
    'down-and-up': ('mkdir -p 1/2/3/4/5/6', 'mv 1/2/3/4/5/6 6; mv 1/2/3/4/5 6/5; mv 1/2/3/4 6/5/4; mv 1/2/3 6/5/4/3; mv 1/2 6/5/4/3/2; mv 1 6/5/4/3/2/1'),
    'into-new': ('mkdir -p a/b; echo x >a/b/f', 'mkdir new; mv a new/a; mv new/a/b b; mkdir b/n; mv b/f b/n/f'),
    # removal
    'rmdir-hard-links': ('mkdir -p d; for i in 1 2 3; do echo $i >d/$i; ln d/$i d/l$i; done', 'rm -r d'),
    'rmdir-not-empty-yet': ('mkdir -p a/b/c/d; touch a/b/c/d/f a/b/c/g; mkdir keep', 'mv a/b/c/d/f keep/f; mv a/b/c/d keep/d; rm -r a'),
    'rmdir-and-same-name': ('mkdir -p d/e; touch d/e/f', 'mv d/e/f f; rm -r d; echo file >d'),
    'dir-becomes-file': ('mkdir x; echo y >y', 'rmdir x; mv y x; mkdir y'),
    # names
    'swap-links': ('echo 1 >a; echo 2 >b; ln a a2; ln b b2', 'mv a t; mv b a; mv t b; mv a2 t; mv b2 a2; mv t b2'),
    'link-for-dir': ('mkdir d; echo 1 >f; ln f g', 'mv d t; mv f d; mv t f; ln d t2'),
    'dir-link-swap': ('mkdir -p d1/s d2; echo 1 >d1/f; ln d1/f d2/g', 'mv d1/s t; mv d2/g d1/s; mv t d2/g; mv d1/f d2/f'),
    'many-links': ('mkdir d; echo x >f; for i in $(seq 400); do ln f d/a-rather-long-name-for-a-hard-link-$i; done', 'rm f; for i in $(seq 1 2 400); do rm d/a-rather-long-name-for-a-hard-link-$i; done; ln d/*-2 f2'),
    'only-extrefs': ('mkdir d e; echo x >f; for i in $(seq 200); do ln f d/a-rather-long-name-for-a-hard-link-$i; done; rm f',
                     'for i in $(seq 200); do mv d/a-rather-long-name-for-a-hard-link-$i e/$i; done'),
    'long-path': ('n=$(printf %0240d 0); p=.; for i in $(seq 15); do mkdir $p/$n; cd $p/$n; p=.; done; echo x >f', 'n=$(printf %0240d 0); for i in $(seq 14); do cd $n; done; mv $n short; echo y >>short/f'),
    'subvolume-takes-name': ('mkdir d; echo x >d/f', 'mv d e; btrfs -q subvolume create d >/dev/null; echo y >d/g'),
    'name-takes-subvolume': ('btrfs -q subvolume create d >/dev/null; echo y >d/g', 'btrfs -q subvolume delete d >/dev/null; mkdir d; echo x >d/f'),
    'temporary-names': ('mkdir o257-9-0; echo >o258-9-0; mkdir -p a/b', 'mv a/b b; mv a b/a; mkdir o260-9-0'),
    # holes, preallocation
    'holes': ('yes | head -c 300000 >f; cp f g; cp f h', 'fallocate -p -o 40960 -l 100000 f; truncate -s 1000 g; truncate -s 300000 g; fallocate -p -o 0 -l 300000 h'),
    'prealloc': ('fallocate -l 100000 f; echo x >g; fallocate -n -l 100000 g; yes | head -c 50000 >h', 'echo y | dd of=f bs=1 seek=8192 conv=notrunc status=none; fallocate -n -o 60000 -l 100000 h; fallocate -z -o 4096 -l 8192 h'),
    'hole-at-end': ('yes | head -c 10000 >f', 'truncate -s 5000 f; truncate -s 1000000 f'),
    'small-then-large': ('echo small >f; yes | head -c 100000 >g', 'yes | head -c 100000 >f; echo small >g'),
    # clones
    'clone-unaligned': ('head -c 100001 /dev/urandom >f', 'cp --reflink=always f g; head -c 200000 /dev/urandom >>f; cp --reflink=always f h'),
    'clone-inside': ('head -c 262144 /dev/urandom >f', 'reflink f 0 262144 65536 f; reflink f 131072 0 65536 f'),
    'clone-end-to-middle': ('head -c 70001 /dev/urandom >f; head -c 300000 /dev/urandom >g', 'reflink f 65536 65536 4096 g; cp --reflink=always f k; head -c 100000 /dev/urandom >>k'),
    'clone-first-sector': ('head -c 4096 /dev/urandom >f; head -c 100 /dev/urandom >s', 'cp --reflink=always f g; cp --reflink=always s t; cat f f >h'),
    'clone-part': ('head -c 1000000 /dev/urandom >f', 'reflink f 409600 0 204800 g; dd if=/dev/urandom of=f bs=4096 seek=110 count=3 conv=notrunc status=none; cp --reflink=always f h'),
    'clone-deep-path': ('mkdir -p a/b/c; head -c 100000 /dev/urandom >a/b/c/f', 'mkdir x; cp --reflink=always a/b/c/f x/g; mv a/b a2'),
    'clone-shared-much': ('head -c 8192 /dev/urandom >f; for i in $(seq 100); do cp --reflink=always f g$i; done', 'for i in $(seq 100 150); do cp --reflink=always f g$i; done; rm f'),
    'clone-compressed': ('btrfs property set . compression zstd; yes | head -c 500000 >f; sync -f .', 'reflink f 65536 0 131072 g; echo z | dd of=f bs=1 seek=200000 conv=notrunc status=none'),
    # attributes
    'xattr-large': ('touch f; setfattr -n user.big -v "$(printf %03900d 1)" f; setfattr -n user.a -v 1 f', 'setfattr -n user.big -v "$(printf %03800d 2)" f; setfattr -x user.a f; setfattr -n user.empty f'),
    'capabilities': ('cp /bin/true f; cap f; cp /bin/true g', 'chown 1000 f; cap f; echo x >>g; echo x >>f; cap f'),
    'setuid-chown': ('cp /bin/true f; chmod 6755 f', 'chown 1000:1000 f; chmod 6755 f'),
    'default-acl-root': ('setfacl -d -m u:1000:rwx .; touch inherits; mkdir sub', 'setfacl -b inherits; touch f; setfacl -b f; mkdir sub/d; setfacl -b -k sub/d; touch sub/g; setfacl -b sub/g'),
    'acl-gone': ('touch f; setfacl -m u:1000:rw f; mkdir d; setfacl -d -m g:5:r d', 'setfacl -b f; chmod 640 f; setfacl -k d; touch d/f'),
    'root-times': ('touch f', 'mkdir -p a; mv f a/f; touch -d 2001-01-01 .'),
    'nothing': ('echo x >f', ':'),
    'types-change': ('ln -s x a; mkfifo b; echo >c; mknod d c 300 70000', 'rm a b c d; mkfifo a; ln -s y b; mknod c b 8 1; echo d >d'),
    'symlink-replaced': ('ln -s old l; ln l l2', 'ln -sf new l; mkdir d; mv l2 d/l2'),
    'not-utf8': ('touch "$(printf "\\377\\376 \\n")"; mkdir "$(printf "\\200")"', 'mv "$(printf "\\377\\376 \\n")" "$(printf "\\200/\\201")"'),
}


def reflink(source, offset, to, length, name):
    with open(source, 'rb') as f, open(os.open(name, os.O_RDWR | os.O_CREAT, 0o644), 'r+b') as g:
        fcntl.ioctl(g, 0x4020940d, struct.pack('qQQQ', f.fileno(), int(offset), int(length), int(to)))


def main(base):
    os.chdir(base)
    for name, (before, after) in SITUATIONS.items():
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', name], check=True)
        for commands, snap in ((before, 'a'), (after, 'b')):
            subprocess.run(['bash', '-e', '-c', PRELUDE + commands], cwd=name, check=True)
            subprocess.run(['btrfs', '-q', 'subvolume', 'snapshot', '-r', name, f'{name}.{snap}'], check=True)
        print(name)


if sys.argv[1] == '--reflink':
    reflink(*sys.argv[2:])
else:
    main(sys.argv[1])
