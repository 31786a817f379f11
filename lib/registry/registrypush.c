/* SPDX-License-Identifier: MIT */
#include "registry/registrypush.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/esc.h"
#include "registry/blobpush.h"
#include "registry/manifestread.h"
#include "registry/session.h"

struct push {
	const struct registrypush *p;
	struct session *session;
	struct blobpush blobs;
	bool *has;                           /* one a manifest of the layout: the registry has it */
	bool *tagged;                        /* one a tag: it is this image already */
	char earlier[LAYOUTREAD_DIGEST + 1]; /* what a tag names instead; "": none does */
	bool refused;                        /* a manifest was, as if blobs were missing */
};

/* --- asking --- */

/* A call for a manifest, and which one it is. */
struct asking {
	struct session_call call;
	const char *digest;
	bool *same;
};

static void ask(const struct push *u, struct asking *a, const char *reference)
{
	AUTO_FREE char *rest = xasprintf("manifests/%s", reference);
	a->call.owner = a;
	a->call.request.method = "HEAD";
	a->call.request.accept = manifestread_types;
	a->call.request.url = session_url(u->session, u->p->ref->repository, rest);
	session_send(u->session, &a->call);
}

/* Some registries forbid what is not there: only what says yes counts as one. */
static int take_answer(const struct asking *a, struct err *e)
{
	const struct transport_request *r = &a->call.request;
	bool unknown = r->status >= 400 && r->status < 500 && r->status != 401 && r->status != 429;
	if (r->status != 200 && !unknown)
		return session_failed(&a->call, e, "cannot ask for the manifest");
	*a->same = r->status == 200 && r->digest && strcmp(r->digest, a->digest) == 0;
	return 0;
}

/* What a tag names that is another image. */
static void note_earlier(struct push *u, const struct asking *a)
{
	const struct transport_request *r = &a->call.request;
	if (r->status == 200 && !*a->same && r->digest &&
	    digest_digits(r->digest, strlen(r->digest)))
		memcpy(u->earlier, r->digest, sizeof u->earlier);
}

static int take_answers(const struct push *u, struct err *e)
{
	int r = 0;
	for (struct session_call *c; r == 0 && (c = session_next(u->session));)
		r = take_answer(c->owner, e);
	if (r < 0)
		session_stop(u->session);
	return r;
}

static void free_asking(struct asking *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		session_call_free(&list[i].call);
	free(list);
}

static int ask_tags(struct push *u, struct err *e)
{
	struct asking *list = xcalloc(u->p->ntags, sizeof *list);
	for (size_t i = 0; i < u->p->ntags; i++) {
		list[i].digest = layoutread_top(u->p->layout)->digest;
		list[i].same = &u->tagged[i];
		ask(u, &list[i], u->p->tags[i]);
	}
	int r = take_answers(u, e);
	for (size_t i = u->p->ntags; r == 0 && i-- > 0;)
		note_earlier(u, &list[i]);
	free_asking(list, u->p->ntags);
	return r;
}

/* Of an index, each manifest by its digest. */
static int ask_manifests(struct push *u, struct err *e)
{
	const struct layoutread *l = u->p->layout;
	struct asking *list = xcalloc(l->nmanifests, sizeof *list);
	for (size_t i = 0; i + 1 < l->nmanifests; i++) {
		list[i].digest = l->manifests[i].digest;
		list[i].same = &u->has[i];
		ask(u, &list[i], list[i].digest);
	}
	int r = take_answers(u, e);
	free_asking(list, l->nmanifests);
	return r;
}

static bool any(const bool *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i])
			return true;
	return false;
}

static bool all(const bool *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!list[i])
			return false;
	return true;
}

/* Docker Hub counts each manifest that is fetched as a pull; a dry run tells what is seen. */
static bool may_fetch(const struct push *u)
{
	return *u->earlier && !u->p->dry_run && strcmp(u->p->ref->host, "docker.io") != 0;
}

