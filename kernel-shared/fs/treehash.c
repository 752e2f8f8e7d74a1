/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking, serialising and digesting a tree: see treehash.h.
 *
 * One thread walks and settles what depends on order (sorting, hard links); entries go in batches through an ordered queue, whose workers
 * read attributes and contents and write the listing; finished batches come back in order into the SHA-256. A file above PART bytes is
 * read in parts of its own, so that one large file keeps all threads busy, too. */
#include "kernel-shared/fs/treehash.h"
#include "common/endian.h"
#include "common/hash.h"
#include "common/pool.h"
#include "crypto/csum.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <xxhash.h>

enum {
	SEGMENT = 128 << 10,
	READ_STEP = 1 << 20,
	PART = 8 << 20,
	BATCH_ENTRIES = 64,
	BATCH_BYTES = 4 << 20,
	DIRS_IN_FLIGHT = 256,  /* a source may hold something scarce for each */
};

/* What was met in one subvolume. */
struct seen { struct hmap dirs, links; };

struct frame {
	struct treehash_node *dir;
	struct treehash_names names;
	size_t next;
};

struct job {
	bool is_part;
	unsigned n;
	struct treehash_node *nodes[BATCH_ENTRIES]; /* NULL: the end of a directory */
	u64 bytes;             /* of file contents in a batch */
	unsigned dirs;         /* how often the directory changes in a batch */
	u64 lo, hi;            /* of nodes[0], for a part */
	bool last;
	struct strbuf out;     /* listing, or segment records */
	int ret;
	struct err err;
};

struct walk {
	struct env *env;
	struct treehash_source *src;
	enum hash_times times;
	struct sha256 *sha;
	XXH3_state_t *content; /* of the file whose parts come back */
	struct ordq *queue;
	unsigned window;       /* jobs in the queue */
	struct job *batch;     /* being filled, or NULL */
	u8 **bufs;             /* READ_STEP bytes for each worker */
	u64 entries;
	struct hmap devs;      /* device -> index in seen */
	VEC(struct seen) seen;
	VEC(struct frame) frames;
	struct err *err;
};

/* Is it read in parts? */
static bool is_large(const struct treehash_stat *st)
{
	return S_ISREG(st->mode) && st->size > PART;
}

/* ---- Nodes ---- */

static struct treehash_node *node_new(struct walk *w, struct treehash_node *parent, const char *name, u16 len)
{
	struct treehash_node *n = mem_zalloc(w->src->node_size + len + 1);

	if (!n)
		return NULL;
	n->refs = 1;
	n->name = (char *)n + w->src->node_size;
	n->name_len = len;
	memcpy(n->name, name, len);
	n->parent = parent;
	if (parent)
		parent->refs++;
	return n;
}

static void node_release(struct walk *w, struct treehash_node *n)
{
	while (n && !--n->refs) {
		struct treehash_node *parent = n->parent;

		w->src->forget(w->src, n);
		free(n);
		n = parent;
	}
}

/* "/a/b: " before what is said; of a long path the end, so that it does not push out the reason. */
static int at_node(const struct treehash_node *n, int ret, struct err *err)
{
	enum { SHOWN = 512 };
	char path[SHOWN + 1];
	size_t at = SHOWN;

	if (!n->parent)
		return ret;
	path[at] = '\0';
	for (; n->parent && at > n->name_len + 4u; n = n->parent) {
		at -= n->name_len;
		memcpy(path + at, n->name, n->name_len);
		path[--at] = '/';
	}
	if (n->parent) {
		at -= 3;
		memcpy(path + at, "...", 3);
	}
	return err_wrap(err, ret, "%s", path + at);
}

int treehash_add_name(struct treehash_names *names, const void *name, size_t len, u64 id, u8 tag)
{
	struct treehash_name n = { .len = len, .id = id, .tag = tag };

	n.name = arena_dup(&names->arena, name, len);
	return n.name ? vec_push(&names->v, n) : -ENOMEM;
}

