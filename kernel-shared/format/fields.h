/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Field tables: one line per member of a disk structure, and how rows emit them. Private to format/. */
#ifndef FORMAT_FIELDS_H
#define FORMAT_FIELDS_H

#include "kernel-shared/format/rows.h"

#define FIELD_AS(st, member, name, kind) { name, kind, offsetof(st, member), sizeof(((st *)0)->member) }
#define FIELD_OF(st, member, kind) FIELD_AS(st, member, #member, kind)
#define FIELD_NUM(st, member) FIELD_OF(st, member, FIELD_UINT)
#define FIELD_TIME(st, member) FIELD_AS(st, member.sec, #member ".sec", FIELD_SINT), FIELD_AS(st, member.nsec, #member ".nsec", FIELD_UINT)
#define FIELD_KEYS(st, member, name) FIELD_AS(st, member.objectid, name ".objectid", FIELD_UINT), \
	FIELD_AS(st, member.type, name ".type", FIELD_UINT), FIELD_AS(st, member.offset, name ".offset", FIELD_UINT)

/* Where fields go: the bytes they are in (size of them), and the caller's function. */
struct fields { const u8 *data; u32 size; field_fn fn; void *arg; };

/* A table at base, the names behind prefix ("" for none). Fields that lie beyond the bytes are left out. Each returns what fn returns. */
int fields_table(const struct fields *f, const char *prefix, u32 base, const struct field *table, unsigned n);
int fields_one(const struct fields *f, const char *prefix, const char *name, enum field_kind kind, u32 offset, u32 size);
/* A prefix: "stripe3." */
enum { FIELD_PREFIX_MAX = 48, FIELD_NAME_MAX = 80 };
const char *fields_prefix(char buf[FIELD_PREFIX_MAX], const char *before, const char *word, unsigned i);
/* A whole item that is one structure. */
static inline int fields_item(const struct item *item, const struct field *table, unsigned n, field_fn fn, void *arg)
{
	return fields_table(&(struct fields){ item->data, item->size, fn, arg }, "", 0, table, n);
}
/* Parts of several structures. */
int fields_inode(const struct fields *f, const char *prefix, u32 base);
int fields_dev_item(const struct fields *f, const char *prefix, u32 base);
int fields_chunk(const struct fields *f, const char *prefix, u32 base);

#endif
