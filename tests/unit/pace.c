/* SPDX-License-Identifier: MIT */
#include "registry/pace.h"

#include "tap.h"

enum { LIMIT = PACE_SECONDS * 1000 };

static void silence(void)
{
	struct pace p = { 0 };
	OK(pace_holds(&p, 0, 5000, false));
	OK(pace_holds(&p, 0, 5000 + LIMIT, false));
	OK(!pace_holds(&p, 0, 5001 + LIMIT, false));
}

/* A byte a second. */
static void drops(void)
{
	struct pace p = { 0 };
	int64_t second = 0;
	while (second < 1000 && pace_holds(&p, (uint64_t)second, second * 1000, false))
		second++;
	OK(second == PACE_SECONDS + 1);
}

/* As fast as it must be, for ever; and with a pause that is ours. */
static void steady(void)
{
	struct pace p = { 0 };
	bool holds = true;
	for (int64_t i = 0; i < 100; i++)
		holds &= pace_holds(&p, (uint64_t)i * PACE_LEAST, i * LIMIT, false);
	OK(holds);
	OK(pace_holds(&p, 99 * PACE_LEAST, 102 * LIMIT, true));
	OK(pace_holds(&p, 99 * PACE_LEAST, 103 * LIMIT, false));
	OK(!pace_holds(&p, 99 * PACE_LEAST, 103 * LIMIT + 1, false));
}

static void begins_again(void)
{
	struct pace p = { 0 };
	OK(pace_holds(&p, 900, 0, false));
	OK(pace_holds(&p, 10, LIMIT, false));
	OK(pace_holds(&p, 10, 2 * LIMIT, false));
	OK(!pace_holds(&p, 10, 2 * LIMIT + 1, false));
}

int main(void)
{
	silence();
	drops();
	steady();
	begins_again();
	return TAP_END;
}
