/* SPDX-License-Identifier: MIT */
#include "vm/vmsession.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/out.h"
#include "base/spool.h"

/* bytes read at once; a fuzz target reads fewer */
#ifndef VMSESSION_CHUNK
#define VMSESSION_CHUNK (256 << 10)
#endif
enum { CHUNK = VMSESSION_CHUNK, LINE_MAX_LEN = 8 << 10, MS = 1000 };

struct state {
	const struct vmsession *s;
	struct vmguest *g;
	struct vmsession_end *end;
	struct buf line;        /* of the control channel, not whole yet */
	int64_t deadline;       /* in milliseconds; 0: none */
	int64_t waited;         /* milliseconds for a processor that the deadline allows for */
	uint64_t logged, heard; /* bytes of the script's output: announced, and here */
	char data[CHUNK];
};

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * MS + t.tv_nsec / (1000 * 1000);
}

static void set_deadline(struct state *s, unsigned seconds)
{
	s->deadline = seconds ? now() + (int64_t)seconds * MS : 0;
}

/* --- what the guest says --- */

static int nonsense(const char *line, struct err *e)
{
	return err_set(e, 0, "the guest sent '%s', which is not valid", line);
}

static int read_logged(struct state *s, const char *rest, struct err *e)
{
	if (s->end->state != VMSESSION_RUNNING || s->logged ||
	    num_parse(rest, strlen(rest), 10, 0, INT64_MAX, &s->logged, e) < 0)
		return nonsense(rest, e);
	return 0;
}

static int read_done(struct state *s, const char *rest, struct err *e)
{
	struct vmsession_end *end = s->end;
	const char *space = strchr(rest, ' ');
	uint64_t status;
	if (end->state != VMSESSION_RUNNING || !space ||
	    num_parse(rest, (size_t)(space - rest), 10, 0, UINT8_MAX, &status, e) < 0 ||
	    num_parse(space + 1, strlen(space + 1), 10, 0, INT64_MAX, &end->announced, e) < 0)
		return nonsense(rest, e);
	end->status = (int)status;
	end->state = VMSESSION_DONE;
	return 0;
}

static int read_failure(struct state *s, const char *rest, struct err *e)
{
	const char *space = strchr(rest, ' ');
	uint64_t code;
	if (s->end->state >= VMSESSION_DONE || !space ||
	    num_parse(rest, (size_t)(space - rest), 10, 0, UINT16_MAX, &code, e) < 0)
		return nonsense(rest, e);
	s->end->code = (int)code;
	s->end->message = xstrdup(space + 1);
	s->end->state = VMSESSION_FAILED;
	return 0;
}

/* Whether the line begins with the word; *rest is what follows. */
static bool is_word(const char *line, const char *word, const char **rest)
{
	size_t len = strlen(word);
	if (strncmp(line, word, len) != 0)
		return false;
	*rest = line + len;
	return true;
}

static int read_line(struct state *s, const char *line, struct err *e)
{
	const char *rest;
	if (strcmp(line, "boot") == 0 && s->end->state == VMSESSION_STARTED) {
		s->end->state = VMSESSION_BOOTED;
		set_deadline(s, 0);
		return 0;
	}
	if (strcmp(line, "run") == 0 && s->end->state == VMSESSION_BOOTED) {
		s->end->state = VMSESSION_RUNNING;
		set_deadline(s, s->s->timeout);
		return 0;
	}
	if (is_word(line, "note ", &rest)) {
		s->s->note(rest);
		return 0;
	}
	if (is_word(line, "logged ", &rest))
		return read_logged(s, rest, e);
	if (is_word(line, "done ", &rest))
		return read_done(s, rest, e);
	if (is_word(line, "fail ", &rest))
		return read_failure(s, rest, e);
	return nonsense(line, e);
}

static int take_control(struct state *s, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		char c = s->data[i];
		if (c != '\n') {
			buf_addc(&s->line, c ? c : '?');
			if (s->line.len > LINE_MAX_LEN)
				return err_set(e, 0, "the guest sent a line that is too long");
			continue;
		}
		if (read_line(s, s->line.s ? s->line.s : "", e) < 0)
			return -1;
		buf_clear(&s->line);
	}
	return 0;
}

static int take_log(struct state *s, size_t len, struct err *e)
{
	s->heard += len;
	if (out_write_fd(s->s->log, s->data, len) < 0)
		return err_set(e, errno, "cannot pass on the script's output");
	return 0;
}

