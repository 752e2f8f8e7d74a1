/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the print functions of the rows share. Private to format/. */
#ifndef FORMAT_PRINT_H
#define FORMAT_PRINT_H

#include "common/text.h"
#include "kernel-shared/format/rows.h"

/* Upper bounds of what the functions below write. */
enum { PRINT_OBJECTID_MAX = 32, PRINT_KEY_MAX = 2 * PRINT_OBJECTID_MAX + 40, PRINT_TIMESPEC_MAX = 48 + PRINT_TIME_MAX, PRINT_BG_FLAGS_MAX = 160 };

/* Written in one go by the row's function; NULL: the item is too short (said so), or there is no memory. */
#define print_struct(p, item, type) (print_fits(p, item, sizeof(type)) ? (const type *)(item)->data : NULL)

char *text_key(char *o, const struct key *key);
char *text_objectid(char *o, u64 objectid, u8 type);
char *text_time(struct print_ctx *p, char *o, const struct disk_timespec *ts);
char *text_bg_flags(char *o, u64 flags);
/* "HIDDEN" or the escaped name or value, of which the incumbent never shows more than 255 bytes. */
enum { PRINT_NAME_MAX = 4 * BTRFS_NAME_LEN };
static inline char *text_name(const struct print_ctx *p, char *o, const u8 *name, u32 n)
{
	return p->hide_names ? text_lit(o, "HIDDEN") : text_escape(o, name, n < BTRFS_NAME_LEN ? n : BTRFS_NAME_LEN);
}
/* A line for standard error: "ERROR: ...". */
void print_error(struct print_ctx *p, const char *fmt, ...) PRINTF(2, 3);
/* Is the item at least this long? Says so if not. */
bool print_fits(struct print_ctx *p, const struct item *item, u32 size);

#endif
