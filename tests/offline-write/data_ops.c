/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A seeded sequence of data operations on several files of an image, mirrored on plain arrays of bytes: after each operation a range, after each transaction
 * everything is read back and compared. At the end the arrays are written to files, to be compared with what others read from the image.
 *
 *     data_ops IMAGE[,IMAGE...] SEED TRANSACTIONS OPERATIONS DIRECTORY [JOBS [MIB]]
 *
 * MIB: fills the filesystem first, but for so many MiB.
 *
 * In the environment, for finding what went wrong: TRACE prints each operation, THOROUGH compares all files after each. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel-shared/fs/compress_out.h"
#include "kernel-shared/fs/write.h"

enum { FILES = 10, SIZE_MAX_MODEL = 6 << 20, BIG = 3 << 20 };

struct model { u64 ino; u8 *v; u64 size; bool nocow; char name[8]; };
struct run {
	struct env env;
	struct fs *fs;
	struct txn *txn;
	struct model files[FILES];
	u64 rng;
	unsigned done, refused;
	u8 *buf, *aside;
	bool trace, thorough;
	struct err err;
};

static u64 rnd(struct run *r, u64 below)
{
	r->rng ^= r->rng << 13;
	r->rng ^= r->rng >> 7;
	r->rng ^= r->rng << 17;
	return (r->rng >> 11) % below;
}

static void fail(struct run *r, const char *what)
{
	printf("%s: %s\n", what, err_text(&r->err));
	exit(1);
}

static struct loc loc_of(struct run *r, const struct model *m)
{
	return (struct loc){ r->fs->fs_tree, m->ino };
}

/* Noise, text, zeros, or noise that repeats itself. */
static void fill(struct run *r, u8 *buf, size_t len)
{
	unsigned kind = rnd(r, 5), period = 300 + rnd(r, 3000);

	for (size_t i = 0; i < len; i++)
		buf[i] = kind == 0 ? 0 : kind < 3 ? (u8)"the quick brown fox jumps"[rnd(r, 25)] : kind == 4 && i >= period ? buf[i - period] : rnd(r, 256);
}

static u64 some_len(struct run *r)
{
	switch (rnd(r, 8)) {
	case 0: return 1 + rnd(r, 100);
	case 1: return 1 + rnd(r, 5000);
	case 2: return r->fs->geo->sectorsize * (1 + rnd(r, 8));
	case 3: return 1 + rnd(r, BIG);
	default: return 1 + rnd(r, 300000);
	}
}

static u64 some_off(struct run *r, const struct model *m)
{
	u64 off = rnd(r, 3) ? rnd(r, m->size + 1) : rnd(r, 6) ? m->size : rnd(r, SIZE_MAX_MODEL / 2);

	return rnd(r, 3) ? off : round_down_p2(off, r->fs->geo->sectorsize);
}

static struct write_opts some_opts(struct run *r)
{
	struct write_opts o = WRITE_OPTS_DEFAULT;

	o.compress = rnd(r, 2) ? rnd(r, 4) : 0;
	o.level = rnd(r, 5);
	o.force = !rnd(r, 8);
	o.max_inline = rnd(r, 4) ? 2048 : rnd(r, 5000);
	return o;
}

static void grow(struct model *m, u64 size)
{
	if (size > m->size)
		memset(m->v + m->size, 0, size - m->size);
	m->size = max_t(u64, m->size, size);
}

static int do_write(struct run *r, struct model *m)
{
	struct write_opts o = some_opts(r);
	u64 off = some_off(r, m), len = some_len(r);
	int ret;

	len = min_t(u64, len, SIZE_MAX_MODEL - off);
	if (!len)
		return 0;
	fill(r, r->buf, len);
	ret = op_write(r->txn, &o, loc_of(r, m), off, r->buf, len, &r->err);
	if (ret)
		return ret;
	grow(m, off + len);
	memcpy(m->v + off, r->buf, len);
	return 0;
}

static int do_truncate(struct run *r, struct model *m)
{
	u64 size = rnd(r, 3) ? rnd(r, m->size + 1) : rnd(r, 2) ? rnd(r, 5000) : rnd(r, SIZE_MAX_MODEL);
	int ret = op_truncate(r->txn, loc_of(r, m), size, &r->err);

	if (ret)
		return ret;
	grow(m, size);
	m->size = size;
	return 0;
}

