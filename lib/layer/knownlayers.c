/* SPDX-License-Identifier: MIT */
#include "layer/knownlayers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/intern.h"
#include "base/jsonwrite.h"
#include "base/num.h"
#include "base/out.h"
#include "base/outfile.h"

enum { FIELDS = 7, CHECK_LEN = 16, CHUNK = 64 << 10, LINE_MAX_LEN = 4096 };

struct knownlayers {
	const char *path;
	struct intern texts;
	struct knownlayers_layer *layers;
	size_t n, cap;
	size_t added; /* the last so many are not in the file yet */
	uint64_t lines;
	uint64_t first_ignored;
	size_t ignored;
};

struct field {
	char *s;
	size_t len;
};

/* --- one line --- */

static void check_of(const char *s, size_t len, char hex[DIGEST_HEX_LEN + 1])
{
	digest_of(s, len, hex);
	hex[CHECK_LEN] = '\0';
}

static bool split(char *line, size_t len, struct field f[FIELDS])
{
	char *end = line + len;
	for (size_t i = 0; i < FIELDS; i++) {
		char *tab = memchr(line, '\t', (size_t)(end - line));
		if (!tab != (i == FIELDS - 1))
			return false;
		f[i] = (struct field){ line, (size_t)((tab ? tab : end) - line) };
		line = tab ? tab + 1 : end;
	}
	return true;
}

/* Takes 64 hex digits, where there are any. */
static bool take_hex(const char *digits, char hex[DIGEST_HEX_LEN + 1])
{
	if (!digits)
		return false;
	memcpy(hex, digits, DIGEST_HEX_LEN);
	hex[DIGEST_HEX_LEN] = '\0';
	return true;
}

static bool is_key(const struct field *f, char hex[DIGEST_HEX_LEN + 1])
{
	if (f->len == 1 && *f->s == '-')
		return true;
	return digest_is_hex(f->s, f->len) && take_hex(f->s, hex);
}

static bool is_digest(const struct field *f, char hex[DIGEST_HEX_LEN + 1])
{
	return take_hex(digest_digits(f->s, f->len), hex);
}

static bool is_text(const struct field *f)
{
	for (size_t i = 0; i < f->len; i++)
		if (f->s[i] < ' ' || f->s[i] > '~' || f->s[i] == '\\')
			return false;
	return f->len > 0;
}

/* A layer stream puts it between spaces. */
static bool is_word(const struct field *f)
{
	return is_text(f) && !memchr(f->s, ' ', f->len);
}

static bool is_size(const struct field *f, uint64_t *size)
{
	struct err ignored = { 0 };
	bool good = num_parse(f->s, f->len, 10, 0, JSON_WHOLE_MAX, size, &ignored) == 0;
	err_clear(&ignored);
	return good;
}

/* Whether it is a whole line, with the check that it must have. */
static bool parse(struct knownlayers *k, char *line, size_t len, struct knownlayers_layer *l)
{
	struct field f[FIELDS];
	char check[DIGEST_HEX_LEN + 1];
	if (!split(line, len, f))
		return false;
	check_of(line, (size_t)(f[6].s - line), check);
	if (f[6].len != CHECK_LEN || memcmp(f[6].s, check, CHECK_LEN) != 0)
		return false;
	*l = (struct knownlayers_layer){ .key = "" };
	if (!is_key(&f[0], l->key) || !is_text(&f[1]) || !is_digest(&f[2], l->diffid) ||
	    !is_word(&f[3]) || !is_digest(&f[4], l->digest) || !is_size(&f[5], &l->size))
		return false;
	l->compressor = intern_keep(&k->texts, f[1].s, f[1].len);
	l->media_type = intern_keep(&k->texts, f[3].s, f[3].len);
	return true;
}

static void write_line(struct buf *b, const struct knownlayers_layer *l)
{
	char check[DIGEST_HEX_LEN + 1];
	size_t start = b->len;
	buf_addf(b, "%s\t%s\tsha256:%s\t%s\tsha256:%s\t%" PRIu64 "\t", *l->key ? l->key : "-",
		 l->compressor, l->diffid, l->media_type, l->digest, l->size);
	check_of(b->s + start, b->len - start, check);
	buf_addf(b, "%s\n", check);
}

/* --- reading --- */

static void keep(struct knownlayers *k, const struct knownlayers_layer *l)
{
	k->layers = mem_grow(k->layers, &k->cap, k->n + 1, sizeof *k->layers);
	k->layers[k->n++] = *l;
}

static void take_line(struct knownlayers *k, char *line, size_t len, bool ended)
{
	struct knownlayers_layer l;
	k->lines++;
	if (ended && parse(k, line, len, &l)) {
		keep(k, &l);
	} else if (k->ignored++ == 0) {
		k->first_ignored = k->lines;
	}
}

/* Takes the whole lines of a piece; what is left stays in the buffer, unless it is too long for
 * one. */
static void take_lines(struct knownlayers *k, struct buf *b, bool *skip)
{
	size_t at = 0;
	for (char *end; (end = memchr(b->s + at, '\n', b->len - at));) {
		size_t len = (size_t)(end - (b->s + at));
		take_line(k, b->s + at, len, !*skip);
		*skip = false;
		at += len + 1;
	}
	memmove(b->s, b->s + at, b->len - at);
	b->len -= at;
	if (b->len > LINE_MAX_LEN) {
		*skip = true;
		b->len = 0;
	}
}

