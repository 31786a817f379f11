/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REGISTRATION_H
#define LAYERPIPE_REGISTRATION_H

/*
 * The two line forms that Nix itself writes (nix-store(1), and the Nix
 * manual on exportReferencesGraph). One record a path, a line each:
 *
 *	registration	path, NAR hash, NAR size, deriver or nothing, count, references
 *	text		path, deriver or nothing, count, references
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/record.h"
#include "closure/graph.h"

/* Reads records to the end of the input; with_nar: they have the hash and the size. */
MUST_USE int registration_read(struct graph_builder *b, struct record_reader *r, bool with_nar,
			       struct err *e);

#endif
