/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_STORELAYER_H
#define LAYERPIPE_STORELAYER_H

/*
 * One store layer: the tar of some store paths, with the bytes that
 * layer-stream(5) "STORE LAYERS" defines. They are frozen.
 *
 * The files are walked twice: storelayer_measure() learns the layer's size
 * and what it consists of, storelayer_emit() writes it and holds the files to
 * that.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "plan/plan.h"

/* What determines a layer's bytes, beside its paths. Strings are borrowed. */
struct storelayer_form {
	const char *store_dir; /* absolute, without a trailing slash */
	int64_t mtime;
	uint64_t uid;
	uint64_t gid;
	const char *uname;
	const char *gname;
};

/* The paths of one layer; borrowed. */
struct storelayer_paths {
	const struct plan_path *paths;
	size_t n;
};

/* What the first walk found. Starts as { 0 }. */
struct storelayer {
	uint64_t size;  /* bytes of the whole tar, its end included */
	struct buf log; /* private: what each entry was, a few bytes an entry */
};

/*
 * Walks the paths below the open directory store. Refuses what is not a
 * file, a directory or a symbolic link, and names that a layer has for
 * deletions.
 */
MUST_USE int storelayer_measure(const struct storelayer_form *form,
				const struct storelayer_paths *paths, int store,
				struct storelayer *layer, struct err *e);

/*
 * Writes the layer, exactly layer->size bytes. An entry that is another than
 * the first walk found, and a file that shrinks or grows, is an error.
 */
MUST_USE int storelayer_emit(const struct storelayer_form *form,
			     const struct storelayer_paths *paths, int store,
			     const struct storelayer *layer, struct out *o, struct err *e);

/*
 * The layer's key, layer-stream(5) "KEYS": SHA-256 of what determines its bytes. Returns whether
 * there is one: false where a nar-hash is not known.
 */
bool storelayer_key(const struct storelayer_form *form, const struct storelayer_paths *paths,
		    char key[DIGEST_HEX_LEN + 1]);

/* The paths of each layer of the plan; the caller frees the array. The plan's paths are borrowed.
 */
struct storelayer_paths *storelayer_cut(const struct plan *p);

/* Opens the store directory, which lies below root_dir (NULL: /). */
MUST_USE int storelayer_open_store(const char *root_dir, const struct storelayer_form *form,
				   int *store, struct err *e);

/* Checks that the directory is absolute, not /, and has no empty, "." or ".." part. */
MUST_USE int storelayer_check_dir(const char *store_dir, struct err *e);

void storelayer_free(struct storelayer *layer);

#endif