static int cmp_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

static int cmp_names(const void *a, const void *b)
{
	const struct treehash_name *x = a, *y = b;

	return cmp_bytes(x->name, x->len, y->name, y->len);
}

/* ---- Extended attributes ---- */

static bool xattr_counts(const char *name, size_t len)
{
	static const struct { const char *text; bool whole; } known[] = {
		{ "user.", false }, { "trusted.", false }, { "security.", false }, { "btrfs.", false },
		{ "system.posix_acl_access", true }, { "system.posix_acl_default", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t n = strlen(known[i].text);

		if (len >= n && !memcmp(name, known[i].text, n) && (!known[i].whole || len == n))
			return true;
	}
	return false;
}

int treehash_add_xattr(struct treehash_xattrs *x, const void *name, size_t name_len, const void *value, size_t value_len)
{
	struct treehash_xattr a = { .name_len = name_len, .value_len = value_len };

	if (!xattr_counts(name, name_len))
		return 0;
	a.name = arena_dup(&x->arena, name, name_len);
	a.value = arena_dup(&x->arena, value, value_len);
	return a.name && a.value ? vec_push(&x->v, a) : -ENOMEM;
}

static int cmp_xattrs(const void *a, const void *b)
{
	const struct treehash_xattr *x = a, *y = b;

	return cmp_bytes(x->name, x->name_len, y->name, y->name_len);
}

/* ---- Serialising ---- */

static void put16(struct strbuf *sb, u16 v) { le16 x = le16_of(v); sb_add(sb, &x, sizeof(x)); }
static void put32(struct strbuf *sb, u32 v) { le32 x = le32_of(v); sb_add(sb, &x, sizeof(x)); }
static void put64(struct strbuf *sb, u64 v) { le64 x = le64_of(v); sb_add(sb, &x, sizeof(x)); }

static void put_time(struct strbuf *sb, const struct treehash_time *t)
{
	put64(sb, t->sec);
	put32(sb, t->nsec);
}

static void put_times(struct strbuf *sb, const struct treehash_stat *st, enum hash_times times)
{
	if (times == HASH_TIMES_ALL)
		put_time(sb, &st->atime);
	if (times != HASH_TIMES_NONE)
		put_time(sb, &st->mtime);
	if (times == HASH_TIMES_ALL) {
		put_time(sb, &st->ctime);
		put_time(sb, &st->otime);
	}
}

static char kind_of(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return 'd';
	case S_IFREG: return 'f';
	case S_IFLNK: return 'l';
	case S_IFCHR: return 'c';
	case S_IFBLK: return 'b';
	case S_IFIFO: return 'p';
	case S_IFSOCK: return 's';
	default: return 0;
	}
}

static int put_xattrs(struct walk *w, struct treehash_node *n, struct strbuf *sb, struct err *err)
{
	struct treehash_xattrs x = { .v = VEC_INIT };
	int ret;

	arena_init(&x.arena);
	ret = n->st.placeholder ? 0 : w->src->xattrs(w->src, n, &x, err);
	if (!ret) {
		vec_sort(&x.v, cmp_xattrs);
		put32(sb, x.v.len);
		for (size_t i = 0; i < x.v.len; i++) {
			put16(sb, x.v.v[i].name_len);
			sb_add(sb, x.v.v[i].name, x.v.v[i].name_len);
			put32(sb, x.v.v[i].value_len);
			sb_add(sb, x.v.v[i].value, x.v.v[i].value_len);
		}
	}
	vec_fini(&x.v);
	arena_fini(&x.arena);
	return ret;
}

static int put_target(struct walk *w, struct treehash_node *n, struct strbuf *sb, struct err *err)
{
	struct strbuf target CLEANUP(sb_fini) = STRBUF_INIT;
	int ret = w->src->target(w->src, n, &target, err);

	put32(sb, target.len);
	sb_add(sb, target.v, target.len);
	return ret ? ret : target.failed ? err_nomem(err) : 0;
}

