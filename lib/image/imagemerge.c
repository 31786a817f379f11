/* SPDX-License-Identifier: MIT */
#include "image/imagemerge_parts.h"

#include <string.h>

#include "image/dockerarchive.h"
#include "image/imageref.h"

enum { CHUNK = 1 << 20 };

struct imagemerge *imagemerge_new(void)
{
	return xcalloc(1, sizeof(struct imagemerge));
}

void imagemerge_free(struct imagemerge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->ids.n; i++) {
		image_free(&m->members[i].image);
		free(m->members[i].names);
		free(m->members[i].keys);
	}
	for (size_t i = 0; i < m->ninputs; i++) {
		imageset_free(&m->inputs[i].set);
		imagefile_free(m->inputs[i].file);
	}
	intern_free(&m->ids);
	intern_free(&m->names);
	intern_free(&m->familiar);
	intern_free(&m->diffids);
	free(m->inputs);
	free(m->members);
	for (size_t i = 0; i < m->familiar.n; i++)
		free(m->owners[i].members);
	free(m->owners);
	free(m->origins);
	free(m->name);
	free(m->tag);
	free(m);
}

void imagemerge_cleanup(struct imagemerge **m)
{
	imagemerge_free(*m);
}

enum compress_kind imagemerge_compression(const struct imagemerge *m)
{
	enum compress_kind kind = imagefile_compression(m->inputs[m->ninputs - 1].file);
	return kind == COMPRESS_XZ ? COMPRESS_GZ : kind; /* xz is not written */
}

size_t imagemerge_layers(const struct imagemerge *m)
{
	return m->diffids.n;
}

uint64_t imagemerge_bytes(const struct imagemerge *m)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < m->diffids.n; i++) {
		const struct origin *o = &m->origins[i];
		const struct image_layer *l = &m->members[o->member].image.layers[o->layer];
		if (l->compression != COMPRESS_NONE)
			return 0;
		sum += l->blob.size;
	}
	return sum;
}

/* --- what there is --- */

void imagemerge_for_layout(struct imagemerge *m)
{
	m->layout = true;
}

/* Whether the owner of a name has it with the member, or may get it. */
static int check_owner(const struct imagemerge *m, const struct owner *o, size_t member, bool *has,
		       struct err *e)
{
	AUTO_FREE char *mine = image_platform(&m->members[member].image);
	for (size_t i = 0; i < o->n; i++) {
		AUTO_FREE char *other = image_platform(&m->members[o->members[i]].image);
		if (o->members[i] == member)
			*has = true;
		else if (!m->layout)
			return err_set(e, 0,
				       "another image in %s: a name can stand for one image only",
				       o->file);
		else if (strcmp(mine, other) == 0)
			return err_set(
				e, 0,
				"another image for %s in %s: a name can stand for one image of "
				"each platform",
				mine, o->file);
	}
	return 0;
}

/* The owner of a name that is added. */
static struct owner *add_owner(struct imagemerge *m, const char *file, const char *name)
{
	const char *known = imageref_familiar(name);
	uint32_t before = m->familiar.n, n = intern_add(&m->familiar, known, strlen(known));
	m->owners = mem_grow(m->owners, &m->owners_cap, m->familiar.n, sizeof *m->owners);
	if (n == before)
		m->owners[n] =
			(struct owner){ .file = file,
					.name = intern_keep(&m->familiar, name, strlen(name)) };
	return &m->owners[n];
}

