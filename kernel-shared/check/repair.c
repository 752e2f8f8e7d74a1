/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rounds: check, choose what to fix first, fix it, check again. Ends when nothing is wrong, or nothing that can be fixed gets better. */
#include "kernel-shared/check/inventory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/mem.h"

enum { ROUNDS_MAX = 40, TRIES_MAX = 6 };

static const struct fixer { const char *what; int (*fix)(struct repair *r, bool *changed, struct err *err); } fixers[FIX_COUNT] = {
	[FIX_COPIES] = { "bad copies of tree blocks", fix_copies },
	[FIX_BLOCKS] = { "tree blocks", fix_blocks },
	[FIX_SPACE] = { "extents, references and free space", fix_space },
	[FIX_FILES] = { "files and names", fix_files },
	[FIX_DEVICES] = { "devices", fix_devices },
	[FIX_ROOTS] = { "subvolumes", fix_roots },
	[FIX_CSUMS] = { "checksums", fix_csums },
	[FIX_QUOTA] = { "quota groups", fix_quota },
	[FIX_SUPERS] = { "superblock copies", fix_supers },
};

void repair_say(struct repair *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->said++;
	r->ops->say(r->ops->arg, CHANNEL_PRINT, text);
}

/* --- what helps against what --- */

bool repair_found(const struct repair *r, enum problem_id id)
{
	for (size_t i = 0; i < r->found.len; i++)
		if (r->found.v[i].id == id)
			return true;
	return false;
}

bool repair_chunks_wrong(const struct repair *r)
{
	return repair_found(r, PROBLEM_GROUP_NO_CHUNK) || repair_found(r, PROBLEM_CHUNK_OVERLAP) ||
	       (repair_found(r, PROBLEM_CHUNK_GROUP) && repair_found(r, PROBLEM_CHUNK_EXTENT));
}

/* Chunk and device items, and those that say the same in other words. */
static bool is_of_chunks(enum problem_id id)
{
	switch (id) {
	case PROBLEM_CHUNK_INVALID:
	case PROBLEM_CHUNK_OVERLAP:
	case PROBLEM_CHUNK_NO_GROUP:
	case PROBLEM_CHUNK_GROUP:
	case PROBLEM_CHUNK_NO_EXTENT:
	case PROBLEM_CHUNK_EXTENT:
	case PROBLEM_CHUNK_DEVICE:
	case PROBLEM_GROUP_NO_CHUNK:
	case PROBLEM_DEVEXT_NO_CHUNK:
	case PROBLEM_DEVEXT_NO_DEVICE:
	case PROBLEM_DEVEXT_BEYOND:
	case PROBLEM_DEV_USED_TOTAL:
	case PROBLEM_DEV_FSID:
		return true;
	default:
		return false;
	}
}

bool repair_chunks_doubted(const struct repair *r)
{
	for (size_t i = 0; i < r->found.len; i++)
		if (is_of_chunks(r->found.v[i].id))
			return true;
	return false;
}

/* Device extents follow from chunks, unless chunks were lost that these still know. */
bool repair_devices_wrong(const struct repair *r)
{
	return !repair_found(r, PROBLEM_GROUP_NO_CHUNK) &&
	       (repair_found(r, PROBLEM_CHUNK_NO_EXTENT) || repair_found(r, PROBLEM_CHUNK_EXTENT) || repair_found(r, PROBLEM_DEVEXT_NO_CHUNK) ||
		repair_found(r, PROBLEM_DEVEXT_OVERLAP) || repair_found(r, PROBLEM_TREE_MISSING));
}

/* Devices without their items. */
static bool device_items_lost(const struct repair *r)
{
	return repair_found(r, PROBLEM_SUPER_DEVICES) && (repair_found(r, PROBLEM_CHUNK_DEVICE) || repair_found(r, PROBLEM_DEVEXT_NO_DEVICE));
}

