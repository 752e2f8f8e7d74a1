/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/send/emit.h"
#include "common/mem.h"

#include <stdlib.h>

/* Data of one or more WRITEs of one extent, or of one ENCODED_WRITE, to be put behind meta[at]. */
enum load_kind { LOAD_FILE, LOAD_ZEROS, LOAD_ENCODED };
struct load {
	enum load_kind kind;
	bool unsummed;
	u32 at;                     /* bytes of the batch's other commands that come before */
	u32 path, path_len;         /* in texts */
	u32 inlined;                /* in texts: the inline bytes */
	u64 from, len;
	struct file_extent_view ext;
};
struct emit_batch {
	struct emit *e;
	struct send_writer meta, out; /* commands without data; all, in order */
	VEC(struct load) loads;
	struct strbuf texts;
	u8 *scratch;                /* one extent, decompressed */
	u64 start, size;            /* where in the stream it begins; its bytes */
	int ret;
	struct err err;
	struct emit_batch *next;
};

static void batch_free(struct emit_batch *b)
{
	if (!b)
		return;
	send_writer_fini(&b->meta);
	send_writer_fini(&b->out);
	vec_fini(&b->loads);
	sb_fini(&b->texts);
	free(b->scratch);
	free(b);
}

static struct emit_batch *batch_new(struct emit *e)
{
	struct emit_batch *b = e->spare;

	if (b) {
		e->spare = b->next;
		b->meta.len = b->meta.start = b->out.len = b->out.start = 0;
		b->loads.len = 0;
		sb_reset(&b->texts);
	} else {
		b = mem_zalloc(sizeof(*b));
		if (!b)
			return NULL;
		b->e = e;
		send_writer_init(&b->meta, e->version, NULL, NULL);
		send_writer_init(&b->out, e->version, NULL, NULL);
	}
	b->start = e->totals.bytes;
	b->size = 0;
	b->ret = 0;
	err_clear(&b->err);
	return b;
}

/* ---- Filling, on any thread ---- */

static u32 write_max(unsigned version)
{
	return version == 1 ? SEND_WRITE_V1 : SEND_WRITE_V2;
}

static void *begin_write(struct emit_batch *b, const struct load *l, u64 off, u32 n)
{
	send_begin(&b->out, SEND_C_WRITE);
	send_bytes(&b->out, SEND_A_PATH, b->texts.v + l->path, l->path_len);
	send_u64(&b->out, SEND_A_FILE_OFFSET, off);
	return send_data(&b->out, n);
}

/* Is this better read in one go? */
static bool whole_extent(const struct file_extent_view *ext, u64 len)
{
	return ext->compression && len <= BTRFS_MAX_UNCOMPRESSED;
}

/* A compressed extent is decompressed once, however many WRITEs it becomes. */
static int load_file(struct emit_batch *b, struct load *l)
{
	struct file_piece piece = { .start = l->from, .len = l->len, .ext = l->ext };
	u32 max = write_max(b->out.version);
	bool split = whole_extent(&l->ext, l->len) && l->len > max;
	u64 n;
	int ret;

	piece.ext.inline_data = (u8 *)b->texts.v + l->inlined;
	if (split) {
		if (!b->scratch)
			b->scratch = mem_alloc_io(BTRFS_MAX_UNCOMPRESSED);
		ret = b->scratch ? file_piece_read(b->e->fs, &piece, 0, b->scratch, l->len, l->unsummed, &b->err) : err_nomem(&b->err);
		if (ret)
			return ret;
	}
	for (u64 off = 0; off < l->len; off += n) {
		void *p;

		ret = 0;
		n = min_t(u64, l->len - off, max);
		p = begin_write(b, l, l->from + off, n);
		if (!p)
			return err_set(&b->err, b->out.error, "cannot build a command");
		if (l->kind == LOAD_ZEROS)
			memset(p, 0, n);
		else if (split)
			memcpy(p, b->scratch + off, n);
		else
			ret = file_piece_read(b->e->fs, &piece, off, p, n, l->unsummed, &b->err);
		if (ret)
			return ret;
		send_end(&b->out);
	}
	return b->out.error;
}

static u32 stored_len(const struct file_extent_view *x)
{
	return x->type == BTRFS_FILE_EXTENT_INLINE ? x->inline_len : x->disk_num_bytes;
}

