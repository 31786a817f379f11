/* SPDX-License-Identifier: MIT */
#include "base/timestamp.h"

#include <stdbool.h>
#include <stdint.h>

#include "tap.h"

/* What a text means, written out again; or the error. Valid until the next call. */
static const char *round_trip(const char *s)
{
	static char *text;
	static struct err e;
	struct timestamp t;
	free(text);
	text = NULL;
	err_clear(&e);
	if (timestamp_parse(s, &t, &e) < 0)
		return e.msg;
	text = timestamp_format(&t);
	return text;
}

static int64_t seconds(const char *s)
{
	struct err e = { 0 };
	int64_t sec;
	if (timestamp_parse_seconds(s, &sec, &e) < 0) {
		err_clear(&e);
		return INT64_MIN;
	}
	return sec;
}

static void test_forms(void)
{
	STREQ(round_trip("1970-01-01"), "1970-01-01T00:00:00Z");
	STREQ(round_trip("2024-02-29T12:30"), "2024-02-29T12:30:00Z");
	STREQ(round_trip("2024-02-29t12:30:01z"), "2024-02-29T12:30:01Z");
	STREQ(round_trip("2024-02-29 12:30:01.250Z"), "2024-02-29T12:30:01.250Z");
	STREQ(round_trip("2024-02-29T12:30:01,000000001"), "2024-02-29T12:30:01.000000001Z");
	STREQ(round_trip("20240229"), "2024-02-29T00:00:00Z");
	STREQ(round_trip("20240229T1230"), "2024-02-29T12:30:00Z");
	STREQ(round_trip("20240229T123001.5+0130"), "2024-02-29T11:00:01.5Z");
	STREQ(round_trip("2024-03-01T00:30:00+01"), "2024-02-29T23:30:00Z");
	STREQ(round_trip("2023-12-31T23:30:00-01:30"), "2024-01-01T01:00:00Z");
	STREQ(round_trip("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00Z");
	STREQ(round_trip("@0"), "1970-01-01T00:00:00Z");
	STREQ(round_trip("@-1"), "1969-12-31T23:59:59Z");
	STREQ(round_trip("0001-01-01"), "0001-01-01T00:00:00Z");
	STREQ(round_trip("9999-12-31T23:59:59.999999999Z"), "9999-12-31T23:59:59.999999999Z");
	STREQ(round_trip("2000-02-29"), "2000-02-29T00:00:00Z");
	STREQ(round_trip("1600-12-31"), "1600-12-31T00:00:00Z");
}

static void test_refused(void)
{
#define FORM ": expected one like 2024-02-29T12:30:00Z"
	STREQ(round_trip(""), "bad time ''" FORM);
	STREQ(round_trip("now"), "bad time 'now'" FORM);
	STREQ(round_trip("2024"), "bad time '2024'" FORM);
	STREQ(round_trip("2024-1-1"), "bad time '2024-1-1'" FORM);
	STREQ(round_trip("2024-01-01T"), "bad time '2024-01-01T'" FORM);
	STREQ(round_trip("2024-01-01T12"), "bad time '2024-01-01T12'" FORM);
	STREQ(round_trip("2024-01-01T12:00:00.Z"), "bad time '2024-01-01T12:00:00.Z'" FORM);
	STREQ(round_trip("2024-01-01T12:00:00+1"), "bad time '2024-01-01T12:00:00+1'" FORM);
	STREQ(round_trip("2024-01-01T12:00:00+24:00"), "bad time '2024-01-01T12:00:00+24:00'" FORM);
	STREQ(round_trip("2024-01-01T12:00:00ZZ"), "bad time '2024-01-01T12:00:00ZZ'" FORM);
	STREQ(round_trip("2024-01-01T12:00:00.1234567890Z"),
	      "bad time '2024-01-01T12:00:00.1234567890Z'" FORM);
	STREQ(round_trip("2024-13-01"), "bad time '2024-13-01': the month is 13, expected 1 to 12");
	STREQ(round_trip("2023-02-29"), "bad time '2023-02-29': the day is 29, expected 1 to 28");
	STREQ(round_trip("1900-02-29"), "bad time '1900-02-29': the day is 29, expected 1 to 28");
	STREQ(round_trip("0000-01-01"), "bad time '0000-01-01': the year is 0, expected 1 to 9999");
	STREQ(round_trip("2024-01-01T24:00"),
	      "bad time '2024-01-01T24:00': the hour is 24, expected 0 to 23");
	STREQ(round_trip("9999-12-31T23:59:59-01"),
	      "bad time '9999-12-31T23:59:59-01': its year in UTC is not in 0001 to 9999");
	OK(strstr(round_trip("@"), "bad time '@'") != NULL);
	OK(strstr(round_trip("@253402300800"), "bad time") != NULL);
}

/* Every day of 800 years, written and read again. */
static void test_all_days(void)
{
	struct err e = { 0 };
	int bad = 0;
	for (int64_t day = -200000; day < 100000; day++) {
		struct timestamp t = { .sec = day * 86400 + 86399 }, back = { 0 };
		char *text = timestamp_format(&t);
		bad += timestamp_parse(text, &back, &e) < 0 || back.sec != t.sec;
		free(text);
	}
	OK(bad == 0);
}

static void test_seconds(void)
{
	OK(seconds("1") == 1);
	OK(seconds("20240229") == 20240229);
	OK(seconds("2024-02-29") == 1709164800);
	OK(seconds("@5") == 5);
	OK(seconds("1970-01-01T00:00:01.0Z") == 1);
	OK(seconds("1970-01-01T00:00:01.5Z") == INT64_MIN);
	OK(seconds("") == INT64_MIN);
	OK(seconds("-5") == INT64_MIN);
	setenv("SOURCE_DATE_EPOCH", "315532800", 1);
	OK(seconds("now") == 315532800);
	setenv("SOURCE_DATE_EPOCH", "yesterday", 1);
	OK(seconds("now") == INT64_MIN);
	unsetenv("SOURCE_DATE_EPOCH");
	OK(seconds("now") > 1600000000);
}

static bool is_whole(const char *s)
{
	struct err e = { 0 };
	bool ok = timestamp_check(s, &e) == 0;
	OK(ok == !e.msg);
	err_clear(&e);
	return ok;
}

static void test_check(void)
{
	OK(is_whole("2024-02-29T12:30:00Z"));
	OK(is_whole("0001-01-01T00:00:00Z"));
	OK(is_whole("2015-10-31T22:22:56.015925234Z"));
	OK(is_whole("2024-02-29T12:30:00.5+02:00"));
	OK(!is_whole("2024-02-29"));
	OK(!is_whole("2024-02-29 12:30:00Z"));
	OK(!is_whole("2024-02-29t12:30:00Z"));
	OK(!is_whole("2024-02-29T12:30:00z"));
	OK(!is_whole("2024-02-29T12:30Z"));
	OK(!is_whole("2024-02-29T12:30+02:00"));
	OK(!is_whole("2024-02-29T12:30:00"));
	OK(!is_whole("2024-02-29T12:30:00.55"));
	OK(!is_whole("2024-02-29T12:30:00+02"));
	OK(!is_whole("2024-02-29T12:30:00+0200"));
	OK(!is_whole("20240229T123000Z"));
	OK(!is_whole("20240229T123000+02:00"));
	OK(!is_whole("2024-02-30T12:30:00Z"));
	OK(!is_whole("@5"));
	OK(!is_whole(""));
}

int main(void)
{
	test_check();
	test_forms();
	test_refused();
	test_all_days();
	test_seconds();
	return TAP_END;
}
