/* SPDX-License-Identifier: MIT */
#include "tar/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/esc.h"

enum {
	CHUNK = 32 << 10, /* of a directory, read at once */
	KEEP_OPEN = 64,   /* directories on the way down; those above are reopened on the way up */
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

struct name {
	size_t at; /* in names */
	unsigned char type;
};

/* A directory on the way down. */
struct frame {
	int fd; /* -1: closed for the while, dev and ino tell it again */
	dev_t dev;
	ino_t ino;
	size_t path_len;
	size_t names_len; /* what was in the stacks before this directory */
	size_t first;
	size_t next;
	size_t end;
};

struct walk {
	struct buf path;
	struct buf names;     /* a stack, each name with its NUL */
	struct name *entries; /* a stack beside it */
	size_t nentries, entries_cap;
	struct frame *frames;
	size_t depth, frames_cap;
	int start_dir;
	struct buf start_name;
	bool started;
	bool bytewise;
	struct walk_entry entry;
	char chunk[CHUNK] __attribute__((aligned(8)));
};

/* --- the order of names --- */

static uint32_t code_point(const unsigned char *s, size_t len)
{
	static const unsigned char lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = s[0] & lead_bits[len];
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/* The code point at s, which has left bytes and is moved on; 0 at the end. */
static uint32_t next_code_point(const char **s, size_t *left)
{
	if (!*left)
		return 0;
	size_t len = esc_utf8(*s, *left);
	const unsigned char *bytes = (const unsigned char *)*s;
	uint32_t c = len ? code_point(bytes, len) : 0xdc00U + *bytes;
	*s += len ? len : 1;
	*left -= len ? len : 1;
	return c;
}

int walk_compare(const char *a, const char *b)
{
	size_t i = 0;
	while (a[i] && a[i] == b[i])
		i++;
	unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];
	if (x < 0x80 && y < 0x80)
		return (x > y) - (x < y);
	size_t left_a = strlen(a), left_b = strlen(b);
	uint32_t ca, cb;
	do {
		ca = next_code_point(&a, &left_a);
		cb = next_code_point(&b, &left_b);
	} while (ca == cb && ca);
	return (ca > cb) - (ca < cb);
}

static int compare_entries(const void *a, const void *b, void *names)
{
	const char *base = names;
	const struct name *x = a, *y = b;
	return walk_compare(base + x->at, base + y->at);
}

static int compare_bytes(const void *a, const void *b, void *names)
{
	const char *base = names;
	const struct name *x = a, *y = b;
	return strcmp(base + x->at, base + y->at);
}

/* --- reading one directory --- */

int walk_changed(const char *path, struct err *e)
{
	return err_set(e, 0, "'%s' changed while it was read", path);
}

static int cannot_open(const char *path, struct err *e)
{
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
		return walk_changed(path, e);
	return err_set(e, errno, "cannot open directory '%s'", path);
}

static unsigned char stat_type(mode_t mode)
{
	return (unsigned char)IFTODT(mode);
}

static int find_type(int dir, const char *name, const char *path, unsigned char *type,
		     struct err *e)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "cannot read '%s'", path);
	*type = stat_type(st.st_mode);
	return 0;
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Pushes the names in the first len bytes of the chunk. */
static void push_names(struct walk *w, size_t len)
{
	for (size_t at = 0; at < len;) {
		const struct dirent64 *d = (const void *)(w->chunk + at);
		at += d->d_reclen;
		if (is_dot(d->d_name))
			continue;
		w->entries =
			mem_grow(w->entries, &w->entries_cap, w->nentries + 1, sizeof *w->entries);
		w->entries[w->nentries++] = (struct name){ w->names.len, d->d_type };
		buf_add(&w->names, d->d_name, strlen(d->d_name) + 1);
	}
}

static int read_names(struct walk *w, int fd, struct err *e)
{
	for (;;) {
		ssize_t n = getdents64(fd, w->chunk, sizeof w->chunk);
		if (n < 0)
			return err_set(e, errno, "cannot read directory '%s'", w->path.s);
		if (n == 0)
			return 0;
		push_names(w, (size_t)n);
	}
}

uint32_t walk_checksum(uint32_t sum, const char *s)
{
	const unsigned char *c = (const unsigned char *)s;
	sum ^= 2166136261U; /* so that sums begin at 0 */
	do
		sum = (sum ^ *c) * 16777619U;
	while (*c++);
	return sum ^ 2166136261U;
}

static uint32_t names_checksum(const struct walk *w, const struct frame *f)
{
	uint32_t sum = 0;
	for (size_t i = f->first; i < f->end; i++)
		sum = walk_checksum(sum, w->names.s + w->entries[i].at);
	return sum;
}

/* --- the way down and up --- */

/* Closes a directory far above; what tells it again is noted first. */
static int park(struct walk *w, struct frame *f, struct err *e)
{
	struct stat st;
	if (fstat(f->fd, &st) < 0)
		return err_set(e, errno, "cannot read '%.*s'", (int)f->path_len, w->path.s);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	close(f->fd);
	f->fd = -1;
	return 0;
}

