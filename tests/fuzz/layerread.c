/* SPDX-License-Identifier: MIT */
#include "layer/layerread.h"

#include <string.h>

#include "fuzz.h"

/* What is given out as a key or a digest can be used as a name; layers have the size announced. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	AUTO_LAYERREAD struct layerread *r = layerread_new(fd, "<fuzz>");
	const struct layerread_layer *l = NULL;
	struct err e = { 0 };
	while (layerread_next(r, &l, &e) == 0 && l) {
		const void *piece;
		size_t len;
		uint64_t got = 0;
		int status;
		if ((l->key && strspn(l->key, "0123456789abcdef") != DIGEST_HEX_LEN) ||
		    (l->diffid && strspn(l->diffid, "0123456789abcdef") != DIGEST_HEX_LEN))
			abort();
		while ((status = layerread_data(r, &piece, &len, &e)) == 0 && len)
			got += len;
		if (status == 0 && got != l->size)
			abort();
		if (status < 0)
			break;
	}
	err_clear(&e);
	return 0;
}
