/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "image/image.h"
#include "image/image_json.h"
#include "image/image_oci.h"
#include "image/image_parts.h"
#include "image/imageref.h"

enum { NAMES_SHOWN = 20 };

static void entry_free(struct image_entry *entry)
{
	for (size_t i = 0; i < entry->nnames; i++)
		free(entry->names[i]);
	for (size_t i = 0; i < entry->nlayers; i++)
		free(entry->layers[i]);
	for (size_t i = 0; i < entry->nmanifests; i++) {
		free(entry->manifests[i].digest);
		free(entry->manifests[i].platform);
	}
	free(entry->names);
	free(entry->layers);
	free(entry->manifests);
	free(entry->config);
}

void imageset_free(struct imageset *s)
{
	for (size_t i = 0; i < s->n; i++)
		entry_free(&s->entries[i]);
	free(s->entries);
	buf_free(&s->skipped);
	*s = (struct imageset){ 0 };
}

static int add_entry(struct imageset *s, struct image_entry **entry, struct err *e)
{
	if (s->n == IMAGE_MAX_IMAGES)
		return err_set(e, 0, "more than %d images", IMAGE_MAX_IMAGES);
	s->entries = mem_grow(s->entries, &s->cap, s->n + 1, sizeof *s->entries);
	s->entries[s->n] = (struct image_entry){ 0 };
	*entry = &s->entries[s->n++];
	return 0;
}

/* Takes the string. */
static int add_string(char ***list, size_t *n, char *s, struct err *e)
{
	if (*n == IMAGE_MAX_LAYERS) {
		free(s);
		return err_set(e, 0, "more than %d names or layers", IMAGE_MAX_LAYERS);
	}
	*list = xrealloc(*list, (*n + 1) * sizeof **list);
	(*list)[(*n)++] = s;
	return 0;
}

/* --- docker-archive --- */

/* Keys count without case, as in Go; old jib wrote all in small letters. */
static json_t *value_of(json_t *object, const char *want)
{
	const char *key;
	json_t *v, *found = json_object_get(object, want);
	if (found)
		return found;
	json_object_foreach (object, key, v)
		if (strcasecmp(key, want) == 0)
			found = v;
	return found;
}

static int add_names(json_t *list, struct image_entry *entry, struct err *e)
{
	size_t k;
	json_t *v;
	if (image_json_list(list, "RepoTags", e) < 0)
		return -1;
	json_array_foreach (list, k, v) {
		char *name;
		if (image_json_name(v, &name, e) < 0 ||
		    add_string(&entry->names, &entry->nnames, name, e) < 0)
			return -1;
	}
	return 0;
}

static int add_layers(json_t *list, struct image_entry *entry, struct err *e)
{
	size_t k;
	json_t *v;
	if (image_json_list(list, "Layers", e) < 0)
		return -1;
	json_array_foreach (list, k, v) {
		const char *s;
		if (image_json_string(v, "Layers", &s, e) < 0 ||
		    add_string(&entry->layers, &entry->nlayers, xstrdup(s), e) < 0)
			return -1;
	}
	return 0;
}

/* Also what docker 25 wrote beside Layers, LayerSources, is not needed: a blob is named by its
 * digest. */
static int add_archived(struct imageset *s, json_t *v, struct err *e)
{
	struct image_entry *entry = NULL;
	const char *config = NULL;
	if (image_json_object(v, "image", e) < 0 ||
	    image_json_string(value_of(v, "Config"), "Config", &config, e) < 0 ||
	    add_entry(s, &entry, e) < 0)
		return -1;
	entry->config = xstrdup(config);
	return add_names(value_of(v, "RepoTags"), entry, e) < 0
		       ? -1
		       : add_layers(value_of(v, "Layers"), entry, e);
}

int imageset_add_archive(struct imageset *s, json_t *doc, struct err *e)
{
	size_t k;
	json_t *v;
	if (json_is_object(doc)) {
		struct image_entry *entry = NULL;
		if (add_entry(s, &entry, e) < 0)
			return -1;
		entry->flat = true;
		return 0;
	}
	if (!json_is_array(doc))
		return image_json_wrong(doc, "manifest", "a list of images", e);
	json_array_foreach (doc, k, v)
		if (add_archived(s, v, e) < 0)
			return -1;
	return 0;
}

