/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A manifest says what the source cannot: owners, modes, times, extended attributes, subvolumes and flags by path, and files that are not there at all (directories,
 * device nodes, symlinks...). One path a line, words KEY=VALUE behind it; a blank or other byte in a path or value is written \ooo. `#` begins a comment.
 *
 *     dev/console type=char dev=5:1 mode=0600 uid=0 gid=5
 *     var subvol=rw
 *     usr/bin/ping xattr:security.capability=\001\000\000\002... */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/io.h"
#include "common/units.h"
#include "kernel-shared/make/entries.h"

enum { MANIFEST_MAX = 256 << 20 };

struct line { struct populate *pop; struct entry *e; struct err *err; bool made; };

/* Octal escapes in place; the length, which may include zero bytes. */
static size_t unescape(char *s)
{
	char *to = s, *from = s;

	while (*from) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to++ = (from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0');
			from += 4;
		} else if (from[0] == '\\' && from[1] == '\\') {
			*to++ = '\\';
			from += 2;
		} else {
			*to++ = *from++;
		}
	}
	*to = 0;
	return to - s;
}

/* ---- entries that the source does not have ---- */

/* The children of dir move; what points to them follows. */
static void moved(struct populate *pop, struct entry *old, u32 n, struct entry *dir, u32 gap)
{
	for (u32 i = 0; i < dir->nchildren; i++)
		for (u32 k = 0; k < dir->children[i].nchildren; k++)
			dir->children[i].children[k].parent = &dir->children[i];
	for (unsigned w = 0; w < pop->nworkers; w++)
		for (size_t i = 0; i < pop->workers[w].links.len; i++) {
			struct link *l = &pop->workers[w].links.v[i];

			if (l->entry >= old && l->entry < old + n)
				l->entry = &dir->children[l->entry - old + (l->entry - old >= gap)];
		}
	for (size_t i = 0; i < pop->added.len; i++) {
		struct entry **e = &pop->added.v[i]->e;

		if (*e >= old && *e < old + n)
			*e = &dir->children[*e - old + (*e - old >= gap)];
	}
}

static int insert_child(struct line *l, struct entry *dir, const char *name, struct entry **out)
{
	struct arena *arena = &l->pop->workers[0].arena;
	struct entry *old = dir->children, *v = arena_alloc(arena, (dir->nchildren + 1ULL) * sizeof(*v));
	struct entry_stored *stored = arena_alloc(arena, sizeof(*stored));
	char *copy = arena_dup(arena, name, strlen(name) + 1);
	u32 at = 0;

	if (!v || !stored || !copy)
		return err_nomem(l->err);
	while (at < dir->nchildren && strcmp(old[at].name, name) < 0)
		at++;
	if (at)
		memcpy(v, old, at * sizeof(*v));
	if (at < dir->nchildren)
		memcpy(v + at + 1, old + at, (dir->nchildren - at) * sizeof(*v));
	memset(stored, 0, sizeof(*stored));
	v[at] = (struct entry){ .parent = dir, .name = copy, .name_len = strlen(name), .stored = stored, .uid = l->pop->top.uid, .gid = l->pop->top.gid };
	env_now(l->pop->env, &v[at].mtime, &v[at].mtime_nsec);
	v[at].atime = v[at].ctime = v[at].mtime;
	v[at].atime_nsec = v[at].ctime_nsec = v[at].mtime_nsec;
	dir->children = v;
	dir->nchildren++;
	moved(l->pop, old, dir->nchildren - 1, dir, at);
	*out = &v[at];
	return 0;
}

static int make_entry(struct line *l, char *path)
{
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct entry *dir;

	if (slash)
		*slash = 0;
	dir = slash ? entry_find(l->pop, path) : &l->pop->top;
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || strlen(name) > BTRFS_NAME_LEN)
		return err_set(l->err, -EINVAL, "\"%s\" is no name", name);
	if (!dir || !S_ISDIR(dir->mode))
		return err_set(l->err, -ENOENT, "there is no directory %s for %s", slash ? path : "/", name);
	l->made = true;
	return insert_child(l, dir, name, &l->e);
}

