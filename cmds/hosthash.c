/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree of the running system as a source of treehash.
 *
 * Only the directory that the walk is in stays open, whatever the depth: going below closes it, coming back reopens it through "..".
 * Entries on their way through the workers hold the directory that they are in. */
#include "cmds/hosthash.h"
#include "common/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { BTRFS_MAGIC_STATFS = 0x9123683e, EMPTY_SUBVOL_INO = 2 };

struct dirfd { _Atomic unsigned refs; int fd; };

struct host_source {
	struct treehash_source base;
	struct dirfd *above;   /* the directory that holds the top */
	const char *top_name;  /* in it */
	bool is_btrfs;
	u64 mount_id;
};

struct host_node {
	struct treehash_node base;
	struct dirfd *in;      /* the directory that holds it */
	struct dirfd *self;    /* of a directory, while the walk is in it */
	const char *name;      /* in `in` */
	int fd;                /* of an opened file, else -1 */
};

static struct host_node *host_node(struct treehash_node *n)
{
	return container_of(n, struct host_node, base);
}

/* ---- Open directories ---- */

/* Takes fd, also on failure. */
static struct dirfd *dirfd_new(int fd)
{
	struct dirfd *d = mem_zalloc(sizeof(*d));

	if (!d) {
		close(fd);
		return NULL;
	}
	d->fd = fd;
	d->refs = 1;
	return d;
}

static void dirfd_put(struct dirfd **d)
{
	if (*d && !--(*d)->refs) {
		close((*d)->fd);
		free(*d);
	}
	*d = NULL;
}

/* Reading must not leave traces, where that is permitted. */
static int open_quietly(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOATIME | O_CLOEXEC);

	return fd < 0 && errno == EPERM ? openat(dir, name, flags | O_CLOEXEC) : fd;
}

/* ---- The source ---- */

static struct treehash_time time_of(const struct statx_timestamp *t)
{
	return (struct treehash_time){ t->tv_sec, t->tv_nsec };
}

static void stat_of(const struct host_source *h, const struct statx *x, struct treehash_stat *st)
{
	*st = (struct treehash_stat){
		.dev = (u64)x->stx_dev_major << 32 | x->stx_dev_minor, .ino = x->stx_ino, .mode = x->stx_mode, .uid = x->stx_uid, .gid = x->stx_gid,
		.nlink = x->stx_nlink, .major = x->stx_rdev_major, .minor = x->stx_rdev_minor, .size = x->stx_size,
		.atime = time_of(&x->stx_atime), .mtime = time_of(&x->stx_mtime), .ctime = time_of(&x->stx_ctime),
		.placeholder = h->is_btrfs && S_ISDIR(x->stx_mode) && x->stx_ino == EMPTY_SUBVOL_INO,
	};
	if (x->stx_mask & STATX_BTIME)
		st->otime = time_of(&x->stx_btime);
}

static int host_stat(int dir, const char *name, struct statx *x, struct err *err)
{
	if (!statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID, x))
		return 0;
	return err_errno(err, -errno, "cannot look at it");
}

static int host_look(struct treehash_source *s, struct treehash_node *n, const struct treehash_name *name, struct err *err)
{
	struct host_source *h = container_of(s, struct host_source, base);
	struct host_node *node = host_node(n);
	struct statx x;
	int ret;

	node->fd = -1;
	node->in = name ? host_node(n->parent)->self : h->above;
	node->name = name ? n->name : h->top_name;
	node->in->refs++;
	ret = host_stat(node->in->fd, node->name, &x, err);
	if (ret)
		return ret;
	if (!name)
		h->mount_id = x.stx_mnt_id;
	else if (x.stx_mask & STATX_MNT_ID && x.stx_mnt_id != h->mount_id)
		return err_set(err, -EXDEV, "another filesystem is mounted here");
	stat_of(h, &x, &n->st);
	return 0;
}

static void host_close(struct treehash_source *s, struct treehash_node *n)
{
	struct host_node *node = host_node(n);

	if (node->fd >= 0)
		close(node->fd);
	node->fd = -1;
	dirfd_put(&node->in);
}