static int do_fallocate(struct run *r, struct model *m)
{
	static const unsigned modes[] = { 0, FALLOC_KEEP_SIZE_OP, FALLOC_PUNCH_OP, FALLOC_PUNCH_OP | FALLOC_KEEP_SIZE_OP, FALLOC_ZERO_OP,
		FALLOC_ZERO_OP | FALLOC_KEEP_SIZE_OP };
	unsigned mode = modes[rnd(r, ARRAY_SIZE(modes))];
	u64 off = some_off(r, m), len = some_len(r), end;
	int ret;

	len = min_t(u64, len, SIZE_MAX_MODEL - off);
	end = off + len;
	if (!len)
		return 0;
	ret = op_fallocate(r->txn, loc_of(r, m), off, len, mode, &r->err);
	if (ret)
		return ret;
	if (!(mode & (FALLOC_KEEP_SIZE_OP | FALLOC_PUNCH_OP)))
		grow(m, end);
	if (mode & (FALLOC_PUNCH_OP | FALLOC_ZERO_OP) && off < m->size)
		memset(m->v + off, 0, min_t(u64, end, m->size) - off);
	return 0;
}

static int do_clone(struct run *r, struct model *m)
{
	struct model *src = &r->files[rnd(r, FILES)];
	u32 sector = r->fs->geo->sectorsize;
	u64 from = round_down_p2(rnd(r, src->size + 1), sector), to = round_down_p2(some_off(r, m), sector), len;
	int ret, want = 0;

	if (!rnd(r, 3))
		from = 0;
	if (!rnd(r, 3))
		to = 0;
	len = rnd(r, 2) ? src->size - from : round_down_p2(rnd(r, src->size - from + 1), sector);
	if (!len || to + len > SIZE_MAX_MODEL)
		return 0;
	if (src->nocow != m->nocow || (!is_aligned_p2(from + len, sector) && (from + len != src->size || to + len < m->size)) ||
	    (src == m && from < to + len && to < from + len))
		want = -EINVAL;
	ret = op_clone(r->txn, loc_of(r, src), from, rnd(r, 2) && from + len == src->size ? 0 : len, loc_of(r, m), to, 0, &r->err);
	if (ret == want && ret)
		return 0;
	if (ret || want)
		return ret ? ret : -EILSEQ;
	grow(m, to + len);
	memmove(m->v + to, src->v + from, len);
	return 0;
}

static int do_encoded(struct run *r, struct model *m)
{
	u32 sector = r->fs->geo->sectorsize;
	u64 off = round_down_p2(some_off(r, m), sector), plain = 1 + rnd(r, BTRFS_MAX_UNCOMPRESSED), skip = rnd(r, 3) ? 0 : round_down_p2(rnd(r, plain), sector), len;
	u8 type = 1 + rnd(r, 3);
	size_t packed;
	bool bad;
	int ret;

	fill(r, r->buf, plain);
	ret = compress_data(type, 0, r->buf, plain, r->aside, plain - 1, sector, &packed, &r->err);
	if (ret)
		return ret == -E2BIG ? 0 : ret;
	len = rnd(r, 2) ? plain - skip : 1 + rnd(r, plain - skip);
	if (off + len > SIZE_MAX_MODEL)
		return 0;
	/* what follows the end within the last sector must be zeros for the model to hold */
	if (len < plain - skip)
		len = round_down_p2(len, sector);
	if (!len)
		return 0;
	bad = m->nocow || (!is_aligned_p2(off + len, sector) && off + len < m->size);
	ret = op_encoded_write(r->txn, loc_of(r, m), off, len, plain, skip, type, r->aside, packed, &r->err);
	if (bad)
		return ret == -EINVAL ? 0 : ret ? ret : -EILSEQ;
	if (ret)
		return ret;
	grow(m, off + len);
	memcpy(m->v + off, r->buf + skip, len);
	return 0;
}

struct source { struct file_source s; const u8 *v; };

static s64 source_read(struct file_source *s, u64 off, void *buf, size_t len)
{
	struct source *src = container_of(s, struct source, s);
	u64 n = min_t(u64, len, s->size - off);

	n = min_t(u64, n, 100000); /* short reads are fine */
	memcpy(buf, src->v + off, n);
	return n;
}

/* Blocks of zeros are holes. */
static int source_next(struct file_source *s, u64 off, u64 *start, u64 *len)
{
	struct source *src = container_of(s, struct source, s);
	static const u8 zeros[4096];
	u64 at = round_down_p2(off, 4096), end;

	while (at < s->size && !memcmp(src->v + at, zeros, min_t(u64, 4096, s->size - at)))
		at += 4096;
	if (at >= s->size)
		return -ENXIO;
	for (end = at; end < s->size && memcmp(src->v + end, zeros, min_t(u64, 4096, s->size - end)); end += 4096)
		;
	*start = max_t(u64, at, off);
	*len = min_t(u64, end, s->size) - *start;
	return 0;
}

