/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listing a directory tree: level by level, the directories of one level in parallel. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "common/pool.h"
#include "kernel-shared/make/entries.h"

enum { PATH_DIRECT = 4000 }; /* longer paths are opened in steps */

char *entry_path(const struct populate *pop, const struct entry *e)
{
	size_t len = strlen(pop->args.dir), pos;
	char *path;

	for (const struct entry *p = e; p->parent; p = p->parent)
		len += p->name_len + 1;
	path = mem_alloc(1, len + 1);
	if (!path)
		return NULL;
	path[len] = 0;
	for (pos = len; e->parent; e = e->parent) {
		pos -= e->name_len;
		memcpy(path + pos, e->name, e->name_len);
		path[--pos] = '/';
	}
	memcpy(path, pop->args.dir, pos);
	return path;
}

static int open_dir(struct populate *pop, struct entry *dir)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (dir->parent ? O_NOFOLLOW : 0), fd, up;
	char *path CLEANUP(mem_freep) = entry_path(pop, dir);

	if (!path)
		return -ENOMEM;
	if (strlen(path) < PATH_DIRECT) {
		fd = open(path, flags);
		return fd < 0 ? -errno : fd;
	}
	up = open_dir(pop, dir->parent);
	if (up < 0)
		return up;
	fd = openat(up, dir->name, flags);
	up = (close(up), errno);
	return fd < 0 ? -up : fd;
}

int entry_dirfd(struct populate *pop, struct source_worker *w, struct entry *dir)
{
	if (w->dir == dir && w->dirfd >= 0)
		return w->dirfd;
	if (w->dirfd >= 0)
		close(w->dirfd);
	w->dirfd = open_dir(pop, dir);
	w->dir = w->dirfd >= 0 ? dir : NULL;
	return w->dirfd;
}

u32 map_id(u32 id, const struct id_map *maps, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (id >= maps[i].from && id - maps[i].from < maps[i].count)
			return maps[i].to + (id - maps[i].from);
	return id;
}

void entry_stat(const struct populate *pop, struct entry *e, const struct stat *st)
{
	const struct populate_args *a = &pop->args;

	e->mode = st->st_mode;
	e->uid = a->has_owner ? a->uid : map_id(st->st_uid, a->uid_maps, a->nuid_maps);
	e->gid = a->has_owner ? a->gid : map_id(st->st_gid, a->gid_maps, a->ngid_maps);
	e->size = S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) ? st->st_size : 0;
	e->rdev = S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode) ? major(st->st_rdev) << 20 | (minor(st->st_rdev) & 0xfffff) : 0;
	e->mtime = st->st_mtim.tv_sec;
	e->mtime_nsec = st->st_mtim.tv_nsec;
	e->atime = pop->fixed_times ? e->mtime : st->st_atim.tv_sec;
	e->atime_nsec = pop->fixed_times ? e->mtime_nsec : st->st_atim.tv_nsec;
	e->ctime = pop->fixed_times ? pop->env->clock_sec : st->st_ctim.tv_sec;
	e->ctime_nsec = pop->fixed_times ? 0 : st->st_ctim.tv_nsec;
	if (S_ISREG(st->st_mode) && (u64)st->st_blocks * 512 < e->size && e->size > pop->sectorsize)
		e->flags |= ENTRY_SPARSE;
}

static int by_name(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* One name of a directory. */
static int list_name(struct populate *pop, struct source_worker *w, struct entry *dir, int fd, const char *name)
{
	struct entry e = { .parent = dir, .name_len = strlen(name) };
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return err_errno(&w->err, -errno, "cannot look at %s", name);
		if (pop->args.strict)
			return err_set(&w->err, -ENOENT, "%s vanished while it was listed", name);
		env_msg(pop->env, MSG_WARNING, "%s vanished while it was listed", name);
		return 0;
	}
	e.name = arena_dup(&w->arena, name, e.name_len + 1);
	if (!e.name)
		return err_nomem(&w->err);
	entry_stat(pop, &e, &st);
	/* until the place of the entry is known */
	e.ino = S_ISDIR(st.st_mode) || st.st_nlink < 2 ? 0 : w->links.len + 1;
	if (e.ino && vec_push(&w->links, ((struct link){ st.st_dev, st.st_ino, NULL })))
		return err_nomem(&w->err);
	return vec_push(&w->found, e) ? err_nomem(&w->err) : 0;
}

