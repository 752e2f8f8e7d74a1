/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/send.h"
#include "common/io.h"
#include "kernel-shared/kapi/call.h"

#include <stdlib.h>

/* As the kernel has it; older headers lack the version. */
struct send_args {
	s64 fd;
	u64 count, sources, parent, flags;
	u32 version;
	u8 reserved[28];
};
_Static_assert(sizeof(struct send_args) == 72, "the kernel's structure");
#define IOC_SEND _IOW(0x94, 38, struct send_args)
enum { FLAG_VERSION = 8 };

unsigned ksend_version(void)
{
	char text[32];
	unsigned long v;

	if (io_read_line("/sys/fs/btrfs/features/send_stream_version", text, sizeof(text)))
		return 1;
	v = strtoul(text, NULL, 10);
	return v && v < 1000 ? v : 1;
}

int ksend(int fd, int out, u64 parent, u64 *clones, size_t n, unsigned version, unsigned flags)
{
	struct send_args args = { .fd = out, .count = n, .sources = (uintptr_t)clones, .parent = parent, .flags = flags };

	if (version > 1) {
		args.flags |= FLAG_VERSION;
		args.version = version;
	}
	return kcall(fd, IOC_SEND, &args);
}
