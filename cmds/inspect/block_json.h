/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Structures of the format as JSON, by the fields that their rows name. */
#ifndef CMDS_INSPECT_BLOCK_JSON_H
#define CMDS_INSPECT_BLOCK_JSON_H

#include "common/out.h"
#include "kernel-shared/format/items.h"

/* A field_fn: one member, arg is a struct json_fields. */
struct json_fields {
	struct out *out;
	bool hide_names;
	const char *skip[4];   /* prefixes of names to leave out, NULL-terminated */
};
int json_field(void *arg, const struct field *field, const u8 *value);
/* {"objectid": 256, "type": 1, "type-name": "INODE_ITEM", "offset": 0} */
void json_key(struct out *o, const char *name, const struct key *key);
/* One element of an array of blocks. format says what to hide. */
void block_json(struct out *o, const struct print_ctx *format, const void *block);

#endif
