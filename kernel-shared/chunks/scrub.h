/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of scrub. The room's own. */
#ifndef CHUNKS_SCRUB_H
#define CHUNKS_SCRUB_H

#include "common/mem.h"
#include "common/vec.h"
#include "kernel-shared/chunks/chunks.h"
#include "kernel-shared/chunks/window.h"

/* good: the bytes that belong there, NULL: nobody has them. silent: brought in line, but no error. */
struct scrub_event { enum scrub_fault fault; struct phys p; u64 logical; u32 len; const u8 *good; bool silent; };
/* One piece of a chunk. */
struct scrub_job {
	struct fs *fs;
	const struct chunk *chunk;
	struct scrub_stats *stats;
	bool readonly;
	struct window w;
	unsigned copies;
	u8 *memory, *state;
	VEC(struct scrub_event) events;
	int ret;
};
void scrub_job_free(struct scrub_job *j);
void scrub_count(struct scrub_job *j, const struct device *dev, enum scrub_counter c, u64 n);
void scrub_count_read(struct scrub_job *j, const struct device *dev, u32 from, u32 n);
void scrub_seen(struct scrub_job *j, const struct device *dev, u64 physical_end);
int scrub_event(struct scrub_job *j, enum scrub_fault fault, const struct phys *p, u64 logical, u32 len, const u8 *good);
/* scrub_rows.c: a piece of a chunk with parity. */
int scrub_rows(struct scrub_job *j);

#endif
