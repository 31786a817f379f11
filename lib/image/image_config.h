/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGE_CONFIG_H
#define LAYERPIPE_IMAGE_CONFIG_H

/* Parts of image: what a configuration says (OCI image specification, "Image Configuration"). */

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/image.h"

/*
 * Fills i->os, i->architecture and i->variant, of the layers that are there
 * already diffid, comment and created_by, and i->config. What has no form in
 * image-config(5) is left out, and so is a history that does not fit the
 * layers. Shapes are checked as clients do it; values are the reader's.
 * ndiffids: how many there are. After an error, *i has a part of it. The error does not name the
 * file.
 */
MUST_USE int image_config_read(json_t *doc, struct image *i, size_t *ndiffids, struct err *e);

#endif
