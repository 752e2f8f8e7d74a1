#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a diff say what two directory trees say? They are snapshots of one subvolume in which no inode number was used twice.

usage: diffcheck.py OLD NEW DIFF.json
"""
import json, os, stat, sys

old, new, report = os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]), json.load(open(sys.argv[3], encoding='latin-1'))['diff']


def scan(top):
    """inode -> [lstat, {(inode of directory, name): path}]"""
    found, todo = {}, [b'']
    while todo:
        d = todo.pop()
        ino = os.lstat(os.path.join(top, d)).st_ino
        for name in os.listdir(os.path.join(top, d)):
            path = os.path.join(d, name)
            st = os.lstat(os.path.join(top, path))
            found.setdefault(st.st_ino, [st, {}])[1][ino, name] = path
            if stat.S_ISDIR(st.st_mode):
                todo.append(path)
    return found


def unicode_of(path):
    return path.decode('latin-1')


def paths_of(entries, key):
    return sorted(p for e in entries for p in e[key])


def content(top, path):
    with open(os.path.join(top, path), 'rb') as f:
        return f.read()


a, b = scan(old), scan(new)
gained, lost = [], []
for ino, (st, refs) in b.items():
    gained += [unicode_of(p) for k, p in refs.items() if ino not in a or k not in a[ino][1]]
for ino, (st, refs) in a.items():
    lost += [unicode_of(p) for k, p in refs.items() if ino not in b or k not in b[ino][1]]
for what, want, got in (('added', gained, paths_of(report, 'names-added')), ('removed', lost, paths_of(report, 'names-removed'))):
    if sorted(want) != got:
        sys.exit(f'names {what}: expected {sorted(want)}, got {got}')

by_path = {e['path']: e for e in report if e['change'] == 'changed'}
for ino in a.keys() & b.keys():
    (s, refs), (t, refs2) = a[ino], b[ino]
    entries = [by_path[unicode_of(p)] for p in refs2.values() if unicode_of(p) in by_path]
    told = {w for e in entries for w in e['attributes']}
    ranges = [r for e in entries for r in e['ranges']]
    for word, differs in (('mode', s.st_mode != t.st_mode), ('owner', (s.st_uid, s.st_gid) != (t.st_uid, t.st_gid)), ('size', stat.S_ISREG(t.st_mode) and s.st_size != t.st_size)):
        if differs and word not in told and not (word == 'size' and ranges):
            sys.exit(f'{list(refs2.values())}: {word} has changed')
    if stat.S_ISREG(t.st_mode):
        x, y = bytearray(content(old, next(iter(refs.values())))), bytearray(content(new, next(iter(refs2.values()))))
        x = x[:len(y)].ljust(len(y), b'\0')
        for r in ranges:
            x[r['offset']:r['offset'] + r['length']] = y[r['offset']:r['offset'] + r['length']]
        if x[:len(y)] != y:
            sys.exit(f'{list(refs2.values())}: content differs outside of what was told')
