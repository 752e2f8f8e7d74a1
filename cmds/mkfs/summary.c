/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mkfs.btrfs tells. Spec: cli 18.1. */
#include <unistd.h>
#include "cmds/mkfs/mkfs.h"
#include "crypto/csum.h"
#include "kernel-shared/fs/file.h"

void mkfs_head(struct mkfs *k)
{
	cmd_say(k->ctx, 1, "btrfs-progs v%s\nSee https://btrfs.readthedocs.io for more information.\n\n", COMPAT_VERSION);
}

static void group_line(struct mkfs *k, const char *name, u64 flags, u64 bytes)
{
	char size[SIZE_TEXT_MAX];

	if (bytes)
		out_printf(k->ctx->out, "  %-18s%-8s %16s\n", name, profile_of(flags)->name, units_format(bytes, UNITS_HUMAN, size));
}

static bool has_feature(const struct make_params *p, const struct feature *f)
{
	if (!f->incompat && !f->compat_ro)
		return p->quota;
	return (p->incompat & f->incompat) == f->incompat && (p->compat_ro & f->compat_ro) == f->compat_ro;
}

static void features_line(struct mkfs *k)
{
	const char *sep = "";

	out_puts(k->ctx->out, "Features:           ");
	for (unsigned i = 0; i < features_count; i++) {
		if (!features[i].mkfs || !has_feature(&k->p, &features[i]))
			continue;
		out_printf(k->ctx->out, "%s%s", sep, features[i].option);
		sep = ", ";
	}
	out_puts(k->ctx->out, "\n");
}

static void rootdir_block(struct mkfs *k)
{
	struct out *o = k->ctx->out;

	out_printf(o, "Rootdir from:       %s\n", k->args->rootdir);
	out_printf(o, "  Compress:         %s%s\n", k->pop.compress ? compress_name(k->pop.compress) : "no",
		   k->pop.compress && strchr(k->args->compress, ':') ? strchr(k->args->compress, ':') : "");
	for (size_t i = 0; i < k->subvols.len; i++) {
		const struct populate_subvol *s = &k->subvols.v[i];

		out_printf(o, "  Subvolume (%s%s):%*s%s\n", s->is_default ? "d" : "", s->readonly ? "ro" : "rw", s->is_default ? 2 : 3, "", s->path);
	}
	for (size_t i = 0; i < k->flags.len; i++) {
		bool cow = k->flags.v[i].flags & BTRFS_INODE_NODATACOW, sum = k->flags.v[i].flags & BTRFS_INODE_NODATASUM;

		out_printf(o, "  Inode flags (%s%s%s):  %s\n", cow ? "NODATACOW" : "", cow && sum ? "|" : "", sum ? "NODATASUM" : "", k->flags.v[i].path);
	}
	if (k->args->shrink)
		out_puts(o, "  Shrink:           yes\n");
}

static void groups_block(struct mkfs *k, const struct maker *m)
{
	u64 mixed = BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA;

	out_puts(k->ctx->out, "Block group profiles:\n");
	group_line(k, "Data+Metadata:", k->p.metadata, maker_allocated(m, mixed));
	group_line(k, "Data:", k->p.data, maker_allocated(m, BTRFS_BLOCK_GROUP_DATA));
	group_line(k, "Metadata:", k->p.metadata, maker_allocated(m, BTRFS_BLOCK_GROUP_METADATA));
	group_line(k, "System:", k->p.metadata, maker_allocated(m, BTRFS_BLOCK_GROUP_SYSTEM));
}

static void devices_block(struct mkfs *k, const struct maker *m)
{
	struct out *o = k->ctx->out;
	char size[SIZE_TEXT_MAX];

	out_printf(o, "Number of devices:  %u\nDevices:\n   ID        SIZE  PATH \n", k->p.ndevs);
	for (unsigned i = 0; i < k->p.ndevs; i++)
		out_printf(o, "%5u  %10s  %s\n", i + 1, units_format(maker_device_bytes(m, i), UNITS_HUMAN, size), k->p.devices[i].path);
	out_puts(o, "\n");
}

void mkfs_summary(struct mkfs *k, const struct maker *m)
{
	struct out *o = k->ctx->out;
	char uuid[UUID_TEXT_MAX], size[SIZE_TEXT_MAX];

	if (cmd_level(k->ctx) < 1)
		return;
	out_puts(o, "NOTE: default settings have changed in version 6.19 (supported since linux 6.1):\n      - enable block-group-tree (-O bgt)\n\n");
	if (k->args->rootdir)
		rootdir_block(k);
	out_printf(o, "Label:              %s\n", k->p.label ? k->p.label : "(null)");
	out_printf(o, "UUID:               %s\n", uuid_format(k->p.fsid, uuid));
	if (k->args->device_uuid)
		out_printf(o, "Device UUID:        %s\n", uuid_format(k->p.devices[0].uuid, uuid));
	out_printf(o, "Node size:          %u\n", k->p.nodesize);
	out_printf(o, "Sector size:        %u\t(CPU page size: %ld)\n", k->p.sectorsize, sysconf(_SC_PAGESIZE));
	out_printf(o, "Filesystem size:    %s\n", units_format(maker_total_bytes(m), UNITS_HUMAN, size));
	groups_block(k, m);
	out_printf(o, "SSD detected:       %s\nZoned device:       no\n", k->ssd ? "yes" : "no");
	features_line(k);
	out_printf(o, "Checksum:           %s\n", csum_types[k->p.csum_type].name);
	devices_block(k, m);
}
