/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REGISTRYPUSH_H
#define LAYERPIPE_REGISTRYPUSH_H

/* Brings an image of an OCI layout to a registry, which is asked first what it lacks. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/progress.h"
#include "registry/credentials.h"
#include "registry/layoutread.h"
#include "registry/registryref.h"

/* All borrowed. */
struct registrypush {
	struct layoutread *layout;
	const struct registryref *ref;
	const char *const *tags; /* ntags of them, the one of ref too */
	size_t ntags;
	const char *const *sources; /* repositories that may have the blobs, nsources of them */
	size_t nsources;
	const struct credentials *credentials;
	const char *ca_file; /* NULL: the system's */
	bool tls_verify;     /* false: plain http, and any certificate, will do */
	bool plain_http;     /* TLS is not even tried */
	bool dry_run;        /* writes lines STATE DIGEST SIZE COMMENT instead */
	unsigned jobs;       /* connections at most */
	enum progress_mode progress;
};

/*
 * Pushes it, and writes a line HOST/REPOSITORY:TAG@DIGEST for each tag. Manifests go last, and the
 * tag with the very last of them: where this fails, the tag is what it was.
 */
MUST_USE int registrypush_run(const struct registrypush *p, struct out *o, struct err *e);

#endif