static void host_forget(struct treehash_source *s, struct treehash_node *n)
{
	host_close(s, n);
	dirfd_put(&host_node(n)->self);
}

static int read_names(DIR *dir, struct treehash_names *out, struct err *err)
{
	struct dirent *d;

	for (errno = 0; (d = readdir(dir)); errno = 0) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (treehash_add_name(out, d->d_name, strlen(d->d_name), 0, 0))
			return err_nomem(err);
	}
	return errno ? err_errno(err, -errno, "cannot read the directory") : 0;
}

static int host_list(struct treehash_source *s, struct treehash_node *n, struct treehash_names *out, struct err *err)
{
	struct host_node *node = host_node(n);
	int fd = open_quietly(node->in->fd, node->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ret;
	DIR *dir;

	if (fd < 0)
		return err_errno(err, -errno, "cannot open the directory");
	node->self = dirfd_new(fd);
	if (!node->self)
		return err_nomem(err);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		ret = err_errno(err, -errno, "cannot open the directory");
		if (fd >= 0)
			close(fd);
		return ret;
	}
	ret = read_names(dir, out, err);
	closedir(dir);
	return ret;
}

static void host_park(struct treehash_source *s, struct treehash_node *n)
{
	dirfd_put(&host_node(n)->self);
}

static int host_unpark(struct treehash_source *s, struct treehash_node *n, struct treehash_node *child, struct err *err)
{
	int fd = open_quietly(host_node(child)->self->fd, "..", O_RDONLY | O_DIRECTORY), ret;
	struct statx x;

	if (fd < 0)
		return err_errno(err, -errno, "cannot go back to it");
	host_node(n)->self = dirfd_new(fd);
	if (!host_node(n)->self)
		return err_nomem(err);
	ret = host_stat(fd, ".", &x, err);
	if (!ret && (x.stx_ino != n->st.ino || ((u64)x.stx_dev_major << 32 | x.stx_dev_minor) != n->st.dev))
		ret = err_set(err, -ESTALE, "the directory was moved meanwhile");
	return ret;
}