static void put_canonical(struct strbuf *sb, XXH128_hash_t hash)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, hash);
	sb_add(sb, c.digest, sizeof(c.digest));
}

static bool all_zero(const u8 *p, size_t len)
{
	return !*p && !memcmp(p, p + 1, len - 1);
}

/* The records of what begins in [lo, hi), both on segment borders or at the end of the file. */
static int put_segments(struct walk *w, struct treehash_node *n, u64 lo, u64 hi, u8 *buf, struct strbuf *sb, struct err *err)
{
	while (lo < hi) {
		u64 start = lo, end = hi;
		/* Not worth asking for one segment. */
		int ret = n->st.size > SEGMENT ? w->src->data(w->src, n, lo, &start, &end, err) : 0;

		if (ret)
			return ret == -ENOENT ? 0 : ret;
		lo = start > lo ? round_down_p2(start, SEGMENT) : lo;
		if (lo >= hi)
			return 0;
		end = end < hi ? min_t(u64, round_up_p2(end, SEGMENT), hi) : hi;
		for (; lo < end; lo += READ_STEP) {
			u64 len = min_t(u64, READ_STEP, end - lo);

			ret = w->src->read(w->src, n, lo, buf, len, err);
			if (ret)
				return ret;
			for (u64 pos = 0; pos < len; pos += SEGMENT) {
				size_t part = min_t(u64, SEGMENT, len - pos);

				if (all_zero(buf + pos, part))
					continue;
				put64(sb, (lo + pos) / SEGMENT);
				put_canonical(sb, XXH3_128bits(buf + pos, part));
			}
		}
		lo = end;
	}
	return 0;
}

static int put_content(struct walk *w, struct treehash_node *n, u8 *buf, struct strbuf *sb, struct err *err)
{
	struct strbuf records CLEANUP(sb_fini) = STRBUF_INIT;
	int ret;

	put64(sb, n->st.size);
	if (is_large(&n->st))
		return 0; /* its parts follow */
	ret = put_segments(w, n, 0, n->st.size, buf, &records, err);
	put_canonical(sb, XXH3_128bits(records.v, records.len));
	return ret ? ret : records.failed ? err_nomem(err) : 0;
}

static int put_entry(struct walk *w, struct treehash_node *n, u8 *buf, struct strbuf *sb, struct err *err)
{
	static const struct treehash_stat nobody = { 0 };
	const struct treehash_stat *st = &n->st, *owner = st->placeholder ? &nobody : st;
	char kind = kind_of(st->mode);
	int ret;

	sb_char(sb, n->is_link ? 'h' : kind);
	put16(sb, n->name_len);
	sb_add(sb, n->name, n->name_len);
	if (n->is_link) {
		put64(sb, n->link);
		return 0;
	}
	/* A large file was opened by the walk. */
	ret = st->placeholder || is_large(st) ? 0 : w->src->open(w->src, n, err);
	if (ret)
		return ret;
	put32(sb, st->placeholder ? 0755 : st->mode & 07777);
	put32(sb, owner->uid);
	put32(sb, owner->gid);
	put_times(sb, owner, w->times);
	ret = put_xattrs(w, n, sb, err);
	if (ret)
		return ret;
	if (kind == 'c' || kind == 'b') {
		put32(sb, st->major);
		put32(sb, st->minor);
	}
	return kind == 'l' ? put_target(w, n, sb, err) : kind == 'f' ? put_content(w, n, buf, sb, err) : 0;
}

/* ---- The queue ---- */

static void job_free(struct walk *w, struct job *job)
{
	for (unsigned i = 0; i < job->n; i++)
		node_release(w, job->nodes[i]);
	sb_fini(&job->out);
	free(job);
}

