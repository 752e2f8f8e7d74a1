/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four older sets of roots that the superblock remembers. Spec: on-disk-format 1.7. */
#include "kernel-shared/fs/open.h"

struct backup_root { const char *name; u64 id; le64 bytenr, generation; u8 level; };

/* A slot is only worth something if every root it names is still what it was. Roots that it does not name are passed over. */
static int backup_verify(struct fs *fs, const struct disk_root_backup *b, struct err *err)
{
	const struct backup_root roots[] = {
		{ "root", BTRFS_ROOT_TREE_OBJECTID, b->tree_root, b->tree_root_gen, b->tree_root_level },
		{ "chunk", BTRFS_CHUNK_TREE_OBJECTID, b->chunk_root, b->chunk_root_gen, b->chunk_root_level },
		{ "extent", BTRFS_EXTENT_TREE_OBJECTID, b->extent_root, b->extent_root_gen, b->extent_root_level },
		{ "fs", BTRFS_FS_TREE_OBJECTID, b->fs_root, b->fs_root_gen, b->fs_root_level },
		{ "device", BTRFS_DEV_TREE_OBJECTID, b->dev_root, b->dev_root_gen, b->dev_root_level },
		{ "csum", BTRFS_CSUM_TREE_OBJECTID, b->csum_root, b->csum_root_gen, b->csum_root_level },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(roots); i++) {
		const struct backup_root *r = &roots[i];
		struct tree t;
		struct block_ref ref;
		struct node *n;
		int ret;

		if (!le64_get(r->bytenr))
			continue;
		tree_init(&t, &fs->store, r->id, le64_get(r->bytenr), le64_get(r->generation), r->level);
		ref = tree_root_ref(&t);
		ret = node_get(&fs->store, &ref, &n, err);
		if (ret)
			return err_wrap(err, ret, "%s tree", r->name);
		node_put(n);
	}
	return 0;
}

/* The newest not yet tried; -1 none. */
static int backup_newest(const struct disk_super *sb, unsigned tried)
{
	int best = -1;

	for (int i = 0; i < BTRFS_NUM_BACKUP_ROOTS; i++) {
		const struct disk_root_backup *b = &sb->super_roots[i];

		if (tried & 1U << i || !le64_get(b->tree_root))
			continue;
		if (best < 0 || le64_get(b->tree_root_gen) > le64_get(sb->super_roots[best].tree_root_gen))
			best = i;
	}
	return best;
}

/* Whoever reads an older commit learns that, and why. */
static void tell_chosen(const struct fs *fs, int slot, const char *others)
{
	u64 generation = le64_get(fs->sb->super_roots[slot].tree_root_gen);

	if (generation < le64_get(fs->sb->generation))
		env_msg(fs->env, MSG_WARNING, "using the backup root of generation %llu, what was written since then is missing%s%s", generation,
			*others ? ": " : "", others);
}

int backup_choose(struct fs *fs, int *slot, struct err *err)
{
	struct strbuf said = STRBUF_INIT;
	unsigned tried = 0;
	int ret = -ENOENT;

	for (int i; (i = backup_newest(fs->sb, tried)) >= 0; tried |= 1U << i) {
		ret = backup_verify(fs, &fs->sb->super_roots[i], err);
		if (!ret)
			*slot = i;
		if (!ret || ret == -ENOMEM)
			break;
		sb_printf(&said, "%sslot %d (generation %llu): %s", said.len ? "; " : "", i, le64_get(fs->sb->super_roots[i].tree_root_gen),
			  err_text(err));
	}
	if (ret == -ENOENT)
		err_set(err, ret, "the superblock has no backup roots");
	else if (ret && ret != -ENOMEM)
		err_set(err, ret, "no backup root is whole: %s", sb_str(&said));
	else if (!ret && !(fs->flags & FS_OPEN_QUIET))
		tell_chosen(fs, *slot, sb_str(&said));
	sb_fini(&said);
	return ret;
}
