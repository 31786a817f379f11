/* SPDX-License-Identifier: MIT */
#include "image/image_lines.h"

#include <string.h>

#include "base/jq.h"
#include "image-lines.jq.h"

static const char sha256[] = "sha256:", blobs[] = "blobs/sha256/";

/* --- lines --- */

bool image_line_is(const struct image_line *l, const char *key, size_t n)
{
	return l->n == n && strcmp(l->fields[0], key) == 0;
}

static void line_free(struct image_line *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->fields[i]);
}

static int line_split(const struct record_reader *r, const struct record_field *rec,
		      struct image_line *l, struct err *e)
{
	struct record_field fields[IMAGE_LINE_FIELDS];
	size_t n = 1;
	for (size_t i = 0; i < rec->len; i++)
		n += rec->s[i] == '\t';
	if (n > IMAGE_LINE_FIELDS)
		return record_err(r, e, "expected at most %d fields", IMAGE_LINE_FIELDS);
	if (record_split(r, rec, fields, n, e) < 0)
		return -1;
	*l = (struct image_line){ .text = *rec };
	for (; l->n < n; l->n++)
		if (record_string(r, &fields[l->n], "value", l->n > 0, &l->fields[l->n], e) < 0)
			return -1;
	return 0;
}

/* Who takes the lines. */
struct taker {
	image_line_fn *fn;
	void *context;
};

static int read_line(const struct record_reader *r, const struct record_field *rec, void *context,
		     struct err *e)
{
	const struct taker *taker = context;
	struct image_line l = { .n = 0 };
	int status = line_split(r, rec, &l, e);
	if (status == 0 && (status = taker->fn(taker->context, &l, e)) < 0)
		err_wrap(e, "%s", r->name);
	line_free(&l);
	return status;
}

int image_lines_read(int fd, const char *name, image_line_fn *fn, void *context, struct err *e)
{
	struct taker taker = { fn, context };
	return record_each(fd, name, read_line, &taker, e);
}

int image_lines(const char *program, const char *const *args, const char *where,
		const struct buf *json, image_line_fn *fn, void *context, struct err *e)
{
	AUTO_PROC struct proc p = PROC_NONE;
	AUTO_FREE char *whole = xasprintf("%s%s", jq_image_lines, program);
	if (jq_start_text(&p, whole, args, json->s, json->len, e) < 0)
		return err_wrap(e, "%s", where);
	if (image_lines_read(p.out, where, fn, context, e) < 0)
		return -1;
	return jq_wait(&p, e) < 0 ? err_wrap(e, "%s", where) : 0;
}

int image_add_descriptor(struct image_descriptor **list, size_t *n, struct image_line *l,
			 struct err *e)
{
	if (*n == IMAGE_MAX_IMAGES)
		return err_set(e, 0, "more than %d images in one index", IMAGE_MAX_IMAGES);
	*list = xrealloc(*list, (*n + 1) * sizeof **list);
	struct image_descriptor *d = &(*list)[(*n)++];
	d->digest = STEAL(l->fields[1]);
	d->platform = STEAL(l->fields[2]);
	return 0;
}

/* --- blobs --- */

char *image_blob_name(const char *digest, bool flat)
{
	return xasprintf("%s%s", flat ? "" : blobs, digest + sizeof sha256 - 1);
}

/* What follows the prefix, else s itself. */
static const char *behind(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(s, prefix, len) == 0 ? s + len : s;
}

bool image_blob_digest(const char *name, char **digest)
{
	const char *base = behind(name, "./"), *hex = behind(base, blobs);
	if (hex == base || !digest_is_hex(hex, strlen(hex)))
		return false;
	*digest = xasprintf("%s%s", sha256, hex);
	return true;
}

/* The digest that a member must have: the one that was asked for, or that of a layout's blob. */
static char *expected(const struct imagefile_member *m, const char *digest)
{
	char *named = NULL;
	if (digest)
		return xstrdup(digest);
	return image_blob_digest(m->name, &named) ? named : NULL;
}

int image_text(struct imagefile *f, const char *name, const char *digest, struct buf *text,
	       struct err *e)
{
	struct imagefile_member m;
	char hex[DIGEST_HEX_LEN + 1];
	if (imagefile_find(f, name, &m, e) < 0 || imagefile_text(f, name, text, e) < 0)
		return -1;
	AUTO_FREE char *want = expected(&m, digest);
	if (!want)
		return 0;
	digest_of(text->s, text->len, hex);
	if (strcmp(hex, want + sizeof sha256 - 1) == 0)
		return 0;
	return err_set(e, 0, "%s: '%s' is damaged: its bytes are sha256:%s", imagefile_name(f),
		       m.name, hex);
}
