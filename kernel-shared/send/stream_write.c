/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building commands. */
#include "crypto/csum.h"
#include "kernel-shared/send/stream.h"

#include <stdlib.h>

/* What is handed on at once, about. */
enum { BATCH = 1 << 20 };

static size_t command_max(const struct send_writer *w)
{
	return w->version == 1 ? SEND_CMD_MAX_V1 : SEND_CMD_MAX_V2;
}

static int fail(struct send_writer *w, int code)
{
	if (!w->error)
		w->error = code;
	return w->error;
}

int send_writer_init(struct send_writer *w, unsigned version, send_sink sink, void *arg)
{
	*w = (struct send_writer){ .version = version, .sink = sink, .arg = arg };
	return version && version <= SEND_VERSION_MAX ? 0 : fail(w, -EINVAL);
}

void send_writer_fini(struct send_writer *w)
{
	free(w->buf);
	*w = (struct send_writer){ .error = -EINVAL };
}

/* Room for n bytes behind what is there. */
static u8 *room(struct send_writer *w, size_t n)
{
	size_t cap;
	u8 *buf;

	if (w->error)
		return NULL;
	if (w->cap - w->len >= n)
		return w->buf + w->len;
	cap = max_t(size_t, w->cap + w->cap / 2, w->len + n);
	if (w->sink)
		cap = max_t(size_t, cap, BATCH + SEND_CMD_MAX_V1);
	buf = realloc(w->buf, cap);
	if (!buf) {
		fail(w, -ENOMEM);
		return NULL;
	}
	w->buf = buf;
	w->cap = cap;
	return buf + w->len;
}

int send_flush(struct send_writer *w)
{
	int ret;

	if (w->error || !w->sink || !w->len)
		return w->error;
	ret = w->sink(w->arg, w->buf, w->len);
	if (ret < 0)
		return fail(w, ret);
	w->offset += w->len;
	w->len = w->start = 0;
	return 0;
}

int send_header(struct send_writer *w)
{
	u8 *p = room(w, SEND_HEADER_SIZE);

	if (!p)
		return w->error;
	memcpy(p, SEND_MAGIC, sizeof(SEND_MAGIC));
	put_le32(p + sizeof(SEND_MAGIC), w->version);
	w->len += SEND_HEADER_SIZE;
	w->start = w->len;
	return 0;
}

void send_begin(struct send_writer *w, enum send_cmd_id cmd)
{
	u8 *p = room(w, SEND_CMD_HEADER_SIZE);

	if (!p)
		return;
	if (!send_cmd_row(cmd) || send_cmd_row(cmd)->version > w->version) {
		fail(w, -EINVAL);
		return;
	}
	memset(p, 0, SEND_CMD_HEADER_SIZE);
	put_le16(p + 4, cmd);
	w->start = w->len;
	w->len += SEND_CMD_HEADER_SIZE;
	w->data = false;
}

/* An attribute's header, and room for its n bytes. */
static u8 *attr_room(struct send_writer *w, enum send_attr_id attr, size_t n)
{
	bool bare = attr == SEND_A_DATA && w->version >= 2;
	size_t head = bare ? 2 : 4;
	u8 *p;

	if (w->error)
		return NULL;
	if (w->data || send_attr_rows[attr].version > w->version) {
		fail(w, -EINVAL);
		return NULL;
	}
	if ((!bare && n > UINT16_MAX) || n > command_max(w) || w->len - w->start + head + n > command_max(w)) {
		fail(w, -EMSGSIZE);
		return NULL;
	}
	p = room(w, head + n);
	if (!p)
		return NULL;
	put_le16(p, attr);
	if (!bare)
		put_le16(p + 2, n);
	w->len += head + n;
	w->data = attr == SEND_A_DATA;
	return p + head;
}

void send_u64(struct send_writer *w, enum send_attr_id attr, u64 v)
{
	unsigned size = send_type_size(send_attr_rows[attr].type);
	u8 le[8], *p;

	if (size != 1 && size != 4 && size != 8) {
		fail(w, -EINVAL);
		return;
	}
	if (size < 8 && v >> 8 * size) {
		fail(w, -EMSGSIZE);
		return;
	}
	p = attr_room(w, attr, size);
	if (!p)
		return;
	put_le64(le, v);
	memcpy(p, le, size);
}

void send_bytes(struct send_writer *w, enum send_attr_id attr, const void *data, size_t n)
{
	unsigned size = send_type_size(send_attr_rows[attr].type);
	u8 *p;

	if (size && size != n) {
		fail(w, -EINVAL);
		return;
	}
	p = attr_room(w, attr, n);
	if (p && n)
		memcpy(p, data, n);
}

void send_time(struct send_writer *w, enum send_attr_id attr, s64 sec, u32 nsec)
{
	u8 *p = attr_room(w, attr, 12);

	if (!p)
		return;
	put_le64(p, sec);
	put_le32(p + 8, nsec);
}

void *send_data(struct send_writer *w, size_t n)
{
	return attr_room(w, SEND_A_DATA, n);
}

int send_end(struct send_writer *w)
{
	u8 *p = w->buf + w->start;

	if (w->error)
		return w->error;
	put_le32(p, w->len - w->start - SEND_CMD_HEADER_SIZE);
	put_le32(p + 6, crc32c_raw(0, p, w->len - w->start));
	w->start = w->len;
	w->commands++;
	w->data = false;
	return w->len >= BATCH ? send_flush(w) : 0;
}

int send_append(struct send_writer *w, struct send_writer *from)
{
	u8 *p;

	if (from->error || from->version != w->version)
		return fail(w, from->error ? from->error : -EINVAL);
	/* A large batch goes on as it is. */
	if (w->sink && from->len >= BATCH / 4) {
		int ret = send_flush(w);

		if (!ret)
			ret = w->error ? w->error : w->sink(w->arg, from->buf, from->len);
		if (ret < 0)
			return fail(w, ret);
		w->offset += from->len;
	} else {
		p = room(w, from->len);
		if (!p)
			return w->error;
		if (from->len)
			memcpy(p, from->buf, from->len);
		w->len += from->len;
		w->start = w->len;
	}
	w->commands += from->commands;
	from->len = from->start = 0;
	from->commands = 0;
	return w->len >= BATCH ? send_flush(w) : 0;
}
