/* SPDX-License-Identifier: MIT */
#include "base/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/out.h"

enum { BAR_WIDTH = 24, BAR_LEAST = 4, COMMENT_MAX = 60, DIGEST_SHOWN = 7 + 12 };
enum { LEAST_COLUMNS = 55, USUAL_COLUMNS = 80 };

static const int64_t redraw_ns = 100000000;

struct progress {
	enum progress_mode mode; /* not PROGRESS_AUTO */
	int fd;
	uint64_t total, layers;
	uint64_t total_bytes, bytes;
	int64_t start, drawn; /* when, in nanoseconds */
	bool on_screen;
	struct buf image; /* the last lines */
};

int progress_mode(const char *name, enum progress_mode *mode, struct err *e)
{
	static const char *const names[] = { "auto", "bar", "lines", "none" };
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0) {
			*mode = (enum progress_mode)i;
			return 0;
		}
	return err_set(e, 0, "expected auto, bar, lines or none, found '%s'", name);
}

static int64_t now(void)
{
	struct timespec t = { 0 };
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Of a terminal; of what is none, or does not say, what is usual. */
static size_t columns(int fd)
{
	struct winsize size = { 0 };
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : USUAL_COLUMNS;
}

static bool can_redraw(int fd)
{
	const char *term = getenv("TERM");
	return !isatty(fd) ||
	       (columns(fd) >= LEAST_COLUMNS && !(term && strcmp(term, "dumb") == 0));
}

struct progress *progress_new(enum progress_mode mode, int fd, uint64_t total, uint64_t bytes)
{
	struct progress *p = xcalloc(1, sizeof *p);
	if (mode == PROGRESS_AUTO)
		mode = isatty(fd) && !getenv("NIX_LOG_FD") ? PROGRESS_BAR : PROGRESS_NONE;
	p->mode = mode == PROGRESS_BAR && !can_redraw(fd) ? PROGRESS_LINES : mode;
	p->fd = fd;
	p->total = total;
	p->total_bytes = bytes;
	p->start = now();
	return p;
}

/* "12.3 MB" */
static void add_size(struct buf *b, double n)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t unit = 0;
	for (; n >= 999.95 && unit < 4; n /= 1000)
		unit++;
	buf_addf(b, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

static void add_count(struct buf *b, const struct progress *p)
{
	buf_addf(b, "layer %" PRIu64, p->layers);
	if (p->total)
		buf_addf(b, "/%" PRIu64, p->total);
}

/* How much is done, from 0 to 1; -1: nobody knows. */
static double done(const struct progress *p)
{
	uint64_t part = p->total_bytes ? p->bytes : p->layers;
	uint64_t whole = p->total_bytes ? p->total_bytes : p->total;
	return !whole ? -1 : part < whole ? (double)part / (double)whole : 1;
}

/* room: columns that are free */
static void add_bar(struct buf *b, double part, size_t room)
{
	if (room < BAR_LEAST + 3)
		return;
	size_t width = room < BAR_WIDTH + 3 ? room - 3 : BAR_WIDTH;
	size_t filled = (size_t)(part * (double)width);
	buf_adds(b, " [");
	for (size_t i = 0; i < width; i++)
		buf_addc(b, i < filled ? '#' : '.');
	buf_addc(b, ']');
}

/* " 1:05 left"; nothing before there is something to reckon with. */
static void add_left(struct buf *b, const struct progress *p, double seconds)
{
	double part = p->total_bytes ? done(p) : -1;
	double left = part > 0 && seconds >= 1 ? seconds / part - seconds : -1;
	unsigned n = left < 0 || left >= 100 * 3600 ? 0 : (unsigned)left;
	if (left < 0 || left >= 100 * 3600)
		return;
	if (n >= 3600)
		buf_addf(b, " %u:%02u:%02u left", n / 3600, n / 60 % 60, n % 60);
	else
		buf_addf(b, " %u:%02u left", n / 60, n % 60);
}

/* What stands behind the bar. */
static void add_figures(struct buf *b, const struct progress *p, double seconds)
{
	buf_addc(b, ' ');
	add_size(b, (double)p->bytes);
	buf_addc(b, ' ');
	add_size(b, seconds > 0 ? (double)p->bytes / seconds : 0);
	buf_adds(b, "/s");
	add_left(b, p, seconds);
}

static void put(const struct progress *p, const struct buf *b)
{
	/* nothing depends on whether it can be seen */
	(void)!out_write_fd(p->fd, b->s, b->len);
}

static void draw(struct progress *p)
{
	AUTO_BUF struct buf b = { 0 }, figures = { 0 };
	int64_t time = now();
	double seconds = (double)(time - p->start) / 1e9;
	if (p->on_screen && time - p->drawn < redraw_ns)
		return;
	p->drawn = time;
	p->on_screen = true;
	buf_addc(&b, '\r');
	add_count(&b, p);
	add_figures(&figures, p, seconds);
	size_t used = b.len + figures.len; /* the last column stays free for the cursor */
	if (done(p) >= 0 && used < columns(p->fd))
		add_bar(&b, done(p), columns(p->fd) - used);
	buf_add(&b, figures.s, figures.len);
	buf_adds(&b, "\x1b[K");
	put(p, &b);
}

void progress_bytes(struct progress *p, uint64_t n)
{
	p->bytes += n;
	if (p->mode == PROGRESS_BAR)
		draw(p);
}

/* The beginning of a text, cut between characters. */
static void add_short(struct buf *b, const char *s, size_t max)
{
	size_t len = strlen(s), at = 0, n;
	while (at < len && at < max && (n = esc_utf8(s + at, len - at)))
		at += n;
	esc_message(b, s, at);
	if (at < len)
		buf_adds(b, "…");
}

void progress_layer(struct progress *p, uint64_t size, const char *digest, const char *comment)
{
	AUTO_BUF struct buf b = { 0 };
	p->layers++;
	if (p->mode == PROGRESS_BAR)
		draw(p);
	if (p->mode != PROGRESS_LINES)
		return;
	add_count(&b, p);
	buf_adds(&b, ": ");
	add_size(&b, (double)size);
	buf_addc(&b, ' ');
	add_short(&b, digest, DIGEST_SHOWN);
	if (comment) {
		buf_addc(&b, ' ');
		add_short(&b, comment, COMMENT_MAX);
	}
	buf_addc(&b, '\n');
	put(p, &b);
}

static void clear(struct progress *p)
{
	static const char erase[] = "\r\x1b[K";
	if (p->on_screen)
		(void)!out_write_fd(p->fd, erase, sizeof erase - 1);
	p->on_screen = false;
}

void progress_image(struct progress *p, const char *name, const char *id)
{
	buf_addf(&p->image, name ? "image %s %s\n" : "image %s%s\n", name ? name : "", id);
}

void progress_finish(struct progress *p)
{
	clear(p);
	if (p->mode != PROGRESS_NONE)
		put(p, &p->image);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	clear(p);
	buf_free(&p->image);
	free(p);
}

void progress_cleanup(struct progress **p)
{
	progress_free(*p);
}
