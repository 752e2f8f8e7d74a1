# SPDX-License-Identifier: GPL-2.0-or-later
# Streams by somebody who means harm, or was cut off: refused, nothing outside touched, nothing left that says it is complete.

setup() { load ../lib; begin; mkdir out streams; echo secret >out/secret; chmod 640 out/secret; }
teardown() { finish; }

# Each is a way out; OUT is an absolute path outside.
ways_out() {
	PYTHONPATH=$TOP/tests/receive OUT=$T/out python3 - <<'P'
import os
from stream import Stream, UUID
out = os.environ['OUT']
other = bytes(range(16, 32))


def way(name, *commands, version=1, begin=True):
    s = Stream(version)
    if begin:
        s.subvol('x')
    for c, a in commands:
        s(c, **a)
    s.end()
    s.save('streams/' + name)


link = ('symlink', dict(path='l', ino=257, path_link=out))
flink = ('symlink', dict(path='l', ino=257, path_link=out + '/secret'))
rel = ('symlink', dict(path='l', ino=257, path_link='../out'))
mine = [('mkfile', dict(path='f', ino=258)), ('write', dict(path='f', file_offset=0, data=b'mine' * 2000))]
times = dict(atime=(1, 0), mtime=(1, 0), ctime=(1, 0))
for n, p in enumerate(('../escaped', 'a/../../escaped', out + '/escaped', '//escaped', './escaped', 'd/./escaped', '')):
    way(f'path{n}', ('mkdir', dict(path='d', ino=300)), ('mkfile', dict(path=p, ino=257)))
way('path-nul', ('mkfile', dict(path='a\0b', ino=257)))
way('path-long', ('mkfile', dict(path='a/' * 2047 + 'aa', ino=257)))
way('name-long', ('mkfile', dict(path='a' * 256, ino=257)))
for n, l in enumerate((link, rel)):
    way(f'through-link-mkfile{n}', l, ('mkfile', dict(path='l/escaped', ino=258)))
    way(f'through-link-write{n}', l, ('write', dict(path='l/secret', file_offset=0, data=b'changed')))
    way(f'through-link-unlink{n}', l, ('unlink', dict(path='l/secret')))
    way(f'through-link-rename{n}', l, *mine, ('rename', dict(path='f', path_to='l/escaped')))
    way(f'through-link-rename-from{n}', l, ('rename', dict(path='l/secret', path_to='stolen')))
    way(f'through-link-link{n}', l, ('link', dict(path='stolen', path_link='l/secret')))
    way(f'through-link-mkdir{n}', l, ('mkdir', dict(path='l/escaped', ino=258)))
    way(f'through-link-chmod{n}', l, ('chmod', dict(path='l/secret', mode=0o777)))
    way(f'through-link-chown{n}', l, ('chown', dict(path='l/secret', uid=65534, gid=65534)))
    way(f'through-link-utimes{n}', l, ('utimes', dict(path='l/secret', **times)))
    way(f'through-link-xattr{n}', l, ('set_xattr', dict(path='l/secret', xattr_name='user.x', xattr_data=b'1')))
    way(f'through-link-truncate{n}', l, ('truncate', dict(path='l/secret', size=0)))
    way(f'through-link-clone{n}', l, *mine, ('clone', dict(file_offset=0, clone_len=4096, path='f', clone_uuid=UUID, clone_ctransid=7, clone_path='l/secret', clone_offset=0)))
    way(f'through-link-cached{n}', ('mkdir', dict(path='d', ino=300)), ('mkfile', dict(path='d/f', ino=301)), ('write', dict(path='d/f', file_offset=0, data=b'1')),
        ('rename', dict(path='d', path_to='e')), ('symlink', dict(path='d', ino=302, path_link=l[1]['path_link'])), ('write', dict(path='d/secret', file_offset=0, data=b'changed')))
way('link-write', flink, ('write', dict(path='l', file_offset=0, data=b'changed')))
way('link-truncate', flink, ('truncate', dict(path='l', size=0)))
way('link-chmod', flink, ('chmod', dict(path='l', mode=0o777)))
way('link-fallocate', flink, ('fallocate', dict(path='l', fallocate_mode=3, file_offset=0, size=4096)), version=2)
way('link-clone', flink, *mine, ('clone', dict(file_offset=0, clone_len=4096, path='f', clone_uuid=UUID, clone_ctransid=7, clone_path='l', clone_offset=0)))
way('link-over-file', flink, ('mkfile', dict(path='l', ino=258)))
way('rename-out', *mine, ('rename', dict(path='f', path_to='../escaped')))
way('rename-in', ('rename', dict(path='../out/secret', path_to='stolen')))
way('link-out', *mine, ('link', dict(path='../escaped', path_link='f')))
way('link-in', ('link', dict(path='stolen', path_link='../out/secret')))
way('clone-path', *mine, ('clone', dict(file_offset=0, clone_len=4096, path='f', clone_uuid=UUID, clone_ctransid=7, clone_path='../out/secret', clone_offset=0)))
way('clone-unknown', *mine, ('clone', dict(file_offset=0, clone_len=4096, path='f', clone_uuid=other, clone_ctransid=7, clone_path='f', clone_offset=0)))
way('device-write', ('mknod', dict(path='n', ino=258, rdev=0x700, mode=0o60600)), ('write', dict(path='n', file_offset=0, data=b'changed')))
way('device-truncate', ('mknod', dict(path='n', ino=258, rdev=0x103, mode=0o20600)), ('truncate', dict(path='n', size=0)))
way('fifo-write', ('mkfifo', dict(path='n', ino=258)), ('write', dict(path='n', file_offset=0, data=b'blocks')))
way('fifo-clone', ('mkfifo', dict(path='n', ino=258)), *mine, ('clone', dict(file_offset=0, clone_len=4096, path='f', clone_uuid=UUID, clone_ctransid=7, clone_path='n', clone_offset=0)))
way('no-subvolume', ('mkfile', dict(path='escaped', ino=257)), begin=False)
way('no-subvolume-write', ('write', dict(path='out/secret', file_offset=0, data=b'changed')), begin=False)
for n, p in enumerate(('a/b', '..', '.', '', '../escaped', out + '/escaped', 'a' * 256, 'a\0b')):
    way(f'name{n}', ('subvol', dict(path=p, uuid=UUID, ctransid=7)), begin=False)
way('no-parent', ('snapshot', dict(path='x', uuid=UUID, ctransid=7, clone_uuid=other, clone_ctransid=6)), begin=False)
way('xattr-kind', *mine, ('set_xattr', dict(path='f', xattr_name='nonsense', xattr_data=b'1')))
way('owner', *mine, ('chown', dict(path='f', uid=0xffffffff, gid=0)))
way('offset', *mine, ('write', dict(path='f', file_offset=2**63 - 1, data=b'12')))
way('size', *mine, ('truncate', dict(path='f', size=2**63)))
way('newer-command', *mine, ('fallocate', dict(path='f', fallocate_mode=3, file_offset=0, size=4096)))
way('version', version=4)
way('garbage', *mine, ('encoded_write', dict(path='f', file_offset=0, unencoded_file_len=8192, unencoded_len=4096, unencoded_offset=0, compression=1, data=b'1')), version=2)
P
}
unharmed() {
	same secret "$before" "$(stat -c '%a %u %g %s %Y' out/secret) $(cat out/secret) $(getfattr -d out/secret 2>/dev/null)" || return 1
	same outside secret "$(ls out)" || return 1
	[[ ! -e escaped && ! -e /escaped && ! -e ../escaped ]]
}
# refused STEP COMMAND...: every way out (each STEPth) is tried as the input of the command.
refused() {
	local f n=0 all=(streams/*) step=$1
	shift
	before="$(stat -c '%a %u %g %s %Y' out/secret) $(cat out/secret) $(getfattr -d out/secret 2>/dev/null)"
	[[ ${#all[@]} -gt 60 ]] || return 1
	for ((n = RANDOM % step; n < ${#all[@]}; n += step)); do
		f=${all[n]}
		run timeout -k 5 60 "$@" <"$f"
		expect 1 || { echo "# $f"; return 1; }
		has ERROR || return 1
		has_not Sanitizer || return 1
		unharmed || { echo "# $f"; return 1; }
	done
}

@test "no stream leaves its subvolume in a mounted filesystem" { # bats test_tags=root
	need_kernel
	ways_out
	mk_fs peer dst.img 256M - && mount_fs dst.img dst
	mkdir dst/in
	refused 1 "$BTRBOX" btrfs receive dst/in
	same left "" "$(ls dst/in)"
	same subvolumes 1 "$(btrfs_ours subvolume list dst | wc -l | sed 's/0/1/')"
	# The leak checker of a sanitizer waits for ever where there is no /proc.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 refused 8 "$BTRBOX" btrfs receive --chroot dst/in
	# Going on after errors changes nothing of it.
	refused 8 "$BTRBOX" btrfs receive -e -E 0 dst/in
	same left "" "$(ls dst/in)"
}

@test "no stream leaves its directory" {
	ways_out
	rm streams/xattr-kind # what a filesystem has no attributes for is passed over
	mkdir plain
	refused 1 "$BTRBOX" btrfs receive --to-directory plain
	same left "" "$(ls plain)"
	refused 8 "$BTRBOX" btrfs receive --to-directory -E 0 plain
	same left "" "$(ls plain)"
}

@test "no stream leaves its subvolume in an image, which is as it was" {
	ways_out
	mk_fs peer dst.img 128M -
	# Free space may have been written to, nothing else.
	local sum
	super() { dd if=dst.img bs=4096 skip=16 count=1 status=none | sha256sum; }
	sum=$(super)
	refused 1 "$BTRBOX" btrfs receive dst.img:/
	same super "$sum" "$(super)"
	refused 8 "$BTRBOX" btrfs receive -E 0 dst.img:/
	same super "$sum" "$(super)"
	same subvolumes "" "$(btrfs_ours subvolume list dst.img)"
	judge_peer dst.img
}

@test "clones come from read-only subvolumes, or from parents alone" { # bats test_tags=root
	need_kernel
	mk_fs peer dst.img 256M - && mount_fs dst.img dst
	PYTHONPATH=$TOP/tests/receive python3 - <<'P'
from stream import Stream, UUID
a, b, c = (bytes([i]) * 16 for i in (1, 2, 3))
Stream().subvol('a', a).file('f', b'a' * 8192).end().save('a')
s = Stream().subvol('b', b).file('f')
s('clone', file_offset=0, clone_len=8192, path='f', clone_uuid=a, clone_ctransid=7, clone_path='f', clone_offset=0).end().save('b')
s = Stream().snapshot('c', a, c).file('g')
s('clone', file_offset=0, clone_len=8192, path='g', clone_uuid=a, clone_ctransid=7, clone_path='f', clone_offset=0).end().save('c')
P
	mk_fs peer off.img 256M -
	local d
	for d in dst off.img:/; do
		btrfs_ours receive -f a "$d"
		run_btrfs receive --clone-sources parents -f b "$d"; expect 1; has "the source is no parent: subvol 01010101-"
		btrfs_ours receive --clone-sources parents -f c "$d"
		btrfs_ours receive -f b "$d"
	done
	same cloned "$(head -c 8192 /dev/zero | tr '\0' a | sha256sum)" "$(sha256sum <dst/b/f)"
	same cloned "$(sha256sum <dst/b/f)" "$(btrfs_ours offline off.img cat /c/g | sha256sum)"
	# Writable again, it is no source any more, though its own uuid is known.
	btrfs_peer property set -f dst/a ro false
	btrfs_peer subvolume delete dst/b >/dev/null
	run_btrfs receive -f b dst; expect 1; has "clone: cannot find source subvol 01010101-"
	judge_peer off.img
}

@test "every byte of a small stream changed: refused, or received whole" {
	PYTHONPATH=$TOP/tests/receive python3 - <<'P'
import struct
from stream import Stream, crc
s = Stream(2).subvol('x').file('f', b'hello')
s('chown', path='', uid=0, gid=0)('truncate', path='f', size=3)('rename', path='f', path_to='g')('mkdir', path='d', ino=9)('link', path='d/h', path_link='g')
s.end().save('good')
# With the checksum made right again: the starts of the commands tell where.
good, at, n = bytes(s.out), 17, 0
while at < len(good):
    size = 10 + struct.unpack_from('<I', good, at)[0]
    for i in range(at, at + size):
        for x in (1, 0x80):
            b = bytearray(good)
            b[i] ^= x
            b[at + 6:at + 10] = bytes(4)
            b[at + 6:at + 10] = struct.pack('<I', crc(b[at:at + size]))
            if n % 4 == 0:
                open(f'streams/{i}.{x}', 'wb').write(b)
            n += 1
    at += size
P
	local f n=0
	mkdir plain
	mk_fs peer dst.img 128M -
	for f in streams/*; do
		run timeout 60 "$BTRBOX" btrfs receive -q --to-directory -f "$f" plain
		[[ $status == 0 || $status == 1 ]]; has_not Sanitizer
		[[ $status == 0 || $output == *ERROR* ]]
		[[ $status == 0 || -z $(ls plain) ]]
		rm -rf plain/*
		n=$((n + 1))
	done
	[[ $n -gt 60 ]]
	for f in $(ls streams/* | awk 'NR % 6 == 0'); do
		run timeout 60 "$BTRBOX" btrfs --dry-run receive -q -f "$f" dst.img:/
		[[ $status == 0 || $status == 1 ]]; has_not Sanitizer
		[[ $status == 0 || $output == *ERROR* ]]
	done
}
