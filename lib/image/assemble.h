/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ASSEMBLE_H
#define LAYERPIPE_ASSEMBLE_H

/*
 * Layers and a configuration to an image: each layer as it comes, then the
 * configuration and the manifest. The image is a docker-archive
 * (dockerarchive.h), an OCI layout (ocilayout.h), that as an archive, or a
 * hybrid of both archives.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/progress.h"
#include "image/imageconfig.h"
#include "image/ocilayout.h"
#include "image/ocimanifest.h"
#include "layer/knownlayers.h"
#include "layer/layerlist.h"
#include "tar/compress.h"

#define ASSEMBLE_ANY UINT64_MAX /* no limit, no number expected */

enum assemble_format { ASSEMBLE_DOCKER, ASSEMBLE_OCI, ASSEMBLE_HYBRID };

/* "docker", "oci" or "hybrid". */
MUST_USE int assemble_format(const char *name, enum assemble_format *format, struct err *e);

/* What the image shall be; all borrowed. */
struct assemble_options {
	const char *name;        /* checked; NULL: none */
	const char *const *tags; /* checked; none: the tag is made from the content */
	size_t ntags;
	uint64_t max_layers;    /* more are an error */
	uint64_t expect_layers; /* any other number is an error */
	bool allow_empty;       /* an image without layers is not an error */
	enum assemble_format format;
	/* not for ASSEMBLE_DOCKER */
	enum compress_kind compressor; /* of each layer */
	unsigned jobs;                 /* threads for that */
	struct ocimanifest_annotations annotations;
};

/* Layer streams to be read to their end. */
struct assemble_input {
	int fd;
	const char *name; /* for messages */
	bool not_empty;   /* no byte at all is an error: whoever should have written it failed */
};

/* Where an image comes from and goes to; all borrowed. */
struct assemble_streams {
	const struct assemble_input *inputs;
	size_t ninputs;
	struct compress *archive;  /* one of these two; the other is NULL */
	struct ocilayout *layout;  /* ASSEMBLE_OCI only */
	struct knownlayers *known; /* layers compressed before; gets those of now. NULL: none */
	struct progress *progress;
};

/*
 * Reads the layers of all inputs, in order, and writes the whole image. Of an archive, its end is
 * included; compress_finish() is the caller's. A layout is committed. layers, which starts as
 * { 0 }, gets what the image is made of. A layer whose name is not known before its bytes is
 * spooled; of equal layers one is stored. A layer that comes by reference is taken for a
 * layout only, whose blob may then be missing; known is appended to its file before the image is
 * complete. On failure an archive has neither manifest nor end, and a
 * layout is not committed.
 */
MUST_USE int assemble(const struct assemble_streams *s, const struct assemble_options *o,
		      const struct imageconfig *config, struct layerlist *layers, struct err *e);

#endif
