/* SPDX-License-Identifier: MIT */
#include "image/configkey.h"

#include <string.h>
#include <strings.h>

#include "base/esc.h"
#include "base/near.h"
#include "base/num.h"
#include "base/timestamp.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_number(const char *s, size_t len, uint64_t min, uint64_t max)
{
	struct err ignored = { 0 };
	uint64_t value;
	bool ok = num_parse(s, len, 10, min, max, &value, &ignored) == 0;
	err_clear(&ignored);
	return ok && (len == 1 || *s != '0'); /* JSON has no leading zeros */
}

static bool made_of(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

static bool is_word(const char *s)
{
	return made_of(s, LOWER UPPER DIGITS "._-");
}

static bool is_full(const char *s)
{
	return *s != '\0';
}

static bool is_env(const char *s)
{
	return *s != '=' && strchr(s, '=');
}

static bool is_port(const char *s)
{
	size_t n = strcspn(s, "/");
	const char *proto = s + n;
	return is_number(s, n, 1, 65535) &&
	       (!*proto || strcmp(proto, "/tcp") == 0 || strcmp(proto, "/udp") == 0 ||
		strcmp(proto, "/sctp") == 0);
}

/* "/DIR", and "C:\DIR" for Windows images */
static bool is_absolute(const char *s)
{
	return *s == '/' || (*s && strchr(LOWER UPPER, *s) && s[1] == ':' && strchr("/\\", s[2]));
}

static bool is_directory(const char *s)
{
	return *s == '\0' || is_absolute(s);
}

static bool is_signal(const char *s)
{
	size_t sig = strncmp(s, "SIG", 3) == 0 ? 3 : 0;
	return *s == '\0' || is_number(s, strlen(s), 1, 64) || made_of(s + sig, UPPER DIGITS "+-");
}

static bool is_integer(const char *s)
{
	return is_number(s, strlen(s), 0, INT64_MAX) || strcmp(s, "-1") == 0;
}

static bool is_bool(const char *s)
{
	return strcmp(s, "true") == 0 || strcmp(s, "false") == 0;
}

#define WORD      is_word, "letters, digits, '.', '_' and '-'"
#define TEXT      NULL, "text in UTF-8"
#define INTEGER   is_integer, "a decimal number, or -1"
#define BOOLEAN   is_bool, "true or false"
#define TIME      NULL, NULL
#define ENV       is_env, "NAME=VALUE in UTF-8, with a name before the ="
#define PORT      is_port, "N, N/tcp, N/udp or N/sctp, with N from 1 to 65535"
#define VOLUME    is_absolute, "an absolute path in UTF-8"
#define DIRECTORY is_directory, "an absolute path in UTF-8, or the empty value"
#define SIGNAL    is_signal, "a signal such as SIGTERM, SIGRTMIN+3 or 15"
#define NAMED     is_full, "text in UTF-8 that is not empty"

#define TOP(name, kind, ...)                                                                       \
	{                                                                                          \
		name, CONFIGKEY_TOP, CONFIGKEY_##kind, __VA_ARGS__                                 \
	}
#define CONFIG(name, kind, ...)                                                                    \
	{                                                                                          \
		name, CONFIGKEY_CONFIG, CONFIGKEY_##kind, __VA_ARGS__                              \
	}

const struct configkey configkeys[CONFIGKEY_COUNT] = {
	TOP("created", TIME, TIME),
	TOP("author", TEXT, TEXT),
	TOP("architecture", TEXT, WORD),
	TOP("os", TEXT, WORD),
	TOP("os.version", TEXT, TEXT),
	TOP("os.features", LIST, NAMED),
	TOP("variant", TEXT, WORD),
	CONFIG("User", TEXT, TEXT),
	CONFIG("ExposedPorts", SET, PORT),
	CONFIG("Env", ENV, ENV),
	CONFIG("Entrypoint", LIST, TEXT),
	CONFIG("Cmd", LIST, TEXT),
	CONFIG("Volumes", SET, VOLUME),
	CONFIG("WorkingDir", TEXT, DIRECTORY),
	CONFIG("Labels", MAP, TEXT),
	CONFIG("StopSignal", TEXT, SIGNAL),
	CONFIG("ArgsEscaped", BOOL, BOOLEAN),
	CONFIG("Memory", NUMBER, INTEGER),
	CONFIG("MemorySwap", NUMBER, INTEGER),
	CONFIG("CpuShares", NUMBER, INTEGER),
	CONFIG("Hostname", TEXT, TEXT),
	CONFIG("Domainname", TEXT, TEXT),
	CONFIG("AttachStdin", BOOL, BOOLEAN),
	CONFIG("AttachStdout", BOOL, BOOLEAN),
	CONFIG("AttachStderr", BOOL, BOOLEAN),
	CONFIG("Tty", BOOL, BOOLEAN),
	CONFIG("OpenStdin", BOOL, BOOLEAN),
	CONFIG("StdinOnce", BOOL, BOOLEAN),
	CONFIG("Image", TEXT, TEXT),
	CONFIG("NetworkDisabled", BOOL, BOOLEAN),
	CONFIG("MacAddress", TEXT, TEXT),
	CONFIG("OnBuild", LIST, TEXT),
	CONFIG("StopTimeout", NUMBER, INTEGER),
	CONFIG("Shell", LIST, TEXT),
	{ "history", CONFIGKEY_HISTORY, CONFIGKEY_LIST, TEXT },
};

const struct configkey *configkey_find(const char *name)
{
	for (size_t i = 0; i < CONFIGKEY_COUNT; i++)
		if (strcmp(configkeys[i].name, name) == 0)
			return &configkeys[i];
	return NULL;
}

const struct configkey *configkey_like(const char *name)
{
	for (size_t i = 0; i < CONFIGKEY_COUNT; i++)
		if (strcasecmp(configkeys[i].name, name) == 0)
			return &configkeys[i];
	return NULL;
}

static int check_time(const struct configkey *key, const char *value, char **normal, struct err *e)
{
	struct timestamp t;
	bool now = strcmp(value, "now") == 0;
	if ((now ? timestamp_now(&t, e) : timestamp_parse(value, &t, e)) < 0)
		return err_wrap(e, "%s", key->name);
	*normal = timestamp_format(&t);
	return 0;
}

int configkey_check(const struct configkey *key, const char *value, char **normal, struct err *e)
{
	if (key->kind == CONFIGKEY_TIME)
		return check_time(key, value, normal, e);
	if (esc_is_utf8(value, strlen(value)) && (!key->fits || key->fits(value))) {
		*normal = xstrdup(value);
		return 0;
	}
	AUTO_BUF struct buf shown = { 0 };
	esc_message(&shown, value, strnlen(value, 64));
	return err_set(e, 0, "%s: expected %s, found '%s'", key->name, key->expected,
		       shown.s ? shown.s : "");
}

bool configkey_is_name(const char *name)
{
	return is_word(name);
}

enum { LONGER_MAX = 32 };

void configkey_near(const char *name, struct buf *b)
{
	for (size_t i = 0; i < CONFIGKEY_COUNT; i++) {
		const char *key = configkeys[i].name;
		bool longer =
			strlen(name) > strlen(key) && strncasecmp(name, key, strlen(key)) == 0;
		if (near(name, key) < NEAR_NOT || (longer && strlen(name) <= LONGER_MAX))
			buf_addf(b, "%s%s", b->len ? " or " : "", key);
	}
}
