/* SPDX-License-Identifier: MIT */
#include "plan/planner.h"

#include <sys/mman.h>
#include <unistd.h>

#include "plan/plan.h"
#include "tap.h"

#define P "/nix/store/0000000000000000000000000000000"

static const char graph[] = P "1-a\t1\t-\t" P "2-b " P "3-c\n" P "2-b\t1\t-\t" P "3-c\n" P
			      "3-c\t1\t-\t\\e\n" P "4-d\t1\t-\t\\e\n";

static int file_of(const char *text)
{
	int fd = memfd_create("text", 0);
	if (fd < 0 || out_write_fd(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

/* The layers of the plan's paths in order, "1 2 3 3"; "" where there is no plan. */
static char *layers(uint32_t max)
{
	struct planner_options options = { .layers = max };
	AUTO_CLOSE int in = file_of(graph), file = file_of("");
	AUTO_PLAN struct plan p = { 0 };
	AUTO_BUF struct buf b = { 0 };
	AUTO_FREE char *notice = NULL;
	const struct planner_file from = { .name = "graph", .fd = in };
	struct err e = { 0 };
	struct out o;
	out_init(&o, file, "plan");
	if (planner_run(&from, &options, &o, &notice, &e) == 0 && out_flush(&o, &e) == 0 &&
	    lseek(file, 0, SEEK_SET) == 0 && plan_read(file, "plan", &p, &e) == 0)
		for (size_t i = 0; i < p.n; i++)
			buf_addf(&b, i ? " %u" : "%u", p.paths[i].layer);
	out_drop(&o);
	err_clear(&e);
	return b.s ? STEAL(b.s) : xstrdup("");
}

static void layers_are(uint32_t max, const char *expected)
{
	AUTO_FREE char *found = layers(max);
	STREQ(found, expected);
}

int main(void)
{
	layers_are(1, "1 1 1 1");
	layers_are(2, "1 2 2 2");
	layers_are(3, "1 2 3 3");
	layers_are(4, "1 2 3 4");
	layers_are(5, "1 2 3 4");
	layers_are(1000, "1 2 3 4");
	layers_are(UINT32_MAX, "1 2 3 4");
	return TAP_END;
}
