/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs inspect-internal dump-tree: which trees, in which order, under which headings. Spec: cli 15.5. */
#include <errno.h>
#include <unistd.h>
#include "cmds/inspect/block_json.h"
#include "cmds/inspect/tree_printer.h"
#include "cmds/target.h"
#include "cmds/treeid.h"

struct dump_args {
	bool extents, devices, roots, backups, uuid, noscan, bfs; /* bfs: the default, named */
	const char *tree;
	VEC(u64) blocks;
	struct print_options print;
};

struct dump {
	struct cmd_ctx *ctx;
	struct fs *fs;
	struct dump_args *args;
	struct tree_printer *printer;
	bool has_tree;
	u64 tree;                 /* -t */
};

static int parse_block(void *args, const char *text, struct err *err)
{
	struct dump_args *a = args;
	u64 bytenr;
	int ret = parse_u64(text, &bytenr, err);

	if (ret)
		return ret;
	return vec_push(&a->blocks, bytenr) ? err_nomem(err) : 0;
}

static bool lists_roots(const struct dump_args *a) { return a->roots || a->backups; }

/* The tree's blocks as the last part of a JSON object that is open. */
static int dump_blocks(struct dump *d, struct tree *tree)
{
	int ret;

	if (!d->ctx->json)
		return tree_printer_tree(d->printer, tree);
	out_arr(d->ctx->out, "blocks");
	ret = tree_printer_tree(d->printer, tree);
	out_end(d->ctx->out);
	return ret;
}

/* root, chunk and log root tree: those that the superblock names. */
static int dump_bare(struct dump *d, struct root *root, const char *name)
{
	struct out *o = d->ctx->out;
	bool line = lists_roots(d->args) && !d->has_tree;
	int ret = 0;

	if (!root)
		return 0;
	if (d->ctx->json) {
		out_obj(o, NULL);
		out_json_str(o, "name", name);
		out_json_u64(o, "bytenr", root->tree.bytenr);
		out_json_u64(o, "level", root->tree.level);
		ret = line ? 0 : dump_blocks(d, &root->tree);
		out_end(o);
		return ret;
	}
	if (line)
		out_printf(o, "%s: %llu level %u\n", name, root->tree.bytenr, root->tree.level);
	else
		out_printf(o, "%s\n", name);
	return line ? 0 : dump_blocks(d, &root->tree);
}

/* -e, -d, -u and -t narrow each other. */
static bool wanted(const struct dump *d, u64 objectid)
{
	const struct dump_args *a = d->args;

	if (d->has_tree && objectid != d->tree)
		return false;
	if (a->extents && objectid != BTRFS_EXTENT_TREE_OBJECTID && objectid != BTRFS_DEV_TREE_OBJECTID)
		return false;
	if (a->devices && objectid != BTRFS_DEV_TREE_OBJECTID)
		return false;
	return !a->uuid || objectid == BTRFS_UUID_TREE_OBJECTID;
}

static void print_head(struct dump *d, const struct root *root, const struct key *key)
{
	struct out *o = d->ctx->out;
	struct print_ctx p;

	print_ctx_init(&p, &o->buf, d->fs->geo);
	sb_puts(&o->buf, root_name(key->objectid));
	sb_lit(&o->buf, " tree key ");
	print_key(&p, key);
	if (d->args->extents)
		sb_char(&o->buf, '\n');
	else if (lists_roots(d->args))
		sb_printf(&o->buf, " %llu level %u\n", root->tree.bytenr, root->tree.level);
	else
		sb_lit(&o->buf, " \n");
	out_check(o);
}

static int dump_root_item(struct dump *d, const struct item *item)
{
	struct out *o = d->ctx->out;
	bool line = lists_roots(d->args) && !d->args->extents;
	struct root *root;
	int ret;

	if (item->key.type != BTRFS_ROOT_ITEM_KEY || !wanted(d, item->key.objectid))
		return 0;
	ret = fs_root_of_item(d->fs, item, &root, &d->ctx->err);
	if (ret)
		return ret == -ENOMEM ? ret : 0; /* the reader has said why; dumping goes on */
	if (!d->ctx->json) {
		print_head(d, root, &item->key);
		return line ? 0 : dump_blocks(d, &root->tree);
	}
	out_obj(o, NULL);
	out_json_str(o, "name", root_name(item->key.objectid));
	json_key(o, "key", &item->key);
	out_json_u64(o, "bytenr", root->tree.bytenr);
	out_json_u64(o, "level", root->tree.level);
	ret = line ? 0 : dump_blocks(d, &root->tree);
	out_end(o);
	return ret;
}