/* Opens the directory again, as the parent of the one below. */
static int unpark(struct walk *w, struct frame *f, int below, struct err *e)
{
	struct stat st;
	AUTO_CLOSE int fd = openat(below, "..", OPEN_DIR);
	w->path.s[f->path_len] = '\0';
	if (fd < 0)
		return cannot_open(w->path.s, e);
	if (fstat(fd, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino)
		return walk_changed(w->path.s, e);
	f->fd = fd;
	fd = -1;
	return 0;
}

/* Opens and reads the directory that is the current entry. */
static int push(struct walk *w, struct err *e)
{
	if (w->depth >= KEEP_OPEN && park(w, &w->frames[w->depth - KEEP_OPEN], e) < 0)
		return -1;
	int fd = openat(w->entry.dir, w->entry.name, OPEN_DIR);
	if (fd < 0)
		return cannot_open(w->path.s, e);
	w->frames = mem_grow(w->frames, &w->frames_cap, w->depth + 1, sizeof *w->frames);
	struct frame *f = &w->frames[w->depth++];
	*f = (struct frame){ .fd = fd,
			     .path_len = w->path.len,
			     .names_len = w->names.len,
			     .first = w->nentries,
			     .next = w->nentries };
	if (read_names(w, fd, e) < 0)
		return -1;
	f->end = w->nentries;
	if (f->end > f->first)
		qsort_r(w->entries + f->first, f->end - f->first, sizeof *w->entries,
			w->bytewise ? compare_bytes : compare_entries, w->names.s);
	w->entry.entries = (uint32_t)(f->end - f->first);
	w->entry.names = names_checksum(w, f);
	return 0;
}

static int pop(struct walk *w, struct err *e)
{
	struct frame *f = &w->frames[w->depth - 1];
	AUTO_CLOSE int fd = f->fd;
	w->names.len = f->names_len;
	w->nentries = f->first;
	w->depth--;
	if (w->depth && f[-1].fd < 0)
		return unpark(w, f - 1, fd, e);
	return 0;
}

/* Makes the path end in the name, in the place of what follows its first len bytes. */
static const char *set_name(struct walk *w, size_t len, const char *name)
{
	w->path.len = len;
	buf_addc(&w->path, '/');
	buf_adds(&w->path, name);
	return w->path.s + len + 1;
}

/* Makes the entry current: its type is found, and a directory is read. */
static int visit(struct walk *w, int dir, const char *name, unsigned char type, struct err *e)
{
	if (type == DT_UNKNOWN && find_type(dir, name, w->path.s, &type, e) < 0)
		return -1;
	w->entry = (struct walk_entry){ .name = name, .dir = dir, .type = type, .depth = w->depth };
	int r = type == DT_DIR ? push(w, e) : 0;
	w->entry.path = w->path.s;
	return r;
}

static void forget(struct walk *w)
{
	for (; w->depth; w->depth--)
		if (w->frames[w->depth - 1].fd >= 0)
			close(w->frames[w->depth - 1].fd);
	w->nentries = 0;
	buf_clear(&w->names);
	buf_clear(&w->path);
	buf_clear(&w->start_name);
}

struct walk *walk_new(void)
{
	return xcalloc(1, sizeof(struct walk));
}

void walk_bytewise(struct walk *w)
{
	w->bytewise = true;
}

int walk_start(struct walk *w, int dir, const char *name, const char *path, struct err *e)
{
	unsigned char type;
	forget(w);
	buf_adds(&w->path, path);
	buf_adds(&w->start_name, name);
	w->start_dir = dir;
	w->started = false;
	return find_type(dir, name, path, &type, e);
}

int walk_next(struct walk *w, const struct walk_entry **entry, struct err *e)
{
	*entry = NULL;
	if (!w->started) {
		w->started = true;
		if (visit(w, w->start_dir, w->start_name.s, DT_UNKNOWN, e) < 0)
			return -1;
		*entry = &w->entry;
		return 0;
	}
	while (w->depth && w->frames[w->depth - 1].next == w->frames[w->depth - 1].end)
		if (pop(w, e) < 0)
			return -1;
	if (!w->depth)
		return 0;
	struct frame *f = &w->frames[w->depth - 1];
	const struct name *n = &w->entries[f->next++];
	const char *name = set_name(w, f->path_len, w->names.s + n->at);
	if (visit(w, f->fd, name, n->type, e) < 0)
		return -1;
	*entry = &w->entry;
	return 0;
}

void walk_skip(struct walk *w)
{
	struct frame *f = &w->frames[w->depth - 1];
	f->next = f->end;
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	forget(w);
	free(w->path.s);
	free(w->names.s);
	free(w->start_name.s);
	free(w->entries);
	free(w->frames);
	free(w);
}

void walk_cleanup(struct walk **w)
{
	walk_free(*w);
}
