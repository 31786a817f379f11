/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_NAR_H
#define LAYERPIPE_NAR_H

/*
 * The Nix archive form of a file, directory or symlink (Nix manual, "Nix
 * Archive (NAR) format"): what NAR sizes, NAR hashes and Nix's search for
 * references are about.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* Gets the archive's bytes, piece by piece. */
typedef void nar_sink(void *arg, const void *data, size_t len);

/*
 * Archives the entry name of the directory dir, which may be AT_FDCWD; no link
 * is followed in it. path is what messages call it. Files are read once; one
 * that shrinks or grows meanwhile is an error. So is what is no file, directory
 * or symlink; with skip_special it is left out instead, the entry itself apart.
 */
MUST_USE int nar_dump(int dir, const char *name, const char *path, bool skip_special,
		      nar_sink *sink, void *arg, struct err *e);

#endif
