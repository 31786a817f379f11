/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "image/imagemerge_parts.h"
#include "image/ocimanifest.h"

/* The images as an OCI layout: blobs that are there stay what they are, others are made. */

enum { CHUNK = 1 << 20 };

/* What a layer without a blob of its own became. */
struct made {
	char digest[DIGEST_HEX_LEN + 1];
	uint64_t size;
};

struct writing {
	const struct imagemerge *m;
	struct ocilayout *layout;
	enum compress_kind kind;
	unsigned jobs;
	struct progress *progress;
	char *about;          /* how layers are compressed */
	struct intern blobs;  /* digests of what is in the layout */
	struct intern copied; /* those of layers that came as blobs */
	struct intern layers; /* diff IDs of what was made, by number: */
	struct made *made;
	size_t made_cap;
	char *chunk;
};

static void writing_free(struct writing *w)
{
	intern_free(&w->blobs);
	intern_free(&w->copied);
	intern_free(&w->layers);
	free(w->about);
	free(w->made);
	free(w->chunk);
}

/* Adds a digest; whether it was not there. */
static bool is_first(struct intern *digests, const char *hex)
{
	uint32_t before = digests->n;
	return intern_add(digests, hex, DIGEST_HEX_LEN) == before;
}

/* Whether the layout lacks the blob, which it is to get now. */
static bool is_new(struct writing *w, const char *hex)
{
	return is_first(&w->blobs, hex);
}

static int add_text(struct writing *w, const char *hex, const struct buf *text, struct err *e)
{
	return is_new(w, hex) ? ocilayout_text(w->layout, hex, text, e) : 0;
}

/* --- layers --- */

/* Bytes into a file, as they are or compressed; hex gets the digest of what is in the file. */
static int fill(struct writing *w, struct source *from, enum compress_kind kind, struct outfile *f,
		struct made *made, struct err *e)
{
	AUTO_DIGEST struct digest *d = digest_new();
	AUTO_COMPRESS struct compress *c = NULL;
	struct out o;
	size_t got = 1;
	out_init(&o, outfile_fd(f), ocilayout_path(w->layout));
	int r = out_also_digest(&o, d, e);
	if (r == 0)
		r = compress_new(kind, w->jobs, &o, &c, e);
	while (r == 0 && got) {
		r = source_read(from, w->chunk, CHUNK, &got, e);
		if (r == 0)
			r = compress_write(c, w->chunk, got, e);
		if (r == 0)
			progress_bytes(w->progress, got);
	}
	if (r == 0)
		r = compress_finish(c, e);
	if (r == 0)
		r = out_flush(&o, e);
	if (r == 0)
		r = out_also_digest(&o, NULL, e);
	made->size = o.written;
	out_drop(&o);
	digest_hex(d, made->digest);
	return r;
}

/* A blob as it is in its file. */
static int write_blob(struct writing *w, const struct image *i, size_t k, struct err *e)
{
	const struct image_layer *l = &i->layers[k];
	const char *hex = strchr(l->digest, ':') + 1;
	AUTO_OUTFILE struct outfile *f = NULL;
	struct source_part part;
	struct made made;
	source_part(&part, l->blob.fd, l->blob.name, l->blob.offset, l->blob.size);
	if (ocilayout_blob(w->layout, &f, e) < 0 ||
	    fill(w, &part.source, COMPRESS_NONE, f, &made, e) < 0)
		return -1;
	if (strcmp(made.digest, hex) != 0) {
		err_set(e, 0, "damaged: its blob is sha256:%s", made.digest);
		return image_layer_wrap(i, k, e);
	}
	ocilayout_keep(w->layout, STEAL(f), hex, made.size);
	return 0;
}

/* The same, once for all images; a layer that was compressed may have become this very blob. */
static int copy_blob(struct writing *w, const struct image *i, size_t k, struct err *e)
{
	const struct image_layer *l = &i->layers[k];
	const char *hex = strchr(l->digest, ':') + 1;
	if (l->absent || !is_first(&w->copied, hex))
		return 0;
	if (is_new(w, hex) && write_blob(w, i, k, e) < 0)
		return -1;
	progress_layer(w->progress, l->blob.size, l->diffid, l->comment);
	return 0;
}

