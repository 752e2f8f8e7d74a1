/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads. Two shapes serve everything: a parallel loop, and an ordered queue (jobs run in parallel, are finished one by
 * one in the order in which they came). Results never depend on the number of threads. */
#ifndef COMMON_POOL_H
#define COMMON_POOL_H

#include "common/base.h"

struct pool;

/* threads: at least 1; a pool of 1 has no thread of its own and runs everything in the caller. NULL: no memory or no thread. */
struct pool *pool_new(unsigned threads);
void pool_free(struct pool *pool);
unsigned pool_threads(const struct pool *pool); /* 1 for NULL */

/* Calls fn(arg, i, worker) for every i below n, in parallel, the caller taking part. worker: 0..pool_threads-1, never used
 * by two calls at once (for per-thread state; with a NULL pool always 0). Stops handing out work after a failure (non-zero);
 * every i below a failing one still runs, so that what is returned, the failure of the lowest i, else 0, is the same for any
 * number of threads. May be called from several threads at once, and from inside a job (then it runs in the caller). */
int pool_for(struct pool *pool, u64 n, int (*fn)(void *arg, u64 i, unsigned worker), void *arg);

/* Ordered queue. work() runs on any thread (the pushing one helps when the window is full, and while finishing), done() runs
 * in the thread that pushes or finishes, strictly in push order, and must not push to the same queue. Used by one thread. At most window jobs are in flight: that bounds the memory. A negative return of done() stops the queue: later jobs are
 * handed to done() no more but to drop() (also used for what is left when the queue is torn down). */
struct ordq;

struct ordq_ops {
	void (*work)(void *job, void *arg, unsigned worker); /* keeps its result and its failure inside job */
	int (*done)(void *job, void *arg);                   /* consumes and frees job */
	void (*drop)(void *job, void *arg);                  /* frees job unseen */
};
struct ordq *ordq_new(struct pool *pool, unsigned window, const struct ordq_ops *ops, void *arg);
/* Takes job, even on failure. 0, or what done() returned. */
int ordq_push(struct ordq *q, void *job);
/* Waits for all. 0, or what done() returned first. The queue can be used again after success. */
int ordq_finish(struct ordq *q);
void ordq_free(struct ordq *q);

#endif