static int take_result(struct state *s, size_t len, struct err *e)
{
	s->end->received += len;
	if (s->end->received > s->s->max_result)
		return err_set(e, 0, "the layer has more than %" PRIu64 " bytes", s->s->max_result);
	return spool_write(s->s->result, s->data, len, e);
}

/* Its end is what matters. */
static int take_console(struct state *s, size_t len, struct err *e)
{
	struct buf *b = &s->end->console;
	(void)e;
	buf_add(b, s->data, len);
	if (b->len > (size_t)2 * VMSESSION_CONSOLE) {
		memmove(b->s, b->s + b->len - VMSESSION_CONSOLE, VMSESSION_CONSOLE + 1);
		b->len = VMSESSION_CONSOLE;
	}
	return 0;
}

/* --- listening --- */

static const struct {
	size_t offset; /* of the descriptor in struct vmguest */
	int (*take)(struct state *s, size_t len, struct err *e);
} channels[] = {
	{ offsetof(struct vmguest, control), take_control },
	{ offsetof(struct vmguest, log), take_log },
	{ offsetof(struct vmguest, result), take_result },
	{ offsetof(struct vmguest, console), take_console },
};
enum { CHANNELS = sizeof channels / sizeof *channels };

static int *channel_fd(struct vmguest *g, int n)
{
	return (int *)(void *)((char *)g + channels[n].offset);
}

/* Takes what is there; at the end of a channel it is closed. */
static int hear(struct state *s, int n, struct err *e)
{
	int *fd = channel_fd(s->g, n);
	ssize_t got = read(*fd, s->data, sizeof s->data);
	if (got > 0)
		return channels[n].take(s, (size_t)got, e);
	if (got < 0 && errno == EINTR)
		return 0;
	/* a reset is an end: the other side is gone */
	close(*fd);
	*fd = -1;
	return 0;
}

/* On a busy machine a guest that boots waits for a processor most of the time. */
static bool is_late(struct state *s)
{
	int64_t waited = s->end->state == VMSESSION_STARTED ? vmguest_waited(s->g) : 0;
	if (waited > s->waited) {
		s->deadline += waited - s->waited;
		s->waited = waited;
	}
	return now() >= s->deadline;
}

static int wait_time(const struct state *s)
{
	if (!s->deadline)
		return -1;
	int64_t left = s->deadline - now();
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static bool is_whole(const struct state *s)
{
	const struct vmsession_end *end = s->end;
	bool layer = end->state == VMSESSION_DONE && end->received >= end->announced;
	return (layer || end->state == VMSESSION_FAILED) && s->heard >= s->logged;
}

/* Hears every channel that has something. *over: all that was announced is there, or process and
 * channels are at their end. */
static int listen_once(struct state *s, bool *over, struct err *e)
{
	struct pollfd fds[CHANNELS + 1];
	bool open = false;
	for (int n = 0; n < CHANNELS; n++) {
		fds[n] = (struct pollfd){ .fd = *channel_fd(s->g, n), .events = POLLIN };
		open = open || fds[n].fd >= 0;
	}
	/* the process counts when all it said is heard */
	fds[CHANNELS] = (struct pollfd){ .fd = open ? -1 : s->g->process, .events = POLLIN };
	int ready = poll(fds, CHANNELS + 1, wait_time(s));
	if (ready < 0 && errno != EINTR)
		return err_set(e, errno, "cannot wait for the guest");
	if (ready == 0 && s->deadline && now() >= s->deadline)
		s->end->late = is_late(s);
	for (int n = 0; ready > 0 && n < CHANNELS; n++)
		if (fds[n].revents && hear(s, n, e) < 0)
			return -1;
	s->end->whole = is_whole(s);
	*over = s->end->whole || s->end->late || (ready > 0 && fds[CHANNELS].revents);
	return 0;
}

int vmsession_run(const struct vmsession *session, struct vmguest *g, struct vmsession_end *end,
		  struct err *e)
{
	AUTO_FREE struct state *s = xcalloc(1, sizeof *s);
	bool over = false;
	int r = 0;
	*s = (struct state){ .s = session, .g = g, .end = end };
	set_deadline(s, session->boot_timeout);
	while (r == 0 && !over)
		r = listen_once(s, &over, e);
	buf_free(&s->line);
	vmguest_end(g, &end->wait_status);
	return r;
}

void vmsession_end_free(struct vmsession_end *end)
{
	free(end->message);
	buf_free(&end->console);
}
