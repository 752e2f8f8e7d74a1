/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys in host form and in disk form. Order is (objectid, type, offset), unsigned. */
#ifndef FORMAT_KEY_H
#define FORMAT_KEY_H

#include "kernel-shared/format/disk.h"

struct key { u64 objectid; u8 type; u64 offset; };

#define KEY(o, t, f) ((struct key){ (o), (t), (f) })
#define KEY_MIN KEY(0, 0, 0)
#define KEY_MAX KEY(-1ULL, 255, -1ULL)

static inline struct key key_get(const struct disk_key *d)
{
	return KEY(le64_get(d->objectid), d->type, le64_get(d->offset));
}
static inline struct disk_key key_disk(struct key k)
{
	return (struct disk_key){ le64_of(k.objectid), k.type, le64_of(k.offset) };
}
static inline int key_cmp(const struct key *a, const struct key *b)
{
	if (a->objectid != b->objectid) return a->objectid < b->objectid ? -1 : 1;
	if (a->type != b->type) return a->type < b->type ? -1 : 1;
	if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
	return 0;
}
static inline bool key_eq(const struct key *a, const struct key *b) { return !key_cmp(a, b); }
/* The key that follows (wraps at KEY_MAX) and the one before. */
static inline struct key key_next(struct key k)
{
	if (++k.offset == 0 && ++k.type == 0) k.objectid++;
	return k;
}
static inline struct key key_prev(struct key k)
{
	if (k.offset-- == 0 && k.type-- == 0) k.objectid--;
	return k;
}

/* Hashes of names and references. Spec: on-disk-format 2.5. */
u64 hash_name(const void *name, size_t len);                               /* DIR_ITEM, XATTR_ITEM key offset */
u64 hash_extref(u64 parent, const void *name, size_t len);                 /* INODE_EXTREF key offset */
u64 hash_data_ref(u64 root, u64 objectid, u64 offset);                     /* EXTENT_DATA_REF key offset and order */

#endif