static int list_names(struct populate *pop, struct source_worker *w, struct entry *dir, DIR *d)
{
	struct dirent *de;
	int ret = 0;

	for (errno = 0; !ret && (de = readdir(d)); errno = 0)
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			ret = list_name(pop, w, dir, dirfd(d), de->d_name);
	return ret ? ret : errno ? err_errno(&w->err, -errno, "cannot read it") : 0;
}

static int list_dir(struct populate *pop, struct source_worker *w, struct entry *dir)
{
	int fd = open_dir(pop, dir), ret;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return err_errno(&w->err, fd < 0 ? fd : -errno, "cannot open it");
	}
	w->found.len = 0;
	ret = list_names(pop, w, dir, d);
	closedir(d);
	if (ret || !w->found.len)
		return ret;
	if (w->found.len >= UINT32_MAX)
		return err_set(&w->err, -EFBIG, "too many names");
	vec_sort(&w->found, by_name);
	dir->children = arena_dup(&w->arena, w->found.v, w->found.len * sizeof(struct entry));
	if (!dir->children)
		return err_nomem(&w->err);
	dir->nchildren = w->found.len;
	for (u32 i = 0; i < dir->nchildren; i++)
		if (dir->children[i].ino)
			w->links.v[dir->children[i].ino - 1].entry = &dir->children[i];
	return 0;
}

VEC_TYPE(dir_list, struct entry *);
struct level { struct populate *pop; struct dir_list *dirs; };

static int list_one(void *arg, u64 i, unsigned worker)
{
	struct level *l = arg;
	struct source_worker *w = &l->pop->workers[worker];
	struct err kept = w->err;
	int ret = list_dir(l->pop, w, l->dirs->v[i]);

	if (ret) {
		char *path CLEANUP(mem_freep) = entry_path(l->pop, l->dirs->v[i]);

		err_wrap(&w->err, ret, "%s", path ? path : "directory");
		if (kept.code)
			w->err = kept;
	}
	return ret;
}

/* The directories below those of one level, in order. */
static int next_level(struct dir_list *dirs, struct dir_list *next)
{
	next->len = 0;
	for (size_t i = 0; i < dirs->len; i++)
		for (u32 k = 0; k < dirs->v[i]->nchildren; k++)
			if (S_ISDIR(dirs->v[i]->children[k].mode) && vec_push(next, &dirs->v[i]->children[k]))
				return -ENOMEM;
	return 0;
}

static int list_levels(struct populate *pop, struct dir_list *dirs, struct dir_list *next, struct err *err)
{
	while (dirs->len) {
		struct level l = { pop, dirs };
		struct dir_list swap;
		int ret = pool_for(pop->env->pool, dirs->len, list_one, &l);

		if (!ret)
			ret = env_check_interrupt(pop->env, err);
		else
			for (unsigned i = 0; i < pop->nworkers; i++)
				if (pop->workers[i].err.code && err)
					*err = pop->workers[i].err;
		if (ret)
			return ret;
		if (next_level(dirs, next))
			return err_nomem(err);
		swap = *dirs;
		*dirs = *next;
		*next = swap;
	}
	return 0;
}

int list_all(struct populate *pop, struct err *err)
{
	struct dir_list dirs = VEC_INIT, next = VEC_INIT;
	struct stat st;
	int ret;

	if (!strcmp(pop->args.dir, "-"))
		return archive_list(pop, err);
	if (stat(pop->args.dir, &st))
		return err_errno(err, -errno, "cannot look at %s", pop->args.dir);
	if (!S_ISDIR(st.st_mode))
		return archive_list(pop, err);
	pop->top.name = "";
	entry_stat(pop, &pop->top, &st);
	ret = vec_push(&dirs, &pop->top) ? err_nomem(err) : list_levels(pop, &dirs, &next, err);
	vec_fini(&dirs);
	vec_fini(&next);
	return ret;
}

/* The child of this name. */
static struct entry *child_find(struct entry *dir, const char *name, size_t len)
{
	u32 lo = 0, hi = dir->nchildren;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;
		struct entry *e = &dir->children[mid];
		int c = strncmp(e->name, name, len);

		if (!c)
			c = e->name_len > len;
		if (!c)
			return e;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

struct entry *entry_find(struct populate *pop, const char *path)
{
	struct entry *e = &pop->top;

	while (e && *path) {
		size_t len = strcspn(path, "/");

		if (len)
			e = child_find(e, path, len);
		path += len + (path[len] == '/');
	}
	return e;
}
