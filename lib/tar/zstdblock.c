/* SPDX-License-Identifier: MIT */
#include "tar/zstdblock.h"

void *zstdblock_start(const struct zstdblock_setting *settings, size_t n)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	for (size_t i = 0; z && i < n; i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(z, settings[i].name, settings[i].value))) {
			ZSTD_freeCCtx(z);
			z = NULL;
		}
	return z;
}

size_t zstdblock_compress(void *compressor, uint64_t n, const void *in, size_t len, void *out,
			  size_t room)
{
	(void)n;
	size_t made = ZSTD_compress2(compressor, out, room, in, len);
	return ZSTD_isError(made) ? 0 : made;
}

void zstdblock_end(void *compressor)
{
	ZSTD_freeCCtx(compressor);
}
