/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How btrfs check shows what it finds: text as check.md 1.3 to 1.6 has it, or JSON; progress lines; files that are damaged. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "cmds/check.h"
#include "common/mem.h"
#include "kernel-shared/fs/subvol.h"

/* --- text --- */

static const char *phase_title(const struct report *r, enum check_phase phase, bool skipped)
{
	switch (phase) {
	case CHECK_LOG: return skipped ? "[1/8] checking log skipped (none written)" : "[1/8] checking log";
	case CHECK_ROOT_ITEMS: return "[2/8] checking root items";
	case CHECK_EXTENTS: return "[3/8] checking extents";
	case CHECK_FREE_SPACE: return r->v2 ? "[4/8] checking free space tree" : "[4/8] checking free space cache";
	case CHECK_FS_ROOTS: return "[5/8] checking fs roots";
	case CHECK_CSUMS: return r->opts->data_csum ? "[6/8] checking csums against data" : "[6/8] checking only csums items (without verifying data)";
	case CHECK_ROOT_REFS: return "[7/8] checking root refs";
	case CHECK_QUOTA: return skipped ? "[8/8] checking quota groups skipped (not enabled on this FS)" : "[8/8] checking quota groups";
	}
	return "";
}

static const char *phase_failed(enum check_phase phase)
{
	switch (phase) {
	case CHECK_LOG: return "errors found in log";
	case CHECK_EXTENTS: return "errors found in extent allocation tree or chunk allocation";
	case CHECK_FS_ROOTS: return "errors found in fs roots";
	case CHECK_CSUMS: return "errors found in csum tree";
	case CHECK_ROOT_REFS: return "errors found in root refs";
	default: return NULL;
	}
}

void check_say(struct report *r, enum channel channel, const char *text)
{
	static const enum msg_level levels[] = { [CHANNEL_ERROR] = MSG_ERROR, [CHANNEL_WARNING] = MSG_WARNING, [CHANNEL_NOTE] = MSG_NOTE };

	if (channel == CHANNEL_PART)
		return;
	if (channel == CHANNEL_PRINT) {
		out_printf(r->ctx->out, "%s\n", text);
		return;
	}
	out_flush(r->ctx->out);
	env_msg(r->ctx->env, levels[channel], "%s", text);
}

/* --- progress: one line a phase, drawn anew each second --- */

struct check_ticker {
	struct report *report;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;
	time_t begun;
	unsigned number;
	const char *title;
};

static void ticker_draw(struct check_ticker *t, const char *end)
{
	u64 n = __atomic_load_n(&t->report->checked, __ATOMIC_RELAXED), secs = time(NULL) - t->begun;
	struct out *o = t->report->ctx->out;

	out_printf(o, "[%u/7] %-40s (%llu:%02llu:%02llu elapsed", t->number, t->title, secs / 3600, secs / 60 % 60, secs % 60);
	if (n)
		out_printf(o, ", %llu items checked", n);
	out_printf(o, ")%s", end);
	out_flush(o);
}

static void *ticker_run(void *arg)
{
	struct check_ticker *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		ticker_draw(t, "\r");
		pthread_cond_timedwait(&t->wake, &t->lock, &until);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void ticker_start(struct report *r, enum check_phase phase)
{
	static const char *const titles[] = {
		[CHECK_ROOT_ITEMS] = "checking root items", [CHECK_EXTENTS] = "checking extents", [CHECK_FREE_SPACE] = "checking free space tree",
		[CHECK_FS_ROOTS] = "checking fs roots", [CHECK_CSUMS] = "checking csums (without verifying data)",
		[CHECK_ROOT_REFS] = "checking root refs", [CHECK_QUOTA] = "checking quota groups",
	};
	struct check_ticker *t = mem_zalloc(sizeof(*t));

	if (!t)
		return;
	*t = (struct check_ticker){ .report = r, .begun = time(NULL), .number = phase - 1, .title = titles[phase] };
	if (phase == CHECK_CSUMS && r->opts->data_csum)
		t->title = "checking csums against data";
	if (phase == CHECK_FREE_SPACE && !r->v2)
		t->title = "checking free space cache";
	__atomic_store_n(&r->checked, 0, __ATOMIC_RELAXED);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->wake, NULL);
	if (pthread_create(&t->thread, NULL, ticker_run, t))
		free(t);
	else
		r->ticker = t;
}

/* Before anything else is printed. */
static void ticker_end(struct report *r)
{
	struct check_ticker *t = r->ticker;

	if (!t)
		return;
	r->ticker = NULL;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	ticker_draw(t, "\n");
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->wake);
	free(t);
}

/* --- files that cannot be read whole --- */

static bool is_damage(enum problem_id id)
{
	return id == PROBLEM_FILE_LOST || id == PROBLEM_DATA_LOST || id == PROBLEM_INODE_CSUM_MISSING || id == PROBLEM_INODE_BAD_EXTENT ||
	       id == PROBLEM_INODE_NO_ITEM || id == PROBLEM_NAME_NO_ITEM || id == PROBLEM_INODE_OVERLAP || id == PROBLEM_INODE_EXTENT_UNALIGNED;
}

/* "/subvolume/path/of/file: reason". */
static void note_damage(struct report *r, const struct check_finding *f)
{
	struct strbuf sb = STRBUF_INIT;
	char *line;

	if (!r->opts->list_damaged || !is_damage(f->id))
		return;
	sb_char(&sb, '/');
	if (f->tree != BTRFS_FS_TREE_OBJECTID && !subvol_path(r->fs, f->tree, &sb, NULL))
		sb_char(&sb, '/');
	if (f->path)
		sb_puts(&sb, f->path);
	else
		sb_printf(&sb, "(inode %llu of tree %llu)", f->ino, f->tree);
	sb_printf(&sb, ": %s", f->text);
	line = mem_strdup(sb_str(&sb));
	sb_fini(&sb);
	if (line && vec_push(&r->damaged, line))
		free(line);
}

