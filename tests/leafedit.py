#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes what a filesystem's top-level tree says, as no kernel would: names, where they lead, sizes. Checksums, key order and name hashes
are made right again, so that only a reader's own care can help. For small images (one device, a tree of one leaf), in place.

usage: leafedit.py IMAGE COMMAND...
    rename OLD NEW     the entry OLD is called NEW in its directory and its inode (python escapes: '\\x00')
    point NAME INO     the entry NAME leads to inode INO
    field INO NAME N   a field of an inode item: size, nlink, mode, uid
    extent INO NAME N  a field of the inode's file extents: ram_bytes, disk_bytenr, disk_num_bytes, offset, num_bytes, compression
    leaf               prints where the leaf lies: one physical address a copy
"""
import struct, sys

TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
    TABLE.append(n)


def crc_raw(seed, data):
    for b in data:
        seed = TABLE[(seed ^ b) & 255] ^ seed >> 8
    return seed


def crc32c(data): return crc_raw(0xffffffff, data) ^ 0xffffffff
def name_hash(name): return crc_raw(0xfffffffe, name)


class Image:
    def __init__(self, path):
        self.f = open(path, 'r+b')
        sb = self.at(65536, 4096)
        self.root, self.chunk_root = struct.unpack_from('<QQ', sb, 80)
        self.nodesize, = struct.unpack_from('<I', sb, 148)
        n, = struct.unpack_from('<I', sb, 160)
        self.chunks = []
        self.chunk_array(sb[811:811 + n])
        for key, data in self.items(self.chunk_root):
            if key[1] == 228:
                self.chunk(key[2], data)

    def at(self, off, n):
        self.f.seek(off)
        return self.f.read(n)

    def chunk_array(self, data):
        while data:
            key = struct.unpack_from('<QBQ', data)
            stripes, = struct.unpack_from('<H', data, 17 + 44)
            self.chunk(key[2], data[17:17 + 48 + 32 * stripes])
            data = data[17 + 48 + 32 * stripes:]

    def chunk(self, start, data):
        length, stripes = struct.unpack_from('<Q', data)[0], struct.unpack_from('<H', data, 44)[0]
        self.chunks.append((start, length, [struct.unpack_from('<Q', data, 48 + 32 * i + 8)[0] for i in range(stripes)]))

    def copies(self, logical):
        for start, length, stripes in self.chunks:
            if start <= logical < start + length:
                return [s + logical - start for s in stripes]
        raise SystemExit(f'no chunk maps {logical}')

    def items(self, logical):
        b = self.at(self.copies(logical)[0], self.nodesize)
        nritems, level = struct.unpack_from('<IB', b, 96)
        for i in range(nritems):
            if level:
                yield from self.items(struct.unpack_from('<Q', b, 101 + 33 * i + 17)[0])
            else:
                o, t, off, pos, size = struct.unpack_from('<QBQII', b, 101 + 25 * i)
                yield (o, t, off), b[101 + pos:101 + pos + size]

    def top_leaf(self):
        for key, data in self.items(self.root):
            if key[:2] == (5, 132):
                bytenr, level = struct.unpack_from('<Q', data, 176)[0], data[238]
                if level:
                    raise SystemExit('the top-level tree has more than one leaf')
                return bytenr
        raise SystemExit('no top-level tree')

    def write_leaf(self, logical, items):
        old = self.at(self.copies(logical)[0], self.nodesize)
        b = bytearray(old[:101] + bytes(self.nodesize - 101))
        struct.pack_into('<I', b, 96, len(items))
        end = self.nodesize - 101
        for i, (key, data) in enumerate(sorted(items)):
            end -= len(data)
            struct.pack_into('<QBQII', b, 101 + 25 * i, *key, end, len(data))
            b[101 + end:101 + end + len(data)] = data
        struct.pack_into('<I', b, 0, crc32c(bytes(b[32:])))
        for phys in self.copies(logical):
            self.f.seek(phys)
            self.f.write(b)


def entries(data):
    pos = 0
    while pos < len(data):
        data_len, name_len = struct.unpack_from('<HH', data, pos + 25)
        yield pos, data[pos + 30:pos + 30 + name_len], 30 + name_len + data_len
        pos += 30 + name_len + data_len


def rename(items, old, new):
    for i, (key, data) in enumerate(items):
        if key[1] in (84, 96) and len(list(entries(data))) == 1 and data[30:30 + struct.unpack_from('<H', data, 27)[0]] == old:
            data = data[:27] + struct.pack('<H', len(new)) + data[29:30] + new
            items[i] = ((key[0], key[1], name_hash(new) if key[1] == 84 else key[2]), data)
        elif key[1] == 12 and data[10:] == old:
            items[i] = (key, data[:8] + struct.pack('<H', len(new)) + new)


def merge(items):
    """Entries whose names have the same hash share one item."""
    out = {}
    for key, data in items:
        out[key] = out.get(key, b'') + data
    return list(out.items())


def point(items, name, ino):
    for i, (key, data) in enumerate(items):
        if key[1] in (84, 96):
            for pos, entry, _ in entries(data):
                if entry == name:
                    items[i] = (key, data[:pos] + struct.pack('<Q', ino) + data[pos + 8:])


INODE = {'size': (16, '<Q'), 'nlink': (40, '<I'), 'uid': (44, '<I'), 'mode': (52, '<I')}
EXTENT = {'ram_bytes': (8, '<Q'), 'compression': (16, '<B'), 'disk_bytenr': (21, '<Q'), 'disk_num_bytes': (29, '<Q'), 'offset': (37, '<Q'), 'num_bytes': (45, '<Q')}


def field(items, ino, kind, where, value):
    off, form = where
    for i, (key, data) in enumerate(items):
        if key[:2] == (ino, kind):
            items[i] = (key, data[:off] + struct.pack(form, value) + data[off + struct.calcsize(form):])


def unescape(text): return text.encode('utf-8', 'surrogateescape').decode('unicode_escape').encode('latin-1')


def main():
    image = Image(sys.argv[1])
    leaf = image.top_leaf()
    items = list(image.items(leaf))
    command, args = sys.argv[2], sys.argv[3:]
    if command == 'leaf':
        print(*image.copies(leaf))
        return
    if command == 'rename':
        rename(items, unescape(args[0]), unescape(args[1]))
    elif command == 'point':
        point(items, unescape(args[0]), int(args[1]))
    elif command == 'field':
        field(items, int(args[0]), 1, INODE[args[1]], int(args[2], 0))
    elif command == 'extent':
        field(items, int(args[0]), 108, EXTENT[args[1]], int(args[2], 0))
    else:
        raise SystemExit(__doc__)
    image.write_leaf(leaf, merge(items))


main()
