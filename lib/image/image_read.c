/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/machine.h"
#include "image/image.h"
#include "image/image_config.h"
#include "image/image_json.h"
#include "image/image_oci.h"
#include "image/image_parts.h"
#include "tar/decompress.h"
#include "tar/tarread.h"

enum {
	MAX_NESTED = 8, /* indexes within indexes */
	PLATFORMS_SHOWN = 20,
};

void image_free(struct image *i)
{
	image_layers_free(i->layers, i->nlayers);
	buf_free(&i->json);
	buf_free(&i->config);
	buf_free(&i->manifest);
	free(i->os);
	free(i->architecture);
	free(i->variant);
	*i = (struct image){ 0 };
}

/* --- what an OCI manifest says --- */

/* An index within an index, or the manifest, whichever it is. */
struct manifest {
	struct image *image;
	struct image_descriptor *descriptors; /* of an index; owned */
	size_t ndescriptors;
	char *config; /* of a manifest: its digest; owned */
};

static void manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->ndescriptors; i++) {
		free(m->descriptors[i].digest);
		free(m->descriptors[i].platform);
	}
	free(m->descriptors);
	free(m->config);
	m->descriptors = NULL;
	m->ndescriptors = 0;
	m->config = NULL;
}

static int take(struct manifest *m, struct image_oci *o, struct err *e)
{
	for (size_t k = 0; k < o->nentries; k++) {
		struct image_oci_entry *entry = &o->entries[k];
		if (!entry->why && image_add_descriptor(&m->descriptors, &m->ndescriptors,
							&entry->digest, &entry->platform, e) < 0)
			return -1;
	}
	m->config = STEAL(o->config);
	if (!m->config)
		return 0;
	m->image->layers = STEAL(o->layers);
	m->image->nlayers = o->nlayers;
	o->nlayers = 0;
	return 0;
}

static int read_document(struct manifest *m, const char *name, const char *digest, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_JSON json_t *doc = NULL;
	AUTO_OCI struct image_oci o = { 0 };
	manifest_free(m);
	if (image_document(m->image->file, name, digest, &text, &doc, e) < 0)
		return -1;
	if (image_oci_read(doc, &o, e) < 0 || take(m, &o, e) < 0)
		return err_wrap(e, "%s: %s", imagefile_name(m->image->file), name);
	if (o.oci)
		buf_add(&m->image->manifest, text.s, text.len);
	return 0;
}

/* The member that holds a manifest or index. */
static char *manifest_name(const struct image *i, const char *digest)
{
	AUTO_FREE char *blob = image_blob_name(digest, i->flat);
	return i->flat ? xasprintf("%s.manifest.json", blob) : STEAL(blob);
}

static int read_blob(struct manifest *m, const char *digest, struct err *e)
{
	AUTO_FREE char *name = manifest_name(m->image, digest);
	return read_document(m, name, digest, e);
}

/* Whether want only adds the variant that a platform without one has, as containerd reads it. */
static bool adds_usual_variant(const char *platform, const char *want)
{
	static const char *const usual[] = { "amd64/v1", "arm/v7", "arm64/v8" };
	size_t len = strlen(platform);
	const char *machine = strchr(want, '/');
	if (strncmp(platform, want, len) != 0 || want + len != strrchr(want, '/'))
		return false;
	for (size_t k = 0; k < sizeof usual / sizeof *usual; k++)
		if (strcmp(machine + 1, usual[k]) == 0)
			return true;
	return false;
}

/* Whether platform is the wanted one, variants of it included. */
static bool fits(const char *platform, const char *want)
{
	size_t len = strlen(want);
	if (!platform)
		return false;
	return (strncmp(platform, want, len) == 0 &&
		(platform[len] == '\0' || platform[len] == '/')) ||
	       adds_usual_variant(platform, want);
}

