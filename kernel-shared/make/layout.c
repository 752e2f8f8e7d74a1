/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The course of making a filesystem: devices, first chunks, trees, superblocks. Spec: on-disk-format 1, 4.2, 14.3. */
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

static void super_init(struct maker *m, struct disk_super *sb)
{
	const struct make_params *p = &m->p;

	*sb = (struct disk_super){
		.flags = le64_of(BTRFS_HEADER_FLAG_WRITTEN), .magic = le64_of(BTRFS_MAGIC_TEMPORARY), .generation = le64_of(MAKE_TRANSID),
		.root_dir_objectid = le64_of(BTRFS_ROOT_TREE_DIR_OBJECTID), .num_devices = le64_of(p->ndevs), .sectorsize = le32_of(p->sectorsize),
		.nodesize = le32_of(p->nodesize), .leafsize = le32_of(p->nodesize), .stripesize = le32_of(p->sectorsize),
		.chunk_root_generation = le64_of(MAKE_TRANSID), .compat_ro_flags = le64_of(p->compat_ro), .incompat_flags = le64_of(p->incompat),
		.csum_type = le16_of(p->csum_type),
		.cache_generation = le64_of(p->compat_ro & BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE ? 0 : -1ULL),
	};
	memcpy(sb->fsid, p->fsid, sizeof(sb->fsid));
	if (p->label)
		memcpy(sb->label, p->label, min_t(size_t, strlen(p->label), BTRFS_LABEL_SIZE - 1));
}

static int add_devices(struct maker *m, struct err *err)
{
	for (unsigned i = 0; i < m->p.ndevs; i++) {
		struct make_device *d = &m->p.devices[i];
		struct disk_dev_item item;
		struct device *dev;
		int ret;

		lists_dev_item(m, i, &item);
		ret = volume_add_device(m->vol, d->bdev, d->path, &item, &dev, err);
		if (ret)
			return ret;
		d->bdev = NULL;
	}
	return 0;
}

/* What nothing mounts, but a later mkfs or check knows for an unfinished filesystem. */
static int write_temporary(struct maker *m, struct err *err)
{
	for (unsigned i = 0; i < m->p.ndevs; i++) {
		struct disk_super sb = m->vol->sb;
		int ret;

		sb.bytenr = le64_of(btrfs_super_offset[0]);
		sb.dev_item = m->vol->devices.v[i]->item;
		super_set_csum(&sb);
		ret = bdev_write(m->vol->devices.v[i]->bdev, btrfs_super_offset[0], &sb, sizeof(sb), err);
		if (ret)
			return ret;
	}
	return 0;
}

/* Takes all devices or none. */
static int take_devices(struct maker *m, struct err *err)
{
	int ret = 0;

	for (unsigned i = 0; i < m->p.ndevs && !ret; i++) {
		struct bdev *b = m->p.devices[i].bdev;

		if (m->p.fit != MAKE_FIXED && b->size < BTRFS_BLOCK_RESERVED_1M_FOR_SUPER)
			ret = bdev_resize(b, BTRFS_BLOCK_RESERVED_1M_FOR_SUPER, err);
		if (!ret)
			ret = make_wipe_device(b, m->p.devices[i].bytes, err);
		if (ret)
			ret = err_wrap(err, ret, "cannot prepare %s", m->p.devices[i].path);
	}
	return ret ? ret : add_devices(m, err);
}

int maker_new(struct env *env, const struct make_params *params, struct maker **out, struct err *err)
{
	struct maker *m = mem_zalloc(sizeof(*m));
	struct disk_super sb;
	u32 nsec;
	s64 sec;
	int ret;

	if (!m)
		return err_nomem(err);
	m->env = env;
	m->p = *params;
	m->p.devices = mem_dup(params->devices, params->ndevs * sizeof(*params->devices));
	ret = m->p.devices ? space_init(m, err) : err_nomem(err);
	env_now(env, &sec, &nsec);
	m->now = (struct disk_timespec){ le64_of(sec), le32_of(nsec) };
	env_uuid(env, m->chunk_uuid);
	super_init(m, &sb);
	if (!ret)
		ret = volume_new(env, &sb, &m->vol, err);
	if (!ret)
		ret = take_devices(m, err);
	if (!ret)
		ret = write_temporary(m, err);
	if (!ret)
		ret = space_first_chunks(m, err);
	if (ret) {
		maker_free(m);
		return ret;
	}
	*out = m;
	return 0;
}

