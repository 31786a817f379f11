/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/spool.h"
#include "image/assemble_parts.h"

/* Blobs are named by their digest, so each is put aside, or into the layout, until that is known.
 */

/* --- a blob in the making --- */

struct blob {
	struct outfile *file; /* of a layout; for an archive NULL */
	int spool;            /* for an archive */
	struct out out;
	struct digest *digest;
	char hex[DIGEST_HEX_LEN + 1];
	const char *compressor; /* as in known-layers(5) */
};

static void blob_free(struct blob *b)
{
	out_drop(&b->out);
	outfile_free(b->file);
	mem_cleanup_close(&b->spool);
	digest_free(b->digest);
}

#define AUTO_BLOB __attribute__((cleanup(blob_free)))

static int blob_open(struct assembly *a, struct blob *b, struct err *e)
{
	struct ocilayout *layout = a->s->layout;
	*b = (struct blob){ .spool = -1, .digest = digest_new() };
	if ((layout ? ocilayout_blob(layout, &b->file, e) : spool_open(&b->spool, e)) < 0)
		return -1;
	out_init(&b->out, layout ? outfile_fd(b->file) : b->spool,
		 layout ? ocilayout_path(layout) : "a temporary file");
	return a->o->compressor == COMPRESS_NONE ? 0 : out_also_digest(&b->out, b->digest, e);
}

/* One for all layers: threads, and memory that they have used, stay. */
static int start_compress(struct assembly *a, struct out *o, struct err *e)
{
	if (!a->compress)
		return compress_new(a->o->compressor, a->o->jobs, o, &a->compress, e);
	compress_again(a->compress, o);
	return 0;
}

static int to_compress(void *to, const void *data, size_t len, struct err *e)
{
	return compress_write(to, data, len, e);
}

/* How a blob was compressed, and what that made. */
static const char *with_details(struct assembly *a)
{
	AUTO_FREE char *details = compress_details(a->compress);
	AUTO_FREE char *text = xasprintf("%s; %s", a->about, details ? details : "");
	return details ? intern_keep(&a->texts, text, strlen(text)) : a->about;
}

/* Compresses the current layer into the blob; its diff ID goes to hex. */
static int blob_fill(struct assembly *a, struct blob *b, char *hex, struct err *e)
{
	if (start_compress(a, &b->out, e) < 0)
		return -1;
	if (assemble_copy(a, to_compress, a->compress, hex, e) < 0 ||
	    compress_finish(a->compress, e) < 0 || out_flush(&b->out, e) < 0)
		return a->s->layout ? -1 : spool_full(e);
	b->compressor = with_details(a);
	if (a->o->compressor == COMPRESS_NONE)
		memcpy(b->hex, hex, sizeof b->hex);
	else
		digest_hex(b->digest, b->hex);
	return 0;
}

/* --- members of an archive --- */

static char *blob_name(const char *hex)
{
	return xasprintf("blobs/sha256/%s", hex);
}

/* Gives the blob its name, in the layout or the archive. */
static int blob_keep(struct assembly *a, struct blob *b, struct err *e)
{
	uint64_t size = b->out.written;
	if (a->s->layout) {
		ocilayout_keep(a->s->layout, STEAL(b->file), b->hex, size);
		return 0;
	}
	AUTO_FREE char *name = blob_name(b->hex);
	if (dockerarchive_begin(&a->out, name, size, e) < 0 || assemble_unspool(a, b->spool, e) < 0)
		return -1;
	return dockerarchive_end(&a->out, size, e);
}

/* --- layers --- */

/* A layer that is stored as it comes, with a digest that is known: it goes straight through. */
static int pass_layer(struct assembly *a, const struct layerread_layer *l, const char *key,
		      const struct assemble_stored **s, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *name = blob_name(l->diffid);
	if (dockerarchive_begin(&a->out, name, l->size, e) < 0 ||
	    assemble_copy(a, assemble_to_archive, a, hex, e) < 0 ||
	    dockerarchive_end(&a->out, l->size, e) < 0)
		return -1;
	*s = assemble_store(a, key, hex, hex, l->size);
	return 0;
}

static int make_layer(struct assembly *a, const char *key, const struct assemble_stored **s,
		      struct err *e)
{
	AUTO_BLOB struct blob b = { .spool = -1 };
	char hex[DIGEST_HEX_LEN + 1];
	if (blob_open(a, &b, e) < 0 || blob_fill(a, &b, hex, e) < 0)
		return -1;
	*s = assemble_find(a, NULL, hex);
	if (*s)
		return 0;
	if (blob_keep(a, &b, e) < 0)
		return -1;
	struct assemble_stored *made = assemble_store(a, key, hex, b.hex, b.out.written);
	made->compressor = b.compressor;
	*s = made;
	return 0;
}

/* The layer's own key; NULL where it is its digest. */
static const char *own_key(const struct layerread_layer *l)
{
	return l->key && l->diffid && strcmp(l->key, l->diffid) == 0 ? NULL : l->key;
}

static const struct knownlayers_layer *look_up(const struct assembly *a,
					       const struct layerread_layer *l)
{
	const char *key = own_key(l);
	return a->s->known && (key || l->diffid)
		       ? knownlayers_find(a->s->known, key, l->diffid, a->about)
		       : NULL;
}

/* A layer whose blob is in the layout: it need not be compressed again, but its bytes are checked.
 */
