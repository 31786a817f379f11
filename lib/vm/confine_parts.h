/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CONFINE_PARTS_H
#define LAYERPIPE_CONFINE_PARTS_H

/* What the parts of confine.c share. */

#include <sys/types.h>

#include "vm/confine.h"

enum { CONFINE_UID = 1000, CONFINE_GID = 100 }; /* as in a builder of Nix */

/* --- confine_users.c: the user that the program is --- */

struct confine_users {
	uid_t uid;
	gid_t gid;
};

/* Finds the user of the host whose rights the program has: this user, or for root a user that owns
 * nothing. */
MUST_USE int confine_users_find(struct confine_users *u, struct err *e);

/* Makes that user the user 1000 of the namespace that pid is in. */
MUST_USE int confine_users_set(pid_t pid, const struct confine_users *u, struct err *e);

/* Keeps user 1000 for this process, which is in a new namespace below that one. */
MUST_USE int confine_users_keep(struct err *e);

/* --- confine_root.c: the files that the program sees --- */

enum confine_place {
	CONFINE_NEEDED, /* made if it does not exist */
	CONFINE_THERE,  /* used only if it exists */
	CONFINE_HIDDEN, /* used only if it does not exist, such as a directory of the host's /tmp */
};

/* A directory of the host, and where the program sees it. */
struct confine_mount {
	const char *from, *to; /* owned: see confine_root_free() */
	enum confine_place place;
	bool writable;
	int fd; /* the detached mount; -1: none */
};

/* Starts as { 0 }. */
struct confine_root {
	struct confine_mount *mounts;
	size_t n, cap;
	char *program;   /* the program to run */
	struct buf path; /* its PATH */
};

/* Decides which directories the program sees, and where. */
void confine_root_plan(const struct confine *c, struct confine_root *r);

/*
 * Opens the directories of the plan that are not open yet, with the rights of
 * this process. EPERM: this process may not, but its child in a namespace may.
 */
MUST_USE int confine_root_open(struct confine_root *r, struct err *e);

/* Replaces the root directory, as the user that the program is. host is the old root, opened in
 * this namespace. */
MUST_USE int confine_root_enter(const struct confine_root *r, int host, struct err *e);

void confine_root_free(struct confine_root *r);
#define AUTO_CONFINE_ROOT __attribute__((cleanup(confine_root_free)))

/* --- confine_rights.c: the rights that the program keeps --- */

/* Called in the process that becomes the program: moves it to a namespace that cannot undo the
 * mounts of the outer one, and takes all other rights. */
MUST_USE int confine_rights_lock(struct err *e);

/* Gives up all capabilities. */
MUST_USE int confine_rights_drop(struct err *e);

#endif
