/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding what can be cloned instead of sent: who else uses an extent, through its back references. Spec: send-stream 6.11.2. */
#include "kernel-shared/send/gen.h"

#include <stdlib.h>
#include <sys/stat.h>

enum {
	REFS_MAX = 1024,      /* of an extent used more often than this nobody is looked for */
	CANDIDATES = 64,
	SETS_MAX = 10000,     /* what the resolver remembers */
	TAIL_ALIGN = 65536,   /* the largest sector of a receiver */
};

/* The extent item, through the leaf where the last one was. */
static int extent_at(struct gen *g, u64 bytenr, struct extent_view *out)
{
	struct tree *tree = &g->fs->extent_tree->tree;
	struct key key = KEY(bytenr, BTRFS_EXTENT_ITEM_KEY, 0);
	struct path *p = &g->extent_path;
	struct node *leaf = p->nodes[0];
	struct item item;
	int ret;

	if (leaf && node_nritems(leaf)) {
		struct key first = node_key(leaf, 0), last = node_key(leaf, node_nritems(leaf) - 1);
		bool exact;

		if (key_cmp(&first, &key) <= 0 && key_cmp(&key, &last) <= 0) {
			p->slots[0] = block_search(leaf->data, &key, &exact);
			goto found;
		}
	}
	path_fini(p);
	ret = tree_lookup_ge(tree, &key, p, &item, g->err);
	if (ret)
		return ret;
found:
	item = path_item(p);
	if (item.key.objectid != bytenr || item.key.type != BTRFS_EXTENT_ITEM_KEY)
		return -ENOENT;
	return extent_item_parse(g->fs->geo, &item, out);
}

struct candidate { unsigned source; u64 ino, offset; };
struct search {
	struct gen *g;
	u64 from, generation;
	struct candidate v[CANDIDATES];
	unsigned n;
};

static bool may_hold(const struct clone_source *s, u64 generation)
{
	return s->newest >= generation;
}

static int add_user(void *arg, u64 root, u64 ino, u64 offset)
{
	struct search *s = arg;
	struct gen *g = s->g;

	for (unsigned i = 0; i < g->sources.len; i++) {
		if (g->sources.v[i].root->tree.id != root)
			continue;
		/* Of the tree being sent: only what was sent before. */
		if (!i && (ino > g->content.inode.ino || (ino == g->content.inode.ino && offset >= s->from)))
			continue;
		if (may_hold(&g->sources.v[i], s->generation))
			s->v[s->n++] = (struct candidate){ i, ino, offset };
		if (s->n == CANDIDATES)
			return 1;
	}
	return 0;
}

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* How many bytes from the source's position at on may be cloned to from, so that a receiver can: whole sectors, but at the end of both files. */
static u64 clonable(const struct gen *g, const struct inode *source, u64 at, u64 from, u64 len, bool *to_end)
{
	const struct inode *inode = &g->content.inode;
	u64 sector = g->fs->geo->sectorsize;

	*to_end = false;
	if (at >= source->size)
		return 0;
	if (len >= source->size - at) {
		len = source->size - at;
		if (from + len == inode->size)
			*to_end = len % sector;
		else if (len % TAIL_ALIGN)
			len = round_down_p2(len, TAIL_ALIGN);
	} else if (len % sector) {
		len = round_down_p2(len, sector);
	}
	/* A small file may have its bytes inline at the receiver. */
	return !at && len <= sector ? 0 : len;
}

