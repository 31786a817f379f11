/* SPDX-License-Identifier: MIT */
#include "plan/grouping.h"

#include <fnmatch.h>
#include <string.h>

#include "base/intern.h"
#include "base/record.h"
#include "closure/storepath.h"
#include "plan/sources.h"

enum { GROUP, GLOB, FIELDS };

#define NO_LINE   UINT32_MAX
#define BY_SOURCE "source:" /* no name of a path has a colon */

struct line {
	uint32_t group; /* number of its name; INTERN_NONE: each path alone */
	char *glob;     /* owned */
	bool by_source; /* for all paths of a source of which one is like the glob */
};

struct grouping {
	struct intern names;
	struct line *lines;
	uint32_t n;
	size_t cap;
	bool by_source; /* a line is */
};

static int read_record(const struct record_reader *r, const struct record_field *rec, void *context,
		       struct err *e)
{
	struct grouping *p = context;
	struct record_field f[FIELDS];
	AUTO_FREE char *group = NULL, *glob = NULL;
	if (record_split(r, rec, f, FIELDS, e) < 0 ||
	    record_string(r, &f[GROUP], "group", 1, &group, e) < 0 ||
	    record_string(r, &f[GLOB], "glob", 0, &glob, e) < 0)
		return -1;
	size_t prefix = strlen(BY_SOURCE);
	bool by_source = strncmp(glob, BY_SOURCE, prefix) == 0;
	if (by_source && (!glob[prefix] || glob[prefix] == ' '))
		return record_err(r, e, "expected a glob right behind '" BY_SOURCE "'");
	p->lines = mem_grow(p->lines, &p->cap, (size_t)p->n + 1, sizeof *p->lines);
	p->lines[p->n++] = (struct line){
		.group = group ? intern_add(&p->names, group, strlen(group)) : INTERN_NONE,
		.glob = by_source ? xstrdup(glob + prefix) : STEAL(glob),
		.by_source = by_source,
	};
	p->by_source = p->by_source || by_source;
	return 0;
}

/* The first line whose glob is like the path, among those by source or the others. */
static uint32_t find_like(const struct grouping *p, const char *path, bool by_source)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const char *glob = p->lines[i].glob;
		if (p->lines[i].by_source == by_source &&
		    fnmatch(glob, *glob == '/' ? path : storepath_name(path), 0) == 0)
			return i;
	}
	return NO_LINE;
}

/* Gives each path the first line by source that a path of its source is like, if that comes before
 * its own. */
static void find_by_source(const struct graph *g, const struct grouping *p, uint32_t *line_of)
{
	struct sources s = sources_find(g);
	AUTO_FREE uint32_t *first = xcalloc(s.n, sizeof *first);
	for (uint32_t i = 0; i < s.n; i++)
		first[i] = NO_LINE;
	for (uint32_t path = 0; path < g->n; path++) {
		uint32_t line = find_like(p, g->paths[path].path, true),
			 *least = &first[s.of[path]];
		*least = line < *least ? line : *least;
	}
	for (uint32_t path = 0; path < g->n; path++) {
		uint32_t line = first[s.of[path]];
		line_of[path] = line < line_of[path] ? line : line_of[path];
	}
	sources_free(&s);
}

/* The line that each path belongs to; the caller frees it. */
static uint32_t *find_lines(const struct graph *g, const struct grouping *p)
{
	uint32_t *line_of = xcalloc(g->n, sizeof *line_of);
	for (uint32_t path = 0; path < g->n; path++)
		line_of[path] = find_like(p, g->paths[path].path, false);
	if (p->by_source)
		find_by_source(g, p, line_of);
	return line_of;
}

static void add(struct merge_group *group, uint32_t path)
{
	group->paths = xrealloc(group->paths, ((size_t)group->n + 1) * sizeof *group->paths);
	group->paths[group->n++] = path;
}

static void collect(const struct graph *g, const struct grouping *p, struct merge_group *groups,
		    uint32_t *n)
{
	/* where in groups each named one is, counted from 1 */
	AUTO_FREE uint32_t *places = xcalloc(p->names.n, sizeof *places);
	AUTO_FREE uint32_t *line_of = find_lines(g, p);
	for (uint32_t path = 0; path < g->n; path++) {
		uint32_t i = line_of[path];
		if (i == NO_LINE)
			continue;
		uint32_t name = p->lines[i].group;
		uint32_t place = name == INTERN_NONE ? 0 : places[name];
		if (place == 0) {
			place = ++*n;
			groups[place - 1] = (struct merge_group){ .closed = true };
			if (name != INTERN_NONE) {
				groups[place - 1].name = xstrdup(p->names.strings[name]);
				places[name] = place;
			}
		}
		add(&groups[place - 1], path);
	}
}

int grouping_read(const struct graph *g, int fd, const char *name, struct merge_group *groups,
		  uint32_t *n, struct err *e)
{
	struct grouping p = { 0 };
	int result = record_each(fd, name, read_record, &p, e);
	if (result == 0)
		collect(g, &p, groups, n);
	for (uint32_t i = 0; i < p.n; i++)
		free(p.lines[i].glob);
	free(p.lines);
	intern_free(&p.names);
	return result;
}
