/* SPDX-License-Identifier: MIT */
#include "vm/vmsession.h"

#include "fuzz.h"
#include "vm/vmverdict.h"

static void ignore(const char *text)
{
	if (strchr(text, '\n'))
		abort();
}

/* Up to the first NUL the guest talks, then its console does; what it means is always told. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, 0, size);
	size_t said = nul ? (size_t)(nul - data) : size;
	struct vmguest g = VMGUEST_NONE;
	AUTO_VMSESSION_END struct vmsession_end end = { 0 };
	const struct vmsession s = { .log = -1, .result = -1, .max_result = 1, .note = ignore };
	const struct vmverdict v = { .machine = true, .engine = "tcg" };
	struct err e = { 0 };
	int status = -1;
	g.control = fuzz_fd(data, said);
	g.console = fuzz_fd(data + said, size - said);
	g.process = fuzz_fd("", 0);
	if (vmsession_run(&s, &g, &end, &e) == 0) {
		if (vmverdict(&v, &end, &status, &e) == 0)
			status = status == end.status ? 0 : -1;
		else
			status = e.msg && status >= VMVERDICT_LATE ? 0 : -1;
		if (status < 0)
			abort();
	} else if (!e.msg) {
		abort();
	}
	err_clear(&e);
	return 0;
}
