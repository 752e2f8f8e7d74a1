/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening: from what was named, over what was found, to devices that belong together and system chunks that are mapped.
 * Spec: on-disk-format 1, 14.1 (steps 1 and 2); interface.md, "Where a filesystem is". */
#include "common/mem.h"
#include "common/units.h"
#include "kernel-shared/volume/dumpfile.h"
#include "kernel-shared/volume/dumpsrc.h"
#include "kernel-shared/volume/scan.h"

const struct bdev *bdev_bottom(const struct bdev *b)
{
	while (b->lower)
		b = b->lower;
	return b;
}

static void warn_mounted(struct env *env, const struct bdev *b)
{
	if (bdev_in_use(bdev_bottom(b)->name, NULL, NULL) > 0)
		env_msg(env, MSG_WARNING, "%s already mounted, results may be inaccurate", bdev_bottom(b)->name);
}

static int open_one(struct volume *vol, const struct volume_args *args, const char *spec, struct bdev **out, struct err *err)
{
	bool dry = args->flags & VOLUME_DRY_RUN;
	unsigned flags = (args->flags & VOLUME_WRITE && !dry ? BDEV_WRITE : 0) | (args->flags & VOLUME_FORCE_MOUNTED ? BDEV_FORCE : 0);
	struct bdev *b;
	int ret = args->open ? args->open(args->open_arg, spec, &b, err) : bdev_open_spec(vol->env, spec, flags, &b, err);

	if (ret)
		return ret;
	if (args->flags & VOLUME_WARN_MOUNTED && !(args->flags & VOLUME_WRITE))
		warn_mounted(vol->env, b);
	if (dry)
		ret = bdev_overlay_new(b, &b, err);
	if (!ret && args->wrap)
		ret = args->wrap(args->wrap_arg, &b, err);
	if (ret) {
		bdev_close(b);
		return ret;
	}
	*out = b;
	return 0;
}

static bool by_hand(const struct volume_args *args)
{
	return args->super_bytenr || args->super_copy >= 0;
}

/* A copy chosen by hand is that of the first device; it speaks for the filesystem, so the others need only be there. */
static int read_supers(struct volume *vol, const struct volume_args *args, struct bdev *b, struct disk_super *sb, u8 *valid, struct err *err)
{
	bool lenient = args->flags & VOLUME_LENIENT;
	struct disk_super newest;
	u64 bytenr;
	int ret;

	if (!by_hand(args) || vol->devices.len)
		return supers_read(b, lenient, sb, valid, err);
	if (!args->super_bytenr && args->super_copy >= BTRFS_SUPER_MIRROR_MAX)
		return volume_read_super(b, args->super_copy, sb, err);
	bytenr = args->super_bytenr ? args->super_bytenr : btrfs_super_offset[args->super_copy];
	ret = super_read_bytenr(b, bytenr, lenient, sb, err);
	if (!ret && supers_read(b, true, &newest, valid, NULL))
		*valid = 0;
	return ret;
}

/* Two ways to name one device. */
static const struct device *opened_already(const struct volume *vol, const u64 id[2])
{
	for (size_t i = 0; i < vol->devices.len; i++) {
		const struct bdev *other = vol->devices.v[i]->bdev;

		if (other && other->id[0] == id[0] && other->id[1] == id[1])
			return vol->devices.v[i];
	}
	return NULL;
}

static int add_device(struct volume *vol, const struct volume_args *args, const char *spec, struct err *err)
{
	const struct device *twice;
	struct disk_super sb;
	struct bdev *b;
	u8 valid;
	int ret = open_one(vol, args, spec, &b, err);

	if (ret)
		return ret;
	twice = opened_already(vol, b->id);
	if (twice)
		ret = err_set(err, -EEXIST, "%s and %s are the same device", twice->path, spec);
	if (!ret)
		ret = read_supers(vol, args, b, &sb, &valid, err);
	if (!ret)
		ret = devset_add(vol, b, spec, &sb, valid, NULL, err);
	if (ret)
		bdev_close(b);
	return ret;
}

static int add_tagged(struct volume *vol, const struct volume_args *args, const char *tag, struct err *err)
{
	struct paths paths = VEC_INIT;
	int ret = scan_tag(vol->env, tag, &paths, err);

	for (size_t i = 0; i < paths.len; i++) {
		if (!ret)
			ret = add_device(vol, args, paths.v[i], err);
		free(paths.v[i]);
	}
	vec_fini(&paths);
	return ret;
}

