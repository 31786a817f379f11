/* SPDX-License-Identifier: MIT */
#include "registry/blobpush.h"

#include <string.h>

#include "registry/earlierimage.h"
#include "registry/trust.h"

enum { COMMENT_SHOWN = 100 };

/* What a blob that is missing waits for. */
enum step { ASKED, MOUNTING, OPENING, STARTING, PATCHING, SENDING };

/* What the blobs of one push know of a registry that takes bodies with PATCH alone. */
struct patching {
	bool wanted;
	char *refused; /* the answer to PUT, owned; NULL once a blob has gone with PATCH */
};

/* A blob on its way. */
struct item {
	const struct blobpush *p;
	const struct layoutread_blob *blob;
	size_t number;
	struct session_call call;
	struct blobbody body;
	struct weburl location; /* where to send it; host NULL: not known yet */
	enum step step;
	struct patching *patching; /* of all items */
	bool tried;                /* to mount it */
	bool restarted;
	uint64_t told; /* bytes that the progress heard of */
	struct progress *progress;
};

struct items {
	struct item *list;
	size_t n;
};

static struct items items_new(const struct blobpush *p)
{
	struct items items = { xcalloc(p->layout->nblobs + 1, sizeof(struct item)), 0 };
	for (size_t i = 0; i < p->layout->nblobs; i++) {
		const struct layoutread_blob *blob = &p->layout->blobs[i];
		struct item *item = &items.list[items.n];
		if (p->states[i] != BLOBPUSH_MISSING && p->states[i] != BLOBPUSH_MOUNT)
			continue;
		*item = (struct item){ .p = p, .blob = blob, .number = i };
		item->call.owner = item;
		blobbody_init(&item->body, p->layout->dir, blob->digest, blob->size);
		items.n++;
	}
	return items;
}

static void items_free(struct items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		session_call_free(&items->list[i].call);
		blobbody_close(&items->list[i].body);
		weburl_free(&items->list[i].location);
	}
	free(items->list);
}

/* "layer 2 (sha256:..., COMMENT)" */
static char *name_of(const struct item *item)
{
	const struct layoutread_blob *b = item->blob;
	AUTO_FREE char *layer = xasprintf("layer %zu", b->layer);
	const char *comment = b->comment ? b->comment : "";
	return xasprintf("%s (%s%s%.*s%s)", b->layer ? layer : "the configuration", b->digest,
			 *comment ? ", " : "", COMMENT_SHOWN, comment,
			 strlen(comment) > COMMENT_SHOWN ? "..." : "");
}

static int failed(const struct item *item, const char *what, struct err *e)
{
	AUTO_FREE char *name = name_of(item);
	return session_failed(&item->call, e, "cannot %s %s", what, name);
}

static bool goes_with_patch(const struct item *item)
{
	return item->step == PATCHING || (item->step == SENDING && !item->call.request.body.blob);
}

/* After a PUT that was refused, the answer to PATCH alone does not tell what is wrong. */
static int push_failed(const struct item *item, struct err *e)
{
	const char *refused = goes_with_patch(item) ? item->patching->refused : NULL;
	AUTO_FREE char *refusal = session_refusal(&item->call);
	failed(item, "push", e);
	if (!refused || item->call.request.fatal || strcmp(refusal, refused) == 0)
		return -1;
	AUTO_FREE char *both = xasprintf("%s (PUT was refused before: %s)", e->msg, refused);
	return err_set(e, 0, "%s", both);
}

/* Sets what to ask for; the rest of the request is as it was. */
static void address(struct item *item, const char *method, struct weburl url)
{
	weburl_free(&item->call.request.url);
	item->call.request.url = url;
	item->call.request.method = method;
	item->call.request.body = (struct transport_body){ 0 };
	item->call.request.sent = NULL;
	item->call.once = false;
}

/* --- asking --- */

static void ask(struct item *item, const char *repository)
{
	AUTO_FREE char *rest = xasprintf("blobs/%s", item->blob->digest);
	address(item, "HEAD", session_url(item->p->session, repository, rest));
	session_send(item->p->session, &item->call);
}

