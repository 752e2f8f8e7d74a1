/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Crash replay: random work is recorded write by write; then the world is stopped at each flush, with any part of what was not flushed yet on the disk
 * or not, and what is found there must be the filesystem as one of its commits left it, whole.
 *
 *     crash [-s STATES] [-j EVERY COMMAND] IMAGE[,IMAGE...] SEED ROUNDS COMMITS STEPS [full|simple|stale|chunks|devices]
 *
 * A round opens the images, commits COMMITS times after STEPS operations each, and judges all its crashes; then its writes go to the images, and the next
 * round works on. At each flush STATES (8) subsets of the unflushed writes are tried: none, all, and random ones in blocks of 4096 bytes, so that a write may be torn.
 * stale: after each commit also with each device in turn as the commit before left it. full, simple: with quotas.
 * chunks: each commit is one of balance (conversions, packing) and shrinking instead, devices: the last image, which holds nothing yet, is added, others are
 * removed and replaced; the files stay what they are.
 * Judged: the tree hash is that before or after the commit that was under way (after a finished commit: that one), and our own check is clean; after every
 * EVERYth state COMMAND is run with the state's images as files, and must return 0. The last line counts. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "kernel-shared/check/check.h"
#include "kernel-shared/chunks/chunks.h"
#include "kernel-shared/fs/quota.h"
#include "tests/offline-write/work.h"

enum { MAX_DEVICES = 8, BLOCK = 4096, ALL = 1000 };

/* The world stopped before event `at`: what a device was told to flush before is there, of the rest permille of 1000 blocks. A stale device
 * has nothing from event stale_from on. */
struct state { size_t at, stale_from; unsigned permille, stale_device, seed; unsigned commit; bool committed; };

struct crash {
	struct env env;
	unsigned states_each, every, rnd;
	const char *judge;
	char *images[MAX_DEVICES];
	unsigned n;
	bool stale, chunks, devices;
	struct record_log *log;
	VEC(char *) hashes;        /* [k]: after commit k of this round; [0]: before */
	struct state state;        /* being looked at */
	unsigned long states, judged, before, after, lost;
	struct err err;
};

static unsigned dice(struct crash *c, unsigned n)
{
	c->rnd = c->rnd * 1103515245 + 12345;
	return (c->rnd >> 8) % n;
}

static u32 mix(u64 x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ULL;
	return x >> 32;
}

static unsigned device_of(const struct crash *c, const struct bdev *b)
{
	for (unsigned i = 0; i < c->n; i++)
		if (!strcmp(b->name, c->images[i]))
			return i;
	return 0;
}

/* What a scan would find to be members: a first superblock (nobody looks for others), and of two that claim one number the newer. */
static unsigned members(struct crash *c, int (*wrap)(void *, struct bdev **, struct err *), const char **out)
{
	struct disk_super sb[MAX_DEVICES];
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++) {
		struct err err = ERR_INIT;
		struct bdev *b;
		unsigned at = 0;
		int ret;

		if (bdev_open_file(&c->env, c->images[i], BDEV_READ, &b, &err))
			continue;
		ret = wrap ? wrap(c, &b, &err) : 0;
		if (!ret)
			ret = volume_read_super(b, 0, &sb[n], &err);
		bdev_close(b);
		if (ret)
			continue;
		while (at < n && le64_get(sb[at].dev_item.devid) != le64_get(sb[n].dev_item.devid))
			at++;
		if (at < n && le64_get(sb[at].generation) >= le64_get(sb[n].generation))
			continue;
		sb[at] = sb[n];
		out[at] = c->images[i];
		n += at == n;
	}
	return n;
}

static int open_args(struct crash *c, unsigned flags, int (*wrap)(void *, struct bdev **, struct err *), struct fs **fs)
{
	struct fs_open_args args = FS_OPEN_ARGS_INIT;
	const char *list[MAX_DEVICES];

	args.specs = (const char *const *)c->images;
	args.nspecs = c->n;
	if (c->devices) {
		args.specs = list;
		args.nspecs = members(c, wrap, list);
	}
	args.flags = flags | FS_OPEN_NOSCAN;
	args.wrap = wrap;
	args.wrap_arg = c;
	return fs_open(&c->env, &args, fs, &c->err);
}

/* --- recording --- */

static int wrap_record(void *arg, struct bdev **b, struct err *err)
{
	struct crash *c = arg;
	unsigned dev = device_of(c, *b);
	int ret = bdev_overlay_new(*b, b, err);

	return ret ? ret : bdev_record_new(*b, c->log, dev, b);
}

