/* SPDX-License-Identifier: MIT */
#include "registry/registryref.h"

#include <string.h>

#include "image/imageref.h"

static const char scheme[] = "docker://";

int registryref_parse(const char *s, struct registryref *r, struct err *e)
{
	if (strncmp(s, scheme, sizeof scheme - 1) == 0)
		s += sizeof scheme - 1;
	if (strchr(s, '@'))
		return err_set(e, 0, "bad reference '%s': push to a tag, not to a digest", s);
	const char *slash = strrchr(s, '/'), *colon = strchr(slash ? slash : s, ':');
	AUTO_FREE char *name = colon ? xstrndup(s, (size_t)(colon - s)) : xstrdup(s);
	const char *tag = colon ? colon + 1 : "latest";
	if (imageref_check_name(name, e) < 0 || imageref_check_tag(tag, e) < 0)
		return -1;
	AUTO_FREE char *full = imageref_full(name);
	size_t host = strcspn(full, "/");
	r->host = xstrndup(full, host);
	r->repository = xstrdup(full + host + 1);
	r->tag = xstrdup(tag);
	return 0;
}

int registryref_url(const struct registryref *r, bool tls, struct weburl *u, struct err *e)
{
	bool hub = strcmp(r->host, "docker.io") == 0;
	AUTO_FREE char *text = xasprintf("%s://%s/v2/", tls ? "https" : "http",
					 hub ? "registry-1.docker.io" : r->host);
	return weburl_parse(text, u, e);
}

void registryref_free(struct registryref *r)
{
	free(r->host);
	free(r->repository);
	free(r->tag);
	*r = (struct registryref){ 0 };
}
