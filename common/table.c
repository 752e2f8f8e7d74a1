/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text tables: cells are collected, then printed with each column as wide as its widest cell. Spec: cli 5. */
#include "common/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/vec.h"

struct cell { size_t at, len; bool rule, left; };

struct table {
	unsigned columns, gap;
	char *align;          /* 'l' or 'r' a column */
	VEC(struct cell) cells;
	struct strbuf text;   /* of all cells, one behind the other */
	bool failed;
};

struct table *table_new(unsigned columns, unsigned gap)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->align = malloc(columns);
	if (!t->align) {
		free(t);
		return NULL;
	}
	memset(t->align, 'l', columns);
	t->columns = columns;
	t->gap = gap;
	sb_init(&t->text);
	return t;
}

void table_align(struct table *t, const char *align)
{
	for (unsigned i = 0; t && i < t->columns && align[i]; i++)
		t->align[i] = align[i];
}

static void table_push(struct table *t, struct cell c)
{
	if (vec_push(&t->cells, c))
		t->failed = true;
}

static void PRINTF(3, 0) add_cell(struct table *t, bool left, const char *fmt, va_list ap)
{
	char text[512], *big = NULL;
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n >= (int)sizeof(text))
		n = vasprintf(&big, fmt, again);
	va_end(again);
	if (n < 0) {
		t->failed = true;
		return;
	}
	table_push(t, (struct cell){ t->text.len, n, false, left });
	sb_add(&t->text, big ? big : text, n);
	free(big);
}

void table_cell(struct table *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (t)
		add_cell(t, false, fmt, ap);
	va_end(ap);
}

void table_left(struct table *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (t)
		add_cell(t, true, fmt, ap);
	va_end(ap);
}

void table_rule(struct table *t)
{
	for (unsigned i = 0; t && i < t->columns; i++)
		table_push(t, (struct cell){ .rule = true });
}

/* Terminal columns of UTF-8 text, where each character takes one. */
static size_t columns_of(const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((u8)p[i] & 0xc0) != 0x80;
	return n;
}

static void print_cell(const struct table *t, struct strbuf *sb, const struct cell *c, unsigned column, size_t width, bool pad)
{
	const char *p = c->len ? t->text.v + c->at : "";
	size_t blanks = c->rule ? 0 : width - columns_of(p, c->len);
	bool right = t->align[column] == 'r' && !c->left;

	if (c->rule) {
		sb_pad(sb, '-', width);
		return;
	}
	if (right)
		sb_pad(sb, ' ', blanks);
	sb_add(sb, p, c->len);
	if (!right && pad)
		sb_pad(sb, ' ', blanks);
}

void table_print(struct table *t, struct out *o, bool trailing_blanks)
{
	size_t *width = t ? calloc(t->columns, sizeof(*width)) : NULL;

	if (!width || t->failed || t->text.failed) {
		if (!o->error)
			o->error = -ENOMEM;
		free(width);
		return;
	}
	for (size_t i = 0; i < t->cells.len; i++) {
		const struct cell *c = &t->cells.v[i];
		size_t w = c->len ? columns_of(t->text.v + c->at, c->len) : 0;

		width[i % t->columns] = max_t(size_t, width[i % t->columns], w);
	}
	for (size_t i = 0; i < t->cells.len; i++) {
		unsigned column = i % t->columns;
		bool last = column + 1 == t->columns;

		print_cell(t, &o->buf, &t->cells.v[i], column, width[column], !last || trailing_blanks);
		if (last)
			sb_char(&o->buf, '\n');
		else
			sb_pad(&o->buf, ' ', t->gap);
		out_check(o);
	}
	free(width);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	vec_fini(&t->cells);
	sb_fini(&t->text);
	free(t->align);
	free(t);
}
