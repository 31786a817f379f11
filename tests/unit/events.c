/* SPDX-License-Identifier: MIT */
#include "plan/events.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define STORE "/nix/store/0000000000000000000000000000000"

/* Two paths of one name, and one of another. */
static struct graph make_graph(void)
{
	struct graph g;
	struct err e = { 0 };
	struct graph_builder *b = graph_builder_new();
	if (graph_add(b, STORE "1-a", NULL, false, 0, NULL, 0, &e) < 0 ||
	    graph_add(b, STORE "2-b", NULL, false, 0, NULL, 0, &e) < 0 ||
	    graph_add(b, STORE "3-a", NULL, false, 0, NULL, 0, &e) < 0 ||
	    graph_finish(b, &g, &e) < 0)
		abort();
	return g;
}

/* Reads text as events; returns the message, "" where they are some. The caller frees it. */
static char *read_text(const char *text, const struct graph *g, struct events *events)
{
	struct err e = { 0 };
	AUTO_CLOSE int fd = memfd_create("events", 0);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return events_read(fd, "events", g, events, &e) < 0 ? e.msg : xstrdup("");
}

static void test_read(const struct graph *g)
{
	struct events events = { 0 };
	AUTO_FREE char *msg = read_text("y\ta\nx\tb\nz\tno\ny\tb\n", g, &events);
	STREQ(msg, "");
	OK(events.n == 3);
	STREQ(events.list[0].name, "y");
	OK(events.list[0].n == 3);
	OK(events.list[0].paths[0] == 0 && events.list[0].paths[1] == 2 &&
	   events.list[0].paths[2] == 1);
	STREQ(events.list[1].name, "x");
	OK(events.list[1].n == 1 && events.list[1].paths[0] == 1);
	STREQ(events.list[2].name, "z");
	OK(events.list[2].n == 0);
	events_free(&events);
	OK(events.n == 0);
}

static void is_refused(const struct graph *g, const char *text, const char *expected)
{
	struct events events = { 0 };
	AUTO_FREE char *msg = read_text(text, g, &events);
	STREQ(msg, expected);
	OK(events.n == 0);
}

int main(void)
{
	struct graph g = make_graph();
	test_read(&g);
	is_refused(&g, "x\ta\nx\n",
		   "events:2: expected 2 fields separated by single tabs, found 1");
	is_refused(&g, "x\t/a\n",
		   "events:1: name: expected a path's name without directory and hash, found '/a'");
	is_refused(&g, "x\t-\n", "events:1: name: expected a value, found -");
	graph_free(&g);
	return TAP_END;
}