static bool is_done(long status)
{
	return status >= 200 && status < 300;
}

static bool is_other_digest(const struct item *item)
{
	const char *found = item->call.request.digest;
	return found && strncmp(found, "sha256:", 7) == 0 && strcmp(found, item->blob->digest) != 0;
}

static int answered(struct item *item, struct err *e)
{
	long status = item->call.request.status;
	bool there = status == 200;
	if (!there && status != 404)
		return failed(item, "ask for", e);
	if (there && is_other_digest(item)) {
		AUTO_FREE char *name = name_of(item);
		return err_set(e, 0, "the registry says that %s has another digest", name);
	}
	item->p->states[item->number] = there ? BLOBPUSH_PRESENT : BLOBPUSH_MISSING;
	transport_reset(&item->call.request);
	return 0;
}

/* The earlier image has hardly ever the same configuration: that is asked for meanwhile. */
static void ask_first(const struct items *items, const struct blobpush *p,
		      struct earlierimage *earlier)
{
	if (p->earlier && items->n)
		earlierimage_ask(earlier, p->earlier);
	for (size_t i = 0; i < items->n; i++)
		if (!p->earlier || !items->list[i].blob->layer)
			ask(&items->list[i], p->repository);
}

/* The layers that the earlier image lacks. */
static void ask_rest(const struct items *items, const struct blobpush *p,
		     const struct earlierimage *earlier)
{
	for (size_t i = 0; i < items->n; i++) {
		struct item *item = &items->list[i];
		if (item->blob->layer && earlierimage_has(earlier, item->blob->digest))
			p->states[item->number] = BLOBPUSH_ASSUMED;
		else if (item->blob->layer)
			ask(item, p->repository);
	}
}

int blobpush_ask(const struct blobpush *p, struct err *e)
{
	struct items items = items_new(p);
	AUTO_EARLIERIMAGE struct earlierimage earlier = { .session = p->session,
							  .repository = p->repository };
	int r = 0;
	ask_first(&items, p, &earlier);
	for (struct session_call *c; r == 0 && (c = session_next(p->session));) {
		if (c->owner != &earlier)
			r = answered(c->owner, e);
		else if (earlierimage_answered(&earlier, c))
			ask_rest(&items, p, &earlier);
	}
	if (r < 0)
		session_stop(p->session);
	items_free(&items);
	return r;
}

bool blobpush_doubt(const struct blobpush *p)
{
	bool any = false;
	for (size_t i = 0; i < p->layout->nblobs; i++)
		if (p->states[i] == BLOBPUSH_ASSUMED) {
			p->states[i] = BLOBPUSH_MISSING;
			any = true;
		}
	return any;
}

static void ask_source(const struct blobpush *p, const char *source)
{
	struct items items = items_new(p);
	for (size_t i = 0; i < items.n; i++)
		if (p->states[items.list[i].number] == BLOBPUSH_MISSING)
			ask(&items.list[i], source);
	for (struct session_call *c; (c = session_next(p->session));) {
		const struct item *item = c->owner;
		if (c->request.status == 200) {
			p->states[item->number] = BLOBPUSH_MOUNT;
			p->from[item->number] = source;
		}
		transport_reset(&c->request);
	}
	items_free(&items);
}

void blobpush_ask_sources(const struct blobpush *p)
{
	for (size_t i = 0; i < p->nsources; i++)
		ask_source(p, p->sources[i]);
}

/* --- sending --- */

/* What is sent once more counts once. */
static void on_sent(void *context, uint64_t bytes)
{
	struct item *item = context;
	(void)bytes;
	if (item->body.sent <= item->told)
		return;
	progress_bytes(item->progress, item->body.sent - item->told);
	item->told = item->body.sent;
}

static void mount(struct item *item, const char *source)
{
	struct weburl u = session_url(item->p->session, item->p->repository, "blobs/uploads/");
	weburl_add_parameter(&u, "mount", item->blob->digest);
	weburl_add_parameter(&u, "from", source);
	address(item, "POST", u);
	item->call.once = item->tried = true; /* there are other ways */
	item->step = MOUNTING;
	session_send(item->p->session, &item->call);
}

