/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/format/rows.h"

enum {
#define ITEM(key, name, min, max, validate, print, fields) ROW_##key,
#include "kernel-shared/format/items.def"
#undef ITEM
	ROWS
};

static const struct item_type rows[ROWS] = {
#define NONE NULL
#define VALIDATE(f) f##_validate
#define PRINT(f) f##_print
#define FIELDS(f) f##_fields
#define ITEM(key, name, min, max, validate, print, fields) [ROW_##key] = { BTRFS_##key, name, min, max, validate, print, fields },
#include "kernel-shared/format/items.def"
#undef ITEM
#undef FIELDS
#undef PRINT
#undef VALIDATE
#undef NONE
};

static const u8 row_of_type[256] = { /* plus one; 0: none */
#define ITEM(key, name, min, max, validate, print, fields) [BTRFS_##key] = ROW_##key + 1,
#include "kernel-shared/format/items.def"
#undef ITEM
};

const struct item_type *item_type(u8 type)
{
	return row_of_type[type] ? &rows[row_of_type[type] - 1] : NULL;
}

const struct item_type *item_type_all(unsigned *n)
{
	*n = ROWS;
	return rows;
}
