/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of a stream as system calls. Spec: send-stream 8.3. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cmds/receive/hostfs.h"
#include "common/io.h"
#include "kernel-shared/kapi/receive.h"

void hostfs_init(struct hostfs *h, struct receive *rc, const struct apply_ops *ops)
{
	*h = (struct hostfs){ .base = { ops }, .rc = rc, .dest = -1, .root = -1, .file = -1, .dir = -1, .no_encoded = rc->args->force_decompress };
	h->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void hostfs_fini(struct hostfs *h)
{
	hostfs_drop(h);
	if (h->root >= 0)
		close(h->root);
	if (h->dest >= 0)
		close(h->dest);
	if (h->cwd >= 0) {
		if (fchdir(h->cwd))
			env_msg(h->rc->ctx->env, MSG_WARNING, "cannot return to the working directory: %s", strerror(errno));
		close(h->cwd);
	}
	free(h->decoded);
}

static struct hostfs *of(struct apply_target *t)
{
	return container_of(t, struct hostfs, base);
}

/* The end of a command: what a system call said. */
static int outcome(struct hostfs *h, const struct send_cmd *c, int ret, struct err *err)
{
	if (ret >= 0)
		return 0;
	if (h->forgive && h->forgive(h, c, ret))
		return 0;
	return err_set(err, ret, "%s", strerror(-ret));
}

int hostfs_make(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	char path[SEND_PATH_MAX], text[SEND_PATH_MAX];
	struct hostfs *h = of(t);
	const char *name;
	int dir, ret = hostfs_parent(h, apply_str(c, SEND_A_PATH, path), &dir, &name);

	if (ret)
		return outcome(h, c, ret, err);
	switch (c->id) {
	case SEND_C_MKFILE:
		ret = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (ret < 0)
			break;
		/* The next command is likely to write to it. */
		if (h->file >= 0)
			close(h->file);
		h->file = ret;
		strcpy(h->file_path, path);
		return 0;
	case SEND_C_MKDIR: ret = mkdirat(dir, name, 0700); break;
	case SEND_C_MKNOD: ret = mknodat(dir, name, send_num(c, SEND_A_MODE) & S_IFMT, send_num(c, SEND_A_RDEV)); break;
	case SEND_C_MKFIFO: ret = mknodat(dir, name, S_IFIFO | 0600, 0); break;
	case SEND_C_MKSOCK: ret = mknodat(dir, name, S_IFSOCK | 0600, 0); break;
	default: ret = symlinkat(apply_str(c, SEND_A_PATH_LINK, text), dir, name);
	}
	ret = ret < 0 ? -errno : 0;
	if (h->file >= 0)
		close(h->file);
	h->file = -1;
	return outcome(h, c, ret, err);
}

/* The directory of a second path, past the cache. */
static int other_parent(struct hostfs *h, char *path, int *dir, const char **name)
{
	char *slash = strrchr(path, '/');

	*dir = h->root;
	*name = path;
	if (!slash)
		return 0;
	*slash = '\0';
	*name = slash + 1;
	*dir = beneath(h->root, path, O_PATH | O_DIRECTORY);
	return *dir < 0 ? *dir : 0;
}

static int two_names(struct hostfs *h, const struct send_cmd *c, int dir, const char *name)
{
	char path[SEND_PATH_MAX];
	const char *other_name;
	int other, ret;

	apply_str(c, c->id == SEND_C_RENAME ? SEND_A_PATH_TO : SEND_A_PATH_LINK, path);
	ret = other_parent(h, path, &other, &other_name);
	if (ret)
		return ret;
	ret = c->id == SEND_C_RENAME ? renameat(dir, name, other, other_name) : linkat(other, other_name, dir, name, 0);
	ret = ret ? -errno : 0;
	if (other != h->root)
		close(other);
	return ret;
}

int hostfs_names(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	char path[SEND_PATH_MAX];
	struct hostfs *h = of(t);
	const char *name;
	int dir, ret = hostfs_parent(h, apply_str(c, SEND_A_PATH, path), &dir, &name);

	if (ret)
		return outcome(h, c, ret, err);
	switch (c->id) {
	case SEND_C_RENAME: case SEND_C_LINK: ret = two_names(h, c, dir, name); break;
	case SEND_C_UNLINK: ret = unlinkat(dir, name, 0) ? -errno : 0; break;
	default: ret = unlinkat(dir, name, AT_REMOVEDIR) ? -errno : 0;
	}
	hostfs_drop(h);
	return outcome(h, c, ret, err);
}

/* Extended attributes of whatever there is (devices, symlinks) have no call by descriptor: they go by name from within the directory. */
int hostfs_xattr(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	char path[SEND_PATH_MAX], key[256];
	struct hostfs *h = of(t);
	const struct send_value *v = &c->v[SEND_A_XATTR_DATA];
	const char *name;
	int dir, ret = hostfs_parent(h, apply_str(c, SEND_A_PATH, path), &dir, &name);

	if (ret)
		return outcome(h, c, ret, err);
	memcpy(key, c->v[SEND_A_XATTR_NAME].p, c->v[SEND_A_XATTR_NAME].len);
	key[c->v[SEND_A_XATTR_NAME].len] = '\0';
	if (!*name && !strcmp(key, APPLY_XATTR))
		return 0; /* ours alone */
	if (fchdir(dir))
		return outcome(h, c, -errno, err);
	if (!*name)
		name = ".";
	ret = c->id == SEND_C_SET_XATTR ? lsetxattr(name, key, v->p, v->len, 0) : lremovexattr(name, key);
	return outcome(h, c, ret ? -errno : 0, err);
}

static int chmod_at(int dir, const char *name, mode_t mode)
{
	enum { FCHMODAT2 = 452 };
	struct stat st;

	if (!syscall(FCHMODAT2, dir, name, mode, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (errno != ENOSYS)
		return -errno;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -EOPNOTSUPP;
	return fchmodat(dir, name, mode, 0) ? -errno : 0;
}

int hostfs_attr(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	static const u8 which[2] = { SEND_A_ATIME, SEND_A_MTIME };
	struct timespec times[2];
	char path[SEND_PATH_MAX];
	struct hostfs *h = of(t);
	const char *name;
	int dir, ret = hostfs_parent(h, apply_str(c, SEND_A_PATH, path), &dir, &name);

	if (ret)
		return outcome(h, c, ret, err);
	switch (c->id) {
	case SEND_C_CHMOD:
		ret = *name ? chmod_at(dir, name, send_num(c, SEND_A_MODE) & 07777) : fchmod(h->root, send_num(c, SEND_A_MODE) & 07777) ? -errno : 0;
		break;
	case SEND_C_CHOWN:
		ret = fchownat(dir, name, send_num(c, SEND_A_UID), send_num(c, SEND_A_GID), AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -errno : 0;
		break;
	default:
		for (unsigned i = 0; i < 2; i++)
			times[i] = (struct timespec){ (s64)get_le64(c->v[which[i]].p), get_le32(c->v[which[i]].p + 8) };
		ret = (*name ? utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) : futimens(h->root, times)) ? -errno : 0;
	}
	return outcome(h, c, ret, err);
}

int hostfs_write(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	char path[SEND_PATH_MAX];
	struct hostfs *h = of(t);
	int fd, ret = hostfs_file(h, apply_str(c, SEND_A_PATH, path), &fd);

	if (!ret)
		ret = io_pwrite(fd, c->v[SEND_A_DATA].p, c->v[SEND_A_DATA].len, send_num(c, SEND_A_FILE_OFFSET));
	return outcome(h, c, ret, err);
}

static int write_decoded(struct hostfs *h, const struct send_cmd *c, int fd, struct err *err)
{
	int ret;

	if (!h->decoded)
		h->decoded = malloc(SEND_ENCODED_MAX);
	if (!h->decoded)
		return err_nomem(err);
	ret = apply_decode(c, h->decoded, err);
	if (ret)
		return ret;
	ret = io_pwrite(fd, h->decoded + send_num(c, SEND_A_UNENCODED_OFFSET), send_num(c, SEND_A_UNENCODED_FILE_LEN), send_num(c, SEND_A_FILE_OFFSET));
	return outcome(h, c, ret, err);
}

int hostfs_encoded(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	char path[SEND_PATH_MAX];
	struct hostfs *h = of(t);
	struct kfile_encoded w = {
		.offset = send_num(c, SEND_A_FILE_OFFSET), .len = send_num(c, SEND_A_UNENCODED_FILE_LEN), .unencoded_len = send_num(c, SEND_A_UNENCODED_LEN),
		.unencoded_offset = send_num(c, SEND_A_UNENCODED_OFFSET), .compression = send_num(c, SEND_A_COMPRESSION),
		.data = c->v[SEND_A_DATA].p, .size = c->v[SEND_A_DATA].len,
	};
	int fd, ret = hostfs_file(h, apply_str(c, SEND_A_PATH, path), &fd);

	if (ret)
		return outcome(h, c, ret, err);
	ret = h->no_encoded ? -ENOTTY : kfile_encoded_write(fd, &w);
	if (ret == -ENOTTY)
		h->no_encoded = true;
	/* What the kernel does not take encoded it may take decoded. */
	if (ret == -ENOTTY || ret == -EINVAL || ret == -ENOSPC || ret == -EOPNOTSUPP || ret == -EPERM)
		return write_decoded(h, c, fd, err);
	return outcome(h, c, ret, err);
}

int hostfs_clone(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	char path[SEND_PATH_MAX], from[SEND_PATH_MAX];
	struct hostfs *h = of(t);
	u64 from_off = send_num(c, SEND_A_CLONE_OFFSET), to_off = send_num(c, SEND_A_FILE_OFFSET), len = send_num(c, SEND_A_CLONE_LEN);
	int fd, src, root, ret = hostfs_file(h, apply_str(c, SEND_A_PATH, path), &fd);

	if (ret)
		return outcome(h, c, ret, err);
	ret = memcmp(c->v[SEND_A_CLONE_UUID].p, h->uuid, 16) ? h->source(h, c, &root, err) : 0;
	if (ret)
		return ret;
	src = open_regular(memcmp(c->v[SEND_A_CLONE_UUID].p, h->uuid, 16) ? root : h->root, apply_str(c, SEND_A_CLONE_PATH, from), O_RDONLY);
	if (src < 0)
		return err_set(err, src, "cannot open the source %.1000s: %s", from, strerror(-src));
	ret = kfile_clone(fd, to_off, src, from_off, len);
	/* Filesystems without reflinks. */
	while ((ret == -EOPNOTSUPP || ret == -ENOTTY || ret == -EXDEV) && len) {
		loff_t a = from_off, b = to_off;
		ssize_t n = copy_file_range(src, &a, fd, &b, min_t(u64, len, MiB(64)), 0);

		if (n <= 0) {
			ret = n ? -errno : -EIO;
			break;
		}
		from_off += n;
		to_off += n;
		len -= n;
		if (!len)
			ret = 0;
	}
	close(src);
	return outcome(h, c, ret, err);
}

int hostfs_resize(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	char path[SEND_PATH_MAX];
	struct hostfs *h = of(t);
	u64 size = send_num(c, SEND_A_SIZE);
	int fd, ret = hostfs_file(h, apply_str(c, SEND_A_PATH, path), &fd);

	if (ret)
		return outcome(h, c, ret, err);
	ret = c->id == SEND_C_TRUNCATE ? ftruncate(fd, size) : fallocate(fd, send_num(c, SEND_A_FALLOCATE_MODE), send_num(c, SEND_A_FILE_OFFSET), size);
	return outcome(h, c, ret ? -errno : 0, err);
}
