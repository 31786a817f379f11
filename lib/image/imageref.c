/* SPDX-License-Identifier: MIT */
#include "image/imageref.h"

#include <stdbool.h>
#include <string.h>

#include "base/num.h"
#include "closure/nixhash.h"

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char alnum[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Length of the separator at s: one dot, one or two underscores, dashes; 0: none. */
static size_t separator(const char *s)
{
	switch (*s) {
	case '.':
		return 1;
	case '_':
		return s[1] == '_' ? 2 : 1;
	default:
		return strspn(s, "-");
	}
}

/* One path component at s, up to "/" or the end: its length, or 0 where it breaks the grammar. */
static size_t component(const char *s)
{
	size_t at = 0, n;
	do {
		n = strspn(s + at, lower);
		at += n;
		if (n == 0)
			return 0;
		n = separator(s + at);
		at += n;
	} while (n);
	return s[at] == '/' || s[at] == '\0' ? at : 0;
}

static bool is_port(const char *s, size_t len)
{
	struct err ignored = { 0 };
	uint64_t port;
	bool ok = num_parse(s, len, 10, 0, 65535, &port, &ignored) == 0;
	err_clear(&ignored);
	return ok;
}

/* Labels of letters, digits and inner dashes, separated by dots; then perhaps a port. */
static bool is_host(const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len);
	size_t host = colon ? (size_t)(colon - s) : len;
	for (size_t at = 0, n; at <= host; at += n + 1) {
		const char *dot = memchr(s + at, '.', host - at);
		n = dot ? (size_t)(dot - s) - at : host - at;
		if (n == 0 || s[at] == '-' || s[at + n - 1] == '-')
			return false;
		for (size_t i = 0; i < n; i++)
			if (s[at + i] != '-' && !strchr(alnum, s[at + i]))
				return false;
	}
	return !colon || is_port(colon + 1, len - host - 1);
}

/* Length of the registry's host in front, its slash included; 0: none, -1: a bad one. */
static int host_length(const char *name, size_t *length)
{
	size_t n = strcspn(name, "/");
	bool host = memchr(name, '.', n) || memchr(name, ':', n) ||
		    (n == 9 && memcmp(name, "localhost", n) == 0);
	*length = 0;
	if (!host || name[n] == '\0')
		return 0;
	*length = n + 1;
	return is_host(name, n) ? 0 : -1;
}

/* 64 hex digits alone mean an image ID, wherever a name is read. */
static bool looks_like_id(const char *name)
{
	return strlen(name) == DIGEST_HEX_LEN && strspn(name, "0123456789abcdef") == DIGEST_HEX_LEN;
}

int imageref_check_name(const char *name, struct err *e)
{
	size_t at = 0, n = 0;
	if (strpbrk(name, "@") || (strrchr(name, ':') && !strchr(strrchr(name, ':'), '/')))
		return err_set(e, 0,
			       "bad image name '%s': expected a name without tag or digest "
			       "(the tag is an option of its own)",
			       name);
	int bad = host_length(name, &at);
	while (!bad && (n = component(name + at)) && name[at + n] == '/')
		at += n + 1;
	if (!bad && n && strlen(name) <= IMAGEREF_NAME_MAX && !looks_like_id(name))
		return 0;
	if (!bad && strpbrk(name + at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		return err_set(e, 0, "bad image name '%s': it must be lower case", name);
	return err_set(
		e, 0,
		"bad image name '%s': expected components of a-z and 0-9, with '.', '_', "
		"'__' or '-' between them, separated by '/', at most %d bytes, not 64 hex digits",
		name, IMAGEREF_NAME_MAX);
}

int imageref_check_tag(const char *tag, struct err *e)
{
	size_t len = strlen(tag), first = strspn(tag, alnum);
	if ((first || *tag == '_') && len <= IMAGEREF_TAG_MAX) {
		size_t at = 0;
		while (at < len && (strchr(alnum, tag[at]) || strchr("_.-", tag[at])))
			at++;
		if (at == len)
			return 0;
	}
	return err_set(e, 0,
		       "bad tag '%s': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at "
		       "most %d bytes",
		       tag, IMAGEREF_TAG_MAX);
}

int imageref_check(const char *reference, struct err *e)
{
	const char *colon = strrchr(reference, ':');
	if (!colon || strchr(colon, '/'))
		return err_set(e, 0, "bad image name '%s': expected NAME:TAG", reference);
	AUTO_FREE char *name = xstrndup(reference, (size_t)(colon - reference));
	return imageref_check_name(name, e) < 0 ? -1 : imageref_check_tag(colon + 1, e);
}

static const char *without(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(s, prefix, len) == 0 ? s + len : s;
}

const char *imageref_familiar(const char *name)
{
	const char *path = without(without(name, "docker.io/"), "index.docker.io/");
	const char *official = without(path, "library/");
	return strchr(official, '/') ? path : official;
}

char *imageref_full(const char *name)
{
	const char *familiar = imageref_familiar(name);
	size_t host = 0;
	if (familiar == name && (host_length(name, &host) < 0 || host))
		return xstrdup(name);
	return xasprintf("docker.io/%s%s", strchr(familiar, '/') ? "" : "library/", familiar);
}

void imageref_content_tag(const unsigned char id[DIGEST_LEN],
			  char tag[IMAGEREF_CONTENT_TAG_LEN + 1])
{
	unsigned char folded[20] = { 0 };
	AUTO_BUF struct buf b = { 0 };
	for (size_t i = 0; i < DIGEST_LEN; i++)
		folded[i % sizeof folded] ^= id[i];
	nixhash_base32(&b, folded, sizeof folded);
	memcpy(tag, b.s, IMAGEREF_CONTENT_TAG_LEN + 1);
}
