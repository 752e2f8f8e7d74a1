/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that varies from run to run, passed in: clock, random numbers, threads, memory bound, where messages go.
 * The engine reads the world through this and through bdev, and in no other way. */
#ifndef COMMON_ENV_H
#define COMMON_ENV_H

#include <pthread.h>
#include "common/base.h"
#include "common/err.h"

struct pool;

enum msg_level {
	MSG_ERROR,   /* "ERROR: text" on standard error */
	MSG_WARNING, /* "WARNING: text" on standard error */
	MSG_NOTE,    /* the text alone on standard error; the reader's messages of check.md 1.10 */
	MSG_PRINT,   /* the text alone on standard output */
};

struct env {
	void (*msg)(struct env *env, enum msg_level level, const char *text); /* NULL: silence. Serialised by env_msg. */
	void *msg_arg;
	pthread_mutex_t msg_lock;
	struct pool *pool;     /* NULL: everything runs in the caller */
	unsigned jobs;         /* threads to use, at least 1 */
	u64 memory;            /* bytes that sorting and caching may hold, 0: each user's default */
	u64 page_memory;       /* bytes of that held in page maps (bdev/pagemap.h); atomic */
	const char *tempdir;   /* where sorted runs spill, NULL: $TMPDIR or /tmp */
	bool fixed_clock;      /* SOURCE_DATE_EPOCH was set */
	s64 clock_sec;
	bool seeded;           /* --seed: random numbers and uuids repeat */
	u64 rng[4];
	const volatile int *interrupted; /* set by a signal handler; NULL: cannot be interrupted */
};

/* Defaults: jobs = online CPUs, SOURCE_DATE_EPOCH honoured, true random numbers, no messages, no pool. */
void env_init(struct env *env);
/* Ends the pool, too. */
void env_fini(struct env *env);
/* Repeats all random numbers from here on. */
void env_seed(struct env *env, u64 seed);
/* Starts the pool with env->jobs threads unless it runs. 0 or -errno. */
int env_start_pool(struct env *env, struct err *err);
void env_now(struct env *env, s64 *sec, u32 *nsec);
void env_random(struct env *env, void *buf, size_t len);
u64 env_random_u64(struct env *env);
/* A random (version 4) uuid. Like the two above for one thread at a time: in a parallel loop a seed could repeat nothing. */
void env_uuid(struct env *env, u8 uuid[16]);
/* Thread-safe. One line, without its newline. */
void env_msg(struct env *env, enum msg_level level, const char *fmt, ...) PRINTF(3, 4);
/* -EINTR (and says so) once a signal asked to stop, else 0. Long loops ask this between steps that leave nothing half done. */
int env_check_interrupt(struct env *env, struct err *err);

#endif
