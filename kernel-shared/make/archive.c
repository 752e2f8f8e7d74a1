/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tar archive as a source. It can be read only once and in its own order, so file contents go to a temporary file first, at places that the entries
 * remember; holes stay holes there. */
#include "kernel-shared/make/entries.h"

#if HAVE_ARCHIVE
#include "kernel-shared/make/archive_lib.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "common/hash.h"
#include "common/io.h"

/* A name while the tree grows. */
struct tnode {
	struct tnode *parent, *child, *next; /* child: the newest */
	struct tnode *bucket;                /* of the same hash */
	struct tnode *inode;                 /* hard link: whose inode */
	struct entry e;                      /* without its family */
	struct entry *placed;
	u64 id;
	bool linked;
};

struct unpack {
	struct populate *pop;
	struct archive *a;
	struct arena arena;
	struct hmap names;
	struct tnode *top;
	u64 count, spool_end;
	struct err *err;
};

static int archive_err(struct unpack *u, const char *what)
{
	const char *text = archive_error_string(u->a);

	return err_set(u->err, -EIO, "%s %s: %s", what, u->pop->args.dir, text ? text : "unknown error");
}

/* ---- the tree ---- */

static struct tnode *tnode_new(struct unpack *u, struct tnode *parent, const char *name, size_t len)
{
	struct tnode *n = arena_alloc(&u->arena, sizeof(*n));
	char *copy = arena_alloc(&u->pop->workers[0].arena, len + 1);
	u64 *slot;

	if (!n || !copy)
		return NULL;
	memset(n, 0, sizeof(*n));
	memcpy(copy, name, len);
	copy[len] = 0;
	n->e.name = copy;
	n->e.name_len = len;
	n->e.mode = S_IFDIR | 0755;
	n->e.uid = u->pop->top.uid;
	n->e.gid = u->pop->top.gid;
	n->e.mtime = n->e.atime = n->e.ctime = u->pop->top.mtime;
	n->id = ++u->count;
	n->parent = parent;
	if (!parent)
		return n;
	slot = hmap_put(&u->names, hash_mix2(parent->id, hash_bytes(name, len)), NULL);
	if (!slot)
		return NULL;
	n->bucket = (struct tnode *)(uintptr_t)*slot;
	*slot = (uintptr_t)n;
	n->next = parent->child;
	parent->child = n;
	parent->e.nchildren++;
	return n;
}

static struct tnode *tnode_child(struct unpack *u, struct tnode *parent, const char *name, size_t len)
{
	u64 *slot = hmap_get(&u->names, hash_mix2(parent->id, hash_bytes(name, len)));

	for (struct tnode *n = slot ? (struct tnode *)(uintptr_t)*slot : NULL; n; n = n->bucket)
		if (n->parent == parent && n->e.name_len == len && !memcmp(n->e.name, name, len))
			return n;
	return NULL;
}

/* The node of a path; directories that the archive does not name are made. */
static int tnode_at(struct unpack *u, const char *path, bool make, struct tnode **out)
{
	struct tnode *at = u->top, *n;
	size_t len;

	for (; *path; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (!len || (len == 1 && path[0] == '.'))
			continue;
		if (len == 2 && !memcmp(path, "..", 2))
			return err_set(u->err, -EINVAL, "a name in %s leads out of it: \"..\"", u->pop->args.dir);
		if (len > BTRFS_NAME_LEN)
			return err_set(u->err, -ENAMETOOLONG, "a name in %s has %zu bytes, more than %u", u->pop->args.dir, len, BTRFS_NAME_LEN);
		n = tnode_child(u, at, path, len);
		if (!n && !make)
			return err_set(u->err, -ENOENT, "a hard link in %s points to nothing before it: %s", u->pop->args.dir, path);
		if (!n)
			n = tnode_new(u, at, path, len);
		if (!n)
			return err_nomem(u->err);
		if (path[len] == '/' && path[len + 1 + strspn(path + len + 1, "/")] && !S_ISDIR(n->e.mode))
			return err_set(u->err, -ENOTDIR, "%s in %s is a directory and none", n->e.name, u->pop->args.dir);
		at = n;
	}
	*out = at;
	return 0;
}

/* ---- one entry ---- */

static const char *either(const char *native, const char *utf8) { return native ? native : utf8; }

/* ---- access control lists: the archive has them as text, the filesystem as the kernel's binary form ---- */

