/* SPDX-License-Identifier: MIT */
/* within: where a path leads inside a directory, for store.sh: pipelines follow no link themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "base/within.h"

static int fail(const struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	esc_message(&line, e->msg, strlen(e->msg));
	fprintf(stderr, "within: %s\n", line.s);
	return 1;
}

/* Whether the error means that the path does not exist in the directory. That is no failure. */
static bool leads_nowhere(int code)
{
	return code == ENOENT || code == ENOTDIR || code == ELOOP;
}

static int print(const char *name, const char *slash, const char *rest, struct err *e)
{
	if (printf("%s%s%s.", name, slash, rest) < 0 || fflush(stdout) != 0)
		return err_set(e, errno, "cannot write '<stdout>'");
	return 0;
}

/* What was not looked up goes behind. */
static int print_place(const struct within *w, const struct within_place *place, struct err *e)
{
	AUTO_FREE char *name = within_name(w, place->path.s);
	const char *rest = place->rest.s + strspn(place->rest.s, "/");
	bool slash = *rest && strcmp(name, "/") != 0;
	return print(name, slash ? "/" : "", rest, e);
}

/* Prints the place of the path, or nothing where it leads nowhere. */
static int look_up(const struct within *w, const char *path, struct within_place *place,
		   struct err *e)
{
	AUTO_CLOSE int fd = -1;
	if (within_open(w, "open", path, O_PATH, &fd, place, e) == 0)
		return print_place(w, place, e);
	if (place->border && (leads_nowhere(e->code) || e->code == EXDEV))
		return print_place(w, place, e);
	return leads_nowhere(e->code) ? print("", "", "", e) : -1;
}

/*
 * within DIRECTORY PATH [BORDER]: looks up the path as if the directory were the root, and prints
 * its name on the host, without links, and a point, so that a shell keeps line feeds at the name's
 * end. If the path does not exist there, it prints the point alone. BORDER is a name without links
 * in the directory. With it, no link inside the border is followed, and the name of a path that
 * does not exist is printed as it would be.
 */
int main(int argc, char **argv)
{
	AUTO_WITHIN struct within w = WITHIN_NONE;
	AUTO_WITHIN_PLACE struct within_place place = { 0 };
	struct err e = { 0 };
	if (argc != 3 && argc != 4) {
		err_set(&e, 0, "expected DIRECTORY PATH [BORDER]");
		return fail(&e);
	}
	place.border = argv[3];
	if (within_enter(&w, argv[1], &e) < 0 || look_up(&w, argv[2], &place, &e) < 0)
		return fail(&e);
	return 0;
}