static int note_hash(struct crash *c, struct fs *fs)
{
	char text[TREEHASH_TEXT], *copy;
	int ret = fs_hash(fs, fs_top(fs), HASH_TIMES_ALL, text, &c->err);

	if (ret)
		return ret;
	copy = mem_strdup(text);
	return copy ? vec_push(&c->hashes, copy) : -ENOMEM;
}

/* --- work on chunks and devices --- */

static int wrap_record(void *arg, struct bdev **b, struct err *err);

static int chunk_step(struct crash *c, struct fs *fs, unsigned step)
{
	static const u64 targets[] = { BTRFS_BLOCK_GROUP_RAID1, BTRFS_BLOCK_GROUP_RAID5, BTRFS_BLOCK_GROUP_DUP, BTRFS_BLOCK_GROUP_RAID0, BTRFS_BLOCK_GROUP_RAID10,
		BTRFS_AVAIL_ALLOC_BIT_SINGLE };
	struct balance b = { .flags = BTRFS_BALANCE_DATA | BTRFS_BALANCE_METADATA | BTRFS_BALANCE_SYSTEM | BTRFS_BALANCE_FORCE };
	struct chunks_work w = { 0 };
	u64 target = targets[dice(c, ARRAY_SIZE(targets))];

	if (step % 2 == 0 && profile_of(target)->min_devs <= fs->vol->devices.len) {
		b.data.flags = b.meta.flags = b.system.flags = BTRFS_BALANCE_ARGS_CONVERT;
		b.data.target = b.meta.target = b.system.target = target;
	}
	return fs_balance(fs, &b, &w, &c->err);
}

static const char *spare(struct crash *c, struct fs *fs)
{
	for (unsigned i = 0; i < c->n; i++) {
		bool used = false;

		for (size_t k = 0; k < fs->vol->devices.len; k++)
			used |= !strcmp(fs->vol->devices.v[k]->path, c->images[i]);
		if (!used)
			return c->images[i];
	}
	return NULL;
}

static int device_step(struct crash *c, struct fs *fs, unsigned step)
{
	const char *path = spare(c, fs), *reason;
	struct chunks_work w = { 0 };
	u64 devid = fs->vol->devices.v[dice(c, fs->vol->devices.len)]->devid;
	struct bdev *b;
	int ret;

	if (!path)
		return fs_device_remove(fs, devid, &w, &reason, &c->err);
	ret = bdev_open_file(&c->env, path, BDEV_READ, &b, &c->err);
	if (!ret)
		ret = wrap_record(c, &b, &c->err);
	if (ret)
		return ret;
	return step % 2 ? fs_device_add(fs, b, path, &c->err) : fs_device_replace(fs, devid, b, path, false, &w, &c->err);
}

/* The hash must be that of what a later opening sees: a transaction's own view is not asked for it. */
static int work(struct crash *c, unsigned commits, unsigned steps)
{
	struct work w = { .rnd = c->rnd, .err = ERR_INIT };
	int ret = open_args(c, FS_OPEN_WRITE, wrap_record, &w.fs);

	if (ret)
		return ret;
	writer_set_memory(w.fs->writer, 400000);
	ret = note_hash(c, w.fs);
	for (unsigned i = 1; !ret && i <= commits; i++) {
		ret = c->devices ? device_step(c, w.fs, i) : c->chunks ? chunk_step(c, w.fs, i) : stretch(&w, steps);
		if (!ret)
			ret = record_log_mark(c->log, i);
		if (!ret)
			ret = note_hash(c, w.fs);
	}
	if (ret)
		fprintf(stderr, "work: %s%s\n", err_text(&w.err), err_text(&c->err));
	fs_close(w.fs);
	return ret;
}

/* --- states --- */

/* Writes what is on the device in this state; the same each time it is asked. */
static int apply(struct crash *c, unsigned device, struct bdev *to, struct err *err)
{
	const struct state *s = &c->state;
	size_t flushed = 0, end = s->at;
	int ret = 0;

	if (s->stale_from && s->stale_device == device)
		end = s->stale_from;
	for (size_t i = 0; i < end; i++) {
		const struct record_event *e = record_log_get(c->log, i);

		if (e->kind == RECORD_FLUSH && e->device == device)
			flushed = i;
	}
	for (size_t i = 0; i < end && !ret; i++) {
		const struct record_event *e = record_log_get(c->log, i);

		if (e->kind != RECORD_WRITE || e->device != device)
			continue;
		if (i < flushed || s->permille == ALL) {
			ret = bdev_write(to, e->off, e->data, e->len, err);
			continue;
		}
		for (u64 done = 0, part; done < e->len && !ret; done += part) {
			part = min_t(u64, BLOCK - (e->off + done) % BLOCK, e->len - done);
			if (mix((u64)s->seed << 40 ^ (u64)i << 16 ^ done / BLOCK) % ALL < s->permille)
				ret = bdev_write(to, e->off + done, (const u8 *)e->data + done, part, err);
		}
	}
	return ret;
}

