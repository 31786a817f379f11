/* SPDX-License-Identifier: MIT */
#include "base/timestamp.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/num.h"

enum { DAY = 86400, DAYS_TO_1970 = 719162 }; /* days from 0001-01-01 */

static const int64_t SEC_MIN = -62135596800; /* 0001-01-01T00:00:00Z */
static const int64_t SEC_MAX = 253402300799; /* 9999-12-31T23:59:59Z */

struct civil {
	unsigned year, month, day, hour, minute, second;
	int64_t east; /* seconds that the zone is ahead of UTC */
};

/* What is left of the text, and whether it is in the extended form (with - and :). */
struct scan {
	const char *s;
	bool extended;
};

static bool is_leap(unsigned year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 0001-01-01 to the first day of the year. */
static int64_t days_before(unsigned year)
{
	int64_t y = (int64_t)year - 1;
	return 365 * y + y / 4 - y / 100 + y / 400;
}

/* Exactly n digits. */
static bool digits(struct scan *in, int n, unsigned *value)
{
	unsigned v = 0;
	for (int i = 0; i < n; i++) {
		if (in->s[i] < '0' || in->s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(in->s[i] - '0');
	}
	in->s += n;
	*value = v;
	return true;
}

static bool take(struct scan *in, const char *set)
{
	if (!*in->s || !strchr(set, *in->s))
		return false;
	in->s++;
	return true;
}

/* Nothing in the basic form, the mark in the extended one. */
static bool separator(struct scan *in, const char *mark)
{
	return !in->extended || take(in, mark);
}

static bool scan_date(struct scan *in, struct civil *c)
{
	if (!digits(in, 4, &c->year))
		return false;
	in->extended = *in->s == '-';
	return separator(in, "-") && digits(in, 2, &c->month) && separator(in, "-") &&
	       digits(in, 2, &c->day);
}

static bool scan_fraction(struct scan *in, struct timestamp *t)
{
	unsigned digit;
	for (t->digits = 0; t->digits < TIMESTAMP_DIGITS && digits(in, 1, &digit); t->digits++)
		t->nsec = t->nsec * 10 + digit;
	for (unsigned i = t->digits; i < TIMESTAMP_DIGITS; i++)
		t->nsec *= 10;
	return t->digits > 0;
}

static bool scan_time(struct scan *in, struct civil *c, struct timestamp *t)
{
	if (!digits(in, 2, &c->hour) || !separator(in, ":") || !digits(in, 2, &c->minute))
		return false;
	bool seconds = in->extended ? *in->s == ':' : *in->s >= '0' && *in->s <= '9';
	if (!seconds)
		return true;
	if (!separator(in, ":") || !digits(in, 2, &c->second))
		return false;
	return !take(in, ".,") || scan_fraction(in, t);
}

static bool scan_zone(struct scan *in, struct civil *c)
{
	if (!*in->s || take(in, "Zz"))
		return true;
	int sign = *in->s == '-' ? -1 : 1;
	unsigned hours, minutes = 0;
	if (!take(in, "+-") || !digits(in, 2, &hours))
		return false;
	if (*in->s && (take(in, ":"), !digits(in, 2, &minutes)))
		return false;
	c->east = sign * (int64_t)(hours * 3600 + minutes * 60);
	return hours < 24 && minutes < 60;
}

static bool scan(const char *s, struct civil *c, struct timestamp *t)
{
	struct scan in = { s, false };
	if (!scan_date(&in, c))
		return false;
	if (!*in.s)
		return true;
	return take(&in, "Tt ") && scan_time(&in, c, t) && scan_zone(&in, c) && !*in.s;
}

static int check(const char *s, const char *what, unsigned value, unsigned min, unsigned max,
		 struct err *e)
{
	if (value >= min && value <= max)
		return 0;
	return err_set(e, 0, "bad time '%s': %s is %u, expected %u to %u", s, what, value, min,
		       max);
}

static int check_civil(const char *s, const struct civil *c, struct err *e)
{
	if (check(s, "the year", c->year, 1, 9999, e) < 0 ||
	    check(s, "the month", c->month, 1, 12, e) < 0 ||
	    check(s, "the day", c->day, 1, month_days(c->year, c->month), e) < 0 ||
	    check(s, "the hour", c->hour, 0, 23, e) < 0 ||
	    check(s, "the minute", c->minute, 0, 59, e) < 0)
		return -1;
	return check(s, "the second", c->second, 0, 60, e);
}

static int64_t seconds(const struct civil *c)
{
	int64_t days = days_before(c->year) - DAYS_TO_1970 + c->day - 1;
	for (unsigned m = 1; m < c->month; m++)
		days += month_days(c->year, m);
	return days * DAY + c->hour * 3600 + c->minute * 60 + c->second - c->east;
}

/* [-]SECONDS, whole. */
static int parse_epoch(const char *s, const char *number, int64_t *sec, struct err *e)
{
	bool minus = *number == '-';
	uint64_t value;
	number += minus;
	if (num_parse(number, strlen(number), 10, 0, (uint64_t)(minus ? -SEC_MIN : SEC_MAX), &value,
		      e) < 0)
		return err_wrap(e, "bad time '%s'", s);
	*sec = minus ? -(int64_t)value : (int64_t)value;
	return 0;
}

static int bad_form(const char *s, struct err *e)
{
	return err_set(e, 0, "bad time '%s': expected one like 2024-02-29T12:30:00Z", s);
}

int timestamp_parse(const char *s, struct timestamp *t, struct err *e)
{
	struct timestamp found = { 0 };
	struct civil c = { 0 };
	if (*s == '@') {
		if (parse_epoch(s, s + 1, &found.sec, e) < 0)
			return -1;
		*t = found;
		return 0;
	}
	if (!scan(s, &c, &found))
		return bad_form(s, e);
	if (check_civil(s, &c, e) < 0)
		return -1;
	found.sec = seconds(&c);
	if (found.sec < SEC_MIN || found.sec > SEC_MAX)
		return err_set(e, 0, "bad time '%s': its year in UTC is not in 0001 to 9999", s);
	*t = found;
	return 0;
}

int timestamp_check(const char *s, struct err *e)
{
	struct timestamp t;
	size_t len = strlen(s);
	if (timestamp_parse(s, &t, e) < 0)
		return -1;
	/* of the forms that were read, the one with all its parts */
	if (len < sizeof "0000-00-00T00:00:00Z" - 1 || s[4] != '-' || s[10] != 'T' ||
	    s[13] != ':' || s[16] != ':' || (s[len - 1] != 'Z' && s[len - 3] != ':'))
		return bad_form(s, e);
	return 0;
}

int timestamp_parse_seconds(const char *s, int64_t *sec, struct err *e)
{
	struct timestamp t;
	size_t len = strlen(s);
	if (len && strspn(s, "0123456789") == len)
		return parse_epoch(s, s, sec, e);
	if ((strcmp(s, "now") == 0 ? timestamp_now(&t, e) : timestamp_parse(s, &t, e)) < 0)
		return -1;
	if (t.nsec)
		return err_set(e, 0, "bad time '%s': expected whole seconds", s);
	*sec = t.sec;
	return 0;
}

int timestamp_now(struct timestamp *t, struct err *e)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	struct timespec ts;
	struct timestamp now = { 0 };
	if (epoch) {
		uint64_t value;
		if (num_parse(epoch, strlen(epoch), 10, 0, (uint64_t)SEC_MAX, &value, e) < 0)
			return err_wrap(e, "SOURCE_DATE_EPOCH");
		now.sec = (int64_t)value;
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		now.sec = ts.tv_sec;
	}
	*t = now;
	return 0;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

char *timestamp_format(const struct timestamp *t)
{
	int64_t days = floor_div(t->sec, DAY);
	unsigned rest = (unsigned)(t->sec - days * DAY), year = 1, month = 1;
	days += DAYS_TO_1970;
	year += (unsigned)(days / 366);
	while (days_before(year + 1) <= days)
		year++;
	unsigned day = (unsigned)(days - days_before(year));
	while (day >= month_days(year, month))
		day -= month_days(year, month++);
	AUTO_FREE char *fraction = xasprintf(".%09" PRIu32, t->nsec);
	return xasprintf("%04u-%02u-%02uT%02u:%02u:%02u%.*sZ", year, month, day + 1, rest / 3600,
			 rest / 60 % 60, rest % 60, t->digits ? (int)t->digits + 1 : 0, fraction);
}
