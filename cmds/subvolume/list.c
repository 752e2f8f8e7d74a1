/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs subvolume list. Spec: cli 7.4. */
#include "cmds/mounted/subvols.h"
#include "cmds/sortkeys.h"
#include "cmds/subvolume/row.h"

/* [+-]N: at least, at most, exactly. */
struct gen_filter { char sign; u64 value; bool given; };
enum sort_key { SORT_GEN, SORT_OGEN, SORT_ROOTID, SORT_PATH };

struct list_args {
	bool below, all, parent, cgen, gen, uuid, puuid, ruuid, snapshots, readonly, deleted, table;
	struct gen_filter by_gen, by_cgen;
	struct sort_keys sort;
	bool bad;       /* a sort key that is none */
};

static int parse_filter(struct gen_filter *f, const char *text, struct err *err)
{
	f->sign = *text == '+' || *text == '-' ? *text : 0;
	f->given = true;
	return parse_u64(text + !!f->sign, &f->value, err);
}

static int parse_gen(void *args, const char *text, struct err *err)
{
	return parse_filter(&((struct list_args *)args)->by_gen, text, err);
}

static int parse_cgen(void *args, const char *text, struct err *err)
{
	((struct list_args *)args)->cgen = true;
	return parse_filter(&((struct list_args *)args)->by_cgen, text, err);
}

static int parse_sort(void *args, const char *text, struct err *err)
{
	static const char *const names[] = { "gen", "ogen", "rootid", "path" };
	struct list_args *a = args;
	const char *bad;
	int len;

	a->bad |= !sort_keys_parse(&a->sort, text, names, ARRAY_SIZE(names), &bad, &len);
	return 0;
}

static bool passes(const struct gen_filter *f, u64 v)
{
	if (!f->given)
		return true;
	return f->sign == '+' ? v >= f->value : f->sign == '-' ? v <= f->value : v == f->value;
}

static bool wanted(const struct list_args *a, const struct subvol_info *info, u64 from)
{
	const struct subvol_item *item = &info->item;

	if (info->id == BTRFS_FS_TREE_OBJECTID || info->deleted != a->deleted)
		return false;
	if (a->snapshots && !info->key_offset)
		return false;
	if (a->readonly && !(le64_get(item->flags) & BTRFS_ROOT_SUBVOL_RDONLY))
		return false;
	if (a->below && !a->all && info->parent != from)
		return false;
	return passes(&a->by_gen, le64_get(item->generation)) && passes(&a->by_cgen, le64_get(item->otransid));
}

static int row_cmp(const void *pa, const void *pb, void *arg)
{
	const struct subvol_row *x = pa, *y = pb;
	const struct list_args *a = arg;
	int c = 0;

	for (unsigned i = 0; !c && i < a->sort.n; i++) {
		switch ((enum sort_key)a->sort.by[i].key) {
		case SORT_GEN: c = sort_compare(le64_get(x->info->item.generation), le64_get(y->info->item.generation)); break;
		case SORT_OGEN: c = sort_compare(le64_get(x->info->item.otransid), le64_get(y->info->item.otransid)); break;
		case SORT_ROOTID: c = sort_compare(x->info->id, y->info->id); break;
		case SORT_PATH: c = strcmp(x->path, y->path); break;
		}
		if (a->sort.by[i].descending)
			c = -c;
	}
	return c ? c : sort_compare(x->info->id, y->info->id);
}

struct listing {
	struct cmd_ctx *ctx;
	const struct list_args *args;
	struct subvols subvols;
	struct strbuf from_path; /* of the subvolume that PATH lies in */
	VEC(struct subvol_row) rows;
	struct strbuf path;      /* of the subvolume at hand */
	struct strbuf paths;     /* as shown, of all rows, one behind the other, each with its NUL */
};

/* Does path lead into the subvolume that was asked about? */
static bool is_inside(const struct listing *l, const struct strbuf *path)
{
	size_t n = l->from_path.len;

	return n && path->len > n && !memcmp(path->v, l->from_path.v, n) && path->v[n] == '/';
}

/* As seen from the asking subvolume: relative where it lies below, else whole, marked with -a. */
static int shown_path(struct listing *l, const struct subvol_info *info, struct strbuf *out)
{
	struct strbuf *path = &l->path;
	int ret;

	sb_reset(path);
	ret = subvols_path(&l->subvols, info->id, path, &l->ctx->err);
	if (ret && ret != -ENOENT)
		return ret;
	if (l->args->all && info->parent != l->subvols.id)
		sb_lit(out, "<FS_TREE>/");
	if (ret || info->deleted)
		sb_lit(out, "DELETED");
	else if (!l->args->all && !l->args->below && is_inside(l, path))
		sb_add(out, path->v + l->from_path.len + 1, path->len - l->from_path.len - 1);
	else
		sb_add(out, path->v, path->len);
	return 0;
}

static int add_row(struct listing *l, const struct subvol_info *info)
{
	size_t begin = l->paths.len;
	int ret = shown_path(l, info, &l->paths);

	if (ret)
		return ret;
	sb_char(&l->paths, '\0');
	return vec_push(&l->rows, ((struct subvol_row){ .info = info, .path_len = l->paths.len - 1 - begin })) ? err_nomem(&l->ctx->err) : 0;
}