static enum fix fix_of(const struct repair *r, const struct problem_at *p)
{
	switch (p->id) {
	case PROBLEM_READER:
		return FIX_COPIES;
	case PROBLEM_SUPER_COPY:
	case PROBLEM_DEV_SUPER_TOTAL:
	case PROBLEM_DEV_SUPER_USED:
		return FIX_SUPERS;
	case PROBLEM_DEV_SMALL:
	case PROBLEM_DEV_UNALIGNED:
	case PROBLEM_DEV_USED_SUM:
	case PROBLEM_SUPER_TOTAL:
	case PROBLEM_SUPER_TOTAL_SMALL:
	case PROBLEM_CHUNK_SYS_ARRAY:
		return FIX_DEVICES;
	case PROBLEM_INODE_CSUM_MISSING:
		return FIX_CSUMS;
	case PROBLEM_BLOCK_LOST:
	case PROBLEM_BLOCK_LOST_IN:
	case PROBLEM_BLOCK_RULE:
	case PROBLEM_BLOCK_RANGE:
	case PROBLEM_BLOCK_TWICE:
	case PROBLEM_BLOCK_FLAGS:
	case PROBLEM_BLOCK_REVISION:
	case PROBLEM_BLOCK_EMPTY:
	case PROBLEM_KEY_FOREIGN:
	case PROBLEM_TREE_MISSING:
	case PROBLEM_ROOT_GENERATION:
	case PROBLEM_ROOT_ITEM_BAD:
	case PROBLEM_QGROUP_ITEM:
		return FIX_BLOCKS;
	case PROBLEM_ROOT_NO_ITEM:
		return r->sought ? FIX_ROOTS : FIX_BLOCKS;
	case PROBLEM_REF_TREE_STALE:
	case PROBLEM_DEVEXT_NO_CHUNK:
		return r->sought ? FIX_SPACE : FIX_BLOCKS;
	case PROBLEM_SUPER_DEVICES:
		return device_items_lost(r) ? FIX_BLOCKS : FIX_DEVICES;
	default:
		if (is_of_chunks(p->id))
			return FIX_BLOCKS;
	}
	switch (p->phase) {
	case CHECK_ROOT_ITEMS:
		return FIX_BLOCKS;
	case CHECK_ROOT_REFS:
		return FIX_ROOTS;
	case CHECK_EXTENTS:
	case CHECK_FREE_SPACE:
		return FIX_SPACE;
	case CHECK_CSUMS:
		return FIX_CSUMS;
	case CHECK_QUOTA:
		return FIX_QUOTA;
	default:
		return FIX_FILES;
	}
}

static bool wanted(const struct repair *r, const struct problem_at *p)
{
	const struct problem *row = problem_row(p->id);

	return row->severity != SEVERITY_INFO && (!r->args->only || r->args->only[p->id]);
}

bool repair_blocks_wrong(const struct repair *r)
{
	for (size_t i = 0; i < r->found.len; i++)
		if (wanted(r, &r->found.v[i]) && fix_of(r, &r->found.v[i]) == FIX_BLOCKS)
			return true;
	return r->rootless;
}

static bool pending(const struct repair *r, enum fix fix)
{
	if (fix == FIX_BLOCKS && r->rootless)
		return true;
	for (size_t i = 0; i < r->found.len; i++)
		/* what the extent tree knows of file extents comes before anything is made anew */
		if (wanted(r, &r->found.v[i]) && (fix_of(r, &r->found.v[i]) == fix || (fix == FIX_BLOCKS && repair_is_doubt(r->found.v[i].id))))
			return true;
	return false;
}

/* --- checking --- */

static void on_begin(void *arg, enum check_phase phase, bool skipped)
{
	struct repair *r = arg;

	if (r->show && r->ops->check.begin)
		r->ops->check.begin(r->ops->check.arg, phase, skipped);
}

