/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From text to a block, an item or a superblock. */
#include "cmds/shell/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "cmds/treeid.h"
#include "common/mem.h"

static int no_sense(struct cmd_ctx *ctx, const char *text)
{
	return cmd_error(ctx, "%s: '%s' is none of BYTENR, BYTENR/SLOT, TREE:OBJECTID,TYPE,OFFSET, super[0|1|2]", ctx->cmd->name, text);
}

static int cannot(struct cmd_ctx *ctx, const char *text)
{
	return cmd_error(ctx, "%s: cannot get %s: %s", ctx->cmd->name, text, err_text(&ctx->err));
}

static int find_super(struct cmd_ctx *ctx, const char *text, struct where *w)
{
	const struct fs *fs = ctx->session->fs;
	struct bdev *b = fs->vol->main->bdev;
	unsigned i;

	if (text[5] && (text[5] < '0' || text[5] > '2' || text[6]))
		return no_sense(ctx, text);
	w->kind = WHERE_SUPER;
	w->super = text[5] ? text[5] - '0' : -1;
	w->block = mem_zalloc(sizeof(struct disk_super));
	i = w->super < 0 ? 0 : w->super;
	if (!w->block)
		return cmd_error(ctx, "not enough memory");
	if (b && bdev_read(b, btrfs_super_offset[i], w->block, sizeof(struct disk_super), &ctx->err))
		return cannot(ctx, text);
	if (!b)
		memcpy(w->block, &fs->vol->main->sb, sizeof(struct disk_super));
	return 0;
}

static int read_block(struct cmd_ctx *ctx, const char *text, unsigned copy, struct where *w)
{
	struct fs *fs = ctx->session->fs;

	w->block = mem_alloc(1, fs->geo->nodesize);
	if (!w->block)
		return cmd_error(ctx, "not enough memory");
	return inplace_read(fs, w->bytenr, copy, w->block, &ctx->err) ? cannot(ctx, text) : 0;
}

static int check_slot(struct cmd_ctx *ctx, const char *text, const struct where *w)
{
	u32 leafdata = geo_leafdata(ctx->session->fs->geo), n = block_nritems(w->block);
	const struct disk_item *items = block_items(w->block);

	if (block_level(w->block))
		return cmd_error(ctx, "%s: block %llu is no leaf", ctx->cmd->name, w->bytenr);
	if (w->slot >= n || w->slot >= leafdata / sizeof(*items))
		return cmd_error(ctx, "%s: leaf %llu has no slot %u, but %u items", ctx->cmd->name, w->bytenr, w->slot, n);
	if ((u64)le32_get(items[w->slot].offset) + le32_get(items[w->slot].size) > leafdata)
		return cmd_error(ctx, "%s: the item in slot %u of leaf %llu lies outside of it", ctx->cmd->name, w->slot, w->bytenr);
	return 0;
}

/* A type by number or by the name that dump-tree prints. */
static bool parse_type(const char *text, size_t len, u8 *out)
{
	unsigned n;
	const struct item_type *rows = item_type_all(&n);
	unsigned number;
	int end = 0;

	if (sscanf(text, "%u%n", &number, &end) == 1 && (size_t)end == len && number < 256) {
		*out = number;
		return true;
	}
	for (unsigned i = 0; i < n; i++)
		if (strlen(rows[i].name) == len && !strncasecmp(rows[i].name, text, len)) {
			*out = rows[i].type;
			return true;
		}
	return false;
}

static bool parse_number(const char *text, size_t len, u64 *out)
{
	char buf[24];

	if (!len || len >= sizeof(buf))
		return false;
	memcpy(buf, text, len);
	buf[len] = 0;
	if (*buf == '-') {
		if (parse_u64(buf + 1, out, NULL))
			return false;
		*out = -*out;
		return true;
	}
	return !parse_u64(buf, out, NULL);
}

static bool parse_key(const char *text, struct key *key)
{
	const char *type = strchr(text, ','), *offset = type ? strchr(type + 1, ',') : NULL;

	return offset && parse_number(text, type - text, &key->objectid) && parse_type(type + 1, offset - type - 1, &key->type) &&
	       parse_number(offset + 1, strlen(offset + 1), &key->offset);
}

static struct tree *tree_of(struct fs *fs, u64 id, struct err *err)
{
	struct root *root = NULL;

	if (id == BTRFS_ROOT_TREE_OBJECTID)
		root = fs->root_tree;
	else if (id == BTRFS_CHUNK_TREE_OBJECTID)
		root = fs->chunk_tree;
	else if (id == BTRFS_TREE_LOG_OBJECTID)
		root = fs->log_root_tree;
	else if (fs_root_get(fs, id, 0, &root, err) && is_fstree(id))
		fs_subvol_root(fs, id, &root, err);
	if (!root && !err->code)
		err_set(err, -ENOENT, "there is no tree %llu", id);
	return root ? &root->tree : NULL;
}

