/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing arrays: see vec.h. */
#include "common/vec.h"

int vec_reserve_(void **v, size_t *cap, size_t want, size_t size)
{
	size_t bytes, grown;
	void *p;

	if (want <= *cap)
		return 0;
	grown = *cap < 8 ? 8 : *cap + *cap / 2;
	if (grown < want)
		grown = want;
	if (mul_overflows(grown, size, &bytes))
		return -ENOMEM;
	/* *v is a pointer to some other type: only its bytes may be touched here. */
	memcpy(&p, v, sizeof(p));
	p = realloc(p, bytes);
	if (!p)
		return -ENOMEM;
	memcpy(v, &p, sizeof(p));
	*cap = grown;
	return 0;
}
