/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/subvol.h"
#include "common/mem.h"
#include "kernel-shared/kapi/call.h"
#include "kernel-shared/kapi/search.h"

#include <stdlib.h>
#include <linux/btrfs.h>

/* The second form of create and snapshot; an old kernel has the first, which joins no groups. */
static int make(int dirfd, unsigned long new_call, unsigned long old_call, struct btrfs_ioctl_vol_args_v2 *args, const char *name,
		const u64 *qgroups, size_t n)
{
	struct btrfs_qgroup_inherit *inherit = NULL;
	struct btrfs_ioctl_vol_args old = { .fd = args->fd };
	int ret = kname(args->name, sizeof(args->name), name);

	if (ret)
		return ret;
	if (n) {
		inherit = mem_zalloc(sizeof(*inherit) + n * sizeof(inherit->qgroups[0]));
		if (!inherit)
			return -ENOMEM;
		inherit->num_qgroups = n;
		for (size_t i = 0; i < n; i++)
			inherit->qgroups[i] = qgroups[i];
		args->flags |= BTRFS_SUBVOL_QGROUP_INHERIT;
		args->size = sizeof(*inherit) + n * sizeof(inherit->qgroups[0]);
		args->qgroup_inherit = inherit;
	}
	ret = args->flags ? kcall(dirfd, new_call, args) : kcall_try(dirfd, new_call, args);
	free(inherit);
	if (ret != -ENOTTY || args->flags)
		return ret;
	return kname(old.name, sizeof(old.name), name) ?: kcall(dirfd, old_call, &old);
}

int ksubvol_create(int dirfd, const char *name, const u64 *qgroups, size_t n)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };

	return make(dirfd, BTRFS_IOC_SUBVOL_CREATE_V2, BTRFS_IOC_SUBVOL_CREATE, &args, name, qgroups, n);
}

int ksubvol_snapshot(int dirfd, const char *name, int srcfd, bool readonly, const u64 *qgroups, size_t n)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = srcfd, .flags = readonly ? BTRFS_SUBVOL_RDONLY : 0 };

	return make(dirfd, BTRFS_IOC_SNAP_CREATE_V2, BTRFS_IOC_SNAP_CREATE, &args, name, qgroups, n);
}

int ksubvol_delete(int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	return kname(args.name, sizeof(args.name), name) ?: kcall(dirfd, BTRFS_IOC_SNAP_DESTROY, &args);
}

int ksubvol_delete_id(int fd, u64 id)
{
	struct btrfs_ioctl_vol_args_v2 args = { .flags = BTRFS_SUBVOL_SPEC_BY_ID, .subvolid = id };

	return kcall(fd, BTRFS_IOC_SNAP_DESTROY_V2, &args);
}

int ksubvol_id(int fd, u64 *id)
{
	struct btrfs_ioctl_ino_lookup_args args = { .objectid = BTRFS_FIRST_FREE_OBJECTID };
	int ret = kcall(fd, BTRFS_IOC_INO_LOOKUP, &args);

	*id = args.treeid;
	return ret;
}

int ksubvol_readonly(int fd, bool *readonly)
{
	u64 flags = 0;
	int ret = kcall(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags);

	*readonly = flags & BTRFS_SUBVOL_RDONLY;
	return ret;
}

int ksubvol_set_readonly(int fd, bool readonly)
{
	u64 flags = 0;
	int ret = kcall(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags);

	if (ret)
		return ret;
	flags = readonly ? flags | BTRFS_SUBVOL_RDONLY : flags & ~BTRFS_SUBVOL_RDONLY;
	return kcall(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags);
}

int ksubvol_clear_received(int fd)
{
	struct btrfs_ioctl_received_subvol_args args = { 0 };

	return kcall(fd, BTRFS_IOC_SET_RECEIVED_SUBVOL, &args);
}

int ksubvol_set_default(int fd, u64 id)
{
	return kcall(fd, BTRFS_IOC_DEFAULT_SUBVOL, &id);
}

