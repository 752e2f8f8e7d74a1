/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside mkfs.btrfs: what the command line says, and the steps it goes through. */
#ifndef CMDS_MKFS_MKFS_H
#define CMDS_MKFS_MKFS_H

#include "cmds/cmd.h"
#include "kernel-shared/make/populate.h"

struct mkfs_args {
	const char *data, *metadata, *csum, *label, *uuid, *device_uuid, *rootdir, *compress, *owner, *manifest, *verity;
	struct strlist features, runtime, subvols, inode_flags, uid_maps, gid_maps;
	bool mixed, reflink, shrink, nodiscard, force, strict;
	u64 nodesize, sectorsize, bytes;
	bool has_nodesize, has_sectorsize, has_bytes;
};

struct mkfs {
	struct cmd_ctx *ctx;
	const struct mkfs_args *args;
	struct make_params p;
	struct populate_args pop;
	bool ssd, created;       /* of the first device; the target did not exist before */
	char *rootdir;           /* canonical, heap */
	bool archive;            /* it is one, not a directory */
	VEC(struct populate_subvol) subvols;
	VEC(struct populate_flags) flags;
	VEC(struct id_map) uid_maps, gid_maps;
	VEC(char *) texts;       /* heap that the above point into */
	struct strlist verity;
};

/* Each prints its errors and returns the exit code, 0 to go on. */
int mkfs_list_features(struct cmd_ctx *ctx, const struct mkfs_args *args, bool *listed);
int mkfs_parse(struct mkfs *k);                 /* params.c: everything that needs no device */
int mkfs_parse_rootdir(struct mkfs *k);         /* source.c: the options that go with --rootdir */
int mkfs_open_devices(struct mkfs *k);          /* devices.c */
int mkfs_trim(struct mkfs *k);
void mkfs_close_devices(struct mkfs *k);
void mkfs_head(struct mkfs *k);                 /* summary.c */
void mkfs_summary(struct mkfs *k, const struct maker *m);

#endif
