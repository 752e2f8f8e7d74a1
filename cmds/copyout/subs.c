/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was met already: subvolumes, directories (each is copied once, so that a filesystem whose directories form loops or join again
 * cannot keep us forever), files with several names. */
#include <sys/stat.h>
#include "cmds/copyout/internal.h"
#include "common/mem.h"

struct csub *csub_get(struct copyout *c, struct root *root)
{
	struct csub *sub = NULL;
	u64 *slot;

	pthread_mutex_lock(&c->subs_lock);
	slot = hmap_put(&c->subs, (uintptr_t)root, NULL);
	if (slot && !*slot) {
		sub = mem_zalloc(sizeof(*sub));
		if (sub)
			sub->root = root;
		*slot = (uintptr_t)sub;
	}
	if (slot)
		sub = (struct csub *)(uintptr_t)*slot;
	pthread_mutex_unlock(&c->subs_lock);
	return sub;
}

int csub_enter_dir(struct copyout *c, struct csub *sub, u64 ino)
{
	bool fresh = false;
	u64 *slot;

	pthread_mutex_lock(&c->subs_lock);
	slot = hmap_put(&sub->seen, ino, &fresh);
	pthread_mutex_unlock(&c->subs_lock);
	return !slot ? -ENOMEM : fresh ? 0 : -ELOOP;
}

struct shared_name *shared_name_new(struct cdir *dir, const char *name)
{
	size_t len = strlen(name) + 1;
	struct shared_name *n = mem_zalloc(sizeof(*n) + len);

	if (!n)
		return NULL;
	n->dir = cdir_hold(dir);
	n->refs = 1;
	memcpy(n->name, name, len);
	return n;
}

struct shared_name *shared_name_of(struct copyout *c, struct cdir *dir, const char *name, int fd)
{
	struct shared_name *n;
	struct stat st;

	if (!c->can_reflink || fstat(fd, &st))
		return NULL;
	n = shared_name_new(dir, name);
	if (n)
		n->host_ino = st.st_ino;
	return n;
}

struct shared_name *shared_name_hold(struct shared_name *n)
{
	n->refs++;
	return n;
}

void shared_name_put(struct copyout *c, struct shared_name *n)
{
	if (!n || --n->refs)
		return;
	cdir_put(c, n->dir);
	free(n);
}

void clink_free(struct copyout *c, struct clink *l)
{
	for (size_t i = 0; i < l->names.len; i++)
		shared_name_put(c, l->names.v[i]);
	vec_fini(&l->names);
	free(l);
}

void csubs_fini(struct copyout *c)
{
	size_t pos = 0, lpos;
	u64 key, value, link;

	while (hmap_next(&c->subs, &pos, &key, &value)) {
		struct csub *sub = (struct csub *)(uintptr_t)value;

		for (lpos = 0; sub && hmap_next(&sub->links, &lpos, &key, &link);)
			clink_free(c, (struct clink *)(uintptr_t)link);
		if (sub) {
			hmap_fini(&sub->links);
			hmap_fini(&sub->seen);
			free(sub);
		}
	}
	hmap_fini(&c->subs);
}
