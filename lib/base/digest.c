/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's plain functions: deprecated since 3.0, but they need no memory and
 * nothing to be looked up. EVP_MD_fetch() takes longer than a small layer, and
 * where it lacks memory at its first call, OpenSSL 3.0 crashes.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/mem.h"

struct digest {
	SHA256_CTX state;
};

struct digest *digest_new(void)
{
	struct digest *d = xmalloc(sizeof *d);
	SHA256_Init(&d->state);
	return d;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	SHA256_Update(&d->state, data, len);
}

void digest_raw(struct digest *d, unsigned char raw[DIGEST_LEN])
{
	SHA256_Final(raw, &d->state);
	SHA256_Init(&d->state);
}

void digest_so_far(const struct digest *d, unsigned char raw[DIGEST_LEN])
{
	SHA256_CTX copy = d->state;
	SHA256_Final(raw, &copy);
}

void digest_to_hex(const unsigned char raw[DIGEST_LEN], char hex[DIGEST_HEX_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
	hex[DIGEST_HEX_LEN] = '\0';
}

void digest_hex(struct digest *d, char hex[DIGEST_HEX_LEN + 1])
{
	unsigned char raw[DIGEST_LEN];
	digest_raw(d, raw);
	digest_to_hex(raw, hex);
}

void digest_of(const void *data, size_t len, char hex[DIGEST_HEX_LEN + 1])
{
	AUTO_DIGEST struct digest *d = digest_new();
	digest_add(d, data, len);
	digest_hex(d, hex);
}

bool digest_is_hex(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return len == DIGEST_HEX_LEN;
}

const char *digest_digits(const char *s, size_t len)
{
	static const char sha256[] = "sha256:";
	size_t prefix = sizeof sha256 - 1;
	if (len < prefix || memcmp(s, sha256, prefix) != 0)
		return NULL;
	return digest_is_hex(s + prefix, len - prefix) ? s + prefix : NULL;
}

void digest_free(struct digest *d)
{
	free(d);
}

void digest_cleanup(struct digest **d)
{
	digest_free(*d);
}
