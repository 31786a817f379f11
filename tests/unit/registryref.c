/* SPDX-License-Identifier: MIT */
#include "registry/registryref.h"

#include "tap.h"

static void is(const char *s, const char *want, const char *url)
{
	AUTO_REGISTRYREF struct registryref r = { 0 };
	AUTO_WEBURL struct weburl u = { 0 };
	struct err e = { 0 };
	if (registryref_parse(s, &r, &e) < 0 || registryref_url(&r, true, &u, &e) < 0) {
		STREQ(e.msg, want);
		err_clear(&e);
		return;
	}
	AUTO_FREE char *found = xasprintf("%s %s %s", r.host, r.repository, r.tag);
	AUTO_FREE char *text = weburl_text(&u);
	STREQ(found, want);
	STREQ(text, url);
}

int main(void)
{
	is("docker://r.example:5000/a/b:1", "r.example:5000 a/b 1", "https://r.example:5000/v2/");
	is("r.example/a", "r.example a latest", "https://r.example/v2/");
	is("localhost/a:x", "localhost a x", "https://localhost/v2/");
	is("hello", "docker.io library/hello latest", "https://registry-1.docker.io/v2/");
	is("a/hello:1", "docker.io a/hello 1", "https://registry-1.docker.io/v2/");
	is("docker.io/hello", "docker.io library/hello latest", "https://registry-1.docker.io/v2/");
	is("r.example/a@sha256:0",
	   "bad reference 'r.example/a@sha256:0': push to a tag, not to a digest", NULL);
	is("r.example/a:-",
	   "bad tag '-': expected A-Z a-z 0-9 _ and, but not first, '.' and '-', at "
	   "most 128 bytes",
	   NULL);
	is("R.example/A:1", "bad image name 'R.example/A': it must be lower case", NULL);
	return TAP_END;
}
