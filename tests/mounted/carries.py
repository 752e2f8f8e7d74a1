#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every value that a command prints is in its JSON, too.

usage: carries.py BTRBOX <TABLE

Each line: the arguments of btrfs that print text (with --raw or the like, so that nothing is rounded), run a second time with --format json in front. What looks
like a value in the text (it holds a digit, a slash, or is in the table's own list behind " -- ") must be a value in the JSON, or stand in one as words.
"""
import calendar, json, re, subprocess, sys, time


def leaves(x):
    if isinstance(x, dict):
        for v in x.values():
            yield from leaves(v)
    elif isinstance(x, list):
        for v in x:
            yield from leaves(v)
    elif isinstance(x, bool):
        yield 'yes' if x else 'no'
    elif x is not None:
        yield str(x)


def run(argv):
    return subprocess.run([sys.argv[1], 'btrfs', *argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True, errors='surrogateescape')


def number(word):
    try:
        return float(word)
    except ValueError:
        return None


def split(text):
    """Words as the JSON has them: seconds for dates and durations, no units."""
    text = re.sub(r'\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}', lambda m: str(calendar.timegm(time.strptime(m.group()))), text)
    text = re.sub(r'(?<=Duration:         )(\d+):(\d\d):(\d\d)', lambda m: str(int(m[1]) * 3600 + int(m[2]) * 60 + int(m[3])), text)
    text = re.sub(r'\bdevid:(?=\d)', '', text)
    text = re.sub(r'state 0x\d', '', text)  # said as a word
    text = re.sub(r'0x[0-9a-f]+', lambda m: str(int(m.group(), 16)), text)
    text = re.sub(r'(?<=\d)(ms|/s)\b', '', text)
    text = re.sub(r'\b(Data|Metadata|System|Data\+Metadata)/(?=\w)', r'\1 ', text)
    return [w.strip(',:;()[]%\'"<>') for w in re.split(r'[\s=,]+|\]\.|(?<=Size):|(?<=Used):|(?<=RAID0)/|(?<=RAID10)/|(?<=RAID[56])/', text)]


bad = 0
for line in sys.stdin.read().splitlines():
    line, _, extra = line.strip().partition(' -- ')
    if not line or line[0] == '#':
        continue
    args = line.split()
    # options of the incumbent's text alone choose columns: JSON has them all
    text, out = run(args), run(['--format', 'json', *args])
    try:
        values = list(leaves(json.loads(out.stdout)))
    except ValueError as e:
        print(f'# {line}: no JSON: {e}\n{out.stdout}')
        bad += 1
        continue
    if text.returncode != out.returncode:
        print(f'# {line}: exit code {text.returncode}, with JSON {out.returncode}')
        bad += 1
    joined = '\n'.join(values)
    numbers = {number(v) for v in values}
    words = [w for w in split(text.stdout) + extra.split()]
    missing = []
    for w in dict.fromkeys(words):
        if not re.search(r'[0-9/]', w) and w not in extra.split() or w in ('n/a', '/', 'Type/profile'):
            continue
        if number(w) is not None and number(w) in numbers:
            continue
        if re.search(r'(?<![\w])' + re.escape(w) + r'(?![\w])', joined):
            continue
        missing.append(w)
    if missing or not text.stdout:
        print(f'# {line}: not in the JSON: {missing}\n{text.stdout}\n{out.stdout}')
        bad += 1
sys.exit(bool(bad))