static void on_finding(void *arg, const struct check_finding *f)
{
	struct repair *r = arg;
	struct problem_at p = { .id = f->id, .phase = f->phase, .tree = f->tree, .ino = f->ino, .bytenr = f->bytenr, .len = f->len, .parent = f->parent,
				.index = f->index, .have = f->have, .want = f->want, .devid = f->devid, .key = f->key, .name_len = f->name_len, .type = f->type };

	if (f->name_len)
		p.name = mem_dup(f->name, f->name_len);
	/* what is not kept is found again when the rest is fixed */
	if (r->found.len >= FINDINGS_MAX || (f->name_len && !p.name) || vec_push(&r->found, p))
		free(p.name);
	if (r->show && r->ops->check.finding)
		r->ops->check.finding(r->ops->check.arg, f);
}

static void on_end(void *arg, enum check_phase phase, u64 errors)
{
	struct repair *r = arg;

	if (r->show && r->ops->check.end)
		r->ops->check.end(r->ops->check.arg, phase, errors);
}

static void forget(struct repair *r)
{
	for (size_t i = 0; i < r->found.len; i++)
		free(r->found.v[i].name);
	r->found.len = 0;
}

static int run_check(struct repair *r, bool show, struct err *err)
{
	const struct check_ops ops = { .begin = on_begin, .finding = on_finding, .end = on_end, .arg = r };
	struct fs *fs = NULL;
	int ret = repair_open_raw(r, &fs, err);

	r->show = show;
	forget(r);
	r->rootless = fs && (!fs->root_tree || (!fs->chunk_tree && !(le64_get(fs->sb->flags) & BTRFS_SUPER_FLAG_METADUMP)));
	if (r->rootless && show)
		r->ops->say(r->ops->arg, CHANNEL_ERROR, fs->root_tree ? "critical root chunk_root corrupted" : "critical root tree_root corrupted");
	/* those that no mount does without */
	r->rootless |= fs && (!fs->fs_tree || !fs->csum_tree || !fs->data_reloc_tree || !fs->extent_tree || !fs->dev_tree);
	if (!ret)
		ret = check_run(fs, &r->args->check, &ops, &r->totals, err);
	r->totals.errors += r->rootless;
	fs_close(fs);
	return ret;
}

/* --- rounds --- */

static int run_fix(struct repair *r, enum fix fix, bool *changed, struct err *err)
{
	struct err why = ERR_INIT;
	int ret = fixers[fix].fix(r, changed, &why);

	if (!ret)
		return 0;
	if (ret == -ENOMEM || ret == -EINTR) {
		if (err)
			*err = why;
		return ret;
	}
	/* the overlays hold the last commit; whatever else can be fixed still can */
	repair_say(r, "cannot fix %s: %s", fixers[fix].what, err_text(&why));
	return 0;
}

/* Trees that were asked to be made anew, whatever their state. */
static int asked(struct repair *r, struct err *err)
{
	bool changed = false;
	int ret = 0;

	if (r->args->init_extent_tree) {
		repair_say(r, "Creating a new extent tree");
		ret = run_fix(r, FIX_SPACE, &changed, err);
	}
	if (!ret && r->args->init_csum_tree)
		ret = run_fix(r, FIX_CSUMS, &changed, err);
	if (ret || !changed)
		return ret;
	r->result->changed = true;
	return run_check(r, false, err);
}

static int rounds(struct repair *r, struct err *err)
{
	unsigned tries[FIX_COUNT] = { 0 };
	int ret = 0;

	for (unsigned round = 0; !ret && round < ROUNDS_MAX; round++) {
		bool changed = false;
		enum fix fix = 0;

		while (fix < FIX_COUNT && (!fixers[fix].fix || tries[fix] >= TRIES_MAX || !pending(r, fix)))
			fix++;
		if (fix == FIX_COUNT)
			return 0;
		tries[fix]++;
		ret = run_fix(r, fix, &changed, err);
		if (ret || !changed) {
			tries[fix] = TRIES_MAX;
			continue;
		}
		r->result->changed = true;
		r->result->rounds++;
		ret = env_check_interrupt(r->env, err);
		if (!ret)
			ret = run_check(r, false, err);
	}
	return ret;
}