void maker_free(struct maker *m)
{
	if (!m)
		return;
	space_fini(m);
	for (unsigned i = 0; m->p.devices && i < m->p.ndevs; i++)
		bdev_close(m->p.devices[i].bdev);
	free(m->p.devices);
	if (m->vol)
		volume_close(m->vol);
	vec_fini(&m->blocks);
	vec_fini(&m->extents);
	for (size_t i = 0; i < m->trees.len; i++)
		free(m->trees.v[i].name);
	vec_fini(&m->trees);
	free(m->writer.buf);
	free(m);
}

/* ---- superblocks ---- */

static int fill_sys_array(struct maker *m, struct disk_super *sb, struct err *err)
{
	u32 pos = 0;

	for (size_t i = 0; i < m->groups.len; i++) {
		const struct make_group *g = m->groups.v[i];
		struct disk_key key = key_disk(KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, g->start));

		if (!(g->flags & BTRFS_BLOCK_GROUP_SYSTEM))
			continue;
		if (sizeof(key) + g->item_size > sizeof(sb->sys_chunk_array) - pos)
			return err_set(err, -EFBIG, "the system chunks do not fit into the superblock");
		memcpy(sb->sys_chunk_array + pos, &key, sizeof(key));
		memcpy(sb->sys_chunk_array + pos + sizeof(key), g->item, g->item_size);
		pos += sizeof(key) + g->item_size;
	}
	sb->sys_chunk_array_size = le32_of(pos);
	return 0;
}

static void fill_backup(struct maker *m, struct disk_super *sb)
{
	const struct make_tree *extent = make_tree_find(m, BTRFS_EXTENT_TREE_OBJECTID), *fs = make_tree_find(m, BTRFS_FS_TREE_OBJECTID),
		*dev = make_tree_find(m, BTRFS_DEV_TREE_OBJECTID), *csum = make_tree_find(m, BTRFS_CSUM_TREE_OBJECTID);
	le64 gen = le64_of(MAKE_TRANSID);

	sb->super_roots[0] = (struct disk_root_backup){
		.tree_root = sb->root, .tree_root_gen = gen, .tree_root_level = sb->root_level,
		.chunk_root = sb->chunk_root, .chunk_root_gen = gen, .chunk_root_level = sb->chunk_root_level,
		.extent_root = le64_of(extent->bytenr), .extent_root_gen = gen, .extent_root_level = extent->level,
		.fs_root = le64_of(fs->bytenr), .fs_root_gen = gen, .fs_root_level = fs->level,
		.dev_root = le64_of(dev->bytenr), .dev_root_gen = gen, .dev_root_level = dev->level,
		.csum_root = le64_of(csum->bytenr), .csum_root_gen = gen, .csum_root_level = csum->level,
		.total_bytes = sb->total_bytes, .bytes_used = sb->bytes_used, .num_devices = sb->num_devices,
	};
}

static int fill_super(struct maker *m, struct err *err)
{
	const struct make_tree *root = make_tree_find(m, BTRFS_ROOT_TREE_OBJECTID), *chunk = make_tree_find(m, BTRFS_CHUNK_TREE_OBJECTID);
	struct disk_super *sb = &m->vol->sb;
	u64 used = 0;

	for (size_t i = 0; i < m->groups.len; i++)
		used += m->groups.v[i]->used;
	sb->magic = le64_of(BTRFS_MAGIC);
	sb->root = le64_of(root->bytenr);
	sb->root_level = root->level;
	sb->chunk_root = le64_of(chunk->bytenr);
	sb->chunk_root_level = chunk->level;
	sb->total_bytes = le64_of(maker_total_bytes(m));
	sb->bytes_used = le64_of(used);
	sb->incompat_flags = le64_of(m->p.incompat);
	sb->compat_ro_flags = le64_of(m->p.compat_ro);
	fill_backup(m, sb);
	for (unsigned i = 0; i < m->p.ndevs; i++) {
		struct device *d = m->vol->devices.v[i];

		lists_dev_item(m, i, &d->item);
		d->total_bytes = m->space[i].total_bytes;
		d->bytes_used = m->space[i].used.bytes;
	}
	return fill_sys_array(m, sb, err);
}

int maker_finish(struct maker *m, struct err *err)
{
	int ret = roots_small_trees(m, err);

	if (!ret)
		ret = space_clip(m, err);
	if (!ret)
		ret = final_trees(m, err);
	if (!ret)
		ret = fill_super(m, err);
	if (!ret)
		ret = volume_flush(m->vol, err);
	return ret ? ret : volume_write_supers(m->vol, err);
}