/* Notes a name of a member, once. */
static int add_name(struct imagemerge *m, size_t member, const char *file, const char *name,
		    struct err *e)
{
	bool has = false;
	if (imageref_check(name, e) < 0)
		return err_wrap(e, "%s", file);
	struct owner *o = add_owner(m, file, name);
	if (check_owner(m, o, member, &has, e) < 0) {
		AUTO_FREE char *why = STEAL(e->msg);
		return err_set(e, 0, "%s: '%s' is %s", file, name, why);
	}
	m->members[member].nameless = false;
	if (!has) {
		o->members = mem_grow(o->members, &o->cap, o->n + 1, sizeof *o->members);
		o->members[o->n++] = member;
	}
	uint32_t before = m->names.n, n = intern_add(&m->names, name, strlen(name));
	if (n < before)
		return 0;
	struct member *to = &m->members[member];
	to->names = mem_grow(to->names, &to->names_cap, to->nnames + 1, sizeof *to->names);
	to->names[to->nnames++] = m->names.strings[n];
	return 0;
}

/* What the archive calls a layer: its digest without "sha256:". */
static const char *layer_key(const char *diffid)
{
	return strchr(diffid, ':') + 1;
}

static bool is_compressed(const struct imagemerge *m, const struct origin *o)
{
	return m->members[o->member].image.layers[o->layer].compression != COMPRESS_NONE;
}

/* Of equal layers one that is not compressed is taken, where there is one. */
static void add_layers(struct imagemerge *m, size_t member)
{
	const struct image *image = &m->members[member].image;
	m->members[member].keys = xcalloc(image->nlayers, sizeof(char *));
	for (size_t i = 0; i < image->nlayers; i++) {
		const char *diffid = image->layers[i].diffid;
		struct origin here = { member, i };
		uint32_t before = m->diffids.n, n = intern_add(&m->diffids, diffid, strlen(diffid));
		m->members[member].keys[i] = layer_key(m->diffids.strings[n]);
		m->origins =
			mem_grow(m->origins, &m->origins_cap, m->diffids.n, sizeof *m->origins);
		if (n == before || (is_compressed(m, &m->origins[n]) && !is_compressed(m, &here)))
			m->origins[n] = here;
	}
}

/* Whether fewer layers of this image are compressed. */
static bool is_less_compressed(const struct image *known, const struct image *image)
{
	size_t better = 0, worse = 0;
	for (size_t i = 0; i < known->nlayers; i++) {
		bool old = known->layers[i].compression != COMPRESS_NONE;
		bool new = image->layers[i].compression != COMPRESS_NONE;
		better += old && !new;
		worse += new && !old;
	}
	return better > worse;
}

/* Whether a copy of the image lacks the blob of a layer, and the other one has it. */
static bool can_take(const struct image_layer *l, const struct image_layer *other)
{
	return l->absent && !other->absent && other->digest &&
	       strcmp(l->digest, other->digest) == 0;
}

/* How many layers the image lacks for good. */
static size_t absent(const struct image *image, const struct image *other)
{
	size_t n = 0;
	for (size_t i = 0; i < image->nlayers; i++)
		n += image->layers[i].absent && !can_take(&image->layers[i], &other->layers[i]);
	return n;
}

/* Whether the image is to be taken as it is in a file before: the one that has more of its layers,
 * with those of its blobs that the other one has; in a layout, the one with a manifest to keep; the
 * one that is less compressed. */
static bool is_better(const struct imagemerge *m, const struct image *known,
		      const struct image *image)
{
	bool kept = known->manifest.len, now = image->manifest.len;
	size_t lacked = absent(known, image), lacks = absent(image, known);
	if (lacked != lacks)
		return lacked < lacks;
	return m->layout && kept != now ? kept : !is_less_compressed(known, image);
}

/* The same image once more: the better one stays, and gets the blobs that it lacks. */
static void add_again(const struct imagemerge *m, struct image *known, struct image *image)
{
	if (!is_better(m, known, image)) {
		struct image other = *known;
		*known = *image;
		*image = other;
	}
	for (size_t i = 0; i < known->nlayers; i++)
		if (can_take(&known->layers[i], &image->layers[i])) {
			struct image_layer layer = known->layers[i];
			known->layers[i] = image->layers[i];
			image->layers[i] = layer;
		}
}

