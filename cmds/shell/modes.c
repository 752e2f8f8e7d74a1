/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modes as chmod takes them: octal, or clauses of who, operator, permissions. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cmds/shell/edit.h"
#include "common/mem.h"

/* One operator with what stands behind it. */
struct mode_op {
	char op;             /* '+', '-', '=' */
	u32 who;             /* the bits that it concerns: 04700, 02070, 01007 */
	u32 bits;            /* to be set or cleared, of all classes */
	char copy;           /* 'u', 'g', 'o': those of a class; 0: bits */
	bool x;              /* X: execution for directories, and where somebody may execute already */
	bool masked;         /* no who was given: the umask's bits stay as they are */
	bool absolute;       /* an octal number */
	bool explicit_high;  /* an octal number that speaks of set-id bits even for directories: 5 digits or more */
};
struct mode_change { size_t n; u32 umask; struct mode_op ops[]; };

enum { WHO_ALL = 07777, OPS_MAX = 256 };

static int parse_octal(const char *text, struct mode_op *op)
{
	char *end;
	unsigned long v = strtoul(text, &end, 8);

	if (*end || v > 07777)
		return -EINVAL;
	*op = (struct mode_op){ .op = '=', .who = WHO_ALL, .bits = v, .absolute = true, .explicit_high = end - text > 4 };
	return 0;
}

static u32 who_bits(char c)
{
	return c == 'u' ? 04700 : c == 'g' ? 02070 : c == 'o' ? 01007 : c == 'a' ? WHO_ALL : 0;
}

static u32 perm_bits(char c)
{
	switch (c) {
	case 'r': return 0444;
	case 'w': return 0222;
	case 'x': return 0111;
	case 's': return 06000;
	case 't': return 01000;
	default: return 0;
	}
}

/* Operators of one clause, all of the same who. */
static int parse_clause(const char **text, struct mode_op *ops, size_t *n)
{
	const char *p = *text;
	u32 who = 0;
	bool masked;

	while (who_bits(*p))
		who |= who_bits(*p++);
	masked = !who;
	if (!strchr("+-=", *p) || !*p)
		return -EINVAL;
	while (*p == '+' || *p == '-' || *p == '=') {
		struct mode_op *op = &ops[*n];

		if (++*n > OPS_MAX)
			return -EINVAL;
		*op = (struct mode_op){ .op = *p++, .who = masked ? WHO_ALL : who, .masked = masked };
		if (*p && strchr("ugo", *p)) {
			op->copy = *p++;
			continue;
		}
		for (; *p == 'X' || perm_bits(*p); p++) {
			op->bits |= perm_bits(*p);
			op->x |= *p == 'X';
		}
	}
	*text = p;
	return 0;
}

int mode_parse(const char *text, struct mode_change **out)
{
	struct mode_change *m = mem_zalloc(sizeof(*m) + (OPS_MAX + 1) * sizeof(m->ops[0]));
	int ret = 0;

	if (!m)
		return -ENOMEM;
	m->umask = edit_umask();
	if (*text >= '0' && *text <= '7') {
		ret = parse_octal(text, &m->ops[0]);
		m->n = 1;
	} else {
		do
			ret = parse_clause(&text, m->ops, &m->n);
		while (!ret && *text == ',' && *++text);
		if (!ret && *text)
			ret = -EINVAL;
	}
	if (ret)
		free(m);
	else
		*out = m;
	return ret;
}

u32 mode_apply(const struct mode_change *m, u32 old)
{
	return mode_apply_masked(m, old, m->umask);
}

u32 mode_apply_masked(const struct mode_change *m, u32 old, u32 umask)
{
	u32 mode = old & 07777;
	bool dir = S_ISDIR(old);

	for (size_t i = 0; i < m->n; i++) {
		const struct mode_op *op = &m->ops[i];
		u32 bits = op->bits, who = op->who, keep = 0;

		if (op->absolute) {
			/* an octal number leaves the set-id bits of directories alone unless it names them */
			keep = dir && !op->explicit_high ? mode & 06000 & ~bits : 0;
			mode = bits | keep;
			continue;
		}
		if (op->copy)
			bits = (mode >> (op->copy == 'u' ? 6 : op->copy == 'g' ? 3 : 0) & 7) * 0111;
		if (op->x && (dir || mode & 0111))
			bits |= 0111;
		bits &= who;
		if (op->masked)
			bits &= ~umask;
		if (op->op == '+')
			mode |= bits;
		else if (op->op == '-')
			mode &= ~bits;
		else
			mode = (mode & ~(who & ~(dir ? 06000 & ~op->bits : 0))) | bits;
	}
	return mode;
}