struct acl_entry { le16 tag, perm; le32 id; } PACKED;
enum { ACL_USER_OBJ = 1, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16, ACL_OTHER = 32, ACL_MAX = 4096 };

static int by_tag(const void *x, const void *y)
{
	const struct acl_entry *a = x, *b = y;

	if (le16_get(a->tag) != le16_get(b->tag))
		return (int)le16_get(a->tag) - (int)le16_get(b->tag);
	return le32_get(a->id) < le32_get(b->id) ? -1 : le32_get(a->id) > le32_get(b->id);
}

static u16 acl_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ: return ACL_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER: return ACL_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ: return ACL_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP: return ACL_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK: return ACL_MASK;
	default: return ACL_OTHER;
	}
}

/* GNU tar writes names: whom they mean here. */
static int acl_id(int tag, const char *who)
{
	const struct passwd *pw = who && tag == ARCHIVE_ENTRY_ACL_USER ? getpwnam(who) : NULL;
	const struct group *gr = who && tag == ARCHIVE_ENTRY_ACL_GROUP ? getgrnam(who) : NULL;

	return pw ? (int)pw->pw_uid : gr ? (int)gr->gr_gid : -1;
}

/* *mode: with an extended list its group bits are the mask. */
static int copy_acl(struct unpack *u, struct archive_entry *ae, struct entry_stored *s, int type, const char *name, u32 *mode)
{
	int n = archive_entry_acl_reset(ae, type), t, perm, tag, qual, i = 0;
	bool access = type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	struct arena *arena = &u->pop->workers[0].arena;
	struct acl_entry *v;
	const char *who;
	u8 *value;

	if (n < (access ? 4 : 1))
		return 0;
	value = n > ACL_MAX ? NULL : arena_alloc(arena, 4 + n * sizeof(*v));
	if (!value)
		return n > ACL_MAX ? err_set(u->err, -E2BIG, "an access control list in %s has %d entries", u->pop->args.dir, n) : err_nomem(u->err);
	put_le32(value, 2);
	v = (struct acl_entry *)(value + 4);
	while (i < n && archive_entry_acl_next(ae, type, &t, &perm, &tag, &qual, &who) == ARCHIVE_OK) {
		bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;
		u32 id;

		if (named && qual < 0)
			qual = acl_id(tag, who);
		if (named && qual < 0)
			return err_set(u->err, -EINVAL, "an access control list in %s names %s, who is unknown here", u->pop->args.dir, who ? who : "someone");
		id = tag == ARCHIVE_ENTRY_ACL_USER ? map_id(qual, u->pop->args.uid_maps, u->pop->args.nuid_maps) :
			map_id(qual, u->pop->args.gid_maps, u->pop->args.ngid_maps);

		v[i++] = (struct acl_entry){ le16_of(acl_tag(tag)), le16_of(perm & 7), le32_of(named ? id : UINT32_MAX) };
		if (access && tag == ARCHIVE_ENTRY_ACL_MASK)
			*mode = (*mode & ~070) | (perm & 7) << 3;
	}
	qsort(v, i, sizeof(*v), by_tag);
	s->xattrs[s->nxattrs++] = (struct stored_xattr){ name, value, 4 + i * sizeof(*v) };
	return 0;
}

static int copy_xattrs(struct unpack *u, struct archive_entry *ae, struct entry_stored *s)
{
	int n = archive_entry_xattr_reset(ae);
	const char *name;
	const void *value;
	size_t len;

	/* and two lists of access */
	s->xattrs = arena_alloc(&u->pop->workers[0].arena, (n + 2) * sizeof(*s->xattrs));
	if (!s->xattrs)
		return err_nomem(u->err);
	while (!archive_entry_xattr_next(ae, &name, &value, &len)) {
		struct stored_xattr *x = &s->xattrs[s->nxattrs];

		if (!name || !*name || strlen(name) > BTRFS_NAME_LEN || len > UINT16_MAX)
			return err_set(u->err, -EINVAL, "%s holds an extended attribute that cannot be: %zu bytes", u->pop->args.dir, len);
		x->name = arena_dup(&u->pop->workers[0].arena, name, strlen(name) + 1);
		x->value = len ? arena_dup(&u->pop->workers[0].arena, value, len) : arena_dup(&u->pop->workers[0].arena, "", 1);
		x->len = len;
		if (!x->name || !x->value)
			return err_nomem(u->err);
		s->nxattrs++;
	}
	return 0;
}

