# SPDX-License-Identifier: GPL-2.0-or-later
"""Send streams made by hand, independent of the program: any command with any attributes, right or wrong.

    from stream import Stream
    s = Stream(version=1)
    s.subvol('x'); s('mkfile', path='a', ino=257); s.end(); s.save('file')
"""
import struct

COMMANDS = ['unspec', 'subvol', 'snapshot', 'mkfile', 'mkdir', 'mknod', 'mkfifo', 'mksock', 'symlink', 'rename', 'link', 'unlink', 'rmdir', 'set_xattr',
            'remove_xattr', 'write', 'clone', 'truncate', 'chmod', 'chown', 'utimes', 'end', 'update_extent', 'fallocate', 'fileattr', 'encoded_write',
            'enable_verity']
ATTRS = ['unspec', 'uuid', 'ctransid', 'ino', 'size', 'mode', 'uid', 'gid', 'rdev', 'ctime', 'mtime', 'atime', 'otime', 'xattr_name', 'xattr_data', 'path',
         'path_to', 'path_link', 'file_offset', 'data', 'clone_uuid', 'clone_ctransid', 'clone_path', 'clone_offset', 'clone_len', 'fallocate_mode', 'fileattr',
         'unencoded_file_len', 'unencoded_len', 'unencoded_offset', 'compression', 'encryption', 'verity_algorithm', 'verity_block_size', 'verity_salt_data',
         'verity_sig_data']
NARROW = {'fallocate_mode': '<I', 'compression': '<I', 'encryption': '<I', 'verity_algorithm': '<B', 'verity_block_size': '<I'}
UUID = bytes(range(16))

TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def crc(data):
    c = 0
    for b in data:
        c = c >> 8 ^ TABLE[(c ^ b) & 255]
    return c


class Stream:
    def __init__(self, version=1, header=True):
        self.version = version
        self.out = bytearray(b'btrfs-stream\0' + struct.pack('<I', version) if header else b'')

    def attr(self, name, value):
        if isinstance(value, str):
            value = value.encode('utf-8', 'surrogateescape')
        elif isinstance(value, int):
            value = struct.pack(NARROW.get(name, '<Q'), value)
        elif isinstance(value, tuple):
            value = struct.pack('<QI', *value)
        head = struct.pack('<H', ATTRS.index(name))
        if not (name == 'data' and self.version >= 2):
            head += struct.pack('<H', len(value))
        return head + value

    def raw(self, number, body):
        head = struct.pack('<IHI', len(body), number, 0)
        self.out += struct.pack('<IHI', len(body), number, crc(head + body)) + body

    def __call__(self, command, **attrs):
        self.raw(COMMANDS.index(command), b''.join(self.attr(k, v) for k, v in attrs.items()))
        return self

    def subvol(self, name, uuid=UUID, ctransid=7):
        return self('subvol', path=name, uuid=uuid, ctransid=ctransid)

    def snapshot(self, name, parent, uuid, ctransid=8):
        return self('snapshot', path=name, uuid=uuid, ctransid=ctransid, clone_uuid=parent, clone_ctransid=7)

    def file(self, path, data=b'', ino=257):
        self('mkfile', path=path, ino=ino)
        return self('write', path=path, file_offset=0, data=data) if data else self

    def end(self):
        return self('end')

    def save(self, path):
        with open(path, 'wb') as f:
            f.write(self.out)
