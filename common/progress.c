/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The progress line. Workers only add to a counter; one thread draws. */
#include "common/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "common/units.h"

struct progress {
	const char *title;
	enum progress_unit unit;
	u64 done, total;          /* atomic */
	bool terminal, stop;
	double begun;             /* seconds, monotonic */
	unsigned drawn;           /* columns of the line that is on the terminal */
	pthread_t ticker;
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static const char *amount(const struct progress *p, u64 n, char *buf)
{
	if (p->unit == PROGRESS_BYTES)
		return units_format(n, UNITS_HUMAN, buf);
	snprintf(buf, SIZE_TEXT_MAX, "%llu", n);
	return buf;
}

/* "reading: 1.20GiB of 3.40GiB (35%), 512.00MiB/s, 0:04 left" */
static int progress_text(const struct progress *p, bool end, char *text, size_t size)
{
	u64 done = __atomic_load_n(&p->done, __ATOMIC_RELAXED), total = __atomic_load_n(&p->total, __ATOMIC_RELAXED);
	double secs = seconds_now() - p->begun, rate = secs > 0 ? done / secs : 0;
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];
	int n;

	n = snprintf(text, size, "%.200s: %s", p->title, amount(p, done, a));
	if (total)
		n += snprintf(text + n, size - n, " of %s (%.0f%%)", amount(p, total, b), 100.0 * min_t(u64, done, total) / total);
	n += snprintf(text + n, size - n, ", %s/s", amount(p, (u64)rate, a));
	if (end)
		n += snprintf(text + n, size - n, ", %.1f s", secs);
	else if (total > done && rate > 0) {
		double left = (total - done) / rate;

		if (left < 1e6)
			n += snprintf(text + n, size - n, ", %u:%02u:%02u left", (unsigned)left / 3600, (unsigned)left / 60 % 60, (unsigned)left % 60);
	}
	return n;
}

static void draw(struct progress *p, bool end)
{
	char text[512];
	unsigned width = progress_text(p, end, text, sizeof(text));

	if (!p->terminal) {
		fprintf(stderr, "%s\n", text);
		return;
	}
	fprintf(stderr, "\r%s%*s%s", text, p->drawn > width ? (int)(p->drawn - width) : 0, "", end ? "\n" : "");
	fflush(stderr);
	p->drawn = width;
}

static void *tick(void *arg)
{
	struct progress *p = arg;
	struct timespec until;

	pthread_mutex_lock(&p->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	while (!p->stop) {
		until.tv_nsec += p->terminal ? 200000000 : 999999999;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_cond_timedwait(&p->wake, &p->lock, &until) == ETIMEDOUT && !p->stop)
			draw(p, false);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct progress *progress_new(const char *title, enum progress_unit unit, u64 total, enum progress_when when)
{
	bool terminal = isatty(STDERR_FILENO);
	pthread_condattr_t attr;
	struct progress *p;

	if (when == PROGRESS_OFF || (when == PROGRESS_AUTO && !terminal))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->title = title;
	p->unit = unit;
	p->total = total;
	p->terminal = terminal;
	p->begun = seconds_now();
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->ticker, NULL, tick, p)) {
		pthread_cond_destroy(&p->wake);
		pthread_mutex_destroy(&p->lock);
		free(p);
		return NULL;
	}
	return p;
}

void progress_add(struct progress *p, u64 n)
{
	if (p)
		__atomic_fetch_add(&p->done, n, __ATOMIC_RELAXED);
}

void progress_total(struct progress *p, u64 total)
{
	if (p)
		__atomic_store_n(&p->total, total, __ATOMIC_RELAXED);
}

void progress_title(struct progress *p, const char *title)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->title = title;
	pthread_mutex_unlock(&p->lock);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->ticker, NULL);
	draw(p, true);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
