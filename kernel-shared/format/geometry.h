/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every structure rule depends on: sizes, checksum type, features, the newest generation. Copied out of a validated
 * superblock once and borrowed by everybody after. */
#ifndef FORMAT_GEOMETRY_H
#define FORMAT_GEOMETRY_H

#include "kernel-shared/format/disk.h"

struct geometry {
	u32 nodesize, sectorsize;
	u8 csum_type, csum_size;
	u64 incompat, compat_ro;
	u64 generation;       /* of the superblock: no item may be newer than generation + 1 */
	u64 nr_global_roots;  /* extent tree v2 */
};

void geometry_from_super(struct geometry *geo, const struct disk_super *sb);

static inline bool geo_incompat(const struct geometry *g, u64 bit) { return g->incompat & bit; }
static inline bool geo_compat_ro(const struct geometry *g, u64 bit) { return g->compat_ro & bit; }
/* Limits derived from the node size. Spec: on-disk-format 0. */
static inline u32 geo_leafdata(const struct geometry *g) { return g->nodesize - sizeof(struct disk_header); }
static inline u32 geo_max_item(const struct geometry *g) { return geo_leafdata(g) - sizeof(struct disk_item); }
static inline u32 geo_max_ptrs(const struct geometry *g) { return geo_leafdata(g) / sizeof(struct disk_key_ptr); }
static inline u32 geo_max_xattr(const struct geometry *g) { return geo_max_item(g) - sizeof(struct disk_dir_item); }
/* The size an extent item with inline references must stay below. */
static inline u32 geo_max_inline_refs(const struct geometry *g) { return (geo_leafdata(g) >> 4) - sizeof(struct disk_item); }
/* The most bytes an uncompressed inline extent may hold. */
static inline u32 geo_max_inline_data(const struct geometry *g)
{
	u32 item = geo_max_item(g) - BTRFS_FILE_EXTENT_INLINE_DATA_START;
	return item < g->sectorsize - 1 ? item : g->sectorsize - 1;
}

#endif
