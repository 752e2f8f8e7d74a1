#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""JSON covers text: every number, id and name of a text report is a value of the JSON report of the same command.

usage: covers.py TEXT JSON
Numbers are compared as numbers (0x too), sizes by what they round to, names as parts of strings. Keys of the JSON do not count; words of the
text that label a value (they hold no digit and end with a colon, or stand in the table of labels) do not, either.
"""
import codecs, json, re, sys

codecs.register_error('latin', lambda e: (e.object[e.start:e.end].decode('latin-1'), e.end))  # as ours writes what is no UTF-8

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
for word in re.findall(r'0x[0-9a-fA-F]+|\b\d{1,20}\b', joined):
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


def unescape(word):
    """Names and values of dump-tree: cli 15.7."""
    short = {'a': 7, 'b': 8, 'e': 27, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11}
    out = re.sub(rb'\\(\d{3}|.)', lambda m: bytes([int(m[1], 8) if len(m[1]) == 3 else short.get(m[1].decode(), m[1][0])]), word.encode('utf-8', 'surrogateescape'))
    return out


def name(m):
    raw = unescape(m[1])
    shown = raw.decode('utf-8', 'latin')
    if shown not in strings and not (len(raw) == 255 and any(s.startswith(shown[:200]) for s in strings)):  # text ends there
        missing.add(m[1])
    return ' '


if text.startswith('btrfs-progs'):
    text = re.sub(r'^\t\t(?:(?:index \d+ .*)?name:|data) ((?:[^\n\\]|\\.)*)$', name, text, flags=re.M)
    text = re.sub(r'\(178 0x[0-9a-f]+\)', ' ', text)  # a hash of the numbers behind it
    text = re.sub(r'UNKNOWN\.(0x)?', r' \1', text)
    text = re.sub(r'\(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)', ' ', text)  # of the seconds before it
for m in re.finditer(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', text):
    if m.group() not in strings and set(m.group()) != {'0', '-'}:
        missing.add(m.group())
text = re.sub(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', ' ', text)
text = re.sub(r'Total read time:.*', ' ', text)  # another one each time
text = re.sub(r'btrfs-progs v\S+', ' ', text)


def bytes_of(word):
    return word.encode('utf-8', 'surrogateescape').decode('utf-8', 'latin')


LABELS = {'generation_v2', 'sys_chunk_array[2048', 'backup_roots[4'}
words = {word for s in strings for word in re.findall(r'[^\s,()=|]+', s)}
for word in set(re.findall(r'[^\s,()=|]+', text)):
    word = re.sub(r'\]\.\w+$', '', word).strip('[]:').removeprefix('Size:').removeprefix('Used:')
    if not re.search(r'\d', word) or word in LABELS or word in sizes or word.rstrip('%') in words:
        continue
    if re.fullmatch(r'-?\d+', word) and (int(word) in numbers or int(word) % 2 ** 64 in numbers):
        continue
    if re.fullmatch(r'0x[0-9a-f]+', word) and (int(word, 16) in numbers or any(s.startswith(word[2:]) for s in strings)):
        continue
    if (m := re.fullmatch(r'(\d+)\.(\d+)', word)) and int(m[1]) in numbers and int(m[2]) in numbers:  # a time
        continue
    if re.fullmatch(r'-?\d+\.\d+%?', word) and any(abs(float(word.rstrip('%')) - n) < 0.0051 for n in numbers):
        continue
    if (m := re.fullmatch(r'(\d+)/(\d+)', word)) and int(m[1]) << 48 | int(m[2]) in numbers:
        continue
    if word not in joined and bytes_of(word) not in joined:
        missing.add(word)
if missing:
    sys.exit('not in JSON: ' + ' '.join(sorted(missing)[:20]))
