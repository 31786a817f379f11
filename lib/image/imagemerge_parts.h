/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEMERGE_PARTS_H
#define LAYERPIPE_IMAGEMERGE_PARTS_H

/* What the parts of imagemerge share: the images that were added. */

#include "base/intern.h"
#include "image/image.h"
#include "image/imagemerge.h"

/* A file that images come from. */
struct input {
	struct imagefile *file;
	struct imageset set;
};

/* An image of the result. */
struct member {
	struct image image;
	bool nameless;      /* no file gives it a name */
	const char **names; /* their strings belong to the merge */
	size_t nnames, names_cap;
	const char **keys; /* of its layers; their strings belong to the merge */
};

/* Who has a name: one image, or in a layout one for each platform. */
struct owner {
	size_t *members;
	size_t n, cap;
	const char *file; /* where it was found first */
	const char *name; /* as it stood there; belongs to the merge */
};

/* Where a layer is read from. */
struct origin {
	size_t member, layer;
};

struct imagemerge {
	bool layout; /* it will be an OCI layout */
	char *name;  /* for images that have none, without a tag, or NULL */
	char *tag;
	struct input *inputs;
	size_t ninputs, inputs_cap;
	struct intern ids; /* of the members */
	struct member *members;
	size_t members_cap, configs;
	struct intern names;    /* as they stand in the files */
	struct intern familiar; /* as docker sees them */
	struct owner *owners;   /* of those, by number */
	size_t owners_cap;
	struct intern diffids;
	struct origin *origins; /* of the layers */
	size_t origins_cap;
};

#endif