static void list_platforms(const struct image_descriptor *list, size_t n, struct buf *b)
{
	for (size_t k = 0; k < n && k < PLATFORMS_SHOWN; k++)
		buf_addf(b, "%s%s", k ? ", " : "",
			 list[k].platform ? list[k].platform : "one that is not named");
	if (n > PLATFORMS_SHOWN)
		buf_addf(b, " and %zu more", n - PLATFORMS_SHOWN);
}

/* absent: the index has an image for it, but its manifest is not in the file */
static int no_platform(const struct image *i, const char *want, bool absent,
		       const struct image_descriptor *list, size_t n, struct err *e)
{
	AUTO_BUF struct buf there = { 0 };
	list_platforms(list, n, &there);
	return err_set(e, 0, "%s: no image for %s%s%s%s", imagefile_name(i->file), want,
		       n ? ", but " : "", n ? there.s : "",
		       absent ? " (the index names one, but its manifest is not in the file)" : "");
}

static int all_absent(const struct image *i, const struct image_descriptor *list, size_t n,
		      struct err *e)
{
	AUTO_BUF struct buf named = { 0 };
	list_platforms(list, n, &named);
	AUTO_FREE char *first = manifest_name(i, list[0].digest);
	return err_set(e, 0, "%s: no member '%s', the manifest of the image%s%s",
		       imagefile_name(i->file), first, list[0].platform ? " for " : "",
		       list[0].platform ? named.s : "");
}

/* The image for a platform; one that says just this goes first. NULL: there is none. */
static const char *find_platform(const struct image_descriptor *list, size_t n, const char *want)
{
	const char *found = NULL;
	for (size_t k = 0; k < n; k++)
		if (fits(list[k].platform, want) && (!found || strcmp(list[k].platform, want) == 0))
			found = list[k].digest;
	return found;
}

/* Moves those whose manifests are in the file to the front; returns how many. */
static size_t sort_present(const struct image *i, struct image_descriptor *list, size_t n)
{
	size_t present = 0;
	for (size_t k = 0; k < n; k++) {
		AUTO_FREE char *name = manifest_name(i, list[k].digest);
		if (!imagefile_has(i->file, name))
			continue;
		struct image_descriptor here = list[k];
		memmove(list + present + 1, list + present, (k - present) * sizeof *list);
		list[present++] = here;
	}
	return present;
}

/* The one image that there is, or the one for this machine. */
static int choose(struct image *i, struct image_descriptor *list, size_t n, const char **digest,
		  struct err *e)
{
	AUTO_FREE char *architecture = NULL;
	size_t present = sort_present(i, list, n);
	if (n && !present)
		return all_absent(i, list, n, e);
	i->alone = i->alone && present == 1;
	if (present == 1 && (!i->platform || i->alone_ok || !list[0].platform)) {
		*digest = list[0].digest;
		return 0;
	}
	if (!i->platform && machine_architecture(&architecture, e) < 0)
		return -1;
	AUTO_FREE char *want =
		i->platform ? xstrdup(i->platform) : xasprintf("linux/%s", architecture);
	const char *found = find_platform(list, present, want);
	if (!found)
		return no_platform(i, want, find_platform(list, n, want) != NULL, list, present, e);
	*digest = found;
	return 0;
}

/* Goes from the image's index to its manifest. */
static int read_manifest(struct manifest *m, const struct image_entry *entry, struct err *e)
{
	struct image_descriptor *list = entry->manifests;
	size_t n = entry->nmanifests;
	if (entry->flat) {
		if (read_document(m, "manifest.json", NULL, e) < 0)
			return -1;
		if (m->config)
			return 0;
		list = m->descriptors;
		n = m->ndescriptors;
	}
	for (int depth = 0; depth < MAX_NESTED; depth++) {
		const char *digest = NULL;
		if (choose(m->image, list, n, &digest, e) < 0)
			return -1;
		AUTO_FREE char *copy = xstrdup(digest); /* list goes with the next document */
		if (read_blob(m, copy, e) < 0)
			return -1;
		if (m->config)
			return 0;
		list = m->descriptors;
		n = m->ndescriptors;
	}
	return err_set(e, 0, "%s: indexes nested deeper than %d", imagefile_name(m->image->file),
		       MAX_NESTED);
}

