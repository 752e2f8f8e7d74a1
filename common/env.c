/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What varies from run to run: see env.h. */
#include "common/env.h"
#include "common/endian.h"
#include "common/pool.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Those this process may run on: a container or taskset may leave fewer than there are. */
static unsigned online_cpus(void)
{
	cpu_set_t set;
	long n;

	if (!sched_getaffinity(0, sizeof(set), &set))
		return max_t(unsigned, CPU_COUNT(&set), 1);
	n = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than a cpu_set_t holds */
	return n < 1 ? 1 : n;
}

void env_init(struct env *env)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	memset(env, 0, sizeof(*env));
	pthread_mutex_init(&env->msg_lock, NULL);
	env->jobs = online_cpus();
	if (epoch && *epoch) {
		char *end;
		long long sec;

		errno = 0;
		sec = strtoll(epoch, &end, 10);
		env->fixed_clock = !errno && !*end;
		env->clock_sec = env->fixed_clock ? sec : 0;
	}
}

void env_fini(struct env *env)
{
	pool_free(env->pool);
	env->pool = NULL;
	pthread_mutex_destroy(&env->msg_lock);
}

int env_start_pool(struct env *env, struct err *err)
{
	if (env->pool)
		return 0;
	env->pool = pool_new(max_t(unsigned, env->jobs, 1));
	if (!env->pool)
		return err_set(err, -EAGAIN, "cannot start %u threads", env->jobs);
	return 0;
}

void env_now(struct env *env, s64 *sec, u32 *nsec)
{
	struct timespec now;

	if (env->fixed_clock) {
		*sec = env->clock_sec;
		*nsec = 0;
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	*sec = now.tv_sec;
	*nsec = now.tv_nsec;
}

/* The state of xoshiro256** is filled from one word by splitmix64, as its authors advise. */
void env_seed(struct env *env, u64 seed)
{
	for (int i = 0; i < 4; i++) {
		u64 z = seed += 0x9e3779b97f4a7c15ULL;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
		env->rng[i] = z ^ z >> 31;
	}
	env->seeded = true;
}

static u64 rotl(u64 x, int k)
{
	return x << k | x >> (64 - k);
}

static u64 xoshiro_next(u64 s[4])
{
	u64 result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

static void random_from_system(u8 *p, size_t len)
{
	while (len) {
		ssize_t n = getrandom(p, len, 0);

		/* Only EINTR can fail here: the pool of the kernel blocks until it is ready. */
		if (n < 0)
			continue;
		p += n;
		len -= n;
	}
}

void env_random(struct env *env, void *buf, size_t len)
{
	u8 *p = buf;

	if (!env->seeded) {
		random_from_system(p, len);
		return;
	}
	while (len) {
		u64 v = LE_SWAP64(xoshiro_next(env->rng));
		size_t n = min_t(size_t, len, sizeof(v));

		memcpy(p, &v, n);
		p += n;
		len -= n;
	}
}

u64 env_random_u64(struct env *env)
{
	le64 v;

	env_random(env, &v, sizeof(v));
	return le64_get(v);
}

void env_uuid(struct env *env, u8 uuid[16])
{
	env_random(env, uuid, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* version 4 */
	uuid[8] = (uuid[8] & 0x3f) | 0x80; /* the variant of RFC 4122 */
}

void env_msg(struct env *env, enum msg_level level, const char *fmt, ...)
{
	char fixed[1024], *text = fixed;
	va_list ap;
	int n;

	if (!env->msg)
		return;
	va_start(ap, fmt);
	n = vsnprintf(fixed, sizeof(fixed), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(fixed)) {
		va_start(ap, fmt);
		if (vasprintf(&text, fmt, ap) < 0)
			text = fixed; /* a cut message rather than none */
		va_end(ap);
	}
	pthread_mutex_lock(&env->msg_lock);
	env->msg(env, level, text);
	pthread_mutex_unlock(&env->msg_lock);
	if (text != fixed)
		free(text);
}

int env_check_interrupt(struct env *env, struct err *err)
{
	if (env->interrupted && *env->interrupted)
		return err_set(err, -EINTR, "interrupted");
	return 0;
}
