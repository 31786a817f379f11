/* SPDX-License-Identifier: MIT */
#include "image/image_oci.h"

#include <string.h>

#include "base/digest.h"
#include "base/jsonwrite.h"
#include "image/image_json.h"
#include "image/image_parts.h"

#define OCI     "application/vnd.oci.image."
#define DOCKER  "application/vnd.docker."
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char oci_manifest[] = OCI "manifest.v1+json", oci_config[] = OCI "config.v1+json";

static bool is(json_t *v, const char *want)
{
	const char *s = image_json_text(v);
	return s && strcmp(s, want) == 0;
}

/* Absent, or as good as that. */
static bool none(json_t *v)
{
	return !image_json_is_there(v) || is(v, "");
}

static bool is_config(json_t *type)
{
	return is(type, oci_config) || is(type, DOCKER "container.image.v1+json");
}

/* --- what is no image --- */

static char *because(const char *text, json_t *v)
{
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, text);
	image_json_show(&b, v);
	return STEAL(b.s);
}

/* Where an artifactType is the type of an image's configuration, it is an image:
 * go-containerregistry. */
static char *artifact_type(json_t *o)
{
	json_t *type = json_object_get(o, "artifactType");
	return none(type) || is_config(type) ? NULL : because("artifact of type ", type);
}

static bool is_image(json_t *type)
{
	return none(type) || is(type, oci_manifest) || is(type, OCI "index.v1+json") ||
	       is(type, DOCKER "distribution.manifest.v2+json") ||
	       is(type, DOCKER "distribution.manifest.list.v2+json");
}

/* Of cosign, all that is kept beside an image. */
static bool is_beside(json_t *kind)
{
	static const char cosign[] = "dev.cosignproject.cosign/";
	const char *s = image_json_text(kind);
	if (!s || strncmp(s, cosign, sizeof cosign - 1) != 0)
		return false;
	s += sizeof cosign - 1;
	return strcmp(s, "image") != 0 && strcmp(s, "imageIndex") != 0;
}

/* Notes of builders, signatures and the like stand beside the images: why one is none. */
static char *no_image(json_t *o)
{
	json_t *type = json_object_get(o, "mediaType");
	json_t *annotations = json_object_get(o, "annotations");
	json_t *note = json_object_get(annotations, "vnd.docker.reference.type");
	json_t *kind = json_object_get(annotations, "kind");
	if (!is_image(type))
		return because("of type ", type);
	char *why = artifact_type(o);
	if (why)
		return why;
	if (image_json_is_there(note) && !json_is_false(note))
		return because("note of a builder: ", note);
	if (is_beside(kind))
		return because("of the kind ", kind);
	return is(json_object_get(json_object_get(o, "platform"), "os"), "unknown")
		       ? xstrdup("for no platform")
		       : NULL;
}

static bool names_tar(json_t *type)
{
	const char *s = image_json_text(type);
	return s && strstr(s, "tar");
}

/* Why the manifest of an image is none; types of layers of signatures and the like name no tar. */
static char *no_image_inside(json_t *o)
{
	json_t *type = json_object_get(json_object_get(o, "config"), "mediaType");
	size_t i;
	json_t *layer;
	char *why = artifact_type(o);
	if (why)
		return why;
	if (!none(type) && !is_config(type))
		return because("its configuration is of type ", type);
	json_array_foreach (json_object_get(o, "layers"), i, layer) {
		type = json_object_get(layer, "mediaType");
		if (!none(type) && !names_tar(type))
			return because("its layer is of type ", type);
	}
	return NULL;
}

static bool names_image(json_t *list)
{
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v) {
		AUTO_FREE char *why = no_image(v);
		if (json_is_object(v) && !why)
			return true;
	}
	return false;
}

char *image_oci_why(json_t *doc)
{
	json_t *list = json_object_get(doc, "manifests");
	if (!json_is_array(list))
		return no_image_inside(doc);
	char *why = artifact_type(doc);
	return why || names_image(list) ? why : xstrdup("an index without an image");
}

/* --- an index --- */

