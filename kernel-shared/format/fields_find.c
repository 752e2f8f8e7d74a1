/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields by name. */
#include <stdio.h>
#include "kernel-shared/format/items.h"

struct search { const char *name; struct field *out; };

static int compare(void *arg, const struct field *field, const u8 *value)
{
	struct search *s = arg;

	if (strcmp(field->name, s->name))
		return 0;
	*s->out = *field;
	s->out->name = s->name;
	return 1;
}

int item_field_find(const struct item *item, const char *name, struct field *out)
{
	const struct item_type *row = item_type(item->key.type);
	struct search s = { name, out };

	return row && row->fields && row->fields(item, compare, &s) > 0 ? 0 : -ENOENT;
}

int block_field_find(const void *block, u32 nodesize, const char *name, struct field *out)
{
	struct search s = { name, out };
	u32 room = nodesize - sizeof(struct disk_header);
	unsigned slot;

	if (header_fields(block, compare, &s) > 0)
		return 0;
	if (sscanf(name, "item%u.", &slot) == 1 && slot < room / sizeof(struct disk_item) && item_header_fields(block, slot, compare, &s) > 0)
		return 0;
	if (sscanf(name, "ptr%u.", &slot) == 1 && slot < room / sizeof(struct disk_key_ptr) && key_ptr_fields(block, slot, compare, &s) > 0)
		return 0;
	return -ENOENT;
}

int super_field_find(const struct disk_super *sb, const char *name, struct field *out)
{
	struct search s = { name, out };

	return super_fields(sb, compare, &s) > 0 ? 0 : -ENOENT;
}