/* --- before and after --- */

static int clear_log(struct repair *r, struct fs *fs, struct err *err)
{
	int ret;

	if (!le64_get(fs->sb->log_root))
		return 0;
	if (r->ops->clear_log && !r->ops->clear_log(r->ops->arg))
		return err_set(err, -ECANCELED, "the log is to be kept");
	fs->sb->log_root = le64_of(0);
	fs->sb->log_root_level = 0;
	ret = volume_write_supers(fs->vol, err);
	r->result->changed |= !ret;
	return ret;
}

static int begin(struct repair *r, struct err *err)
{
	struct fs *fs = NULL;
	int ret = repair_open(r, FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY, &fs, err);

	if (!ret && r->ops->opened)
		ret = r->ops->opened(r->ops->arg, fs);
	if (!ret) {
		fs->vol->writable = true;
		ret = clear_log(r, fs, err);
	}
	fs_close(fs);
	return ret;
}

/* The last word: no file that could be read may be lost. */
static int guard(struct repair *r, struct err *err)
{
	bool asked = r->args->init_csum_tree || r->args->init_extent_tree;
	u64 lost;
	int ret;

	if (!asked && r->errors_first && r->totals.errors > r->errors_first)
		return err_set(err, -EPERM, "there would be more errors than before (%llu, not %llu): nothing is written", r->totals.errors, r->errors_first);
	ret = inventory_compare(r, &lost, err);

	if (ret || !lost)
		return ret;
	return err_set(err, -EPERM, "%llu files that could be read before could not be read after: nothing is written", lost);
}

static int write_out(struct repair *r, struct err *err)
{
	int ret = r->args->dry_run ? 0 : repair_write(r, err);

	if (r->args->dry_run)
		return 0;

	r->result->written = !ret;
	return ret ? err_wrap(err, ret, "cannot write what was repaired") : 0;
}

static int only_blocks(struct repair *r, struct err *err)
{
	int ret = fix_blocks(r, &r->result->changed, err);
	bool more;

	/* what is gone had checksums */
	if (!ret && r->args->ino_cache && r->result->changed)
		ret = run_check(r, false, err);
	if (!ret && r->args->ino_cache && pending(r, FIX_CSUMS))
		ret = fix_csums(r, &more, err);
	if (ret || !r->result->changed || r->args->dry_run)
		return ret;
	return r->ops->confirm && !r->ops->confirm(r->ops->arg) ? err_set(err, -ECANCELED, "the answer was no") : write_out(r, err);
}

static int repair(struct repair *r, struct err *err)
{
	int ret = begin(r, err);

	if (!ret && (r->args->chunks || r->args->ino_cache))
		return only_blocks(r, err);
	if (!ret)
		ret = run_check(r, true, err);
	r->errors_first = r->totals.errors;
	if (!ret)
		ret = asked(r, err);
	if (!ret)
		ret = rounds(r, err);
	if (ret || !r->result->changed)
		return ret;
	if (r->ops->again)
		r->ops->again(r->ops->arg);
	ret = run_check(r, true, err);
	if (!ret)
		ret = guard(r, err);
	return ret ? ret : write_out(r, err);
}

int repair_run(struct env *env, const struct repair_args *args, const struct repair_ops *ops, struct repair_result *result, struct err *err)
{
	struct repair r = { .env = env, .args = args, .ops = ops, .result = result };
	int ret;

	*result = (struct repair_result){ 0 };
	ret = repair(&r, err);
	result->totals = r.totals;
	if (r.has_keep)
		blockmap_fini(&r.keep);
	repair_devices_fini(&r);
	forget(&r);
	hmap_fini(&r.exempt);
	vec_fini(&r.found);
	return ret;
}
