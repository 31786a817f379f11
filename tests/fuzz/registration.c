/* SPDX-License-Identifier: MIT */
#include "closure/registration.h"

#include "closure.h"

static int read_registration(struct graph_builder *b, struct record_reader *r, struct err *e)
{
	return registration_read(b, r, true, e);
}

static int read_text(struct graph_builder *b, struct record_reader *r, struct err *e)
{
	return registration_read(b, r, false, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_closure(read_registration, data, size);
	fuzz_closure(read_text, data, size);
	return 0;
}