int ksubvol_default(int fd, u64 *id, struct err *err)
{
	static const char name[] = "default";
	struct key key = KEY(BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_DIR_ITEM_KEY, hash_name(name, strlen(name)));
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, BTRFS_ROOT_TREE_OBJECTID, key, key);
	struct dir_entry_view entry;
	struct item item;
	u32 pos = 0;
	int ret = ksearch_next(&s, &item, err);

	*id = BTRFS_FS_TREE_OBJECTID;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	while (dir_item_next(&item, &pos, &entry))
		if (entry.name_len == strlen(name) && !memcmp(entry.name, name, entry.name_len))
			*id = entry.location.objectid;
	return 0;
}

static struct disk_timespec timespec_of(const struct btrfs_ioctl_timespec *t)
{
	return (struct disk_timespec){ le64_of(t->sec), le32_of(t->nsec) };
}

int ksubvol_info(int fd, struct ksubvol *out)
{
	struct btrfs_ioctl_get_subvol_info_args args = { 0 };
	struct disk_root_item *item = &out->item;
	int ret = kcall(fd, BTRFS_IOC_GET_SUBVOL_INFO, &args);

	if (ret < 0) /* kernels answer 1 for the top level, which has no entry */
		return ret;
	memset(out, 0, sizeof(*out));
	out->id = args.treeid;
	out->parent = args.parent_id;
	out->dirid = args.dirid;
	memcpy(out->name, args.name, sizeof(out->name) - 1);
	item->generation = item->generation_v2 = le64_of(args.generation);
	item->flags = le64_of(args.flags);
	item->refs = le32_of(args.parent_id || args.treeid == BTRFS_FS_TREE_OBJECTID);
	memcpy(item->uuid, args.uuid, sizeof(item->uuid));
	memcpy(item->parent_uuid, args.parent_uuid, sizeof(item->parent_uuid));
	memcpy(item->received_uuid, args.received_uuid, sizeof(item->received_uuid));
	item->ctransid = le64_of(args.ctransid);
	item->otransid = le64_of(args.otransid);
	item->stransid = le64_of(args.stransid);
	item->rtransid = le64_of(args.rtransid);
	item->ctime = timespec_of(&args.ctime);
	item->otime = timespec_of(&args.otime);
	item->stime = timespec_of(&args.stime);
	item->rtime = timespec_of(&args.rtime);
	return 0;
}

int ksubvol_refs(int fd, u64 *min, struct ksubvol_ref out[255])
{
	struct btrfs_ioctl_get_subvol_rootref_args args = { .min_treeid = *min };
	int ret = kcall(fd, BTRFS_IOC_GET_SUBVOL_ROOTREF, &args);

	/* -EOVERFLOW: filled, and there are more */
	if (ret && ret != -EOVERFLOW)
		return ret;
	for (unsigned i = 0; i < args.num_items; i++)
		out[i] = (struct ksubvol_ref){ args.rootref[i].treeid, args.rootref[i].dirid };
	if (args.num_items)
		*min = args.rootref[args.num_items - 1].treeid + 1;
	return args.num_items;
}

int ksubvol_user_path(int fd, u64 child, u64 dirid, struct strbuf *out)
{
	struct btrfs_ioctl_ino_lookup_user_args args = { .dirid = dirid, .treeid = child };
	int ret = kcall(fd, BTRFS_IOC_INO_LOOKUP_USER, &args);

	if (ret)
		return ret;
	sb_add(out, args.path, strnlen(args.path, sizeof(args.path)));
	sb_add(out, args.name, strnlen(args.name, sizeof(args.name)));
	return 0;
}

int kino_path(int fd, u64 tree, u64 ino, struct strbuf *out)
{
	struct btrfs_ioctl_ino_lookup_args args = { .treeid = tree, .objectid = ino };
	int ret = ino == BTRFS_FIRST_FREE_OBJECTID ? 0 : kcall(fd, BTRFS_IOC_INO_LOOKUP, &args);

	if (!ret)
		sb_add(out, args.name, strnlen(args.name, sizeof(args.name)));
	return ret;
}
