/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `btrfs offline`: a shell inside an unmounted filesystem. Each verb is a command row like any other (options, help, completion come from
 * it); what it works in is the session. interface.md, "The offline shell". */
#ifndef CMDS_SHELL_SHELL_H
#define CMDS_SHELL_SHELL_H

#include "cmds/change.h"
#include "common/mem.h"
#include "kernel-shared/fs/file.h"

/* What -o says, in the words of mount. */
struct shell_opts {
	unsigned fs_flags;
	bool read_only;
	struct write_opts write;
	char *subvol;          /* heap; NULL: by id */
	u64 subvolid;          /* 0: the top level */
	struct strlist devices; /* further members; entries are heap */
};
void shell_opts_fini(struct shell_opts *o);
/* Adds one -o list. Unknown options are refused by name. */
int shell_opts_parse(struct shell_opts *o, const char *text, struct err *err);

struct shell {
	struct session session; /* what commands see: the filesystem, what "/" means (the top level or what -o says), the current directory */
	struct shell_opts o;
	struct strbuf cwd;     /* the path of the current directory from top, "/" for top */
	bool quit;
};
static inline struct shell *shell_of(struct cmd_ctx *ctx) { return container_of(ctx->session, struct shell, session); }

extern const struct cmd cmd_shell; /* the group of all verbs */
extern const struct cmd hash_target; /* `btrfs offline hash ADDRESS`, outside of any session */
/* One command line of words. Returns its exit code. */
int shell_run(struct cmd_ctx *ctx, int argc, char **argv);

/* One of the verbs that look at blocks as they are (node, item, field): the filesystem is opened as far as that goes, the log left alone. */
bool verb_is_inside(const char *word);

/* Is the row worth naming? groups: only rows with commands below them. */
bool shell_shows(const struct cmd *c, bool groups);

/* Splits a line into words: blanks separate, '...' and "..." and backslashes quote, # begins a comment. Words are heap; NULL-terminated.
 * -EINVAL: a quote is not closed. */
VEC_TYPE(shell_words, char *);
int shell_split(const char *line, struct shell_words *out);
void shell_words_fini(struct shell_words *w);

/* Completion for linedit. arg: struct cmd_ctx *. */
struct linedit_words;
void shell_complete(void *arg, const char *line, size_t start, const char *word, struct linedit_words *words);

/* Paths inside the filesystem. follow: also a symlink in last place. Says "VERB: cannot access 'PATH': why" when it fails; 0 or 1. */
int shell_resolve(struct cmd_ctx *ctx, const char *path, bool follow, struct loc *loc);
/* The same with the inode. */
int shell_look(struct cmd_ctx *ctx, const char *path, bool follow, struct loc *loc, struct inode *inode);
/* The last component of a path as typed, without slashes at its end; "" for "/", "." and "..". heap */
char *shell_basename(const char *path);
/* dir and name with one slash between them. */
void shell_join(struct strbuf *sb, const char *dir, const char *name);
/* "VERB: cannot ... 'PATH': reason", the way all verbs put it. Returns 1. */
int shell_cannot(struct cmd_ctx *ctx, const char *what, const char *path, int ret);

/* A directory with the inodes of its entries, for listings. */
struct shell_entry { const char *name; u16 name_len; bool is_subvol; u8 type; struct loc loc; struct inode inode; int error; const char *target; };
/* Packed: less than 100 bytes each. v may be sorted. */
struct shell_entries { const u8 **v; size_t len, cap; struct root *root; struct arena arena; };
/* By name, in byte order. Entries whose inode cannot be read have error set. To be ended by _fini even after an error. */
int shell_list(struct cmd_ctx *ctx, struct loc dir, struct shell_entries *out);
void shell_entries_init(struct shell_entries *l);
void shell_entries_fini(struct shell_entries *l);
int shell_entries_add(struct shell_entries *l, const struct shell_entry *e);  /* copies all of it */
struct shell_entry shell_entry_at(const struct shell_entries *l, size_t i);    /* name and target are the list's */
/* The directory's inode, subvolume id of its tree included: a walk that met it before goes round. */
struct shell_seen { struct hmap roots; }; /* root -> struct hmap * of inode numbers */
/* 1: new, 0: met before, -ENOMEM. */
int shell_seen_add(struct shell_seen *s, struct loc loc);
void shell_seen_fini(struct shell_seen *s);

/* text.c: how things are written */
void text_mode(u32 mode, char out[11]);                         /* "drwxr-xr-x" */
const char *text_user(u32 uid, char buf[32]);                   /* its name on this system, or the number */
const char *text_group(u32 gid, char buf[32]);
const char *text_type(u32 mode);                                /* "regular file" */
void text_time_full(const struct timespec64 *t, char out[64]);  /* "2026-11-20 12:28:29.165948665 +0000" */
void text_time_ls(const struct timespec64 *t, s64 now, char out[32]); /* "Nov 20 12:28" or "Nov 20  2025" */
void text_size_ls(u64 size, char out[32]);                      /* "1.5K", as ls -h rounds */
/* A name for the terminal: bytes that it would obey become '?'. Elsewhere as it is. */
void text_name(struct out *o, const char *name, size_t len);
/* Bytes on disk as stat counts them: whole sectors. */
static inline u64 inode_allocated(const struct inode *i) { return round_up_p2(i->nbytes, i->root->fs->geo->sectorsize); }
/* Keys that several verbs have in JSON: type, mode, uid, gid, size, nlink, inode, times. */
void json_inode(struct out *o, const struct inode *inode, const struct loc *loc);

#endif