/* --- the configuration --- */

char *image_platform(const struct image *i)
{
	bool variant = i->variant && *i->variant;
	return xasprintf("%s/%s%s%s", i->os ? i->os : "linux",
			 i->architecture ? i->architecture : "", variant ? "/" : "",
			 variant ? i->variant : "");
}

/* An index may say nothing of the platform, and an archive has no index. What an index says of the
 * variant is enough. */
static int check_platform(const struct image *i, struct err *e)
{
	AUTO_FREE char *platform = image_platform(i);
	if (!i->platform || (i->alone_ok && i->alone) || fits(platform, i->platform) ||
	    (!i->alone && fits(i->platform, platform)))
		return 0;
	return err_set(e, 0, "%s: no image for %s, but %s", imagefile_name(i->file), i->platform,
		       platform);
}

static int read_config(struct image *i, const char *member, const char *digest, struct err *e)
{
	AUTO_JSON json_t *doc = NULL;
	size_t ndiffids;
	if (image_document(i->file, member, digest, &i->json, &doc, e) < 0)
		return -1;
	if (image_config_read(doc, i, &ndiffids, e) < 0)
		return err_wrap(e, "%s: %s", imagefile_name(i->file), member);
	if (ndiffids == i->nlayers)
		return check_platform(i, e);
	return err_set(e, 0, "%s: the manifest has %zu layers, but the configuration %zu diff IDs",
		       imagefile_name(i->file), i->nlayers, ndiffids);
}

/* --- layers --- */

/* A tar begins with a header, or, where it is empty, with zeros; some tools write nothing then. */
static int check_first(const struct image *i, size_t k, struct source *s, struct err *e)
{
	char block[TAR_BLOCK];
	size_t got;
	if (source_fill(s, block, sizeof block, &got, e) < 0)
		return -1;
	if (got == 0 || (got == sizeof block &&
			 (tarread_is_header(block) || memcmp(block, tar_zeros, TAR_BLOCK) == 0)))
		return 0;
	err_set(e, 0, "'%s' is not a tar, compressed or not", i->layers[k].blob.name);
	return image_layer_wrap(i, k, e);
}

/* Looks at how the layer begins. */
static int look_at(struct image *i, size_t k, struct err *e)
{
	struct image_layer *layer = &i->layers[k];
	const struct imagefile_member *blob = &layer->blob;
	AUTO_DECOMPRESS struct decompress *d = NULL;
	AUTO_FREE char *name = image_layer_name(i, k);
	struct source_part part;
	source_part(&part, blob->fd, name, blob->offset, blob->size);
	if (decompress_new(&part.source, &d, e) < 0 ||
	    check_first(i, k, decompress_source(d), e) < 0)
		return -1;
	layer->compression = decompress_kind(d);
	layer->size = layer->compression == COMPRESS_NONE ? blob->size : 0;
	if (layer->compression != COMPRESS_NONE || !layer->digest ||
	    strcmp(layer->digest, layer->diffid) == 0)
		return 0;
	err_set(e, 0, "it is not compressed, but has another digest: %s", layer->digest);
	return image_layer_wrap(i, k, e);
}

/* Whether its bytes need not be in an image: of Windows, for example. */
static bool is_foreign(const struct image_layer *l)
{
	return l->media_type &&
	       (strstr(l->media_type, ".foreign.") || strstr(l->media_type, ".nondistributable."));
}

static int foreign(const struct image *i, size_t k, struct err *e)
{
	err_set(e, 0, "a foreign layer, whose bytes are not in the image: its type is %s",
		i->layers[k].media_type);
	return image_layer_wrap(i, k, e);
}

