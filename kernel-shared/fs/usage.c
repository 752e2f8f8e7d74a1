/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gathering how space is used from the trees, and the arithmetic of `filesystem usage`. */
#include "kernel-shared/fs/usage.h"
#include "common/mem.h"

/* The order in which the kernel reports: types, and within them profiles. */
static const u64 type_order[] = {
	BTRFS_BLOCK_GROUP_DATA, BTRFS_BLOCK_GROUP_SYSTEM, BTRFS_BLOCK_GROUP_METADATA,
	BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_DATA,
};
static const u64 profile_order[] = {
	BTRFS_BLOCK_GROUP_RAID10, BTRFS_BLOCK_GROUP_RAID1, BTRFS_BLOCK_GROUP_DUP, BTRFS_BLOCK_GROUP_RAID0, 0,
	BTRFS_BLOCK_GROUP_RAID5, BTRFS_BLOCK_GROUP_RAID6, BTRFS_BLOCK_GROUP_RAID1C3, BTRFS_BLOCK_GROUP_RAID1C4,
};
#define TYPE_AND_PROFILE (BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM | BTRFS_BLOCK_GROUP_PROFILE_MASK)
#define TYPES (BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM)

void fs_usage_fini(struct fs_usage *u)
{
	for (size_t i = 0; i < u->devices.len; i++)
		free(u->devices.v[i].path);
	vec_fini(&u->devices);
	vec_fini(&u->spaces);
	vec_fini(&u->chunks);
}

int fs_block_group_used(struct fs *fs, const struct chunk *chunk, u64 *used, struct err *err)
{
	struct root *root = fs_block_group_root(fs);
	struct key key = KEY(chunk->start, BTRFS_BLOCK_GROUP_ITEM_KEY, chunk->length);
	struct path path CLEANUP(path_fini) = PATH_INIT;
	struct item item;
	int ret;

	*used = 0;
	if (!root)
		return err_set(err, -EIO, "the tree of block groups cannot be read");
	ret = tree_lookup(&root->tree, &key, &path, &item, err);
	if (ret == -ENOENT || (!ret && item.size < sizeof(struct disk_block_group_item))) {
		env_msg(fs->env, MSG_WARNING, "blockgroup %llu not found", chunk->start);
		err_clear(err);
		return -ENOENT;
	}
	if (ret)
		return err_wrap(err, ret, "cannot read block group %llu", chunk->start);
	*used = le64_get(((const struct disk_block_group_item *)item.data)->used);
	return 0;
}

static struct space_usage *space_of(struct fs_usage *u, u64 flags)
{
	for (size_t i = 0; i < u->spaces.len; i++)
		if (u->spaces.v[i].flags == flags)
			return &u->spaces.v[i];
	if (vec_push(&u->spaces, ((struct space_usage){ .flags = flags })))
		return NULL;
	return &u->spaces.v[u->spaces.len - 1];
}

static unsigned order_of(const u64 *order, size_t n, u64 value)
{
	for (size_t i = 0; i < n; i++)
		if (order[i] == value)
			return i;
	return n;
}

static unsigned space_rank(u64 flags)
{
	return order_of(type_order, ARRAY_SIZE(type_order), flags & TYPES) * 16 +
		order_of(profile_order, ARRAY_SIZE(profile_order), flags & BTRFS_BLOCK_GROUP_PROFILE_MASK);
}

static int space_cmp(const void *a, const void *b)
{
	return (int)space_rank(((const struct space_usage *)a)->flags) - (int)space_rank(((const struct space_usage *)b)->flags);
}

int fs_usage_add_stripe(struct fs_usage *u, u64 flags, u64 devid, u64 size, u16 num_stripes)
{
	struct chunk_usage *c;

	flags &= TYPE_AND_PROFILE;
	for (size_t i = u->chunks.len; i-- > 0;) {
		c = &u->chunks.v[i];
		if (c->devid == devid && c->flags == flags && c->num_stripes == num_stripes) {
			c->size += size;
			return 0;
		}
	}
	return vec_push(&u->chunks, ((struct chunk_usage){ flags, devid, size, num_stripes }));
}

static int add_chunk(struct fs *fs, struct fs_usage *u, const struct chunk *chunk, struct err *err)
{
	u64 flags = chunk->type & TYPE_AND_PROFILE, used;
	struct space_usage *space;
	bool seeded = false;
	int ret = fs_block_group_used(fs, chunk, &used, err);

	if (ret && ret != -ENOENT)
		return ret;
	space = space_of(u, flags);
	if (!space)
		return err_nomem(err);
	space->total += chunk->length;
	space->used += used;
	for (unsigned i = 0; i < chunk->num_stripes; i++) {
		struct device *dev = chunk->stripes[i].dev;

		if (fs_usage_add_stripe(u, flags, dev->devid, chunk->stripe_length, chunk->num_stripes))
			return err_nomem(err);
		seeded |= dev->seed;
		for (size_t d = 0; d < u->devices.len; d++)
			if (u->devices.v[d].devid == dev->devid)
				u->devices.v[d].allocated += chunk->stripe_length;
	}
	space->seeded += seeded ? chunk->length - min_t(u64, used, chunk->length) : 0;
	return 0;
}

