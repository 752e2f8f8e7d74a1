/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listed directories, packed: a million entries must fit beside everything else, and most of an inode are small numbers, or numbers that
 * are near to one another. */
#include "cmds/shell/shell.h"
#include "common/mem.h"

enum { NUMBER_MAX = 10, NUMBERS = 24 };
enum { HAS_TARGET = 1, IS_SUBVOL = 2, OWN_ROOT = 4 };

static u8 *number_put(u8 *p, u64 n)
{
	for (; n >= 0x80; n >>= 7)
		*p++ = n | 0x80;
	*p++ = n;
	return p;
}

static u64 number_get(const u8 **p)
{
	u64 n = 0;

	for (unsigned shift = 0;; shift += 7) {
		u8 b = *(*p)++;

		n |= (u64)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return n;
	}
}

/* Near 0 on either side. */
static u64 fold(u64 n) { return n << 1 ^ (u64)((s64)n >> 63); }
static u64 unfold(u64 n) { return n >> 1 ^ -(n & 1); }

static u8 *time_give(u8 *p, const struct timespec64 *t, const struct timespec64 *near)
{
	p = number_put(p, fold((u64)t->sec - (u64)near->sec));
	return number_put(p, t->nsec ^ near->nsec);
}

static void time_take(const u8 **p, struct timespec64 *t, const struct timespec64 *near)
{
	t->sec = (s64)(unfold(number_get(p)) + (u64)near->sec);
	t->nsec = (u32)number_get(p) ^ near->nsec;
}

static u8 *inode_give(u8 *p, const struct inode *i)
{
	static const struct timespec64 epoch;

	p = number_put(p, i->generation);
	p = number_put(p, fold(i->transid - i->generation));
	p = number_put(p, i->size);
	p = number_put(p, fold(i->nbytes - i->size));
	p = number_put(p, i->rdev);
	p = number_put(p, i->flags);
	p = number_put(p, i->sequence);
	p = number_put(p, i->nlink);
	p = number_put(p, i->uid);
	p = number_put(p, i->gid);
	p = number_put(p, i->mode);
	p = time_give(p, &i->mtime, &epoch);
	p = time_give(p, &i->ctime, &i->mtime);
	p = time_give(p, &i->atime, &i->mtime);
	return time_give(p, &i->otime, &i->mtime);
}

static void inode_take(const u8 **p, struct inode *i)
{
	static const struct timespec64 epoch;

	i->generation = number_get(p);
	i->transid = unfold(number_get(p)) + i->generation;
	i->size = number_get(p);
	i->nbytes = unfold(number_get(p)) + i->size;
	i->rdev = number_get(p);
	i->flags = number_get(p);
	i->sequence = number_get(p);
	i->nlink = number_get(p);
	i->uid = number_get(p);
	i->gid = number_get(p);
	i->mode = number_get(p);
	time_take(p, &i->mtime, &epoch);
	time_take(p, &i->ctime, &i->mtime);
	time_take(p, &i->atime, &i->mtime);
	time_take(p, &i->otime, &i->mtime);
}

void shell_entries_init(struct shell_entries *l)
{
	*l = (struct shell_entries){ .v = NULL };
	arena_init(&l->arena);
}

void shell_entries_fini(struct shell_entries *l)
{
	arena_fini(&l->arena);
	vec_fini(l);
}

/* flags, type, error, inode number, [root], inode; then the name and the target with their ends. */
int shell_entries_add(struct shell_entries *l, const struct shell_entry *e)
{
	size_t target = e->target ? strlen(e->target) + 1 : 0, fixed;
	u8 head[3 + sizeof(e->loc.root) + NUMBERS * NUMBER_MAX], *p = head, *at;

	if (!l->len)
		l->root = e->loc.root;
	*p++ = (target ? HAS_TARGET : 0) | (e->is_subvol ? IS_SUBVOL : 0) | (e->loc.root != l->root ? OWN_ROOT : 0);
	*p++ = e->type;
	p = number_put(p, -e->error);
	p = number_put(p, e->loc.ino);
	if (e->loc.root != l->root) {
		memcpy(p, &e->loc.root, sizeof(e->loc.root));
		p += sizeof(e->loc.root);
	}
	if (!e->error)
		p = inode_give(p, &e->inode);
	fixed = p - head;
	at = arena_alloc(&l->arena, 2 + fixed + e->name_len + 1 + target);
	if (!at || vec_push(l, at))
		return -ENOMEM;
	at[0] = fixed;
	at[1] = fixed >> 8;
	memcpy(at + 2, head, fixed);
	memcpy(at + 2 + fixed, e->name, e->name_len);
	at[2 + fixed + e->name_len] = 0;
	if (target)
		memcpy(at + 2 + fixed + e->name_len + 1, e->target, target);
	return 0;
}

static const char *name_of(const u8 *at)
{
	return (const char *)at + 2 + (at[0] | at[1] << 8);
}

struct shell_entry shell_entry_at(const struct shell_entries *l, size_t i)
{
	const u8 *at = l->v[i], *p = at + 2;
	struct shell_entry e = { .name = name_of(at), .loc = { l->root, 0 } };
	u8 flags = *p++;

	e.name_len = strlen(e.name);
	e.is_subvol = flags & IS_SUBVOL;
	e.type = *p++;
	e.error = -(int)number_get(&p);
	e.loc.ino = number_get(&p);
	if (flags & OWN_ROOT) {
		memcpy(&e.loc.root, p, sizeof(e.loc.root));
		p += sizeof(e.loc.root);
	}
	if (!e.error) {
		inode_take(&p, &e.inode);
		e.inode.root = e.loc.root;
		e.inode.ino = e.loc.ino;
	}
	e.target = flags & HAS_TARGET ? e.name + e.name_len + 1 : NULL;
	return e;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(name_of(*(u8 *const *)a), name_of(*(u8 *const *)b));
}

/* A name with a NUL in it ends there for everybody who reads it. */
static int add_found(struct root *root, u64 dir, const struct dirent *d, struct shell_entries *out, struct err *err)
{
	char *name = mem_strndup((const char *)d->name, d->name_len), *target = NULL;
	struct shell_entry e = { .name = name, .is_subvol = d->is_subvol, .type = d->type };
	size_t len;
	int ret;

	if (!name)
		return err_nomem(err);
	e.name_len = strlen(name);
	e.error = dirent_follow(root, dir, d, &e.loc, err);
	if (!e.error)
		e.error = inode_get(e.loc.root, e.loc.ino, &e.inode, err);
	if (!e.error && inode_is(&e.inode, 0120000))
		symlink_read(e.loc.root, e.loc.ino, &target, &len, err);
	e.target = target;
	ret = e.error == -ENOMEM || shell_entries_add(out, &e) ? err_nomem(err) : 0;
	free(name);
	free(target);
	return ret;
}

int shell_list(struct cmd_ctx *ctx, struct loc dir, struct shell_entries *out)
{
	struct dir_iter it CLEANUP(dir_close) = dir_open(dir.root, dir.ino);
	struct err entry_err;
	struct dirent d;
	int ret;

	shell_entries_init(out);
	while (!(ret = dir_next(&it, &d, &ctx->err))) {
		ret = add_found(dir.root, dir.ino, &d, out, &entry_err);
		if (ret) {
			ctx->err = entry_err;
			break;
		}
	}
	vec_sort(out, by_name);
	return ret == -ENOENT ? 0 : ret;
}