/* Takes an image over: *member is its number, be it there already. */
static int add_member(struct imagemerge *m, struct image *image, size_t *member, struct err *e)
{
	char id[DIGEST_HEX_LEN + 1];
	uint32_t before = m->ids.n;
	digest_of(image->json.s, image->json.len, id);
	buf_free(&image->config);
	*member = intern_add(&m->ids, id, DIGEST_HEX_LEN);
	if (*member < before) {
		add_again(m, &m->members[*member].image, image);
		return 0;
	}
	m->members = mem_grow(m->members, &m->members_cap, m->ids.n, sizeof *m->members);
	m->members[*member] = (struct member){ .image = *image, .nameless = true };
	*image = (struct image){ 0 };
	const struct image *own = &m->members[*member].image;
	m->configs += own->json.len;
	if (m->configs > IMAGEMERGE_MAX_CONFIGS)
		return err_set(e, 0, "%s: the configurations of all images are more than %zu bytes",
			       imagefile_name(own->file), IMAGEMERGE_MAX_CONFIGS);
	add_layers(m, *member);
	return 0;
}

int imagemerge_name(struct imagemerge *m, const char *name, struct err *e)
{
	const char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');
	free(m->name);
	free(m->tag);
	m->name = xstrndup(name, colon ? (size_t)(colon - name) : strlen(name));
	m->tag = xstrdup(colon ? colon + 1 : "latest");
	return imageref_check_name(m->name, e) < 0 ? -1 : imageref_check_tag(m->tag, e);
}

/* Whether it is but a tag, as in an OCI layout, or has a digest in place of one. */
static bool is_incomplete(const struct image_entry *entry, const char *name)
{
	return strchr(name, '@') || (!entry->config && !strpbrk(name, ":/"));
}

/* NAME:TAG of what stands in the file, as far as that is possible. */
static char *whole_name(const struct imagemerge *m, const struct image_entry *entry,
			const char *name)
{
	struct err ignored = { 0 };
	const char *at = strchr(name, '@');
	AUTO_FREE char *tagged = xstrndup(name, at ? (size_t)(at - name) : strlen(name));
	bool good = imageref_check(tagged, &ignored) == 0;
	err_clear(&ignored);
	if (good)
		return STEAL(tagged);
	if (!m->name || !is_incomplete(entry, name))
		return xstrdup(name);
	return xasprintf("%s:%s", m->name, at ? m->tag : name);
}

static int hint(const char *file, const char *name, struct err *e)
{
	if (strchr(name, '@'))
		return err_set(e, 0, "%s: '%s' has no tag: expected NAME:TAG (--name gives it one)",
			       file, name);
	AUTO_FREE char *msg = STEAL(e->msg);
	return err_set(e, 0, "%s (--name gives it one)", msg);
}

static int add_image(struct imagemerge *m, const struct input *in, size_t entry, struct err *e)
{
	AUTO_IMAGE struct image image = { .absent_ok = m->layout };
	size_t member;
	if (image_read(in->file, &in->set, entry, &image, e) < 0 ||
	    add_member(m, &image, &member, e) < 0)
		return -1;
	const struct image_entry *names = &in->set.entries[entry];
	for (size_t i = 0; i < names->nnames; i++) {
		AUTO_FREE char *name = whole_name(m, names, names->names[i]);
		if (add_name(m, member, imagefile_name(in->file), name, e) < 0)
			return is_incomplete(names, name) ? hint(imagefile_name(in->file), name, e)
							  : -1;
	}
	if (names->nnames || !m->name)
		return 0;
	AUTO_FREE char *name = xasprintf("%s:%s", m->name, m->tag);
	return add_name(m, member, imagefile_name(in->file), name, e);
}

int imagemerge_add(struct imagemerge *m, const char *path, struct err *e)
{
	m->inputs = mem_grow(m->inputs, &m->inputs_cap, m->ninputs + 1, sizeof *m->inputs);
	struct input *in = &m->inputs[m->ninputs];
	*in = (struct input){ 0 };
	if (imagefile_open(path, &in->file, e) < 0)
		return -1;
	m->ninputs++;
	if (imageset_read(in->file, &in->set, e) < 0)
		return -1;
	size_t first;
	if (imageset_find(&in->set, in->file, NULL, &first, e) < 0)
		return -1;
	for (size_t i = 0; i < in->set.n; i++)
		if (add_image(m, in, i, e) < 0)
			return -1;
	return 0;
}

