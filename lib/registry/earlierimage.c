/* SPDX-License-Identifier: MIT */
#include "registry/earlierimage.h"

#include <string.h>

#include "base/digest.h"

void earlierimage_ask(struct earlierimage *i, const char *digest)
{
	struct earlierimage_part *part = &i->parts[i->nparts++];
	AUTO_FREE char *rest = xasprintf("manifests/%s", digest);
	memcpy(part->digest, digest, sizeof part->digest);
	part->call.owner = i;
	part->call.once = true; /* there is another way */
	part->call.request.method = "GET";
	part->call.request.accept = manifestread_types;
	part->call.request.most = EARLIERIMAGE_TEXT;
	part->call.request.url = session_url(i->session, i->repository, rest);
	i->waiting++;
	session_send(i->session, &part->call);
}

/* What has the digest that was asked for is what the registry keeps. */
static bool is_right(const struct earlierimage_part *part)
{
	const struct transport_request *r = &part->call.request;
	char hex[DIGEST_HEX_LEN + 1];
	if (r->status != 200 || r->too_long)
		return false;
	digest_of(r->answer.s, r->answer.len, hex);
	return strcmp(hex, part->digest + strlen("sha256:")) == 0;
}

static void read_part(struct earlierimage_part *part)
{
	struct err ignored = { 0 };
	if (is_right(part) &&
	    manifestread_parse(&part->call.request.answer, &part->manifest, &ignored) == 0)
		return;
	err_clear(&ignored);
	manifestread_free(&part->manifest);
	part->manifest = (struct manifestread){ 0 };
}

bool earlierimage_answered(struct earlierimage *i, struct session_call *c)
{
	struct earlierimage_part *part = (struct earlierimage_part *)c;
	const struct manifestread_list *platforms = &part->manifest.manifests;
	read_part(part);
	transport_reset(&c->request);
	i->waiting--;
	for (size_t k = 0; part == i->parts && k < platforms->n && k < EARLIERIMAGE_PLATFORMS; k++)
		earlierimage_ask(i, platforms->list[k].digest);
	return !i->waiting;
}

static bool names(const struct manifestread_list *list, const char *digest)
{
	for (size_t k = 0; k < list->n; k++)
		if (!list->list[k].elsewhere && strcmp(list->list[k].digest, digest) == 0)
			return true;
	return false;
}

bool earlierimage_has(const struct earlierimage *i, const char *digest)
{
	for (size_t k = 0; k < i->nparts; k++) {
		const struct manifestread *m = &i->parts[k].manifest;
		if (names(&m->config, digest) || names(&m->layers, digest))
			return true;
	}
	return false;
}

void earlierimage_free(struct earlierimage *i)
{
	for (size_t k = 0; k < i->nparts; k++) {
		session_call_free(&i->parts[k].call);
		manifestread_free(&i->parts[k].manifest);
	}
	i->nparts = 0;
}
