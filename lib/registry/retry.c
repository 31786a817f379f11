/* SPDX-License-Identifier: MIT */
#include "registry/retry.h"

#include <string.h>
#include <time.h>

#include "base/num.h"

bool retry_helps(long status)
{
	static const long passing[] = { 0, 408, 429, 500, 502, 503, 504, 522 };
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		if (status == passing[i])
			return true;
	return false;
}

/* Names of days and months are those of the C locale, which nobody changes here. */
static bool read_date(const char *s, int64_t *seconds)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
					     "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y" };
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm t = { 0 };
		const char *end = strptime(s, forms[i], &t);
		if (end && !*end) {
			*seconds = timegm(&t);
			return true;
		}
	}
	return false;
}

int retry_after(const char *header, int64_t now, int64_t *seconds, struct err *e)
{
	struct err ignored = { 0 };
	uint64_t n = 0;
	int64_t date = 0;
	if (num_parse(header, strlen(header), 10, 0, INT32_MAX, &n, &ignored) == 0) {
		*seconds = (int64_t)n;
		return 0;
	}
	err_clear(&ignored);
	if (!read_date(header, &date))
		return err_set(e, 0, "cannot read its Retry-After header");
	*seconds = date > now ? date - now : 0;
	return 0;
}

int64_t retry_wait(unsigned n, const char *header, int64_t now, unsigned who)
{
	struct err ignored = { 0 };
	int64_t seconds = 0, wait = n > 7 ? RETRY_WAIT_MOST * 1000 : INT64_C(500) << (n - 1);
	if (header && retry_after(header, now, &seconds, &ignored) == 0)
		wait = seconds < RETRY_WAIT_MOST ? seconds * 1000 : RETRY_WAIT_MOST * 1000;
	err_clear(&ignored);
	return wait + who % 8 * 25;
}