static int read_platform(json_t *v, char **to, struct err *e)
{
	static const char *const keys[] = { "os", "architecture", "variant" };
	AUTO_BUF struct buf b = { 0 };
	if (!image_json_is_there(v))
		return 0;
	if (image_json_object(v, "platform", e) < 0)
		return -1;
	buf_adds(&b, "");
	for (size_t k = 0; k < 3; k++) {
		json_t *part = json_object_get(v, keys[k]);
		const char *s = NULL;
		if (none(part))
			continue;
		if (image_json_string(part, "platform", &s, e) < 0)
			return -1;
		buf_addf(&b, "%s%s", b.len ? "/" : "", s);
	}
	*to = STEAL(b.s);
	return 0;
}

/* Whether the name is one without a tag, behind which a digest stands; len is that of the name. */
static bool has_digest_alone(const char *name, size_t *len)
{
	const char *at = strchr(name, '@');
	if (!at || at == name || !digest_digits(at + 1, strlen(at + 1)))
		return false;
	*len = (size_t)(at - name);
	const char *colon = memrchr(name, ':', *len);
	return !colon || memchr(colon, '/', (size_t)(at - colon));
}

static bool is_tag(const char *s)
{
	return *s && !strchr(".-", *s) && s[strspn(s, LETTERS "_.-")] == '\0';
}

/* A whole name is better than a tag; one with a digest alone gets the tag. */
static int read_name(json_t *annotations, char **to, struct err *e)
{
	json_t *name = json_object_get(annotations, "io.containerd.image.name");
	json_t *ref = json_object_get(annotations, "org.opencontainers.image.ref.name");
	const char *s = NULL, *tag = image_json_text(ref);
	size_t len;
	if (!image_json_is_there(name) || json_is_false(name))
		name = ref;
	if (!image_json_is_there(name))
		return 0;
	if (image_json_string(name, "name of the image", &s, e) < 0)
		return -1;
	AUTO_JSON json_t *tagged = name != ref && tag && is_tag(tag) && has_digest_alone(s, &len)
					   ? json_sprintf("%.*s:%s", (int)len, s, tag)
					   : NULL;
	return image_json_name(tagged ? tagged : name, to, e);
}

static int read_entry(json_t *v, struct image_oci_entry *entry, struct err *e)
{
	json_t *digest = json_object_get(v, "digest");
	const char *s = NULL;
	if (image_json_object(v, "manifests", e) < 0)
		return -1;
	json_t *annotations = json_object_get(v, "annotations");
	if (image_json_is_there(annotations) &&
	    image_json_object(annotations, "annotations", e) < 0)
		return -1;
	entry->why = no_image(v);
	if (entry->why) {
		entry->digest = image_json_text(digest) ? xstrdup(image_json_text(digest))
							: because("", digest);
		return 0;
	}
	if (image_json_digest(digest, "digest", &s, e) < 0)
		return -1;
	entry->digest = xstrdup(s);
	if (read_platform(json_object_get(v, "platform"), &entry->platform, e) < 0)
		return -1;
	return read_name(annotations, &entry->name, e);
}

static int read_index(json_t *list, struct image_oci *o, struct err *e)
{
	size_t i;
	json_t *v;
	if (image_json_list(list, "manifests", e) < 0)
		return -1;
	o->entries = xcalloc(json_array_size(list) + 1, sizeof *o->entries);
	json_array_foreach (list, i, v)
		if (read_entry(v, &o->entries[o->nentries++], e) < 0)
			return -1;
	return 0;
}

/* --- a manifest --- */

static int read_size(json_t *v, const char *what, uint64_t *size, struct err *e)
{
	double value = json_number_value(v);
	if (!json_is_number(v) || value < 0 || value > (double)JSON_WHOLE_MAX ||
	    value != (double)(uint64_t)value) {
		AUTO_FREE char *name = xasprintf("size of the %s", what);
		return json_is_number(v)
			       ? err_set(e, 0, "%s: expected a whole number of at most 2^53", name)
			       : image_json_wrong(v, name, "a number", e);
	}
	*size = (uint64_t)value;
	return 0;
}