static int known_layer(struct assembly *a, const char *key, const struct knownlayers_layer *known,
		       const struct assemble_stored **s, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	if (assemble_copy(a, NULL, NULL, hex, e) < 0)
		return -1;
	if (strcmp(hex, known->diffid) != 0) {
		err_set(e, 0,
			"it is known as sha256:%s, but its bytes are sha256:%s (delete its line in "
			"the file of known layers)",
			known->diffid, hex);
		return layerread_wrap(a->in, e);
	}
	*s = assemble_find(a, NULL, hex);
	if (*s)
		return 0;
	struct assemble_stored *made = assemble_store(a, key, hex, known->digest, known->size);
	made->compressor = intern_keep(&a->texts, known->compressor, strlen(known->compressor));
	*s = made;
	return 0;
}

static void learn(const struct assembly *a, const struct layerread_layer *l,
		  const struct assemble_stored *s)
{
	struct knownlayers_layer known = { .size = s->size,
					   .compressor = s->compressor,
					   .media_type = s->media_type };
	const char *key = own_key(l);
	/* a key may be the digest, although the stream does not say so */
	if (key && strcmp(key, s->hex) != 0)
		memcpy(known.key, key, sizeof known.key);
	memcpy(known.diffid, s->hex, sizeof known.diffid);
	memcpy(known.digest, s->digest, sizeof known.digest);
	knownlayers_add(a->s->known, &known);
}

static int store(struct assembly *a, const struct layerread_layer *l, const char *key,
		 const struct assemble_stored **s, struct err *e)
{
	const struct knownlayers_layer *known = look_up(a, l);
	if (known && a->s->layout && ocilayout_expect(a->s->layout, known->digest, known->size))
		return known_layer(a, key, known, s, e);
	if (!a->s->layout && a->o->compressor == COMPRESS_NONE && l->diffid)
		return pass_layer(a, l, key, s, e);
	return make_layer(a, key, s, e);
}

static int layer(struct assembly *a, const struct layerread_layer *l, const char *key,
		 const struct assemble_stored **s, struct err *e)
{
	if (store(a, l, key, s, e) < 0)
		return -1;
	if (a->s->known)
		learn(a, l, *s);
	return 0;
}

/* --- what follows --- */

static int keep_text(struct assembly *a, const char *hex, const struct buf *text, struct err *e)
{
	if (a->s->layout)
		return ocilayout_text(a->s->layout, hex, text, e);
	AUTO_FREE char *name = blob_name(hex);
	return dockerarchive_text(&a->out, name, text, e);
}

static int write_manifest(struct assembly *a, const struct assemble_ending *end, struct buf *b,
			  struct err *e)
{
	AUTO_FREE struct ocimanifest_blob *layers = xcalloc(a->norder, sizeof *layers);
	const struct ocimanifest_blob config = { .hex = end->id, .size = end->json->len };
	for (size_t i = 0; i < a->norder; i++) {
		const struct assemble_stored *s = &a->stored[a->order[i]];
		layers[i] = (struct ocimanifest_blob){
			.hex = s->digest,
			.size = s->size,
			.media_type = s->media_type,
			.compressor = strcmp(s->compressor, "none") == 0 ? NULL : s->compressor,
		};
	}
	return ocimanifest_write(&config, layers, a->norder, &a->o->annotations, b, e);
}

/* What else an archive has; index.json comes late, since with it an archive loads. */
static int finish_archive(struct assembly *a, const struct assemble_ending *end,
			  const struct buf *index, struct err *e)
{
	AUTO_FREE const char **digests = xcalloc(a->norder, sizeof *digests);
	AUTO_BUF struct buf layout = { 0 };
	for (size_t i = 0; i < a->norder; i++)
		digests[i] = a->stored[a->order[i]].digest;
	struct dockerarchive_image image = { .id = end->id,
					     .names = end->names,
					     .nnames = end->nnames,
					     .keys = digests,
					     .nkeys = a->norder,
					     .hybrid = true };
	buf_adds(&layout, OCIMANIFEST_LAYOUT);
	if (dockerarchive_text(&a->out, "oci-layout", &layout, e) < 0 ||
	    dockerarchive_text(&a->out, "index.json", index, e) < 0)
		return -1;
	return a->o->format == ASSEMBLE_HYBRID ? dockerarchive_finish(&a->out, &image, 1, e)
					       : dockerarchive_close(&a->out, e);
}

static int finish(struct assembly *a, const struct assemble_ending *end, struct err *e)
{
	AUTO_BUF struct buf manifest = { 0 }, index = { 0 };
	char hex[DIGEST_HEX_LEN + 1];
	if (keep_text(a, end->id, end->json, e) < 0 || write_manifest(a, end, &manifest, e) < 0)
		return -1;
	digest_of(manifest.s, manifest.len, hex);
	const struct ocimanifest_entry entry = {
		.manifest = { .hex = hex, .size = manifest.len },
		.platform = imageconfig_platform(a->config),
		.names = end->names,
		.nnames = end->nnames,
	};
	if (keep_text(a, hex, &manifest, e) < 0 ||
	    ocimanifest_write_index(&entry, 1, &a->o->annotations, &index, e) < 0)
		return -1;
	return a->s->layout ? ocilayout_commit(a->s->layout, &index, e)
			    : finish_archive(a, end, &index, e);
}

const struct assemble_form assemble_oci = { layer, finish };