static int wrap_state(void *arg, struct bdev **b, struct err *err)
{
	struct crash *c = arg;
	unsigned dev = device_of(c, *b);
	int ret = bdev_overlay_new(*b, b, err);

	return ret ? ret : apply(c, dev, *b, err);
}

static void state_text(const struct crash *c, struct strbuf *sb)
{
	sb_printf(sb, "event %zu of %zu, commit %u%s, %u permille, seed %u", c->state.at, record_log_count(c->log), c->state.commit, c->state.committed ? " done" : " under way",
		  c->state.permille, c->state.seed);
	if (c->state.stale_from)
		sb_printf(sb, ", device %u stale", c->state.stale_device);
}

static int bad(struct crash *c, const char *what, const char *why)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;

	state_text(c, &sb);
	fprintf(stderr, "LOST: %s: %s: %s\n", sb_str(&sb), what, why);
	c->lost++;
	err_clear(&c->err);
	return 0;
}

/* Is it the filesystem as the commit before, or this one, left it? */
static int see_hash(struct crash *c)
{
	char text[TREEHASH_TEXT];
	struct fs *fs;
	int ret = open_args(c, 0, wrap_state, &fs);

	if (ret)
		return bad(c, "does not open", err_text(&c->err));
	ret = fs_hash(fs, fs_top(fs), HASH_TIMES_ALL, text, &c->err);
	fs_close(fs);
	if (ret)
		return bad(c, "cannot be read", err_text(&c->err));
	if (c->state.committed)
		return strcmp(text, c->hashes.v[c->state.commit]) ? bad(c, "shows something else than the last commit", text) : 0;
	if (!strcmp(text, c->hashes.v[c->state.commit]))
		c->after++;
	else if (!strcmp(text, c->hashes.v[c->state.commit - 1]))
		c->before++;
	else
		return bad(c, "shows neither the state before nor after", text);
	return 0;
}

static void check_phase(void *arg, enum check_phase phase, bool skipped) {}
static void check_end(void *arg, enum check_phase phase, u64 errors) {}
static void check_found(void *arg, const struct check_finding *f)
{
	struct strbuf *sb = arg;

	if (problem_row(f->id)->severity == SEVERITY_ERROR)
		sb_printf(sb, "%s; ", f->text);
}

static int see_check(struct crash *c)
{
	struct strbuf found CLEANUP(sb_fini) = STRBUF_INIT;
	struct check_ops ops = { .begin = check_phase, .finding = check_found, .end = check_end, .arg = &found };
	struct check_args args = { 0 };
	struct check_totals totals;
	struct fs *fs;
	int ret = open_args(c, FS_OPEN_PARTIAL | FS_OPEN_LENIENT | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_QUIET, wrap_state, &fs);

	if (ret)
		return bad(c, "check cannot open", err_text(&c->err));
	ret = check_run(fs, &args, &ops, &totals, &c->err);
	fs_close(fs);
	if (ret)
		return ret;
	return totals.errors ? bad(c, "check", sb_str(&found)) : 0;
}

/* The state as files beside the images, for another judge. */
static int see_judge(struct crash *c)
{
	struct strbuf command CLEANUP(sb_fini) = STRBUF_INIT, name CLEANUP(sb_fini) = STRBUF_INIT;
	int ret = 0;

	sb_printf(&command, "%s ", c->judge);
	for (unsigned i = 0; i < c->n && !ret; i++) {
		struct bdev *b;

		sb_reset(&name);
		sb_printf(&name, "cp --sparse=always %s %s.state", c->images[i], c->images[i]);
		if (system(sb_str(&name)))
			return -EIO;
		sb_reset(&name);
		sb_printf(&name, "%s.state", c->images[i]);
		sb_printf(&command, "%s%s", i ? "," : "", sb_str(&name));
		ret = bdev_open_file(&c->env, sb_str(&name), BDEV_WRITE, &b, &c->err);
		if (ret)
			break;
		ret = apply(c, i, b, &c->err);
		bdev_close(b);
	}
	if (ret)
		return ret;
	c->judged++;
	return system(sb_str(&command)) ? bad(c, "the judge refuses", sb_str(&command)) : 0;
}

static int see(struct crash *c)
{
	int ret;

	c->states++;
	ret = see_hash(c);
	if (!ret)
		ret = see_check(c);
	if (!ret && c->judge && c->states % c->every == 0)
		ret = see_judge(c);
	return ret;
}

