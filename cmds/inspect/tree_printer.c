/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/inspect/tree_printer.h"

#include <pthread.h>
#include <sys/uio.h>
#include "cmds/inspect/block_json.h"
#include "common/mem.h"
#include "common/pool.h"

enum {
	WRITE_PIECES = 256,   /* texts of blocks that go out together */
	EXPAND_AT_ONCE = 64,  /* interior blocks whose children are held */
};

/* The text of one block, or of one that could not be printed; used again. */
struct page { struct strbuf text, errors; struct page *next; };

struct tree_printer {
	struct cmd_ctx *ctx;
	struct fs *fs;
	const struct print_options *options;
	struct print_ctx *formats;   /* one a worker */
	unsigned nformats;
	pthread_mutex_t lock;
	struct page *spare;
	struct page *ready[WRITE_PIECES];
	int nready;
	struct tree *tree;           /* being printed */
	struct hmap bad;             /* interior blocks of it that are not looked into again */
	u64 left;                    /* blocks that it may still have: more than fit into the chunks is a loop */
};

static struct page *page_get(struct tree_printer *p)
{
	struct page *page;

	pthread_mutex_lock(&p->lock);
	page = p->spare;
	if (page)
		p->spare = page->next;
	pthread_mutex_unlock(&p->lock);
	return page ? page : mem_zalloc(sizeof(*page));
}

static void page_put(struct tree_printer *p, struct page *page)
{
	sb_reset(&page->text);
	sb_reset(&page->errors);
	pthread_mutex_lock(&p->lock);
	page->next = p->spare;
	p->spare = page;
	pthread_mutex_unlock(&p->lock);
}

static int write_ready(struct tree_printer *p)
{
	struct iovec iov[WRITE_PIECES];

	for (int i = 0; i < p->nready; i++)
		iov[i] = (struct iovec){ p->ready[i]->text.v, p->ready[i]->text.len };
	out_writev(p->ctx->out, iov, p->nready);
	for (int i = 0; i < p->nready; i++)
		page_put(p, p->ready[i]);
	p->nready = 0;
	return p->ctx->out->error;
}

static int format_block(void *arg, struct scan_block *b, unsigned worker)
{
	struct tree_printer *p = arg;
	struct print_ctx *format = &p->formats[worker];
	struct page *page;

	if (!b->data || p->ctx->json)
		return 0;
	page = page_get(p);
	if (!page)
		return -ENOMEM;
	format->sb = &page->text;
	format->errors = &page->errors;
	print_block(format, b->data);
	b->result = page;
	return page->text.failed || page->errors.failed ? -ENOMEM : 0;
}

static void drop_block(void *arg, struct scan_block *b)
{
	if (b->result)
		page_put(arg, b->result);
}

static void say_lines(struct tree_printer *p, struct strbuf *lines)
{
	const char *text = sb_str(lines);

	for (size_t len; *text; text += len) {
		len = strcspn(text, "\n");
		env_msg(p->ctx->env, MSG_NOTE, "%.*s", (int)len, text);
		len += text[len] == '\n';
	}
}

/* Stays quiet about what the readers have said. Interior blocks are remembered, so that they are complained about once. */
static int note_unreadable(struct tree_printer *p, const struct scan_block *b)
{
	env_msg(p->ctx->env, MSG_NOTE, "failed to read %llu in tree %llu", b->ref->bytenr, p->tree->id);
	return b->ref->level && !hmap_put(&p->bad, b->ref->bytenr, NULL) ? -ENOMEM : 0;
}

static int put_block(void *arg, struct scan_block *b)
{
	struct tree_printer *p = arg;
	struct page *page = b->result;

	if (!b->data)
		return note_unreadable(p, b);
	if (p->ctx->json) {
		block_json(p->ctx->out, &p->formats[0], b->data);
		return p->ctx->out->error;
	}
	p->ready[p->nready++] = page;
	if (!page->errors.len)
		return p->nready == WRITE_PIECES ? write_ready(p) : 0;
	/* standard error comes where it belongs */
	sb_str(&page->errors);
	p->nready--;
	write_ready(p);
	p->ready[p->nready++] = page;
	say_lines(p, &page->errors);
	return write_ready(p);
}

static int print_blocks(struct tree_printer *p, const struct block_ref *refs, size_t n)
{
	static const struct scan_ops ops = { format_block, put_block, drop_block };
	int ret;

	if (n > p->left) {
		cmd_error(p->ctx, "tree %llu has more blocks than the filesystem can hold", p->tree->id);
		return -EUCLEAN;
	}
	p->left -= n;
	ret = tree_scan_blocks(&p->fs->store, refs, n, SCAN_LIST, &ops, p, &p->ctx->err);
	return ret ? ret : write_ready(p);
}

struct expansion { struct tree_printer *p; struct block_refs *children; };

static int take_children(void *arg, struct scan_block *b)
{
	struct expansion *e = arg;

	for (u32 i = 0; b->data && block_level(b->data) && i < block_nritems(b->data); i++)
		if (vec_push(e->children, tree_child(e->p->tree, b->data, i)))
			return -ENOMEM;
	return 0;
}