static void job_work(void *p, void *arg, unsigned worker)
{
	struct walk *w = arg;
	struct job *job = p;
	u8 *buf = w->bufs[worker];

	if (!buf)
		buf = w->bufs[worker] = mem_alloc_io(READ_STEP);
	if (!buf)
		job->ret = err_nomem(&job->err);
	else if (job->is_part)
		job->ret = put_segments(w, job->nodes[0], job->lo, job->hi, buf, &job->out, &job->err);
	for (unsigned i = 0; !job->is_part && !job->ret && i < job->n; i++) {
		if (!job->nodes[i])
			sb_char(&job->out, '\0');
		else
			job->ret = put_entry(w, job->nodes[i], buf, &job->out, &job->err);
		if (job->nodes[i] && !is_large(&job->nodes[i]->st) && w->src->close)
			w->src->close(w->src, job->nodes[i]);
		if (job->ret)
			at_node(job->nodes[i], job->ret, &job->err);
		node_release(w, job->nodes[i]);
		job->nodes[i] = NULL;
	}
	if (job->is_part && job->ret)
		at_node(job->nodes[0], job->ret, &job->err);
	if (!job->ret && job->out.failed)
		job->ret = err_nomem(&job->err);
}

static int job_done(void *p, void *arg)
{
	struct walk *w = arg;
	struct job *job = p;
	int ret = job->ret;

	if (ret) {
		if (w->err)
			*w->err = job->err;
	} else if (!job->is_part) {
		sha256_add(w->sha, job->out.v, job->out.len);
	} else {
		XXH3_128bits_update(w->content, job->out.v, job->out.len);
		if (job->last) {
			XXH128_canonical_t c;

			XXH128_canonicalFromHash(&c, XXH3_128bits_digest(w->content));
			XXH3_128bits_reset(w->content);
			sha256_add(w->sha, c.digest, sizeof(c.digest));
		}
	}
	job_free(w, job);
	return ret;
}

static void job_drop(void *p, void *arg)
{
	job_free(arg, p);
}

static int flush_batch(struct walk *w)
{
	struct job *job = w->batch;

	w->batch = NULL;
	return job ? ordq_push(w->queue, job) : 0;
}

/* Takes n (NULL: the end of a directory). */
static int add_to_batch(struct walk *w, struct treehash_node *n)
{
	if (!w->batch)
		w->batch = mem_zalloc(sizeof(*w->batch));
	if (!w->batch) {
		node_release(w, n);
		return err_nomem(w->err);
	}
	if (!w->batch->n || !n || !w->batch->nodes[w->batch->n - 1] || n->parent != w->batch->nodes[w->batch->n - 1]->parent)
		w->batch->dirs++;
	w->batch->nodes[w->batch->n++] = n;
	if (n && S_ISREG(n->st.mode))
		w->batch->bytes += n->st.size;
	return w->batch->n == BATCH_ENTRIES || w->batch->bytes >= BATCH_BYTES || w->batch->dirs * w->window >= DIRS_IN_FLIGHT ? flush_batch(w) : 0;
}

static int push_part(struct walk *w, struct treehash_node *n, u64 lo, u64 hi, bool last)
{
	struct job *job = mem_zalloc(sizeof(*job));

	if (!job)
		return err_nomem(w->err);
	job->is_part = true;
	job->n = 1;
	job->nodes[0] = n;
	n->refs++;
	job->lo = lo;
	job->hi = hi;
	job->last = last;
	return ordq_push(w->queue, job);
}

/* The parts of a large file, those that are all hole left out. The last one may be empty: it ends the digest. */
static int push_parts(struct walk *w, struct treehash_node *n)
{
	u64 size = n->st.size, pos = 0, start, end;
	int ret = 0;

	while (pos < size && !(ret = w->src->data(w->src, n, pos, &start, &end, w->err))) {
		start = start > pos ? round_down_p2(start, SEGMENT) : pos;
		if (start >= size)
			break;
		pos = min_t(u64, size - start, PART) + start;
		ret = push_part(w, n, start, pos, false);
		if (!ret)
			ret = env_check_interrupt(w->env, w->err);
		if (ret)
			return ret;
	}
	if (pos < size && ret && ret != -ENOENT)
		return at_node(n, ret, w->err);
	return push_part(w, n, 0, 0, true);
}

