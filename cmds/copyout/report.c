/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, for the user: notes while it goes on, the list of what was lost, counts of what the target could not keep. */
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

static void remember(struct copyout *c, const struct copyout_note *n)
{
	struct copyout_lost l = { .path = mem_strdup(n->path), .from = n->from, .to = n->to, .why = mem_strdup(n->text) };

	c->result.lost_count++;
	if (!l.path || !l.why || c->result.lost.len >= COPYOUT_LOST_MAX || vec_push(&c->result.lost, l)) {
		free(l.path);
		free(l.why);
	}
}

static void damage(struct copyout *c, const struct cdir *d, const char *name, struct copyout_note *n)
{
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;

	n->event = COPYOUT_DAMAGE;
	cdir_path(c, d, name, &path);
	n->path = sb_str(&path);
	pthread_mutex_lock(&c->note_lock);
	remember(c, n);
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
	tell(c, &n);
	pthread_mutex_unlock(&c->note_lock);
	if (c->o.stop_on_failure)
		copyout_stop(c, -ECANCELED, "%s: %s", n.path, text);
}

void note_unkept(struct copyout *c, enum copyout_unkept kind, int error, const struct cdir *d, const char *name, const char *what)
{
	struct copyout_kept *kept = &c->result.unkept[kind];
	struct strbuf path CLEANUP(sb_fini) = STRBUF_INIT;

	pthread_mutex_lock(&c->note_lock);
	if (!kept->count++) {
		cdir_path(c, d, name, &path);
		kept->error = error;
		kept->first = mem_strdup(sb_str(&path));
		if (what && kept->first) {
			sb_reset(&path);
			sb_printf(&path, "%s of %s", what, kept->first);
			free(kept->first);
			kept->first = mem_strdup(sb_str(&path));
		}
	}
	pthread_mutex_unlock(&c->note_lock);
}
