/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, profiles and features as the options say them, and whether they go together. Spec: cli 18, 18.2, 18.3. */
#include <stdio.h>
#include <unistd.h>
#include "cmds/mkfs/mkfs.h"
#include "crypto/csum.h"

#define DEFAULT_INCOMPAT (BTRFS_FEATURE_INCOMPAT_EXTENDED_IREF | BTRFS_FEATURE_INCOMPAT_SKINNY_METADATA | BTRFS_FEATURE_INCOMPAT_NO_HOLES)
#define FREE_SPACE_TREE (BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE | BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE_VALID)
#define BLOCK_GROUP_TREE BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE

/* ---- features ---- */

static void print_feature(struct strbuf *sb, const struct feature *f)
{
	const char *sep = " (";

	if (f->alias)
		sb_printf(sb, "%-20s- %s alias\n", f->alias, f->option);
	sb_printf(sb, "%-20s- %s", f->option, f->desc);
	if (f->compat) {
		sb_printf(sb, "%scompat=%s", sep, f->compat);
		sep = ", ";
	}
	if (f->safe) {
		sb_printf(sb, "%ssafe=%s", sep, f->safe);
		sep = ", ";
	}
	if (f->deflt)
		sb_printf(sb, "%sdefault=%s", sep, f->deflt);
	sb_lit(sb, ")\n");
}

static bool asks_list(const struct strlist *lists)
{
	for (size_t i = 0; i < lists->len; i++)
		for (const char *s = lists->v[i]; *s; s += s[strcspn(s, ",")] == ',' ? strcspn(s, ",") + 1 : strcspn(s, ","))
			if (strcspn(s, ",") == 8 && !memcmp(s, "list-all", 8))
				return true;
	return false;
}

/* -R knows these alone. */
static bool is_runtime(const struct feature *f)
{
	return !f->incompat && (!f->compat_ro || f->compat_ro == FREE_SPACE_TREE);
}

int mkfs_list_features(struct cmd_ctx *ctx, const struct mkfs_args *args, bool *listed)
{
	bool runtime = asks_list(&args->runtime);
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	*listed = runtime || asks_list(&args->features);
	if (!*listed)
		return 0;
	sb_printf(&sb, "%s features available:\n", runtime ? "Runtime" : "Filesystem");
	for (unsigned i = 0; i < features_count; i++)
		if (features[i].mkfs && (!runtime || is_runtime(&features[i])))
			print_feature(&sb, &features[i]);
	fputs(sb_str(&sb), stderr);
	return 0;
}

static int one_feature(struct mkfs *k, const char *name, size_t len, bool runtime)
{
	bool on = name[0] != '^' || !len;
	const struct feature *f;

	name += !on;
	len -= !on;
	f = feature_by_option(name, len);
	if (!f || !f->mkfs || (runtime && !is_runtime(f)))
		return cmd_error(k->ctx, "unrecognized %sfeature '%.*s'", runtime ? "runtime " : "filesystem ", (int)len, name);
	if (!f->incompat && !f->compat_ro)
		k->p.quota = on;
	if (f->incompat & BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS)
		k->p.mixed = on;
	k->p.incompat = on ? k->p.incompat | f->incompat : k->p.incompat & ~f->incompat;
	k->p.compat_ro = on ? k->p.compat_ro | f->compat_ro : k->p.compat_ro & ~f->compat_ro;
	return 0;
}

static int feature_list(struct mkfs *k, const struct strlist *lists, bool runtime)
{
	int ret = 0;

	for (size_t i = 0; i < lists->len && !ret; i++) {
		const char *s = lists->v[i];

		while (*s && !ret) {
			size_t len = strcspn(s, ",");

			if (len)
				ret = one_feature(k, s, len, runtime);
			s += len + (s[len] == ',');
		}
	}
	return ret;
}