/* What this user of the extent offers. */
static int measure(struct gen *g, const struct file_extent_view *x, u64 from, u64 to, const struct candidate *cand, struct clone_from *out)
{
	struct root *root = g->sources.v[cand->source].root;
	struct extent_iter it CLEANUP(extents_close) = { 0 };
	u64 within = x->offset + (from - x->start), len;
	struct file_extent_view s;
	struct inode source;
	int ret = inode_get(root, cand->ino, &source, g->err);

	out->len = 0;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (!S_ISREG(source.mode) || !source.nlink || ((source.flags ^ g->content.inode.flags) & BTRFS_INODE_NODATASUM))
		return 0;
	it = extents_open(root, cand->ino, cand->offset);
	ret = extents_next(&it, &s, g->err);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	if (s.type != BTRFS_FILE_EXTENT_REG || s.disk_bytenr != x->disk_bytenr || s.compression != x->compression || within < s.offset ||
			within - s.offset >= s.num_bytes)
		return 0;
	*out = (struct clone_from){ .source = cand->source, .ino = cand->ino, .offset = s.start + (within - s.offset) };
	len = min_t(u64, s.num_bytes - (within - s.offset), to - from);
	if (!cand->source && cand->ino == g->content.inode.ino) {
		if (out->offset >= from)
			return 0;
		len = min_t(u64, len, from - out->offset);
	}
	out->len = clonable(g, &source, out->offset, from, len, &out->to_end);
	return 0;
}

/* Cloning is a saving: where the extent tree cannot be read, content is sent. */
static int forgive(int ret)
{
	return ret == -ENOMEM || ret == -EINTR ? ret : 0;
}

int clone_find(struct gen *g, const struct file_extent_view *x, u64 from, u64 to, struct clone_from *out)
{
	struct search s = { .g = g, .from = from, .generation = x->generation };
	bool others = false;
	struct extent_view ext;
	int ret;

	out->len = 0;
	if (x->type != BTRFS_FILE_EXTENT_REG || !x->disk_bytenr || !g->fs->extent_tree)
		return 0;
	ret = extent_at(g, x->disk_bytenr, &ext);
	if (ret)
		return forgive(ret);
	for (size_t i = 1; i < g->sources.len; i++)
		others |= may_hold(&g->sources.v[i], x->generation);
	if (ext.refs > REFS_MAX || (ext.refs < 2 && !others))
		return 0;
	if (g->resolver.sets.len > SETS_MAX) {
		resolver_fini(&g->resolver);
		resolver_init(&g->resolver, g->fs);
	}
	ret = extent_users(&g->resolver, &ext, x->compression ? -1ULL : x->offset + (from - x->start), add_user, &s, g->err);
	if (ret < 0)
		return forgive(ret);
	qsort(s.v, s.n, sizeof(*s.v), compare_candidates);
	for (unsigned i = 0; i < s.n && out->len < to - from; i++) {
		struct clone_from c;

		ret = measure(g, x, from, to, &s.v[i], &c);
		if (ret)
			return ret;
		if (c.len > out->len)
			*out = c;
	}
	return 0;
}

int clone_send(struct gen *g, u64 from, const struct clone_from *c)
{
	struct clone_source *s = &g->sources.v[c->source];
	struct content *file = &g->content;
	struct send_writer *w;
	struct spath path;
	int ret = 0;

	if (!c->source && c->ino == file->inode.ino)
		path = *file->path;
	else
		ret = side_path(s->side, c->ino, &path, g->err);
	/* An end within a sector can be cloned only to the end of the file. */
	if (!ret && c->to_end && !file->fresh) {
		w = emit_begin(g->emit, SEND_C_TRUNCATE);
		send_bytes(w, SEND_A_PATH, spath_text(file->path), spath_len(file->path));
		send_u64(w, SEND_A_SIZE, from);
		ret = emit_end(g->emit);
	}
	if (ret)
		return ret;
	w = emit_begin(g->emit, SEND_C_CLONE);
	send_u64(w, SEND_A_FILE_OFFSET, from);
	send_u64(w, SEND_A_CLONE_LEN, c->len);
	send_bytes(w, SEND_A_PATH, spath_text(file->path), spath_len(file->path));
	send_bytes(w, SEND_A_CLONE_UUID, send_identity(s->root), 16);
	send_u64(w, SEND_A_CLONE_CTRANSID, le64_get(s->root->item.ctransid));
	send_bytes(w, SEND_A_CLONE_PATH, spath_text(&path), spath_len(&path));
	send_u64(w, SEND_A_CLONE_OFFSET, c->offset);
	file->written = from + c->len;
	return emit_end(g->emit);
}
