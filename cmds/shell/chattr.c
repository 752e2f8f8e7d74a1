/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chattr. */
#include <errno.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "cmds/shell/walk.h"

static const struct { char letter; u64 flag; } letters[] = {
	{ 'A', BTRFS_INODE_NOATIME }, { 'a', BTRFS_INODE_APPEND }, { 'c', BTRFS_INODE_COMPRESS }, { 'C', BTRFS_INODE_NODATACOW },
	{ 'D', BTRFS_INODE_DIRSYNC }, { 'd', BTRFS_INODE_NODUMP }, { 'i', BTRFS_INODE_IMMUTABLE }, { 'm', BTRFS_INODE_NOCOMPRESS },
	{ 'S', BTRFS_INODE_SYNC },
};
#define ALL_FLAGS (BTRFS_INODE_NOATIME | BTRFS_INODE_APPEND | BTRFS_INODE_COMPRESS | BTRFS_INODE_NODATACOW | BTRFS_INODE_DIRSYNC | BTRFS_INODE_NODUMP \
	| BTRFS_INODE_IMMUTABLE | BTRFS_INODE_NOCOMPRESS | BTRFS_INODE_SYNC)
#define LOCKS (BTRFS_INODE_IMMUTABLE | BTRFS_INODE_APPEND)
enum { NLETTERS = 9 };
struct chattr_args { bool recursive, verbose, quiet; const char *minus[NLETTERS]; };
#define OPT_STRUCT struct chattr_args
#define MINUS_ROW(i, l) OPT_OPTARG(l, NULL, minus[i], NULL, NULL)
static const struct opt chattr_opts[] = {
	OPT_FLAG('f', NULL, quiet, "suppress most error messages"),
	OPT_FLAG('R', NULL, recursive, "change directories and their contents recursively"),
	OPT_FLAG('V', NULL, verbose, "print the new flags of each file"),
	MINUS_ROW(0, 'A'), MINUS_ROW(1, 'a'), MINUS_ROW(2, 'c'), MINUS_ROW(3, 'C'), MINUS_ROW(4, 'D'), MINUS_ROW(5, 'd'), MINUS_ROW(6, 'i'), MINUS_ROW(7, 'm'),
	MINUS_ROW(8, 'S'),
	OPT_END
};
#undef OPT_STRUCT
_Static_assert(ARRAY_SIZE(letters) == NLETTERS, "an option row for each letter");

struct chattr { struct edit e; const struct chattr_args *a; u64 set, clear; bool exact; };

/* "cm" -> flags. */
static int take_letters(struct cmd_ctx *ctx, const char *text, u64 *flags)
{
	for (; *text; text++) {
		size_t i;

		for (i = 0; i < ARRAY_SIZE(letters) && letters[i].letter != *text; i++)
			;
		if (i == ARRAY_SIZE(letters))
			return cmd_error(ctx, "chattr: unknown flag '%c'", *text);
		*flags |= letters[i].flag;
	}
	return 0;
}

/* What -OPTIONS and leading +... and =... arguments say; *first: where the files begin. */
static int take_modes(struct cmd_ctx *ctx, struct chattr *c, int *first)
{
	u64 exact = 0;
	int ret = 0;

	for (int i = 0; i < NLETTERS && !ret; i++) {
		if (c->a->minus[i]) {
			c->clear |= letters[i].flag;
			ret = take_letters(ctx, c->a->minus[i], &c->clear);
		}
	}
	for (*first = 0; !ret && *first < ctx->argc && (ctx->argv[*first][0] == '+' || ctx->argv[*first][0] == '='); ++*first) {
		bool is_exact = ctx->argv[*first][0] == '=';

		c->exact |= is_exact;
		ret = take_letters(ctx, ctx->argv[*first] + 1, is_exact ? &exact : &c->set);
	}
	if (!ret && c->exact && (c->set || c->clear))
		ret = cmd_error(ctx, "chattr: = cannot be combined with + and -");
	if (!ret && c->set & c->clear)
		ret = cmd_error(ctx, "chattr: can't both set and unset the same flag");
	if (!ret && !c->exact && !c->set && !c->clear)
		ret = cmd_error(ctx, "chattr: must use '-v', =, - or +");
	if (!ret && *first == ctx->argc)
		ret = cmd_error(ctx, "chattr: missing operand");
	if (c->exact) {
		c->set = exact;
		c->clear = ALL_FLAGS & ~exact;
	}
	return ret;
}

