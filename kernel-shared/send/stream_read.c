/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking a stream apart. Every byte is hostile. */
#include "crypto/csum.h"
#include "kernel-shared/send/stream.h"

#include <stdlib.h>

enum { BUFFER = 512 << 10 };

struct send_reader {
	send_read read;
	void *arg;
	unsigned flags;
	unsigned version;        /* 0 before a header */
	bool begun;              /* SUBVOL or SNAPSHOT was seen in this stream */
	bool at_end, dead;
	u8 *buf;
	size_t pos, len, cap;    /* unread: [pos, len) */
	u64 offset;              /* of buf + pos in the stream */
	u64 number;
	struct send_token last;  /* where the last command began */
	u8 uuid[16];             /* of the subvolume in progress */
	bool has_token;
	struct send_token token;
};

int send_reader_new(struct send_reader **out, send_read read, void *arg, unsigned flags, const struct send_token *token, struct err *err)
{
	struct send_reader *r = calloc(1, sizeof(*r));

	*out = r;
	if (!r)
		return err_nomem(err);
	r->read = read;
	r->arg = arg;
	r->flags = flags;
	r->has_token = token != NULL;
	if (token)
		r->token = *token;
	r->cap = BUFFER;
	r->buf = malloc(r->cap);
	if (r->buf)
		return 0;
	send_reader_free(r);
	*out = NULL;
	return err_nomem(err);
}

void send_reader_free(struct send_reader *r)
{
	if (!r)
		return;
	free(r->buf);
	free(r);
}

unsigned send_reader_version(const struct send_reader *r)
{
	return r->version;
}

void send_reader_here(const struct send_reader *r, bool next, struct send_token *out)
{
	*out = r->last;
	if (!next)
		return;
	*out = (struct send_token){ .version = r->version, .offset = r->offset, .command = r->number };
	memcpy(out->uuid, r->uuid, sizeof(out->uuid));
}

/* Sees to it that need bytes are unread, if the input has so many. */
static int fill(struct send_reader *r, size_t need, struct err *err)
{
	if (r->len - r->pos >= need || r->at_end)
		return 0;
	if (r->pos) {
		memmove(r->buf, r->buf + r->pos, r->len - r->pos);
		r->len -= r->pos;
		r->pos = 0;
	}
	if (need > r->cap) {
		u8 *buf = realloc(r->buf, need);

		if (!buf)
			return err_nomem(err);
		r->buf = buf;
		r->cap = need;
	}
	while (r->len < need) {
		ssize_t n = r->read(r->arg, r->buf + r->len, r->cap - r->len);

		if (n < 0)
			return err_errno(err, n, "cannot read the stream at offset %llu", r->offset + r->len);
		if (!n) {
			r->at_end = true;
			return 0;
		}
		r->len += min_t(size_t, n, r->cap - r->len);
	}
	return 0;
}

static size_t unread(const struct send_reader *r)
{
	return r->len - r->pos;
}

static void take(struct send_reader *r, size_t n)
{
	r->pos += n;
	r->offset += n;
}

static int read_header(struct send_reader *r, struct err *err)
{
	const u8 *p;
	int ret = fill(r, SEND_HEADER_SIZE, err);

	if (ret)
		return ret;
	if (!unread(r))
		return err_set(err, -ENODATA, "the input ends");
	if (unread(r) < SEND_HEADER_SIZE)
		return err_set(err, -EPROTO, "short read from stream: expected %d read %zu", SEND_HEADER_SIZE, unread(r));
	p = r->buf + r->pos;
	if (memcmp(p, SEND_MAGIC, sizeof(SEND_MAGIC)))
		return err_set(err, -EPROTO, "unexpected header at offset %llu", r->offset);
	r->version = get_le32(p + sizeof(SEND_MAGIC));
	if (!r->version || r->version > SEND_VERSION_MAX)
		return err_set(err, -EPROTO, "stream version %u at offset %llu is not known: %d is the highest", r->version, r->offset, SEND_VERSION_MAX);
	take(r, SEND_HEADER_SIZE);
	r->begun = false;
	memset(r->uuid, 0, sizeof(r->uuid));
	return 0;
}

static int attribute(struct send_reader *r, struct send_cmd *c, const u8 **p, const u8 *end, struct err *err)
{
	const struct send_attr_row *row;
	unsigned id, size;
	size_t len;

	if (end - *p < 2)
		return err_set(err, -EPROTO, "a byte is left behind the attributes");
	id = get_le16(*p);
	if (!id || id >= SEND_ATTRS)
		return err_set(err, -EPROTO, "unknown attribute %u", id);
	row = &send_attr_rows[id];
	if (row->version > r->version)
		return err_set(err, -EPROTO, "attribute %s does not belong to version %u", row->name, r->version);
	if (send_has(c, id))
		return err_set(err, -EPROTO, "attribute %s comes twice", row->name);
	*p += 2;
	if (id == SEND_A_DATA && r->version >= 2) {
		len = end - *p;
	} else {
		if (end - *p < 2)
			return err_set(err, -EPROTO, "attribute %s has no length", row->name);
		len = get_le16(*p);
		*p += 2;
	}
	if (len > (size_t)(end - *p))
		return err_set(err, -EPROTO, "attribute %s is longer than the command", row->name);
	size = send_type_size(row->type);
	if (size && len != size)
		return err_set(err, -EPROTO, "attribute %s has %zu bytes instead of %u", row->name, len, size);
	c->v[id] = (struct send_value){ *p, len };
	c->have |= 1ULL << id;
	*p += len;
	return 0;
}