static int load_encoded(struct emit_batch *b, struct load *l)
{
	const struct file_extent_view *x = &l->ext;
	struct send_writer *w = &b->out;
	bool inlined = x->type == BTRFS_FILE_EXTENT_INLINE;
	u32 n = stored_len(x), shift = 0;
	void *p;
	int ret = 0;

	while (x->compression == BTRFS_COMPRESS_LZO && 4096u << shift < b->e->fs->geo->sectorsize)
		shift++;
	send_begin(w, SEND_C_ENCODED_WRITE);
	send_bytes(w, SEND_A_PATH, b->texts.v + l->path, l->path_len);
	send_u64(w, SEND_A_FILE_OFFSET, l->from);
	send_u64(w, SEND_A_UNENCODED_FILE_LEN, l->len);
	send_u64(w, SEND_A_UNENCODED_LEN, x->ram_bytes);
	send_u64(w, SEND_A_UNENCODED_OFFSET, l->from - x->start + (inlined ? 0 : x->offset));
	/* Not the disk's numbers: zlib 1, zstd 2, LZO 3 and up by sector size. */
	send_u64(w, SEND_A_COMPRESSION, x->compression == BTRFS_COMPRESS_ZLIB ? 1 : x->compression == BTRFS_COMPRESS_ZSTD ? 2 : 3 + shift);
	if (!inlined)
		send_u64(w, SEND_A_ENCRYPTION, 0);
	p = send_data(w, n);
	if (!p)
		return err_set(&b->err, w->error, "cannot build a command");
	if (inlined)
		memcpy(p, b->texts.v + l->inlined, n);
	else
		ret = data_read(b->e->fs, x->disk_bytenr, n, p, l->unsummed ? CSUM_IGNORED : CSUM_DEMANDED, &b->err);
	return ret ? ret : send_end(w);
}

/* Puts the commands without data up to there behind what is there. */
static void append_meta(struct emit_batch *b, u32 from, u32 to)
{
	struct send_writer part = { .version = b->meta.version, .buf = b->meta.buf + from, .len = to - from };

	send_append(&b->out, &part);
}

static void fill(void *job, void *arg, unsigned worker)
{
	struct emit_batch *b = job;
	u32 at = 0;

	for (size_t i = 0; !b->ret && i < b->loads.len; i++) {
		struct load *l = &b->loads.v[i];

		append_meta(b, at, l->at);
		at = l->at;
		b->ret = l->kind == LOAD_ENCODED ? load_encoded(b, l) : load_file(b, l);
		if (b->ret)
			err_wrap(&b->err, b->ret, "cannot read %.*s", (int)l->path_len, b->texts.v + l->path);
	}
	if (b->ret)
		return;
	append_meta(b, at, b->meta.len);
	if (b->out.error)
		b->ret = err_errno(&b->err, b->out.error, "cannot build a command");
	else if (b->out.len != b->size)
		b->ret = err_set(&b->err, -EUCLEAN, "the stream has another size than was counted");
}

/* ---- Writing, in order ---- */

static int write_batch(struct emit *e, struct emit_batch *b)
{
	/* What lies before the place to resume at was there already. */
	u64 skip = e->to.resume && e->to.resume->offset > b->start ? e->to.resume->offset - b->start : 0;
	int ret = skip < b->out.len ? e->to.write(e->to.arg, b->out.buf + skip, b->out.len - skip) : 0;

	return ret < 0 ? err_errno(e->err, ret, "cannot write the stream") : 0;
}

static void batch_spare(struct emit *e, struct emit_batch *b)
{
	b->next = e->spare;
	e->spare = b;
}

static int done(void *job, void *arg)
{
	struct emit_batch *b = job;
	struct emit *e = arg;

	if (b->ret) {
		*e->err = b->err;
		e->error = b->ret;
	} else {
		e->error = write_batch(e, b);
		progress_add(e->to.progress, b->size);
	}
	batch_spare(e, b);
	return e->error;
}

static void drop(void *job, void *arg)
{
	batch_spare(arg, job);
}

int emit_init(struct emit *e, struct fs *fs, unsigned version, const struct emit_target *to, struct err *err)
{
	static const struct ordq_ops ops = { fill, done, drop };

	*e = (struct emit){ .fs = fs, .version = version, .to = *to, .err = err };
	e->batch = batch_new(e);
	e->queue = to->write ? ordq_new(fs->env->pool, EMIT_WINDOW, &ops, e) : NULL;
	if (!e->batch || (to->write && !e->queue))
		return e->error = err_nomem(err);
	return 0;
}

void emit_fini(struct emit *e)
{
	if (e->queue)
		ordq_free(e->queue);
	batch_free(e->batch);
	while (e->spare) {
		struct emit_batch *b = e->spare;

		e->spare = b->next;
		batch_free(b);
	}
	*e = (struct emit){ 0 };
}

/* Ends the batch. One that lies wholly before the place to resume at, or that is only measured, is forgotten. */
static int push(struct emit *e)
{
	struct emit_batch *b = e->batch;
	bool wanted = e->queue && b->size && (!e->to.resume || b->start + b->size > e->to.resume->offset);
	int ret = env_check_interrupt(e->fs->env, e->err);

	if (!ret && b->meta.error)
		ret = b->meta.error == -EMSGSIZE ? err_set(e->err, b->meta.error, "a command is larger than the stream's version allows") :
			err_errno(e->err, b->meta.error, "cannot build a command");
	if (ret)
		return e->error = ret;
	if (!wanted) {
		if (e->queue)
			progress_add(e->to.progress, b->size);
		batch_spare(e, b);
	}
	e->batch = NULL;
	if (wanted && (ret = ordq_push(e->queue, b)))
		return e->error = ret;
	e->batch = batch_new(e);
	return e->batch ? 0 : (e->error = err_nomem(e->err));
}

