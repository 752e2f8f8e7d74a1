/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POSIX access control lists. Stored: a version, then entries of tag, permissions, id, sorted. */
#include "cmds/shell/acl.h"

#include <errno.h>
#include "cmds/shell/edit.h"
#include "common/endian.h"
#include "common/mem.h"

enum { VERSION = 2, HEAD = 4, ENTRY = 8 };
#define NO_ID UINT32_MAX

struct acl_entry *acl_find(const struct acl *a, u16 tag, u32 id)
{
	for (size_t i = 0; i < a->len; i++)
		if (a->v[i].tag == tag && ((tag != ACL_USER && tag != ACL_GROUP) || a->v[i].id == id))
			return &a->v[i];
	return NULL;
}

int acl_set(struct acl *a, const struct acl_entry *e)
{
	struct acl_entry *old = acl_find(a, e->tag, e->id);

	if (!old)
		return vec_push(a, *e);
	*old = *e;
	return 0;
}

void acl_drop(struct acl *a, u16 tag, u32 id)
{
	struct acl_entry *old = acl_find(a, tag, id);

	if (old)
		vec_remove(a, (size_t)(old - a->v));
}

int acl_read(const void *value, size_t len, struct acl *out)
{
	const u8 *p = value;

	if (len < HEAD || (len - HEAD) % ENTRY || get_le32(p) != VERSION)
		return -EUCLEAN;
	for (const u8 *e = p + HEAD; e < p + len; e += ENTRY) {
		struct acl_entry x = { .tag = get_le16(e), .perm = get_le16(e + 2) & 7, .id = get_le32(e + 4), .has_perm = true };

		if (vec_push(out, x))
			return -ENOMEM;
	}
	return 0;
}

static int by_tag(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;

	return x->tag != y->tag ? (x->tag < y->tag ? -1 : 1) : x->id < y->id ? -1 : x->id > y->id;
}

void acl_write(struct acl *a, struct strbuf *out)
{
	u8 buf[ENTRY];

	vec_sort(a, by_tag);
	put_le32(buf, VERSION);
	sb_add(out, buf, HEAD);
	for (size_t i = 0; i < a->len; i++) {
		bool named = a->v[i].tag == ACL_USER || a->v[i].tag == ACL_GROUP;

		put_le16(buf, a->v[i].tag);
		put_le16(buf + 2, a->v[i].perm);
		put_le32(buf + 4, named ? a->v[i].id : NO_ID);
		sb_add(out, buf, ENTRY);
	}
}

