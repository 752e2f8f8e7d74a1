/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, on an image that the distribution's mkfs made; skipped without it. Damage is done to copies in memory (overlays). */
#include <pthread.h>
#include <unistd.h>
#include "tests/unit/unit.h"
#include "common/mem.h"
#include "common/pool.h"
#include "kernel-shared/fs/fs.h"

static char image[] = "/tmp/btrbox-test-open-XXXXXX";
static bool have_image;

static void remove_image(void) { unlink(image); }

static bool make_image(void)
{
	static bool tried;
	char command[256];

	if (tried)
		return have_image;
	tried = true;
	close(mkstemp(image));
	atexit(remove_image);
	snprintf(command, sizeof(command), "truncate -s 256M %s && mkfs.btrfs -q -f %s >/dev/null 2>&1", image, image);
	have_image = !system(command);
	if (!have_image)
		printf("# skipped: no mkfs.btrfs\n");
	return have_image;
}

/* What a test does to the device before it is opened. */
struct damage {
	void (*fn)(struct bdev *b, void *arg);
	void *arg;
};

static int wrap(void *arg, struct bdev **b, struct err *err)
{
	struct damage *d = arg;
	int ret = bdev_overlay_new(*b, b, err);

	if (!ret && d)
		d->fn(*b, d->arg);
	return ret;
}

struct said { char text[2048]; unsigned warnings, notes; };

static void hear(struct env *env, enum msg_level level, const char *text)
{
	struct said *s = env->msg_arg;
	size_t len = strlen(s->text);

	s->warnings += level == MSG_WARNING;
	s->notes += level == MSG_NOTE;
	snprintf(s->text + len, sizeof(s->text) - len, "%s\n", text);
}

struct session { struct env env; struct said said; struct err err; struct fs *fs; int ret; };

static void session_open(struct session *s, struct fs_open_args args, struct damage *d)
{
	static const char *spec = image;

	memset(s, 0, sizeof(*s));
	env_init(&s->env);
	s->env.jobs = 2;
	s->env.msg = hear;
	s->env.msg_arg = &s->said;
	env_start_pool(&s->env, &s->err);
	args.specs = &spec;
	args.nspecs = 1;
	args.flags |= FS_OPEN_NOSCAN;
	args.wrap = wrap;
	args.wrap_arg = d;
	s->ret = fs_open(&s->env, &args, &s->fs, &s->err);
}

static void session_close(struct session *s)
{
	fs_close(s->fs);
	env_fini(&s->env);
}

static struct fs_open_args with_flags(unsigned flags)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;

	args.flags = flags;
	return args;
}

/* Where the root blocks are, found by opening the image as it is: address and every copy on the device. */
struct place { u64 bytenr, generation; u64 physical[2]; u8 level; };

static struct place place_of(u64 id)
{
	struct session s;
	struct root *root = NULL;
	struct place p = { 0 };
	struct phys phys;

	session_open(&s, with_flags(0), NULL);
	if (!s.ret && id == BTRFS_ROOT_TREE_OBJECTID)
		root = s.fs->root_tree;
	else if (!s.ret && id == BTRFS_CHUNK_TREE_OBJECTID)
		root = s.fs->chunk_tree;
	else if (!s.ret)
		fs_root_get(s.fs, id, 0, &root, NULL);
	if (!root)
		abort();
	p = (struct place){ root->tree.bytenr, root->tree.generation, { 0 }, root->tree.level };
	for (unsigned m = 1; m <= 2; m++)
		if (!rio_map(s.fs->vol, p.bytenr, 1, m, &phys))
			p.physical[m - 1] = phys.physical;
	session_close(&s);
	return p;
}

static void wipe_root(struct bdev *b, void *arg)
{
	struct place *p = arg;
	u8 zero[4096] = { 0 };

	for (int m = 0; m < 2; m++)
		bdev_write(b, p->physical[m], zero, sizeof(zero), NULL);
}

static void wipe_first_copy(struct bdev *b, void *arg)
{
	struct place *p = arg;
	u8 zero[4096] = { 0 };

	bdev_write(b, p->physical[0], zero, sizeof(zero), NULL);
}

