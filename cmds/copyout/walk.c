/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories, slice by slice. A task is "this directory from this index on": whoever takes it reads some names, hands the rest and a
 * subdirectory on as new tasks, and copies the files among them. The newest task is taken first, so what waits is bounded by the
 * depth of the tree; with one worker the order is depth first, as the names are listed. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"
#include "kernel-shared/tree/salvage.h"

static bool name_ok(const u8 *name, size_t len)
{
	if (!len || len > BTRFS_NAME_LEN || memchr(name, '/', len) || memchr(name, 0, len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

bool cdir_open_new(struct worker *k, struct cdir *d, int dirfd)
{
	struct copyout *c = k->c;
	struct stat st;
	int fd;

	if (c->o.dry_run)
		return true;
	fd = openat(dirfd, d->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		note_failed(c, d->parent, d->name, "opening the directory failed: %s",
			    errno == ENOTDIR || errno == ELOOP ? "something else of this name is there" : strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	cdir_adopt(c, d, fd, &st);
	cdir_unpin(c, d);
	return true;
}

/* k->w holds the inode of a directory. Makes it and hands its contents on. */
static void enter_dir(struct worker *k, struct cdir *d, int dirfd, const char *name, struct loc loc)
{
	struct copyout *c = k->c;
	struct csub *sub = csub_get(c, loc.root);
	struct task task = { 0 };
	int ret = sub ? csub_enter_dir(c, sub, loc.ino) : -ENOMEM;

	if (ret == -ELOOP) {
		note_damage(c, d, name, "directory inode %llu of tree %llu was met under another name already: not copied again", loc.ino, loc.root->tree.id);
		return;
	}
	if (!ret) {
		task.dir = cdir_new(d, sub, loc.ino, name, strlen(name));
		ret = task.dir ? 0 : -ENOMEM;
	}
	if (ret) {
		copyout_stop(c, ret, "not enough memory");
		return;
	}
	note(c, COPYOUT_DIR, d, name, NULL);
	if ((!c->o.dry_run && make_dir(k, d, dirfd, name) != MADE) || !cdir_open_new(k, task.dir, dirfd)) {
		cdir_put(c, task.dir);
		return;
	}
	k->dirs++;
	d->open++;
	task.dir->open = 1;
	queue_push(c, &task);
}

void copy_inode(struct worker *k, struct cdir *d, int dirfd, const char *name, struct loc loc, u8 type)
{
	struct copyout *c = k->c;
	struct inode *i = &k->w.inode;
	struct err err;
	int ret = whole_read(loc.root, loc.ino, WHOLE_EXTENTS | (c->o.xattrs ? WHOLE_XATTRS : 0), PIECES_MAX, &k->w, &err);

	if (ret == -ENOENT) {
		note_damage(c, d, name, "%s", err_text(&err));
		return;
	}
	if (ret) {
		copyout_stop(c, ret, "%s", err_text(&err));
		return;
	}
	if (k->w.no_inode) {
		bool dir = k->w.is_dir || type == BTRFS_FT_DIR, data = k->w.pieces.len || k->w.more;

		i->mode = dir ? S_IFDIR : type ? inode_mode_of_ft(type) : S_IFREG;
		note_damage(c, d, name, "inode %llu is lost%s: %s", loc.ino, dir || data ? " (size, owner, mode, times)" : " with all that it held",
			    k->w.why.code ? err_text(&k->w.why) : "there is no such item");
		/* An empty file would look like one. */
		if (!dir && !data)
			return;
	}
	if (k->w.doubtful)
		note_damage(c, d, name, "it may not be what it was: %s", err_text(&k->w.why));
	if (k->w.lost_xattrs && c->o.xattrs)
		note_damage(c, d, name, "extended attributes may be lost: %s", err_text(&k->w.why));
	if (inode_is(i, S_IFDIR))
		enter_dir(k, d, dirfd, name, loc);
	else if (inode_is(i, S_IFREG))
		copy_regular(k, d, dirfd, name);
	else if (inode_is(i, S_IFLNK) ? c->o.symlinks : c->o.specials)
		copy_other(k, d, dirfd, name);
}

/* Subvolumes: the root directory behind the entry. False: not to be entered. */
static bool follow(struct worker *k, struct cdir *d, const char *name, const struct entry *e, struct loc *loc)
{
	struct copyout *c = k->c;
	struct dirent de = { .name = (const u8 *)name, .name_len = strlen(name), .type = e->type, .index = e->index, .is_subvol = true, .ino = e->ino };
	struct err err;
	int ret;

	if (!c->o.subvolumes)
		return false;
	ret = dirent_follow(d->sub->root, d->ino, &de, loc, &err);
	if (ret == -ENOMEM || ret == -EINTR)
		copyout_stop(c, ret, "%s", err_text(&err));
	else if (ret)
		note_damage(c, d, name, "subvolume %llu cannot be entered: %s", e->ino, err_text(&err));
	if (ret)
		return false;
	/* Only snapshots have a creation transaction in the key of their root item. */
	if (loc->root->tree.offset && c->o.snapshots == SNAPSHOTS_SKIP) {
		note(c, COPYOUT_SNAPSHOT, d, name, NULL);
		return false;
	}
	return true;
}

/* A dangling subvolume: its owner and times are nowhere, so they are 0, as the digest of a tree (treehash.h) has them. */
static void make_empty_subvol(struct worker *k, struct cdir *d, int dirfd, const char *name)
{
	struct copyout *c = k->c;
	struct timespec zero[2] = { { 0 } };

	k->dirs++;
	if (c->o.dry_run || make_dir(k, d, dirfd, name) != MADE || !c->o.metadata)
		return;
	if (fchownat(dirfd, name, 0, 0, AT_SYMLINK_NOFOLLOW))
		note_unkept(c, UNKEPT_OWNER, errno, d, name, NULL);
	if (fchmodat(dirfd, name, 0755, 0) || utimensat(dirfd, name, zero, AT_SYMLINK_NOFOLLOW))
		note_unkept(c, UNKEPT_TIMES, errno, d, name, NULL);
}

void copy_entry(struct worker *k, struct cdir *d, int dirfd, const u8 *bytes, const struct entry *e)
{
	struct copyout *c = k->c;
	struct loc loc = { d->sub->root, e->ino };
	char name[BTRFS_NAME_LEN + 1];

	if (!name_ok(bytes, e->name_len)) {
		struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

		sb_escape(&sb, bytes, e->name_len);
		note_damage(c, d, NULL, "entry for inode %llu has the impossible name \"%s\"", e->ino, sb_str(&sb));
		return;
	}
	memcpy(name, bytes, e->name_len);
	name[e->name_len] = 0;
	if (c->o.want) {
		size_t len = k->inside.len;
		bool wanted;

		sb_char(&k->inside, '/');
		sb_puts(&k->inside, name);
		wanted = c->o.want(c->o.arg, sb_str(&k->inside));
		k->inside.len = len;
		if (!wanted)
			return;
	}
	if (e->is_subvol) {
		if (!follow(k, d, name, e, &loc))
			return;
		if (loc.ino == BTRFS_EMPTY_SUBVOL_DIR_OBJECTID) {
			make_empty_subvol(k, d, dirfd, name);
			return;
		}
	}
	copy_inode(k, d, dirfd, name, loc, e->type);
}

bool batch_add(struct worker *k, const struct item *item, const struct hmap *known)
{
	struct dir_entry_view v;
	bool dir = false;
	u32 pos = 0;

	while (k->nbatch < BATCH && dir_item_next(item, &pos, &v)) {
		struct entry *e = &k->batch[k->nbatch];

		if (known && hmap_get(known, hash_bytes(v.name, v.name_len)))
			continue;
		*e = (struct entry){ .ino = v.location.objectid, .index = item->key.offset, .name_off = k->names.len, .name_len = v.name_len,
			.type = v.type, .is_subvol = v.location.type == BTRFS_ROOT_ITEM_KEY };
		sb_add(&k->names, v.name, v.name_len);
		k->nbatch += !k->names.failed;
		dir |= v.type == BTRFS_FT_DIR;
	}
	return dir || k->nbatch == BATCH || k->names.failed;
}

void set_gap(struct cdir *d, const struct err *err)
{
	d->gap = true;
	if (!d->why)
		d->why = mem_strdup(err_text(err));
}

/* Reads names of the slice. 0: there may be more from *next on, -ENOENT: these were the last. */
static int read_batch(struct worker *k, const struct task *t, u64 *next, struct err *err)
{
	struct cdir *d = t->dir;
	struct salvage s CLEANUP(salvage_fini) = salvage_range(&d->sub->root->tree, KEY(d->ino, BTRFS_DIR_INDEX_KEY, t->index),
							       KEY(d->ino, BTRFS_DIR_INDEX_KEY, t->end - 1));
	struct item item;
	int ret;

	k->nbatch = 0;
	sb_reset(&k->names);
	while ((ret = salvage_next(&s, &item, err)) >= 0) {
		if (ret == 1) {
			set_gap(d, err);
			continue;
		}
		if (!d->doubtful && salvage_doubt(&s, d->ino)) {
			d->doubtful = true;
			note_damage(k->c, d, NULL, "its names may not be what they were: %s", salvage_doubt(&s, d->ino));
		}
		if (!batch_add(k, &item, NULL))
			continue;
		*next = item.key.offset + 1;
		return k->names.failed ? err_nomem(err) : *next ? 0 : -ENOENT;
	}
	return ret;
}

void batch_hand_over(struct worker *k, struct cdir *d)
{
	if (k->c->nworkers == 1 || !k->by_index || k->at + 1 >= k->to)
		return;
	d->open++;
	queue_push(k->c, &(struct task){ .dir = d, .index = k->batch[k->at + 1].index, .end = k->batch[k->to - 1].index + 1 });
	k->to = k->at + 1;
}

void copy_batch(struct worker *k, struct cdir *d, int dirfd, unsigned from, unsigned to)
{
	k->to = to;
	for (k->at = from; k->at < k->to && !k->c->stop; k->at++)
		copy_entry(k, d, dirfd, (const u8 *)k->names.v + k->batch[k->at].name_off, &k->batch[k->at]);
}

void dir_done(struct worker *k, struct cdir *d)
{
	struct copyout *c = k->c;

	while (d && !--d->open) {
		struct cdir *parent = d->parent;
		int fd = c->o.dry_run || d->outside || c->stop ? -1 : cdir_pin(c, d);

		if (fd >= 0) {
			meta_dir(k, d, fd);
			cdir_reopen_parent(c, d);
			cdir_unpin(c, d);
		}
		if (!d->outside)
			note(c, COPYOUT_DIR_DONE, d, NULL, NULL);
		/* The parent lives on: this directory's entry in its count is not given back yet. */
		cdir_put(c, d);
		d = parent;
	}
}

static void run_dir(struct worker *k, const struct task *t)
{
	struct cdir *d = t->dir;
	struct copyout *c = k->c;
	int dirfd = c->o.dry_run ? -1 : cdir_pin(c, d), ret = 0;
	struct err err = ERR_INIT;
	unsigned files;
	u64 next = 0;

	if (dirfd < 0 && !c->o.dry_run) {
		note_failed(c, d, NULL, "opening the directory again failed: %s", strerror(errno));
		dir_done(k, d);
		return;
	}
	if (c->o.want)
		cdir_inside(d, NULL, &k->inside);
	ret = read_batch(k, t, &next, &err);
	k->by_index = true;
	if (ret && ret != -ENOENT)
		copyout_stop(c, ret, "%s", err_text(&err));
	/* Only the last of a batch can be a directory. Alone, the order of the names is kept; else others should get at the rest early. */
	files = k->nbatch && k->batch[k->nbatch - 1].type == BTRFS_FT_DIR ? k->nbatch - 1 : k->nbatch;
	if (c->nworkers == 1)
		copy_batch(k, d, dirfd, 0, files);
	if (!ret) {
		d->open++;
		queue_push(c, &(struct task){ .dir = d, .index = next, .end = t->end });
	}
	copy_batch(k, d, dirfd, files, k->nbatch);
	if (c->nworkers > 1)
		copy_batch(k, d, dirfd, 0, files);
	k->by_index = false;
	if (ret == -ENOENT && !t->end && d->gap && !c->stop)
		find_lost_names(k, d, dirfd);
	if (dirfd >= 0)
		cdir_unpin(c, d);
	dir_done(k, d);
}

void run_task(struct worker *k, const struct task *t)
{
	if (t->file)
		copy_big_help(k, t->file);
	else
		run_dir(k, t);
}
