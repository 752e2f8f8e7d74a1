#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Zeroes tree blocks of an image (one device), in place.

usage: zap.py BTRBOX IMAGE list            one line a live block: BYTENR KIND OWNER
       zap.py BTRBOX IMAGE zero BYTENR [COPY]   one copy (from 1), or all
"""
import re, subprocess, sys

box, image, what = sys.argv[1:4]


def run(*args):
    return subprocess.run([box, *args], capture_output=True, text=True).stdout


if what == 'list':
    seen = set()
    for kind, bytenr, owner in re.findall(r'^(leaf|node) (\d+) .*owner (\S+)', run('btrfs', 'inspect-internal', 'dump-tree', image), re.M):
        if bytenr not in seen:
            seen.add(bytenr)
            print(bytenr, kind, owner)
else:
    bytenr, copy = sys.argv[4], int(sys.argv[5]) if len(sys.argv) > 5 else 0
    places = re.findall(r'mirror (\d+) logical \d+ physical (\d+)', run('btrfs-map-logical', '-l', bytenr, image))
    size = int(re.search(r'^nodesize\s+(\d+)', run('btrfs', 'inspect-internal', 'dump-super', image), re.M).group(1))
    with open(image, 'r+b') as f:
        for mirror, physical in places:
            if not copy or int(mirror) == copy:
                f.seek(int(physical))
                f.write(bytes(size))
