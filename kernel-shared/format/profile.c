/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <strings.h>
#include "kernel-shared/format/profile.h"

const struct profile profiles[PROFILES] = {
	/* name, option, flag,                        sub dev min max inc cop par tol */
	{ "single", "single", 0,                        1, 1, 1, 1, 1, 1, 0, 0 },
	{ "RAID0", "raid0", BTRFS_BLOCK_GROUP_RAID0,    1, 1, 1, 0, 1, 1, 0, 0 },
	{ "RAID1", "raid1", BTRFS_BLOCK_GROUP_RAID1,    1, 1, 2, 2, 2, 2, 0, 1 },
	{ "DUP", "dup", BTRFS_BLOCK_GROUP_DUP,          1, 2, 1, 1, 1, 2, 0, 0 },
	{ "RAID10", "raid10", BTRFS_BLOCK_GROUP_RAID10, 2, 1, 2, 0, 2, 2, 0, 1 },
	{ "RAID5", "raid5", BTRFS_BLOCK_GROUP_RAID5,    1, 1, 2, 0, 1, 1, 1, 1 },
	{ "RAID6", "raid6", BTRFS_BLOCK_GROUP_RAID6,    1, 1, 3, 0, 1, 1, 2, 2 },
	{ "RAID1C3", "raid1c3", BTRFS_BLOCK_GROUP_RAID1C3, 1, 1, 3, 3, 3, 3, 0, 2 },
	{ "RAID1C4", "raid1c4", BTRFS_BLOCK_GROUP_RAID1C4, 1, 1, 4, 4, 4, 4, 0, 3 },
};

const struct profile *profile_of(u64 flags)
{
	for (unsigned i = 1; i < PROFILES; i++)
		if (flags & profiles[i].flag)
			return &profiles[i];
	return &profiles[0];
}

const struct profile *profile_by_option(const char *name)
{
	for (unsigned i = 0; i < PROFILES; i++)
		if (!strcasecmp(name, profiles[i].option))
			return &profiles[i];
	return NULL;
}

unsigned profile_data_stripes(const struct profile *p, unsigned num_stripes)
{
	unsigned lost = p->parity, n = num_stripes > lost ? num_stripes - lost : 1;

	n /= p->copies;
	return n ? n : 1;
}

const char *bg_type_name(u64 flags)
{
	switch (flags & BTRFS_BLOCK_GROUP_TYPE_MASK) {
	case BTRFS_BLOCK_GROUP_DATA: return "Data";
	case BTRFS_BLOCK_GROUP_SYSTEM: return "System";
	case BTRFS_BLOCK_GROUP_METADATA: return "Metadata";
	case BTRFS_BLOCK_GROUP_METADATA_REMAP: return "Remap";
	case BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA: return "Data+Metadata";
	default: return "unknown";
	}
}
