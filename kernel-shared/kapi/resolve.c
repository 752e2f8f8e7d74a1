/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/resolve.h"
#include "common/mem.h"
#include "kernel-shared/kapi/call.h"
#include "kernel-shared/kapi/search.h"
#include "kernel-shared/kapi/subvol.h"

#include <stdlib.h>
#include <linux/btrfs.h>

enum { OLD_LIMIT = KiB(64), PER_USER = 3 /* numbers in the answer: inode, offset, subvolume */ };

int klogical_each(int fd, const struct klogical *ask, klogical_fn fn, void *arg, u64 *missed)
{
	u64 size = min_t(u64, ask->size, MiB(16));
	struct btrfs_data_container *found = mem_zalloc(max_t(u64, size, sizeof(*found)));
	struct btrfs_ioctl_logical_ino_args args = { .logical = ask->logical, .size = size, .inodes = (uintptr_t)found };
	int ret;

	if (!found)
		return -ENOMEM;
	if (ask->ignore_offset)
		args.flags = BTRFS_LOGICAL_INO_ARGS_IGNORE_OFFSET;
	ret = kcall(fd, args.flags || size > OLD_LIMIT ? BTRFS_IOC_LOGICAL_INO_V2 : BTRFS_IOC_LOGICAL_INO, &args);
	*missed = found->elem_missed / PER_USER;
	if (!ret && size > sizeof(*found))
		for (u32 i = 0, n = min_t(u64, found->elem_cnt, (size - sizeof(*found)) / sizeof(u64)); !ret && i + PER_USER <= n; i += PER_USER)
			ret = fn(arg, found->val[i + 2], found->val[i], found->val[i + 1]);
	free(found);
	return ret;
}

/* One name, below the path of its directory. */
static int tell(int fd, const struct inode_ref_view *ref, struct strbuf *path, struct err *err)
{
	int ret;

	sb_reset(path);
	ret = kino_path(fd, 0, ref->parent, path);
	if (ret)
		return err_errno(err, ret, "cannot tell the path of directory %llu", ref->parent);
	sb_add(path, ref->name, ref->name_len);
	return sb_str(path)[0] ? 0 : err_nomem(err);
}

int kino_names(int fd, u64 ino, int (*fn)(void *arg, const char *path, size_t len), void *arg, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, 0, KEY(ino, BTRFS_INODE_REF_KEY, 0), KEY(ino, BTRFS_INODE_EXTREF_KEY, -1ULL));
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct inode_ref_view ref;
	struct item item;
	bool any = false;
	int ret;

	while (!(ret = ksearch_next(&s, &item, err))) {
		u32 pos = 0;

		while (inode_ref_next(&item, &pos, &ref)) {
			any = true;
			ret = tell(fd, &ref, &path, err);
			if (!ret)
				ret = fn(arg, path.v, path.len);
			if (ret)
				return ret;
		}
	}
	return ret == -ENOENT && any ? 0 : ret;
}
