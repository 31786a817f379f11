/* SPDX-License-Identifier: MIT */
#include "closure/storepath.h"

#include <string.h>

enum { NAME_MAX_LEN = 211 };

/* The 32 digits of Nix's base 32: no e, o, t, u. */
static bool is_base32(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z' && !memchr("eotu", c, 4));
}

static bool is_name_char(char c)
{
	bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return alnum || (c && strchr("+-._?=", c));
}

/* Whether the name begins with this word, and ends there or goes on with a dash. */
static bool begins_with_word(const char *name, const char *word)
{
	size_t len = strlen(word);
	return strncmp(name, word, len) == 0 && (name[len] == '\0' || name[len] == '-');
}

static int check_name(const char *path, const char *name, struct err *e)
{
	size_t len = 0;
	while (is_name_char(name[len]))
		len++;
	if (name[len] == '/')
		return err_set(e, 0, "'%s' lies inside a store path: expected the store path alone",
			       path);
	if (name[len])
		return err_set(e, 0,
			       "'%s' is not a store path: expected a name out of "
			       "A-Z a-z 0-9 + - . _ ? =",
			       path);
	if (len == 0 || len > NAME_MAX_LEN)
		return err_set(e, 0,
			       "'%s' is not a store path: expected a name of 1 to %d characters, "
			       "found %zu",
			       path, NAME_MAX_LEN, len);
	if (begins_with_word(name, ".") || begins_with_word(name, ".."))
		return err_set(e, 0,
			       "'%s' is not a store path: its name must not be . or .. or begin "
			       "with .- or ..-",
			       path);
	return 0;
}

/* What follows the store directory and its slash: all but the last name where it is NULL. */
static const char *behind_dir(const char *path, const char *store_dir, struct err *e)
{
	if (!store_dir) {
		if (*path == '/' && !strstr(path, "//") && !strstr(path, "/./") &&
		    !strstr(path, "/../"))
			return strrchr(path, '/') + 1;
		err_set(e, 0, "'%s' is not a store path: expected /…/HASH-NAME", path);
		return NULL;
	}
	size_t len = strlen(store_dir);
	while (len && store_dir[len - 1] == '/')
		len--;
	if (strncmp(path, store_dir, len) == 0 && path[len] == '/')
		return path + len + 1;
	err_set(e, 0, "'%s' is outside the store directory '%s'", path, store_dir);
	return NULL;
}

int storepath_check(const char *path, const char *store_dir, struct err *e)
{
	const char *hash = behind_dir(path, store_dir, e);
	size_t len = 0;
	if (!hash)
		return -1;
	while (len < STOREPATH_HASH_LEN && is_base32(hash[len]))
		len++;
	if (len < STOREPATH_HASH_LEN || hash[len] != '-')
		return err_set(e, 0,
			       "'%s' is not a store path: expected %d nix-base32 characters, "
			       "a dash and a name after its directory",
			       path, STOREPATH_HASH_LEN);
	return check_name(path, hash + len + 1, e);
}

const char *storepath_hash(const char *path)
{
	return strrchr(path, '/') + 1;
}

const char *storepath_name(const char *path)
{
	return storepath_hash(path) + STOREPATH_HASH_LEN + 1;
}

size_t storepath_span(const char *s, size_t len)
{
	const size_t dash = STOREPATH_HASH_LEN, most = dash + 1 + NAME_MAX_LEN;
	size_t n = 0;
	while (n < len && n < most &&
	       (n < dash    ? is_base32(s[n])
		: n == dash ? s[n] == '-'
			    : is_name_char(s[n])))
		n++;
	return n;
}

int storepath_compare(const char *a, const char *b)
{
	int order = strcmp(storepath_name(a), storepath_name(b));
	return order ? order : strcmp(a, b);
}

int storepath_read_name(const struct record_reader *r, const struct record_field *f, char **name,
			struct err *e)
{
	AUTO_FREE char *s = NULL;
	if (record_string(r, f, "name", 0, &s, e) < 0)
		return -1;
	if (strchr(s, '/'))
		return record_err(
			r, e, "name: expected a path's name without directory and hash, found '%s'",
			s);
	*name = STEAL(s);
	return 0;
}