static int do_put(struct run *r, struct model *m)
{
	struct write_opts o = some_opts(r);
	struct source src = { { .read = source_read, .next_data = rnd(r, 2) ? source_next : NULL, .size = rnd(r, 3) ? some_len(r) : rnd(r, SIZE_MAX_MODEL) }, r->buf };
	struct put_ahead *ahead = NULL;
	int ret;

	fill(r, r->buf, src.s.size);
	for (unsigned i = rnd(r, 4); i && src.s.size > 10000; i--) {
		u64 at = rnd(r, src.s.size);

		u64 len = rnd(r, 200000);

		memset(r->buf + at, 0, min_t(u64, src.s.size - at, len));
	}
	ret = rnd(r, 2) ? put_ahead_new(r->fs, &o, 0, rnd(r, 10) ? 0 : BTRFS_COMPRESS_LZO, &src.s, &ahead, &r->err) : 0;
	src.s.ahead = ahead;
	if (!ret)
		ret = op_put_file(r->txn, &o, loc_of(r, m), &src.s, &r->err);
	put_ahead_free(ahead);
	if (ret)
		return ret;
	memcpy(m->v, r->buf, src.s.size);
	m->size = src.s.size;
	return 0;
}

/* The items of a file follow one another, cover it where holes have items, and make up nbytes. */
static void items_add_up(struct run *r, const struct inode *in, const char *name, const char *after)
{
	struct tree_iter it CLEANUP(tree_iter_fini) = tree_range(&in->root->tree, KEY(in->ino, BTRFS_EXTENT_DATA_KEY, 0), KEY(in->ino, BTRFS_EXTENT_DATA_KEY, -1ULL));
	bool holes = !geo_incompat(r->fs->geo, BTRFS_FEATURE_INCOMPAT_NO_HOLES);
	u64 at = 0, nbytes = 0, sector = r->fs->geo->sectorsize;
	struct file_extent_view x;
	struct item item;

	while (!tree_next(&it, &item, &r->err)) {
		bool is_inline;

		file_extent_parse(&item, &x);
		is_inline = x.type == BTRFS_FILE_EXTENT_INLINE;
		if (x.start < at || (holes && x.start > at) || (is_inline && in->size > sector)) {
			printf("after %s: the extent of %s at %llu does not follow what ends at %llu\n", after, name, x.start, at);
			exit(1);
		}
		nbytes += is_inline || x.disk_bytenr ? extent_end(&x) - x.start : 0;
		at = round_up_p2(extent_end(&x), sector);
	}
	if ((holes && at < in->size) || nbytes != in->nbytes) {
		printf("after %s: the extents of %s (%llu bytes) end at %llu and have %llu bytes, not %llu\n", after, name, in->size, at, nbytes, in->nbytes);
		exit(1);
	}
}

static void compare(struct run *r, struct model *m, u64 off, u64 len, const char *after)
{
	struct inode in;
	s64 got;

	if (inode_get(r->fs->fs_tree, m->ino, &in, &r->err))
		fail(r, "inode");
	if (in.size != m->size) {
		printf("after %s: %s has %llu bytes, not %llu\n", after, m->name, in.size, m->size);
		exit(1);
	}
	items_add_up(r, &in, m->name, after);
	got = file_read(r->fs, &in, off, r->aside, len, &r->err);
	if (got < 0)
		fail(r, after);
	if ((u64)got != (off < m->size ? min_t(u64, len, m->size - off) : 0)) {
		printf("after %s: %s: read %lld bytes at %llu\n", after, m->name, got, off);
		exit(1);
	}
	for (s64 i = 0; i < got; i++) {
		if (r->aside[i] == m->v[off + i])
			continue;
		printf("after %s: %s of %llu bytes differs at %llu\n", after, m->name, m->size, off + i);
		exit(1);
	}
}

static void step(struct run *r)
{
	static const struct { const char *name; int (*fn)(struct run *r, struct model *m); unsigned weight; } ops[] = {
		{ "write", do_write, 6 }, { "truncate", do_truncate, 3 }, { "fallocate", do_fallocate, 4 }, { "clone", do_clone, 4 },
		{ "encoded write", do_encoded, 2 }, { "put", do_put, 3 },
	};
	struct model *m = &r->files[rnd(r, FILES)];
	unsigned pick = rnd(r, 22), i = 0;
	u64 at;
	int ret;

	while (pick >= ops[i].weight)
		pick -= ops[i++].weight;
	ret = ops[i].fn(r, m);
	if (r->trace)
		printf("%u %s %s %d size %llu\n", r->done + r->refused, ops[i].name, m->name, ret, m->size);
	if (writer_dead(r->fs->writer) || (ret && ret != -ENOSPC))
		fail(r, ops[i].name);
	*(ret ? &r->refused : &r->done) += 1;
	at = rnd(r, m->size + 1);
	compare(r, m, ret ? 0 : at, ret ? SIZE_MAX_MODEL : 100000, ops[i].name);
	for (i = 0; i < FILES && r->thorough; i++)
		compare(r, &r->files[i], 0, SIZE_MAX_MODEL, "all that");
}

