/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "image-archive.jq.h"
#include "image-manifest.jq.h"
#include "image/image.h"
#include "image/image_lines.h"
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

int imageset_archive_line(void *context, struct image_line *l, struct err *e)
{
	struct imageset *s = context;
	struct image_entry *entry = s->n ? &s->entries[s->n - 1] : NULL;
	if (image_line_is(l, "directory", 1)) {
		if (add_entry(s, &entry, e) < 0)
			return -1;
		entry->flat = true;
		return 0;
	}
	if (l->n != 2 || !l->fields[1])
		return err_set(e, 0, "expected a key and a value");
	char **value = &l->fields[1];
	if (image_line_is(l, "image", 2)) {
		if (add_entry(s, &entry, e) < 0)
			return -1;
		entry->config = STEAL(*value);
		return 0;
	}
	if (!entry)
		return err_set(e, 0, "expected an image first");
	if (image_line_is(l, "name", 2))
		return add_string(&entry->names, &entry->nnames, STEAL(*value), e);
	return add_string(&entry->layers, &entry->nlayers, STEAL(*value), e);
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

/* A line "manifest DIGEST PLATFORM NAME" or "skipped DIGEST WHY". */
int imageset_index_line(void *context, struct image_line *l, struct err *e)
{
	struct imageset *s = context;
	if (image_line_is(l, "skipped", 3) && l->fields[1] && l->fields[2]) {
		skip(s, l->fields[1], l->fields[2]);
		return 0;
	}
	if (!image_line_is(l, "manifest", 4) || !l->fields[1])
		return err_set(e, 0, "expected an index, found a manifest");
	struct image_entry *entry = same_manifest(s, l->fields[1]);
	if (entry)
		return add_name(entry, &l->fields[3], e);
	entry = same_image(s, l->fields[3], l->fields[2]);
	if (!entry && (add_entry(s, &entry, e) < 0 || add_name(entry, &l->fields[3], e) < 0))
		return -1;
	return image_add_descriptor(&entry->manifests, &entry->nmanifests, l, e);
}

static int read_document(struct imagefile *f, const char *member, const char *program,
			 const char *const *args, image_line_fn *fn, struct imageset *s,
			 struct err *e)
{
	AUTO_BUF struct buf json = { 0 };
	AUTO_FREE char *where = xasprintf("%s: %s", imagefile_name(f), member);
	if (image_text(f, member, NULL, &json, e) < 0)
		return -1;
	return image_lines(program, args, where, &json, fn, s, e);
}

/* --- what looks like an image, but is none --- */

enum { JUDGED_MAX = 16 << 20 }; /* bytes of manifests that are looked at for this */

/* The manifests of several images, and what is said of them. */
struct judging {
	struct imageset *set;
	size_t *entries; /* whose they are */
	size_t n, judged;
	struct buf json;
	char **why; /* of each entry; NULL: it is an image */
};

/* Whatever cannot be read counts as an image, and is an error when it is read. */
static void add_manifest(struct judging *j, struct imagefile *f, size_t entry)
{
	const struct image_entry *n = &j->set->entries[entry];
	struct err ignored = { 0 };
	AUTO_BUF struct buf text = { 0 };
	if (n->nmanifests != 1 || j->json.len > JUDGED_MAX)
		return;
	AUTO_FREE char *name = image_blob_name(n->manifests[0].digest, false);
	if (image_text(f, name, n->manifests[0].digest, &text, &ignored) == 0) {
		buf_add(&j->json, text.s, text.len);
		buf_addc(&j->json, '\n');
		j->entries[j->n++] = entry;
	}
	err_clear(&ignored);
}

/* A line "image" or "artifact WHY". */
static int judge_line(void *context, struct image_line *l, struct err *e)
{
	struct judging *j = context;
	if (j->judged == j->n)
		return err_set(e, 0, "more than one JSON document in a manifest");
	if (image_line_is(l, "artifact", 2))
		j->why[j->entries[j->judged]] = STEAL(l->fields[1]);
	j->judged++;
	return 0;
}

static void drop_artifacts(struct judging *j)
{
	struct imageset *s = j->set;
	size_t kept = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct image_entry *entry = &s->entries[i];
		if (j->why[i]) {
			skip(s, entry->manifests[0].digest, j->why[i]);
			entry_free(entry);
		} else {
			s->entries[kept++] = *entry;
		}
	}
	s->n = kept;
}

/* Of several images those are left out whose manifests say that they are none. */
static void judge(struct imagefile *f, struct imageset *s)
{
	static const char *const args[] = { "-s", "--arg", "form", "artifact", NULL };
	struct judging j = { .set = s };
	struct err ignored = { 0 };
	if (s->n < 2)
		return;
	j.entries = xcalloc(s->n, sizeof *j.entries);
	j.why = xcalloc(s->n, sizeof *j.why);
	for (size_t i = 0; i < s->n; i++)
		add_manifest(&j, f, i);
	size_t n = s->n;
	if (j.n && image_lines(jq_image_manifest, args, "index.json", &j.json, judge_line, &j,
			       &ignored) == 0)
		drop_artifacts(&j);
	for (size_t i = 0; i < n; i++)
		free(j.why[i]);
	free(j.why);
	free(j.entries);
	buf_free(&j.json);
	err_clear(&ignored);
}

int imageset_read_index(struct imagefile *f, struct imageset *s, struct err *e)
{
	static const char *const args[] = { "-s", "--arg", "form", "oci", NULL };
	if (read_document(f, "index.json", jq_image_manifest, args, imageset_index_line, s, e) < 0)
		return -1;
	judge(f, s);
	return 0;
}

int imageset_read(struct imagefile *f, struct imageset *s, struct err *e)
{
	static const char *const args[] = { "-s", NULL };
	if (imagefile_has(f, "manifest.json"))
		return read_document(f, "manifest.json", jq_image_archive, args,
				     imageset_archive_line, s, e);
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