static int add_named(struct volume *vol, const struct volume_args *args, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < args->nspecs && !ret; i++)
		ret = is_tag(args->specs[i]) ? add_tagged(vol, args, args->specs[i], err) : add_device(vol, args, args->specs[i], err);
	if (!ret && !vol->devices.len)
		ret = err_set(err, -EINVAL, "no device was named");
	return ret;
}

static void set_super(struct volume *vol, const struct disk_super *sb)
{
	vol->sb = *sb;
	geometry_from_super(&vol->geo, sb);
	memcpy(vol->fsids[0], super_metadata_uuid(sb), BTRFS_FSID_SIZE);
	vol->nfsids = 1;
}

static bool is_seed(const struct device *d)
{
	return le64_get(d->sb.flags) & BTRFS_SUPER_FLAG_SEEDING;
}

static bool is_ours(const struct volume *vol, const struct disk_super *sb)
{
	return !memcmp(super_metadata_uuid(sb), vol->fsids[0], BTRFS_FSID_SIZE);
}

static bool is_changing(const struct device *d)
{
	return le64_get(d->sb.flags) & BTRFS_SUPER_FLAG_CHANGING_FSID;
}

/* While the fsid is rewritten some devices have the new one and others still the old one: all else in their superblocks is the same. */
static bool same_but_for_fsid(const struct device *a, const struct device *b)
{
	const struct disk_super *x = &a->sb, *y = &b->sb;

	return (is_changing(a) || is_changing(b)) && a->devid != b->devid && !memcmp(&x->generation, &y->generation, sizeof(x->generation)) &&
		!memcmp(&x->root, &y->root, sizeof(x->root)) && !memcmp(&x->chunk_root, &y->chunk_root, sizeof(x->chunk_root)) &&
		!memcmp(x->sys_chunk_array, y->sys_chunk_array, sizeof(x->sys_chunk_array));
}

/* The newest superblock speaks for the filesystem; among equals one that says that its fsid is being changed, else the first device named; a
 * seed only for want of others. */
void volume_choose_main(struct volume *vol, const struct volume_args *args)
{
	vol->main = vol->devices.v[0];
	for (size_t i = 1; i < vol->devices.len && !by_hand(args); i++) {
		struct device *d = vol->devices.v[i];

		if (is_seed(d) != is_seed(vol->main) ? is_seed(vol->main) : d->generation != vol->main->generation ? d->generation > vol->main->generation :
		    is_changing(d) && !is_changing(vol->main))
			vol->main = d;
	}
	set_super(vol, &vol->main->sb);
	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		d->stale = !by_hand(args) && is_ours(vol, &d->sb) && d->generation < vol->main->generation;
	}
}

/* Devices of another filesystem can only be seeds of this one; those are never written. */
static int check_fsids(const struct volume *vol, struct err *err)
{
	char a[UUID_TEXT_MAX], b[UUID_TEXT_MAX];

	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		if (is_ours(vol, &d->sb) || same_but_for_fsid(vol->main, d))
			continue;
		if (!is_seed(d))
			return err_set(err, -EINVAL, "%s and %s belong to different filesystems (%s and %s)", vol->main->path, d->path,
				       uuid_format(vol->sb.fsid, a), uuid_format(d->sb.fsid, b));
		d->seed = true;
		d->bdev->writable = false;
	}
	return 0;
}

/* All that can be found without being named, once. Not being able to look is not finding. */
static int look_around(struct volume *vol, struct err *err)
{
	struct candidates *c = vol->candidates;
	int ret = 0;

	if (vol->flags & VOLUME_NOSCAN && !(vol->flags & VOLUME_NEIGHBOURS))
		return 0;
	if (!c)
		c = vol->candidates = mem_zalloc(sizeof(*c));
	if (!c)
		return err_nomem(err);
	if (c->scanned)
		return 0;
	c->scanned = true;
	if (!(vol->flags & VOLUME_NOSCAN) && volume_scan(vol->env, &c->found, NULL) == -ENOMEM)
		return err_nomem(err);
	for (size_t i = 0; i < vol->devices.len && !ret && vol->flags & VOLUME_NEIGHBOURS && !vol->writable; i++)
		if (vol->devices.v[i]->bdev && !vol->devices.v[i]->bdev->block)
			ret = scan_neighbours(vol->env, bdev_bottom(vol->devices.v[i]->bdev)->name, &c->found, err);
	return ret;
}