static int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_damaged(struct report *r)
{
	struct out *o = r->ctx->out;

	vec_sort(&r->damaged, line_cmp);
	if (r->ctx->json)
		out_arr(o, "damaged-files");
	for (size_t i = 0; i < r->damaged.len; i++) {
		if (i && !strcmp(r->damaged.v[i], r->damaged.v[i - 1]))
			continue;
		if (r->ctx->json)
			out_json_str(o, NULL, r->damaged.v[i]);
		else
			out_printf(o, "%s\n", r->damaged.v[i]);
	}
	if (r->ctx->json)
		out_end(o);
}

/* --- what a check says --- */

static void text_begin(void *arg, enum check_phase phase, bool skipped)
{
	struct report *r = arg;

	if (r->opts->progress && phase != CHECK_LOG && !skipped)
		ticker_start(r, phase);
	else
		check_say(r, CHANNEL_NOTE, phase_title(r, phase, skipped));
}

static void text_finding(void *arg, const struct check_finding *f)
{
	ticker_end(arg);
	note_damage(arg, f);
	check_say(arg, problem_row(f->id)->channel, f->text);
}

static void text_end(void *arg, enum check_phase phase, u64 errors)
{
	struct report *r = arg;

	ticker_end(r);
	r->errors += errors;
	if (errors && phase_failed(phase))
		check_say(r, CHANNEL_ERROR, phase_failed(phase));
}

void check_text_summary(struct report *r, const struct check_totals *t)
{
	struct out *o = r->ctx->out;

	out_printf(o, "found %llu bytes used, %s\n", t->bytes_used, r->errors ? "error(s) found" : "no error found");
	out_printf(o, "total csum bytes: %llu\ntotal tree bytes: %llu\ntotal fs tree bytes: %llu\ntotal extent tree bytes: %llu\n", t->csum_bytes,
		   t->tree_bytes, t->fs_tree_bytes, t->extent_tree_bytes);
	out_printf(o, "btree space waste bytes: %llu\nfile data blocks allocated: %llu\n referenced %llu\n", t->waste_bytes, t->data_allocated,
		   t->data_referenced);
	if (r->opts->list_damaged)
		list_damaged(r);
}

/* --- JSON --- */

static void json_finding(void *arg, const struct check_finding *f)
{
	static const char *const severities[] = { "info", "warning", "error" };
	struct report *r = arg;
	struct out *o = r->ctx->out;
	const struct problem *row = problem_row(f->id);

	note_damage(r, f);
	out_obj(o, NULL);
	out_json_str(o, "id", row->name);
	out_json_str(o, "severity", severities[row->severity]);
	out_json_u64(o, "phase", f->phase);
	out_json_str(o, "message", f->text);
	if (f->tree)
		out_json_s64(o, "tree", f->tree);
	if (f->ino)
		out_json_u64(o, "inode", f->ino);
	if (f->path)
		out_json_str(o, "path", f->path);
	if (f->name_len) {
		out_json_strn(o, "name", f->name, f->name_len);
		out_json_u64(o, "directory", f->parent);
		out_json_u64(o, "index", f->index);
	}
	if (f->key.objectid || f->key.type || f->key.offset) {
		out_obj(o, "key");
		out_json_u64(o, "objectid", f->key.objectid);
		out_json_u64(o, "type", f->key.type);
		out_json_u64(o, "offset", f->key.offset);
		out_end(o);
	}
	if (f->block)
		out_json_u64(o, "block", f->block);
	if (f->bytenr || f->len) {
		out_json_u64(o, "bytenr", f->bytenr);
		out_json_u64(o, "length", f->len);
	}
	if (f->have || f->want) {
		out_json_u64(o, "have", f->have);
		out_json_u64(o, "want", f->want);
	}
	if (f->devid)
		out_json_u64(o, "devid", f->devid);
	if (f->mirror)
		out_json_u64(o, "mirror", f->mirror);
	if (row->repair) {
		out_json_str(o, "repair", row->repair);
		out_json_bool(o, "repair-asks", row->kind == REPAIR_ASKS);
	}
	out_end(o);
}

static void json_end(void *arg, enum check_phase phase, u64 errors)
{
	((struct report *)arg)->errors += errors;
}

void check_json_summary(struct report *r, const struct check_totals *t)
{
	struct out *o = r->ctx->out;

	out_end(o);
	out_obj(o, "summary");
	out_json_bool(o, "errors-found", r->errors);
	out_json_u64(o, "errors", t->errors);
	out_json_u64(o, "warnings", t->warnings);
	out_json_u64(o, "bytes-used", t->bytes_used);
	out_json_u64(o, "csum-bytes", t->csum_bytes);
	out_json_u64(o, "tree-bytes", t->tree_bytes);
	out_json_u64(o, "fs-tree-bytes", t->fs_tree_bytes);
	out_json_u64(o, "extent-tree-bytes", t->extent_tree_bytes);
	out_json_u64(o, "waste-bytes", t->waste_bytes);
	out_json_u64(o, "data-allocated", t->data_allocated);
	out_json_u64(o, "data-referenced", t->data_referenced);
	out_end(o);
	if (r->opts->list_damaged)
		list_damaged(r);
	out_json_end(o);
}

const struct check_ops check_text_ops = { .begin = text_begin, .finding = text_finding, .end = text_end };
const struct check_ops check_json_ops = { .finding = json_finding, .end = json_end };

void report_fini(struct report *r)
{
	ticker_end(r);
	for (size_t i = 0; i < r->damaged.len; i++)
		free(r->damaged.v[i]);
	vec_fini(&r->damaged);
}