/* Only of manifests that the registry lacks it may lack blobs. */
static int ask_blobs(struct push *u, struct err *e)
{
	const struct layoutread *l = u->p->layout;
	for (size_t i = 0; i < l->nmanifests; i++)
		for (size_t k = 0; !u->has[i] && k < l->manifests[i].nblobs; k++)
			u->blobs.states[l->manifests[i].blobs[k]] = BLOBPUSH_MISSING;
	u->blobs.earlier = may_fetch(u) ? u->earlier : NULL;
	return blobpush_ask(&u->blobs, e);
}

/* A registry may have lost blobs of an image that it still has: then it is asked for each. */
static int ask_again(struct push *u, struct err *e)
{
	if (!u->refused || !blobpush_doubt(&u->blobs))
		return -1;
	err_clear(e);
	u->blobs.earlier = NULL;
	if (blobpush_ask(&u->blobs, e) < 0)
		return -1;
	if (u->p->nsources > 1)
		blobpush_ask_sources(&u->blobs);
	return 0;
}

/* What there is under another tag already needs no more than its tag. */
static int ask_all(struct push *u, struct err *e)
{
	size_t n = u->p->layout->nmanifests;
	if (ask_tags(u, e) < 0)
		return -1;
	if (any(u->tagged, u->p->ntags)) {
		memset(u->has, true, n);
		return 0;
	}
	return ask_manifests(u, e) < 0 ? -1 : ask_blobs(u, e);
}

/* --- sending --- */

/* It should be 201 alone, but clients take three. */
static int check_answer(const struct session_call *c, const struct layoutread_manifest *m,
			struct err *e)
{
	const struct transport_request *r = &c->request;
	if (r->status < 200 || r->status > 202)
		return session_failed(c, e, "cannot push the %s %s",
				      m->index ? "index" : "manifest", m->digest);
	if (r->digest && strncmp(r->digest, "sha256:", 7) == 0 && strcmp(r->digest, m->digest) != 0)
		return err_set(e, 0, "the registry took the manifest %s as one of another digest",
			       m->digest);
	return 0;
}

/* Registries say in different ways that a blob of the manifest is not there. */
static bool may_lack_blobs(long status)
{
	return status >= 400 && status != 401 && status != 403 && status != 429;
}

static int put_manifest(struct push *u, const struct layoutread_manifest *m, const char *reference,
			struct err *e)
{
	struct session_call call = { 0 };
	AUTO_FREE char *rest = xasprintf("manifests/%s", reference);
	call.request.method = "PUT";
	call.request.url = session_url(u->session, u->p->ref->repository, rest);
	call.request.body = (struct transport_body){ .text = m->text.s,
						     .len = m->text.len,
						     .type = m->media_type };
	session_send(u->session, &call);
	(void)session_next(u->session);
	u->refused = may_lack_blobs(call.request.status);
	int r = check_answer(&call, m, e);
	session_call_free(&call);
	return r;
}

static int put_manifests(struct push *u, struct err *e)
{
	const struct layoutread *l = u->p->layout;
	for (size_t i = 0; i + 1 < l->nmanifests; i++)
		if (!u->has[i] && put_manifest(u, &l->manifests[i], l->manifests[i].digest, e) < 0)
			return -1;
	for (size_t i = 0; i < u->p->ntags; i++)
		if (!u->tagged[i] && put_manifest(u, layoutread_top(l), u->p->tags[i], e) < 0)
			return -1;
	return 0;
}

static struct progress *progress_of(const struct push *u)
{
	uint64_t n = 0, bytes = 0;
	for (size_t i = 0; i < u->p->layout->nblobs; i++)
		if (u->blobs.states[i] == BLOBPUSH_MISSING ||
		    u->blobs.states[i] == BLOBPUSH_MOUNT) {
			n++;
			bytes += u->p->layout->blobs[i].size;
		}
	return progress_new(u->p->progress, STDERR_FILENO, n, bytes);
}

static char *image_name(const struct push *u, size_t tag)
{
	return xasprintf("%s/%s:%s", u->p->ref->host, u->p->ref->repository, u->p->tags[tag]);
}

static int send_image(struct push *u, struct progress **progress, struct err *e)
{
	progress_cleanup(progress);
	*progress = progress_of(u);
	return blobpush_send(&u->blobs, *progress, e) < 0 ? -1 : put_manifests(u, e);
}

