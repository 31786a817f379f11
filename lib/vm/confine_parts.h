/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CONFINE_PARTS_H
#define LAYERPIPE_CONFINE_PARTS_H

/* What the parts of confine.c share. */

#include <sys/types.h>

#include "vm/confine.h"

/* write(2) until all is written. */
MUST_USE int confine_write(int fd, const void *data, size_t len);

enum { CONFINE_UID = 1000, CONFINE_GID = 100 }; /* as in a builder of Nix */

/* --- confine_users.c: whose rights --- */

struct confine_users {
	uid_t uid;
	gid_t gid;
};

/* A user's own; root's nobody. */
MUST_USE int confine_users_find(struct confine_users *u, struct err *e);

/* Makes him user 1000 of the namespace that pid is in. */
MUST_USE int confine_users_set(pid_t pid, const struct confine_users *u, struct err *e);

/* The same for this process, which is in a new namespace below that one. */
MUST_USE int confine_users_keep(struct err *e);

/* --- confine_root.c: what is seen --- */

enum confine_place {
	CONFINE_NEEDED, /* made where it is not there */
	CONFINE_THERE,  /* mounted on only if it is there */
	CONFINE_HIDDEN, /* mounted on only if it is not, as of the host's /tmp */
};

/* A directory of the host, and where it will be seen. */
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
	char *program;   /* to be executed */
	struct buf path; /* for PATH */
};

/* What will be seen where. */
void confine_root_plan(const struct confine *c, struct confine_root *r);

/*
 * Opens all of it that is not open yet, as the user who asks. EPERM: this
 * process has no right to, but its child in a namespace may.
 */
MUST_USE int confine_root_open(struct confine_root *r, struct err *e);

/* Replaces the root, as the user who will see it. host: the old one, opened in this namespace. */
MUST_USE int confine_root_enter(const struct confine_root *r, int host, struct err *e);

void confine_root_free(struct confine_root *r);
#define AUTO_CONFINE_ROOT __attribute__((cleanup(confine_root_free)))

/* --- confine_rights.c: what is left --- */

/* Of the program's own process: a namespace that cannot undo what the outer one did, and no rights.
 */
MUST_USE int confine_rights_lock(struct err *e);

/* Gives up all capabilities. */
MUST_USE int confine_rights_drop(struct err *e);

#endif
