/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs-find-root. Spec: cli 22.1. */
#include "cmds/target.h"
#include "kernel-shared/fs/findroot.h"

struct find_args { bool all; u64 objectid, level, generation; bool has_objectid, has_level, has_generation; };

static void find_init(void *args)
{
	((struct find_args *)args)->objectid = BTRFS_ROOT_TREE_OBJECTID;
}

/* What the superblock knows of the tree. */
static void fill_wanted(struct root_search *s, const struct disk_super *sb)
{
	s->has_wanted = true;
	if (s->objectid == BTRFS_ROOT_TREE_OBJECTID) {
		s->wanted_generation = le64_get(sb->generation);
		s->wanted_level = sb->root_level;
	} else if (s->objectid == BTRFS_CHUNK_TREE_OBJECTID) {
		s->wanted_generation = le64_get(sb->chunk_root_generation);
		s->wanted_level = sb->chunk_root_level;
	} else {
		s->has_wanted = false;
	}
}

static void print_known(struct out *o, const struct root_search *s)
{
	if (s->has_wanted) {
		out_printf(o, "Superblock thinks the generation is %llu\nSuperblock thinks the level is %u\n", s->wanted_generation, s->wanted_level);
		return;
	}
	out_printf(o, "Superblock doesn't contain generation info for root %llu\n", s->objectid);
	out_printf(o, "Superblock doesn't contain the level info for root %llu\n", s->objectid);
}

static bool is_wanted(const struct root_search *s, const struct root_candidate *c)
{
	return s->has_wanted && c->generation == s->wanted_generation && c->level == s->wanted_level;
}

static void print_candidate(struct out *o, const struct root_search *s, const struct root_candidate *c)
{
	out_printf(o, "Well block %llu(gen: %llu level: %u) seems good, ", c->bytenr, c->generation, c->level);
	if (is_wanted(s, c))
		out_puts(o, "and it matches superblock\n");
	else if (s->has_wanted)
		out_printf(o, "but generation/level doesn't match, want gen: %llu level: %u\n", s->wanted_generation, s->wanted_level);
	else
		out_puts(o, "but we are unsure about the correct generation/level\n");
}

static void json_candidate(struct out *o, const struct root_search *s, const struct root_candidate *c)
{
	out_obj(o, NULL);
	out_json_u64(o, "bytenr", c->bytenr);
	out_json_u64(o, "generation", c->generation);
	out_json_u64(o, "level", c->level);
	out_json_bool(o, "matches-superblock", is_wanted(s, c));
	out_end(o);
}

static void json_all(struct out *o, const struct root_search *s, const struct root_candidates *list, const struct root_candidate *found)
{
	out_json_begin(o);
	out_obj(o, "find-root");
	out_json_u64(o, "objectid", s->objectid);
	if (s->has_wanted) {
		out_json_u64(o, "superblock-generation", s->wanted_generation);
		out_json_u64(o, "superblock-level", s->wanted_level);
	}
	out_arr(o, "candidates");
	if (found->bytenr)
		json_candidate(o, s, found);
	for (size_t i = 0; i < list->len; i++)
		json_candidate(o, s, &list->v[i]);
	out_json_end(o);
}

static int search_roots(struct cmd_ctx *ctx, struct fs *fs, const struct find_args *a)
{
	struct root_search s = { .objectid = a->objectid, .min_generation = a->generation, .stop = !a->all };
	struct root_candidates list;
	struct root_candidate found;
	int ret;

	s.min_level = min_t(u64, a->level, BTRFS_MAX_LEVEL);
	fill_wanted(&s, fs->sb);
	if (!ctx->json)
		print_known(ctx->out, &s);
	out_flush(ctx->out);
	ret = find_tree_roots(fs, &s, &list, &found, &ctx->err);
	if (ret)
		return cmd_fail(ctx, "cannot search for tree roots");
	if (ctx->json) {
		json_all(ctx->out, &s, &list, &found);
	} else {
		if (found.bytenr)
			out_printf(ctx->out, "Found tree root at %llu gen %llu level %u\n", found.bytenr, found.generation, found.level);
		for (size_t i = 0; i < list.len; i++)
			print_candidate(ctx->out, &s, &list.v[i]);
	}
	vec_fini(&list);
	return 0;
}

static int find_run(struct cmd_ctx *ctx, void *args)
{
	struct target t;
	struct fs *fs;
	int ret;

	if (target_parse(ctx->argv[0], &t))
		return cmd_error(ctx, "not enough memory");
	ret = target_open(ctx, &t, FS_OPEN_CHUNK_ONLY | FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_DEGRADED, &fs);
	target_fini(&t);
	if (ret)
		return cmd_error(ctx, "open ctree failed");
	env_start_pool(ctx->env, NULL);
	ret = search_roots(ctx, fs, args);
	fs_close(fs);
	return ret;
}

#define OPT_STRUCT struct find_args
static const struct opt find_opts[] = {
	OPT_FLAG('a', NULL, all, "search through all metadata even if the root has been found"),
	OPT_U64('o', NULL, objectid, "OBJECTID", "filter by the tree's object id"),
	OPT_U64('l', NULL, level, "LEVEL", "filter by tree level, (default: 0)"),
	OPT_U64('g', NULL, generation, "GENERATION", "filter by tree generation"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_find_root = {
	.name = "btrfs-find-root", .usage = { "btrfs-find-root [options] <device>" }, .brief = "Attempt to find tree roots on the device",
	.opts = find_opts, CMD_ARGS(struct find_args), .init = find_init, .min_args = 1, .max_args = 1,
	.flags = CMD_JSON | CMD_STANDALONE | CMD_JOBS, .run = find_run, .complete = "device",
};
