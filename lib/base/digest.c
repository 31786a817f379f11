/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's plain functions: deprecated since 3.0, but they need no memory and
 * nothing to be looked up. EVP_MD_fetch() takes longer than a small layer, and
 * where it lacks memory at its first call, OpenSSL 3.0 crashes.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/sha.h>

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

void digest_hex(struct digest *d, char hex[DIGEST_HEX_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char raw[DIGEST_LEN];
	digest_raw(d, raw);
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
	hex[DIGEST_HEX_LEN] = '\0';
}

void digest_free(struct digest *d)
{
	free(d);
}

void digest_cleanup(struct digest **d)
{
	digest_free(*d);
}
