/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/record.h"
#include "plan/layering_parts.h"

enum { AT, WORD, ARGUMENT, FIELDS };

/* over and map within each other: layering.jq has the same limit. */
enum { MAX_DEPTH = 64 };

const char *const layering_words[OPERATIONS] = { "popularity_contest",
						 "split_paths",
						 "subcomponent_in",
						 "subcomponent_out",
						 "remove_paths",
						 "split_every",
						 "limit_layers",
						 "reverse",
						 "flatten",
						 "over",
						 "map",
						 "end",
						 "path",
						 "children_of" };

static bool takes_number(enum operation o)
{
	return o == SPLIT_EVERY || o == LIMIT_LAYERS;
}

static bool takes_text(enum operation o)
{
	return o == OVER || o == PATH || o == CHILDREN_OF;
}

static int read_word(const struct record_reader *r, const char *word, enum operation *operation,
		     struct err *e)
{
	for (unsigned i = 0; i < OPERATIONS; i++)
		if (strcmp(layering_words[i], word) == 0) {
			*operation = (enum operation)i;
			return 0;
		}
	return record_err(r, e, "'%s': expected an operation", word);
}

static int read_argument(const struct record_reader *r, const struct record_field *f,
			 struct step *step, struct err *e)
{
	enum operation o = step->operation;
	if (takes_number(o))
		return record_number(r, f, "argument", 1, UINT32_MAX, &step->number, e);
	if (record_string(r, f, "argument", !takes_text(o), &step->argument, e) < 0)
		return -1;
	if (step->argument && !takes_text(o))
		return record_err(r, e, "%s: expected no argument", layering_words[o]);
	return 0;
}

/* An over or map begins: its end, until it comes, is the one around it. */
static int open_step(const struct record_reader *r, struct steps *s, struct err *e)
{
	if (++s->depth > MAX_DEPTH)
		return record_err(r, e, "nested deeper than %d operations", MAX_DEPTH);
	s->list[s->n - 1].end = s->open;
	s->open = s->n;
	return 0;
}

static int close_step(const struct record_reader *r, struct steps *s, struct err *e)
{
	if (!s->open)
		return record_err(r, e, "an end without over or map");
	struct step *begin = &s->list[s->open - 1];
	s->open = begin->end;
	s->depth--;
	begin->end = s->n - 1;
	return 0;
}

static int read_step(const struct record_reader *r, const struct record_field *rec, void *steps,
		     struct err *e)
{
	struct steps *s = steps;
	struct record_field f[FIELDS];
	AUTO_FREE char *word = NULL;
	s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
	struct step *step = &s->list[s->n++];
	*step = (struct step){ 0 };
	if (record_split(r, rec, f, FIELDS, e) < 0 ||
	    record_string(r, &f[AT], "position", 0, &step->at, e) < 0 ||
	    record_string(r, &f[WORD], "word", 0, &word, e) < 0 ||
	    read_word(r, word, &step->operation, e) < 0 ||
	    read_argument(r, &f[ARGUMENT], step, e) < 0)
		return -1;
	if (step->operation == OVER || step->operation == MAP)
		return open_step(r, s, e);
	return step->operation == END ? close_step(r, s, e) : 0;
}

int layering_steps_read(struct steps *s, int fd, struct err *e)
{
	return record_each(fd, s->name, read_step, s, e);
}

void layering_steps_free(struct steps *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].at);
		free(s->list[i].argument);
	}
	free(s->list);
	*s = (struct steps){ 0 };
}
