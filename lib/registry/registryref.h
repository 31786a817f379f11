/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REGISTRYREF_H
#define LAYERPIPE_REGISTRYREF_H

/* Where an image is pushed to. */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "registry/weburl.h"

/* Strings are owned. */
struct registryref {
	char *host;       /* HOST[:PORT], as messages and credentials have it: "docker.io" */
	char *repository; /* "library/x" */
	char *tag;
};

/*
 * Reads [docker://][HOST[:PORT]/]REPOSITORY[:TAG], as imageref.h has names; the tag is latest where
 * none is given. A digest is an error.
 */
MUST_USE int registryref_parse(const char *s, struct registryref *r, struct err *e);

/* The URL of that registry's interface, ".../v2/". Docker Hub's has another host. */
MUST_USE int registryref_url(const struct registryref *r, bool tls, struct weburl *u,
			     struct err *e);

void registryref_free(struct registryref *r);
#define AUTO_REGISTRYREF __attribute__((cleanup(registryref_free)))

#endif