/* A layer compressed, once for all images; *number is its place in made. */
static int make_blob(struct writing *w, const struct image *i, size_t k, uint32_t *number,
		     struct err *e)
{
	const struct image_layer *l = &i->layers[k];
	AUTO_OUTFILE struct outfile *f = NULL;
	AUTO_IMAGE_READER struct image_reader *r = NULL;
	uint32_t before = w->layers.n;
	*number = intern_add(&w->layers, l->diffid, strlen(l->diffid));
	if (*number < before)
		return 0;
	w->made = mem_grow(w->made, &w->made_cap, w->layers.n, sizeof *w->made);
	struct made *made = &w->made[*number];
	if (image_layer_open(i, k, &r, e) < 0 || ocilayout_blob(w->layout, &f, e) < 0 ||
	    fill(w, image_layer_source(r), w->kind, f, made, e) < 0)
		return -1;
	if (is_new(w, made->digest))
		ocilayout_keep(w->layout, STEAL(f), made->digest, made->size);
	progress_layer(w->progress, made->size, l->diffid, l->comment);
	return 0;
}

/* Those of one image that are to come. */
static void count(const struct image *i, struct intern *copied, struct intern *made)
{
	for (size_t k = 0; k < i->nlayers; k++) {
		const struct image_layer *l = &i->layers[k];
		if (!i->manifest.len)
			intern_add(made, l->diffid, strlen(l->diffid));
		else if (!l->absent)
			intern_add(copied, strchr(l->digest, ':') + 1, DIGEST_HEX_LEN);
	}
}

size_t imagemerge_blobs(const struct imagemerge *m)
{
	struct intern copied = { 0 }, made = { 0 };
	for (size_t i = 0; i < m->ids.n; i++)
		count(&m->members[i].image, &copied, &made);
	size_t n = (size_t)copied.n + made.n;
	intern_free(&copied);
	intern_free(&made);
	return n;
}

/* --- images --- */

/* A manifest for an image that has none of the OCI specification. */
static int make_manifest(struct writing *w, const struct image *i, const char *id, struct buf *b,
			 struct err *e)
{
	AUTO_FREE struct ocimanifest_blob *layers = xcalloc(i->nlayers, sizeof *layers);
	AUTO_FREE uint32_t *numbers = xcalloc(i->nlayers, sizeof *numbers);
	const struct ocimanifest_blob config = { .hex = id, .size = i->json.len };
	for (size_t k = 0; k < i->nlayers; k++)
		if (make_blob(w, i, k, &numbers[k], e) < 0)
			return -1;
	for (size_t k = 0; k < i->nlayers; k++)
		layers[k] = (struct ocimanifest_blob){
			.hex = w->made[numbers[k]].digest,
			.size = w->made[numbers[k]].size,
			.media_type = ocimanifest_layer_type(w->kind),
			.compressor = w->kind == COMPRESS_NONE ? NULL : w->about,
		};
	return ocimanifest_write(&config, layers, i->nlayers,
				 &(struct ocimanifest_annotations){ 0 }, b, e);
}

static int copy_blobs(struct writing *w, const struct image *i, struct err *e)
{
	for (size_t k = 0; k < i->nlayers; k++)
		if (copy_blob(w, i, k, e) < 0)
			return -1;
	return 0;
}

/* Puts an image into the layout; made gets its manifest. */
static int write_image(struct writing *w, size_t member, struct made *made, struct err *e)
{
	const struct image *i = &w->m->members[member].image;
	const char *id = w->m->ids.strings[member];
	AUTO_BUF struct buf own = { 0 };
	const struct buf *manifest = i->manifest.len ? &i->manifest : &own;
	int r = i->manifest.len ? copy_blobs(w, i, e) : make_manifest(w, i, id, &own, e);
	if (r < 0 || add_text(w, id, &i->json, e) < 0)
		return -1;
	made->size = manifest->len;
	digest_of(manifest->s, manifest->len, made->digest);
	return add_text(w, made->digest, manifest, e);
}

