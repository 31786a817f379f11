/* SPDX-License-Identifier: MIT */
#include "registry/weburl.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443, SHOWN = 200 };

static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static const char unreserved[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

/* --- reading --- */

/* What is behind the prefix, whatever its case; NULL: s does not begin with it. */
static const char *behind(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncasecmp(s, prefix, n) == 0 ? s + n : NULL;
}

static bool is_graphic(const char *s)
{
	for (; *s; s++)
		if (*s < '!' || *s > '~' || *s == '\\')
			return false;
	return true;
}

/* Whether the path has a segment "." or "..", written out or with %2e. */
static bool has_dots(const char *path)
{
	const char *end = path + strcspn(path, "?");
	for (const char *at = path; at < end;) {
		unsigned dots = 0;
		for (; at < end && *at != '/'; dots++) {
			const char *next = *at == '.' ? at + 1 : behind(at, "%2e");
			if (!next) {
				dots = 3;
				at += strcspn(at, "/?");
				break;
			}
			at = next;
		}
		if (dots == 1 || dots == 2)
			return true;
		at += at < end;
	}
	return false;
}

static bool is_host(const char *s, size_t len)
{
	if (len > 2 && *s == '[' && s[len - 1] == ']') {
		AUTO_FREE char *address = xstrndup(s + 1, len - 2);
		struct in6_addr ignored;
		return inet_pton(AF_INET6, address, &ignored) == 1;
	}
	for (size_t i = 0; i < len; i++)
		if (!strchr(alnum, s[i]) && !strchr("-._", s[i]))
			return false;
	return len && len <= 255 && *s != '.' && *s != '-';
}

/* HOST[:PORT] of len bytes. */
static bool read_authority(const char *s, size_t len, struct weburl *u)
{
	struct err ignored = { 0 };
	const char *from = *s == '[' ? memchr(s, ']', len) : s;
	const char *colon = from ? memchr(from, ':', len - (size_t)(from - s)) : NULL;
	size_t host = colon ? (size_t)(colon - s) : len;
	uint64_t port = u->tls ? HTTPS_PORT : HTTP_PORT;
	bool ok = is_host(s, host) && (!colon || num_parse(colon + 1, len - host - 1, 10, 1, 65535,
							   &port, &ignored) == 0);
	err_clear(&ignored);
	if (!ok)
		return false;
	u->port = (unsigned)port;
	u->host = xstrndup(s, host);
	for (char *c = u->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return true;
}

/* Takes the path of a URL, which begins with "/" or "?" or is empty. */
static bool read_path(const char *s, struct weburl *u)
{
	size_t len = strcspn(s, "#");
	AUTO_FREE char *path = xasprintf("%s%.*s", *s == '/' ? "" : "/", (int)len, s);
	if (len > INT32_MAX || has_dots(path))
		return false;
	u->path = STEAL(path);
	return true;
}

static int refuse(const char *why, struct weburl *u, struct err *e)
{
	weburl_free(u);
	return err_set(e, 0, "%s", why);
}

int weburl_parse(const char *s, struct weburl *u, struct err *e)
{
	const char *plain = behind(s, "http://"), *tls = behind(s, "https://");
	struct weburl new = { .tls = tls != NULL };
	const char *rest = tls ? tls : plain;
	if (!rest)
		return refuse("expected a URL of http or https", &new, e);
	size_t len = strcspn(rest, "/?#");
	if (!is_graphic(rest))
		return refuse("a URL with a byte that none can have", &new, e);
	if (memchr(rest, '@', len))
		return refuse("a URL with a user in it", &new, e);
	if (!read_authority(rest, len, &new))
		return refuse("a URL with a bad host or port", &new, e);
	if (!read_path(rest + len, &new))
		return refuse("a URL with '.' or '..' in its path", &new, e);
	*u = new;
	return 0;
}

/* Whether it begins with a scheme and a colon. */
static bool has_scheme(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	return n && s[n] == ':';
}

/* The base's path up to where the relative one begins. */
static int base_length(const struct weburl *base, const char *location)
{
	size_t path = strcspn(base->path, "?");
	if (*location == '/')
		return 0;
	if (*location == '?' || *location == '#' || !*location)
		return (int)path;
	while (base->path[path - 1] != '/')
		path--;
	return (int)path;
}

int weburl_resolve(const struct weburl *base, const char *location, struct weburl *u, struct err *e)
{
	AUTO_FREE char *text = NULL;
	if (has_scheme(location))
		return weburl_parse(location, u, e);
	if (strncmp(location, "//", 2) == 0)
		text = xasprintf("%s:%s", base->tls ? "https" : "http", location);
	else
		text = xasprintf("%s://%s:%u%.*s%s", base->tls ? "https" : "http", base->host,
				 base->port, base_length(base, location), base->path, location);
	return weburl_parse(text, u, e);
}

/* --- writing --- */

void weburl_add_query(struct weburl *u, const char *name_value)
{
	const char *query = strchr(u->path, '?');
	const char *join = !query ? "?" : query[1] && query[strlen(query) - 1] != '&' ? "&" : "";
	char *path = xasprintf("%s%s%s", u->path, join, name_value);
	free(u->path);
	u->path = path;
}

void weburl_escape(struct buf *b, const char *value)
{
	for (; *value; value++)
		if (strchr(unreserved, *value))
			buf_addc(b, *value);
		else
			buf_addf(b, "%%%02X", (unsigned)(unsigned char)*value);
}

void weburl_add_parameter(struct weburl *u, const char *name, const char *value)
{
	AUTO_BUF struct buf b = { 0 };
	weburl_escape(&b, name);
	buf_addc(&b, '=');
	weburl_escape(&b, value);
	weburl_add_query(u, b.s);
}

static char *text(const struct weburl *u, size_t path)
{
	bool usual = u->port == (u->tls ? HTTPS_PORT : HTTP_PORT);
	AUTO_FREE char *port = usual ? xstrdup("") : xasprintf(":%u", u->port);
	return xasprintf("%s://%s%s%.*s", u->tls ? "https" : "http", u->host, port, (int)path,
			 u->path);
}

char *weburl_text(const struct weburl *u)
{
	return text(u, strlen(u->path));
}

char *weburl_shown(const struct weburl *u)
{
	size_t path = strcspn(u->path, "?");
	return text(u, path < SHOWN ? path : SHOWN);
}

struct weburl weburl_copy(const struct weburl *u)
{
	return (struct weburl){ u->tls, xstrdup(u->host), u->port, xstrdup(u->path) };
}

/* --- comparing --- */

bool weburl_same_host(const struct weburl *a, const struct weburl *b)
{
	return strcmp(a->host, b->host) == 0;
}

bool weburl_same_origin(const struct weburl *a, const struct weburl *b)
{
	return a->tls == b->tls && a->port == b->port && weburl_same_host(a, b);
}

/* The IPv4 address that the host is, in any form that a resolver takes: 127.1, 0x7f000001. */
static bool is_ipv4(const struct weburl *u, uint32_t *address)
{
	AUTO_FREE char *host = xstrdup(u->host);
	struct in_addr a;
	size_t len = strlen(host);
	if (host[len - 1] == '.')
		host[len - 1] = '\0';
	if (!inet_aton(host, &a))
		return false;
	*address = ntohl(a.s_addr);
	return true;
}

static bool is_ipv6(const struct weburl *u, unsigned char address[16])
{
	if (*u->host != '[')
		return false;
	AUTO_FREE char *host = xstrndup(u->host + 1, strlen(u->host) - 2);
	return inet_pton(AF_INET6, host, address) == 1;
}

static bool is_private_ipv4(uint32_t a)
{
	static const struct {
		uint32_t net;
		unsigned bits;
	} nets[] = {
		{ 0x00000000, 8 },  /* this network */
		{ 0x0a000000, 8 },  /* private */
		{ 0x64400000, 10 }, /* of providers */
		{ 0x7f000000, 8 },  /* loopback */
		{ 0xa9fe0000, 16 }, /* link-local */
		{ 0xac100000, 12 }, /* private */
		{ 0xc0000000, 24 }, /* special purposes */
		{ 0xc0a80000, 16 }, /* private */
		{ 0xe0000000, 3 },  /* multicast and reserved */
	};
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
		if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

/* The last four bytes of a prefix that stands for IPv4: mapped, compatible, NAT64. */
static bool has_ipv4(const unsigned char a[16], uint32_t *address)
{
	static const unsigned char prefixes[][12] = { { [10] = 0xff, [11] = 0xff },
						      { 0 },
						      { 0x00, 0x64, 0xff, 0x9b } };
	*address = (uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 | (uint32_t)a[14] << 8 | a[15];
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (memcmp(a, prefixes[i], 12) == 0)
			return true;
	return false;
}

/* Public addresses are 2000::/3, and what stands for a public one of IPv4. */
static bool is_private_ipv6(const unsigned char a[16])
{
	uint32_t inner;
	return has_ipv4(a, &inner) ? is_private_ipv4(inner) : a[0] >> 5 != 1;
}

bool weburl_is_private(const struct weburl *u)
{
	unsigned char six[16];
	uint32_t four;
	return is_ipv4(u, &four) ? is_private_ipv4(four) : is_ipv6(u, six) && is_private_ipv6(six);
}

/* Resolvers and libcurl know these names without asking (RFC 6761, 6.3). */
static bool is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t len = strlen(host), n = sizeof name - 1;
	len -= len && host[len - 1] == '.';
	return len >= n && memcmp(host + len - n, name, n) == 0 &&
	       (len == n || host[len - n - 1] == '.');
}

bool weburl_is_loopback(const struct weburl *u)
{
	unsigned char six[16];
	uint32_t four;
	if (is_ipv4(u, &four))
		return four >> 24 == 127;
	return is_ipv6(u, six) ? memcmp(six, &in6addr_loopback, 16) == 0 : is_localhost(u->host);
}

void weburl_free(struct weburl *u)
{
	free(u->host);
	free(u->path);
	*u = (struct weburl){ 0 };
}
