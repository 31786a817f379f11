/* SPDX-License-Identifier: MIT */
#include "plan/events.h"

#include <string.h>

#include "base/record.h"
#include "closure/storepath.h"

/* The paths of a graph by name. */
struct named {
	const char *name; /* borrowed */
	uint32_t path;
};

struct index {
	struct named *list; /* owned, sorted */
	uint32_t n;
};

static int compare(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : (x->path > y->path) - (x->path < y->path);
}

static struct index index_names(const struct graph *g)
{
	struct index index = { xcalloc(g->n, sizeof *index.list), g->n };
	for (uint32_t i = 0; i < g->n; i++)
		index.list[i] = (struct named){ storepath_name(g->paths[i].path), i };
	qsort(index.list, index.n, sizeof *index.list, compare);
	return index;
}

/* The first entry with the name or after it. */
static uint32_t find_first(const struct index *index, const char *name)
{
	uint32_t low = 0, high = index->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (strcmp(index->list[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_name(const struct index *index, uint32_t i, const char *name)
{
	return i < index->n && strcmp(index->list[i].name, name) == 0;
}

/* Events being read. */
struct reading {
	struct index index;
	struct events events;
};

/* The event of that name, new or known. */
static struct event *event_of(struct events *events, const char *name)
{
	uint32_t i = intern_add(&events->names, name, strlen(name));
	if (i < events->n)
		return &events->list[i];
	events->list = mem_grow(events->list, &events->cap, i + 1, sizeof *events->list);
	events->list[i] = (struct event){ .name = events->names.strings[i] };
	events->n = i + 1;
	return &events->list[i];
}

static int read_event(const struct record_reader *r, const struct record_field *rec, void *context,
		      struct err *e)
{
	struct reading *reading = context;
	const struct index *index = &reading->index;
	struct record_field f[2];
	AUTO_FREE char *name = NULL, *path = NULL;
	if (record_split(r, rec, f, 2, e) < 0 ||
	    record_string(r, &f[0], "event", 0, &name, e) < 0 ||
	    storepath_read_name(r, &f[1], &path, e) < 0)
		return -1;
	struct event *event = event_of(&reading->events, name);
	for (uint32_t i = find_first(index, path); has_name(index, i, path); i++) {
		event->paths = mem_grow(event->paths, &event->cap, (size_t)event->n + 1,
					sizeof *event->paths);
		event->paths[event->n++] = index->list[i].path;
	}
	return 0;
}

int events_read(int fd, const char *name, const struct graph *g, struct events *events,
		struct err *e)
{
	struct reading reading = { .index = index_names(g) };
	int result = record_each(fd, name, read_event, &reading, e);
	free(reading.index.list);
	if (result < 0)
		events_free(&reading.events);
	else
		*events = reading.events;
	return result;
}

void events_free(struct events *events)
{
	for (uint32_t i = 0; i < events->n; i++)
		free(events->list[i].paths);
	free(events->list);
	intern_free(&events->names);
	*events = (struct events){ 0 };
}

void events_changed(const struct event *event, const struct reachable *r, uint64_t *changed)
{
	memset(changed, 0, r->words * sizeof *changed);
	for (uint32_t i = 0; i < event->n; i++) {
		const uint64_t *users = reachable_users(r, event->paths[i]);
		for (size_t j = 0; j < r->words; j++)
			changed[j] |= users[j];
	}
}
