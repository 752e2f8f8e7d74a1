/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stat: everything an inode says of itself, for people or in a format of their own. */
#include <stdio.h>
#include <sys/stat.h>
#include "cmds/shell/shell.h"
#include "common/mem.h"

struct stat_args { const char *format, *printf; bool follow; };
#define OPT_STRUCT struct stat_args
static const struct opt stat_opts[] = {
	OPT_STRING('c', "format", format, "FORMAT", "use FORMAT instead of the default: %a %A %b %B %d %f %F %g %G %h %i %n %N %o %s %t %T %u %U "
		   "%w %W %x %X %y %Y %z %Z %%; a newline follows"),
	OPT_STRING(0, "printf", printf, "FORMAT", "the same without the newline, with the escapes \\n \\t \\0 \\\\"),
	OPT_FLAG('L', "dereference", follow, "follow links"),
	OPT_END
};
#undef OPT_STRUCT

struct subject { const char *path; struct loc loc; struct inode inode; char *target; };

static u64 blocks(const struct inode *i)
{
	return inode_allocated(i) / 512;
}

/* An id without a name here. */
static const char *known(const char *id)
{
	return id[strspn(id, "0123456789")] ? id : "UNKNOWN";
}

static void add_time(struct strbuf *sb, const struct timespec64 *t, bool number)
{
	char text[64];

	if (number) {
		sb_s64(sb, t->sec);
		return;
	}
	text_time_full(t, text);
	sb_puts(sb, text);
}

static void add_name(struct strbuf *sb, const struct subject *s, bool quoted)
{
	if (!quoted) {
		sb_puts(sb, s->path);
		return;
	}
	sb_printf(sb, "'%s'", s->path);
	if (s->target)
		sb_printf(sb, " -> '%s'", s->target);
}

/* False: no such directive. */
static bool add_number(struct strbuf *sb, const struct subject *s, char c)
{
	const struct inode *i = &s->inode;

	switch (c) {
	case 'a': sb_oct(sb, i->mode & 07777); return true;
	case 'b': sb_u64(sb, blocks(i)); return true;
	case 'B': sb_u64(sb, 512); return true;
	case 'd': sb_u64(sb, s->loc.root->tree.id); return true;
	case 'f': sb_hex(sb, i->mode); return true;
	case 'g': sb_u64(sb, i->gid); return true;
	case 'h': sb_u64(sb, i->nlink); return true;
	case 'i': sb_u64(sb, i->ino); return true;
	case 'o': sb_u64(sb, i->root->fs->geo->sectorsize); return true;
	case 's': sb_u64(sb, i->size); return true;
	case 't': sb_hex(sb, rdev_major(i->rdev)); return true;
	case 'T': sb_hex(sb, rdev_minor(i->rdev)); return true;
	case 'u': sb_u64(sb, i->uid); return true;
	}
	return false;
}

static void add_directive(struct strbuf *sb, const struct subject *s, char c)
{
	const struct inode *i = &s->inode;
	char buf[32], mode[11];

	if (add_number(sb, s, c))
		return;
	switch (c) {
	case 'A': text_mode(i->mode, mode); sb_puts(sb, mode); break;
	case 'F': sb_puts(sb, inode_is(i, S_IFREG) && !i->size ? "regular empty file" : text_type(i->mode)); break;
	case 'G': sb_puts(sb, known(text_group(i->gid, buf))); break;
	case 'n': case 'N': add_name(sb, s, c == 'N'); break;
	case 'U': sb_puts(sb, known(text_user(i->uid, buf))); break;
	case 'w': case 'W': add_time(sb, &i->otime, c == 'W'); break;
	case 'x': case 'X': add_time(sb, &i->atime, c == 'X'); break;
	case 'y': case 'Y': add_time(sb, &i->mtime, c == 'Y'); break;
	case 'z': case 'Z': add_time(sb, &i->ctime, c == 'Z'); break;
	case '%': sb_char(sb, '%'); break;
	default: sb_char(sb, '?');
	}
}