/* Another device found that claims to be the same one. */
static const struct found_device *twin_of(const struct volume *vol, const struct found_device *f)
{
	const struct found_devices *all = &vol->candidates->found;

	for (size_t i = 0; i < all->len; i++) {
		const struct found_device *other = &all->v[i];

		if (other != f && le64_get(other->sb.dev_item.devid) == le64_get(f->sb.dev_item.devid) &&
		    !memcmp(super_metadata_uuid(&other->sb), super_metadata_uuid(&f->sb), BTRFS_FSID_SIZE))
			return other;
	}
	return NULL;
}

/* Opens those found devices of a filesystem whose places are still empty. */
static int adopt(struct volume *vol, const struct volume_args *args, const u8 fsid[16], struct err *err)
{
	struct candidates *c = vol->candidates;
	int ret = 0;

	for (size_t i = 0; c && i < c->found.len && !ret; i++) {
		const struct found_device *f = &c->found.v[i], *twin;
		struct device *d = volume_device(vol, le64_get(f->sb.dev_item.devid), NULL);

		if (memcmp(super_metadata_uuid(&f->sb), fsid, BTRFS_FSID_SIZE) || (d && d->bdev) || opened_already(vol, f->id))
			continue;
		twin = twin_of(vol, f);
		if (twin)
			return err_set(err, -EEXIST, "%s and %s are both device %llu of the same filesystem: name the right one", f->path, twin->path,
				       le64_get(f->sb.dev_item.devid));
		ret = add_device(vol, args, f->path, err);
	}
	return ret;
}

static int complete(struct volume *vol, const struct volume_args *args, struct err *err)
{
	int ret;

	if (vol->devices.len >= le64_get(vol->sb.num_devices))
		return 0;
	ret = look_around(vol, err);
	if (!ret)
		ret = adopt(vol, args, vol->fsids[0], err);
	if (!ret)
		volume_choose_main(vol, args);
	return ret;
}

int volume_add_seed(struct volume *vol, const u8 fsid[16], struct err *err)
{
	const struct volume_args args = { .flags = vol->flags & VOLUME_LENIENT, .super_copy = -1 };
	bool here = false;
	int ret = 0;

	for (unsigned i = 0; i < vol->nfsids; i++)
		if (!memcmp(vol->fsids[i], fsid, BTRFS_FSID_SIZE))
			return 0;
	if (vol->nfsids == ARRAY_SIZE(vol->fsids))
		return err_set(err, -EUCLEAN, "more than %zu seed filesystems", ARRAY_SIZE(vol->fsids) - 1);
	memcpy(vol->fsids[vol->nfsids++], fsid, BTRFS_FSID_SIZE);
	for (size_t i = 0; i < vol->devices.len; i++)
		here |= vol->devices.v[i]->bdev && !memcmp(super_metadata_uuid(&vol->devices.v[i]->sb), fsid, BTRFS_FSID_SIZE);
	if (!here)
		ret = look_around(vol, err);
	if (!here && !ret)
		ret = adopt(vol, &args, fsid, err);
	for (size_t i = 0; i < vol->devices.len; i++) {
		struct device *d = vol->devices.v[i];

		d->seed |= d->bdev && !memcmp(super_metadata_uuid(&d->sb), fsid, BTRFS_FSID_SIZE);
	}
	volume_count_missing(vol);
	return ret ? ret : devset_check_seeds(vol, err);
}

int volume_check_generations(const struct volume *vol, struct err *err)
{
	for (size_t i = 0; vol->writable && !(vol->flags & VOLUME_STALE) && i < vol->devices.len; i++)
		if (vol->devices.v[i]->stale)
			return err_set(err, -ESTALE, "%s is older than %s (generation %llu, not %llu): it has missed writes, so nothing is written (scrub brings it in line)",
				       vol->devices.v[i]->path, vol->main->path, vol->devices.v[i]->generation, vol->main->generation);
	return 0;
}

int volume_map_system_chunks(struct volume *vol, struct err *err)
{
	const struct disk_chunk *chunk;
	struct key key;
	u32 pos = 0, size;
	int ret;

	while ((ret = super_sys_chunk_next(&vol->sb, &pos, &key, &chunk, &size, err)) > 0) {
		ret = volume_add_chunk(vol, key.offset, chunk, err);
		if (ret && !(vol->flags & VOLUME_LENIENT))
			return ret;
	}
	return vol->flags & VOLUME_LENIENT ? 0 : ret;
}