static int find_item(struct cmd_ctx *ctx, const char *text, const char *colon, unsigned copy, struct where *w)
{
	char *tree CLEANUP(mem_freep) = mem_strndup(text, colon - text);
	struct tree *t;
	struct key key;
	u64 id;
	int ret;

	if (!tree)
		return cmd_error(ctx, "not enough memory");
	if (!parse_key(colon + 1, &key))
		return no_sense(ctx, text);
	if (treeid_parse(ctx, tree, &id))
		return 1;
	err_clear(&ctx->err);
	t = tree_of(ctx->session->fs, id, &ctx->err);
	if (!t)
		return cannot(ctx, text);
	ret = inplace_find(t, &key, &w->bytenr, &w->slot, &ctx->err);
	if (ret == -ENOENT)
		return cmd_error(ctx, "%s: there is no item %s", ctx->cmd->name, text);
	if (ret)
		return cannot(ctx, text);
	w->kind = WHERE_ITEM;
	return read_block(ctx, text, copy, w) || check_slot(ctx, text, w);
}

int where_find(struct cmd_ctx *ctx, const char *text, unsigned copy, struct where *w)
{
	const char *colon = strchr(text, ':'), *slash = strchr(text, '/');
	u64 slot = 0;

	*w = (struct where){ .kind = WHERE_BLOCK };
	if (!ctx->session->fs)
		return cmd_error(ctx, "the session is over");
	if (!strncmp(text, "super", 5))
		return find_super(ctx, text, w);
	if (colon)
		return find_item(ctx, text, colon, copy, w);
	if (!parse_number(text, slash ? (size_t)(slash - text) : strlen(text), &w->bytenr) || *text == '-' ||
	    (slash && (!parse_number(slash + 1, strlen(slash + 1), &slot) || slot > UINT32_MAX)))
		return no_sense(ctx, text);
	w->slot = slot;
	if (read_block(ctx, text, copy, w))
		return 1;
	if (!slash)
		return 0;
	w->kind = WHERE_ITEM;
	return check_slot(ctx, text, w);
}

void where_fini(struct where *w)
{
	free(w->block);
	w->block = NULL;
}

struct shift { field_fn fn; void *arg; u32 by; const char *cut; };

/* Fields that count from another start, or have a longer name. */
static int shifted(void *arg, const struct field *field, const u8 *value)
{
	const struct shift *s = arg;
	struct field f = *field;

	f.offset += s->by;
	if (s->cut)
		f.name += strcspn(f.name, ".") + 1;
	return s->fn(s->arg, &f, value);
}

static int item_fields(const struct where *w, field_fn fn, void *arg)
{
	struct item item = where_item(w);
	const struct item_type *row = item_type(item.key.type);
	struct shift head = { fn, arg, 0, "item" }, body = { fn, arg, item.data - w->block, NULL };
	int ret = item_header_fields(w->block, w->slot, shifted, &head);

	return ret || !row || !row->fields ? ret : row->fields(&item, shifted, &body);
}

static int block_fields(const struct fs *fs, const struct where *w, field_fn fn, void *arg)
{
	u32 n = block_nritems(w->block), most = geo_leafdata(fs->geo) / (block_level(w->block) ? sizeof(struct disk_key_ptr) : sizeof(struct disk_item));
	int ret = header_fields(w->block, fn, arg);

	for (u32 i = 0; !ret && i < min_t(u32, n, most); i++)
		ret = block_level(w->block) ? key_ptr_fields(w->block, i, fn, arg) : item_header_fields(w->block, i, fn, arg);
	return ret;
}

int where_fields(const struct fs *fs, const struct where *w, field_fn fn, void *arg)
{
	switch (w->kind) {
	case WHERE_SUPER:
		return super_fields((const void *)w->block, fn, arg);
	case WHERE_ITEM:
		return item_fields(w, fn, arg);
	case WHERE_BLOCK:
		break;
	}
	return block_fields(fs, w, fn, arg);
}

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

int where_field(const struct fs *fs, const struct where *w, const char *name, struct field *out)
{
	struct search s = { name, out };

	/* slots that nritems does not count have fields, too */
	if (w->kind == WHERE_BLOCK)
		return block_field_find(w->block, fs->geo->nodesize, name, out);
	return where_fields(fs, w, compare, &s) > 0 ? 0 : -ENOENT;
}
