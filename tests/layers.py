#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the #include lines of all sources and prints those that point back up the layers (Documentation/architecture.md).

usage: layers.py [TOP]      exit code 1 if there is one
"""
import glob, os, re, sys

os.chdir(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
ROOMS = ['format', 'bdev', 'volume', 'tree', 'alloc', 'txn', 'fs']  # each may use those before it
UPPER = ['make', 'check', 'chunks', 'dump', 'send']  # and these, which do not know each other, all of them
TERMINALS = ('common/out.h', 'common/linedit.h')  # the core does not speak to people; it may count for a progress that it was given


def place(path):
    """(rank, room): a file may include what has a lower rank, or its own room."""
    parts = path.split('/')
    if parts[0] == 'kernel-shared':
        room = parts[1]
        if room == 'kapi':
            return 2.5, room
        if room in UPPER:
            return 10, room
        if room not in ROOMS:
            sys.exit(f'{path}: {room} is no room that architecture.md knows')
        return 2 + ROOMS.index(room), room
    rank = {'common': 0, 'crypto': 1, 'cmds': 20, 'main.c': 30}.get(parts[0])
    if rank is None:
        sys.exit(f'{path}: where does this belong?')
    return rank, parts[0]


def command_folders():
    """Folders of cmds/ that hold a command; others are libraries of commands."""
    return {os.path.dirname(f) for f in glob.glob('cmds/*/*.c') if re.search(r'^const struct cmd cmd_', open(f).read(), re.M)}


commands, bad = command_folders(), 0
for path in sorted(f for d in ('main.c', 'common/*', 'crypto/*', 'kernel-shared/*/*', 'cmds/*', 'cmds/*/*') for f in glob.glob(d) if f.endswith(('.c', '.h', '.def'))):
    rank, room = place(path)
    for number, line in enumerate(open(path), 1):
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not m:
            continue
        to = m.group(1)
        if not os.path.exists(to):
            why = 'is not found from the top of the tree'
        elif place(to)[0] > rank or (place(to)[0] == rank and place(to)[1] != room):
            why = f'points back up: {room} may not use {place(to)[1]}'
        elif room == 'kapi' and place(to)[1] not in ('kapi', 'format', 'common', 'crypto'):
            why = 'kapi rests on format alone'
        elif to in TERMINALS and rank < 20 and room != 'common':
            why = 'the core does not print'
        elif os.path.dirname(to) in commands and os.path.dirname(to) != os.path.dirname(path):
            why = 'a command may not use another'
        else:
            continue
        print(f'{path}:{number}: {to} {why}')
        bad = 1
sys.exit(bad)
