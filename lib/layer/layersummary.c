/* SPDX-License-Identifier: MIT */
#include "layer/layersummary.h"

#include <string.h>

#include "closure/storepath.h"
#include "tar/tarread.h"

enum { CHUNK = 64 << 10 };

/* A layer being read. */
struct reading {
	struct layersummary *about;
	struct buf *directory; /* the last entry, where it is one that nothing followed yet */
};

static bool has_name(const struct layersummary *about, const char *name)
{
	for (size_t i = about->n; i-- > 0;)
		if (strcmp(about->names[i], name) == 0)
			return true;
	return false;
}

/* Takes the name over. */
static void add(struct layersummary *about, char *name)
{
	size_t len = strlen(name);
	if (about->more || has_name(about, name)) {
		free(name);
		return;
	}
	if (about->n == LAYERSUMMARY_NAMES || len > LAYERSUMMARY_BYTES - about->bytes) {
		about->more = true;
		free(name);
		return;
	}
	if (!about->names)
		about->names = xcalloc(LAYERSUMMARY_NAMES, sizeof *about->names);
	about->names[about->n++] = name;
	about->bytes += len;
}

/* The store path that the name is or lies in, to be freed; NULL: none. */
static char *store_path(const char *name)
{
	static const char store[] = "nix/store/";
	struct err e = { 0 };
	if (strncmp(name, store, sizeof store - 1) != 0)
		return NULL;
	const char *base = name + sizeof store - 1;
	AUTO_FREE char *path = xasprintf("/%s%.*s", store, (int)strcspn(base, "/"), base);
	if (storepath_check(path, "/nix/store", &e) < 0) {
		err_clear(&e);
		return NULL;
	}
	return STEAL(path);
}

/* Adds the directory that was last, unless the name (NULL: none comes) lies in it. */
static void end_directory(struct reading *r, const char *name)
{
	struct buf *d = r->directory;
	if (d->len && !(name && strncmp(name, d->s, d->len) == 0))
		add(r->about, xstrndup(d->s, d->len - 1));
	buf_clear(d);
}

static const char *without_root(const char *name)
{
	for (;;) {
		size_t dot = *name == '.';
		if (name[dot] != '/')
			return name[dot] ? name : name + dot;
		name += dot + 1;
	}
}

char *layersummary_name(const char *name)
{
	name = without_root(name);
	size_t len = strlen(name);
	char *path = store_path(name);
	while (len && name[len - 1] == '/')
		len--;
	return path ? path : len ? xstrndup(name, len) : xstrdup(".");
}

static void add_entry(struct reading *r, const struct tar_entry *t)
{
	const char *name = without_root(t->name);
	size_t len = strlen(name);
	char *path = store_path(name);
	r->about->entries++;
	while (len && name[len - 1] == '/')
		len--;
	end_directory(r, name);
	if (path) {
		add(r->about, path);
	} else if (t->type != TAR_DIR) {
		add(r->about, xstrndup(name, len));
	} else if (len) {
		buf_add(r->directory, name, len);
		buf_addc(r->directory, '/');
	}
}

static int read_entries(struct reading *r, struct tarread *t, struct err *e)
{
	enum tarread_event event = TARREAD_END;
	do {
		if (tarread_next(t, &event, e) < 0)
			return -1;
		if (event == TARREAD_ENTRY)
			add_entry(r, tarread_entry(t));
	} while (event != TARREAD_EOF && event != TARREAD_END);
	end_directory(r, NULL);
	return 0;
}

int layersummary_read(struct layersummary *about, struct source *s, struct err *e)
{
	AUTO_TARREAD struct tarread *t = tarread_from(s);
	AUTO_BUF struct buf directory = { 0 };
	struct reading r = { .about = about, .directory = &directory };
	tarread_sparse(t);
	if (read_entries(&r, t, e) < 0)
		return -1;
	return source_drain(s, e);
}

void layersummary_free(struct layersummary *about)
{
	for (size_t i = 0; i < about->n; i++)
		free(about->names[i]);
	free(about->names);
	*about = (struct layersummary){ 0 };
}
