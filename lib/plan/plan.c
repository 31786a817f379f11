/* SPDX-License-Identifier: MIT */
#include "plan/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/record.h"
#include "closure/nixhash.h"
#include "closure/storepath.h"

enum { LAYER, PATH, NAR_SIZE, NAR_HASH, FIELDS };

static void append(struct plan *p, struct plan_path path)
{
	p->paths = mem_grow(p->paths, &p->cap, p->n + 1, sizeof *p->paths);
	p->paths[p->n++] = path;
	p->layers = path.layer;
}

int plan_add(struct plan *p, uint32_t layer, const char *path, const char *nar_hash, bool has_size,
	     uint64_t nar_size, struct err *e)
{
	if (layer == 0 || layer < p->layers || layer - p->layers > 1)
		return err_set(e, 0,
			       "cannot plan '%s': layer %" PRIu32 " cannot follow layer %" PRIu32,
			       path, layer, p->layers);
	append(p, (struct plan_path){ .path = xstrdup(path),
				      .nar_hash = nar_hash ? xstrdup(nar_hash) : NULL,
				      .nar_size = has_size ? nar_size : 0,
				      .has_size = has_size,
				      .layer = layer });
	return 0;
}

static int read_size(const struct record_reader *r, const struct record_field *f,
		     struct plan_path *path, struct err *e)
{
	path->has_size = !esc_is_absent(f->s, f->len);
	if (!path->has_size)
		return 0;
	return record_number(r, f, "nar-size", 0, UINT64_MAX, &path->nar_size, e);
}

static int read_path(const struct record_reader *r, const struct record_field *f,
		     struct plan_path *path, struct err *e)
{
	AUTO_FREE char *s = NULL;
	if (record_string(r, f, "path", 0, &s, e) < 0)
		return -1;
	if (storepath_check(s, NULL, e) < 0)
		return record_wrap(r, e);
	path->path = STEAL(s);
	return 0;
}

static int read_hash(const struct record_reader *r, const struct record_field *f,
		     struct plan_path *path, struct err *e)
{
	char sri[NIXHASH_SRI_LEN + 1];
	if (esc_is_absent(f->s, f->len))
		return 0;
	if (nixhash_sri(f->s, f->len, sri, e) < 0) {
		err_wrap(e, "nar-hash");
		return record_wrap(r, e);
	}
	path->nar_hash = xstrdup(sri);
	return 0;
}

static int read_layer(const struct record_reader *r, const struct record_field *f, uint64_t before,
		      uint64_t *number, struct err *e)
{
	uint64_t layer;
	if (record_number(r, f, "layer", 1, UINT32_MAX, &layer, e) < 0)
		return -1;
	if (layer < before)
		return record_err(r, e,
				  "layer %" PRIu64 " follows layer %" PRIu64
				  ": expected ascending layers (sort -s -n -k 1,1 sorts them)",
				  layer, before);
	*number = layer;
	return 0;
}

/* A plan being read. */
struct reading {
	struct plan plan;
	uint64_t number; /* of the last layer, as it stands in the input */
};

static int read_record(const struct record_reader *r, const struct record_field *rec, void *context,
		       struct err *e)
{
	struct reading *reading = context;
	struct plan *p = &reading->plan;
	struct record_field f[FIELDS];
	struct plan_path path = { 0 };
	uint64_t layer = 0;
	if (record_split(r, rec, f, FIELDS, e) < 0 ||
	    read_layer(r, &f[LAYER], reading->number, &layer, e) < 0 ||
	    read_size(r, &f[NAR_SIZE], &path, e) < 0 || read_path(r, &f[PATH], &path, e) < 0)
		return -1;
	path.layer = p->layers + (layer > reading->number);
	append(p, path);
	reading->number = layer;
	return read_hash(r, &f[NAR_HASH], &p->paths[p->n - 1], e);
}

/* By path, then by place in the plan. */
static int compare(const void *a, const void *b)
{
	const struct plan_path *x = *(const struct plan_path *const *)a;
	const struct plan_path *y = *(const struct plan_path *const *)b;
	int c = strcmp(x->path, y->path);
	return c ? c : (x > y) - (x < y);
}

/* Each line of the input is one path, so a path's place is its line number. */
static int check_unique(const struct plan *p, const char *name, struct err *e)
{
	AUTO_FREE const struct plan_path **sorted = xcalloc(p->n, sizeof *sorted);
	for (size_t i = 0; i < p->n; i++)
		sorted[i] = &p->paths[i];
	qsort(sorted, p->n, sizeof *sorted, compare);
	for (size_t i = 1; i < p->n; i++)
		if (strcmp(sorted[i - 1]->path, sorted[i]->path) == 0)
			return err_set(e, 0, "%s:%zu: path '%s' is already in line %zu", name,
				       (size_t)(sorted[i] - p->paths) + 1, sorted[i]->path,
				       (size_t)(sorted[i - 1] - p->paths) + 1);
	return 0;
}

int plan_read(int fd, const char *name, struct plan *p, struct err *e)
{
	struct reading reading = { 0 };
	if (record_each(fd, name, read_record, &reading, e) < 0 ||
	    check_unique(&reading.plan, name, e) < 0) {
		plan_free(&reading.plan);
		return -1;
	}
	*p = reading.plan;
	return 0;
}

static void format(struct buf *b, const struct plan_path *path)
{
	buf_clear(b);
	buf_addf(b, "%" PRIu32 "\t", path->layer);
	esc_field(b, path->path, strlen(path->path));
	if (path->has_size)
		buf_addf(b, "\t%" PRIu64 "\t", path->nar_size);
	else
		buf_adds(b, "\t-\t");
	if (path->nar_hash)
		esc_field(b, path->nar_hash, strlen(path->nar_hash));
	else
		buf_addc(b, '-');
	buf_addc(b, '\n');
}

int plan_write(const struct plan *p, struct out *o, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	for (size_t i = 0; i < p->n; i++) {
		format(&line, &p->paths[i]);
		if (out_write(o, line.s, line.len, e) < 0)
			return -1;
	}
	return 0;
}

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->paths[i].path);
		free(p->paths[i].nar_hash);
	}
	free(p->paths);
	*p = (struct plan){ 0 };
}
