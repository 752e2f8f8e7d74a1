/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two halves of the external sort share: sortrun.c makes runs, sortpass.c reads them in order. */
#ifndef COMMON_SORTRUN_PRIV_H
#define COMMON_SORTRUN_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include "common/sortrun.h"
#include "common/vec.h"

struct run {
	u64 n;       /* records */
	u8 *mem;     /* NULL: in the file */
	u64 off;     /* in the file */
	u8 *samples; /* of a run in the file: its records number 0, spacing, 2 * spacing, ... */
};
VEC_TYPE(run_vec, struct run);

struct worker {
	_Alignas(128) u8 *buf; /* apart, so that no two workers write to one cache line */
	u8 *tmp;
	size_t n, cap;
	u64 added;
};

/* A cut: before record number at of run number run. */
struct cut {
	size_t run;
	u64 at;
};
VEC_TYPE(cut_vec, struct cut);

/* One pass over some runs, in order. */
struct pass {
	struct sortrun *s;
	const struct run *runs;
	size_t nruns;
	struct cut_vec cuts;    /* between the parts: one less than there are parts */
	struct ordq *q;
	size_t parts, pushed;
	struct part *ready, **ready_end; /* in order */
	struct part *part;      /* being read */
};

struct part {
	struct part *next;
	struct pass *pass;
	size_t number;
	u8 *records;
	size_t n;
	int ret;
};

struct sortrun {
	struct env *env;
	size_t size;
	size_t run_records, spacing;   /* records of a run, records between two samples */
	u64 part_bytes, keep_bytes;    /* a part should have, runs in memory may have */
	unsigned nworkers;
	struct worker *workers;

	pthread_mutex_t lock;          /* of what follows, while workers add */
	struct run_vec runs;
	u64 kept;
	int fd, error;
	_Atomic u64 file_end;

	struct pass pass;
	const u8 *pos, *end;           /* of the records to hand out next */
	bool single;                   /* one run, in memory: handed out as it is */
};

static inline u64 run_samples(const struct sortrun *s, const struct run *run)
{
	return div_round_up(run->n, s->spacing);
}

/* Records that a part should have. */
static inline size_t part_records(const struct sortrun *s)
{
	return max_t(u64, s->part_bytes / s->size, 16);
}

/* runs: borrowed. After a failure, too, pass_fini() is needed. 0 or -errno. */
int pass_init(struct pass *pass, struct sortrun *s, const struct run *runs, size_t nruns);
/* Makes pass->part the next part, NULL at the end. 0 or -errno. */
int pass_advance(struct pass *pass);
void pass_fini(struct pass *pass);

#endif