static void begin(struct run *r)
{
	struct new_inode ni = { .mode = S_IFREG | 0644 };
	struct loc top = { r->fs->fs_tree, BTRFS_FIRST_FREE_OBJECTID };

	if (txn_begin(r->fs->writer, &r->txn, &r->err))
		fail(r, "begin");
	for (unsigned i = 0; i < FILES; i++) {
		struct model *m = &r->files[i];

		if (m->ino)
			continue;
		m->v = malloc(SIZE_MAX_MODEL);
		sprintf(m->name, "f%u", i);
		m->nocow = i == 8;
		ni.flags = m->nocow ? BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM : 0;
		if (op_create(r->txn, top, m->name, strlen(m->name), &ni, &m->ino, &r->err) ||
		    (i == 9 && op_xattr(r->txn, loc_of(r, m), "btrfs.compression", 17, "zstd", 4, 0, &r->err)))
			fail(r, "create");
	}
}

/* Takes all space there is, and gives some back. */
static void fill_up(struct run *r, u64 keep)
{
	struct new_inode ni = { .mode = S_IFREG | 0600 };
	struct loc ballast = { r->fs->fs_tree, BTRFS_FIRST_FREE_OBJECTID };
	u64 size = 0, step = 64 << 20;
	int ret = txn_begin(r->fs->writer, &r->txn, &r->err);

	if (!ret)
		ret = op_create(r->txn, ballast, "ballast", 7, &ni, &ballast.ino, &r->err);
	while (!ret && step >= 1 << 16) {
		ret = op_fallocate(r->txn, ballast, size, step, 0, &r->err);
		if (ret && ret != -ENOSPC)
			break;
		if (ret)
			step /= 2;
		else
			size += step;
		ret = 0;
	}
	if (!ret)
		ret = op_truncate(r->txn, ballast, size > keep ? size - keep : 0, &r->err);
	if (!ret)
		ret = txn_commit(r->txn, &r->err);
	if (ret)
		fail(r, "fill");
}

static void save(struct run *r, const char *dir)
{
	for (unsigned i = 0; i < FILES; i++) {
		char path[4096];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, r->files[i].name);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (fd < 0 || write(fd, r->files[i].v, r->files[i].size) != (ssize_t)r->files[i].size || close(fd))
			exit(1);
		free(r->files[i].v);
	}
}

static void say(struct env *env, enum msg_level level, const char *text)
{
	fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
	static struct run r = { .err = ERR_INIT };
	const char *specs[8];
	struct fs_open_args args = FS_OPEN_ARGS_INIT;

	if (argc < 6)
		return 2;
	args.specs = specs;
	args.flags = FS_OPEN_WRITE;
	env_init(&r.env);
	r.env.msg = say;
	if (argc > 6)
		r.env.jobs = atoi(argv[6]);
	env_seed(&r.env, 1);
	r.env.fixed_clock = true;
	r.env.clock_sec = 1700000000;
	r.rng = atoi(argv[2]) * 7919ULL + 12345;
	r.trace = getenv("TRACE");
	r.thorough = getenv("THOROUGH");
	r.buf = malloc(SIZE_MAX_MODEL);
	r.aside = malloc(SIZE_MAX_MODEL);
	for (char *spec = strtok(argv[1], ","); spec && args.nspecs < ARRAY_SIZE(specs); spec = strtok(NULL, ","))
		specs[args.nspecs++] = spec;
	if (env_start_pool(&r.env, &r.err) || fs_open(&r.env, &args, &r.fs, &r.err))
		fail(&r, "open");
	writer_set_memory(r.fs->writer, 1 << 20);
	if (argc > 7)
		fill_up(&r, (u64)atoi(argv[7]) << 20);
	for (int t = 0; t < atoi(argv[3]); t++) {
		begin(&r);
		for (int i = 0; i < atoi(argv[4]); i++)
			step(&r);
		if (txn_commit(r.txn, &r.err))
			fail(&r, "commit");
		for (unsigned i = 0; i < FILES; i++)
			compare(&r, &r.files[i], 0, SIZE_MAX_MODEL, "commit");
	}
	printf("%u operations, %u without room\n", r.done, r.refused);
	save(&r, argv[5]);
	fs_close(r.fs);
	env_fini(&r.env);
	free(r.buf);
	free(r.aside);
	return 0;
}
