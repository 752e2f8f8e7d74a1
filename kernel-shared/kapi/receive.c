/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/receive.h"

#include <fcntl.h>
#include <sys/uio.h>
#include "kernel-shared/kapi/call.h"
#include "kernel-shared/kapi/search.h"

#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/btrfs.h>

int ksubvol_set_received(int fd, const u8 uuid[16], u64 stransid)
{
	struct btrfs_ioctl_received_subvol_args args = { .stransid = stransid };

	memcpy(args.uuid, uuid, 16);
	return kcall(fd, BTRFS_IOC_SET_RECEIVED_SUBVOL, &args);
}

int ksubvol_by_uuid(int fd, const u8 uuid[16], bool received, struct ksubvol_ids *out, struct err *err)
{
	struct key key = KEY(get_le64(uuid), received ? BTRFS_UUID_KEY_RECEIVED_SUBVOL : BTRFS_UUID_KEY_SUBVOL, get_le64(uuid + 8));
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, BTRFS_UUID_TREE_OBJECTID, key, key);
	struct item item;
	int ret = ksearch_next(&s, &item, err);

	if (ret)
		return ret;
	for (u32 pos = 0; pos + 8 <= item.size; pos += 8)
		if (vec_push(out, get_le64((const u8 *)item.data + pos)))
			return err_nomem(err);
	return out->len ? 0 : -ENOENT;
}

int ksubvol_open(int fd, u64 id)
{
	/* A file handle of the kernel's: inode, subvolume, generation (0: any). */
	enum { HANDLE_BTRFS = 0x4d };
	struct { u64 ino, root; u32 gen; } PACKED fid = { BTRFS_FIRST_FREE_OBJECTID, id, 0 };
	union { struct file_handle h; char room[sizeof(struct file_handle) + sizeof(fid)]; } u = { .h = { .handle_bytes = sizeof(fid), .handle_type = HANDLE_BTRFS } };
	int ret;

	memcpy(u.h.f_handle, &fid, sizeof(fid));
	ret = open_by_handle_at(fd, &u.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

int kfile_clone(int dst, u64 dst_off, int src, u64 src_off, u64 len)
{
	struct file_clone_range args = { .src_fd = src, .src_offset = src_off, .src_length = len, .dest_offset = dst_off };

	return kcall(dst, FICLONERANGE, &args);
}

int kfile_encoded_write(int fd, const struct kfile_encoded *w)
{
	struct iovec iov = { (void *)w->data, w->size };
	struct btrfs_ioctl_encoded_io_args args = {
		.iov = &iov, .iovcnt = 1, .offset = w->offset, .len = w->len, .unencoded_len = w->unencoded_len, .unencoded_offset = w->unencoded_offset,
		.compression = w->compression,
	};
	int ret = kcall_try(fd, BTRFS_IOC_ENCODED_WRITE, &args);

	return ret < 0 ? ret : 0;
}

int kfile_enable_verity(int fd, unsigned algorithm, u32 block_size, const void *salt, u32 salt_len, const void *sig, u32 sig_len)
{
	struct fsverity_enable_arg args = {
		.version = 1, .hash_algorithm = algorithm, .block_size = block_size, .salt_size = salt_len, .salt_ptr = (uintptr_t)salt,
		.sig_size = sig_len, .sig_ptr = (uintptr_t)sig,
	};

	return kcall(fd, FS_IOC_ENABLE_VERITY, &args);
}

int kfile_flags(int fd, unsigned *flags)
{
	long v = 0;
	int ret = kcall(fd, FS_IOC_GETFLAGS, &v);

	*flags = v;
	return ret;
}

int kfile_set_flags(int fd, unsigned flags)
{
	long v = flags;

	return kcall(fd, FS_IOC_SETFLAGS, &v);
}
