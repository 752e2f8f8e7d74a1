/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A send stream from a snapshot of an unmounted filesystem, whole or as the difference from another one. The same snapshots and options give the same bytes.
 *
 * The order of the commands is that of send-stream 7, not the kernel's: directories make room, names go, directories are removed, made and placed, then each
 * file in turn gets its names, content and attributes, then the directories theirs. So all paths are final when data is sent.
 *
 * Memory: about 100 MiB at most, whatever the size of the snapshots: node cache (fs_open_args.cache_memory), EMIT_WINDOW batches, places, sorted runs that spill.
 * Kernel counterpart: send.c. Spec: send-stream 5 to 7. */
#ifndef SEND_GENERATE_H
#define SEND_GENERATE_H

#include "kernel-shared/send/emit.h"

struct send_plan {
	u64 subvol, parent;         /* ids; parent 0: a full stream */
	const u64 *clones;          /* further clone sources */
	size_t nclones;
	bool no_data;               /* UPDATE_EXTENT instead of content */
	bool compressed;            /* compressed extents as they are; version 2 and up */
};
/* From SUBVOL or SNAPSHOT to the last command before END. All of them must be read-only: -EPERM otherwise. */
int send_generate(struct emit *e, const struct send_plan *plan, struct err *err);

/* The identity of a subvolume in streams: received_uuid if there is one, else uuid. */
const u8 *send_identity(const struct root *root);

#endif