TEST(all_trees_are_there)
{
	struct session s;
	struct root *root, *again;

	if (!make_image())
		return;
	session_open(&s, with_flags(0), NULL);
	CHECK_OK(s.ret, &s.err);
	CHECK(s.fs->root_tree && s.fs->chunk_tree && s.fs->extent_tree && s.fs->dev_tree && s.fs->csum_tree && s.fs->uuid_tree);
	CHECK(s.fs->free_space_tree && s.fs->data_reloc_tree && s.fs->fs_tree);
	CHECK(!s.fs->quota_tree && !s.fs->block_group_tree && !s.fs->stripe_tree && !s.fs->log_root_tree);
	CHECK(fs_block_group_root(s.fs) == s.fs->extent_tree);
	CHECK_EQ(s.fs->default_subvol, 5);
	CHECK_EQ(s.said.warnings + s.said.notes, 0);
	CHECK_OK(fs_subvol_root(s.fs, 5, &root, &s.err), &s.err);
	CHECK(root == s.fs->fs_tree && root->tree.shareable && !s.fs->csum_tree->tree.shareable);
	CHECK_EQ(le64_get(root->item.root_dirid), 256);
	CHECK(!root->legacy);
	CHECK_OK(fs_root_get(s.fs, 5, 0, &again, &s.err), &s.err);
	CHECK(again == root);
	CHECK_EQ(fs_subvol_root(s.fs, 4711, &again, &s.err), -ENOENT);
	CHECK_STR(err_text(&s.err), "there is no subvolume 4711");
	CHECK_EQ(fs_root_get(s.fs, BTRFS_TREE_RELOC_OBJECTID, 5, &again, &s.err), -ENOENT);
	/* devices and all chunks are known, not only the system's */
	CHECK(s.fs->vol->chunks.len >= 3);
	CHECK(s.fs->vol->devices.len == 1 && s.fs->vol->devices.v[0]->has_item);
	session_close(&s);
}

TEST(only_the_chunk_tree_if_so_wished)
{
	struct session s;

	if (!make_image())
		return;
	session_open(&s, with_flags(FS_OPEN_CHUNK_ONLY), NULL);
	CHECK_OK(s.ret, &s.err);
	CHECK(s.fs->chunk_tree && !s.fs->root_tree && !s.fs->fs_tree);
	session_close(&s);
}

