/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_WHITEOUT_H
#define LAYERPIPE_WHITEOUT_H

/* Files that a layer has for what is no longer there: their names say what they delete. */

#include <stdbool.h>

#include "base/err.h"

/* Whether a layer's readers take a file of this name, one part of a path, for a deletion. */
bool whiteout_is(const char *name);

/* Whether such a name says what: a name beside it or, ".wh..wh..opq", all that is there. */
bool whiteout_deletes(const char *name);

/* Sets the error of a file of such a name that is none. Returns -1. */
int whiteout_refuse(const char *path, struct err *e);

#endif
