/* SPDX-License-Identifier: MIT */
#include "plan/grouping.h"

#include <fnmatch.h>
#include <string.h>

#include "base/intern.h"
#include "base/record.h"
#include "closure/storepath.h"

enum { GROUP, GLOB, FIELDS };

#define NO_LINE UINT32_MAX

struct line {
	uint32_t group; /* number of its name; INTERN_NONE: each path alone */
	char *glob;     /* owned */
};

struct grouping {
	struct intern names;
	struct line *lines;
	uint32_t n;
	size_t cap;
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
	p->lines = mem_grow(p->lines, &p->cap, (size_t)p->n + 1, sizeof *p->lines);
	p->lines[p->n++] = (struct line){
		.group = group ? intern_add(&p->names, group, strlen(group)) : INTERN_NONE,
		.glob = STEAL(glob),
	};
	return 0;
}

static uint32_t find_line(const struct grouping *p, const char *path)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const char *glob = p->lines[i].glob;
		if (fnmatch(glob, *glob == '/' ? path : storepath_name(path), 0) == 0)
			return i;
	}
	return NO_LINE;
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
	for (uint32_t path = 0; path < g->n; path++) {
		uint32_t i = find_line(p, g->paths[path].path);
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
