/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/scrub/record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"

#define SCRUB_DIR "/var/lib/btrfs"
#define VERSION_LINE "scrub status:1\n"
enum { PATH_LEN = 108, TEXT_MAX = 1 << 20 };

const char *const scrub_counter_names[KSCRUB_COUNTERS] = {
	"data_extents_scrubbed", "tree_extents_scrubbed", "data_bytes_scrubbed", "tree_bytes_scrubbed", "read_errors", "csum_errors", "verify_errors", "no_csum",
	"csum_discards", "super_errors", "malloc_errors", "uncorrectable_errors", "unverified_errors", "corrected_errors", "last_physical",
};

static const char *path_of(const char *kind, const u8 fsid[16], const char *end, char buf[PATH_LEN])
{
	char uuid[UUID_TEXT_MAX];

	snprintf(buf, PATH_LEN, SCRUB_DIR "/scrub.%s.%s%s", kind, uuid_format(fsid, uuid), end);
	return buf;
}

struct scrub_record *record_find(struct scrub_records *r, u64 devid)
{
	for (size_t i = 0; i < r->len; i++)
		if (r->v[i].devid == devid)
			return &r->v[i];
	return NULL;
}

/* --- text --- */

static u64 *field_of(struct scrub_record *r, const char *key, size_t len)
{
	static const struct { const char *name; size_t offset; } others[] = {
		{ "t_start", offsetof(struct scrub_record, t_start) }, { "t_resumed", offsetof(struct scrub_record, t_resumed) },
		{ "duration", offsetof(struct scrub_record, duration) } };

	for (unsigned i = 0; i < KSCRUB_COUNTERS; i++)
		if (strlen(scrub_counter_names[i]) == len && !memcmp(scrub_counter_names[i], key, len))
			return &r->p.v[i];
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++)
		if (strlen(others[i].name) == len && !memcmp(others[i].name, key, len))
			return (u64 *)((char *)r + others[i].offset);
	return NULL;
}

/* "key:value". False: not understood. */
static bool parse_field(struct scrub_record *r, char *text)
{
	char *colon = strchr(text, ':');
	u64 value, *field;

	if (!colon || parse_u64(colon + 1, &value, NULL))
		return false;
	field = field_of(r, text, colon - text);
	if (field)
		*field = value;
	else if (!strncmp(text, "canceled:", 9))
		r->cancelled = value;
	else if (!strncmp(text, "finished:", 9))
		r->finished = value;
	else
		return false;
	return true;
}

static int parse_line(const u8 fsid[16], char *line, struct scrub_records *out, bool *odd)
{
	char uuid[UUID_TEXT_MAX], *save = NULL, *word = strtok_r(line, "|", &save);
	size_t len = UUID_TEXT_MAX - 1;
	struct scrub_record r = { 0 };

	uuid_format(fsid, uuid);
	if (!word || strncmp(word, uuid, len) || word[len] != ':' || parse_u64(word + len + 1, &r.devid, NULL) || record_find(out, r.devid)) {
		*odd = true;
		return 0;
	}
	while ((word = strtok_r(NULL, "|", &save)))
		*odd |= !parse_field(&r, word);
	return vec_push(out, r) ? -ENOMEM : 0;
}

static int parse_text(const u8 fsid[16], char *text, struct scrub_records *out, bool *odd)
{
	char *save = NULL;
	int ret = 0;

	if (strncmp(text, VERSION_LINE, strlen(VERSION_LINE))) {
		*odd = true;
		return 0;
	}
	for (char *line = strtok_r(text + strlen(VERSION_LINE), "\n", &save); line && !ret; line = strtok_r(NULL, "\n", &save))
		ret = parse_line(fsid, line, out, odd);
	return ret;
}