/* Every tree that the items of one root tree name. A block of it that cannot be read costs only what it holds. */
static int dump_roots_in(struct dump *d, struct root *root_tree)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = { 0 };
	struct item item;
	int ret;

	if (!root_tree)
		return 0;
	it = tree_range(&root_tree->tree, KEY_MIN, KEY_MAX);
	while ((ret = tree_next(&it, &item, &d->ctx->err)) != -ENOENT) {
		if (!ret)
			ret = dump_root_item(d, &item);
		if (ret && ret != -EIO)
			return ret;
	}
	return 0;
}

static void json_backup_root(struct out *o, const char *name, u64 gen, u64 block)
{
	out_obj(o, name);
	out_json_u64(o, "generation", gen);
	out_json_u64(o, "bytenr", block);
	out_end(o);
}

static void print_backup(struct dump *d, unsigned i)
{
	const struct disk_root_backup *b = &d->fs->sb->super_roots[i];
	const struct { const char *name; le64 gen, block; } roots[] = {
		{ "tree", b->tree_root_gen, b->tree_root }, { "extent", b->extent_root_gen, b->extent_root },
		{ "chunk", b->chunk_root_gen, b->chunk_root }, { "device", b->dev_root_gen, b->dev_root },
		{ "csum", b->csum_root_gen, b->csum_root }, { "fs", b->fs_root_gen, b->fs_root },
	};
	struct out *o = d->ctx->out;

	if (d->ctx->json) {
		out_obj(o, NULL);
		for (size_t r = 0; r < ARRAY_SIZE(roots); r++)
			json_backup_root(o, roots[r].name, le64_get(roots[r].gen), le64_get(roots[r].block));
		out_json_u64(o, "bytes-used", le64_get(b->bytes_used));
		out_json_u64(o, "total-bytes", le64_get(b->total_bytes));
		out_json_u64(o, "num-devices", le64_get(b->num_devices));
		out_end(o);
		return;
	}
	out_printf(o, "btrfs root backup slot %u\n", i);
	for (size_t r = 0; r < ARRAY_SIZE(roots); r++)
		out_printf(o, "%s%s root gen %llu block %llu\n", r ? "\t\t" : "\t", roots[r].name, le64_get(roots[r].gen), le64_get(roots[r].block));
	out_printf(o, "\t\t%llu used %llu total %llu devices\n", le64_get(b->bytes_used), le64_get(b->total_bytes), le64_get(b->num_devices));
}

static void print_totals(struct dump *d)
{
	char uuid[UUID_TEXT_MAX];
	struct out *o = d->ctx->out;

	for (unsigned i = 0; d->args->backups && i < BTRFS_NUM_BACKUP_ROOTS; i++)
		print_backup(d, i);
	out_printf(o, "total bytes %llu\n", le64_get(d->fs->sb->total_bytes));
	out_printf(o, "bytes used %llu\n", le64_get(d->fs->sb->bytes_used));
	out_printf(o, "uuid %s\n", uuid_format(d->fs->sb->fsid, uuid));
}

