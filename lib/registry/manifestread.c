/* SPDX-License-Identifier: MIT */
#include "registry/manifestread.h"

#include <string.h>

#include "base/digest.h"
#include "base/jsonread.h"

const char manifestread_types[] = "application/vnd.oci.image.manifest.v1+json, "
				  "application/vnd.oci.image.index.v1+json, "
				  "application/vnd.docker.distribution.manifest.v2+json, "
				  "application/vnd.docker.distribution.manifest.list.v2+json";

static void free_descriptors(struct manifestread_list *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].digest);
		free(d->list[i].media_type);
		free(d->list[i].ref_name);
		free(d->list[i].full_name);
	}
	free(d->list);
}

void manifestread_free(struct manifestread *m)
{
	free(m->media_type);
	free_descriptors(&m->manifests);
	free_descriptors(&m->layers);
	free_descriptors(&m->config);
}

static int read_string(struct jsonread *r, char **to, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	if (jsonread_string(r, &b, e) < 0)
		return -1;
	free(*to);
	*to = b.s ? STEAL(b.s) : xstrdup("");
	return 0;
}

static int read_annotation(struct jsonread *r, const char *key, void *to, struct err *e)
{
	struct manifestread_descriptor *d = to;
	if (strcmp(key, "org.opencontainers.image.ref.name") == 0)
		return read_string(r, &d->ref_name, e);
	if (strcmp(key, "io.containerd.image.name") == 0)
		return read_string(r, &d->full_name, e);
	return jsonread_skip(r, e);
}

static int read_of_descriptor(struct jsonread *r, const char *key, void *to, struct err *e)
{
	struct manifestread_descriptor *d = to;
	if (strcmp(key, "digest") == 0)
		return read_string(r, &d->digest, e);
	if (strcmp(key, "mediaType") == 0)
		return read_string(r, &d->media_type, e);
	if (strcmp(key, "annotations") == 0)
		return jsonread_object(r, read_annotation, d, e);
	if (strcmp(key, "urls") == 0)
		d->elsewhere = true;
	if (strcmp(key, "size") != 0)
		return jsonread_skip(r, e);
	d->has_size = true;
	return jsonread_whole(r, &d->size, e);
}

/* The digest goes into paths and URLs. */
static int check_descriptor(const struct manifestread_descriptor *d, struct err *e)
{
	if (!d->digest || !digest_digits(d->digest, strlen(d->digest)))
		return err_set(e, 0, "expected digests of sha256: and 64 lower-case hex digits");
	return d->has_size ? 0 : err_set(e, 0, "expected a size of %s", d->digest);
}

static int read_descriptor(struct jsonread *r, void *to, struct err *e)
{
	struct manifestread_list *list = to;
	list->list = mem_grow(list->list, &list->cap, list->n + 1, sizeof *list->list);
	struct manifestread_descriptor *d = &list->list[list->n++];
	*d = (struct manifestread_descriptor){ 0 };
	if (jsonread_object(r, read_of_descriptor, d, e) < 0)
		return -1;
	d->elsewhere |= d->media_type && (strstr(d->media_type, ".nondistributable.") ||
					  strstr(d->media_type, ".foreign."));
	return check_descriptor(d, e);
}

static int read_of_manifest(struct jsonread *r, const char *key, void *to, struct err *e)
{
	struct manifestread *m = to;
	if (strcmp(key, "mediaType") == 0)
		return read_string(r, &m->media_type, e);
	if (strcmp(key, "config") == 0)
		return read_descriptor(r, &m->config, e);
	if (strcmp(key, "layers") == 0)
		return jsonread_list(r, read_descriptor, &m->layers, e);
	if (strcmp(key, "manifests") != 0)
		return jsonread_skip(r, e);
	m->index = true;
	return jsonread_list(r, read_descriptor, &m->manifests, e);
}

int manifestread_parse(const struct buf *text, struct manifestread *m, struct err *e)
{
	struct source_text from;
	source_text(&from, text->s, text->len, "JSON");
	AUTO_JSONREAD struct jsonread *r = jsonread_new(&from.source);
	if (jsonread_object(r, read_of_manifest, m, e) < 0 || jsonread_end(r, e) < 0)
		return -1;
	return m->index || m->config.n == 1
		       ? 0
		       : err_set(e, 0, "expected an index or a manifest of an image");
}
