# SPDX-License-Identifier: GPL-2.0-or-later
# Makes a directory of files in DIR that share pieces of the same extents: in every order, within one file, and with ends inside a block.
import fcntl, os, random, struct, sys
FICLONERANGE = 0x4020940d
r = random.Random(7)
top = os.path.join(sys.argv[1], str(len(os.listdir(sys.argv[1]))))
os.mkdir(top)
words = [r.randbytes(16) for i in range(64)]
sources = []
for i in range(3):
	sources.append(os.open(f"{top}/source{i}", os.O_RDWR | os.O_CREAT))
	os.write(sources[-1], b"".join(r.choices(words, k=4 << 16)))
	os.fsync(sources[-1])
for i in range(90):
	fd = os.open(f"{top}/{r.randrange(1 << 30):08x}", os.O_RDWR | os.O_CREAT)
	at = 0
	for j in range(r.randrange(1, 9)):
		n = r.choice((4096, 8192, 131072, 700 * 1024, 1 << 20))
		fcntl.ioctl(fd, FICLONERANGE, struct.pack("qQQQ", r.choice(sources), 4096 * r.randrange(0, ((4 << 20) - n) // 4096 + 1), n, at))
		at += n
for i in range(9):
	fd = os.open(f"{top}/end{i}", os.O_RDWR | os.O_CREAT)
	if i < 3:
		os.write(fd, b"x" * (20000 + 1000 * i))
		ends = ends + [fd] if i else [fd]
	else:
		fcntl.ioctl(fd, FICLONERANGE, struct.pack("qQQQ", ends[i % 3], 0, 0, 0))
