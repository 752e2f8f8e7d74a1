/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What receiving a stream asks of a mounted filesystem beyond ordinary system calls. Spec: send-stream 8. */
#ifndef KAPI_RECEIVE_H
#define KAPI_RECEIVE_H

#include "common/err.h"
#include "common/vec.h"

/* Marks the subvolume that fd is the top of as received. */
int ksubvol_set_received(int fd, const u8 uuid[16], u64 stransid);
/* Ids of the subvolumes that were received with this uuid, or (received false) have it themselves, in the order of the uuid tree. Root only. fd: anywhere in
 * the filesystem. -ENOENT: none. */
VEC_TYPE(ksubvol_ids, u64);
int ksubvol_by_uuid(int fd, const u8 uuid[16], bool received, struct ksubvol_ids *out, struct err *err);
/* The top directory of a subvolume by id, wherever it hangs, also outside of what is mounted. Root only. A descriptor; -ESTALE, -ENOENT. */
int ksubvol_open(int fd, u64 id);

/* [src_off, src_off + len) of src becomes part of dst at dst_off, sharing extents. */
int kfile_clone(int dst, u64 dst_off, int src, u64 src_off, u64 len);
/* One compressed extent as it is; compression: BTRFS_ENCODED_IO_COMPRESSION_*. -EINVAL: not under its conditions; -ENOTTY: kernel before 5.18. */
struct kfile_encoded { u64 offset, len, unencoded_len, unencoded_offset; u32 compression; const void *data; size_t size; };
int kfile_encoded_write(int fd, const struct kfile_encoded *w);
/* fd: open for reading, nobody has it open for writing. */
int kfile_enable_verity(int fd, unsigned algorithm, u32 block_size, const void *salt, u32 salt_len, const void *sig, u32 sig_len);
/* FS_*_FL. */
int kfile_flags(int fd, unsigned *flags);
int kfile_set_flags(int fd, unsigned flags);

#endif
