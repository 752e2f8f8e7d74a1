/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nine RAID profiles as one table. Spec: on-disk-format 5.1. */
#ifndef FORMAT_PROFILE_H
#define FORMAT_PROFILE_H

#include "kernel-shared/format/ids.h"

struct profile {
	const char *name;      /* "RAID1", "single": as reports print it */
	const char *option;    /* "raid1": as options take it */
	u64 flag;              /* BTRFS_BLOCK_GROUP_*, 0 for single */
	u8 sub_stripes, dev_stripes, min_devs, max_devs /* 0: all */, devs_increment, copies, parity, tolerated;
};
enum { PROFILES = 9 };
extern const struct profile profiles[PROFILES];
/* By the flags of a chunk or block group. Never NULL: unknown bits count as single. */
const struct profile *profile_of(u64 flags);
const struct profile *profile_by_option(const char *name); /* any case; NULL if unknown */
/* Stripes that hold distinct data: n / copies, n - parity. At least 1. */
unsigned profile_data_stripes(const struct profile *p, unsigned num_stripes);
/* "Data", "Metadata", "System", "Data+Metadata", "Remap", "unknown". */
const char *bg_type_name(u64 flags);

#endif
