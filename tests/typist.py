#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Types at a program as a person would, on a terminal, and prints what came back.

usage: typist.py PROGRAM ARGS... -- KEYS...

KEYS: text with Python's escapes (\\t, \\n, \\x03); before each, the program gets time to fall silent. Prints its output, then "exit N".
"""
import os, pty, select, sys, time

cut = sys.argv.index('--')
program, keys = sys.argv[1:cut], sys.argv[cut + 1:]
pid, fd = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'dumb'
    os.execv(program[0], program)


def silence(limit=20):
    """Reads until nothing has come for a while after something has."""
    out, end, quiet = b'', time.time() + limit, 0
    while time.time() < end and quiet < 4:
        ready = select.select([fd], [], [], 0.1)[0]
        if not ready:
            quiet += bool(out)
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            return out
        if not data:
            return out
        out, quiet = out + data, 0
    return out


text = silence()
for k in keys:
    os.write(fd, k.encode().decode('unicode_escape').encode('latin-1'))
    text += silence(3)
os.close(fd)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.stdout.buffer.write(text.replace(b'\r\n', b'\n') + b'\nexit %d\n' % status)