int acl_from_mode(u32 mode, struct acl *out)
{
	static const struct { u16 tag; unsigned shift; } base[] = { { ACL_USER_OBJ, 6 }, { ACL_GROUP_OBJ, 3 }, { ACL_OTHER, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(base); i++) {
		struct acl_entry e = { .tag = base[i].tag, .perm = mode >> base[i].shift & 7, .id = NO_ID, .has_perm = true };

		if (vec_push(out, e))
			return -ENOMEM;
	}
	return 0;
}

u32 acl_to_mode(const struct acl *a, u32 mode)
{
	const struct acl_entry *u = acl_find(a, ACL_USER_OBJ, 0), *g = acl_find(a, ACL_MASK, 0), *o = acl_find(a, ACL_OTHER, 0);

	g = g ? g : acl_find(a, ACL_GROUP_OBJ, 0);
	return (mode & ~0777U) | (u ? u->perm << 6 : 0) | (g ? g->perm << 3 : 0) | (o ? o->perm : 0);
}

bool acl_extended(const struct acl *a)
{
	return a->len > 3;
}

int acl_recalculate(struct acl *a)
{
	struct acl_entry mask = { .tag = ACL_MASK, .id = NO_ID, .has_perm = true };
	bool named = false;

	for (size_t i = 0; i < a->len; i++) {
		u16 tag = a->v[i].tag;

		if (tag == ACL_USER || tag == ACL_GROUP || tag == ACL_GROUP_OBJ)
			mask.perm |= a->v[i].perm;
		named |= tag == ACL_USER || tag == ACL_GROUP;
	}
	if (!named && !acl_find(a, ACL_MASK, 0))
		return 0;
	return acl_set(a, &mask);
}

const char *acl_problem(const struct acl *a)
{
	bool named = false;

	for (size_t i = 0; i < a->len; i++)
		named |= a->v[i].tag == ACL_USER || a->v[i].tag == ACL_GROUP;
	if (!acl_find(a, ACL_USER_OBJ, 0) || !acl_find(a, ACL_GROUP_OBJ, 0) || !acl_find(a, ACL_OTHER, 0))
		return "Missing or wrong entry";
	return named && !acl_find(a, ACL_MASK, 0) ? "Missing mask entry" : NULL;
}

/* ---- Text ---- */

static bool is_word(const char *p, size_t n, const char *word)
{
	return n && n <= strlen(word) && !strncmp(p, word, n) && (n == 1 || n == strlen(word));
}

/* "rwx", "r-x", "5", "X". */
static bool parse_perms(const char *p, size_t n, struct acl_entry *e)
{
	if (n == 1 && *p >= '0' && *p <= '7') {
		e->perm = *p - '0';
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (p[i] == 'r')
			e->perm |= 4;
		else if (p[i] == 'w')
			e->perm |= 2;
		else if (p[i] == 'x')
			e->perm |= 1;
		else if (p[i] == 'X')
			e->x = true;
		else if (p[i] != '-')
			return false;
	}
	return n;
}

static bool parse_id(const char *p, size_t n, bool user, u32 *id)
{
	char *name CLEANUP(mem_freep) = mem_strndup(p, n);

	return name && !(user ? user_parse(name, id) : group_parse(name, id));
}

enum { FIELDS = 4 };

static bool parse_entry(const char *p, size_t n, bool perms, struct acl_entry *e)
{
	struct { const char *p; size_t n; } f[FIELDS + 1];
	unsigned nf = 0, at = 0;

	*e = (struct acl_entry){ .id = NO_ID };
	while (nf <= FIELDS) {
		size_t len = 0;

		while (len < n && p[len] != ':')
			len++;
		f[nf].p = p;
		f[nf++].n = len;
		if (len == n)
			break;
		p += len + 1;
		n -= len + 1;
	}
	if (nf > FIELDS)
		return false;
	if (is_word(f[0].p, f[0].n, "default")) {
		e->is_default = true;
		at = 1;
	}
	if (at == nf)
		return false;
	if (is_word(f[at].p, f[at].n, "user"))
		e->tag = ACL_USER_OBJ;
	else if (is_word(f[at].p, f[at].n, "group"))
		e->tag = ACL_GROUP_OBJ;
	else if (is_word(f[at].p, f[at].n, "mask"))
		e->tag = ACL_MASK;
	else if (is_word(f[at].p, f[at].n, "other"))
		e->tag = ACL_OTHER;
	else
		return false;
	at++;
	/* "m:rwx" and "o:r": the empty name may be left out */
	if (at < nf && f[at].n) {
		if (e->tag == ACL_USER_OBJ || e->tag == ACL_GROUP_OBJ) {
			if (!parse_id(f[at].p, f[at].n, e->tag == ACL_USER_OBJ, &e->id))
				return false;
			e->tag <<= 1;
			at++;
		}
	} else if (at < nf) {
		at++;
	}
	e->has_perm = at < nf && parse_perms(f[at].p, f[at].n, e);
	return at + (at < nf) == nf && e->has_perm == perms;
}

int acl_parse(const char *text, bool perms, struct acl *out, const char **bad)
{
	while (*text) {
		size_t n = strcspn(text, ",\n"), end = n;
		const char *hash = memchr(text, '#', n);
		struct acl_entry e;

		end = hash ? (size_t)(hash - text) : n;
		while (end && (text[end - 1] == ' ' || text[end - 1] == '\t'))
			end--;
		*bad = text;
		if (end && !parse_entry(text, end, perms, &e))
			return -EINVAL;
		if (end && vec_push(out, e))
			return -ENOMEM;
		text += n + (text[n] != 0);
	}
	return 0;
}