/* --- OCI image layout --- */

static bool equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool has_platform(const struct image_entry *entry, const char *platform)
{
	for (size_t i = 0; i < entry->nmanifests; i++)
		if (equal(entry->manifests[i].platform, platform))
			return true;
	return false;
}

/*
 * The image that a descriptor adds a platform to: the one of the same name, or one without a
 * name that lacks this platform.
 */
static struct image_entry *same_image(const struct imageset *s, const char *name,
				      const char *platform)
{
	for (size_t i = 0; i < s->n; i++) {
		struct image_entry *entry = &s->entries[i];
		if (name ? entry->nnames == 1 && strcmp(entry->names[0], name) == 0
			 : entry->nnames == 0 && platform && !has_platform(entry, NULL) &&
				    !has_platform(entry, platform))
			return entry;
	}
	return NULL;
}

/* The image that a descriptor gives one more name. */
static struct image_entry *same_manifest(const struct imageset *s, const char *digest)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].nmanifests == 1 &&
		    strcmp(s->entries[i].manifests[0].digest, digest) == 0)
			return &s->entries[i];
	return NULL;
}

static int add_name(struct image_entry *entry, char **name, struct err *e)
{
	for (size_t i = 0; i < entry->nnames; i++)
		if (equal(entry->names[i], *name))
			return 0;
	return *name ? add_string(&entry->names, &entry->nnames, STEAL(*name), e) : 0;
}

/* Notes what is no image. */
static void skip(struct imageset *s, const char *digest, const char *why)
{
	if (s->nskipped++ < NAMES_SHOWN)
		buf_addf(&s->skipped, "%s%.19s (%s)", s->skipped.len ? ", " : "", digest, why);
}

static int add_image(struct imageset *s, struct image_oci_entry *o, struct err *e)
{
	if (o->why) {
		skip(s, o->digest, o->why);
		return 0;
	}
	struct image_entry *entry = same_manifest(s, o->digest);
	if (entry)
		return add_name(entry, &o->name, e);
	entry = same_image(s, o->name, o->platform);
	if (!entry && (add_entry(s, &entry, e) < 0 || add_name(entry, &o->name, e) < 0))
		return -1;
	return image_add_descriptor(&entry->manifests, &entry->nmanifests, &o->digest, &o->platform,
				    e);
}

int imageset_add_index(struct imageset *s, json_t *doc, struct err *e)
{
	AUTO_OCI struct image_oci o = { 0 };
	if (image_oci_read(doc, &o, e) < 0)
		return -1;
	if (o.config)
		return err_set(e, 0, "expected an index, found a manifest");
	for (size_t i = 0; i < o.nentries; i++)
		if (add_image(s, &o.entries[i], e) < 0)
			return -1;
	return 0;
}

/* --- what looks like an image, but is none --- */

enum { JUDGED_MAX = 16 << 20 }; /* bytes of manifests that are looked at for this */

/* Why an entry is none, a new string. Whatever cannot be read counts as an image, and is an error
 * when it is read. */
static char *judge(struct imagefile *f, const struct image_entry *entry, size_t *left)
{
	struct err ignored = { 0 };
	AUTO_BUF struct buf text = { 0 };
	AUTO_JSON json_t *doc = NULL;
	char *why = NULL;
	if (entry->nmanifests != 1 || *left == 0)
		return NULL;
	AUTO_FREE char *name = image_blob_name(entry->manifests[0].digest, false);
	if (image_document(f, name, entry->manifests[0].digest, &text, &doc, &ignored) == 0)
		why = image_oci_why(doc);
	*left -= text.len < *left ? text.len : *left;
	err_clear(&ignored);
	return why;
}

