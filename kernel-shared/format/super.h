/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The superblock: sanity rules, feature names. Spec: on-disk-format 1. */
#ifndef FORMAT_SUPER_H
#define FORMAT_SUPER_H

#include "common/err.h"
#include "common/strbuf.h"
#include "kernel-shared/format/key.h"

struct feature {
	const char *name;       /* as dump-super prints it: "SKINNY_METADATA"; NULL for "quota" */
	const char *option;     /* as mkfs -O takes it: "skinny-metadata", NULL: none */
	const char *alias;      /* "fst", "bgt", "rst" or NULL */
	u64 incompat, compat_ro; /* the bits; both zero for "quota" */
	const char *desc;
	const char *compat, *safe, *deflt; /* kernel versions of cli 18.2, NULL: not shown */
	bool mkfs;              /* offered by mkfs -O list-all */
};
extern const struct feature features[];
extern const unsigned features_count;
/* By option name or alias, NULL if unknown. */
const struct feature *feature_by_option(const char *name, size_t len);
/* The name of one bit of either field (the other 0); NULL if nobody defined it. */
const char *feature_bit_name(u64 incompat, u64 compat_ro);

#define SUPER_INCOMPAT_KNOWN ((1ULL << 18) - 1 - (1ULL << 15))
/* What the engine reads fully, and what it also writes. The others are recognised and refused by name. */
#define SUPER_INCOMPAT_READ (SUPER_INCOMPAT_KNOWN & ~(BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2 | BTRFS_FEATURE_INCOMPAT_REMAP_TREE))
#define SUPER_INCOMPAT_WRITE (SUPER_INCOMPAT_READ & ~(BTRFS_FEATURE_INCOMPAT_ZONED | BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE))
#define SUPER_COMPAT_RO_KNOWN 15ULL

/* Computes and stores / compares the checksum (type from the block itself; false for an unknown type). computed (may be NULL): 32 bytes. */
void super_set_csum(struct disk_super *sb);
bool super_check_csum(const struct disk_super *sb, u8 *computed);
bool super_has_magic(const struct disk_super *sb);
/* The rules of spec 1.11 without which the block cannot be used at all: magic, checksum, bytenr, sizes, roots, fsid, system array and
 * its chunks. bytenr: where it was read. 0, -EINVAL (no btrfs magic), -EUCLEAN; the messages are those of check.md 1.10. */
int super_validate(const struct disk_super *sb, u64 bytenr, struct err *err);
/* The other rules of 1.11: with these broken the kernel refuses to mount, but everything can be read and repaired. For check, and before
 * a superblock is written. 0 or -EUCLEAN. */
int super_check_mountable(const struct disk_super *sb, struct err *err);
/* Unknown or unsupported feature bits for reading / writing, by name. 0 or -EOPNOTSUPP. */
int super_check_features(const struct disk_super *sb, bool write, struct err *err);
/* "incompat" names joined; unknown bits as hex. */
void super_format_features(u64 incompat, u64 compat_ro, struct strbuf *out);
/* metadata_uuid if that feature is set, else fsid: what headers carry. */
const u8 *super_metadata_uuid(const struct disk_super *sb);
/* Iterates the system chunk array. *pos starts at 0; 1 an entry (*size bytes of chunk), 0 the end, -EUCLEAN
 * (then *key is set if it at least could be read). */
int super_sys_chunk_next(const struct disk_super *sb, u32 *pos, struct key *key, const struct disk_chunk **chunk, u32 *size, struct err *err);

#endif