static int copy_data(struct unpack *u, struct tnode *n)
{
	struct entry_stored *s = n->e.stored;
	const void *buf;
	size_t len;
	la_int64_t off;
	u64 stored = 0;
	int ret;

	s->offset = u->spool_end;
	while ((ret = archive_read_data_block(u->a, &buf, &len, &off)) == ARCHIVE_OK) {
		if (off < 0 || (u64)off > n->e.size || len > n->e.size - off)
			return err_set(u->err, -EINVAL, "%s is broken: %s has more bytes than it says", u->pop->args.dir, n->e.name);
		ret = io_pwrite(u->pop->spool, buf, len, s->offset + off);
		if (ret)
			return err_errno(u->err, ret, "cannot write a temporary file");
		stored += len;
	}
	if (ret != ARCHIVE_EOF)
		return archive_err(u, "cannot read");
	if (stored < n->e.size)
		n->e.flags |= ENTRY_SPARSE;
	u->spool_end = round_up_p2(u->spool_end + n->e.size, 4096);
	return ftruncate(u->pop->spool, u->spool_end) ? err_errno(u->err, -errno, "cannot write a temporary file") : 0;
}

static int copy_attributes(struct unpack *u, struct archive_entry *ae, struct tnode *n)
{
	const char *target = either(archive_entry_symlink(ae), archive_entry_symlink_utf8(ae));
	struct stat st = { .st_mode = archive_entry_mode(ae), .st_uid = archive_entry_uid(ae), .st_gid = archive_entry_gid(ae),
		.st_size = archive_entry_size_is_set(ae) ? archive_entry_size(ae) : 0, .st_rdev = archive_entry_rdev(ae) };
	struct entry_stored *s = arena_alloc(&u->pop->workers[0].arena, sizeof(*s));
	int ret;

	if (!s)
		return err_nomem(u->err);
	memset(s, 0, sizeof(*s));
	if (!(st.st_mode & S_IFMT) || st.st_size < 0)
		return err_set(u->err, -EINVAL, "%s holds something of unknown kind: %s", u->pop->args.dir, n->e.name);
	st.st_blocks = st.st_size / 512 + 1;
	st.st_mtim.tv_sec = archive_entry_mtime(ae);
	st.st_mtim.tv_nsec = archive_entry_mtime_nsec(ae);
	st.st_atim = st.st_ctim = st.st_mtim;
	if (archive_entry_atime_is_set(ae))
		st.st_atim = (struct timespec){ archive_entry_atime(ae), archive_entry_atime_nsec(ae) };
	if (archive_entry_ctime_is_set(ae))
		st.st_ctim = (struct timespec){ archive_entry_ctime(ae), archive_entry_ctime_nsec(ae) };
	if (S_ISLNK(st.st_mode)) {
		if (!target || !*target)
			return err_set(u->err, -EINVAL, "%s holds a symlink to nothing: %s", u->pop->args.dir, n->e.name);
		s->target = arena_dup(&u->pop->workers[0].arena, target, strlen(target) + 1);
		if (!s->target)
			return err_nomem(u->err);
		st.st_size = strlen(target);
	}
	n->e.flags = 0;
	entry_stat(u->pop, &n->e, &st);
	n->e.stored = s;
	n->inode = NULL;
	ret = copy_xattrs(u, ae, s);
	if (!ret)
		ret = copy_acl(u, ae, s, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access", &n->e.mode);
	if (!ret)
		ret = copy_acl(u, ae, s, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default", &n->e.mode);
	return ret || !S_ISREG(st.st_mode) || !st.st_size ? ret : copy_data(u, n);
}

static int add_entry(struct unpack *u, struct archive_entry *ae)
{
	const char *path = either(archive_entry_pathname(ae), archive_entry_pathname_utf8(ae));
	const char *link = either(archive_entry_hardlink(ae), archive_entry_hardlink_utf8(ae));
	struct tnode *n, *to;
	int ret;

	if (!path)
		return err_set(u->err, -EILSEQ, "%s holds a name that cannot be read", u->pop->args.dir);
	ret = tnode_at(u, path, true, &n);
	if (ret)
		return ret;
	if (n->child && (link || !S_ISDIR(archive_entry_mode(ae))))
		return err_set(u->err, -ENOTDIR, "%s in %s is a directory and none", path, u->pop->args.dir);
	if (!link)
		return copy_attributes(u, ae, n);
	ret = tnode_at(u, link, false, &to);
	if (ret)
		return ret;
	to = to->inode ? to->inode : to;
	if (to == n)
		return 0;
	if (S_ISDIR(to->e.mode))
		return err_set(u->err, -EPERM, "%s in %s is a hard link to a directory", path, u->pop->args.dir);
	n->inode = to;
	to->linked = true;
	return 0;
}

static int read_all(struct unpack *u)
{
	struct archive_entry *ae;
	int ret;

	while ((ret = archive_read_next_header(u->a, &ae)) == ARCHIVE_OK || ret == ARCHIVE_WARN) {
		ret = add_entry(u, ae);
		if (!ret)
			ret = env_check_interrupt(u->pop->env, u->err);
		if (ret)
			return ret;
	}
	return ret == ARCHIVE_EOF ? 0 : archive_err(u, "cannot read");
}

/* ---- entries ---- */

static int by_name(const void *x, const void *y)
{
	return strcmp((*(struct tnode *const *)x)->e.name, (*(struct tnode *const *)y)->e.name);
}

static int place_children(struct unpack *u, struct tnode *dir)
{
	struct source_worker *w = &u->pop->workers[0];
	VEC(struct tnode *) v = VEC_INIT;
	struct entry *e = dir->placed;
	int ret = 0;

	for (struct tnode *n = dir->child; n && !ret; n = n->next)
		ret = vec_push(&v, n);
	vec_sort(&v, by_name);
	e->nchildren = v.len;
	e->children = v.len ? arena_alloc(&w->arena, v.len * sizeof(*e)) : NULL;
	if (v.len && !e->children)
		ret = -ENOMEM;
	for (size_t i = 0; i < v.len && !ret; i++) {
		struct tnode *n = v.v[i], *inode = n->inode ? n->inode : n;

		e->children[i] = inode->e;
		e->children[i].name = n->e.name;
		e->children[i].name_len = n->e.name_len;
		e->children[i].parent = e;
		e->children[i].children = NULL;
		n->placed = &e->children[i];
		if (inode->linked)
			ret = vec_push(&w->links, ((struct link){ 1, inode->id, n->placed }));
	}
	vec_fini(&v);
	return ret;
}

static int place_all(struct unpack *u)
{
	VEC(struct tnode *) dirs = VEC_INIT;
	int ret = vec_push(&dirs, u->top);

	u->top->placed = &u->pop->top;
	while (!ret && dirs.len) {
		struct tnode *dir = dirs.v[--dirs.len];

		ret = place_children(u, dir);
		for (struct tnode *n = dir->child; n && !ret; n = n->next)
			if (n->child)
				ret = vec_push(&dirs, n);
	}
	vec_fini(&dirs);
	return ret ? err_nomem(u->err) : 0;
}

static int unpack(struct unpack *u)
{
	const char *path = u->pop->args.dir;
	bool in = !strcmp(path, "-");
	int ret;

	u->top = tnode_new(u, NULL, "", 0);
	u->a = archive_read_new();
	u->pop->spool = io_tempfile(u->pop->env->tempdir);
	if (!u->top || !u->a)
		return err_nomem(u->err);
	if (u->pop->spool < 0)
		return err_errno(u->err, u->pop->spool, "cannot make a temporary file");
	archive_read_support_filter_all(u->a);
	archive_read_support_format_tar(u->a);
	archive_read_support_format_cpio(u->a);
	if (in ? archive_read_open_fd(u->a, 0, 1 << 20) : archive_read_open_filename(u->a, path, 1 << 20))
		return archive_err(u, "cannot open");
	ret = read_all(u);
	if (ret)
		return ret;
	u->top->e.name = "";
	u->pop->top = u->top->e;
	return place_all(u);
}

int archive_list(struct populate *pop, struct err *err)
{
	struct unpack u = { .pop = pop, .names = HMAP_INIT, .err = err };
	u32 nsec;
	int ret = archive_lib_load(err);

	if (ret)
		return err_wrap(err, ret, "cannot read %s", pop->args.dir);
	env_now(pop->env, &pop->top.mtime, &nsec);
	if (pop->args.has_owner) {
		pop->top.uid = pop->args.uid;
		pop->top.gid = pop->args.gid;
	}
	arena_init(&u.arena);
	ret = unpack(&u);
	if (u.a)
		archive_read_free(u.a);
	hmap_fini(&u.names);
	arena_fini(&u.arena);
	return ret;
}
#else
int archive_list(struct populate *pop, struct err *err)
{
	return err_set(err, -EOPNOTSUPP, "cannot read %s: this build has no support for archives", pop->args.dir);
}
#endif
