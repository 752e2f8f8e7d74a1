/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffers that go round. */
#include "kernel-shared/dump/internal.h"

#include <stdlib.h>
#include "common/mem.h"

struct spare { struct spare *next; };

void spares_init(struct spares *s, size_t size)
{
	pthread_mutex_init(&s->lock, NULL);
	s->head = NULL;
	s->size = size;
}

void spares_fini(struct spares *s)
{
	while (s->head) {
		struct spare *b = s->head;

		s->head = b->next;
		free(b);
	}
	pthread_mutex_destroy(&s->lock);
}

void *spare_get(struct spares *s)
{
	struct spare *b;

	pthread_mutex_lock(&s->lock);
	b = s->head;
	if (b)
		s->head = b->next;
	pthread_mutex_unlock(&s->lock);
	return b ? (void *)b : mem_alloc_io(s->size);
}

void spare_put(struct spares *s, void *buf)
{
	struct spare *b = buf;

	if (!b)
		return;
	pthread_mutex_lock(&s->lock);
	b->next = s->head;
	s->head = b;
	pthread_mutex_unlock(&s->lock);
}