TEST(one_bad_copy_of_a_root_is_told_and_does_not_matter)
{
	struct place p;
	struct damage d = { wipe_first_copy, &p };
	struct session s;

	if (!make_image())
		return;
	p = place_of(BTRFS_FS_TREE_OBJECTID);
	session_open(&s, with_flags(0), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK(s.fs->fs_tree);
	CHECK_EQ(s.said.notes, 1);
	CHECK(strstr(s.said.text, "checksum verify failed on"));
	session_close(&s);
	session_open(&s, with_flags(FS_OPEN_QUIET), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK_EQ(s.said.notes, 0);
	session_close(&s);
}

struct loss { u64 id; const char *error, *warning; size_t member; bool optional; };
static const struct loss losses[] = {
	{ BTRFS_ROOT_TREE_OBJECTID, "Couldn't read tree root: no good copy of tree block ", "Couldn't read tree root\n", offsetof(struct fs, root_tree), false },
	{ BTRFS_CHUNK_TREE_OBJECTID, "cannot read chunk root: no good copy of tree block ", "cannot read chunk root", offsetof(struct fs, chunk_tree), false },
	{ BTRFS_EXTENT_TREE_OBJECTID, "could not setup extent tree: ", "could not setup extent tree, skipping it\n", offsetof(struct fs, extent_tree), false },
	{ BTRFS_DEV_TREE_OBJECTID, "could not setup device tree: ", "could not setup device tree, skipping it\n", offsetof(struct fs, dev_tree), false },
	{ BTRFS_CSUM_TREE_OBJECTID, "could not setup csum tree: ", "could not setup csum tree, skipping it\n", offsetof(struct fs, csum_tree), false },
	{ BTRFS_FREE_SPACE_TREE_OBJECTID, "could not setup free space tree: ", "could not setup free space tree, skipping it\n",
		offsetof(struct fs, free_space_tree), false },
	{ BTRFS_FS_TREE_OBJECTID, "could not setup fs tree: ", "could not setup fs tree, skipping it\n", offsetof(struct fs, fs_tree), false },
	{ BTRFS_UUID_TREE_OBJECTID, NULL, "could not setup uuid tree, skipping it\n", offsetof(struct fs, uuid_tree), true },
};

static void check_loss(const struct loss *l)
{
	struct place p = place_of(l->id);
	struct damage d = { wipe_root, &p };
	struct session s;

	session_open(&s, with_flags(0), &d);
	CHECK_EQ(s.ret, l->error ? -EIO : 0);
	CHECK(!l->error || !strncmp(err_text(&s.err), l->error, strlen(l->error)));
	session_close(&s);
	session_open(&s, with_flags(FS_OPEN_PARTIAL), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK(strstr(s.said.text, l->warning));
	CHECK(!*(struct root **)((char *)s.fs + l->member));
	session_close(&s);
}

TEST(a_lost_tree_is_an_error_or_is_left_out)
{
	if (!make_image())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(losses) && !unit_failed; i++) {
		check_loss(&losses[i]);
		if (unit_failed)
			printf("# losing tree %lld\n", (s64)losses[i].id);
	}
}

/* Damage that also rewrites the superblock, with a right checksum. */
static void with_super(struct bdev *b, void (*change)(struct disk_super *sb, void *arg), void *arg)
{
	for (int i = 0; i < 2; i++) {
		struct disk_super sb;

		if (bdev_read(b, btrfs_super_offset[i], &sb, sizeof(sb), NULL))
			continue;
		change(&sb, arg);
		super_set_csum(&sb);
		bdev_write(b, btrfs_super_offset[i], &sb, sizeof(sb), NULL);
	}
}

/* The superblock's roots move to a block that is lost, the true ones are in slot 2, older nonsense in slot 0. */
static void roots_to_backup(struct disk_super *sb, void *arg)
{
	struct place *p = arg;
	struct disk_root_backup *good = &sb->super_roots[2], *bad = &sb->super_roots[0];

	memset(sb->super_roots, 0, sizeof(sb->super_roots));
	good->tree_root = sb->root;
	good->tree_root_gen = le64_of(p[0].generation);
	good->tree_root_level = p[0].level;
	good->chunk_root = sb->chunk_root;
	good->chunk_root_gen = sb->chunk_root_generation;
	good->chunk_root_level = sb->chunk_root_level;
	good->fs_root = le64_of(p[1].bytenr);
	good->fs_root_gen = le64_of(p[1].generation);
	*bad = *good;
	bad->tree_root_gen = le64_of(p[0].generation + 5);
	sb->root = le64_of(p[0].bytenr + MiB(8));
	sb->generation = le64_of(p[0].generation + 7);
}

static void lose_roots(struct bdev *b, void *arg) { with_super(b, roots_to_backup, arg); }

TEST(the_newest_backup_root_that_verifies_is_taken)
{
	struct place p[2];
	struct damage d = { lose_roots, p };
	struct session s;

	if (!make_image())
		return;
	p[0] = place_of(BTRFS_ROOT_TREE_OBJECTID);
	p[1] = place_of(BTRFS_FS_TREE_OBJECTID);
	session_open(&s, with_flags(0), &d);
	CHECK_EQ(s.ret, -EIO);
	session_close(&s);
	session_open(&s, with_flags(FS_OPEN_BACKUP_ROOT), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK_EQ(s.fs->backup_slot, 2);
	CHECK_EQ(s.fs->root_tree->tree.bytenr, p[0].bytenr);
	CHECK(s.fs->fs_tree && s.fs->extent_tree);
	session_close(&s);
}

static void drop_backups(struct disk_super *sb, void *arg) { memset(sb->super_roots, 0, sizeof(sb->super_roots)); }
static void lose_backups(struct bdev *b, void *arg) { with_super(b, drop_backups, arg); }

TEST(without_backup_roots_the_superblocks_own_are_taken)
{
	struct damage d = { lose_backups, NULL };
	struct session s;

	if (!make_image())
		return;
	session_open(&s, with_flags(FS_OPEN_BACKUP_ROOT), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK_EQ(s.fs->backup_slot, -1);
	session_close(&s);
	session_open(&s, with_flags(FS_OPEN_BACKUP_ROOT), NULL);
	CHECK_OK(s.ret, &s.err);
	CHECK(s.fs->backup_slot >= 0);
	session_close(&s);
}

static void roots_elsewhere(struct disk_super *sb, void *arg)
{
	sb->root = le64_of(le64_get(sb->root) + MiB(8));
	sb->chunk_root = le64_of(le64_get(sb->chunk_root) + MiB(1));
}
static void lose_both(struct bdev *b, void *arg) { with_super(b, roots_elsewhere, arg); }

TEST(roots_can_be_given_by_hand)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct damage d = { lose_both, NULL };
	struct place root, chunk, fs;
	struct session s;

	if (!make_image())
		return;
	root = place_of(BTRFS_ROOT_TREE_OBJECTID);
	chunk = place_of(BTRFS_CHUNK_TREE_OBJECTID);
	fs = place_of(BTRFS_FS_TREE_OBJECTID);
	args.tree_root = root.bytenr;
	args.chunk_root = chunk.bytenr;
	session_open(&s, args, &d);
	CHECK_OK(s.ret, &s.err);
	CHECK_EQ(s.fs->root_tree->tree.generation, root.generation);
	CHECK(s.fs->fs_tree);
	session_close(&s);
	/* another tree's root is not taken for the root tree */
	args.tree_root = fs.bytenr;
	session_open(&s, args, &d);
	CHECK_EQ(s.ret, -EIO);
	CHECK(strstr(err_text(&s.err), "owner mismatch, want=1, have=5"));
	session_close(&s);
}

static void want_log(struct disk_super *sb, void *arg)
{
	struct place *p = arg;

	sb->log_root = le64_of(p->bytenr);
	sb->log_root_level = 0;
}

/* A log root tree in place of the uuid tree. */
static void make_log(struct bdev *b, void *arg)
{
	struct place *p = arg;
	struct disk_super sb;
	struct geometry geo;
	u8 block[16384];

	if (bdev_read(b, btrfs_super_offset[0], &sb, sizeof(sb), NULL) || bdev_read(b, p->physical[0], block, sizeof(block), NULL))
		abort();
	geometry_from_super(&geo, &sb);
	((struct disk_header *)block)->owner = le64_of(BTRFS_TREE_LOG_OBJECTID);
	((struct disk_header *)block)->generation = le64_of(le64_get(sb.generation) + 1);
	((struct disk_header *)block)->nritems = le32_of(0);
	block_set_csum(&geo, block);
	for (int m = 0; m < 2; m++)
		bdev_write(b, p->physical[m], block, sizeof(block), NULL);
	with_super(b, want_log, p);
}

static void lose_log(struct bdev *b, void *arg)
{
	make_log(b, arg);
	wipe_root(b, arg);
}

TEST(a_pending_log_is_there_for_those_who_ask)
{
	struct place p;
	struct damage d = { make_log, &p };
	struct session s;

	if (!make_image())
		return;
	p = place_of(BTRFS_UUID_TREE_OBJECTID);
	session_open(&s, with_flags(FS_OPEN_NO_LOG_REPLAY), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK(s.fs->log_root_tree && s.fs->fs_tree);
	CHECK_EQ(s.fs->log_root_tree->tree.id, BTRFS_TREE_LOG_OBJECTID);
	session_close(&s);
	d.fn = lose_log;
	session_open(&s, with_flags(FS_OPEN_NO_LOG_REPLAY), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK(!s.fs->log_root_tree);
	CHECK(strstr(s.said.text, "could not setup log root tree, skipping it"));
	session_close(&s);
}

static void one_chunk(struct disk_super *sb, void *arg)
{
	struct { struct disk_key key; struct disk_chunk chunk; struct disk_stripe stripe; } PACKED all = {
		.key = key_disk(KEY(BTRFS_FIRST_CHUNK_TREE_OBJECTID, BTRFS_CHUNK_ITEM_KEY, 0)),
		.chunk = { .length = le64_of(-1ULL), .owner = le64_of(2), .stripe_len = le64_of(BTRFS_STRIPE_LEN),
			.type = le64_of(BTRFS_BLOCK_GROUP_SYSTEM), .sector_size = sb->sectorsize, .num_stripes = le16_of(1) },
		.stripe = { .devid = sb->dev_item.devid },
	};

	memcpy(all.stripe.dev_uuid, sb->dev_item.uuid, sizeof(all.stripe.dev_uuid));
	memcpy(sb->sys_chunk_array, &all, sizeof(all));
	sb->sys_chunk_array_size = le32_of(sizeof(all));
	sb->flags = le64_of(le64_get(sb->flags) | BTRFS_SUPER_FLAG_METADUMP);
}

/* What an old restore of a metadata dump leaves: blocks at their logical addresses, and a chunk tree that says otherwise. */
static void flatten(struct bdev *b, void *arg)
{
	enum { LEN = 2 << 20 };
	struct place *p = arg;
	u64 logical = round_down_p2(p->bytenr, BTRFS_STRIPE_LEN), start = p->physical[0] - (p->bytenr - logical);
	u8 *data = mem_alloc(1, LEN);

	if (!data || bdev_read(b, start, data, LEN, NULL) || bdev_write(b, logical, data, LEN, NULL))
		abort();
	free(data);
	with_super(b, one_chunk, NULL);
}

TEST(a_dump_restored_without_its_chunks_is_read_at_logical_addresses)
{
	struct place p;
	struct damage d = { flatten, &p };
	struct session s;

	if (!make_image())
		return;
	p = place_of(BTRFS_EXTENT_TREE_OBJECTID); /* the first block of the metadata chunk */
	session_open(&s, with_flags(0), &d);
	CHECK_OK(s.ret, &s.err);
	CHECK(s.fs->fs_tree && s.fs->extent_tree);
	CHECK_EQ(s.fs->vol->chunks.len, 1);
	session_close(&s);
}

static void future_feature(struct disk_super *sb, void *arg)
{
	sb->incompat_flags = le64_of(le64_get(sb->incompat_flags) | BTRFS_FEATURE_INCOMPAT_EXTENT_TREE_V2);
}
static void add_feature(struct bdev *b, void *arg) { with_super(b, future_feature, arg); }

TEST(an_unsupported_feature_is_refused_by_name)
{
	struct damage d = { add_feature, NULL };
	struct session s;

	if (!make_image())
		return;
	session_open(&s, with_flags(FS_OPEN_PARTIAL), &d);
	CHECK_EQ(s.ret, -EOPNOTSUPP);
	CHECK(strstr(err_text(&s.err), "EXTENT_TREE_V2"));
	session_close(&s);
}

static int ask(void *arg, u64 i, unsigned worker)
{
	static const u64 ids[] = { 5, 2, 4, 7, 9, 10, 4711 };
	struct fs *fs = arg;

	for (int k = 0; k < 50; k++) {
		u64 id = ids[(i + k) % ARRAY_SIZE(ids)];
		struct root *root;
		int ret = k & 1 ? fs_subvol_root(fs, id, &root, NULL) : fs_root_get(fs, id, 0, &root, NULL);

		if (ret != (id == 4711 ? -ENOENT : 0) || (!ret && root->tree.id != id))
			return -EUCLEAN;
	}
	return 0;
}

TEST(roots_are_found_from_many_threads)
{
	struct session s;

	if (!make_image())
		return;
	session_open(&s, with_flags(0), NULL);
	CHECK_OK(s.ret, &s.err);
	CHECK_EQ(pool_for(s.env.pool, 40, ask, s.fs), 0);
	session_close(&s);
}

UNIT_MAIN