static int host_open(struct treehash_source *s, struct treehash_node *n, struct err *err)
{
	struct host_node *node = host_node(n);
	struct stat st;

	if (!S_ISREG(n->st.mode))
		return 0;
	node->fd = open_quietly(node->in->fd, node->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (node->fd < 0 || fstat(node->fd, &st))
		return err_errno(err, -errno, "cannot open it");
	if (st.st_ino != n->st.ino || !S_ISREG(st.st_mode))
		return err_set(err, -ESTALE, "it was replaced meanwhile");
	return 0;
}

/* What the calls on attributes need to know. Only an opened file has a descriptor; other things are named in their directory. */
struct xattr_place { int fd; char path[64 + NAME_MAX]; };

static ssize_t list_xattrs(const struct xattr_place *p, char *buf, size_t size)
{
	return p->fd >= 0 ? flistxattr(p->fd, buf, size) : llistxattr(p->path, buf, size);
}

static ssize_t get_xattr(const struct xattr_place *p, const char *name, void *buf, size_t size)
{
	return p->fd >= 0 ? fgetxattr(p->fd, name, buf, size) : lgetxattr(p->path, name, buf, size);
}

static int take_xattr(const struct xattr_place *p, const char *name, struct treehash_xattrs *out, struct err *err)
{
	char few[1024], *value = few;
	ssize_t len = get_xattr(p, name, few, sizeof(few));
	int ret = 0;

	if (len < 0 && errno == ERANGE) {
		value = malloc(XATTR_SIZE_MAX);
		if (!value)
			return err_nomem(err);
		len = get_xattr(p, name, value, XATTR_SIZE_MAX);
	}
	if (len >= 0)
		ret = treehash_add_xattr(out, name, strlen(name), value, len) ? err_nomem(err) : 0;
	else if (errno != EOPNOTSUPP) /* a name that no handler serves is not seen through a mount */
		ret = err_errno(err, -errno, "cannot read attribute %s", name);
	if (value != few)
		free(value);
	return ret;
}

static int host_xattrs(struct treehash_source *s, struct treehash_node *n, struct treehash_xattrs *out, struct err *err)
{
	struct host_node *node = host_node(n);
	struct xattr_place p = { .fd = node->fd };
	char few[1024], *names = few;
	ssize_t len;
	int ret = 0;

	if (p.fd < 0)
		snprintf(p.path, sizeof(p.path), "/proc/self/fd/%d/%s", node->in->fd, node->name);
	len = list_xattrs(&p, few, sizeof(few));
	if (len < 0 && errno == ERANGE) {
		names = malloc(XATTR_LIST_MAX);
		if (!names)
			return err_nomem(err);
		len = list_xattrs(&p, names, XATTR_LIST_MAX);
	}
	if (len < 0 && errno != EOPNOTSUPP)
		ret = err_errno(err, -errno, "cannot list its attributes");
	for (ssize_t pos = 0; !ret && pos < len; pos += strlen(names + pos) + 1)
		ret = take_xattr(&p, names + pos, out, err);
	if (names != few)
		free(names);
	return ret;
}

static int host_target(struct treehash_source *s, struct treehash_node *n, struct strbuf *out, struct err *err)
{
	struct host_node *node = host_node(n);
	char target[PATH_MAX];
	ssize_t len = readlinkat(node->in->fd, node->name, target, sizeof(target));

	if (len < 0)
		return err_errno(err, -errno, "cannot read the link");
	sb_add(out, target, len);
	return 0;
}

static int host_data(struct treehash_source *s, struct treehash_node *n, u64 from, u64 *start, u64 *end, struct err *err)
{
	int fd = host_node(n)->fd;
	off_t data;

	*start = from;
	*end = n->st.size;
	data = lseek(fd, from, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? -ENOENT : errno == EINVAL ? 0 : err_errno(err, -errno, "cannot look for holes");
	*start = data;
	data = lseek(fd, data, SEEK_HOLE);
	if (data > (off_t)*start)
		*end = data;
	return 0;
}

static int host_read(struct treehash_source *s, struct treehash_node *n, u64 off, void *buf, u64 len, struct err *err)
{
	ssize_t got = io_pread(host_node(n)->fd, buf, len, off);

	if (got < 0)
		return err_errno(err, got, "cannot read it");
	return (u64)got == len ? 0 : err_set(err, -ESTALE, "it became shorter while it was read");
}

static const struct treehash_source host_ops = {
	.node_size = sizeof(struct host_node), .look = host_look, .forget = host_forget, .list = host_list, .park = host_park,
	.unpark = host_unpark, .open = host_open, .close = host_close, .xattrs = host_xattrs, .target = host_target, .data = host_data,
	.read = host_read,
};

/* The top as a name in an open directory, like everything below it. real: an absolute path, cut here. */
static int open_above(struct host_source *h, char *real, struct err *err)
{
	char *slash = strrchr(real, '/');
	struct statfs fs;
	int fd;

	if (statfs(real, &fs))
		return err_errno(err, -errno, "cannot look at it");
	h->is_btrfs = (u32)fs.f_type == BTRFS_MAGIC_STATFS;
	h->top_name = slash[1] ? slash + 1 : ".";
	*slash = '\0';
	fd = open(*real ? real : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "cannot open the directory above it");
	h->above = dirfd_new(fd);
	return h->above ? 0 : err_nomem(err);
}

int host_hash(struct env *env, const char *path, enum hash_times times, char out[TREEHASH_TEXT], struct err *err)
{
	struct host_source h = { .base = host_ops };
	char *real = realpath(path, NULL);
	int ret;

	if (!real)
		return err_errno(err, -errno, "cannot hash %s", path);
	ret = open_above(&h, real, err);
	if (!ret)
		ret = treehash(env, &h.base, times, out, err);
	dirfd_put(&h.above);
	free(real);
	return ret ? err_wrap(err, ret, "cannot hash %s", path) : 0;
}
