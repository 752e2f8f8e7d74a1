/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, for the user: notes while it goes on, the list of what was lost, counts of what the target could not keep. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"

static void tell(struct copyout *c, struct copyout_note *n)
{
	n->first = !c->told[n->event]++;
	if (c->o.note && c->o.note_mask & 1U << n->event)
		c->o.note(c->o.arg, n);
}

static void remember(struct copyout_losses *list, const struct copyout_note *n, const char *why)
{
	struct copyout_lost l = { .path = mem_strdup(n->path), .from = n->from, .to = n->to, .why = mem_strdup(why) };

	if (!l.path || !l.why || list->len >= COPYOUT_LOST_MAX || vec_push(list, l)) {
		free(l.path);
		free(l.why);
	}
}

/* What comes first by path, however the workers met it. */
static bool keep_first(char **first, const char *path)
{
	if (*first && strcmp(*first, path) <= 0)
		return false;
	free(*first);
	*first = mem_strdup(path);
	return true;
}

void note(struct copyout *c, enum copyout_event event, const struct cdir *d, const char *name, const char *text)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct copyout_note n = { .event = event, .text = text };

	if (!(c->o.note_mask & 1U << event))
		return;
	if (event == COPYOUT_SNAPSHOT)
		sb_puts(&path, name);
	else if (event == COPYOUT_DIR_DONE)
		cdir_inside(d, name, &path);
	else
		cdir_path(c, d, name, &path);
	n.path = sb_str(&path);
	pthread_mutex_lock(&c->note_lock);
	tell(c, &n);
	pthread_mutex_unlock(&c->note_lock);
}

void note_existing(struct copyout *c, const struct cdir *d, const char *name)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	struct copyout_note n = { .event = COPYOUT_EXISTS };

	cdir_path(c, d, name, &path);
	n.path = sb_str(&path);
	pthread_mutex_lock(&c->note_lock);
	c->result.existing++;
	remember(&c->result.refused, &n, strerror(EEXIST));
	keep_first(&c->result.first_existing, n.path);
	tell(c, &n);
	pthread_mutex_unlock(&c->note_lock);
}

static void damage(struct copyout *c, const struct cdir *d, const char *name, struct copyout_note *n)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;

	n->event = COPYOUT_DAMAGE;
	cdir_path(c, d, name, &path);
	n->path = sb_str(&path);
	pthread_mutex_lock(&c->note_lock);
	c->result.lost_count++;
	remember(&c->result.lost, n, n->text);
	tell(c, n);
	pthread_mutex_unlock(&c->note_lock);
}

void note_damage(struct copyout *c, const struct cdir *d, const char *name, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + 256];
	struct copyout_note n = { .text = text };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	damage(c, d, name, &n);
}

void note_lost_data(struct copyout *c, const struct cdir *d, const char *name, u64 from, u64 to, unsigned copies, const char *why)
{
	struct copyout_note n = { .from = from, .to = to, .copies = copies, .text = why };

	damage(c, d, name, &n);
}

void note_failed(struct copyout *c, const struct cdir *d, const char *name, const char *fmt, ...)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;
	char text[1024];
	struct copyout_note n = { .event = COPYOUT_FAILED, .text = text };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cdir_path(c, d, name, &path);
	n.path = sb_str(&path);
	pthread_mutex_lock(&c->note_lock);
	c->result.failed++;
	remember(&c->result.refused, &n, text);
	tell(c, &n);
	pthread_mutex_unlock(&c->note_lock);
	if (c->o.stop_on_failure)
		copyout_stop(c, -ECANCELED, "%s: %s", n.path, text);
}

void note_unkept(struct copyout *c, enum copyout_unkept kind, int error, const struct cdir *d, const char *name, const char *what)
{
	struct copyout_kept *kept = &c->result.unkept[kind];
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;

	cdir_path(c, d, name, &path);
	if (what)
		sb_printf(&path, " (%s)", what);
	pthread_mutex_lock(&c->note_lock);
	kept->count++;
	if (keep_first(&kept->first, sb_str(&path)))
		kept->error = error;
	pthread_mutex_unlock(&c->note_lock);
}

static int by_path(const void *a, const void *b)
{
	const struct copyout_lost *x = a, *y = b;
	int ret = strcmp(x->path, y->path);

	if (!ret)
		ret = x->from < y->from ? -1 : x->from > y->from;
	return ret ? ret : strcmp(x->why, y->why);
}

void result_sort(struct copyout_result *r)
{
	vec_sort(&r->lost, by_path);
	vec_sort(&r->refused, by_path);
}

static void losses_fini(struct copyout_losses *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->v[i].path);
		free(l->v[i].why);
	}
	vec_fini(l);
}

void result_fini(struct copyout_result *r)
{
	losses_fini(&r->lost);
	losses_fini(&r->refused);
	free(r->first_existing);
	for (unsigned i = 0; i < UNKEPT_KINDS; i++)
		free(r->unkept[i].first);
}
