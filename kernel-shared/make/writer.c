/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tree blocks come one by one, at addresses that mostly follow each other; they are written by the MiB. */
#include "common/mem.h"
#include "kernel-shared/make/internal.h"

enum { WRITER_MAX = 1 << 20 };

int writer_flush(struct maker *m, struct err *err)
{
	struct make_writer *w = &m->writer;
	u32 len = w->len;

	w->len = 0;
	return len ? rio_write(m->vol, w->start, len, w->buf, err) : 0;
}

int writer_add(struct maker *m, u64 bytenr, const void *block, struct err *err)
{
	struct make_writer *w = &m->writer;
	const struct chunk *c = w->len ? chunk_lookup(m->vol, w->start) : NULL;

	if (!w->buf)
		w->buf = mem_alloc_io(WRITER_MAX);
	if (!w->buf)
		return err_nomem(err);
	if (w->len && (bytenr != w->start + w->len || w->len + m->p.nodesize > WRITER_MAX || !c || bytenr >= c->start + c->length)) {
		int ret = writer_flush(m, err);

		if (ret)
			return ret;
	}
	if (!w->len)
		w->start = bytenr;
	memcpy(w->buf + w->len, block, m->p.nodesize);
	w->len += m->p.nodesize;
	return 0;
}
