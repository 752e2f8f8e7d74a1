/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/fs/du.h"

#include <sys/stat.h>
#include "common/endian.h"
#include "common/mem.h"
#include "common/sortrun.h"
#include "kernel-shared/fs/users.h"

enum { SORT_MEMORY = 32 << 20 };

/* A shared range, big-endian so that it sorts. */
struct shared_range { u8 start[8], end[8]; };

/* A directory being walked; the iterator of an outer one is given up and opened again, so that depth costs little. */
struct level { struct loc dir; u64 next; size_t path_len; struct du_space space; };

/* Inodes met in one subvolume that must not count again. */
struct seen { u64 root; struct hmap inodes; };

struct walk {
	struct fs *fs;
	du_row_fn row;
	void *arg;
	struct du_result *out;
	struct err *err;
	struct resolver resolver;
	struct sortrun *ranges;
	struct strbuf path;
	VEC(struct level) levels;
	VEC(struct seen) seen;
};

static bool first_time(struct walk *w, u64 root, u64 ino, int *ret)
{
	struct seen *s = NULL;
	bool fresh = false;

	for (size_t i = w->seen.len; i-- > 0 && !s;)
		if (w->seen.v[i].root == root)
			s = &w->seen.v[i];
	if (!s) {
		if (vec_push(&w->seen, ((struct seen){ root, HMAP_INIT })))
			*ret = err_nomem(w->err);
		else
			s = &w->seen.v[w->seen.len - 1];
	}
	if (s && !hmap_put(&s->inodes, ino, &fresh))
		*ret = err_nomem(w->err);
	return fresh;
}

static int add_extent(struct walk *w, const struct path *path, const struct loc *file, const struct file_extent_view *x, struct du_space *space)
{
	struct shared_range range;
	u64 start = x->disk_bytenr + (x->compression ? 0 : x->offset);
	int shared = extent_shared(&w->resolver, path, file->root->tree.id, file->ino, x->disk_bytenr, w->err);

	if (shared < 0)
		return shared;
	space->total += x->num_bytes;
	if (!shared)
		return 0;
	space->shared += x->num_bytes;
	put_be64(range.start, start);
	put_be64(range.end, start + x->num_bytes);
	return sortrun_add(w->ranges, &range, 0) ? err_nomem(w->err) : 0;
}

