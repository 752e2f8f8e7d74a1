/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An opened filesystem comes and goes. */
#include "kernel-shared/fs/open.h"

#include "common/mem.h"
#include "kernel-shared/fs/logreplay.h"

#define CACHE_MEMORY MiB(64)

static unsigned volume_flags(unsigned flags)
{
	static const struct { unsigned fs, volume; } map[] = {
		{ FS_OPEN_WRITE, VOLUME_WRITE }, { FS_OPEN_NOSCAN, VOLUME_NOSCAN }, { FS_OPEN_DEGRADED, VOLUME_DEGRADED },
		{ FS_OPEN_NEIGHBOURS, VOLUME_NEIGHBOURS }, { FS_OPEN_WARN_MOUNTED, VOLUME_WARN_MOUNTED },
		{ FS_OPEN_FORCE_MOUNTED, VOLUME_FORCE_MOUNTED }, { FS_OPEN_DRY_RUN, VOLUME_DRY_RUN },
		{ FS_OPEN_IN_PLACE, VOLUME_LENIENT }, { FS_OPEN_STALE, VOLUME_STALE },
	};
	unsigned out = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++)
		if (flags & map[i].fs)
			out |= map[i].volume;
	return out;
}

/* A block that is asked for again and again is told once for each copy. Serialised by the store. */
static void reader_message(struct nstore *s, u64 bytenr, unsigned mirror, int code, const char *text)
{
	struct fs *fs = s->arg;
	bool fresh = true;

	hmap_put(&fs->told, hash_mix2(hash_bytes(text, strlen(text)), mirror), &fresh);
	if (fresh)
		env_msg(s->env, MSG_NOTE, "%s", text);
}

static int refuse_mounted(const struct fs *fs, struct err *err)
{
	for (size_t i = 0; i < fs->vol->devices.len; i++) {
		const struct device *d = fs->vol->devices.v[i];
		char *who = NULL;
		int ret = d->bdev ? bdev_in_use(d->bdev->name, &who, err) : 0;

		if (ret > 0)
			ret = err_set(err, -EBUSY, "%s is in use: %s", d->bdev->name, who);
		free(who);
		if (ret)
			return ret;
	}
	return 0;
}

void fs_tell_missing(const struct fs *fs, enum msg_level level)
{
	for (size_t i = 0; i < fs->vol->devices.len; i++)
		if (!fs->vol->devices.v[i]->bdev && !fs->vol->source)
			env_msg(fs->env, level, "warning, device %llu is missing", fs->vol->devices.v[i]->devid);
}

static int start_writer(struct fs *fs, struct err *err)
{
	int ret = writer_open(fs->env, fs->vol, &fs->store, &fs->trees, &fs->writer, err);

	if (ret)
		return ret;
	roots_set_source(fs, writer_source(fs->writer));
	return fs_add_hooks(fs, err);
}

/* Reading: what the replay writes stays in memory. */
static int overlay_devices(struct fs *fs, struct err *err)
{
	for (size_t i = 0; i < fs->vol->devices.len; i++) {
		struct device *d = fs->vol->devices.v[i];
		int ret = d->bdev ? bdev_overlay_new(d->bdev, &d->bdev, err) : 0;

		if (ret)
			return ret;
	}
	fs->vol->writable = true;
	return 0;
}

/* A pending log is replayed and committed at once, as a mount does it. */
static int replay_log(struct fs *fs, struct err *err)
{
	struct txn *txn;
	int ret = txn_begin(fs->writer, &txn, err);

	if (ret)
		return ret;
	ret = fs_replay_log(txn, fs, err);
	if (ret)
		txn_abort(txn);
	else
		ret = txn_commit(txn, err);
	fs->log_root_tree = NULL;
	return ret ? err_wrap(err, ret, "the log of the last fsync waits to be replayed (-o nologreplay shows the last commit without it)") : 0;
}

static int start_changes(struct fs *fs, struct err *err)
{
	bool write = fs->flags & FS_OPEN_WRITE;
	/* who reads what is damaged wants to see what is there */
	unsigned without = FS_OPEN_NO_LOG_REPLAY | (write ? 0 : FS_OPEN_PARTIAL | FS_OPEN_NO_BLOCK_GROUPS);
	bool replay = fs->log_root_tree && !(fs->flags & without) && !fs->vol->source;
	int ret = 0;

	if (fs->flags & FS_OPEN_IN_PLACE)
		return 0;
	if (write && le64_get(fs->sb->flags) & BTRFS_SUPER_FLAG_CHANGING_FSID)
		return err_set(err, -EROFS, "a change of the filesystem's uuid was interrupted: btrfstune -u finishes it");
	if (write && fs->log_root_tree && !replay)
		return err_set(err, -EROFS, "there is a log that waits to be replayed: without that nothing can be written");
	if (!write && !replay)
		return 0;
	if (!write)
		ret = overlay_devices(fs, err);
	if (!ret)
		ret = start_writer(fs, err);
	return ret || !replay ? ret : replay_log(fs, err);
}

