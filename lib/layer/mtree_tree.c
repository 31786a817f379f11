/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "layer/mtree_parts.h"

static int compare_entries(const void *a, const void *b)
{
	const struct mtree_entry *x = a, *y = b;
	bool root_x = strcmp(x->path, ".") == 0, root_y = strcmp(y->path, ".") == 0;
	int order = root_x || root_y ? root_y - root_x : mtree_compare(x->path, y->path);
	return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* Whether path lies below dir, len bytes long. */
static bool is_below(const char *path, const char *dir, size_t len)
{
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Refuses entries that cannot follow each other. */
static int check_pair(const char *name, const struct mtree_entry *a, const struct mtree_entry *b,
		      struct err *e)
{
	if (strcmp(a->path, b->path) == 0)
		return err_set(e, 0, "%s:%" PRIu64 ": '%s' stands in line %" PRIu64 " already",
			       name, b->line, b->path, a->line);
	if (a->type != TAR_DIR && is_below(b->path, a->path, strlen(a->path)))
		return err_set(e, 0,
			       "%s:%" PRIu64
			       ": '%s' lies below '%s', which is no directory in line %" PRIu64,
			       name, b->line, b->path, a->path, a->line);
	return 0;
}

/*
 * Adds the directories that lead to path and are not there. open: the
 * directory that the path before is or lies in.
 */
static void add_parents(struct mtree *m, const char *path, const char *open, size_t open_len)
{
	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		size_t len = (size_t)(s - path);
		bool there = len <= open_len && memcmp(path, open, len) == 0 &&
			     (len == open_len || open[len] == '/');
		if (there)
			continue;
		m->entries = mem_grow(m->entries, &m->cap, m->n + 1, sizeof *m->entries);
		m->entries[m->n++] =
			(struct mtree_entry){ .path = intern_keep(&m->strings, path, len),
					      .has = MTREE_TYPE,
					      .type = TAR_DIR };
	}
}

static size_t parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

static void sort(struct mtree *m)
{
	if (m->n)
		qsort(m->entries, m->n, sizeof *m->entries, compare_entries);
}

void mtree_complete(struct mtree *m)
{
	const char *open = "";
	size_t open_len = 0, listed = m->n;
	for (size_t i = 0; i < listed; i++) {
		const char *path = m->entries[i].path;
		bool dir = m->entries[i].type == TAR_DIR;
		add_parents(m, path, open, open_len);
		open = path;
		open_len = dir ? strlen(path) : parent_len(path);
	}
	if (m->n > listed)
		sort(m);
}

int mtree_finish(struct mtree *m, const char *name, struct err *e)
{
	sort(m);
	for (size_t i = 1; i < m->n; i++)
		if (check_pair(name, &m->entries[i - 1], &m->entries[i], e) < 0)
			return -1;
	mtree_complete(m);
	return 0;
}
