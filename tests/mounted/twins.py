#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same commands by the distribution's btrfs and by ours, each on a filesystem of its own, and all that they say compared.

usage: twins.py PEER OURS DIR <TABLE

DIR/p and DIR/o are the two sides: a filesystem each, made alike, mounted at m; DIR/p/.devices lists its devices, one a line. A line of the table is

    ARGS...              btrfs ARGS, in the directory of each side: standard output, standard error and exit code must be equal
    @RULE ARGS...        the same, after the rule of that name (NAMED below)
    $ COMMAND            a shell command, its output compared: that is how effects are looked at. $BTRFS is the peer's program on both sides
    # ...                a comment

DEV1, DEV2, ... in ARGS stand for the devices. Before the comparison, what must differ is given the same name on both sides: devices, uuids, the directory,
times, process ids; and what has changed between 6.2 and 6.19 is made alike by the rules below. All differences are shown; the exit code tells whether there were any.
"""
import difflib, os, re, shlex, subprocess, sys

PEER, OURS, DIR = sys.argv[1:4]
PATIENCE = 100  # seconds for a command; one that is still waiting then is ended


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
        text = re.sub(r'(?m)^ERROR: cannot scan /dev/loop\d+: .*\n', '', text)  # the peer's scans meet what others are just detaching
        return re.sub(r'pid=\d+', 'pid=PID', text)


# --- what has changed since 6.2, by command -----------------------------------------------------------------------------------------------
# A rule takes [stdout, stderr, exit code] of both sides and changes them.

def peer_says(stream, pattern, repl):
    def rule(peer, ours):
        peer[stream] = re.sub(pattern, repl, peer[stream], flags=re.M)
    return rule


def ours_says(stream, pattern, repl):
    def rule(peer, ours):
        ours[stream] = re.sub(pattern, repl, ours[stream], flags=re.M)
    return rule


def whatever(stream, pattern, repl):
    def rule(peer, ours):
        peer_says(stream, pattern, repl)(peer, ours)
        ours_says(stream, pattern, repl)(peer, ours)
    return rule


SINCE = [
    # 6.6.3: the id of what is deleted
    (r'subvolume delete', ours_says(0, r'(?<=^Delete subvolume )\d+ ', '')),
    # the library's messages
    (r'subvolume snapshot', peer_says(0, r'^Create a (?=snapshot|readonly)', 'Create ')),
    (r'subvolume (create|snapshot)', peer_says(1, r"^ERROR: target path already exists: .*", 'ERROR: Could not create subvolume: File exists')),
    (r'subvolume (create|snapshot)', peer_says(1, r"^ERROR: cannot (snapshot '.*'|create subvolume): ", 'ERROR: Could not create subvolume: ')),
    (r'subvolume (create|snapshot)', peer_says(1, r"^ERROR: cannot access '.*/.*': No such", 'ERROR: Could not open: No such')),
    # they come instead of the result line, not after it
    (r'subvolume (create|snapshot)', lambda peer, ours: peer.__setitem__(0, ours[0]) if peer[2] and peer[2] == ours[2] else None),
    # 6.6.3: several names
    (r'subvolume create', peer_says(1, r'exactly 1 argument expected, 0 given', 'not enough arguments: 0 but at least 1 expected')),
    # the time of sending is that (cli 27, 1); without quota a line says so
    (r'subvolume show', whatever(0, r'^\tSend time: .*', '\tSend time')),
    (r'subvolume show', ours_says(0, r'^\tQuota group:\t\tn/a\n', '')),
    # 6.11: no empty line at the end
    (r'filesystem show', peer_says(0, r'\n\n\Z', '\n')),
    # the incumbent counts the parents of a group as its members, and prints more than the text
    (r'qgroup show', whatever(0, r'(?<= )[0-9/,]*<\d+ member qgroups?\0?>', '<N member qgroups>')),
    # 6.16: what is in the way, with its label
    (r'(device add|replace start)', peer_says(1, r'(?<=existing filesystem )\((\w+)\)', r'(type=\1)')),
    (r'(device add|replace start)', peer_says(1, r'\n\n', '\n')),
    # 6.11: small sizes are warned of
    (r'filesystem resize', ours_says(1, r'^WARNING: the new size .* is < 256MiB.*\n', '')),
    # 6.6.3: one line for each device; 6.3.2, 6.5.3: totals and rates of short runs
    (r'scrub (start|resume)', ours_says(0, r'^Starting scrub on devid \d+\n', '')),
    (r'scrub ', whatever(0, r'^(Total to scrub|Rate|Duration): .*', r'\1')),
    # what is printed before going to the background is lost by the incumbent where output is no terminal
    (r'replace start (?!.*-B)', ours_says(0, r'^Performing full device TRIM .*\n', '')),
    # times of a model of disks, of which ours knows more
    (r'inspect-internal tree-stats', whatever(0, r'(?<=Total read time: ).*', '')),
]
# Named by a line of the table: the error says more than the incumbent's, or is found earlier than another one; the exit code is the same.
NAMED = {
    'clearer': whatever(1, r'(?s)\A.+\Z', 'an error'),
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
        for pattern, rule in SINCE:
            if re.match(r'(-\S+ )*' + pattern, line):
                rule(*results)
        for r in rules:
            NAMED[r](*results)
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