/* ---- words ---- */

static int number(struct line *l, const char *text, int base, u64 max, u32 *out)
{
	char *end;
	unsigned long long v = strtoull(text, &end, base);

	if (!*text || *end || *text == '-' || v > max)
		return err_set(l->err, -EINVAL, "\"%s\" is no number up to %llu", text, max);
	*out = v;
	return 0;
}

static int set_type(struct line *l, const char *v)
{
	static const struct { const char *name; u32 mode; } types[] = { { "dir", S_IFDIR | 0755 }, { "file", S_IFREG | 0644 }, { "link", S_IFLNK | 0777 },
		{ "char", S_IFCHR | 0600 }, { "block", S_IFBLK | 0600 }, { "fifo", S_IFIFO | 0644 }, { "sock", S_IFSOCK | 0755 } };

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, v))
			continue;
		if (!l->made && (l->e->mode & S_IFMT) != (types[i].mode & S_IFMT))
			return err_set(l->err, -EEXIST, "it exists already, as something else");
		if (l->made)
			l->e->mode = types[i].mode;
		return 0;
	}
	return err_set(l->err, -EINVAL, "unknown type %s", v);
}

static int set_mode(struct line *l, const char *v)
{
	u32 mode = 0;
	int ret = number(l, v, 8, 07777, &mode);

	if (!ret)
		l->e->mode = (l->e->mode & S_IFMT) | mode;
	return ret;
}

static int set_uid(struct line *l, const char *v) { return number(l, v, 10, UINT32_MAX - 1, &l->e->uid); }
static int set_gid(struct line *l, const char *v) { return number(l, v, 10, UINT32_MAX - 1, &l->e->gid); }

static int set_dev(struct line *l, const char *v)
{
	unsigned maj, min;
	char more;

	if (sscanf(v, "%u:%u%c", &maj, &min, &more) != 2 || maj > 0xfff || min > 0xfffff)
		return err_set(l->err, -EINVAL, "\"%s\" is no device number MAJOR:MINOR", v);
	l->e->rdev = maj << 20 | min;
	return 0;
}

static int set_mtime(struct line *l, const char *v)
{
	unsigned long long sec, nsec = 0;
	char *end;

	sec = strtoull(v, &end, 10);
	if (*end == '.' && strlen(end + 1) == 9)
		nsec = strtoull(end + 1, &end, 10);
	if (!*v || *end || nsec >= 1000000000 || sec > INT64_MAX)
		return err_set(l->err, -EINVAL, "\"%s\" is no time SECONDS[.NANOSECONDS, nine digits]", v);
	l->e->mtime = sec;
	l->e->mtime_nsec = nsec;
	return 0;
}

/* Values of lines are in the arena. */
static int set_target(struct line *l, const char *v)
{
	if (!l->made || !S_ISLNK(l->e->mode))
		return err_set(l->err, -EINVAL, "only a new symlink (type=link) has a target");
	l->e->stored->target = v;
	l->e->size = strlen(v);
	return 0;
}

static int set_subvol(struct line *l, const char *v)
{
	struct entry *e = l->e;

	if (!S_ISDIR(e->mode) || !e->parent)
		return err_set(l->err, -ENOTDIR, "only a directory below the top becomes a subvolume");
	e->flags |= ENTRY_SUBVOL | (strcmp(v, "ro") && strcmp(v, "default-ro") ? 0 : ENTRY_READONLY) | (strncmp(v, "default", 7) ? 0 : ENTRY_DEFAULT);
	return strcmp(v, "rw") && strcmp(v, "ro") && strcmp(v, "default") && strcmp(v, "default-ro") ? err_set(l->err, -EINVAL, "unknown kind of subvolume: %s", v) : 0;
}

