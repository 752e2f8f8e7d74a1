/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkfs.btrfs. Spec: cli 18. */
#include <stdlib.h>
#include "cmds/mkfs/mkfs.h"
#include "common/mem.h"
#include "kernel-shared/kapi/device.h"

static int mkfs_make(struct mkfs *k)
{
	struct cmd_ctx *ctx = k->ctx;
	struct populate *pop = NULL;
	struct maker *m = NULL;
	int ret = 0;

	if (k->args->rootdir && populate_scan(ctx->env, &k->pop, &k->p, &pop, &ctx->err))
		return cmd_fail(ctx, "error while filling filesystem");
	ret = maker_new(ctx->env, &k->p, &m, &ctx->err);
	for (unsigned i = 0; i < k->p.ndevs; i++)
		k->p.devices[i].bdev = NULL;
	if (ret)
		ret = cmd_fail(ctx, "unable to create the filesystem");
	else if (pop && populate_fill(pop, m, &ctx->err))
		ret = cmd_fail(ctx, "error while filling filesystem");
	else if (maker_finish(m, &ctx->err))
		ret = cmd_fail(ctx, "unable to create the filesystem");
	else
		mkfs_summary(k, m);
	maker_free(m);
	populate_free(pop);
	return ret;
}

static int mkfs_steps(struct mkfs *k)
{
	int ret = mkfs_parse(k);

	if (!ret)
		ret = mkfs_parse_rootdir(k);
	if (!ret)
		mkfs_head(k);
	if (!ret)
		ret = mkfs_open_devices(k);
	if (!ret)
		ret = mkfs_trim(k);
	if (!ret) {
		env_start_pool(k->ctx->env, NULL);
		ret = mkfs_make(k);
	}
	if (!ret) {
		k->created = false;
		mkfs_close_devices(k);
		/* what a mount of several needs where no udev does it; a kernel without btrfs is no failure */
		for (unsigned i = 0; i < k->p.ndevs; i++)
			kdevice_scan(k->ctx->argv[i]);
	} else {
		mkfs_close_devices(k);
	}
	return ret;
}

static int mkfs_run(struct cmd_ctx *ctx, void *args)
{
	struct mkfs_args *a = args;
	struct mkfs k = { .ctx = ctx, .args = a };
	bool listed;
	int ret = mkfs_list_features(ctx, args, &listed);

	a->has_bytes = a->bytes; /* 0 is the whole device */
	if (ret || listed)
		return ret;
	if (!ctx->argc)
		return cmd_usage(ctx);
	k.p.ndevs = ctx->argc;
	k.p.devices = mem_calloc(k.p.ndevs, sizeof(*k.p.devices));
	if (!k.p.devices)
		return cmd_error(ctx, "not enough memory");
	for (unsigned i = 0; i < k.p.ndevs; i++)
		k.p.devices[i].path = ctx->argv[i];
	ret = mkfs_steps(&k);
	for (size_t i = 0; i < k.texts.len; i++)
		free(k.texts.v[i]);
	vec_fini(&k.texts);
	vec_fini(&k.subvols);
	vec_fini(&k.flags);
	vec_fini(&k.uid_maps);
	vec_fini(&k.gid_maps);
	vec_fini(&k.verity);
	free(k.rootdir);
	free(k.p.devices);
	return ret;
}

