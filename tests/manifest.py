#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""One line for each path below DIR: all that a user can see of it. Two trees are equal if their manifests are.

usage: manifest.py [--times none|mtime] [--no-owner] DIR

Directory link counts and sizes are left out (filesystems differ); hard links are told by the first path of their file.
"""
import argparse, hashlib, os, stat, sys

KINDS = {stat.S_IFREG: 'file', stat.S_IFDIR: 'dir', stat.S_IFLNK: 'link', stat.S_IFCHR: 'chr', stat.S_IFBLK: 'blk', stat.S_IFIFO: 'fifo', stat.S_IFSOCK: 'sock'}


def text(raw):
    return ''.join(chr(c) if 33 <= c < 127 and c != 92 else f'\\{c:03o}' for c in raw)


def digest(path):
    h = hashlib.sha256()
    with open(path, 'rb', buffering=0) as f:
        while data := f.read(1 << 20):
            h.update(data)
    return h.hexdigest()


def xattrs(path):
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return ''
    rows = []
    for name in sorted(names):
        if name.startswith(('security.selinux', 'btrfs.')):
            continue
        rows.append(f' {text(os.fsencode(name))}={os.getxattr(path, name, follow_symlinks=False).hex()}')
    return ''.join(rows)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--times', choices=('none', 'mtime'), default='mtime')
    p.add_argument('--no-owner', action='store_true')
    p.add_argument('dir')
    a = p.parse_args()
    top = os.fsencode(a.dir)
    todo, first = [b''], {}
    while todo:
        rel = todo.pop()
        path = os.path.join(top, rel) if rel else top
        st = os.lstat(path)
        kind = KINDS[stat.S_IFMT(st.st_mode)]
        row = f'{text(rel) or "."} {kind} {stat.S_IMODE(st.st_mode):o}'
        if not a.no_owner:
            row += f' {st.st_uid}:{st.st_gid}'
        if a.times == 'mtime':
            row += f' {st.st_mtime_ns}'
        if kind != 'dir' and st.st_nlink > 1:
            row += ' same=' + text(first.setdefault((st.st_dev, st.st_ino), rel))
        if kind == 'file':
            row += f' {st.st_size} {digest(path)}'
        elif kind == 'link':
            row += f' -> {text(os.readlink(path))}'
        elif kind in ('chr', 'blk'):
            row += f' {os.major(st.st_rdev)}:{os.minor(st.st_rdev)}'
        print(row + xattrs(path))
        if kind == 'dir':
            todo += [os.path.join(rel, n) if rel else n for n in sorted(os.listdir(path), reverse=True)]


sys.exit(main())