static int parse_features(struct mkfs *k)
{
	u64 need = FREE_SPACE_TREE;
	int ret;

	k->p.incompat = DEFAULT_INCOMPAT | BTRFS_FEATURE_INCOMPAT_MIXED_BACKREF;
	k->p.compat_ro = need | BLOCK_GROUP_TREE;
	if (k->args->runtime.len)
		cmd_warn(k->ctx, "runtime features are deprecated, use -O|--features instead");
	ret = feature_list(k, &k->args->features, false);
	if (!ret)
		ret = feature_list(k, &k->args->runtime, true);
	if (ret)
		return ret;
	if (k->p.incompat & BTRFS_FEATURE_INCOMPAT_ZONED)
		return cmd_error(k->ctx, "cannot make a zoned filesystem: this build has no support for zoned devices");
	if (k->p.compat_ro & BLOCK_GROUP_TREE && ((k->p.compat_ro & need) != need || !(k->p.incompat & BTRFS_FEATURE_INCOMPAT_NO_HOLES))) {
		cmd_warn(k->ctx, "disabling block-group-tree feature due to missing no-holes and free-space-tree features");
		k->p.compat_ro &= ~BLOCK_GROUP_TREE;
	}
	k->p.squota = k->p.incompat & BTRFS_FEATURE_INCOMPAT_SIMPLE_QUOTA;
	if (k->p.quota && k->p.squota)
		return cmd_error(k->ctx, "the features quota and squota are mutually exclusive");
	k->p.mixed |= k->args->mixed;
	if (k->p.mixed)
		k->p.incompat |= BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS;
	return 0;
}

/* ---- sizes ---- */

static int parse_sizes(struct mkfs *k)
{
	const struct mkfs_args *a = k->args;
	u64 sector = a->has_sectorsize ? a->sectorsize : KiB(4), node;
	long page = sysconf(_SC_PAGESIZE);

	if (!is_p2(sector))
		return cmd_error(k->ctx, "invalid sectorsize %llu, must be power of 2", sector);
	if (sector < KiB(4) || sector > KiB(64))
		return cmd_error(k->ctx, "invalid sectorsize %llu, expected range is [4K, 64K]", sector);
	if (sector != (u64)page)
		cmd_warn(k->ctx, "sectorsize %llu does not match host CPU page size %ld, with kernels 6.x and up the 4KiB sectorsize is supported on all architectures but other combinations may fail the filesystem mount",
			 sector, page);
	node = a->has_nodesize ? a->nodesize : k->p.mixed ? sector : max_t(u64, KiB(16), sector);
	if (node < sector || node < KiB(4))
		return cmd_error(k->ctx, "illegal nodesize %llu (smaller than %llu)", node, max_t(u64, sector, KiB(4)));
	if (node > KiB(64))
		return cmd_error(k->ctx, "illegal nodesize %llu (larger than %llu)", node, KiB(64));
	if (!is_aligned_p2(node, sector) || !is_p2(node))
		return cmd_error(k->ctx, "illegal nodesize %llu (not aligned to %llu)", node, sector);
	if (k->p.mixed && node != sector)
		return cmd_error(k->ctx, "illegal nodesize %llu (not equal to %llu for mixed block group)", node, sector);
	k->p.sectorsize = sector;
	k->p.nodesize = node;
	if (node > KiB(4))
		k->p.incompat |= BTRFS_FEATURE_INCOMPAT_BIG_METADATA;
	return 0;
}

/* ---- profiles ---- */

static int parse_profile(struct mkfs *k, const char *what, const char *text, u64 *out)
{
	const struct profile *p = text ? profile_by_option(text) : NULL;

	if (text && !p)
		return cmd_error(k->ctx, "unknown %s profile %s", what, text);
	if (p)
		*out = p->flag;
	return 0;
}

static int check_devices(struct mkfs *k, const char *what, u64 flags)
{
	const struct profile *p = profile_of(flags);

	if (k->p.ndevs >= p->min_devs)
		return 0;
	return cmd_error(k->ctx, "unable to create FS with %s profile %s (have %u devices but %u devices are required)", what, p->name, k->p.ndevs, p->min_devs);
}

static void warn_profiles(struct mkfs *k)
{
	u64 all = k->p.data | k->p.metadata;

	if (all & BTRFS_BLOCK_GROUP_DUP && k->p.ndevs > 1)
		cmd_warn(k->ctx, "DUP is not recommended on filesystem with multiple devices");
	if (all & BTRFS_BLOCK_GROUP_RAID6 && k->p.ndevs == 3)
		cmd_warn(k->ctx, "RAID6 is not recommended on filesystem with 3 devices only");
	if (all & BTRFS_BLOCK_GROUP_RAID5 && k->p.ndevs == 2)
		cmd_warn(k->ctx, "RAID5 is not recommended on filesystem with 2 devices only");
	if (profile_of(k->p.metadata)->tolerated < profile_of(k->p.data)->tolerated)
		cmd_warn(k->ctx, "metadata has lower redundancy than data!\n");
}

