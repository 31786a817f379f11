/* SPDX-License-Identifier: MIT */
#include "image/imageref.h"

#include <stdbool.h>

#include "tap.h"

static bool fits(const char *reference)
{
	struct err e = { 0 };
	bool ok = imageref_check(reference, &e) == 0;
	err_clear(&e);
	return ok;
}

static void full_is(const char *name, const char *want)
{
	AUTO_FREE char *full = imageref_full(name);
	STREQ(full, want);
}

static void full(void)
{
	full_is("x:1", "docker.io/library/x:1");
	full_is("library/x", "docker.io/library/x");
	full_is("x/y:1", "docker.io/x/y:1");
	full_is("docker.io/x", "docker.io/library/x");
	full_is("index.docker.io/x/y", "docker.io/x/y");
	full_is("localhost/x:1", "localhost/x:1");
	full_is("a.example:80/x", "a.example:80/x");
}

int main(void)
{
	OK(fits("a:1"));
	OK(fits("a/b:1"));
	OK(fits("r.example:5000/a/b:V.1-x_"));
	OK(!fits(""));
	OK(!fits("a"));
	OK(!fits(":1"));
	OK(!fits("a:"));
	OK(!fits("r.example:5000/a"));
	OK(!fits("A:1"));
	OK(!fits("a:-1"));
	OK(!fits("a:1:2"));
	OK(!fits("a@sha256:0"));

	STREQ(imageref_familiar("docker.io/library/x:1"), "x:1");
	STREQ(imageref_familiar("index.docker.io/library/x"), "x");
	STREQ(imageref_familiar("library/x:1"), "x:1");
	STREQ(imageref_familiar("x:1"), "x:1");
	STREQ(imageref_familiar("docker.io/x/y:1"), "x/y:1");
	STREQ(imageref_familiar("docker.io/library/x/y"), "library/x/y");
	STREQ(imageref_familiar("localhost/x:1"), "localhost/x:1");
	STREQ(imageref_familiar("docker.io.example/x"), "docker.io.example/x");
	full();
	return TAP_END;
}
