/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items become clusters. A cluster is written at once, straight from the buffers of its items. Spec: metadump 1.1. */
#include "kernel-shared/dump/internal.h"

#include <stdlib.h>
#include <sys/uio.h>
#include "common/io.h"
#include "common/mem.h"

struct sink {
	int fd;
	u64 magic;
	bool compressed;
	u64 pos;              /* where the cluster begins */
	unsigned n;
	struct { u64 bytenr; const void *data; u32 len; void (*release)(void *arg); void *arg; } items[DUMP_CLUSTER_ITEMS];
};

struct sink *sink_new(int fd, u64 magic, bool compressed)
{
	struct sink *s = mem_zalloc(sizeof(*s));

	if (!s)
		return NULL;
	s->fd = fd;
	s->magic = magic;
	s->compressed = compressed;
	return s;
}

static void release_all(struct sink *s)
{
	for (unsigned i = 0; i < s->n; i++)
		s->items[i].release(s->items[i].arg);
	s->n = 0;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	release_all(s);
	free(s);
}

static int flush(struct sink *s, struct err *err)
{
	static const u8 zeros[DUMP_BLOCK];
	u8 block[DUMP_BLOCK] = { 0 };
	struct iovec iov[DUMP_CLUSTER_ITEMS + 2];
	struct dump_header *h = (void *)block;
	struct dump_entry *e = (void *)(block + sizeof(*h));
	u64 end = s->pos + DUMP_BLOCK;
	int ret;

	*h = (struct dump_header){ le64_of(s->magic), le64_of(s->pos), le32_of(s->n), s->compressed };
	iov[0] = (struct iovec){ block, sizeof(block) };
	for (unsigned i = 0; i < s->n; i++) {
		e[i] = (struct dump_entry){ le64_of(s->items[i].bytenr), le32_of(s->items[i].len) };
		iov[i + 1] = (struct iovec){ (void *)s->items[i].data, s->items[i].len };
		end += s->items[i].len;
	}
	iov[s->n + 1] = (struct iovec){ (void *)zeros, round_up_p2(end, DUMP_BLOCK) - end };
	ret = io_writev(s->fd, iov, s->n + 2);
	release_all(s);
	s->pos = round_up_p2(end, DUMP_BLOCK);
	return ret ? err_errno(err, ret, "cannot write the dump") : 0;
}

int sink_add(struct sink *s, u64 bytenr, const void *data, u32 len, void (*release)(void *arg), void *arg, struct err *err)
{
	s->items[s->n].bytenr = bytenr;
	s->items[s->n].data = data;
	s->items[s->n].len = len;
	s->items[s->n].release = release;
	s->items[s->n].arg = arg;
	return ++s->n == DUMP_CLUSTER_ITEMS ? flush(s, err) : 0;
}

int sink_finish(struct sink *s, struct err *err) { return s->n ? flush(s, err) : 0; }
u64 sink_bytes(const struct sink *s) { return s->pos; }
