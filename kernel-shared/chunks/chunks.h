/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done to whole chunks and devices of an unmounted filesystem: reading and mending all copies (scrub), moving chunks to other places, devices that come
 * and go, balance. Kernel counterpart: scrub.c, relocation.c, dev-replace.c, volumes.c. */
#ifndef CHUNKS_CHUNKS_H
#define CHUNKS_CHUNKS_H

#include "common/progress.h"
#include "kernel-shared/fs/fs.h"

/* --- scrub --- */

/* In the order of the kernel's. Errors are counted in sectors. */
enum scrub_counter {
	SCRUB_DATA_EXTENTS, SCRUB_TREE_EXTENTS, SCRUB_DATA_BYTES, SCRUB_TREE_BYTES, SCRUB_READ_ERRORS, SCRUB_CSUM_ERRORS, SCRUB_VERIFY_ERRORS, SCRUB_NO_CSUM,
	SCRUB_CSUM_DISCARDS, SCRUB_SUPER_ERRORS, SCRUB_MALLOC_ERRORS, SCRUB_UNCORRECTABLE, SCRUB_UNVERIFIED, SCRUB_CORRECTED, SCRUB_LAST_PHYSICAL, SCRUB_COUNTERS,
};
struct scrub_stats { u64 v[SCRUB_COUNTERS]; };
enum scrub_fault { SCRUB_FAULT_READ, SCRUB_FAULT_CSUM, SCRUB_FAULT_NODE, SCRUB_FAULT_PARITY, SCRUB_FAULT_OLD /* of a device that has missed writes */, SCRUB_FAULT_SUPER };
/* A place that is not as it must be. logical: 0 for superblocks. good: another copy, or the parity, has it whole; it was written there unless reading only. */
struct scrub_bad { enum scrub_fault fault; const struct device *dev; u64 logical, physical; u32 len; bool good; };
struct scrub_args {
	bool readonly;
	u64 limit;                  /* bytes a second of each device, 0: none */
	struct progress *progress;  /* may be NULL: counts bytes in use, once for each copy */
	void (*bad)(void *arg, const struct scrub_bad *b); /* in address order, superblocks first; may be NULL */
	void *arg;
};
/* Reads every copy of everything in use on all devices that are there, verifies it (checksums, headers of tree blocks, parity, superblocks), and writes what is
 * good over what is bad; data without checksums of a device that has missed commits is taken from the others. Superblocks are written last. stats: one for each of vol->devices. *reached: logical address up to which all was read. fs is open for writing unless reading only.
 * 0 whatever was found; -EINTR; other failures that stop it. */
int scrub_run(struct fs *fs, const struct scrub_args *args, struct scrub_stats *stats, u64 *reached, struct err *err);

#endif