static int stop_at(struct crash *c, size_t at)
{
	static const unsigned dose[] = { 0, ALL, 500, 900, 100, 980, 20, 700 };
	int ret = 0;

	c->state.at = at;
	for (unsigned i = 0; i < c->states_each && !ret; i++) {
		c->state.permille = dose[i % 8];
		c->state.seed = dice(c, 1 << 20);
		ret = see(c);
	}
	return ret;
}

static int stop_everywhere(struct crash *c)
{
	size_t last_mark = 0;
	int ret = 0;

	c->state = (struct state){ .commit = 1 };
	for (size_t i = 0; i < record_log_count(c->log) && !ret; i++) {
		const struct record_event *e = record_log_get(c->log, i);

		if (e->kind == RECORD_FLUSH)
			ret = stop_at(c, i);
		if (e->kind != RECORD_MARK)
			continue;
		c->state.commit = e->off;
		c->state.committed = true;
		c->state.at = i;
		c->state.permille = 0;
		ret = see(c);
		for (unsigned d = 0; c->stale && d < c->n && !ret; d++) {
			c->state.permille = ALL;
			c->state.stale_from = last_mark + 1;
			c->state.stale_device = d;
			ret = see(c);
		}
		last_mark = i;
		c->state = (struct state){ .commit = e->off + 1 };
	}
	return ret;
}

/* The round's writes reach the images. */
static int settle(struct crash *c)
{
	int ret = 0;

	c->state = (struct state){ .at = record_log_count(c->log), .permille = ALL };
	for (unsigned i = 0; i < c->n && !ret; i++) {
		struct bdev *b;

		ret = bdev_open_file(&c->env, c->images[i], BDEV_WRITE, &b, &c->err);
		if (ret)
			break;
		ret = apply(c, i, b, &c->err);
		bdev_close(b);
	}
	return ret;
}

static void round_fini(struct crash *c)
{
	record_log_free(c->log);
	c->log = NULL;
	for (size_t i = 0; i < c->hashes.len; i++)
		free(c->hashes.v[i]);
	c->hashes.len = 0;
}

static int quota(struct crash *c, bool simple)
{
	struct txn *txn;
	struct fs *fs;
	int ret = open_args(c, FS_OPEN_WRITE, NULL, &fs);

	if (ret)
		return ret;
	ret = txn_begin(fs->writer, &txn, &c->err);
	if (!ret)
		ret = op_quota_enable(txn, simple, &c->err);
	if (!ret)
		ret = txn_commit(txn, &c->err);
	fs_close(fs);
	return ret;
}

static int run(struct crash *c, unsigned rounds, unsigned commits, unsigned steps, char **words)
{
	int ret = 0;

	for (; *words && !ret; words++) {
		c->stale |= !strcmp(*words, "stale");
		c->chunks |= !strcmp(*words, "chunks");
		c->devices |= !strcmp(*words, "devices");
		if (!strcmp(*words, "full") || !strcmp(*words, "simple"))
			ret = quota(c, !strcmp(*words, "simple"));
	}
	for (unsigned r = 0; r < rounds && !ret; r++) {
		ret = record_log_new(&c->log);
		if (!ret)
			ret = work(c, commits, steps);
		if (!ret)
			ret = stop_everywhere(c);
		if (!ret)
			ret = settle(c);
		round_fini(c);
		dice(c, 2);
	}
	return ret;
}

int main(int argc, char **argv)
{
	struct crash c = { .states_each = 8, .every = 1, .err = ERR_INIT };
	int o, ret;

	while ((o = getopt(argc, argv, "+s:j:")) != -1) {
		if (o == 's')
			c.states_each = atoi(optarg);
		else if (o == 'j' && optind < argc)
			c.every = atoi(optarg), c.judge = argv[optind++];
		else
			return 2;
	}
	argv += optind;
	if (argc - optind < 5)
		return 2;
	for (char *p = strtok(argv[0], ","); p && c.n < MAX_DEVICES; p = strtok(NULL, ","))
		c.images[c.n++] = p;
	env_init(&c.env);
	c.env.msg = say;
	env_seed(&c.env, atoi(argv[1]));
	c.rnd = atoi(argv[1]);
	ret = env_start_pool(&c.env, &c.err);
	if (!ret)
		ret = run(&c, atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), argv + 5);
	printf("%lu states, %lu before, %lu after, %lu lost, %lu also judged by others%s%s\n", c.states, c.before, c.after, c.lost, c.judged, ret ? ": " : "",
	       ret ? err_text(&c.err) : "");
	vec_fini(&c.hashes);
	env_fini(&c.env);
	return ret || c.lost;
}