static int counted(struct emit *e, u64 size, bool command)
{
	struct emit_batch *b = e->batch;
	const struct send_token *t = e->to.resume;

	/* Is this command the one that the token names? */
	if (t && command && !e->reached && e->totals.bytes >= t->offset) {
		if (e->totals.bytes != t->offset || e->totals.commands != t->command || memcmp(t->uuid, e->uuid, sizeof(e->uuid)))
			return e->error = err_set(e->err, -EINVAL, "the token does not fit this stream: it was made from another subvolume, parent or options");
		e->reached = true;
	}
	e->totals.bytes += size;
	e->totals.commands += command;
	b->size += size;
	return 0;
}

int emit_finish(struct emit *e)
{
	if (!e->error)
		push(e);
	if (!e->error && e->queue) {
		int ret = ordq_finish(e->queue);

		if (ret)
			e->error = ret;
	}
	if (!e->error && e->to.resume && !e->reached)
		e->error = err_set(e->err, -EINVAL, "the token names a place behind the end of this stream");
	return e->error;
}

int emit_header(struct emit *e)
{
	if (e->error)
		return e->error;
	send_header(&e->batch->meta);
	return counted(e, SEND_HEADER_SIZE, false);
}

struct send_writer *emit_begin(struct emit *e, enum send_cmd_id cmd)
{
	static struct send_writer dead = { .error = -EINVAL };

	if (!e->batch)
		return &dead;
	send_begin(&e->batch->meta, cmd);
	if (cmd == SEND_C_CLONE)
		e->totals.clones++;
	return &e->batch->meta;
}

int emit_end(struct emit *e)
{
	struct emit_batch *b = e->batch;
	size_t begin;
	int ret;

	if (e->error || !b)
		return e->error;
	begin = b->meta.start;
	if (send_end(&b->meta))
		return push(e);
	ret = counted(e, b->meta.len - begin, true);
	if (!ret && b->size >= EMIT_BATCH)
		ret = push(e);
	return ret;
}

/* Bytes of one command with data. */
static u64 command_size(const struct emit *e, u32 attrs, u32 path_len, u64 data)
{
	return SEND_CMD_HEADER_SIZE + 4 + path_len + attrs + (e->version == 1 ? 4 : 2) + data;
}

static int add_load(struct emit *e, struct load l, const char *path, size_t path_len)
{
	struct emit_batch *b = e->batch;

	l.at = b->meta.len;
	l.path = b->texts.len;
	l.path_len = path_len;
	sb_add(&b->texts, path, path_len);
	if (l.kind != LOAD_ZEROS && l.ext.type == BTRFS_FILE_EXTENT_INLINE) {
		l.inlined = b->texts.len;
		sb_add(&b->texts, l.ext.inline_data, l.ext.inline_len);
	}
	if (b->texts.failed || vec_push(&b->loads, l))
		return e->error = err_nomem(e->err);
	return b->size >= EMIT_BATCH ? push(e) : 0;
}

static int write_range(struct emit *e, struct load l, const char *path, size_t path_len)
{
	u32 max = write_max(e->version);
	u64 end = l.from + l.len;
	int ret = e->error;

	while (!ret && l.from < end) {
		/* A batch takes whole commands, and what is decompressed in one go. */
		u64 room = EMIT_BATCH > e->batch->size ? EMIT_BATCH - e->batch->size : 0, n = 0;

		l.len = 0;
		do {
			n = min_t(u64, end - l.from - l.len, max);
			ret = counted(e, command_size(e, 4 + 8, path_len, n), true);
			l.len += n;
		} while (!ret && l.from + l.len < end && (l.len < room || whole_extent(&l.ext, end - l.from)));
		e->totals.data += l.len;
		if (!ret)
			ret = add_load(e, l, path, path_len);
		l.from += l.len;
	}
	return ret;
}

int emit_write(struct emit *e, const char *path, size_t path_len, const struct file_extent_view *ext, u64 from, u64 to, bool unsummed)
{
	return write_range(e, (struct load){ .kind = LOAD_FILE, .unsummed = unsummed, .from = from, .len = to - from, .ext = *ext }, path, path_len);
}

int emit_zeros(struct emit *e, const char *path, size_t path_len, u64 from, u64 to)
{
	return write_range(e, (struct load){ .kind = LOAD_ZEROS, .from = from, .len = to - from }, path, path_len);
}

int emit_encoded(struct emit *e, const char *path, size_t path_len, const struct file_extent_view *ext, u64 from, u64 to, bool unsummed)
{
	u32 attrs = (4 + 8) * 4 + (4 + 4) * (ext->type == BTRFS_FILE_EXTENT_INLINE ? 1 : 2);
	int ret = e->error ? e->error : counted(e, command_size(e, attrs, path_len, stored_len(ext)), true);

	e->totals.data += to - from;
	return ret ? ret : add_load(e, (struct load){ .kind = LOAD_ENCODED, .unsummed = unsummed, .from = from, .len = to - from, .ext = *ext }, path, path_len);
}
