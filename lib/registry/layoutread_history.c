/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsonread.h"
#include "base/within.h"
#include "registry/layoutread.h"

/* The layers of a manifest that comments are for, one after the other. */
struct commenting {
	struct layoutread *l;
	const struct layoutread_manifest *m;
	size_t layer; /* counts from 1, as the configuration is number 0 */
};

struct step {
	struct buf comment;
	bool empty; /* it made no layer */
};

static int read_of_step(struct jsonread *r, const char *key, void *to, struct err *e)
{
	struct step *s = to;
	if (strcmp(key, "comment") == 0)
		return jsonread_string(r, &s->comment, e);
	/* only true is worth writing; a layer too many is no harm: it is for people to read */
	s->empty |= strcmp(key, "empty_layer") == 0;
	return jsonread_skip(r, e);
}

static int read_step(struct jsonread *r, void *to, struct err *e)
{
	struct commenting *c = to;
	struct step s = { 0 };
	int result = jsonread_object(r, read_of_step, &s, e);
	if (result == 0 && !s.empty && c->layer < c->m->nblobs) {
		char **place = &c->l->blobs[c->m->blobs[c->layer++]].comment;
		if (s.comment.len && !*place)
			*place = STEAL(s.comment.s);
	}
	buf_free(&s.comment);
	return result;
}

static int read_of_config(struct jsonread *r, const char *key, void *to, struct err *e)
{
	return strcmp(key, "history") == 0 ? jsonread_list(r, read_step, to, e)
					   : jsonread_skip(r, e);
}

static void comment(struct layoutread *l, const struct layoutread_manifest *m)
{
	AUTO_FREE char *path = layoutread_blob_path(l->blobs[m->blobs[0]].digest);
	AUTO_CLOSE int fd = within_find(l->dir, path, O_RDONLY | O_NONBLOCK, WITHIN_BENEATH, NULL);
	struct commenting c = { l, m, 1 };
	struct source_part from;
	struct err ignored = { 0 };
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > LAYOUTREAD_TEXT)
		return;
	source_part(&from, fd, path, 0, (uint64_t)st.st_size);
	AUTO_JSONREAD struct jsonread *r = jsonread_new(&from.source);
	(void)!jsonread_object(r, read_of_config, &c, &ignored);
	err_clear(&ignored);
}

void layoutread_comments(struct layoutread *l)
{
	for (size_t i = 0; i < l->nmanifests; i++)
		if (!l->manifests[i].index && l->manifests[i].nblobs)
			comment(l, &l->manifests[i]);
}
