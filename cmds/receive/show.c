/* SPDX-License-Identifier: GPL-2.0-or-later */
/* receive -v and -vv: what is being done, a line a command. Spec: cli 16.2. */
#include "cmds/receive/receive.h"

static void put(struct strbuf *sb, const struct send_cmd *c, unsigned attr)
{
	sb_add(sb, c->v[attr].p, c->v[attr].len);
}

static void num(struct strbuf *sb, const char *before, const struct send_cmd *c, unsigned attr)
{
	sb_puts(sb, before);
	sb_u64(sb, send_num(c, attr));
}

static void octal(struct strbuf *sb, const char *before, u64 v)
{
	sb_puts(sb, before);
	sb_oct(sb, v);
}

static void uuid(struct strbuf *sb, const char *before, const struct send_cmd *c, unsigned attr)
{
	sb_puts(sb, before);
	sb_uuid(sb, c->v[attr].p);
}

static void begin_line(struct strbuf *sb, const struct send_cmd *c)
{
	bool snapshot = c->id == SEND_C_SNAPSHOT;

	sb_puts(sb, snapshot ? "receiving snapshot " : "receiving subvol ");
	put(sb, c, SEND_A_PATH);
	uuid(sb, " uuid=", c, SEND_A_UUID);
	num(sb, snapshot ? ", ctransid=" : ", stransid=", c, SEND_A_CTRANSID);
	if (snapshot) {
		uuid(sb, " parent_uuid=", c, SEND_A_CLONE_UUID);
		num(sb, ", parent_ctransid=", c, SEND_A_CLONE_CTRANSID);
	}
}

static void data_line(struct strbuf *sb, const struct send_cmd *c)
{
	sb_puts(sb, c->row->name);
	sb_char(sb, ' ');
	put(sb, c, SEND_A_PATH);
	sb_lit(sb, " - ");
	switch (c->id) {
	case SEND_C_WRITE:
		num(sb, "offset=", c, SEND_A_FILE_OFFSET);
		sb_lit(sb, " length=");
		sb_u64(sb, c->v[SEND_A_DATA].len);
		return;
	case SEND_C_CLONE:
		sb_lit(sb, "source=");
		put(sb, c, SEND_A_CLONE_PATH);
		num(sb, " source offset=", c, SEND_A_CLONE_OFFSET);
		num(sb, " offset=", c, SEND_A_FILE_OFFSET);
		num(sb, " length=", c, SEND_A_CLONE_LEN);
		return;
	default:
		num(sb, "offset=", c, SEND_A_FILE_OFFSET);
		sb_lit(sb, ", len=");
		sb_u64(sb, c->v[SEND_A_DATA].len);
		num(sb, ", unencoded_offset=", c, SEND_A_UNENCODED_OFFSET);
		num(sb, ", unencoded_file_len=", c, SEND_A_UNENCODED_FILE_LEN);
		num(sb, ", unencoded_len=", c, SEND_A_UNENCODED_LEN);
		num(sb, ", compression=", c, SEND_A_COMPRESSION);
		num(sb, ", encryption=", c, SEND_A_ENCRYPTION);
	}
}

static void name_line(struct strbuf *sb, const struct send_cmd *c, unsigned to)
{
	sb_puts(sb, c->row->name);
	sb_char(sb, ' ');
	put(sb, c, SEND_A_PATH);
	sb_lit(sb, " -> ");
	put(sb, c, to);
}

static void other_line(struct strbuf *sb, const struct send_cmd *c)
{
	sb_puts(sb, c->row->name);
	sb_char(sb, ' ');
	put(sb, c, SEND_A_PATH);
	switch (c->id) {
	case SEND_C_MKNOD:
		num(sb, " mode=", c, SEND_A_MODE);
		num(sb, ", dev=", c, SEND_A_RDEV);
		return;
	case SEND_C_SET_XATTR: case SEND_C_REMOVE_XATTR:
		sb_lit(sb, " - name=");
		put(sb, c, SEND_A_XATTR_NAME);
		if (c->id == SEND_C_REMOVE_XATTR)
			return;
		sb_lit(sb, " data_len=");
		sb_u64(sb, c->v[SEND_A_XATTR_DATA].len);
		sb_lit(sb, " data=");
		put(sb, c, SEND_A_XATTR_DATA);
		return;
	case SEND_C_TRUNCATE: num(sb, " size=", c, SEND_A_SIZE); return;
	case SEND_C_CHMOD: octal(sb, " - mode=0", send_num(c, SEND_A_MODE)); return;
	case SEND_C_CHOWN:
		num(sb, " - uid=", c, SEND_A_UID);
		num(sb, ", gid=", c, SEND_A_GID);
		return;
	case SEND_C_UPDATE_EXTENT: case SEND_C_FALLOCATE:
		num(sb, " - offset=", c, SEND_A_FILE_OFFSET);
		num(sb, ", len=", c, SEND_A_SIZE);
		if (c->id == SEND_C_FALLOCATE)
			num(sb, ", mode=", c, SEND_A_FALLOCATE_MODE);
		return;
	case SEND_C_FILEATTR: num(sb, " - fileattr=0x", c, SEND_A_FILEATTR); return;
	case SEND_C_ENABLE_VERITY:
		num(sb, " - algorithm=", c, SEND_A_VERITY_ALGORITHM);
		num(sb, ", block_size=", c, SEND_A_VERITY_BLOCK_SIZE);
	}
}

void receive_show(void *receive, const struct send_cmd *c)
{
	struct strbuf sb = STRBUF_INIT;
	struct receive *rc = receive;
	bool begins = c->id == SEND_C_SUBVOL || c->id == SEND_C_SNAPSHOT;

	if (begins) {
		sb_puts(&sb, c->id == SEND_C_SUBVOL ? "At subvol " : "At snapshot ");
		put(&sb, c, SEND_A_PATH);
		/* On different streams, as ever. */
		if (rc->level >= 1 && c->id == SEND_C_SUBVOL)
			env_msg(rc->ctx->env, MSG_NOTE, "%s", sb_str(&sb));
		else if (rc->level >= 1)
			out_printf(rc->ctx->out, "%s\n", sb_str(&sb));
		sb_reset(&sb);
	}
	if (rc->level < 2)
		goto out;
	if (begins)
		begin_line(&sb, c);
	else if (c->id == SEND_C_WRITE || c->id == SEND_C_CLONE || c->id == SEND_C_ENCODED_WRITE)
		data_line(&sb, c);
	else if (rc->level < 3)
		goto out;
	else if (c->id == SEND_C_RENAME || c->id == SEND_C_LINK || c->id == SEND_C_SYMLINK)
		name_line(&sb, c, c->id == SEND_C_RENAME ? SEND_A_PATH_TO : SEND_A_PATH_LINK);
	else
		other_line(&sb, c);
	env_msg(rc->ctx->env, MSG_NOTE, "%s", sb_str(&sb));
out:
	sb_fini(&sb);
}
