#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes Documentation/problems.md from kernel-shared/check/problems.def: make problems."""
import os, re, subprocess

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
MACRO = '#define PROBLEM(ID, name, severity, channel, repair, kind, format, meaning) @@ name | severity | repair | kind | format | meaning\n'
HEAD = '''# What check can find

Made from `kernel-shared/check/problems.def` by `make problems`; do not edit.

`btrfs check` names each finding by the id in the first column (`--format json`); `--repair=ID,...` mends those alone. *Severity*: an **error** makes the exit
code 1, a **warning** does not, **info** is a line that belongs to other findings. *Repair*: what `--repair` does; *asks*: it may cost something, and is done only when
confirmed; a dash: nothing is done by itself. Values in messages are shown as `N`, names as `NAME`.

'''


def text(tokens):
    return ''.join(bytes(t, 'utf-8').decode('unicode_escape') for t in re.findall(r'"((?:[^"\\]|\\.)*)"', tokens))


def shown(message):
    message = re.sub(r'%s', 'NAME', re.sub(r'%[0-9]*(?:ll)?[duxo]', 'N', message))
    return '<br>'.join('`' + line.replace('`', "'").replace('|', '\\|').strip() + '`' for line in message.split('\n') if line.strip())


def rows():
    path = os.path.join(TOP, 'kernel-shared/check/problems.def')
    source = open(path).read()
    out = subprocess.run(['cc', '-E', '-P', '-xc', '-'], input=MACRO + source, capture_output=True, text=True, check=True).stdout
    for row in out.split('@@')[1:]:
        yield [part.strip() for part in re.findall(r'((?:"(?:[^"\\]|\\.)*"|[^|"])+)', row)]


def main():
    lines = [HEAD, '| id | severity | message | means | repair |\n|---|---|---|---|---|\n']
    for name, severity, repair, kind, message, meaning in rows():
        does = '-' if repair == '((void *)0)' or repair == 'NULL' else text(repair) + (' (asks)' if kind == 'ASKS' else '')
        lines.append(f'| {text(name)} | {severity.lower()} | {shown(text(message))} | {text(meaning)} | {does} |\n')
    with open(os.environ.get('OUT', os.path.join(TOP, 'Documentation/problems.md')), 'w') as f:
        f.writelines(lines)


main()
