/* SPDX-License-Identifier: MIT */
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/mem.h"

struct digest {
	EVP_MD_CTX *ctx;
	EVP_MD *md; /* fetched once: looking it up for each start costs more than a small layer */
};

static void check(int ok)
{
	if (!ok) {
		fputs("layerpipe: SHA-256 is not available\n", stderr);
		exit(1);
	}
}

struct digest *digest_new(void)
{
	struct digest *d = xmalloc(sizeof *d);
	d->ctx = EVP_MD_CTX_new();
	d->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	check(d->ctx && d->md && EVP_DigestInit_ex(d->ctx, d->md, NULL));
	return d;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	check(EVP_DigestUpdate(d->ctx, data, len));
}

void digest_raw(struct digest *d, unsigned char raw[DIGEST_LEN])
{
	check(EVP_DigestFinal_ex(d->ctx, raw, NULL) && EVP_DigestInit_ex(d->ctx, d->md, NULL));
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
	if (!d)
		return;
	EVP_MD_CTX_free(d->ctx);
	EVP_MD_free(d->md);
	free(d);
}

void digest_cleanup(struct digest **d)
{
	digest_free(*d);
}
