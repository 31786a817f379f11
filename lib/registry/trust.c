/* SPDX-License-Identifier: MIT */
#include "registry/trust.h"

#include <string.h>

/* An address that is not public is another machine's matter, but the registry's own. */
static bool is_foreign_private(const struct weburl *registry, const struct weburl *to)
{
	if (weburl_is_loopback(to) && !weburl_is_loopback(registry))
		return true;
	return weburl_is_private(to) && !weburl_same_host(registry, to);
}

int trust_realm(const struct weburl *registry, const struct weburl *realm, struct err *e)
{
	AUTO_FREE char *shown = weburl_shown(realm);
	if (!realm->tls && registry->tls)
		return err_set(e, 0, "refused to ask '%s' for a token: it is not https", shown);
	if (is_foreign_private(registry, realm))
		return err_set(e, 0,
			       "refused to ask '%s' for a token: a private address that is not the "
			       "registry's",
			       shown);
	if (!realm->tls && !weburl_same_host(registry, realm) && !weburl_is_loopback(realm))
		return err_set(e, 0,
			       "refused to ask '%s' for a token: it is not https, and another host "
			       "than the registry",
			       shown);
	return 0;
}

bool trust_with_authorization(const struct weburl *registry, const struct weburl *to)
{
	return weburl_same_origin(registry, to);
}

int trust_redirect(const struct weburl *registry, const char *method, const struct weburl *from,
		   const struct weburl *to, unsigned count, struct err *e)
{
	AUTO_FREE char *shown = weburl_shown(to);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return err_set(e, 0, "refused a redirect of a %s to '%s'", method, shown);
	if (from->tls && !to->tls)
		return err_set(e, 0, "refused a redirect from https to '%s'", shown);
	if (is_foreign_private(registry, to))
		return err_set(e, 0,
			       "refused a redirect to '%s': a private address that is not the "
			       "registry's",
			       shown);
	if (count >= TRUST_REDIRECTS)
		return err_set(e, 0, "refused to follow more than %d redirects", TRUST_REDIRECTS);
	return 0;
}

int trust_upload(const struct weburl *registry, const struct weburl *to, struct err *e)
{
	AUTO_FREE char *shown = weburl_shown(to);
	if (registry->tls && !to->tls)
		return err_set(e, 0,
			       "refused to upload to '%s': it is not https; set up the registry so "
			       "that it knows its own address",
			       shown);
	if (is_foreign_private(registry, to))
		return err_set(e, 0,
			       "refused to upload to '%s': a private address that is not the "
			       "registry's",
			       shown);
	return 0;
}
