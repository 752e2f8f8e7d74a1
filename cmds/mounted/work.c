/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/work.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { TICK_NS = 100 * 1000 * 1000 };

struct running { const struct kwork *w; int ret; atomic_bool over; };

static void *run_main(void *arg)
{
	struct running *r = arg;

	r->ret = r->w->run(r->w->arg);
	atomic_store(&r->over, true);
	return NULL;
}

static void show(const struct kwork *w, struct progress *p, u64 *shown)
{
	u64 total = 0, done = p && w->done ? w->done(w->arg, &total) : 0;

	if (total)
		progress_total(p, total);
	if (done > *shown) {
		progress_add(p, done - *shown);
		*shown = done;
	}
}

static bool wait_over(struct cmd_ctx *ctx, struct running *r, pthread_t thread)
{
	struct progress *p = progress_new(r->w->title, r->w->unit, 0, ctx->progress);
	struct timespec until;
	bool interrupted = false;
	u64 shown = 0;

	for (;;) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += TICK_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (!pthread_timedjoin_np(thread, NULL, &until))
			break;
		show(r->w, p, &shown);
		if (interrupted || !env_check_interrupt(ctx->env, NULL))
			continue;
		interrupted = true;
		if (r->w->cancel(r->w->arg) && !atomic_load(&r->over))
			kwork_die(ctx); /* a kernel that knows no other way stops when the process ends */
	}
	progress_free(p);
	return interrupted;
}

int kwork_run(struct cmd_ctx *ctx, const struct kwork *w, bool *interrupted)
{
	struct running r = { .w = w };
	pthread_t thread;
	int ret;

	out_flush(ctx->out);
	*interrupted = false;
	ret = pthread_create(&thread, NULL, run_main, &r);
	if (ret)
		return -ret;
	*interrupted = wait_over(ctx, &r, thread);
	return r.ret;
}

void kwork_die(struct cmd_ctx *ctx)
{
	out_flush(ctx->out);
	fflush(stderr);
	signal(SIGINT, SIG_DFL);
	raise(SIGINT);
}