static int chunk_cmp(const void *pa, const void *pb)
{
	const struct chunk_usage *a = pa, *b = pb;
	unsigned ra = space_rank(a->flags), rb = space_rank(b->flags);

	if ((a->flags & TYPES) != (b->flags & TYPES)) {
		/* Data, metadata, system: here in the order of the reports, not in the kernel's. */
		static const u64 order[] = { BTRFS_BLOCK_GROUP_DATA, BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA,
			BTRFS_BLOCK_GROUP_METADATA, BTRFS_BLOCK_GROUP_SYSTEM };

		return (int)order_of(order, ARRAY_SIZE(order), a->flags & TYPES) - (int)order_of(order, ARRAY_SIZE(order), b->flags & TYPES);
	}
	if (ra != rb)
		return ra < rb ? -1 : 1;
	if (a->num_stripes != b->num_stripes)
		return a->num_stripes < b->num_stripes ? -1 : 1;
	return a->devid < b->devid ? -1 : a->devid > b->devid;
}

static int device_cmp(const void *pa, const void *pb)
{
	const struct device_usage *a = pa, *b = pb;

	return a->devid < b->devid ? -1 : a->devid > b->devid;
}

void fs_usage_sort(struct fs_usage *u)
{
	vec_sort(&u->devices, device_cmp);
	vec_sort(&u->chunks, chunk_cmp);
}

static int add_devices(struct fs *fs, struct fs_usage *u, struct err *err)
{
	for (size_t i = 0; i < fs->vol->devices.len; i++) {
		const struct device *d = fs->vol->devices.v[i];
		struct device_usage du = { .devid = d->devid, .size = d->total_bytes, .missing = !d->bdev };

		if (d->seed) {
			u->seeds = true;
			continue;
		}
		du.real_size = d->bdev ? d->bdev->size : 0;
		du.writeable = d->bdev;
		du.path = mem_strdup(d->path ? d->path : "");
		if (!du.path)
			return err_nomem(err);
		if (vec_push(&u->devices, du)) {
			free(du.path);
			return err_nomem(err);
		}
	}
	return 0;
}

static u64 root_used(const struct root *root) { return root ? le64_get(root->item.bytes_used) : 0; }

/*
 * The kernel keeps room for what one commit must be able to change: the blocks of the trees that every change touches, but
 * at least a fixed number of items in each of them, two nodes a level, and at most 512 MiB.
 */
static u64 reserve_size(const struct fs *fs)
{
	enum { UNLINK_ITEMS = 6, TREES_ALWAYS = 3 /* root, extent, csum */ };
	bool fst = geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_FREE_SPACE_TREE);
	bool bgt = geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE);
	bool rst = fs_incompat(fs, BTRFS_FEATURE_INCOMPAT_RAID_STRIPE_TREE);
	u64 items = TREES_ALWAYS + fst + bgt + rst + UNLINK_ITEMS + UNLINK_ITEMS * (fst ? 2 : 1);
	u64 least = items * fs->geo->nodesize * 2 * BTRFS_MAX_LEVEL;
	u64 trees = root_used(fs->extent_tree) + root_used(fs->csum_tree) + root_used(fs->free_space_tree) +
		(bgt ? root_used(fs->block_group_tree) : 0) + (rst ? root_used(fs->stripe_tree) : 0);

	return min_t(u64, max_t(u64, trees, least), MiB(512));
}

/* How the kernel's statfs counts a profile: copies, with parity ignored. */
static unsigned space_factor(u64 flags)
{
	const struct profile *p = profile_of(flags);

	return p->parity ? 1 : p->copies;
}

/* By what the kernel's statfs divides: the greatest factor of the profiles in use. */
static unsigned statfs_factor(const struct fs_usage *u)
{
	unsigned factor = 1;

	for (size_t i = 0; i < u->spaces.len; i++)
		if (u->spaces.v[i].flags & BTRFS_BLOCK_GROUP_DATA)
			factor = max_t(unsigned, factor, space_factor(u->spaces.v[i].flags));
	return factor;
}

