/* SPDX-License-Identifier: MIT */
#include "registry/retry.h"

#include "tap.h"

enum { NOW = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT */

static int64_t after(const char *header)
{
	struct err e = { 0 };
	int64_t seconds = -2;
	if (retry_after(header, NOW, &seconds, &e) < 0)
		seconds = -1;
	err_clear(&e);
	return seconds;
}

static void headers(void)
{
	OK(after("0") == 0);
	OK(after("120") == 120);
	OK(after("Sun, 06 Nov 1994 08:50:37 GMT") == 60);
	OK(after("Sunday, 06-Nov-94 08:50:37 GMT") == 60);
	OK(after("Sun Nov  6 08:50:37 1994") == 60);
	OK(after("Sun, 06 Nov 1994 08:49:00 GMT") == 0);
	OK(after("") == -1);
	OK(after("-1") == -1);
	OK(after("1.5") == -1);
	OK(after("soon") == -1);
	OK(after("99999999999999999999") == -1);
	OK(after("Sun, 06 Nov 1994 08:50:37 GMT+1") == -1);
}

int main(void)
{
	headers();
	OK(retry_wait(1, NULL, NOW, 0) == 500);
	OK(retry_wait(3, NULL, NOW, 1) == 2025);
	OK(retry_wait(1000, NULL, NOW, 0) == 60000);
	OK(retry_wait(1, "7", NOW, 0) == 7000);
	OK(retry_wait(2, "rubbish", NOW, 0) == 1000);
	OK(retry_wait(1, "86400", NOW, 0) == 60000);
	OK(retry_helps(0) && retry_helps(429) && retry_helps(503));
	OK(!retry_helps(200) && !retry_helps(400) && !retry_helps(401) && !retry_helps(403) &&
	   !retry_helps(404) && !retry_helps(413));
	return TAP_END;
}
