/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of one file: what it has, and the receiver has not. Spec: send-stream 6.11. */
#include "kernel-shared/send/gen.h"

enum { FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2 };

static int range(void *arg, u64 from, u64 to, const struct file_extent_view *l, const struct file_extent_view *r);

int content_begin(struct gen *g, const struct inode *inode, const struct inode *old, const struct spath *path)
{
	struct content *c = &g->content;

	filediff_begin(&c->diff, g->fs->geo->sectorsize, range, g);
	*c = (struct content){ .diff = c->diff, .inode = *inode, .fresh = !old, .old_size = old ? old->size : 0, .path = path };
	return 0;
}

void content_fini(struct gen *g)
{
	filediff_fini(&g->content.diff);
}

static int range_command(struct gen *g, enum send_cmd_id cmd, u32 mode, u64 from, u64 to)
{
	struct content *c = &g->content;
	struct send_writer *w = emit_begin(g->emit, cmd);

	send_bytes(w, SEND_A_PATH, spath_text(c->path), spath_len(c->path));
	if (cmd == SEND_C_FALLOCATE)
		send_u64(w, SEND_A_FALLOCATE_MODE, mode);
	send_u64(w, SEND_A_FILE_OFFSET, from);
	send_u64(w, SEND_A_SIZE, to - from);
	return emit_end(g->emit);
}

/* What the receiver has there goes. */
static int flush_hole(struct gen *g)
{
	struct content *c = &g->content;
	u64 from = c->hole_from, to = c->hole_to;

	c->hole_from = c->hole_to = 0;
	/* Behind the end nothing is left anyway. */
	if (from >= to || from >= c->inode.size)
		return 0;
	if (g->emit->version >= 2)
		return range_command(g, SEND_C_FALLOCATE, FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE, from, to);
	to = min_t(u64, to, c->inode.size);
	c->written = to;
	return g->plan->no_data ? range_command(g, SEND_C_UPDATE_EXTENT, 0, from, to) : emit_zeros(g->emit, spath_text(c->path), spath_len(c->path), from, to);
}

static int send_bytes_of(struct gen *g, const struct file_extent_view *x, u64 from, u64 to)
{
	struct content *c = &g->content;
	bool unsummed = c->inode.flags & BTRFS_INODE_NODATASUM;
	u64 stored = x->type == BTRFS_FILE_EXTENT_INLINE ? x->inline_len : x->disk_num_bytes;

	c->written = to;
	if (g->plan->no_data)
		return range_command(g, SEND_C_UPDATE_EXTENT, 0, from, to);
	/* An inline extent with a file that goes on behind it covers more than it has bytes. */
	if (g->plan->compressed && x->compression && !x->encryption && stored <= to - from && x->ram_bytes <= SEND_ENCODED_MAX &&
			(x->type != BTRFS_FILE_EXTENT_INLINE || to - x->start <= x->ram_bytes))
		return emit_encoded(g->emit, spath_text(c->path), spath_len(c->path), x, from, to, unsummed);
	return emit_write(g->emit, spath_text(c->path), spath_len(c->path), x, from, to, unsummed);
}

/* Bytes of the left extent that the receiver lacks. */
static int flush_send(struct gen *g)
{
	struct content *c = &g->content;
	u64 from = c->send_from, to = min_t(u64, c->send_to, c->inode.size);
	int ret = 0;

	c->send_from = c->send_to = 0;
	while (!ret && from < to) {
		struct clone_from source;

		ret = clone_find(g, &c->diff.left, from, to, &source);
		if (ret)
			return ret;
		if (!source.len)
			return send_bytes_of(g, &c->diff.left, from, to);
		ret = clone_send(g, from, &source);
		from += source.len;
	}
	return ret;
}

static int flush_both(struct gen *g)
{
	int ret = flush_hole(g);

	return ret ? ret : flush_send(g);
}

/* [from, to) in which l and r (NULL: a hole) do not change. */
static int range(void *arg, u64 from, u64 to, const struct file_extent_view *l, const struct file_extent_view *r)
{
	struct gen *g = arg;
	struct content *c = &g->content;
	int ret = 0;

	if (l && r && filediff_same_bytes(l, r))
		return 0;
	if (l && filediff_has_bytes(l)) {
		if (c->hole_to)
			ret = flush_hole(g);
		if (!ret && c->send_to != from)
			ret = flush_send(g);
		if (c->send_to != from)
			c->send_from = from;
		c->send_to = to;
		return ret;
	}
	if (r && filediff_has_bytes(r)) {
		if (c->hole_to != from)
			ret = flush_both(g);
		if (c->hole_to != from)
			c->hole_from = from;
		c->hole_to = to;
	}
	if (ret || !l || l->type != BTRFS_FILE_EXTENT_PREALLOC || g->emit->version < 2)
		return ret;
	/* Room set aside stays so; behind the size it can only be given when the size is set. */
	if (to > c->inode.size && !c->tail)
		c->tail = max_t(u64, from, round_up_p2(c->inode.size, g->fs->geo->sectorsize));
	to = min_t(u64, to, round_up_p2(c->inode.size, g->fs->geo->sectorsize));
	ret = flush_both(g);
	return ret || from >= to ? ret : range_command(g, SEND_C_FALLOCATE, FALLOC_KEEP_SIZE, from, to);
}

int content_item(struct gen *g, const struct item *item, const struct item *old, bool same)
{
	struct content *c = &g->content;
	int ret = filediff_advance(&c->diff, item ? item->key.offset : old->key.offset);

	/* What is pending is of the extent at hand. */
	if (!ret && item)
		ret = flush_both(g);
	return ret ? ret : filediff_set(&c->diff, item, old, same, g->err);
}

/* Preallocated extents behind the size. */
static int send_tail(struct gen *g)
{
	struct content *c = &g->content;
	struct extent_iter it CLEANUP(extents_close) = extents_open(g->names.left.root, c->inode.ino, c->tail);
	struct file_extent_view x;
	int ret;

	while (!(ret = extents_next(&it, &x, g->err))) {
		if (x.type != BTRFS_FILE_EXTENT_PREALLOC)
			continue;
		ret = range_command(g, SEND_C_FALLOCATE, FALLOC_KEEP_SIZE, max_t(u64, x.start, c->tail), extent_end(&x));
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

int content_end(struct gen *g)
{
	struct content *c = &g->content;
	u64 size = c->inode.size;
	int ret = filediff_advance(&c->diff, -1ULL);

	if (!ret)
		ret = flush_both(g);
	if (ret)
		return ret;
	if (c->fresh ? c->written != size : c->old_size > size || (c->old_size != size && c->written != size)) {
		struct send_writer *w = emit_begin(g->emit, SEND_C_TRUNCATE);

		send_bytes(w, SEND_A_PATH, spath_text(c->path), spath_len(c->path));
		send_u64(w, SEND_A_SIZE, size);
		ret = emit_end(g->emit);
	}
	return ret || !c->tail ? ret : send_tail(g);
}