#define OPT_STRUCT struct mkfs_args
static const struct opt mkfs_opts[] = {
	OPT_HEAD("Allocation profiles:"),
	OPT_STRING('d', "data", data, "PROFILE", "data profile, raid0, raid1, raid1c3, raid1c4, raid5, raid6, raid10, dup or single"),
	OPT_STRING('m', "metadata", metadata, "PROFILE", "metadata profile, values like for data profile"),
	OPT_FLAG('M', "mixed", mixed, "mix metadata and data together"),
	OPT_HEAD("Features:"),
	OPT_STRING(0, "csum", csum, "TYPE", "checksum algorithm to use, crc32c (default), xxhash, sha256, blake2", .complete = "crc32c|xxhash|sha256|blake2"),
	OPT_STRING(0, "checksum", csum, "TYPE", NULL),
	OPT_SIZE('n', "nodesize", nodesize, "SIZE", "size of btree nodes"),
	OPT_SIZE('s', "sectorsize", sectorsize, "SIZE", "data block size (may not be mountable by current kernel)"),
	OPT_LIST('O', "features", features, "LIST", "comma separated list of filesystem features (use '-O list-all' to list features)"),
	OPT_LIST('R', "runtime-features", runtime, "LIST", "deprecated, use -O"),
	OPT_STRING('L', "label", label, "LABEL", "set the filesystem label"),
	OPT_STRING('U', "uuid", uuid, "UUID", "specify the filesystem UUID (must be unique for a filesystem with multiple devices)"),
	OPT_STRING(0, "device-uuid", device_uuid, "UUID", "specify the filesystem device UUID (a.k.a sub-uuid) (for single device filesystem only)"),
	OPT_HEAD("Creation:"),
	OPT_SIZE('b', "byte-count", bytes, "SIZE", "set size of each device to SIZE (filesystem size is sum of all device sizes)"),
	OPT_STRING('r', "rootdir", rootdir, "DIR", "copy files from DIR, or from a tar archive (-: standard input), to the image root directory", .complete = "dir"),
	OPT_STRING(0, "compress", compress, "ALGO[:LEVEL]", "compress files by algorithm and level, 'no' (default), zlib, lzo, zstd, requires --rootdir",
		   .complete = "no|zlib|lzo|zstd"),
	OPT_LIST('u', "subvol", subvols, "TYPE:SUBDIR", "create SUBDIR as subvolume rather than a regular directory, can be specified multiple times"),
	OPT_LIST(0, "inode-flags", inode_flags, "FLAGS:PATH", "specify that path to have inode flags, can be specified multiple times"),
	OPT_FLAG(0, "reflink", reflink, "with --rootdir: clone file ranges instead of copying them"),
	OPT_FLAG(0, "shrink", shrink, "(with --rootdir) shrink the filled filesystem to minimal size"),
	OPT_FLAG('K', "nodiscard", nodiscard, "do not perform whole device TRIM"),
	OPT_FLAG('f', "force", force, "force overwrite of existing filesystem"),
	OPT_STRING(0, "owner", owner, "UID:GID", "(with --rootdir) everything belongs to UID:GID", .ours = true),
	OPT_LIST(0, "uid-map", uid_maps, "FROM:TO:COUNT", "(with --rootdir) owners FROM and up become TO and up", .ours = true),
	OPT_LIST(0, "gid-map", gid_maps, "FROM:TO:COUNT", "(with --rootdir) groups FROM and up become TO and up", .ours = true),
	OPT_STRING(0, "manifest", manifest, "FILE", "(with --rootdir) owners, modes, xattrs, subvolumes, device nodes by path", .ours = true, .complete = "file"),
	OPT_STRING(0, "verity", verity, "LIST", "(with --rootdir) seal the files named in LIST, one a line, by fs-verity", .ours = true, .complete = "file"),
	OPT_FLAG(0, "strict", strict, "(with --rootdir) files that change or vanish while they are read are an error", .ours = true),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_mkfs = {
	.name = "mkfs.btrfs", .usage = { "mkfs.btrfs [options] <dev> [<dev...>]" }, .brief = "Create a BTRFS filesystem on a device or multiple devices",
	.opts = mkfs_opts, CMD_ARGS(struct mkfs_args), .min_args = 0, .max_args = -1,
	.flags = CMD_STANDALONE | CMD_JOBS | CMD_PROGRESS | CMD_QUIET_VERBOSE | CMD_SEED, .run = mkfs_run, .complete = "device",
};