static void start_upload(struct item *item)
{
	address(item, "POST", session_url(item->p->session, item->p->repository, "blobs/uploads/"));
	item->step = STARTING;
	session_send(item->p->session, &item->call);
}

/* Where to and how the item goes on is set: it begins with another upload if it fails. */
static void go(struct item *item, enum step step)
{
	item->call.once = true;
	item->step = step;
	session_send(item->p->session, &item->call);
}

/* The location, which is used but once, for this request. */
static void address_location(struct item *item, const char *method)
{
	address(item, method, item->location);
	item->location = (struct weburl){ 0 };
}

static void add_digest(struct item *item)
{
	AUTO_FREE char *digest =
		xasprintf("digest=sha256%%3A%s", strchr(item->blob->digest, ':') + 1);
	weburl_add_query(&item->location, digest);
}

static void add_body(struct item *item)
{
	item->call.request.body =
		(struct transport_body){ .blob = &item->body, .type = "application/octet-stream" };
	item->call.request.sent = on_sent;
	item->call.request.context = item;
}

static void put(struct item *item)
{
	add_digest(item);
	address_location(item, "PUT");
	add_body(item);
	go(item, SENDING);
}

/* All of it in one PATCH: registries lose what comes in several. */
static void patch(struct item *item)
{
	address_location(item, "PATCH");
	add_body(item);
	go(item, PATCHING);
}

/* The end of an upload whose bytes went with PATCH. */
static void put_end(struct item *item)
{
	add_digest(item);
	address_location(item, "PUT");
	go(item, SENDING);
}

static void send_body(struct item *item)
{
	if (item->patching->wanted)
		patch(item);
	else
		put(item);
}

/* Waits until there are bytes: the registry is not asked to wait for them. */
static void open_blob(struct item *item)
{
	weburl_free(&item->call.request.url);
	item->call.request.method = NULL;
	item->call.request.body = (struct transport_body){ .blob = &item->body };
	item->step = OPENING;
	session_send(item->p->session, &item->call);
}

static int take_location(struct item *item, struct err *e)
{
	const struct transport_request *r = &item->call.request;
	AUTO_FREE char *name = name_of(item);
	struct weburl to = { 0 };
	int result = !r->location ? err_set(e, 0, "the registry does not say where to") : 0;
	if (result == 0 && (result = weburl_resolve(&r->url, r->location, &to, e)) < 0)
		err_wrap(e, "refused to upload to where the registry says");
	if (result == 0)
		result = trust_upload(session_registry(item->p->session), &to, e);
	if (result == 0)
		item->location = to;
	else
		weburl_free(&to);
	if (result < 0)
		(void)session_hide(item->p->session, r->location, e);
	return result < 0 ? err_wrap(e, "cannot push %s", name) : 0;
}

static void begin(struct item *item)
{
	const struct blobpush *p = item->p;
	const char *source = p->nsources == 1 ? p->sources[0] : p->from[item->number];
	if (source && !item->tried)
		mount(item, source);
	else
		open_blob(item);
}

/* An answer to a mount: it is there, or an upload has begun; whatever else it is, there are other
 * ways. */
static int mounted(struct item *item, bool *done, struct err *e)
{
	const struct transport_request *r = &item->call.request;
	*done = r->status == 201 || r->status == 200;
	if (*done)
		progress_bytes(item->progress, item->blob->size);
	else if (r->status == 202) {
		if (take_location(item, e) < 0)
			return -1;
		open_blob(item);
	} else {
		begin(item);
	}
	return 0;
}

static int opened(struct item *item, struct err *e)
{
	if (item->call.request.fatal)
		return failed(item, "push", e);
	if (item->location.host)
		send_body(item);
	else
		start_upload(item);
	return 0;
}