/* Finds a layer by its member's name; where a manifest gave a size, it must be that. */
static int find_layer(struct image *i, size_t k, const char *member, struct err *e)
{
	struct image_layer *layer = &i->layers[k];
	layer->absent = i->absent_ok && layer->digest && !imagefile_has(i->file, member);
	if (layer->absent)
		return 0;
	if (imagefile_find(i->file, member, &layer->blob, e) < 0)
		return is_foreign(layer) && !imagefile_has(i->file, member) ? foreign(i, k, e) : -1;
	if (layer->digest && layer->blob.size != layer->size) {
		err_set(e, 0, "'%s' has %" PRIu64 " bytes, expected %" PRIu64, layer->blob.name,
			layer->blob.size, layer->size);
		return image_layer_wrap(i, k, e);
	}
	if (!layer->digest && !image_blob_digest(layer->blob.name, &layer->digest))
		layer->digest = NULL;
	return look_at(i, k, e);
}

static int read_docker(struct image *i, const struct image_entry *entry, struct err *e)
{
	i->layers = xcalloc(entry->nlayers + 1, sizeof *i->layers);
	i->nlayers = entry->nlayers;
	if (read_config(i, entry->config, NULL, e) < 0)
		return -1;
	for (size_t k = 0; k < i->nlayers; k++)
		if (find_layer(i, k, entry->layers[k], e) < 0)
			return -1;
	return 0;
}

static int read_oci(struct image *i, const struct image_entry *entry, struct err *e)
{
	struct manifest m = { .image = i };
	int status = read_manifest(&m, entry, e);
	if (status == 0) {
		AUTO_FREE char *config = image_blob_name(m.config, i->flat);
		status = read_config(i, config, m.config, e);
	}
	manifest_free(&m);
	for (size_t k = 0; status == 0 && k < i->nlayers; k++) {
		AUTO_FREE char *name = image_blob_name(i->layers[k].digest, i->flat);
		status = find_layer(i, k, name, e);
	}
	return status;
}

int image_read(struct imagefile *f, const struct imageset *s, size_t entry, struct image *i,
	       struct err *e)
{
	const struct image_entry *n = &s->entries[entry];
	i->file = f;
	i->flat = n->flat;
	i->alone = true;
	return n->config ? read_docker(i, n, e) : read_oci(i, n, e);
}

/* --- tables --- */

/* Takes them from an image if it is the same one. */
static bool take_tables(struct image *i, struct image *from)
{
	if (from->json.len != i->json.len || memcmp(from->json.s, i->json.s, i->json.len) != 0)
		return false;
	for (size_t k = 0; k < i->nlayers; k++) {
		struct image_layer *l = &i->layers[k], *other = &from->layers[k];
		struct image_table table = l->table;
		if (!l->digest || strcmp(l->digest, other->digest) != 0)
			continue;
		l->table = other->table;
		other->table = table;
	}
	return true;
}

/* Another image of the index may be one that cannot be read, such as for other platforms. */
static int search_tables(struct image *i, const struct imageset *s, struct err *e)
{
	AUTO_FREE char *platform = image_platform(i);
	int status = 0;
	for (size_t n = 0; n < s->n; n++) {
		AUTO_IMAGE struct image other = { .absent_ok = true,
						  .platform = platform,
						  .alone_ok = true };
		if (image_read(i->file, s, n, &other, e) < 0) {
			status = -1;
		} else if (take_tables(i, &other)) {
			err_clear(e);
			return 0;
		}
	}
	return status;
}

int image_find_tables(struct image *i, struct err *e)
{
	AUTO_IMAGESET struct imageset index = { 0 };
	if (i->flat || !imagefile_has(i->file, "manifest.json") ||
	    !imagefile_has(i->file, "index.json"))
		return 0;
	return imageset_read_index(i->file, &index, e) < 0 ? -1 : search_tables(i, &index, e);
}