/* A superblock that breaks rules still has to have sizes that can be worked with. */
static int check_geometry(const struct geometry *geo, const char *path, struct err *err)
{
	if (is_p2(geo->nodesize) && geo->nodesize >= BTRFS_MIN_BLOCKSIZE && geo->nodesize <= BTRFS_MAX_METADATA_BLOCKSIZE &&
	    is_p2(geo->sectorsize) && geo->sectorsize >= BTRFS_MIN_BLOCKSIZE && geo->sectorsize <= geo->nodesize)
		return 0;
	return err_set(err, -EUCLEAN, "the superblock of %s cannot be used: node size %u, sector size %u", path, geo->nodesize, geo->sectorsize);
}

static int assemble(struct volume *vol, const struct volume_args *args, struct err *err)
{
	int ret = add_named(vol, args, err);

	if (ret)
		return ret;
	volume_choose_main(vol, args);
	ret = check_fsids(vol, err);
	if (!ret)
		ret = super_check_features(&vol->sb, vol->writable, err);
	if (!ret)
		ret = check_geometry(&vol->geo, vol->main->path, err);
	if (!ret)
		ret = complete(vol, args, err);
	if (!ret)
		ret = volume_check_generations(vol, err);
	return ret ? ret : volume_map_system_chunks(vol, err);
}

/* A single device that holds a metadata dump is read through that. 1: so it is, and *out is open; 0: it is something else. */
static int open_dump(struct env *env, const struct volume_args *args, struct volume **out, struct err *err)
{
	struct logical_source *src;
	struct disk_super sb;
	struct bdev *b;
	int ret;

	if (args->nspecs != 1 || is_tag(args->specs[0]) || bdev_open_spec(env, args->specs[0], BDEV_READ, &b, NULL))
		return 0;
	if (!dump_probe(b)) {
		bdev_close(b);
		return 0;
	}
	if (args->flags & VOLUME_WRITE)
		ret = err_set(err, -EROFS, "%s is a metadata dump, which can only be read (btrfs-image -r restores it)", b->name);
	else
		ret = dump_source_new(b, &src, &sb, err);
	if (ret) {
		bdev_close(b);
		return ret;
	}
	ret = volume_open_source(env, src, &sb, args->specs[0], out, err);
	if (!ret)
		return 1;
	src->close(src);
	return ret;
}

int volume_open(struct env *env, const struct volume_args *args, struct volume **out, struct err *err)
{
	struct volume *vol;
	int ret = open_dump(env, args, out, err);

	if (ret)
		return min_t(int, ret, 0);
	vol = mem_zalloc(sizeof(*vol));
	if (!vol)
		return err_nomem(err);
	vol->env = env;
	vol->flags = args->flags;
	vol->writable = args->flags & VOLUME_WRITE;
	ret = assemble(vol, args, err);
	if (ret) {
		volume_close(vol);
		return ret;
	}
	*out = vol;
	return 0;
}

int volume_open_source(struct env *env, struct logical_source *src, const struct disk_super *sb, const char *name, struct volume **out, struct err *err)
{
	struct volume *vol = NULL;
	int ret = volume_new(env, sb, &vol, err);

	if (ret)
		return ret;
	vol->flags = VOLUME_NOSCAN;
	vol->writable = false;
	vol->source = src;
	ret = check_geometry(&vol->geo, name, err);
	if (!ret)
		ret = devset_add(vol, NULL, name, sb, 1, &vol->main, err);
	if (!ret)
		ret = super_check_features(&vol->sb, false, err);
	if (!ret)
		ret = volume_map_system_chunks(vol, err);
	if (ret) {
		vol->source = NULL; /* the caller's again */
		volume_close(vol);
		return ret;
	}
	*out = vol;
	return 0;
}

int volume_new(struct env *env, const struct disk_super *sb, struct volume **out, struct err *err)
{
	struct volume *vol = mem_zalloc(sizeof(*vol));

	if (!vol)
		return err_nomem(err);
	vol->env = env;
	vol->flags = VOLUME_WRITE | VOLUME_NOSCAN;
	vol->writable = true;
	set_super(vol, sb);
	*out = vol;
	return 0;
}