static int u64_cmp(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* -b: each once, by address. */
static int dump_listed(struct dump *d)
{
	struct dump_args *a = d->args;
	int ret = 0;

	vec_sort(&a->blocks, u64_cmp);
	for (size_t i = 0; !ret && i < a->blocks.len; i++) {
		u64 bytenr = a->blocks.v[i];

		if (i && bytenr == a->blocks.v[i - 1]) {
			cmd_warn(d->ctx, "tree block bytenr %llu is duplicated", bytenr);
			continue;
		}
		if (!is_aligned_p2(bytenr, d->fs->geo->sectorsize)) {
			cmd_error(d->ctx, "tree block bytenr %llu is not aligned to sectorsize %u", bytenr, d->fs->geo->sectorsize);
			continue;
		}
		ret = tree_printer_block(d->printer, bytenr);
		if (ret == -EIO || ret == -ENOENT || ret == -EUCLEAN) {
			cmd_error(d->ctx, "failed to read tree block %llu", bytenr);
			ret = 0;
		}
	}
	return ret;
}

/* -t of a tree that is printed under a heading of its own. True when that was it. */
static bool dump_special(struct dump *d, int *ret)
{
	const struct { u64 id; struct root *root; const char *name; } special[] = {
		{ BTRFS_ROOT_TREE_OBJECTID, d->fs->root_tree, "root tree" }, { BTRFS_CHUNK_TREE_OBJECTID, d->fs->chunk_tree, "chunk tree" },
		{ BTRFS_TREE_LOG_OBJECTID, d->fs->log_root_tree, "log root tree" },
		{ BTRFS_BLOCK_GROUP_TREE_OBJECTID, d->fs->block_group_tree, "block group tree" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		if (!d->has_tree || special[i].id != d->tree)
			continue;
		if (!special[i].root)
			cmd_error(d->ctx, "cannot print %s, invalid pointer", special[i].name);
		*ret = dump_bare(d, special[i].root, special[i].name);
		return true;
	}
	return false;
}

static int dump_trees(struct dump *d)
{
	const struct dump_args *a = d->args;
	bool partial = a->extents || a->uuid || d->has_tree;
	int ret = 0;

	if (dump_special(d, &ret))
		return ret;
	if (!partial) {
		ret = dump_bare(d, d->fs->root_tree, "root tree");
		if (!ret)
			ret = dump_bare(d, d->fs->chunk_tree, "chunk tree");
		if (!ret && !a->devices)
			ret = dump_bare(d, d->fs->log_root_tree, "log root tree");
	}
	if (!ret)
		ret = dump_roots_in(d, d->fs->root_tree);
	if (!ret)
		ret = dump_roots_in(d, d->fs->log_root_tree);
	if (!ret && !d->ctx->json && !a->extents && !a->devices && !a->uuid)
		print_totals(d);
	return ret;
}

static int dump_opened(struct dump *d)
{
	struct out *o = d->ctx->out;
	bool blocks = d->args->blocks.len;
	int ret;

	d->args->print.leaves_only = d->args->extents;
	d->printer = tree_printer_new(d->ctx, d->fs, &d->args->print);
	if (!d->printer)
		return -ENOMEM;
	if (d->ctx->json) {
		out_json_begin(o);
		out_obj(o, "dump-tree");
		out_json_uuid(o, "uuid", d->fs->sb->fsid);
		out_json_u64(o, "total-bytes", le64_get(d->fs->sb->total_bytes));
		out_json_u64(o, "bytes-used", le64_get(d->fs->sb->bytes_used));
		out_arr(o, blocks ? "blocks" : "trees");
	} else {
		out_puts(o, "btrfs-progs v" COMPAT_VERSION "\n");
		fs_tell_missing(d->fs, MSG_PRINT); /* a part of the dump, as with the incumbent */
	}
	ret = blocks ? dump_listed(d) : dump_trees(d);
	if (d->ctx->json) {
		out_end(o);
		if (!blocks && d->args->backups) {
			out_arr(o, "backup-roots");
			for (unsigned i = 0; i < BTRFS_NUM_BACKUP_ROOTS; i++)
				print_backup(d, i);
		}
		out_json_end(o);
	}
	tree_printer_free(d->printer);
	return ret;
}

enum { EXIT_NO_DEVICE = 254, EXIT_UNREADABLE = 251 };

static int open_devices(struct cmd_ctx *ctx, const struct dump_args *a, struct fs **fs)
{
	struct fs_open_args open = FS_OPEN_ARGS_INIT;
	struct strlist specs = VEC_INIT;
	VEC(struct target) targets = VEC_INIT;
	struct target t;
	int ret = 0;

	for (int i = 0; !ret && i < ctx->argc; i++) {
		ret = target_parse(ctx->argv[i], &t);
		if (!ret && vec_push(&targets, t))
			ret = -ENOMEM;
		for (size_t d = 0; !ret && t.kind != TARGET_HOST && d < t.devices.len; d++)
			ret = vec_push(&specs, t.devices.v[d]);
		if (ret || t.kind != TARGET_HOST)
			continue;
		ret = access(ctx->argv[i], F_OK) ? -errno : vec_push(&specs, ctx->argv[i]);
		if (ret)
			cmd_error(ctx, "invalid argument %s: %s", ctx->argv[i], strerror(-ret));
	}
	if (ret) {
		cmd_error(ctx, "cannot open %s: %s", ctx->argv[0], strerror(-ret));
		goto out;
	}
	open.specs = specs.v;
	open.nspecs = specs.len;
	open.flags = (ctx->json ? 0 : FS_OPEN_MISSING_UNTOLD) | FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_DEGRADED | FS_OPEN_NO_BLOCK_GROUPS |
		(a->noscan ? FS_OPEN_NOSCAN : FS_OPEN_NEIGHBOURS);
	ret = fs_open(ctx->env, &open, fs, &ctx->err);
	if (ret)
		cmd_fail(ctx, "unable to open %s", ctx->argv[0]);
out:
	for (size_t i = 0; i < targets.len; i++)
		target_fini(&targets.v[i]);
	vec_fini(&targets);
	vec_fini(&specs);
	return !ret ? 0 : ret == -ENOENT ? EXIT_NO_DEVICE : EXIT_UNREADABLE;
}

static int dump_run(struct cmd_ctx *ctx, void *args)
{
	struct dump d = { .ctx = ctx, .args = args };
	int ret = 0;

	if (d.args->tree) {
		d.has_tree = true;
		ret = treeid_parse(ctx, d.args->tree, &d.tree);
	}
	if (!ret)
		ret = open_devices(ctx, d.args, &d.fs);
	if (!ret) {
		env_start_pool(ctx->env, NULL);
		if (dump_opened(&d))
			ret = ctx->out->error ? 1 : cmd_fail(ctx, "cannot dump %s", ctx->argv[0]);
		fs_close(d.fs);
	}
	vec_fini(&d.args->blocks);
	return ret;
}

#define OPT_STRUCT struct dump_args
static const struct opt dump_opts[] = {
	OPT_FLAG('e', "extents", extents, "print only extent info: extent and device trees"),
	OPT_FLAG('d', "device", devices, "print only device info: tree root, chunk and device trees"),
	OPT_FLAG('r', "roots", roots, "print only short root node info"),
	OPT_FLAG('R', "backups", backups, "same as --roots plus print backup root info"),
	OPT_FLAG('u', "uuid", uuid, "print only the uuid tree"),
	OPT_CALL('b', "block", parse_block, "BLOCK_NUM", "print info from the specified block only can be specified multiple times"),
	OPT_STRING('t', "tree", tree, "TREE", "print only tree with the given id (string or number)"),
	OPT_FLAG(0, "follow", print.follow, "use with -b, to show all children tree blocks of <block_num>"),
	OPT_FLAG(0, "noscan", noscan, "do not scan the devices from the filesystem, use only the listed ones"),
	OPT_FLAG(0, "bfs", bfs, "breadth-first traversal of the trees, print nodes, then leaves (default)"),
	OPT_FLAG(0, "dfs", print.dfs, "depth-first traversal of the trees"),
	OPT_FLAG(0, "hide-names", print.hide_names, "hide filenames/subvolume/xattrs and other name references"),
	OPT_FLAG(0, "csum-headers", print.csum_headers, "print node checksums stored in headers (metadata)"),
	OPT_FLAG(0, "csum-items", print.csum_items, "print checksums stored in checksum items (data)"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_inspect_dump_tree = {
	.name = "dump-tree", .usage = { "btrfs inspect-internal dump-tree [options] <device> [<device> ..]" },
	.brief = "Dump tree structures from a given device", .opts = dump_opts, CMD_ARGS(struct dump_args), .min_args = 1, .max_args = -1,
	.flags = CMD_JSON | CMD_JOBS, .run = dump_run, .complete = "device",
};