static int parse_profiles(struct mkfs *k)
{
	u64 usual = k->p.mixed ? 0 : k->p.ndevs > 1 ? BTRFS_BLOCK_GROUP_RAID1 : BTRFS_BLOCK_GROUP_DUP;
	const char *data = k->args->data, *meta = k->args->metadata;

	k->p.metadata = usual;
	if (parse_profile(k, "data", data, &k->p.data) || parse_profile(k, "metadata", meta, &k->p.metadata))
		return 1;
	if (k->p.mixed && (!data != !meta || k->p.data != k->p.metadata))
		return cmd_error(k->ctx, "with mixed block groups data and metadata profiles must be the same");
	if ((k->p.data | k->p.metadata) & BTRFS_BLOCK_GROUP_RAID56_MASK)
		cmd_warn(k->ctx, "RAID5/6 support has known problems is strongly discouraged\n\t to be used besides testing or evaluation.\n");
	if (check_devices(k, "metadata", k->p.metadata) || check_devices(k, "data", k->p.data))
		return 1;
	warn_profiles(k);
	if ((k->p.data | k->p.metadata) & BTRFS_BLOCK_GROUP_RAID56_MASK)
		k->p.incompat |= BTRFS_FEATURE_INCOMPAT_RAID56;
	if ((k->p.data | k->p.metadata) & (BTRFS_BLOCK_GROUP_RAID1C3 | BTRFS_BLOCK_GROUP_RAID1C4))
		k->p.incompat |= BTRFS_FEATURE_INCOMPAT_RAID1C34;
	return 0;
}

/* ---- names ---- */

/* Somebody else's filesystem of the same uuid would be taken for a part of this one. */
static bool uuid_in_use(struct mkfs *k)
{
	struct found_devices found = VEC_INIT;
	bool used = false;

	if (!volume_scan(k->ctx->env, &found, NULL))
		for (size_t i = 0; i < found.len; i++)
			used |= !memcmp(found.v[i].sb.fsid, k->p.fsid, sizeof(k->p.fsid));
	found_devices_fini(&found);
	return used;
}

static int parse_identity(struct mkfs *k)
{
	const struct mkfs_args *a = k->args;
	int type = a->csum ? csum_type_by_name(a->csum) : CSUM_CRC32C;

	if (type < 0)
		return cmd_error(k->ctx, "unknown csum type %s", a->csum);
	k->p.csum_type = type;
	if (a->label && strlen(a->label) >= BTRFS_LABEL_SIZE)
		return cmd_error(k->ctx, "label %s is too long (max %d)", a->label, BTRFS_LABEL_SIZE - 1);
	if (a->label && strchr(a->label, '\n'))
		return cmd_error(k->ctx, "invalid label %s: it contains a newline", a->label);
	k->p.label = a->label;
	if (!a->uuid)
		env_uuid(k->ctx->env, k->p.fsid);
	else if (parse_uuid(a->uuid, k->p.fsid))
		return cmd_error(k->ctx, "could not parse UUID: %s", a->uuid);
	else if (k->p.ndevs > 1 && uuid_in_use(k))
		return cmd_error(k->ctx, "non-unique UUID: %s", a->uuid);
	if (a->device_uuid && k->p.ndevs > 1)
		return cmd_error(k->ctx, "the option --device-uuid %s can be used only for a single device filesystem", a->device_uuid);
	for (unsigned i = 0; i < k->p.ndevs; i++)
		env_uuid(k->ctx->env, k->p.devices[i].uuid);
	if (a->device_uuid && parse_uuid(a->device_uuid, k->p.devices[0].uuid))
		return cmd_error(k->ctx, "could not parse device UUID: %s", a->device_uuid);
	return 0;
}

int mkfs_parse(struct mkfs *k)
{
	int ret = parse_features(k);

	if (!ret)
		ret = parse_sizes(k);
	if (!ret)
		ret = parse_profiles(k);
	return ret ? ret : parse_identity(k);
}