static void print_format(struct out *o, const struct subject *s, const char *format, bool escapes)
{
	static const char from[] = "nt0\\", to[] = "\n\t\0\\";

	for (const char *p = format; *p; p++) {
		const char *e = escapes && *p == '\\' && p[1] ? strchr(from, p[1]) : NULL;

		if (e) {
			sb_char(&o->buf, to[e - from]);
			p++;
		} else if (*p == '%' && p[1]) {
			add_directive(&o->buf, s, *++p);
		} else {
			sb_char(&o->buf, *p);
		}
	}
	out_check(o);
}

static void print_text(struct out *o, const struct subject *s)
{
	const struct inode *i = &s->inode;
	char buf[64], mode[11];

	out_puts(o, "  File: ");
	text_name(o, s->path, strlen(s->path));
	if (s->target) {
		out_puts(o, " -> ");
		text_name(o, s->target, strlen(s->target));
	}
	out_printf(o, "\n  Size: %-10llu\tBlocks: %-10llu IO Block: %-6u %s\n", i->size, blocks(i), i->root->fs->geo->sectorsize,
		   inode_is(i, S_IFREG) && !i->size ? "regular empty file" : text_type(i->mode));
	out_printf(o, "Subvolume: %llu\tInode: %-11llu Links: %u", s->loc.root->tree.id, i->ino, i->nlink);
	if (inode_is(i, S_IFCHR) || inode_is(i, S_IFBLK))
		out_printf(o, "     Device type: %u,%u", rdev_major(i->rdev), rdev_minor(i->rdev));
	text_mode(i->mode, mode);
	out_printf(o, "\nAccess: (%04o/%s)", i->mode & 07777, mode);
	out_printf(o, "  Uid: (%5u/%8s)", i->uid, known(text_user(i->uid, buf)));
	out_printf(o, "   Gid: (%5u/%8s)\n", i->gid, known(text_group(i->gid, buf)));
	text_time_full(&i->atime, buf);
	out_printf(o, "Access: %s\n", buf);
	text_time_full(&i->mtime, buf);
	out_printf(o, "Modify: %s\n", buf);
	text_time_full(&i->ctime, buf);
	out_printf(o, "Change: %s\n", buf);
	text_time_full(&i->otime, buf);
	out_printf(o, " Birth: %s\n", buf);
}

static void print_json(struct out *o, const struct subject *s)
{
	out_obj(o, NULL);
	out_json_strn(o, "path", s->path, strlen(s->path));
	json_inode(o, &s->inode, &s->loc);
	out_json_u64(o, "generation", s->inode.generation);
	out_json_u64(o, "transid", s->inode.transid);
	if (s->target)
		out_json_strn(o, "target", s->target, strlen(s->target));
	out_end(o);
}

static int stat_one(struct cmd_ctx *ctx, const struct stat_args *a, const char *path)
{
	struct subject s = { .path = path };
	size_t len;

	if (shell_look(ctx, path, a->follow, &s.loc, &s.inode))
		return 1;
	if (inode_is(&s.inode, S_IFLNK))
		symlink_read(s.loc.root, s.loc.ino, &s.target, &len, &ctx->err);
	if (ctx->json) {
		print_json(ctx->out, &s);
	} else if (a->format || a->printf) {
		print_format(ctx->out, &s, a->format ? a->format : a->printf, !a->format);
		if (a->format)
			out_puts(ctx->out, "\n");
	} else {
		print_text(ctx->out, &s);
	}
	free(s.target);
	return 0;
}

static int stat_run(struct cmd_ctx *ctx, void *args)
{
	int rc = 0;

	if (ctx->json) {
		out_json_begin(ctx->out);
		out_arr(ctx->out, "stat");
	}
	for (int i = 0; i < ctx->argc; i++)
		rc |= stat_one(ctx, args, ctx->argv[i]);
	if (ctx->json) {
		out_end(ctx->out);
		out_json_end(ctx->out);
	}
	return rc;
}
const struct cmd verb_stat = { .name = "stat", .usage = { "stat [-L] [-c FORMAT] FILE..." }, .brief = "Print what an inode says of itself",
	.opts = stat_opts, CMD_ARGS(struct stat_args), .min_args = 1, .max_args = -1, .flags = CMD_JSON, .run = stat_run, .complete = "inside" };