static int started(struct item *item, struct err *e)
{
	if (!is_done(item->call.request.status))
		return failed(item, "push", e);
	if (take_location(item, e) < 0)
		return -1;
	send_body(item);
	return 0;
}

/* An upload that the registry has lost, as after a second PUT, is begun again once. */
static bool is_lost(struct item *item)
{
	long status = item->call.request.status;
	bool lost = !item->restarted && (status == 404 || status == 416);
	item->restarted |= lost;
	return lost;
}

/* Some registries take no body with PUT, and not all of them say 405. */
static bool wants_patch(struct item *item)
{
	long status = item->call.request.status;
	if (!item->call.request.body.blob || item->step != SENDING ||
	    (status != 400 && status != 405 && status != 416))
		return false;
	if (!item->patching->wanted)
		item->patching->refused = session_refusal(&item->call);
	item->patching->wanted = true;
	return true;
}

/* The upload begins once more, if that helps. */
static int send_again(struct item *item, struct err *e)
{
	if (!session_again(&item->call) && !wants_patch(item) && !is_lost(item))
		return push_failed(item, e);
	blobbody_close(&item->body); /* who fills a pipe need not wait with us */
	open_blob(item);
	return 0;
}

static int check_sent(const struct item *item, struct err *e)
{
	AUTO_FREE char *name = name_of(item);
	if (item->body.sent != item->body.size)
		return err_set(e, 0, "the registry did not wait for the end of %s", name);
	return is_other_digest(item)
		       ? err_set(e, 0, "the registry took %s as one of another digest", name)
		       : 0;
}

/* The upload goes on where the answer says; some say nothing, and mean the same place. */
static int patched(struct item *item, struct err *e)
{
	struct session_call *c = &item->call;
	if (!is_done(c->request.status))
		return send_again(item, e);
	if (check_sent(item, e) < 0)
		return -1;
	if (!c->request.location)
		item->location = weburl_copy(&c->request.url);
	else if (take_location(item, e) < 0)
		return -1;
	put_end(item);
	return 0;
}

static void patching_works(struct patching *p)
{
	free(p->refused);
	p->refused = NULL;
}

static int sent(struct item *item, bool *done, struct err *e)
{
	*done = is_done(item->call.request.status);
	if (*done && !item->call.request.body.blob)
		patching_works(item->patching);
	return *done ? check_sent(item, e) : send_again(item, e);
}

/* Goes on with a blob whose call has its answer. */
static int go_on(struct item *item, bool *done, struct err *e)
{
	*done = false;
	switch (item->step) {
	case MOUNTING:
		return mounted(item, done, e);
	case OPENING:
		return opened(item, e);
	case STARTING:
		return started(item, e);
	case PATCHING:
		return patched(item, e);
	case SENDING:
		return sent(item, done, e);
	case ASKED:
		break;
	}
	return 0;
}

static void is_there(struct item *item)
{
	const struct layoutread_blob *b = item->blob;
	blobbody_close(&item->body);
	transport_reset(&item->call.request);
	item->p->states[item->number] = BLOBPUSH_PRESENT;
	progress_layer(item->progress, b->size, b->digest, b->comment);
}

static int send_all(const struct blobpush *p, struct items *items, struct err *e)
{
	size_t begun = 0, active = 0;
	bool done = false;
	for (;;) {
		for (; begun < items->n && active < p->jobs; active++)
			begin(&items->list[begun++]);
		struct session_call *c = session_next(p->session);
		if (!c)
			return 0;
		if (go_on(c->owner, &done, e) < 0)
			return -1;
		if (done)
			is_there(c->owner);
		active -= done;
	}
}

int blobpush_send(const struct blobpush *p, struct progress *progress, struct err *e)
{
	struct items items = items_new(p);
	struct patching patching = { 0 };
	for (size_t i = 0; i < items.n; i++) {
		items.list[i].progress = progress;
		items.list[i].patching = &patching;
	}
	int r = send_all(p, &items, e);
	if (r < 0)
		session_stop(p->session);
	items_free(&items);
	free(patching.refused);
	return r;
}