void records_text(const u8 fsid[16], const struct scrub_records *r, struct strbuf *out)
{
	char uuid[UUID_TEXT_MAX];

	uuid_format(fsid, uuid);
	sb_puts(out, VERSION_LINE);
	for (size_t i = 0; i < r->len; i++) {
		const struct scrub_record *s = &r->v[i];

		sb_printf(out, "%s:%llu", uuid, s->devid);
		for (unsigned c = 0; c < KSCRUB_COUNTERS; c++)
			if (c != KSCRUB_UNVERIFIED)
				sb_printf(out, "|%s:%llu", scrub_counter_names[c], s->p.v[c]);
		sb_printf(out, "|t_start:%llu|t_resumed:%llu|duration:%llu|canceled:%d|finished:%d\n", s->t_start, s->t_resumed, s->duration, s->cancelled, s->finished);
	}
}

/* --- file and socket --- */

static int ask_socket(const u8 fsid[16], char **text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	char path[PATH_LEN], buf[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	memcpy(to.sun_path, path_of("progress", fsid, "", path), PATH_LEN);
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		while ((n = read(fd, buf, sizeof(buf))) > 0 && sb.len < TEXT_MAX)
			sb_add(&sb, buf, n);
	close(fd);
	if (n || !sb.len)
		return -ENOTCONN;
	*text = mem_strdup(sb_str(&sb));
	return *text ? 0 : -ENOMEM;
}

int records_load(const u8 fsid[16], struct scrub_records *out, bool *live, bool *odd)
{
	char *text = NULL, path[PATH_LEN];
	size_t size;
	int ret;

	*odd = false;
	*live = !ask_socket(fsid, &text);
	if (!*live) {
		ret = io_read_file(path_of("status", fsid, "", path), TEXT_MAX, &text, &size);
		if (ret)
			return ret == -ENOENT ? 0 : ret;
	}
	ret = parse_text(fsid, text, out, odd);
	free(text);
	return ret;
}

int records_save(const u8 fsid[16], const struct scrub_records *r)
{
	struct strbuf sb CLEANUP(sb_fini) = STRBUF_INIT;
	char path[PATH_LEN], temporary[PATH_LEN];
	int fd, lock, ret;

	mkdir(SCRUB_DIR, 0755);
	path_of("status", fsid, "", path);
	path_of("status", fsid, "_tmp", temporary);
	records_text(fsid, r, &sb);
	lock = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX)) {
		ret = -errno;
		close(lock);
		return ret;
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ret = fd < 0 ? -errno : io_write(fd, sb_str(&sb), sb.len);
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	close(lock);
	return ret;
}

int records_listen(const u8 fsid[16])
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char path[PATH_LEN];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	mkdir(SCRUB_DIR, 0755);
	memcpy(at.sun_path, path_of("progress", fsid, "", path), PATH_LEN);
	unlink(path);
	if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 100))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

void records_serve(int fd, int milliseconds, const char *text, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int client;

	if (poll(&p, fd >= 0, milliseconds) <= 0)
		return;
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (client < 0)
		return;
	/* whoever does not read waits for nobody but himself */
	for (ssize_t n; len && (n = send(client, text, len, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0; text += n, len -= n)
		;
	close(client);
}

void records_unlisten(const u8 fsid[16], int fd)
{
	char path[PATH_LEN];

	if (fd < 0)
		return;
	close(fd);
	unlink(path_of("progress", fsid, "", path));
}

void records_sum(const struct scrub_records *r, struct scrub_record *out)
{
	*out = (struct scrub_record){ .finished = r->len };
	for (size_t i = 0; i < r->len; i++) {
		const struct scrub_record *s = &r->v[i];

		for (unsigned c = 0; c < KSCRUB_COUNTERS; c++)
			out->p.v[c] = s->p.v[c] + (c == KSCRUB_LAST_PHYSICAL ? 0 : out->p.v[c]);
		if (s->t_start && (!out->t_start || s->t_start < out->t_start))
			out->t_start = s->t_start;
		out->t_resumed = max_t(u64, out->t_resumed, s->t_resumed);
		out->duration = max_t(u64, out->duration, s->duration);
		out->cancelled |= s->cancelled;
		out->finished &= s->finished;
	}
}
