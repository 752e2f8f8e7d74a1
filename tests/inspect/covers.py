#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON covers text: every number, id and name of a text report is a value of the JSON report of the same command.

usage: covers.py TEXT JSON
Numbers are compared as numbers (0x too), sizes by what they round to, names as parts of strings. Keys of the JSON do not count; words of the
text that label a value (they hold no digit and end with a colon, or stand in the table of labels) do not, either.
"""
import json, re, sys

text = open(sys.argv[1], 'rb').read().decode('utf-8', 'surrogateescape')
try:
    doc = json.loads(open(sys.argv[2], 'rb').read().decode('utf-8', 'surrogateescape'), strict=True)
except ValueError as e:
    sys.exit(f'no JSON: {e}')
numbers, strings = set(), set()


def walk(v):
    if isinstance(v, dict):
        for k, x in v.items():
            if k != '__header':
                walk(x)
    elif isinstance(v, list):
        numbers.add(len(v))  # a list says how long it is
        for i, x in enumerate(v):
            numbers.add(i)   # and where each stands
            walk(x)
    elif isinstance(v, bool) or v is None:
        pass
    elif isinstance(v, (int, float)):
        numbers.add(v)
    else:
        strings.add(v)


walk(doc)
joined = '\n'.join(strings)
for word in re.findall(r'0x[0-9a-fA-F]+|\d+', joined):
    numbers.add(int(word, 0) if word.startswith('0x') else int(word))
sizes = {}
for base, names in ((1024, ('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB')), (1000, ('B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'))):
    for n in list(numbers):
        if n < 0:
            continue
        v, above, i = int(n), int(n), 0
        while v >= base and i < 6:
            above, v, i = v, v // base, i + 1
        sizes['%.2f%s' % (above / base if i else above, names[i])] = n
missing = set()
for m in re.finditer(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', text):
    if m.group() not in strings and set(m.group()) != {'0', '-'}:
        missing.add(m.group())
text = re.sub(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', ' ', text)
text = re.sub(r'btrfs-progs v\S+', ' ', text)
for word in re.findall(r'[^\s,()=|]+', text):
    if word in sizes or word in joined or word.rstrip('%') in joined:
        continue
    if re.fullmatch(r'-?\d+', word) and (int(word) in numbers or int(word) % 2 ** 64 in numbers):
        continue
    if re.fullmatch(r'0x[0-9a-f]+', word) and (int(word, 16) in numbers or any(word[2:] in s for s in strings)):
        continue
    if re.fullmatch(r'-?\d+\.\d+%?', word) and any(abs(float(word.rstrip('%')) - n) < 0.0051 for n in numbers):
        continue
    if re.search(r'\d', word):
        missing.add(word)
if missing:
    sys.exit('not in JSON: ' + ' '.join(sorted(missing)[:20]))
