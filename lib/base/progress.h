/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PROGRESS_H
#define LAYERPIPE_PROGRESS_H

/* How far an image has come, for people to look at. Failures to write it are ignored. */

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

enum progress_mode {
	/* A bar where the descriptor is a terminal, else nothing. Nix gives builders a terminal
	   that nobody looks at, and NIX_LOG_FD. */
	PROGRESS_AUTO,
	/* One line that is redrawn, at most ten times a second, and fits the terminal; lines on one
	   that cannot redraw (TERM is dumb) or has less than 55 columns. */
	PROGRESS_BAR,
	PROGRESS_LINES, /* one line a layer */
	PROGRESS_NONE,
};

/* "auto", "bar", "lines" or "none". */
MUST_USE int progress_mode(const char *name, enum progress_mode *mode, struct err *e);

struct progress;

/*
 * total: layers to come, bytes: those of the layers together, more or less;
 * each 0 where not known. The bar goes by bytes where it can, and by layers else.
 */
struct progress *progress_new(enum progress_mode mode, int fd, uint64_t total, uint64_t bytes);

/* So many bytes more. */
void progress_bytes(struct progress *p, uint64_t n);

/* A layer is done. digest: "sha256:HEX"; comment may be NULL. */
void progress_layer(struct progress *p, uint64_t size, const char *digest, const char *comment);

/* What to say of the image in the end. name: "NAME:TAG" or NULL; id: "sha256:HEX". */
void progress_image(struct progress *p, const char *name, const char *id);

/* The image is where it should be: says so, unless the mode is PROGRESS_NONE. */
void progress_finish(struct progress *p);

/* Takes the bar away; before a message too. */
void progress_free(struct progress *p);

/* For __attribute__((cleanup)). */
void progress_cleanup(struct progress **p);
#define AUTO_PROGRESS __attribute__((cleanup(progress_cleanup)))

#endif
