/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files that restore. */
#ifndef DUMP_RESTORE_H
#define DUMP_RESTORE_H

#include "kernel-shared/dump/dump.h"
#include "kernel-shared/volume/dumpfile.h"

/* Where a chunk goes on the one device that is left. */
struct place {
	u64 start, length, type;      /* type: as it will be */
	u64 physical, second;         /* second: of DUP, else 0 */
};
struct plan {
	VEC(struct place) places;     /* ascending by start, disjoint */
	bool several;                 /* the source had several devices: chunk items, block groups and devices must follow */
	bool moved;                   /* a chunk lies where it did not lie on any of the devices */
	u64 end;                      /* of the last stripe on the device */
};
/* vol: of the dump. */
int plan_make(struct plan *p, const struct volume *vol, struct err *err);
void plan_fini(struct plan *p);
const struct place *plan_find(const struct plan *p, u64 bytenr); /* NULL: in no chunk */

/* Changes a tree block (that the plan concerns) as it goes by: chunk items, block group flags. geo: of the filesystem. */
void rewrite_block(const struct plan *p, const struct dump_file *f, u64 bytenr, u8 *block);
void rewrite_super(const struct plan *p, const struct dump_file *f, struct disk_super *sb);
/* -o: one chunk that maps everything to itself. */
void flatten_super(struct disk_super *sb);

/* After a restore of several devices to one, at path: device extents, device items, sizes in one transaction. *size: of the device then. */
int settle_device(struct env *env, const char *path, const struct plan *p, u64 *size, struct err *err);

#endif
