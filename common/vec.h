/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing arrays of any type.
 *
 *     VEC(u64) ids = VEC_INIT;
 *     if (vec_push(&ids, id)) return err_nomem(err);
 *     for (size_t i = 0; i < ids.len; i++) use(ids.v[i]);
 *     vec_fini(&ids);
 */
#ifndef COMMON_VEC_H
#define COMMON_VEC_H

#include "common/base.h"

#define VEC(type) struct { type *v; size_t len, cap; }
/* A named vector type, to be passed between functions. */
#define VEC_TYPE(name, type) struct name { type *v; size_t len, cap; }
#define VEC_INIT { NULL, 0, 0 }

int vec_reserve_(void **v, size_t *cap, size_t want, size_t size);

/* Each returns 0 or -ENOMEM; the vector is unchanged on failure. */
#define vec_reserve(vec, n) vec_reserve_((void **)&(vec)->v, &(vec)->cap, (n), sizeof(*(vec)->v))
#define vec_push(vec, item) \
	((vec)->len < (vec)->cap || !vec_reserve(vec, (vec)->len + 1) ? ((vec)->v[(vec)->len++] = (item), 0) : -ENOMEM)
/* Removes the element at index i, keeping the order. */
#define vec_remove(vec, i) \
	(memmove(&(vec)->v[i], &(vec)->v[(i) + 1], ((vec)->len - (i) - 1) * sizeof(*(vec)->v)), (vec)->len--)
#define vec_fini(vec) do { free((vec)->v); (vec)->v = NULL; (vec)->len = (vec)->cap = 0; } while (0)
#define vec_sort(vec, cmp) do { if ((vec)->len > 1) qsort((vec)->v, (vec)->len, sizeof(*(vec)->v), cmp); } while (0)

#include <stdlib.h>
#endif
