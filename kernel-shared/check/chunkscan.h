/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks without a chunk tree: what tree blocks that lie about on the devices say of chunks, block groups and device extents. Spec: check.md 2.1. */
#ifndef CHECK_CHUNKSCAN_H
#define CHECK_CHUNKSCAN_H

#include "kernel-shared/fs/fs.h"

/* Each as the newest block has it. */
struct scan_chunk { u64 start, generation; struct disk_chunk *item; u32 size; bool rebuilt; /* from device extents */ };
struct scan_group { u64 start, length, flags, generation; };
struct scan_extent { u64 devid, physical, length, chunk, generation; };
struct scan_device { struct disk_dev_item item; u64 generation; };
/* A tree block and where it was met. */
struct scan_place { u64 bytenr, devid, physical; };

struct chunk_scan {
	VEC(struct scan_chunk) chunks;
	VEC(struct scan_group) groups;
	VEC(struct scan_extent) extents;
	VEC(struct scan_device) devices;
	VEC(struct scan_place) places;
	u64 unrecoverable;            /* block groups whose stripes cannot be put in order, or are not all there */
	/* Told now and then: how far. May be NULL. */
	void (*progress)(void *arg, unsigned device, u64 done, bool end);
	void *arg;
};
/* Reads all devices of vol. */
int chunk_scan_run(struct chunk_scan *s, struct volume *vol, struct err *err);
/* scan->chunks becomes what the chunk tree has to hold: those that were found and do not contradict what is newer, and those that follow from block groups
 * and device extents. */
int chunk_scan_settle(struct chunk_scan *s, struct volume *vol, struct err *err);
void chunk_scan_fini(struct chunk_scan *s);

#endif