/* ---- The walk ---- */

static struct seen *seen_at(struct walk *w, u64 dev)
{
	static const struct seen nothing = { HMAP_INIT, HMAP_INIT };
	bool fresh;
	u64 *at = hmap_put(&w->devs, dev, &fresh);

	if (!at)
		return NULL;
	if (fresh) {
		*at = w->seen.len;
		if (vec_push(&w->seen, nothing)) {
			hmap_del(&w->devs, dev);
			return NULL;
		}
	}
	return &w->seen.v[*at];
}

/* Directories must not come twice (a loop, or a hostile web without end); further names of other inodes refer to the first. */
static int settle_identity(struct walk *w, struct treehash_node *n)
{
	const struct treehash_stat *st = &n->st;
	bool is_dir = S_ISDIR(st->mode), fresh;
	struct seen *seen;
	u64 *at;

	if (st->placeholder || (!is_dir && st->nlink < 2))
		return 0;
	seen = seen_at(w, st->dev);
	at = seen ? hmap_put(is_dir ? &seen->dirs : &seen->links, st->ino, &fresh) : NULL;
	if (!at)
		return err_nomem(w->err);
	if (fresh) {
		*at = w->entries;
	} else if (is_dir) {
		return err_set(w->err, -ELOOP, "directory %llu is reached a second time", st->ino);
	} else {
		n->is_link = true;
		n->link = *at;
	}
	return 0;
}

static int enter_dir(struct walk *w, struct treehash_node *n)
{
	struct frame f = { .dir = n };

	if (vec_push(&w->frames, f))
		return err_nomem(w->err);
	n->refs++;
	arena_init(&w->frames.v[w->frames.len - 1].names.arena);
	return n->st.placeholder ? 0 : w->src->list(w->src, n, &w->frames.v[w->frames.len - 1].names, w->err);
}

/* Takes n, which look() has filled. */
static int visit(struct walk *w, struct treehash_node *n)
{
	bool large;
	int ret = settle_identity(w, n);

	if (!ret && !kind_of(n->st.mode))
		ret = err_set(w->err, -EUCLEAN, "file of unknown type, mode %o", n->st.mode);
	large = !ret && is_large(&n->st) && !n->is_link;
	if (large)
		ret = w->src->open(w->src, n, w->err);
	if (!ret && S_ISDIR(n->st.mode)) {
		ret = enter_dir(w, n);
		if (!ret)
			vec_sort(&w->frames.v[w->frames.len - 1].names.v, cmp_names);
	}
	if (ret) {
		at_node(n, ret, w->err);
		node_release(w, n);
		return ret;
	}
	w->entries++;
	if (!large)
		return add_to_batch(w, n);
	n->refs++;
	ret = add_to_batch(w, n);
	if (!ret)
		ret = flush_batch(w);
	if (!ret)
		ret = push_parts(w, n);
	node_release(w, n);
	return ret;
}

static int look_and_visit(struct walk *w, struct treehash_node *parent, const struct treehash_name *name)
{
	struct treehash_node *n = node_new(w, parent, name ? name->name : "", name ? name->len : 0);
	int ret;

	if (!n)
		return err_nomem(w->err);
	ret = w->src->look(w->src, n, name, w->err);
	if (!ret)
		return visit(w, n);
	at_node(n, ret, w->err);
	node_release(w, n);
	return ret;
}

static void frame_fini(struct walk *w, struct frame *f)
{
	node_release(w, f->dir);
	vec_fini(&f->names.v);
	arena_fini(&f->names.arena);
}

