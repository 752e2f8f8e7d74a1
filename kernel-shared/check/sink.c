/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Findings: kept until their phase ends, then handed out in an order that no thread has a say in. */
#include "kernel-shared/check/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/mem.h"

void sink_init(struct sink *s)
{
	pthread_mutex_init(&s->lock, NULL);
}

void sink_fini(struct sink *s)
{
	for (size_t i = 0; i < s->kept.len; i++)
		free((char *)s->kept.v[i].f.text);
	vec_fini(&s->kept);
	pthread_mutex_destroy(&s->lock);
}

static void sink_count(struct sink *s, enum check_phase phase, enum problem_id id)
{
	enum severity severity = problem_row(id)->severity;

	s->errors[phase] += severity == SEVERITY_ERROR;
	s->warnings += severity == SEVERITY_WARNING;
}

/* Text, path and name in one allocation, which text begins. */
static struct check_finding finding_of(enum check_phase phase, enum problem_id id, const struct where *w, const char *text)
{
	struct check_finding f = {
		.id = id, .phase = phase, .tree = w->tree, .tree_offset = w->tree_offset, .ino = w->ino, .key = w->key, .block = w->block,
		.bytenr = w->bytenr, .len = w->len, .parent = w->parent, .index = w->index, .have = w->have, .want = w->want, .level = w->level,
		.type = w->type, .mirror = w->mirror, .devid = w->devid, .last = w->last, .name_len = w->name_len,
	};
	size_t text_len = strlen(text) + 1, path_len = w->path ? strlen(w->path) + 1 : 0;
	char *p = mem_alloc(1, text_len + path_len + w->name_len);

	if (!p)
		return f;
	f.text = memcpy(p, text, text_len);
	if (w->path)
		f.path = memcpy(p + text_len, w->path, path_len);
	if (w->name_len)
		f.name = memcpy(p + text_len + path_len, w->name, w->name_len);
	return f;
}

static int cmp_u64(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

/* By place; what is reported about one place by one thread in turn stays in turn (its seq ascends), and different reporters of one place
 * are told apart by id and text. */
static int kept_cmp(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	int ret = cmp_u64(x->f.phase, y->f.phase);

	if (!ret)
		ret = cmp_u64(x->order, y->order);
	if (!ret && x->sub && y->sub)
		ret = x->f.ino != y->f.ino ? cmp_u64(x->f.ino, y->f.ino) : cmp_u64(x->sub, y->sub);
	if (!ret)
		ret = cmp_u64(x->f.bytenr, y->f.bytenr);
	if (!ret)
		ret = cmp_u64(x->f.tree, y->f.tree);
	if (!ret)
		ret = key_cmp(&x->f.key, &y->f.key);
	if (!ret)
		ret = cmp_u64(x->f.id, y->f.id);
	if (!ret)
		ret = strcmp(x->f.text, y->f.text);
	return ret ? ret : cmp_u64(x->seq, y->seq);
}

/* More than are kept: those that come first stay, whoever has told them. */
static void sink_shrink(struct sink *s)
{
	vec_sort(&s->kept, kept_cmp);
	for (size_t i = FINDINGS_MAX; i < s->kept.len; i++) {
		s->dropped[s->kept.v[i].f.phase]++;
		free((char *)s->kept.v[i].f.text);
	}
	s->kept.len = min_t(size_t, s->kept.len, FINDINGS_MAX);
}

void check_report_(struct check *c, enum check_phase phase, enum problem_id id, const struct where *w, const char *fmt, ...)
{
	struct sink *s = &c->sink;
	struct kept k = { .order = w->order, .sub = w->sub };
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&s->lock);
	sink_count(s, phase, id);
	if (s->kept.len >= 2 * FINDINGS_MAX)
		sink_shrink(s);
	k.f = finding_of(phase, id, w, text);
	k.seq = s->seq++;
	if (!k.f.text || vec_push(&s->kept, k)) {
		free((char *)k.f.text);
		err_nomem(&s->failed);
	}
	pthread_mutex_unlock(&s->lock);
}

bool check_phase_clean(const struct check *c, enum check_phase phase)
{
	return !c->sink.errors[phase];
}

/* What all copies say is said once, as a rule that the block breaks. */
static bool said_by_rule(const struct sink *s, size_t i)
{
	const struct check_finding *f = &s->kept.v[i].f;

	for (size_t k = i + 1; f->id == PROBLEM_READER && k < s->kept.len && s->kept.v[k].f.bytenr == f->bytenr; k++)
		if (s->kept.v[k].f.id == PROBLEM_BLOCK_RULE && !strcmp(s->kept.v[k].f.text, f->text))
			return true;
	return false;
}

int phase_begin(struct check *c, enum check_phase phase, bool skipped, struct err *err)
{
	if (c->ops->begin)
		c->ops->begin(c->ops->arg, phase, skipped);
	return env_check_interrupt(c->env, err);
}

int phase_end(struct check *c, enum check_phase phase, struct err *err)
{
	struct sink *s = &c->sink;
	struct where nowhere = { .order = -1ULL };
	size_t left = 0;

	sink_shrink(s);
	if (s->dropped[phase])
		check_report_(c, phase, PROBLEM_MANY, &nowhere, PROBLEM_FORMAT_MANY, s->dropped[phase]);
	if (s->failed.code)
		return err_nomem(err);
	vec_sort(&s->kept, kept_cmp);
	for (size_t i = 0; i < s->kept.len; i++) {
		struct kept *k = &s->kept.v[i];

		if (k->f.phase != phase) {
			s->kept.v[left++] = *k;
			continue;
		}
		if (c->ops->finding && !said_by_rule(s, i))
			c->ops->finding(c->ops->arg, &k->f);
		free((char *)k->f.text);
	}
	s->kept.len = left;
	c->totals->errors += s->errors[phase];
	if (c->ops->end)
		c->ops->end(c->ops->arg, phase, s->errors[phase]);
	return 0;
}