/* References to the children of some blocks, without those known to be bad. */
static int expand(struct tree_printer *p, const struct block_ref *refs, size_t n, struct block_refs *out)
{
	static const struct scan_ops ops = { .done = take_children };
	struct block_ref good[EXPAND_AT_ONCE];
	size_t ngood = 0;

	for (size_t i = 0; i < n; i++)
		if (!hmap_get(&p->bad, refs[i].bytenr))
			good[ngood++] = refs[i];
	return tree_scan_blocks(&p->fs->store, good, ngood, SCAN_LIST, &ops, &(struct expansion){ p, out }, &p->ctx->err);
}

/* Prints what lies at one level below refs, left to right. Recursion ends because levels fall. */
static int print_level(struct tree_printer *p, const struct block_ref *refs, size_t n, unsigned level, unsigned wanted)
{
	int ret = 0;

	if (level == wanted)
		return print_blocks(p, refs, n);
	for (size_t i = 0; !ret && i < n; i += EXPAND_AT_ONCE) {
		struct block_refs children = VEC_INIT;

		ret = expand(p, refs + i, min_t(size_t, EXPAND_AT_ONCE, n - i), &children);
		if (!ret)
			ret = print_level(p, children.v, children.len, level - 1, wanted);
		vec_fini(&children);
	}
	return ret;
}

static int print_depth_first(struct tree_printer *p, const struct block_ref *ref, unsigned level)
{
	struct block_refs children = VEC_INIT;
	int ret = print_blocks(p, ref, 1);

	if (!ret && level)
		ret = expand(p, ref, 1, &children);
	if (!ret && level == 1)
		ret = print_blocks(p, children.v, children.len);
	for (size_t i = 0; !ret && level > 1 && i < children.len; i++)
		ret = print_depth_first(p, &children.v[i], level - 1);
	vec_fini(&children);
	return ret;
}

/* As many blocks as the chunks that hold metadata have room for. */
static u64 most_blocks(const struct fs *fs)
{
	u64 bytes = 0;

	for (size_t i = 0; i < fs->vol->chunks.len; i++)
		if (fs->vol->chunks.v[i]->type & (BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_SYSTEM))
			bytes += fs->vol->chunks.v[i]->length;
	return bytes / fs->geo->nodesize;
}

static int print_below(struct tree_printer *p, struct tree *tree, const struct block_ref *top, unsigned level, bool below)
{
	const struct print_options *o = p->options;
	int ret = 0;

	p->tree = tree;
	p->left = most_blocks(p->fs);
	hmap_fini(&p->bad);
	for (unsigned i = 0; i < p->nformats; i++) {
		p->formats[i].hide_names = o->hide_names;
		p->formats[i].csum_headers = o->csum_headers;
		p->formats[i].csum_items = o->csum_items;
	}
	if (!below)
		return print_blocks(p, top, 1);
	if (o->dfs && !o->leaves_only)
		return print_depth_first(p, top, level);
	for (int wanted = o->leaves_only ? 0 : level; !ret && wanted >= 0; wanted--)
		ret = print_level(p, top, 1, level, wanted);
	return ret;
}

int tree_printer_tree(struct tree_printer *p, struct tree *tree)
{
	struct block_ref top = tree_root_ref(tree);

	return print_below(p, tree, &top, tree->level, true);
}

int tree_printer_block(struct tree_printer *p, u64 bytenr)
{
	struct block_ref top = { .bytenr = bytenr, .any_owner = true };
	struct node *node CLEANUP(node_putp) = NULL;
	struct tree tree;
	int ret = node_get(&p->fs->store, &top, &node, &p->ctx->err);

	if (ret)
		return ret;
	tree_init(&tree, &p->fs->store, node_owner(node), bytenr, 0, node_level(node));
	tree.any_owner = true;
	ret = print_below(p, &tree, &top, node_level(node), p->options->follow);
	tree_fini(&tree);
	return ret;
}

struct tree_printer *tree_printer_new(struct cmd_ctx *ctx, struct fs *fs, const struct print_options *options)
{
	struct tree_printer *p = mem_zalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->ctx = ctx;
	p->fs = fs;
	p->options = options;
	p->nformats = pool_threads(ctx->env->pool);
	p->formats = mem_calloc(p->nformats, sizeof(*p->formats));
	if (!p->formats) {
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	for (unsigned i = 0; i < p->nformats; i++)
		print_ctx_init(&p->formats[i], NULL, fs->geo);
	return p;
}

void tree_printer_free(struct tree_printer *p)
{
	if (!p)
		return;
	while (p->nready)
		page_put(p, p->ready[--p->nready]);
	while (p->spare) {
		struct page *page = p->spare;

		p->spare = page->next;
		sb_fini(&page->text);
		sb_fini(&page->errors);
		free(page);
	}
	hmap_fini(&p->bad);
	pthread_mutex_destroy(&p->lock);
	free(p->formats);
	free(p);
}
