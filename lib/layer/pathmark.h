/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PATHMARK_H
#define LAYERPIPE_PATHMARK_H

/*
 * Names of files with a mark in them: behind the last "/./" of GIVEN/./a/b no
 * link is followed, so that what was found below GIVEN is found there again or
 * not at all. Without the mark a name is what open(2) takes it for.
 */

#include "base/err.h"
#include "base/mem.h"

/* The name of a path, "" or "/a/b", below what was given, which has no slash at its end. Free it.
 */
char *pathmark_name(const char *given, const char *path);

/* The directory that was open last, as one name comes after the other. Starts as PATHMARK_NONE. */
struct pathmark {
	char *dir;
	int fd;
};

#define PATHMARK_NONE                                                                              \
	{                                                                                          \
		NULL, -1                                                                           \
	}

/*
 * The directory that a name lies in, or AT_FDCWD, borrowed until the next call,
 * and what is left of the name, borrowed from it. -1 with errno; a link on the
 * way is ELOOP.
 */
MUST_USE int pathmark_find(struct pathmark *m, const char *name, int *dir, const char **last);

void pathmark_free(struct pathmark *m);
#define AUTO_PATHMARK __attribute__((cleanup(pathmark_free)))

#endif
