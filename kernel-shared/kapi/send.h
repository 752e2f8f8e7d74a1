/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's send. Spec: send-stream 10. */
#ifndef KAPI_SEND_H
#define KAPI_SEND_H

#include "common/base.h"

enum {
	KSEND_NO_DATA = 1, KSEND_OMIT_HEADER = 2, KSEND_OMIT_END = 4, KSEND_COMPRESSED = 16,
};
/* The highest stream version that the kernel writes: 1 where it does not say. */
unsigned ksend_version(void);
/* Writes the stream of the read-only subvolume that fd is the top of to out. parent: its id, 0: none. Blocks until all is written; a signal ends it (-EINTR).
 * version 1 is asked for in the old way, which every kernel knows. Needs CAP_SYS_ADMIN. */
int ksend(int fd, int out, u64 parent, u64 *clones, size_t n, unsigned version, unsigned flags);

#endif