static int set_flags(struct line *l, const char *v)
{
	for (const char *s = v; *s;) {
		size_t len = strcspn(s, ",");

		if (len == 9 && !memcmp(s, "nodatacow", 9))
			l->e->iflags |= BTRFS_INODE_NODATACOW;
		else if (len == 9 && !memcmp(s, "nodatasum", 9))
			l->e->iflags |= BTRFS_INODE_NODATASUM;
		else
			return err_set(l->err, -EINVAL, "unknown flag: %.*s", (int)len, s);
		s += len + (s[len] == ',');
	}
	return 0;
}

static int set_verity(struct line *l, const char *v)
{
	if (!S_ISREG(l->e->mode))
		return err_set(l->err, -EINVAL, "only files are sealed");
	l->e->flags |= ENTRY_VERITY;
	return 0;
}

static int set_xattr(struct line *l, const char *name, const char *value, size_t len)
{
	struct arena *arena = &l->pop->workers[0].arena;
	struct entry_added *a = arena_alloc(arena, sizeof(*a));

	if (!a)
		return err_nomem(l->err);
	if (!*name || strlen(name) > BTRFS_NAME_LEN || len > UINT16_MAX)
		return err_set(l->err, -EINVAL, "this extended attribute cannot be");
	l->e->flags |= ENTRY_XATTRS;
	*a = (struct entry_added){ l->e, { name, value, len } };
	return vec_push(&l->pop->added, a) ? err_nomem(l->err) : 0;
}

static int set_word(struct line *l, char *word)
{
	static const struct { const char *key; int (*set)(struct line *l, const char *v); } keys[] = {
		{ "type", set_type }, { "mode", set_mode }, { "uid", set_uid }, { "gid", set_gid }, { "dev", set_dev }, { "mtime", set_mtime },
		{ "target", set_target }, { "subvol", set_subvol }, { "flags", set_flags }, { "verity", set_verity } };
	char *eq = strchr(word, '=');
	size_t len;

	if (!eq)
		return err_set(l->err, -EINVAL, "\"%s\" is no KEY=VALUE", word);
	*eq = 0;
	len = unescape(eq + 1);
	if (!strncmp(word, "xattr:", 6)) {
		unescape(word + 6);
		return set_xattr(l, word + 6, eq + 1, len);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(keys[i].key, word))
			return keys[i].set(l, eq + 1);
	return err_set(l->err, -EINVAL, "unknown key %s", word);
}

static int one_line(struct populate *pop, char *text, struct err *err)
{
	struct line l = { .pop = pop, .err = err };
	char *save = NULL, *path = strtok_r(text, " \t", &save), *word = strtok_r(NULL, " \t", &save);
	int ret = 0;

	if (!path)
		return 0;
	unescape(path);
	while (*path == '/')
		path++;
	l.e = entry_find(pop, path);
	if (!l.e && (!word || strncmp(word, "type=", 5)))
		return err_set(err, -ENOENT, "%s is not in the source; a new file begins with type=", path);
	if (!l.e)
		ret = make_entry(&l, path);
	if (!ret)
		l.e->flags |= ENTRY_MANIFEST;
	for (; word && !ret; word = strtok_r(NULL, " \t", &save))
		ret = set_word(&l, word);
	if (!ret && l.made && S_ISLNK(l.e->mode) && !l.e->stored->target)
		ret = err_set(err, -EINVAL, "a symlink needs target=");
	return ret;
}

int manifest_apply(struct populate *pop, struct err *err)
{
	char *text, *keep;
	size_t size;
	unsigned n = 1;
	int ret = io_read_file(pop->args.manifest, MANIFEST_MAX, &text, &size);

	if (ret)
		return err_errno(err, ret, "cannot read %s", pop->args.manifest);
	/* words stay where they are for as long as the entries */
	keep = arena_dup(&pop->workers[0].arena, text, size + 1);
	free(text);
	if (!keep)
		return err_nomem(err);
	for (char *line = keep, *next; line && !ret; line = next, n++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (line[0] != '#')
			ret = one_line(pop, line, err);
		if (ret)
			return err_wrap(err, ret, "%s, line %u", pop->args.manifest, n);
	}
	return 0;
}
