/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the stream to inodes. Spec: send-stream 8.8. */
#include "kernel-shared/send/engine_priv.h"

static int step(struct root *root, u64 dir, const u8 *name, u32 len, bool last, u64 *ino, u8 *type, struct err *err)
{
	struct dirent d;
	int ret = dir_lookup(root, dir, name, len, &d, err);

	if (ret)
		return ret == -ENOENT ? err_set(err, ret, "No such file or directory") : ret;
	if (d.is_subvol)
		return err_set(err, -EXDEV, "a subvolume is in the way: %.*s", (int)len, name);
	if (!last && d.type != BTRFS_FT_DIR)
		return d.type == BTRFS_FT_SYMLINK ? err_set(err, -ELOOP, "a symbolic link is in the way: %.*s", (int)len, name)
						  : err_set(err, -ENOTDIR, "Not a directory");
	*ino = d.ino;
	*type = d.type;
	return 0;
}

int engine_resolve(struct engine *e, struct root *root, const void *path, u32 len, u64 *ino, u8 *type, struct err *err)
{
	const u8 *p = path, *end = p + len;
	u64 at = BTRFS_FIRST_FREE_OBJECTID;
	u8 ft = BTRFS_FT_DIR;

	while (p < end) {
		const u8 *slash = memchr(p, '/', end - p), *stop = slash ? slash : end;
		int ret = step(root, at, p, stop - p, !slash, &at, &ft, err);

		if (ret)
			return ret;
		p = slash ? slash + 1 : end;
	}
	*ino = at;
	if (type)
		*type = ft;
	return 0;
}

void engine_forget(struct engine *e)
{
	e->epoch++;
}

/* A directory of the subvolume in progress, remembered. */
static int find_dir(struct engine *e, const u8 *path, u32 len, u64 *ino, struct err *err)
{
	u64 hash = hash_bytes(path, len);
	struct dir_memo *m = &e->dirs[hash % ENGINE_DIRS];
	u8 type;
	int ret;

	if (m->epoch == e->epoch && m->hash == hash && m->len == len && !memcmp(m->path, path, len)) {
		*ino = m->ino;
		return 0;
	}
	ret = engine_resolve(e, e->root, path, len, ino, &type, err);
	if (ret)
		return ret;
	if (type != BTRFS_FT_DIR)
		return type == BTRFS_FT_SYMLINK ? err_set(err, -ELOOP, "a symbolic link is in the way") : err_set(err, -ENOTDIR, "Not a directory");
	if (m->len < len || !m->path) {
		char *copy = realloc(m->path, len);

		if (!copy)
			return 0; /* not remembered, then */
		m->path = copy;
	}
	memcpy(m->path, path, len);
	*m = (struct dir_memo){ e->epoch, hash, *ino, len, m->path };
	return 0;
}

int engine_parent(struct engine *e, const struct send_value *path, u64 *dir, const u8 **name, u32 *name_len, struct err *err)
{
	const u8 *slash = memrchr(path->p, '/', path->len);

	*name = slash ? slash + 1 : path->p;
	*name_len = path->p + path->len - *name;
	*dir = BTRFS_FIRST_FREE_OBJECTID;
	return slash ? find_dir(e, path->p, slash - path->p, dir, err) : 0;
}