/* The buffer has grown to its end and stays where it is. */
static int place_paths(struct listing *l)
{
	const char *at = sb_str(&l->paths);

	if (l->paths.failed)
		return err_nomem(&l->ctx->err);
	for (size_t i = 0; i < l->rows.len; i++) {
		l->rows.v[i].path = at;
		at += l->rows.v[i].path_len + 1;
	}
	return 0;
}

static int collect(struct listing *l)
{
	int ret = subvols_path(&l->subvols, l->subvols.id, &l->from_path, &l->ctx->err);

	if (ret && ret != -ENOENT)
		return ret;
	ret = subvols_load(&l->subvols, &l->ctx->err);
	if (!ret && vec_reserve(&l->rows, l->subvols.all.len))
		ret = err_nomem(&l->ctx->err);
	for (size_t i = 0; !ret && i < l->subvols.all.len; i++)
		if (wanted(l->args, &l->subvols.all.v[i], l->subvols.id))
			ret = add_row(l, &l->subvols.all.v[i]);
	if (!ret)
		ret = place_paths(l);
	if (!ret && l->rows.len > 1 && l->args->sort.n) /* they come by id */
		qsort_r(l->rows.v, l->rows.len, sizeof(*l->rows.v), row_cmp, (void *)l->args);
	return ret;
}

static void print_all(const struct listing *l)
{
	const struct list_args *a = l->args;
	unsigned columns = COLS_DEFAULT | a->parent << COL_PARENT | a->uuid << COL_UUID | a->puuid << COL_PUUID | a->ruuid << COL_RUUID;
	struct out *o = l->ctx->out;

	columns |= (a->cgen || a->snapshots) << COL_CGEN | a->snapshots << COL_OTIME;
	if (l->ctx->json) {
		out_json_begin(o);
		out_arr(o, "subvolume-list");
	} else if (a->table) {
		subvol_print_head(o, columns);
	}
	for (size_t i = 0; i < l->rows.len; i++) {
		if (l->ctx->json)
			subvol_json(o, NULL, &l->rows.v[i]);
		else if (a->table)
			subvol_print_tabbed(o, &l->rows.v[i], columns);
		else
			subvol_print_line(o, &l->rows.v[i], columns);
	}
	if (l->ctx->json)
		out_json_end(o);
}

static int list_run(struct cmd_ctx *ctx, void *args)
{
	struct listing l = { .ctx = ctx, .args = args };
	int ret;

	if (l.args->bad)
		return cmd_usage(ctx);
	ret = subvols_open_dir(ctx, ctx->argv[0], &l.subvols);
	if (ret) {
		cmd_error(ctx, "can't access '%s'", ctx->argv[0]);
		return ret;
	}
	ret = collect(&l);
	if (ret)
		ret = cmd_fail(ctx, "cannot list the subvolumes of %s", ctx->argv[0]);
	else
		print_all(&l);
	vec_fini(&l.rows);
	sb_fini(&l.path);
	sb_fini(&l.paths);
	sb_fini(&l.from_path);
	subvols_close(ctx, &l.subvols);
	return ret;
}

#define OPT_STRUCT struct list_args
static const struct opt list_opts[] = {
	OPT_HEAD("Path filtering:"),
	OPT_FLAG('o', NULL, below, "print only subvolumes below specified path"),
	OPT_FLAG('a', NULL, all, "print all the subvolumes in the filesystem and distinguish absolute and relative path with respect to the given <path>"),
	OPT_HEAD(""),
	OPT_HEAD("Field selection:"),
	OPT_FLAG('p', NULL, parent, "print parent ID"),
	OPT_FLAG('c', NULL, cgen, "print the generation at creation of the subvolume"),
	OPT_FLAG('g', NULL, gen, "print the generation of the subvolume"),
	OPT_FLAG('u', NULL, uuid, "print the uuid of subvolumes (and snapshots)"),
	OPT_FLAG('q', NULL, puuid, "print the parent uuid of the snapshots"),
	OPT_FLAG('R', NULL, ruuid, "print the uuid of the received snapshots"),
	OPT_HEAD(""),
	OPT_HEAD("Type filtering:"),
	OPT_FLAG('s', NULL, snapshots, "list only snapshots"),
	OPT_FLAG('r', NULL, readonly, "list readonly subvolumes (including snapshots)"),
	OPT_FLAG('d', NULL, deleted, "list deleted subvolumes that are not yet cleaned"),
	OPT_HEAD(""),
	OPT_HEAD("Other:"),
	OPT_FLAG('t', NULL, table, "print the result as a table"),
	OPT_HEAD(""),
	OPT_HEAD("Sorting:"),
	OPT_CALL('G', NULL, parse_gen, "[+|-]value", "filter the subvolumes by generation (+value: >= value; -value: <= value; value: = value)"),
	OPT_CALL('C', NULL, parse_cgen, "[+|-]value", "filter the subvolumes by generation at creation (+value: >= value; -value: <= value; value: = value)"),
	OPT_CALL(0, "sort", parse_sort, "gen,ogen,rootid,path",
		 "list the subvolumes in order of gen, ogen, rootid or path; + or - in front of each sorts ascending (default) or descending"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_subvolume_list = {
	.name = "list", .usage = { "btrfs subvolume list [options] <path>" }, .brief = "List subvolumes and snapshots in the filesystem.",
	.opts = list_opts, CMD_ARGS(struct list_args), .min_args = 1, .max_args = 1, .flags = CMD_JSON, .run = list_run, .complete = "fs",
};