static int send_all(struct push *u, struct out *o, struct err *e)
{
	AUTO_PROGRESS struct progress *progress = NULL;
	const char *digest = layoutread_top(u->p->layout)->digest;
	if (send_image(u, &progress, e) < 0 &&
	    (ask_again(u, e) < 0 || send_image(u, &progress, e) < 0))
		return -1;
	for (size_t i = 0; i < u->p->ntags; i++) {
		AUTO_FREE char *name = image_name(u, i);
		AUTO_FREE char *line = xasprintf("%s@%s\n", name, digest);
		progress_image(progress, name, digest);
		if (out_write(o, line, strlen(line), e) < 0)
			return -1;
	}
	progress_finish(progress);
	return 0;
}

/* --- telling --- */

static void tell_blob(const struct push *u, size_t i, struct buf *b)
{
	static const char *const words[] = { "present", "present", "missing", "present", "mount" };
	const struct layoutread_blob *blob = &u->p->layout->blobs[i];
	buf_addf(b, "%s\t%s\t%" PRIu64 "\t", words[u->blobs.states[i]], blob->digest, blob->size);
	if (!blob->layer)
		buf_adds(b, "configuration");
	else if (blob->comment)
		esc_field(b, blob->comment, strlen(blob->comment));
	else
		buf_addc(b, '-');
	buf_addc(b, '\n');
}

/* What would be sent, blobs first, in the order of the image. */
static int tell(struct push *u, struct out *o, struct err *e)
{
	const struct layoutread *l = u->p->layout;
	AUTO_BUF struct buf b = { 0 };
	u->has[l->nmanifests - 1] = all(u->tagged, u->p->ntags);
	for (size_t i = 0; i < l->nblobs; i++)
		tell_blob(u, i, &b);
	for (size_t i = 0; i < l->nmanifests; i++)
		buf_addf(&b, "%s\t%s\t%zu\t%s\n", u->has[i] ? "present" : "missing",
			 l->manifests[i].digest, l->manifests[i].text.len,
			 l->manifests[i].index ? "index" : "manifest");
	return out_write(o, b.s, b.len, e);
}

static int run(struct push *u, struct out *o, struct err *e)
{
	if (ask_all(u, e) < 0)
		return -1;
	if (u->p->dry_run || !all(u->tagged, u->p->ntags))
		layoutread_comments(u->p->layout);
	/* a mount that fails begins an upload: only one is tried */
	if (u->p->dry_run || u->p->nsources > 1)
		blobpush_ask_sources(&u->blobs);
	return u->p->dry_run ? tell(u, o, e) : send_all(u, o, e);
}

int registrypush_run(const struct registrypush *p, struct out *o, struct err *e)
{
	const struct session_options options = {
		.ref = p->ref,
		.credentials = p->credentials,
		.sources = p->sources,
		.nsources = p->nsources,
		.push = !p->dry_run,
		.tls_verify = p->tls_verify,
		.plain_http = p->plain_http,
		.ca_file = p->ca_file,
		.jobs = p->jobs,
	};
	AUTO_SESSION struct session *session = NULL;
	if (session_new(&options, &session, e) < 0)
		return -1;
	AUTO_FREE bool *has = xcalloc(p->layout->nmanifests, sizeof *has);
	AUTO_FREE bool *tagged = xcalloc(p->ntags, sizeof *tagged);
	AUTO_FREE enum blobpush_state *states = xcalloc(p->layout->nblobs + 1, sizeof *states);
	AUTO_FREE const char **from = xcalloc(p->layout->nblobs + 1, sizeof *from);
	struct push u = { .p = p, .session = session, .has = has, .tagged = tagged };
	u.blobs = (struct blobpush){ .session = session,
				     .layout = p->layout,
				     .repository = p->ref->repository,
				     .sources = p->sources,
				     .nsources = p->nsources,
				     .jobs = p->jobs,
				     .states = states,
				     .from = from };
	return run(&u, o, e) < 0 ? err_wrap(e, "%s/%s", p->ref->host, p->ref->repository) : 0;
}