static int leave_dir(struct walk *w)
{
	struct frame done = w->frames.v[--w->frames.len];
	struct treehash_node *up = w->frames.len ? w->frames.v[w->frames.len - 1].dir : NULL;
	int ret = add_to_batch(w, NULL);

	if (!ret && up && w->src->unpark && !done.dir->st.placeholder) {
		ret = w->src->unpark(w->src, up, done.dir, w->err);
		if (ret)
			at_node(up, ret, w->err);
	}
	frame_fini(w, &done);
	return ret;
}

static int walk_tree(struct walk *w)
{
	int ret = look_and_visit(w, NULL, NULL);

	while (!ret && w->frames.len) {
		size_t depth = w->frames.len;
		struct frame *f = &w->frames.v[depth - 1];

		ret = env_check_interrupt(w->env, w->err);
		if (ret)
			break;
		if (f->next == f->names.v.len) {
			ret = leave_dir(w);
			continue;
		}
		ret = look_and_visit(w, f->dir, &f->names.v.v[f->next++]);
		if (!ret && w->frames.len > depth && w->src->park && !w->frames.v[depth].dir->st.placeholder)
			w->src->park(w->src, w->frames.v[depth - 1].dir);
	}
	return ret ? ret : flush_batch(w);
}

/* ---- From the outside ---- */

static const struct ordq_ops queue_ops = { job_work, job_done, job_drop };

static int walk_init(struct walk *w)
{
	static const char *const names[] = { "none", "mtime", "all" };
	struct strbuf head CLEANUP(sb_fini) = STRBUF_INIT;
	unsigned threads;
	int ret = env_start_pool(w->env, w->err);

	if (ret)
		return ret;
	threads = pool_threads(w->env->pool);
	w->bufs = mem_calloc(threads, sizeof(*w->bufs));
	w->sha = sha256_new();
	w->content = XXH3_createState();
	w->window = threads * 4;
	w->queue = ordq_new(w->env->pool, w->window, &queue_ops, w);
	if (!w->bufs || !w->sha || !w->content || !w->queue)
		return err_nomem(w->err);
	XXH3_128bits_reset(w->content);
	sb_printf(&head, "treehash 1 %s\n", names[w->times]);
	sha256_add(w->sha, head.v, head.len);
	return 0;
}

static void walk_fini(struct walk *w)
{
	if (w->batch)
		job_free(w, w->batch);
	if (w->queue)
		ordq_free(w->queue);
	for (size_t i = 0; i < w->frames.len; i++)
		frame_fini(w, &w->frames.v[i]);
	vec_fini(&w->frames);
	for (size_t i = 0; i < w->seen.len; i++) {
		hmap_fini(&w->seen.v[i].dirs);
		hmap_fini(&w->seen.v[i].links);
	}
	vec_fini(&w->seen);
	hmap_fini(&w->devs);
	for (unsigned i = 0; w->bufs && i < pool_threads(w->env->pool); i++)
		free(w->bufs[i]);
	free(w->bufs);
	XXH3_freeState(w->content);
	if (w->sha)
		sha256_free(w->sha);
}

int treehash(struct env *env, struct treehash_source *s, enum hash_times times, char out[TREEHASH_TEXT], struct err *err)
{
	struct walk w = { .env = env, .src = s, .times = times, .err = err };
	struct strbuf text CLEANUP(sb_fini) = STRBUF_INIT;
	int ret = walk_init(&w);
	u8 digest[32];

	if (!ret)
		ret = walk_tree(&w);
	if (!ret)
		ret = ordq_finish(w.queue);
	if (!ret) {
		sha256_end(w.sha, digest);
		w.sha = NULL;
		sb_hexbytes(&text, digest, sizeof(digest));
		if (text.failed)
			ret = err_nomem(err);
		else
			memcpy(out, sb_str(&text), TREEHASH_TEXT);
	}
	walk_fini(&w);
	return ret;
}