/* The profile that the next data chunk would get: the safest of those in use that the devices allow. */
static const struct profile *data_profile(const struct fs_usage *u, unsigned devices)
{
	static const u64 safest_first[] = { BTRFS_BLOCK_GROUP_RAID1C4, BTRFS_BLOCK_GROUP_RAID6, BTRFS_BLOCK_GROUP_RAID1C3,
		BTRFS_BLOCK_GROUP_RAID5, BTRFS_BLOCK_GROUP_RAID10, BTRFS_BLOCK_GROUP_RAID1, BTRFS_BLOCK_GROUP_DUP, BTRFS_BLOCK_GROUP_RAID0 };
	u64 have = 0;

	for (size_t i = 0; i < u->spaces.len; i++)
		if (u->spaces.v[i].flags & BTRFS_BLOCK_GROUP_DATA)
			have |= u->spaces.v[i].flags & BTRFS_BLOCK_GROUP_PROFILE_MASK;
	for (size_t i = 0; i < ARRAY_SIZE(safest_first); i++)
		if ((have & safest_first[i]) && devices >= profile_of(safest_first[i])->min_devs)
			return profile_of(safest_first[i]);
	return profile_of(0);
}

static int u64_desc(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* How many devices statfs takes at a time: each copy, four for RAID10, one where parity takes as much as the largest have more. */
static unsigned statfs_stripes(const struct profile *p, unsigned devices)
{
	if (p->flag == BTRFS_BLOCK_GROUP_RAID0)
		return devices;
	if (p->flag == BTRFS_BLOCK_GROUP_RAID10)
		return 4;
	return (p->flag & BTRFS_BLOCK_GROUP_RAID1_MASK) ? p->copies : 1;
}

/* What new data chunks of this profile could still take from the devices, in raw bytes but without parity. */
static int unallocated_for_data(const struct fs_usage *u, const struct profile *p, u64 *out, struct err *err)
{
	u64 *avail = mem_calloc(u->devices.len + 1, sizeof(*avail)), total = 0, least;
	unsigned n = 0, stripes;

	if (!avail)
		return err_nomem(err);
	for (size_t i = 0; i < u->devices.len; i++) {
		const struct device_usage *d = &u->devices.v[i];
		u64 left = d->size - min_t(u64, d->size, d->allocated);

		if (d->writeable && left > BTRFS_BLOCK_RESERVED_1M_FOR_SUPER)
			avail[n++] = round_down_p2(left, BTRFS_STRIPE_LEN) - BTRFS_BLOCK_RESERVED_1M_FOR_SUPER;
	}
	least = (u64)p->dev_stripes * BTRFS_STRIPE_LEN;
	qsort(avail, n, sizeof(*avail), u64_desc);
	while (n && avail[n - 1] < least)
		n--;
	stripes = statfs_stripes(p, n);
	for (; n && n >= p->min_devs; n--) {
		u64 take = avail[n - 1];

		stripes = min_t(unsigned, stripes, n);
		if (take < least)
			continue;
		total += take * stripes;
		for (unsigned j = n - stripes; j < n; j++)
			avail[j] -= take;
	}
	free(avail);
	*out = total;
	return 0;
}

/* "available" of statfs(2). Where new chunks will be redundant, the kernel writes nothing more into old ones that are not. */
static int statfs_avail(struct fs_usage *u, struct err *err)
{
	u64 free_data = 0, more = 0, redundant = BTRFS_BLOCK_GROUP_PROFILE_MASK & ~BTRFS_BLOCK_GROUP_RAID0;
	unsigned factor = statfs_factor(u), devices = 0;
	const struct profile *p;
	int ret;

	for (size_t i = 0; i < u->devices.len; i++)
		devices += u->devices.v[i].writeable;
	p = data_profile(u, devices);
	ret = unallocated_for_data(u, p, &more, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < u->spaces.len; i++) {
		const struct space_usage *s = &u->spaces.v[i];

		if (!(s->flags & BTRFS_BLOCK_GROUP_DATA))
			continue;
		if (!(p->flag & redundant) || (s->flags & redundant))
			free_data += (s->total - min_t(u64, s->used, s->total) - s->seeded) * space_factor(s->flags);
	}
	u->statfs_avail = round_down_p2(free_data / factor + more / factor, u->sectorsize);
	return 0;
}

int fs_usage_read(struct fs *fs, struct fs_usage *out, struct err *err)
{
	int ret;

	*out = (struct fs_usage){ .bytes_used = le64_get(fs->sb->bytes_used), .sectorsize = fs->geo->sectorsize };
	memcpy(out->fsid, fs->sb->fsid, sizeof(out->fsid));
	memcpy(out->label, fs->sb->label, BTRFS_LABEL_SIZE);
	out->mixed = fs_incompat(fs, BTRFS_FEATURE_INCOMPAT_MIXED_GROUPS);
	ret = add_devices(fs, out, err);
	for (size_t i = 0; !ret && i < fs->vol->chunks.len; i++)
		ret = add_chunk(fs, out, fs->vol->chunks.v[i], err);
	if (!ret) {
		vec_sort(&out->spaces, space_cmp);
		fs_usage_sort(out);
		out->reserve_size = reserve_size(fs);
		ret = statfs_avail(out, err);
	}
	if (ret)
		fs_usage_fini(out);
	return ret;
}

u64 fs_usage_chunk_bytes(const struct fs_usage *u, u64 flags, u64 devid)
{
	u64 sum = 0;

	for (size_t i = 0; i < u->chunks.len; i++)
		if (u->chunks.v[i].flags == flags && (!devid || u->chunks.v[i].devid == devid))
			sum += u->chunks.v[i].size;
	return sum;
}

u64 fs_usage_multiple(const struct fs_usage *u)
{
	u64 seen = 0, multiple = 0;

	for (size_t i = 0; i < u->spaces.len; i++) {
		multiple |= seen & u->spaces.v[i].flags & TYPES;
		seen |= u->spaces.v[i].flags & TYPES;
	}
	return multiple;
}

/* Raw bytes for one logical byte. */
static double space_ratio(const struct fs_usage *u, const struct space_usage *s)
{
	const struct profile *p = profile_of(s->flags);

	if (!p->parity)
		return p->copies;
	return s->total ? (double)fs_usage_chunk_bytes(u, s->flags, 0) / s->total : 0;
}

/* With parity, each device holds its share. */
static u64 space_raw_used(const struct fs_usage *u, const struct space_usage *s)
{
	const struct profile *p = profile_of(s->flags);
	u64 sum = 0;

	if (!p->parity)
		return s->used * p->copies;
	for (size_t i = 0; s->total && i < u->chunks.len; i++)
		if (u->chunks.v[i].flags == s->flags)
			sum += (unsigned __int128)s->used * u->chunks.v[i].size / s->total;
	return sum;
}

static void sum_spaces(const struct fs_usage *u, u64 type, struct type_usage *t, double *most)
{
	for (size_t i = 0; i < u->spaces.len; i++) {
		const struct space_usage *s = &u->spaces.v[i];

		if (!(s->flags & type))
			continue;
		t->total += s->total;
		t->used += s->used;
		t->raw_total += fs_usage_chunk_bytes(u, s->flags, 0);
		t->raw_used += space_raw_used(u, s);
		*most = max_t(double, *most, space_ratio(u, s));
	}
}

/* In chunks on devices that are not listed. */
static u64 seeds_allocated(const struct fs_usage *u)
{
	u64 bytes = 0;

	for (size_t i = 0; i < u->chunks.len; i++) {
		bool listed = !u->chunks.v[i].devid;

		for (size_t d = 0; d < u->devices.len && !listed; d++)
			listed = u->devices.v[d].devid == u->chunks.v[i].devid;
		bytes += listed ? 0 : u->chunks.v[i].size;
	}
	return bytes;
}

void fs_usage_overall(const struct fs_usage *u, struct usage_overall *out)
{
	struct type_usage data = { 0 }, metadata = { 0 }, system = { 0 };
	double most = 1;
	u64 unused = 0, free_data;

	*out = (struct usage_overall){ .multiple = fs_usage_multiple(u) };
	for (size_t i = 0; i < u->devices.len; i++) {
		const struct device_usage *d = &u->devices.v[i];
		u64 left = d->size - min_t(u64, d->size, d->allocated);

		out->size += d->size;
		out->allocated += d->allocated;
		out->missing += d->missing ? d->size : 0;
		out->slack += d->real_size > d->size ? d->real_size - d->size : 0;
		unused += left >= MiB(16) ? left : 0;
	}
	out->allocated += u->seeds ? seeds_allocated(u) : 0;
	out->unallocated = out->size - min_t(u64, out->size, out->allocated);
	sum_spaces(u, BTRFS_BLOCK_GROUP_DATA, &data, &most);
	if (!u->mixed)
		sum_spaces(u, BTRFS_BLOCK_GROUP_METADATA, &metadata, &most);
	sum_spaces(u, BTRFS_BLOCK_GROUP_SYSTEM, &system, &most);
	out->used = data.raw_used + metadata.raw_used + system.raw_used;
	out->data_ratio = data.total ? (double)data.raw_total / data.total : 0;
	out->metadata_ratio = u->mixed ? out->data_ratio : metadata.total ? (double)metadata.raw_total / metadata.total : 0;
	free_data = data.raw_total - min_t(u64, data.raw_total, data.raw_used);
	if (out->data_ratio > 0)
		free_data /= out->data_ratio;
	out->free_estimated = out->data_ratio > 0 ? free_data + unused / out->data_ratio : 0;
	out->free_min = unused / most + (out->data_ratio > 0 ? free_data : 0);
	if (u->mixed) {
		out->free_estimated -= min_t(u64, out->free_estimated, u->reserve_size);
		out->free_min -= min_t(u64, out->free_min, u->reserve_size);
	}
}
