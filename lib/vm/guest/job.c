/* SPDX-License-Identifier: MIT */
#include "vm/guest/job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/out.h"
#include "vm/guest/channel.h"
#include "vm/guestproto.h"

static int next_member(struct job *j, const char *name, struct err *e)
{
	enum tarread_event event;
	if (tarread_next(j->tar, &event, e) < 0)
		return -1;
	if (event != TARREAD_ENTRY || strcmp(tarread_entry(j->tar)->name, name) != 0)
		return err_set(e, 0, "job: expected '%s'", name);
	return 0;
}

static int read_strings(struct job *j, const char *name, struct job_strings *s, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	const void *data;
	size_t len;
	if (next_member(j, name, e) < 0)
		return -1;
	do {
		if (tarread_data(j->tar, &data, &len, e) < 0)
			return -1;
		buf_add(&text, data, len);
	} while (len);
	for (size_t at = 0; at < text.len; at += strlen(text.s + at) + 1) {
		s->list = mem_grow(s->list, &s->cap, s->n + 2, sizeof *s->list);
		s->list[s->n++] = xstrdup(text.s + at);
	}
	s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
	s->list[s->n] = NULL;
	return 0;
}

static int read_script(struct job *j, struct err *e)
{
	AUTO_CLOSE int fd = memfd_create("script", MFD_ALLOW_SEALING);
	const void *data;
	size_t len;
	if (fd < 0)
		return err_set(e, errno, "cannot keep the script");
	if (next_member(j, GUEST_SCRIPT, e) < 0)
		return -1;
	do {
		if (tarread_data(j->tar, &data, &len, e) < 0)
			return -1;
		if (out_write_fd(fd, data, len) < 0)
			return err_set(e, errno, "cannot keep the script");
	} while (len);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_set(e, errno, "cannot keep the script");
	j->script = fd;
	fd = -1;
	return 0;
}

int job_open(struct job *j, int fd, struct err *e)
{
	j->tar = tarread_new(fd, "job");
	if (read_strings(j, GUEST_MOUNTS, &j->mounts, e) < 0 ||
	    read_strings(j, GUEST_PLACES, &j->places, e) < 0 ||
	    read_strings(j, GUEST_ENVIRONMENT, &j->environment, e) < 0 ||
	    read_strings(j, GUEST_SHELL, &j->shell, e) < 0)
		return -1;
	return read_script(j, e);
}

static int member_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct job_member *m = (struct job_member *)source;
	const void *piece;
	if (m->len == 0) {
		if (tarread_data(m->tar, &piece, &m->len, e) < 0)
			return -1;
		m->data = piece;
	}
	*got = m->len < len ? m->len : len;
	if (*got)
		memcpy(data, m->data, *got);
	m->data += *got;
	m->len -= *got;
	return 0;
}

int job_tree(struct job *j, const char *name, struct source **tar, struct err *e)
{
	if (next_member(j, name, e) < 0)
		return -1;
	j->member = (struct job_member){ .source = { .name = name, .read = member_read },
					 .tar = j->tar };
	*tar = &j->member.source;
	return 0;
}
