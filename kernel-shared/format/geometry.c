/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/format/geometry.h"
#include "crypto/csum.h"

void geometry_from_super(struct geometry *geo, const struct disk_super *sb)
{
	u16 type = le16_get(sb->csum_type);

	*geo = (struct geometry){
		.nodesize = le32_get(sb->nodesize),
		.sectorsize = le32_get(sb->sectorsize),
		.csum_type = type,
		.csum_size = type < CSUM_TYPES ? csum_types[type].size : 0,
		.incompat = le64_get(sb->incompat_flags),
		.compat_ro = le64_get(sb->compat_ro_flags),
		.generation = le64_get(sb->generation),
		.nr_global_roots = le64_get(sb->nr_global_roots),
	};
}