/* The items of a regular file in one go. *counts: it is none, or has been counted by another name. */
static int add_file(struct walk *w, const struct loc *file, struct du_space *space, bool *counts)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&file->root->tree, KEY(file->ino, BTRFS_INODE_ITEM_KEY, 0),
		KEY(file->ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	struct file_extent_view x;
	struct inode inode;
	struct item item;
	int ret;

	*space = (struct du_space){ 0 };
	*counts = false;
	while ((ret = tree_next(&it, &item, w->err)) == 0) {
		if (item.key.type == BTRFS_INODE_ITEM_KEY) {
			ret = inode_parse(file->root, &item, &inode, w->err);
			if (ret)
				return ret;
			*counts = inode_is(&inode, S_IFREG) && (inode.nlink < 2 || first_time(w, file->root->tree.id, file->ino, &ret));
			if (ret || !*counts)
				return ret;
		}
		if (item.key.type != BTRFS_EXTENT_DATA_KEY || !*counts || file_extent_parse(&item, &x))
			continue;
		if (x.type == BTRFS_FILE_EXTENT_INLINE || !x.disk_bytenr)
			continue;
		ret = add_extent(w, &it.path, file, &x, space);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

/* Damage costs what it hits; the walk goes on. */
static int pass_over(struct walk *w, int ret)
{
	if (ret != -EIO && ret != -EUCLEAN && ret != -ENOENT)
		return ret;
	env_msg(w->fs->env, MSG_ERROR, "cannot check space of '%s': %s", sb_str(&w->path), err_text(w->err));
	err_clear(w->err);
	w->out->failed = true;
	return 0;
}

static void add_space(struct du_space *to, const struct du_space *what)
{
	to->total += what->total;
	to->shared += what->shared;
}

static int report(struct walk *w, const struct du_space *space)
{
	return w->row ? w->row(w->arg, w->path.len ? sb_str(&w->path) : "", w->path.len, space) : 0;
}

static int enter(struct walk *w, struct loc dir)
{
	int ret = 0;

	if (!first_time(w, dir.root->tree.id, dir.ino, &ret))
		return ret;
	return vec_push(&w->levels, ((struct level){ .dir = dir, .path_len = w->path.len })) ? err_nomem(w->err) : 0;
}

static int visit_file(struct walk *w, const struct loc *file)
{
	struct du_space space;
	bool counts;
	int ret = add_file(w, file, &space, &counts);

	if (ret)
		return pass_over(w, ret);
	if (!counts)
		return 0;
	add_space(&w->levels.v[w->levels.len - 1].space, &space);
	return report(w, &space);
}

/* An entry of the innermost directory; the path ends with its name. */
static int visit(struct walk *w, const struct dir_entry_view *e)
{
	struct level *in = &w->levels.v[w->levels.len - 1];
	struct dirent entry = { .name = e->name, .name_len = e->name_len, .type = e->type, .ino = e->location.objectid,
		.is_subvol = e->location.type == BTRFS_ROOT_ITEM_KEY };
	struct loc loc;
	int ret;

	if (e->type != BTRFS_FT_DIR && e->type != BTRFS_FT_REG_FILE)
		return 0;
	ret = dirent_follow(in->dir.root, in->dir.ino, &entry, &loc, w->err);
	if (ret)
		return pass_over(w, ret);
	return e->type == BTRFS_FT_DIR ? enter(w, loc) : visit_file(w, &loc);
}

static void set_path(struct walk *w, const struct level *in, const u8 *name, u16 len)
{
	w->path.len = in->path_len;
	if (in->path_len)
		sb_char(&w->path, '/');
	sb_add(&w->path, name, len);
}

/* Entries until one leads into a directory; *over: there are no more. */
static int walk_on(struct walk *w, bool *over)
{
	size_t depth = w->levels.len;
	struct level *in = &w->levels.v[depth - 1];
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&in->dir.root->tree, KEY(in->dir.ino, BTRFS_DIR_INDEX_KEY, in->next),
		KEY(in->dir.ino, BTRFS_DIR_INDEX_KEY, -1ULL));
	struct dir_entry_view entry;
	struct item item;
	int ret;

	while ((ret = tree_next(&it, &item, w->err)) == 0) {
		u32 pos = 0;

		in->next = item.key.offset + 1;
		if (!dir_item_next(&item, &pos, &entry))
			continue;
		set_path(w, in, entry.name, entry.name_len);
		ret = visit(w, &entry);
		if (ret || w->levels.len != depth)
			return ret;
		if (!in->next)
			break;
	}
	*over = true;
	w->path.len = in->path_len;
	return ret && ret != -ENOENT ? pass_over(w, ret) : 0;
}

static int leave(struct walk *w)
{
	struct level done = w->levels.v[--w->levels.len];

	w->path.len = done.path_len;
	if (!w->levels.len) {
		w->out->space = done.space;
		return 0;
	}
	add_space(&w->levels.v[w->levels.len - 1].space, &done.space);
	return report(w, &done.space);
}

static int walk_all(struct walk *w, struct loc top)
{
	int ret = enter(w, top);

	while (!ret && w->levels.len) {
		bool over = false;

		ret = env_check_interrupt(w->fs->env, w->err);
		if (!ret)
			ret = walk_on(w, &over);
		if (!ret && over)
			ret = leave(w);
		if (w->path.failed)
			ret = err_nomem(w->err);
	}
	return ret;
}

/* The length of the union of all shared ranges. */
static int sum_ranges(struct walk *w)
{
	const struct shared_range *r;
	u64 end = 0;
	int ret = sortrun_finish(w->ranges, w->err);

	while (!ret && (r = sortrun_next(w->ranges, w->err))) {
		u64 from = max_t(u64, get_be64(r->start), end), to = get_be64(r->end);

		if (to <= from)
			continue;
		w->out->set_shared += to - from;
		end = to;
	}
	return ret ? ret : w->err && w->err->code ? w->err->code : 0;
}

int du_walk(struct fs *fs, struct loc top, du_row_fn row, void *arg, struct du_result *out, struct err *err)
{
	struct walk w = { .fs = fs, .row = row, .arg = arg, .out = out, .err = err };
	struct inode inode;
	int ret = inode_get(top.root, top.ino, &inode, err);

	*out = (struct du_result){ 0 };
	if (ret)
		return ret;
	w.ranges = sortrun_new(fs->env, sizeof(struct shared_range), sizeof(struct shared_range), SORT_MEMORY);
	if (!w.ranges)
		return err_nomem(err);
	resolver_init(&w.resolver, fs);
	out->counts = inode_is(&inode, S_IFDIR);
	if (out->counts)
		ret = walk_all(&w, top);
	else
		ret = add_file(&w, &top, &out->space, &out->counts);
	err_clear(err);
	if (!ret && inode_is(&inode, S_IFDIR))
		ret = sum_ranges(&w);
	else
		out->set_shared = out->space.shared;
	resolver_fini(&w.resolver);
	sortrun_free(w.ranges);
	for (size_t i = 0; i < w.seen.len; i++)
		hmap_fini(&w.seen.v[i].inodes);
	vec_fini(&w.seen);
	vec_fini(&w.levels);
	sb_fini(&w.path);
	return ret;
}