/* Of several images those are left out whose manifests say that they are none. */
static void drop_artifacts(struct imagefile *f, struct imageset *s)
{
	size_t kept = 0, left = s->n > 1 ? JUDGED_MAX : 0;
	for (size_t i = 0; i < s->n; i++) {
		struct image_entry *entry = &s->entries[i];
		AUTO_FREE char *why = judge(f, entry, &left);
		if (why) {
			skip(s, entry->manifests[0].digest, why);
			entry_free(entry);
		} else {
			s->entries[kept++] = *entry;
		}
	}
	s->n = kept;
}

/* Adds what a document says. */
typedef int add_fn(struct imageset *s, json_t *doc, struct err *e);

static int read_document(struct imagefile *f, const char *name, add_fn *add, struct imageset *s,
			 struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_JSON json_t *doc = NULL;
	if (image_document(f, name, NULL, &text, &doc, e) < 0)
		return -1;
	return add(s, doc, e) < 0 ? err_wrap(e, "%s: %s", imagefile_name(f), name) : 0;
}

int imageset_read_index(struct imagefile *f, struct imageset *s, struct err *e)
{
	if (read_document(f, "index.json", imageset_add_index, s, e) < 0)
		return -1;
	drop_artifacts(f, s);
	return 0;
}

int imageset_read(struct imagefile *f, struct imageset *s, struct err *e)
{
	if (imagefile_has(f, "manifest.json"))
		return read_document(f, "manifest.json", imageset_add_archive, s, e);
	if (imagefile_has(f, "index.json"))
		return imageset_read_index(f, s, e);
	return err_set(e, 0,
		       "%s: no image: expected a docker-archive, which has a manifest.json, or an "
		       "OCI image layout, which has an index.json",
		       imagefile_name(f));
}

/* --- names --- */

/* NAME:TAG in parts. */
struct reference {
	const char *name, *tag;
	size_t len; /* of the name */
};

static struct reference parse(const char *s)
{
	s = imageref_familiar(s);
	const char *slash = strrchr(s, '/');
	const char *colon = strchr(slash ? slash : s, ':');
	return (struct reference){ .name = s,
				   .tag = colon ? colon + 1 : "latest",
				   .len = colon ? (size_t)(colon - s) : strlen(s) };
}

/* In an OCI layout a name may be a tag alone. */
static bool is_tag(const struct image_entry *entry, const char *name)
{
	return !entry->config && !strpbrk(name, ":/");
}

static bool is_called(const struct image_entry *entry, const char *want)
{
	struct reference w = parse(want);
	for (size_t i = 0; i < entry->nnames; i++) {
		const char *name = entry->names[i];
		struct reference r = parse(name);
		if (is_tag(entry, name) ? strcmp(name, w.tag) == 0 || strcmp(name, want) == 0
					: r.len == w.len && memcmp(r.name, w.name, w.len) == 0 &&
						  strcmp(r.tag, w.tag) == 0)
			return true;
	}
	return false;
}

static void list_names(const struct imageset *s, struct buf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->entries[i].nnames; k++)
			if (n++ < NAMES_SHOWN)
				buf_addf(b, "%s%s", b->len ? ", " : "", s->entries[i].names[k]);
	if (n > NAMES_SHOWN)
		buf_addf(b, " and %zu more", n - NAMES_SHOWN);
}

static int not_found(const struct imageset *s, const struct imagefile *f, const char *name,
		     struct err *e)
{
	AUTO_BUF struct buf names = { 0 }, left = { 0 };
	if (s->nskipped)
		buf_addf(&left, "; left out: %s", s->skipped.s);
	if (s->nskipped > NAMES_SHOWN)
		buf_addf(&left, " and %zu more", s->nskipped - NAMES_SHOWN);
	const char *out = left.len ? left.s : "", *file = imagefile_name(f);
	if (!name)
		return err_set(e, 0, "%s: its list of images is empty%s", file, out);
	list_names(s, &names);
	if (names.len)
		return err_set(e, 0, "%s: no image '%s' in it, but %s%s", file, name, names.s, out);
	return err_set(e, 0, "%s: no image '%s' in it: none has a name%s", file, name, out);
}

int imageset_find(const struct imageset *s, const struct imagefile *f, const char *name,
		  size_t *entry, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (!name || is_called(&s->entries[i], name)) {
			*entry = i;
			return 0;
		}
	return not_found(s, f, name, e);
}
