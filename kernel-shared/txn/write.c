/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dirty blocks on their way to disk: checked by the same rules as when read, checksummed on the pool, written in address order in large pieces. */
#include "kernel-shared/txn/internal.h"

#include "common/mem.h"
#include "common/pool.h"

enum { WRITE_PIECE = 1 << 20 };

struct batch {
	struct writer *w;
	struct node_list nodes;   /* ascending by address */
	struct err *err;
};

static int by_address(const void *x, const void *y)
{
	const struct node *a = *(struct node *const *)x, *b = *(struct node *const *)y;

	return a->bytenr < b->bytenr ? -1 : a->bytenr > b->bytenr;
}

static int batch_collect(struct batch *b)
{
	u64 bytenr, value;

	if (vec_reserve(&b->nodes, b->w->dirty.len))
		return -ENOMEM;
	for (size_t pos = 0; hmap_next(&b->w->dirty, &pos, &bytenr, &value);)
		b->nodes.v[b->nodes.len++] = (struct node *)(uintptr_t)value;
	vec_sort(&b->nodes, by_address);
	return 0;
}

/* The engine never writes what the kernel would refuse. */
static int node_seal(void *arg, u64 i, unsigned worker)
{
	struct batch *b = arg;
	struct node *n = b->nodes.v[i];
	struct err err = ERR_INIT;
	struct geometry geo = *b->w->store->geo;
	struct validator v = { .geo = &geo, .tree = node_owner(n), .err = &err };

	geo.generation = b->w->source.transid;
	if (block_validate(&v, n->data)) {
		/* several threads may come here: the first text is as good as any */
		if (b->err && !b->err->code)
			err_set(b->err, -EUCLEAN, "block %llu would be written with an error in it: %s", n->bytenr, err_text(&err));
		return -EUCLEAN;
	}
	block_set_csum(&geo, n->data);
	return 0;
}

/* Blocks that follow one another on disk, up to WRITE_PIECE bytes, within one chunk. */
static size_t run_length(const struct batch *b, size_t from)
{
	u32 size = b->w->store->geo->nodesize;
	const struct chunk *c = chunk_lookup(b->w->vol, b->nodes.v[from]->bytenr);
	size_t n = 1;

	while (from + n < b->nodes.len && n * size < WRITE_PIECE && b->nodes.v[from + n]->bytenr == b->nodes.v[from]->bytenr + n * size
	       && c && b->nodes.v[from + n]->bytenr < c->start + c->length)
		n++;
	return n;
}

static int run_write(struct batch *b, size_t from, size_t n, u8 *buf, struct err *err)
{
	u32 size = b->w->store->geo->nodesize;

	if (n == 1)
		return rio_write(b->w->vol, b->nodes.v[from]->bytenr, size, b->nodes.v[from]->data, err);
	for (size_t i = 0; i < n; i++)
		memcpy(buf + i * size, b->nodes.v[from + i]->data, size);
	return rio_write(b->w->vol, b->nodes.v[from]->bytenr, n * size, buf, err);
}

int nodes_write(struct writer *w, struct err *err)
{
	struct batch b = { .w = w, .nodes = VEC_INIT, .err = err };
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(WRITE_PIECE + BTRFS_MAX_METADATA_BLOCKSIZE);
	int ret = !buf || batch_collect(&b) ? err_nomem(err) : 0;

	if (!ret)
		err_clear(err);
	if (!ret)
		ret = pool_for(w->env->pool, b.nodes.len, node_seal, &b);
	for (size_t i = 0, n; !ret && i < b.nodes.len; i += n) {
		n = run_length(&b, i);
		ret = run_write(&b, i, n, buf, err);
	}
	for (size_t i = 0; !ret && i < b.nodes.len; i++) {
		b.nodes.v[i]->written = true;
		b.nodes.v[i]->dirty = false;
		node_put(b.nodes.v[i]);
	}
	vec_fini(&b.nodes);
	if (!ret)
		hmap_fini(&w->dirty);
	return ret;
}

int txn_write_data(struct txn *txn, u64 bytenr, const void *buf, u32 len, struct err *err)
{
	return rio_write(txn->w->vol, bytenr, len, buf, err);
}

int txn_read_data(struct txn *txn, u64 bytenr, void *buf, u32 len, struct err *err)
{
	return rio_read(txn->w->vol, bytenr, len, 0, buf, err);
}
