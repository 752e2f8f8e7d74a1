/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/space.h"
#include "common/mem.h"
#include "kernel-shared/kapi/call.h"

#include <stdlib.h>
#include <linux/fs.h>
#include <linux/btrfs.h>

int kfs_info(int fd, struct kfs_info *out)
{
	struct btrfs_ioctl_fs_info_args args = { .flags = BTRFS_FS_INFO_FLAG_CSUM_INFO | BTRFS_FS_INFO_FLAG_GENERATION };
	int ret = kcall(fd, BTRFS_IOC_FS_INFO, &args);

	if (ret)
		return ret;
	*out = (struct kfs_info){ .max_devid = args.max_id, .num_devices = args.num_devices, .nodesize = args.nodesize, .sectorsize = args.sectorsize };
	memcpy(out->fsid, args.fsid, sizeof(out->fsid));
	if (args.flags & BTRFS_FS_INFO_FLAG_CSUM_INFO) {
		out->csum_type = args.csum_type;
		out->csum_size = args.csum_size;
	} else {
		out->csum_size = 4; /* kernels before 5.9 know crc32c and do not say so */
	}
	if (args.flags & BTRFS_FS_INFO_FLAG_GENERATION)
		out->generation = args.generation;
	return 0;
}

int kdev_info(int fd, u64 devid, struct kdev_info *out)
{
	struct btrfs_ioctl_dev_info_args args = { .devid = devid };
	int ret = kcall(fd, BTRFS_IOC_DEV_INFO, &args);

	if (ret)
		return ret;
	*out = (struct kdev_info){ .devid = args.devid, .bytes_used = args.bytes_used, .total_bytes = args.total_bytes };
	memcpy(out->uuid, args.uuid, sizeof(out->uuid));
	memcpy(out->path, args.path, sizeof(args.path)); /* the kernel does not promise a NUL */
	return 0;
}

int kspace_info(int fd, struct kspace **out, unsigned *n)
{
	struct btrfs_ioctl_space_args count = { 0 }, *args;
	int ret = kcall(fd, BTRFS_IOC_SPACE_INFO, &count);
	u64 slots = count.total_spaces;

	if (ret)
		return ret;
	if (slots > 1024)
		return -EOVERFLOW;
	args = mem_zalloc(sizeof(*args) + (slots + 1) * sizeof(args->spaces[0]));
	*out = mem_calloc(slots + 1, sizeof(**out));
	if (!args || !*out) {
		ret = -ENOMEM;
	} else {
		args->space_slots = slots + !slots; /* no slots would only count again */
		ret = kcall(fd, BTRFS_IOC_SPACE_INFO, args);
		*n = ret ? 0 : min_t(u64, args->total_spaces, slots);
		for (unsigned i = 0; i < *n; i++)
			(*out)[i] = (struct kspace){ args->spaces[i].flags, args->spaces[i].total_bytes, args->spaces[i].used_bytes };
	}
	free(args);
	if (ret) {
		free(*out);
		*out = NULL;
	}
	return ret;
}

int klabel_get(int fd, char out[KLABEL_SIZE])
{
	memset(out, 0, KLABEL_SIZE); /* the kernel writes the label alone, without an end */
	return kcall(fd, BTRFS_IOC_GET_FSLABEL, out);
}

int klabel_set(int fd, const char *label)
{
	char buf[KLABEL_SIZE] = "";

	return kname(buf, sizeof(buf), label) ?: kcall(fd, BTRFS_IOC_SET_FSLABEL, buf);
}

int ksync(int fd)
{
	return kcall(fd, BTRFS_IOC_SYNC, NULL);
}

int ksync_start(int fd, u64 *transid)
{
	return kcall(fd, BTRFS_IOC_START_SYNC, transid);
}

int ksync_wait(int fd, u64 transid)
{
	return kcall(fd, BTRFS_IOC_WAIT_SYNC, &transid);
}

int kresize(int fd, const char *text)
{
	struct btrfs_ioctl_vol_args args = { 0 };

	return kname(args.name, sizeof(args.name), text) ?: kcall(fd, BTRFS_IOC_RESIZE, &args);
}
