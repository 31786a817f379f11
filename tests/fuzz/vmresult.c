/* SPDX-License-Identifier: MIT */
#include "vm/vmresult.h"

#include "fuzz.h"
#include "layer/layerread.h"

/* The only layer of the stream in the file. */
static void copy_layer(int stream, struct out *o)
{
	AUTO_LAYERREAD struct layerread *r = layerread_new(stream, "<fuzz>");
	const struct layerread_layer *layer;
	struct err e = { 0 };
	const void *data;
	size_t len;
	if (layerread_next(r, &layer, &e) < 0 || !layer)
		abort();
	do
		if (layerread_data(r, &data, &len, &e) < 0 || out_write(o, data, len, &e) < 0)
			abort();
	while (len);
	if (layerread_next(r, &layer, &e) < 0 || layer)
		abort();
}

static bool rewrite(int in, struct out *o)
{
	AUTO_CLOSE int stream = fuzz_fd("", 0);
	const struct vmresult_form form = { .mtime = 1 };
	struct out s;
	struct err e = { 0 };
	out_init(&s, stream, "<fuzz>");
	bool taken = vmresult_write(in, (uint64_t)lseek(in, 0, SEEK_END), &form, &s, &e) == 0;
	if (taken && (out_flush(&s, &e) < 0 || lseek(stream, 0, SEEK_SET) < 0))
		abort();
	out_drop(&s);
	if (taken)
		copy_layer(stream, o);
	err_clear(&e);
	return taken;
}

/* A guest's layer is refused, or becomes one that is written again as it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_stable(rewrite, data, size);
	return 0;
}