static int read_lines(struct knownlayers *k, int fd, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	bool skip = false;
	for (;;) {
		char *to = buf_extend(&b, CHUNK);
		ssize_t n = read(fd, to, CHUNK);
		b.len -= CHUNK - (n > 0 ? (size_t)n : 0);
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot read '%s'", k->path);
		if (n > 0)
			take_lines(k, &b, &skip);
		if (n == 0)
			break;
	}
	if (b.len || skip)
		take_line(k, b.s, b.len, false);
	return 0;
}

/* Opens the file; *fd is -1 where it is not there, but its directory is. */
static int open_file(const char *path, int *fd, struct err *e)
{
	struct stat st;
	AUTO_FREE char *dir = outfile_directory(path);
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 && (errno != ENOENT || stat(dir, &st) < 0))
		return err_set(e, errno, "cannot open '%s'", path);
	if (*fd >= 0 && fstat(*fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return err_set(e, 0, "cannot read '%s': it is a pipe: expected a file", path);
	return 0;
}

static void say_ignored(const struct knownlayers *k, knownlayers_warn *warn, const void *context)
{
	if (k->ignored == 0)
		return;
	AUTO_FREE char *text =
		xasprintf("%s:%" PRIu64 ": not a whole line of known-layers(5)%s: ignored", k->path,
			  k->first_ignored, k->ignored > 1 ? ", and not the only one" : "");
	warn(context, text);
}

int knownlayers_read(const char *path, knownlayers_warn *warn, const void *context,
		     struct knownlayers **known, struct err *e)
{
	AUTO_KNOWNLAYERS struct knownlayers *k = xcalloc(1, sizeof *k);
	AUTO_CLOSE int fd = -1;
	k->path = path;
	if (open_file(path, &fd, e) < 0 || (fd >= 0 && read_lines(k, fd, e) < 0))
		return -1;
	say_ignored(k, warn, context);
	*known = STEAL(k);
	return 0;
}

/* --- what is known --- */

/* Whether a layer was compressed so; behind that may stand what else there is to say of the blob.
 */
static bool is_made_by(const struct knownlayers_layer *l, const char *compressor)
{
	size_t len = strlen(compressor);
	return strncmp(l->compressor, compressor, len) == 0 &&
	       (l->compressor[len] == '\0' || strncmp(l->compressor + len, "; ", 2) == 0);
}

static const struct knownlayers_layer *last(const struct knownlayers *k, const char *key,
					    const char *diffid, const char *compressor)
{
	for (size_t i = k->n; i-- > 0;) {
		const struct knownlayers_layer *l = &k->layers[i];
		if (strcmp(key ? l->key : l->diffid, key ? key : diffid) == 0 &&
		    is_made_by(l, compressor))
			return l;
	}
	return NULL;
}

/*
 * Whether another key has the same bytes. Names, owners and times are in a layer as they are in its
 * key, so two keys never have: one of the lines is wrong, and nobody can tell which.
 */
static bool is_doubtful(const struct knownlayers *k, const struct knownlayers_layer *l)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct knownlayers_layer *other = &k->layers[i];
		if (*other->key && strcmp(other->key, l->key) != 0 &&
		    (strcmp(other->diffid, l->diffid) == 0 ||
		     strcmp(other->digest, l->digest) == 0) &&
		    last(k, other->key, NULL, other->compressor) == other)
			return true;
	}
	return false;
}

const struct knownlayers_layer *knownlayers_find(const struct knownlayers *k, const char *key,
						 const char *diffid, const char *compressor)
{
	const struct knownlayers_layer *l = last(k, key, diffid, compressor);
	return l && key && is_doubtful(k, l) ? NULL : l;
}

/* --- writing --- */

void knownlayers_add(struct knownlayers *k, const struct knownlayers_layer *layer)
{
	const struct knownlayers_layer *l =
		last(k, *layer->key ? layer->key : NULL, layer->diffid, layer->compressor);
	if (l && strcmp(l->diffid, layer->diffid) == 0 && strcmp(l->digest, layer->digest) == 0 &&
	    l->size == layer->size)
		return;
	struct knownlayers_layer copy = *layer;
	copy.compressor = intern_keep(&k->texts, layer->compressor, strlen(layer->compressor));
	copy.media_type = intern_keep(&k->texts, layer->media_type, strlen(layer->media_type));
	keep(k, &copy);
	k->added++;
}

/* Whether the file, of that size, ends in a part of a line. */
static bool is_torn(int fd, off_t size)
{
	char last = '\n';
	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int failed(const struct knownlayers *k, struct err *e)
{
	return err_set(e, errno, "cannot write '%s'", k->path);
}

int knownlayers_append(const struct knownlayers *k, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	struct stat st;
	if (k->added == 0)
		return 0;
	AUTO_CLOSE int fd = open(k->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return failed(k, e);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "cannot lock '%s'", k->path);
	if (fstat(fd, &st) < 0)
		return failed(k, e);
	if (is_torn(fd, st.st_size))
		buf_addc(&b, '\n');
	for (size_t i = k->n - k->added; i < k->n; i++)
		write_line(&b, &k->layers[i]);
	if (out_write_fd(fd, b.s, b.len) == 0)
		return 0;
	failed(k, e);
	(void)!ftruncate(fd, st.st_size); /* where that fails too, readers ignore the part */
	return -1;
}

void knownlayers_free(struct knownlayers *k)
{
	if (!k)
		return;
	intern_free(&k->texts);
	free(k->layers);
	free(k);
}

void knownlayers_cleanup(struct knownlayers **k)
{
	knownlayers_free(*k);
}