static int read_descriptor(json_t *v, const char *what, char **digest, uint64_t *size,
			   struct err *e)
{
	const char *s = NULL;
	if (image_json_object(v, what, e) < 0 ||
	    image_json_digest(json_object_get(v, "digest"), what, &s, e) < 0 ||
	    read_size(json_object_get(v, "size"), what, size, e) < 0)
		return -1;
	*digest = xstrdup(s);
	return 0;
}

/* A manifest of the OCI specification need not say that it is one; docker's always does. */
static bool is_oci(json_t *doc)
{
	json_t *type = json_object_get(doc, "mediaType");
	return is(type, oci_manifest) ||
	       (none(type) &&
		is(json_object_get(json_object_get(doc, "config"), "mediaType"), oci_config));
}

/* The place of a table of pieces. Old clients read the names without github. */
static int read_annotation(json_t *layer, const char *name, char **to, struct err *e)
{
	static const char *const prefixes[] = { "io.github.containers.zstd-chunked.",
						"io.containers.zstd-chunked." };
	json_t *annotations = json_object_get(layer, "annotations");
	for (size_t k = 0; k < 2 && !*to; k++) {
		AUTO_FREE char *key = xasprintf("%s%s", prefixes[k], name);
		json_t *v = json_object_get(annotations, key);
		const char *s = NULL;
		if (!json_is_string(v))
			continue;
		if (image_json_string(v, key, &s, e) < 0)
			return -1;
		*to = xstrdup(s);
	}
	return 0;
}

static int read_layer(json_t *v, struct image_layer *layer, struct err *e)
{
	json_t *type = json_object_get(v, "mediaType");
	const char *s = NULL;
	if (read_descriptor(v, "layer", &layer->digest, &layer->size, e) < 0)
		return -1;
	if (!none(type) && image_json_string(type, "media type", &s, e) < 0)
		return -1;
	layer->media_type = s ? xstrdup(s) : NULL;
	if (read_annotation(v, "manifest-checksum", &layer->table.checksum, e) < 0 ||
	    read_annotation(v, "manifest-position", &layer->table.position, e) < 0)
		return -1;
	return read_annotation(v, "tarsplit-position", &layer->table.tarsplit, e);
}

static int read_layers(json_t *list, struct image_oci *o, struct err *e)
{
	size_t i;
	json_t *v;
	if (image_json_list(list, "layers", e) < 0)
		return -1;
	if (json_array_size(list) > IMAGE_MAX_LAYERS)
		return err_set(e, 0, "more than %d layers", IMAGE_MAX_LAYERS);
	o->layers = xcalloc(json_array_size(list) + 1, sizeof *o->layers);
	json_array_foreach (list, i, v)
		if (read_layer(v, &o->layers[o->nlayers++], e) < 0)
			return -1;
	return 0;
}

static int read_manifest(json_t *doc, struct image_oci *o, struct err *e)
{
	uint64_t size;
	AUTO_FREE char *why = no_image_inside(doc);
	if (why)
		return err_set(e, 0, "no container image: %s", why);
	o->oci = is_oci(doc);
	if (read_descriptor(json_object_get(doc, "config"), "configuration", &o->config, &size, e) <
	    0)
		return -1;
	return read_layers(json_object_get(doc, "layers"), o, e);
}

int image_oci_read(json_t *doc, struct image_oci *o, struct err *e)
{
	json_t *list = json_object_get(doc, "manifests");
	if (image_json_object(doc, "manifest or index", e) < 0)
		return -1;
	if (list)
		return read_index(list, o, e);
	if (json_object_get(doc, "config"))
		return read_manifest(doc, o, e);
	return err_set(e, 0,
		       "expected an index or an image manifest of the OCI image specification");
}

void image_oci_free(struct image_oci *o)
{
	for (size_t i = 0; i < o->nentries; i++) {
		free(o->entries[i].digest);
		free(o->entries[i].platform);
		free(o->entries[i].name);
		free(o->entries[i].why);
	}
	free(o->entries);
	free(o->config);
	image_layers_free(o->layers, o->nlayers);
	*o = (struct image_oci){ 0 };
}
