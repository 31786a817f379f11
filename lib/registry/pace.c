/* SPDX-License-Identifier: MIT */
#include "registry/pace.h"

bool pace_holds(struct pace *p, uint64_t bytes, int64_t now, bool waits)
{
	/* fewer than before: it has begun again */
	bool again = !p->begun || waits || bytes < p->bytes || bytes - p->bytes >= PACE_LEAST;
	if (again)
		*p = (struct pace){ true, bytes, now };
	return now - p->since <= PACE_SECONDS * INT64_C(1000);
}