/* As the kernel does it, whichever flag changes: with the one for compression the property becomes the algorithm of -o, else zlib; without it the
 * property goes. */
static int set_flags(struct chattr *c, struct loc loc, const struct inode *inode, u64 flags)
{
	static const char property[] = "btrfs.compression";
	const char *algorithm = c->e.c.opts.compress ? compress_name(c->e.c.opts.compress) : "zlib";
	struct err *err = &c->e.ctx->err;
	struct inode attr = *inode;
	int ret = 0;

	if (flags & BTRFS_INODE_COMPRESS && flags & BTRFS_INODE_NOCOMPRESS)
		return err_set(err, -EINVAL, "one flag asks for compression, the other forbids it");
	if (flags & BTRFS_INODE_NODATACOW && flags & (BTRFS_INODE_COMPRESS | BTRFS_INODE_NOCOMPRESS))
		return err_set(err, -EINVAL, "the flag for no copy-on-write excludes those for and against compression");
	attr.flags = inode->flags & ~LOCKS;
	if (inode->flags & LOCKS)
		ret = op_setattr(c->e.txn, loc, ATTR_FLAGS, &attr, err);
	if (!ret && flags & BTRFS_INODE_COMPRESS)
		ret = op_xattr(c->e.txn, loc, property, sizeof(property) - 1, algorithm, strlen(algorithm), 0, err);
	else if (!ret)
		ret = op_xattr(c->e.txn, loc, property, sizeof(property) - 1, NULL, 0, 0, err);
	attr.flags = flags;
	return ret && ret != -ENODATA ? ret : op_setattr(c->e.txn, loc, ATTR_FLAGS, &attr, err);
}

static int chattr_entry(void *arg, const struct walk_entry *w)
{
	struct chattr *c = arg;
	u64 flags = (w->inode.flags & ~c->clear) | c->set;
	char text[ARRAY_SIZE(letters) + 1];
	int ret;

	if (walk_leads_nowhere(w))
		return WALK_SKIP;
	if (!inode_is(&w->inode, S_IFREG) && !inode_is(&w->inode, S_IFDIR)) {
		if (!w->depth)
			edit_fail(&c->e, "Operation not supported while reading flags on %s", w->path);
		return WALK_GO;
	}
	err_clear(&c->e.ctx->err);
	ret = set_flags(c, w->loc, &w->inode, flags);
	if (ret) {
		edit_weigh(&c->e, ret);
		if (!c->a->quiet)
			edit_fail(&c->e, "cannot set the flags of %s: %s", w->path, err_text(&c->e.ctx->err));
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
			text[i] = flags & letters[i].flag ? letters[i].letter : '-';
		text[ARRAY_SIZE(letters)] = 0;
		edit_say(&c->e, "Flags of %s set as %s", w->path, text);
	}
	return edit_over(&c->e) ? WALK_STOP : c->a->recursive ? WALK_GO : WALK_SKIP;
}

static int chattr_run(struct cmd_ctx *ctx, void *args)
{
	static const struct walk_ops ops = { .enter = chattr_entry };
	struct chattr c = { .a = args };
	int first, ret = take_modes(ctx, &c, &first);

	if (!ret)
		ret = edit_begin(ctx, c.a->verbose, &c.e);
	if (ret)
		return ret;
	for (int i = first; i < ctx->argc && !edit_over(&c.e); i++)
		c.e.failed |= shell_walk(ctx, ctx->argv[i], &ops, &c);
	return edit_end(&c.e);
}
static const char *const chattr_details[] = {
	"Flags: A no atime updates, a append only, c compress, C no copy-on-write (empty files), D synchronous directory updates, d no dump,",
	"i immutable, m don't compress, S synchronous updates.", NULL
};
const struct cmd verb_chattr = { .name = "chattr", .usage = { "chattr [-RVf] [-+=AacCDdimS]... FILE..." }, .brief = "Change the flags of inodes",
	.details = chattr_details, .opts = chattr_opts, CMD_ARGS(struct chattr_args), .min_args = 1, .max_args = -1, .flags = CMD_WRITES | CMD_ANY_FORMAT,
	.run = chattr_run, .complete = "inside" };
