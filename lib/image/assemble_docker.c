/* SPDX-License-Identifier: MIT */
#include "base/spool.h"
#include "image/assemble_parts.h"

static int to_spool(void *to, const void *data, size_t len, struct err *e)
{
	const int *fd = to;
	return spool_write(*fd, data, len, e);
}

/* A layer with a name known before its bytes: they go straight through. */
static int pass_layer(struct assembly *a, const struct layerread_layer *l, const char *key,
		      const struct assemble_stored **s, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	if (dockerarchive_begin_layer(&a->out, key, l->size, e) < 0 ||
	    assemble_copy(a, assemble_to_archive, a, hex, e) < 0 ||
	    dockerarchive_end_layer(&a->out, l->size, e) < 0)
		return -1;
	*s = assemble_store(a, key, hex, hex, l->size);
	return 0;
}

/* A layer that is to be named by its digest: it is put aside until that is known. */
static int spool_layer(struct assembly *a, const struct layerread_layer *l,
		       const struct assemble_stored **s, struct err *e)
{
	AUTO_CLOSE int spool = -1;
	char hex[DIGEST_HEX_LEN + 1];
	if (spool_open(&spool, e) < 0 || assemble_copy(a, to_spool, &spool, hex, e) < 0)
		return -1;
	/* a layer with other bytes may have this digest as its key */
	*s = assemble_find(a, hex, hex);
	if (*s)
		return assemble_same(a, *s, hex, e);
	if (dockerarchive_begin_layer(&a->out, hex, l->size, e) < 0 ||
	    assemble_unspool(a, spool, e) < 0 || dockerarchive_end_layer(&a->out, l->size, e) < 0)
		return -1;
	*s = assemble_store(a, hex, hex, hex, l->size);
	return 0;
}

static int layer(struct assembly *a, const struct layerread_layer *l, const char *key,
		 const struct assemble_stored **s, struct err *e)
{
	return key ? pass_layer(a, l, key, s, e) : spool_layer(a, l, s, e);
}

static int finish(struct assembly *a, const struct assemble_ending *end, struct err *e)
{
	AUTO_FREE const char **keys = xcalloc(a->norder, sizeof *keys);
	for (size_t i = 0; i < a->norder; i++)
		keys[i] = a->stored[a->order[i]].key;
	struct dockerarchive_image image = { .id = end->id,
					     .names = end->names,
					     .nnames = end->nnames,
					     .keys = keys,
					     .nkeys = a->norder };
	if (dockerarchive_config(&a->out, end->id, end->json, e) < 0)
		return -1;
	return dockerarchive_finish(&a->out, &image, 1, e);
}

const struct assemble_form assemble_docker = { layer, finish };