/* --- writing it --- */

/* All of a layer, or the error that it is not size bytes (any more). */
static int copy(struct dockerarchive *a, struct source *from, uint64_t size, void *chunk,
		struct progress *progress, struct err *e)
{
	uint64_t left = size;
	size_t got;
	do {
		if (source_read(from, chunk, CHUNK, &got, e) < 0)
			return -1;
		if (got > left || (got == 0 && left))
			return err_set(e, 0, "%s: its size changed while it was read", from->name);
		left -= got;
		if (dockerarchive_write(a, chunk, got, e) < 0)
			return -1;
		progress_bytes(progress, got);
	} while (got);
	return 0;
}

static int write_layer(struct imagemerge *m, const struct origin *o, struct dockerarchive *a,
		       void *chunk, struct progress *progress, struct err *e)
{
	struct image *image = &m->members[o->member].image;
	const struct image_layer *l = &image->layers[o->layer];
	AUTO_IMAGE_READER struct image_reader *r = NULL;
	if (image_layer_size(image, o->layer, e) < 0 ||
	    image_layer_open(image, o->layer, &r, e) < 0)
		return -1;
	if (dockerarchive_begin_layer(a, layer_key(l->diffid), l->size, e) < 0 ||
	    copy(a, image_layer_source(r), l->size, chunk, progress, e) < 0)
		return -1;
	progress_layer(progress, l->size, l->diffid, l->comment);
	return dockerarchive_end_layer(a, l->size, e);
}

static int write_layers(struct imagemerge *m, struct dockerarchive *a, struct progress *progress,
			struct err *e)
{
	AUTO_FREE char *chunk = xmalloc(CHUNK);
	for (size_t i = 0; i < m->diffids.n; i++)
		if (write_layer(m, &m->origins[i], a, chunk, progress, e) < 0)
			return -1;
	return 0;
}

static int write_configs(const struct imagemerge *m, struct dockerarchive *a, struct err *e)
{
	for (size_t i = 0; i < m->ids.n; i++)
		if (dockerarchive_config(a, m->ids.strings[i], &m->members[i].image.json, e) < 0)
			return -1;
	return 0;
}

static int write_manifest(const struct imagemerge *m, struct dockerarchive *a, struct err *e)
{
	AUTO_FREE struct dockerarchive_image *images = xcalloc(m->ids.n, sizeof *images);
	for (size_t i = 0; i < m->ids.n; i++)
		images[i] = (struct dockerarchive_image){ .id = m->ids.strings[i],
							  .names = m->members[i].names,
							  .nnames = m->members[i].nnames,
							  .keys = m->members[i].keys,
							  .nkeys = m->members[i].image.nlayers };
	return dockerarchive_finish(a, images, m->ids.n, e);
}

static void show(const struct imagemerge *m, struct progress *progress)
{
	for (size_t i = 0; i < m->ids.n; i++) {
		AUTO_FREE char *id = xasprintf("sha256:%s", m->ids.strings[i]);
		const struct member *member = &m->members[i];
		if (member->nnames == 0)
			progress_image(progress, NULL, id);
		for (size_t n = 0; n < member->nnames; n++)
			progress_image(progress, member->names[n], id);
	}
}

int imagemerge_write(struct imagemerge *m, struct compress *to, struct progress *progress,
		     struct err *e)
{
	struct dockerarchive a = { .to = to };
	if (write_layers(m, &a, progress, e) < 0 || write_configs(m, &a, e) < 0 ||
	    write_manifest(m, &a, e) < 0)
		return -1;
	show(m, progress);
	return 0;
}