/* --- the index --- */

static struct ocimanifest_entry entry_of(const struct writing *w, const struct made *manifests,
					 size_t member)
{
	const struct image *i = &w->m->members[member].image;
	return (struct ocimanifest_entry){
		.manifest = { .hex = manifests[member].digest, .size = manifests[member].size },
		.platform = { i->architecture ? i->architecture : "", i->os ? i->os : "linux",
			      i->variant },
	};
}

/* The images of one name as an index of its own. */
static int write_platforms(struct writing *w, const struct owner *o, const struct made *manifests,
			   struct made *made, struct err *e)
{
	AUTO_FREE struct ocimanifest_entry *entries = xcalloc(o->n, sizeof *entries);
	AUTO_BUF struct buf index = { 0 };
	for (size_t k = 0; k < o->n; k++)
		entries[k] = entry_of(w, manifests, o->members[k]);
	if (ocimanifest_write_index(entries, o->n, &(struct ocimanifest_annotations){ 0 }, &index,
				    e) < 0)
		return -1;
	made->size = index.len;
	digest_of(index.s, index.len, made->digest);
	return add_text(w, made->digest, &index, e);
}

/* In a layout, an image is told by its tag. */
static int check_tags(const struct imagemerge *m, struct err *e)
{
	for (size_t i = 0; i < m->familiar.n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(strrchr(m->owners[i].name, ':'),
				   strrchr(m->owners[k].name, ':')) == 0)
				return err_set(e, 0,
					       "'%s' and '%s' have the same tag: in an OCI layout "
					       "an image is told by its tag",
					       m->owners[k].name, m->owners[i].name);
	return 0;
}

static int write_index(struct writing *w, const struct made *manifests, struct err *e)
{
	const struct imagemerge *m = w->m;
	AUTO_FREE struct made *indexes = xcalloc(m->familiar.n, sizeof *indexes);
	AUTO_FREE struct ocimanifest_entry *entries =
		xcalloc(m->familiar.n + m->ids.n, sizeof *entries);
	AUTO_BUF struct buf index = { 0 };
	size_t n = 0;
	for (size_t i = 0; i < m->familiar.n; i++, n++) {
		const struct owner *o = &m->owners[i];
		entries[n] = entry_of(w, manifests, o->members[0]);
		if (o->n > 1 && write_platforms(w, o, manifests, &indexes[i], e) < 0)
			return -1;
		entries[n].index = o->n > 1;
		if (o->n > 1)
			entries[n].manifest = (struct ocimanifest_blob){ .hex = indexes[i].digest,
									 .size = indexes[i].size };
		entries[n].names = &o->name;
		entries[n].nnames = 1;
	}
	for (size_t i = 0; i < m->ids.n; i++)
		if (m->members[i].nameless)
			entries[n++] = entry_of(w, manifests, i);
	if (ocimanifest_write_index(entries, n, &(struct ocimanifest_annotations){ 0 }, &index, e) <
	    0)
		return -1;
	return ocilayout_commit(w->layout, &index, e);
}

static int write_all(struct writing *w, struct err *e)
{
	const struct imagemerge *m = w->m;
	AUTO_FREE struct made *manifests = xcalloc(m->ids.n, sizeof *manifests);
	for (size_t i = 0; i < m->ids.n; i++)
		if (write_image(w, i, &manifests[i], e) < 0)
			return -1;
	return write_index(w, manifests, e);
}

int imagemerge_write_layout(struct imagemerge *m, struct ocilayout *layout, enum compress_kind kind,
			    unsigned jobs, struct progress *progress, struct err *e)
{
	if (check_tags(m, e) < 0)
		return -1;
	struct writing w = { .m = m,
			     .layout = layout,
			     .kind = kind,
			     .jobs = jobs,
			     .progress = progress,
			     .about = compress_about(kind),
			     .chunk = xmalloc(CHUNK) };
	int r = write_all(&w, e);
	writing_free(&w);
	return r;
}
