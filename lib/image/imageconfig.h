/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGECONFIG_H
#define LAYERPIPE_IMAGECONFIG_H

/*
 * The configuration of an image: the lines of image-config(5) in, the JSON
 * document of the OCI image specification ("Image Configuration") out.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "layer/layerlist.h"

#define IMAGECONFIG_CREATED "1970-01-01T00:00:01Z" /* the default, as nixpkgs has it */

struct imageconfig;

struct imageconfig *imageconfig_new(void);
void imageconfig_free(struct imageconfig *c);

/*
 * Reads lines on top of what is there: elements are added, scalars replaced.
 * name is what messages call the input. JSON goes through jq. *empty: the
 * input has not a single byte.
 */
MUST_USE int imageconfig_read(struct imageconfig *c, int fd, const char *name, bool *empty,
			      struct err *e);

/* What options say of the image; NULL: nothing. The architecture may be ARCH, ARCH/VARIANT,
 * OS/ARCH or OS/ARCH/VARIANT. */
struct imageconfig_options {
	const char *architecture, *os, *variant, *created;
};

/* Checks them alone; the error names the option. */
MUST_USE int imageconfig_check(const struct imageconfig_options *o, struct err *e);

/*
 * Sets *platform to OS/ARCH[/VARIANT], as an index has it, of a text that the architecture above
 * could be; the caller frees it.
 */
MUST_USE int imageconfig_read_platform(const char *text, char **platform, struct err *e);

/*
 * Completes a configuration: what an option gives replaces what lines gave;
 * what neither gives is created IMAGECONFIG_CREATED, os linux, and this
 * machine's architecture, named as Go names it. A variant that lines gave is
 * dropped where an option gives another architecture than they did.
 */
MUST_USE int imageconfig_complete(struct imageconfig *c, const struct imageconfig_options *o,
				  struct err *e);

/* What machine a completed configuration is for; borrowed from it. variant NULL: none. */
struct imageconfig_platform {
	const char *architecture, *os, *variant;
};

struct imageconfig_platform imageconfig_platform(const struct imageconfig *c);

/*
 * Appends the document, one line with its newline: equal configurations and
 * layers are equal bytes. rootfs and history describe each layer. A
 * history of more layers than there are is an error.
 */
MUST_USE int imageconfig_write(const struct imageconfig *c, const struct layerlist *layers,
			       struct buf *b, struct err *e);

/* For __attribute__((cleanup)). */
void imageconfig_cleanup(struct imageconfig **c);
#define AUTO_IMAGECONFIG __attribute__((cleanup(imageconfig_cleanup)))

#endif