static int parse(struct send_reader *r, struct send_cmd *c, const u8 *body, size_t len, struct err *err)
{
	const u8 *p = body;
	int ret = 0;

	while (!ret && p < body + len)
		ret = attribute(r, c, &p, body + len, err);
	if (ret)
		return ret;
	for (const struct send_use *u = c->row->use; u < c->row->use + ARRAY_SIZE(c->row->use) && u->attr; u++)
		if (!u->optional && !send_has(c, u->attr))
			return err_set(err, -EPROTO, "attribute %s is missing", send_attr_rows[u->attr].name);
	return r->flags & SEND_LENIENT ? 0 : send_cmd_check(c, err);
}

/* What comes when. */
static int in_order(struct send_reader *r, const struct send_cmd *c, struct err *err)
{
	bool begins = c->id == SEND_C_SUBVOL || c->id == SEND_C_SNAPSHOT;

	if (!r->begun && !begins)
		return err_set(err, -EPROTO, "comes before a subvolume was begun");
	return 0;
}

/* A command that lies whole in the buffer. */
static int command(struct send_reader *r, struct send_cmd *c, struct err *err)
{
	u8 *p = r->buf + r->pos, head[SEND_CMD_HEADER_SIZE];
	u32 body = c->size - SEND_CMD_HEADER_SIZE;
	int ret;

	memcpy(head, p, sizeof(head));
	memset(head + 6, 0, 4);
	if (crc32c_raw(crc32c_raw(0, head, sizeof(head)), p + sizeof(head), body) != get_le32(p + 6))
		return err_set(err, -EBADMSG, "the checksum does not match");
	if (!c->row)
		return err_set(err, -EPROTO, "unknown command %u", c->id);
	if (c->row->version > r->version)
		return err_set(err, -EPROTO, "does not belong to version %u", r->version);
	ret = in_order(r, c, err);
	if (ret)
		return ret;
	ret = parse(r, c, p + sizeof(head), body, err);
	if (ret)
		return ret;
	send_reader_here(r, true, &r->last);
	if (c->id == SEND_C_SUBVOL || c->id == SEND_C_SNAPSHOT) {
		memcpy(r->uuid, c->v[SEND_A_UUID].p, sizeof(r->uuid));
		r->begun = true;
	}
	take(r, c->size);
	r->number++;
	if (c->id == SEND_C_END)
		r->version = 0;
	return 0;
}

static int next(struct send_reader *r, struct send_cmd *c, struct err *err)
{
	size_t max = r->version == 1 ? SEND_CMD_MAX_V1 : SEND_CMD_MAX_V2;
	u64 size;
	int ret;

	*c = (struct send_cmd){ .offset = r->offset, .number = r->number };
	ret = fill(r, SEND_CMD_HEADER_SIZE, err);
	if (ret)
		return ret;
	if (!unread(r))
		return err_set(err, -EPROTO, "unexpected end of the stream at offset %llu, where command %llu or END was expected", r->offset, r->number);
	if (unread(r) < SEND_CMD_HEADER_SIZE)
		return err_set(err, -EPROTO, "unexpected end of the stream within the header of command %llu at offset %llu", r->number, r->offset);
	c->id = get_le16(r->buf + r->pos + 4);
	c->row = send_cmd_row(c->id);
	size = (u64)get_le32(r->buf + r->pos) + SEND_CMD_HEADER_SIZE;
	if (size > max) {
		err_set(err, -EPROTO, "a command of %llu bytes, where %zu is the most", size, max);
	} else {
		c->size = size;
		ret = fill(r, size, err);
		if (ret)
			return ret;
		if (unread(r) < size)
			err_set(err, -EPROTO, "unexpected end of the stream within a command of %llu bytes, of which there are %zu", size, unread(r));
		else if (!command(r, c, err))
			return 0;
	}
	return err_wrap(err, err ? err->code : -EPROTO, "offset %llu, command %llu (%s)", r->offset, r->number, c->row ? c->row->name : "?");
}

int send_reader_next(struct send_reader *r, struct send_cmd *out, struct err *err)
{
	struct err own = ERR_INIT;
	int ret;

	if (r->dead || !r->version)
		return err_set(err, -EINVAL, "nothing can be read here");
	ret = next(r, out, err ? err : &own);
	r->dead = ret != 0;
	return ret;
}

/* Up to the place where reading goes on. */
static int skip(struct send_reader *r, struct err *err)
{
	struct send_cmd c;
	int ret = 0;

	while (!ret && r->offset < r->token.offset)
		ret = r->version ? send_reader_next(r, &c, err) : read_header(r, err);
	if (ret == -ENODATA)
		return err_set(err, -EPROTO, "the stream ends at offset %llu, before the place of the token", r->offset);
	if (ret)
		return ret;
	if (r->offset != r->token.offset || r->number != r->token.command || r->version != r->token.version || memcmp(r->uuid, r->token.uuid, sizeof(r->uuid)))
		return err_set(err, -EPROTO, "the token does not belong to this stream");
	return 0;
}

static int resume(struct send_reader *r, struct err *err)
{
	int ret = fill(r, sizeof(SEND_MAGIC), err);

	if (ret)
		return ret;
	if (unread(r) >= sizeof(SEND_MAGIC) && !memcmp(r->buf + r->pos, SEND_MAGIC, sizeof(SEND_MAGIC)))
		return skip(r, err);
	r->version = r->token.version;
	r->offset = r->token.offset;
	r->number = r->token.command;
	memcpy(r->uuid, r->token.uuid, sizeof(r->uuid));
	r->begun = true;
	return 0;
}

int send_reader_header(struct send_reader *r, struct err *err)
{
	int ret;

	if (r->dead || r->version)
		return err_set(err, -EINVAL, "no header is expected here");
	ret = r->has_token ? resume(r, err) : read_header(r, err);
	r->has_token = false;
	r->dead = ret && ret != -ENODATA;
	return ret;
}
