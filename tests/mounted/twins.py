#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same commands by the distribution's btrfs and by ours, each on a filesystem of its own, and all that they say compared.

usage: twins.py PEER OURS DIR <TABLE

DIR/p and DIR/o are the two sides: a filesystem each, made alike, mounted at m; DIR/p/.devices lists its devices, one a line. A line of the table is

    ARGS...              btrfs ARGS, in the directory of each side: standard output, standard error and exit code must be equal
    @RULE[,RULE] ARGS... the same; the rules (below) name in what the peer's 6.2 differs from 6.19, and make them alike
    $ COMMAND            a shell command, its output compared: that is how effects are looked at. $BTRFS is the peer's program on both sides
    # ...                a comment

DEV1, DEV2, ... in ARGS stand for the devices. Before the comparison, what must differ is given the same name on both sides: devices, uuids, the directory,
times, process ids. All differences are shown; the exit code tells whether there were any.
"""
import difflib, os, re, shlex, subprocess, sys

PEER, OURS, DIR = sys.argv[1:4]
PATIENCE = 3  # seconds for a command; one that is still waiting then is ended


class Side:
    def __init__(self, name, program):
        self.dir = os.path.join(DIR, name)
        self.program = program
        self.uuids = {}
        self.name_devices()

    def name_devices(self):
        with open(self.dir + '/.devices') as f:
            self.devices = f.read().split()

    def run(self, line):
        shell = line.startswith('$ ')
        for i, d in reversed(list(enumerate(self.devices, 1))):
            line = re.sub(rf'\bDEV{i}\b', d, line)
        env = dict(os.environ, BTRFS=PEER, PATH='/usr/sbin:/usr/bin:/sbin:/bin')
        argv = ['sh', '-c', line[2:]] if shell else ['btrfs'] + shlex.split(line)
        try:
            p = subprocess.run(argv, executable='/bin/sh' if shell else self.program, cwd=self.dir, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30 if shell else PATIENCE)
        except subprocess.TimeoutExpired as e:
            return [self.plain(e.stdout or b''), self.plain(e.stderr or b''), 'none, it waits']
        return [self.plain(p.stdout), self.plain(p.stderr), p.returncode]

    def plain(self, raw):
        text = raw.decode('utf-8', 'surrogateescape')
        for i, d in reversed(list(enumerate(self.devices, 1))):
            text = re.sub(re.escape(d) + r'\b', f'DEV{i}', text)
        text = text.replace(os.path.realpath(self.dir), 'DIR')
        text = re.sub(r'\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b', lambda m: self.uuids.setdefault(m.group(), f'UUID{len(self.uuids) + 1}'), text)
        text = re.sub(r'(?sm)^usage: .*', 'usage\\n', text)  # our help is in our own words
        text = re.sub(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', 'TIME', text)
        text = re.sub(r'(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4}', 'TIME', text)
        text = re.sub(r'\d?\d\.(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d\d:\d\d:\d\d', 'TIME', text)
        return re.sub(r'pid=\d+', 'pid=PID', text)


# --- what has changed since 6.2: each rule takes [stdout, stderr, exit code] of both sides and changes it ----------------------------

def sub(stream, pattern, repl):
    def rule(peer, ours):
        peer[stream] = re.sub(pattern, repl, peer[stream], flags=re.M)
    return rule


def both(stream, pattern, repl):
    def rule(peer, ours):
        peer[stream] = re.sub(pattern, repl, peer[stream], flags=re.M)
        ours[stream] = re.sub(pattern, repl, ours[stream], flags=re.M)
    return rule


def drop_ours(stream, pattern):
    def rule(peer, ours):
        ours[stream] = re.sub(pattern, '', ours[stream], flags=re.M)
    return rule


RULES = {
    # 6.6.3: the id of what is deleted
    'delete-id': drop_ours(0, r'(?<=^Delete subvolume )\d+ '),
}


def main():
    peer, ours = Side('p', PEER), Side('o', OURS)
    bad = 0
    for line in sys.stdin.read().splitlines():
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        rules = []
        if line.startswith('@'):
            names, line = line.split(None, 1)
            rules = names[1:].split(',')
        results = [peer.run(line), ours.run(line)]
        for r in rules:
            RULES[r](*results)
        if results[0] == results[1]:
            continue
        bad += 1
        print(f'# {line}')
        for what, a, b in zip(('stdout', 'stderr', 'exit code'), *results):
            if a != b:
                print(f'#   {what}:')
                print('\n'.join(list(difflib.unified_diff(str(a).split('\n'), str(b).split('\n'), n=0, lineterm=''))[2:]))
    sys.exit(bool(bad))


main()