static int fs_start(struct fs *fs, const struct fs_open_args *args, struct err *err)
{
	int ret = fs->flags & FS_OPEN_REFUSE_MOUNTED ? refuse_mounted(fs, err) : 0;

	if (!ret)
		ret = super_check_features(fs->sb, (fs->flags & (FS_OPEN_WRITE | FS_OPEN_IN_PLACE)) == FS_OPEN_WRITE, err);
	if (!ret && nstore_init(&fs->store, fs->env, fs->vol, args->cache_memory ? args->cache_memory : CACHE_MEMORY))
		ret = err_nomem(err);
	if (ret)
		return ret;
	fs->store.lenient = fs->flags & FS_OPEN_LENIENT;
	fs->store.ignore_transid = fs->flags & FS_OPEN_IGNORE_TRANSID;
	fs->store.on_bad_copy = fs->flags & FS_OPEN_QUIET ? NULL : reader_message;
	fs->store.arg = fs;
	ret = open_chunk_tree(fs, args, err);
	if (!(fs->flags & (FS_OPEN_QUIET | FS_OPEN_MISSING_UNTOLD)))
		fs_tell_missing(fs, MSG_NOTE);
	if (ret || fs->flags & FS_OPEN_CHUNK_ONLY)
		return ret;
	if (!(fs->flags & FS_OPEN_PARTIAL))
		ret = volume_check_missing(fs->vol, fs->flags & FS_OPEN_WRITE, err);
	if (!ret)
		ret = open_trees(fs, args, err);
	return ret ? ret : start_changes(fs, err);
}

int fs_open_volume(struct env *env, struct volume *vol, const struct fs_open_args *args, struct fs **out, struct err *err)
{
	struct fs *fs = mem_zalloc(sizeof(*fs));
	int ret;

	if (!fs) {
		volume_close(vol);
		return err_nomem(err);
	}
	fs->env = env;
	fs->vol = vol;
	fs->geo = &vol->geo;
	fs->sb = &vol->sb;
	fs->flags = args->flags;
	fs->default_subvol = BTRFS_FS_TREE_OBJECTID;
	fs->backup_slot = -1;
	pthread_mutex_init(&fs->roots_lock, NULL);
	ret = fs_start(fs, args, err);
	if (ret) {
		fs_close(fs);
		return ret;
	}
	*out = fs;
	return 0;
}

int fs_open(struct env *env, const struct fs_open_args *args, struct fs **out, struct err *err)
{
	struct volume_args vargs = VOLUME_ARGS_INIT;
	struct volume *vol;
	int ret;

	vargs.specs = args->specs;
	vargs.nspecs = args->nspecs;
	vargs.flags = volume_flags(args->flags);
	vargs.super_copy = args->super_copy;
	vargs.super_bytenr = args->super_bytenr;
	vargs.wrap = args->wrap;
	vargs.wrap_arg = args->wrap_arg;
	vargs.open = args->open;
	vargs.open_arg = args->open_arg;
	ret = volume_open(env, &vargs, &vol, err);
	return ret ? ret : fs_open_volume(env, vol, args, out, err);
}

int fs_open_path(struct env *env, const char *spec, unsigned flags, struct fs **out, struct err *err)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;

	args.specs = &spec;
	args.nspecs = 1;
	args.flags = flags;
	return fs_open(env, &args, out, err);
}

static void fs_close_but_volume(struct fs *fs)
{
	writer_close(fs->writer);
	roots_free(fs);
	fs_change_fini(fs);
	nstore_fini(&fs->store);
	hmap_fini(&fs->told);
	pthread_mutex_destroy(&fs->roots_lock);
	free(fs);
}

void fs_close(struct fs *fs)
{
	struct volume *vol = fs ? fs->vol : NULL;

	if (!fs)
		return;
	fs_close_but_volume(fs);
	volume_close(vol);
}

int fs_reload(struct fs **fs, struct err *err)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	struct volume *vol = (*fs)->vol;
	struct env *env = (*fs)->env;
	int ret;

	args.flags = (*fs)->flags;
	fs_close_but_volume(*fs);
	*fs = NULL;
	ret = volume_reload(vol, err);
	if (!ret)
		return fs_open_volume(env, vol, &args, fs, err);
	volume_close(vol);
	return ret;
}

struct root *fs_block_group_root(struct fs *fs)
{
	return geo_compat_ro(fs->geo, BTRFS_FEATURE_COMPAT_RO_BLOCK_GROUP_TREE) ? fs->block_group_tree : fs->extent_tree;
}
