/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_WITHIN_H
#define LAYERPIPE_WITHIN_H

/*
 * Names that are looked up within a directory, as after chroot(2) to it: an
 * absolute link leads from there, .. of the directory is the directory, and no
 * magic link of proc(5) is followed. Nothing outside is reached, whatever is
 * renamed or replaced meanwhile: each step starts at a descriptor.
 */

#include "base/err.h"
#include "base/mem.h"

/* The directory. AUTO_WITHIN leaves it; starts as WITHIN_NONE. */
struct within {
	int fd;     /* O_PATH; AT_FDCWD: no directory was given */
	char *name; /* what the user calls it, no slash at its end */
};

#define WITHIN_NONE                                                                                \
	{                                                                                          \
		-1, NULL                                                                           \
	}

/*
 * Opens the directory, links followed. NULL is none: names are looked up as
 * open(2) does it, then.
 */
MUST_USE int within_enter(struct within *w, const char *dir, struct err *e);
void within_leave(struct within *w);
#define AUTO_WITHIN __attribute__((cleanup(within_leave)))

/* Where a path leads, and after a failure, how far it led. Starts as { 0 }. */
struct within_place {
	/*
	 * Set it before: what lies in this directory, "/a/b" without links, is not looked up; that
	 * it leads there is EXDEV. NULL: none.
	 */
	const char *border;
	struct buf path;   /* "", or "/a/b" from the directory, without links, . and .. */
	struct buf rest;   /* what was not looked up; EXDEV: "/…" or "../…" from outside */
	struct buf link;   /* the last link on the way, as path has it, and */
	struct buf target; /* what it said */
};

void within_place_free(struct within_place *place);
#define AUTO_WITHIN_PLACE __attribute__((cleanup(within_place_free)))

/* What messages call a path within it. Free it. */
char *within_name(const struct within *w, const char *path);

/*
 * open(2) of a path within the directory; O_CLOEXEC is added, and O_NOFOLLOW
 * is about the last part alone, as there. "" and "/" are the directory itself.
 * The error is "cannot WHAT 'DIRECTORY/PATH'" and why, and says which link led
 * to what is not there. place may be NULL, and is as it was where there is no
 * directory.
 */
MUST_USE int within_open(const struct within *w, const char *what, const char *path, int flags,
			 int *fd, struct within_place *place, struct err *e);

/* What becomes of links. */
enum within_links {
	WITHIN_ROOT,     /* they lead where they do when the directory is the root */
	WITHIN_BENEATH,  /* one that leads from the directory is EXDEV, and so is .. */
	WITHIN_NO_LINKS, /* and each is ELOOP */
};

/*
 * What within_open() rests on: the descriptor, or -1 with errno. place, which
 * may be NULL, is overwritten.
 */
int within_find(int dir, const char *path, int flags, enum within_links links,
		struct within_place *place);

#endif
