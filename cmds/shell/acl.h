/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POSIX access control lists: from text, into the form of the attributes system.posix_acl_*, changed entry by entry. */
#ifndef CMDS_SHELL_ACL_H
#define CMDS_SHELL_ACL_H

#include "common/strbuf.h"
#include "common/vec.h"

enum acl_tag { ACL_USER_OBJ = 1, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16, ACL_OTHER = 32 };
struct acl_entry { u16 tag, perm; u32 id; bool is_default, has_perm; bool x; /* X: execution where somebody may execute */ };
VEC_TYPE(acl, struct acl_entry);

/* "u:alice:rwx,g::r-x,d:o::-": appends. perms: permissions are expected (not for -x). -EINVAL: *bad points to the entry in text. */
int acl_parse(const char *text, bool perms, struct acl *out, const char **bad);
/* An attribute's value. -EUCLEAN. */
int acl_read(const void *value, size_t len, struct acl *out);
void acl_write(struct acl *a, struct strbuf *out); /* sorts */
/* The three entries that a mode stands for. */
int acl_from_mode(u32 mode, struct acl *out);
/* The permission bits that the list stands for, beside the others of mode. */
u32 acl_to_mode(const struct acl *a, u32 mode);
/* More than a mode can say? */
bool acl_extended(const struct acl *a);
struct acl_entry *acl_find(const struct acl *a, u16 tag, u32 id);
int acl_set(struct acl *a, const struct acl_entry *e);  /* adds or replaces */
void acl_drop(struct acl *a, u16 tag, u32 id);
/* The mask becomes the union of all that it limits. */
int acl_recalculate(struct acl *a);
/* What makes a list whole: owner, group, others, a mask where one is needed. NULL, or what is wrong. */
const char *acl_problem(const struct acl *a);

#endif
