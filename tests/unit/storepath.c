/* SPDX-License-Identifier: MIT */
#include "closure/storepath.h"

#include "tap.h"

#define HASH "0123456789abcdfghijklmnpqrsvwxyz"

static const char *check(const char *path, const char *dir)
{
	static struct err e;
	err_clear(&e);
	return storepath_check(path, dir, &e) < 0 ? e.msg : "ok";
}

static void long_names(void)
{
	char path[400] = "/nix/store/" HASH "-";
	memset(path + strlen(path), 'n', 211);
	STREQ(check(path, "/nix/store"), "ok");
	path[strlen(path)] = 'n';
	OK(strstr(check(path, "/nix/store"), "1 to 211 characters, found 212"));
}

int main(void)
{
	STREQ(check("/nix/store/" HASH "-a", "/nix/store"), "ok");
	STREQ(check("/nix/store/" HASH "-a", "/nix/store//"), "ok");
	STREQ(check("/" HASH "-a", "/"), "ok");
	STREQ(check("/nix/store/" HASH "-Az09+-._?=", NULL), "ok");
	STREQ(check("/nix/store/" HASH "-.a", NULL), "ok");
	STREQ(check("/nix/store/" HASH "-a", "/gnu/store"),
	      "'/nix/store/" HASH "-a' is outside the store directory '/gnu/store'");
	STREQ(check("/nix/store", "/nix/store"),
	      "'/nix/store' is outside the store directory '/nix/store'");
	OK(strstr(check("/nix/store/" HASH "-a/bin", NULL), "expected"));
	OK(strstr(check("/nix/store/" HASH "-a/bin", "/nix/store"), "lies inside a store path"));
	OK(strstr(check("/nix/store/" HASH, NULL), "expected 32 nix-base32"));
	OK(strstr(check("/nix/store/e123456789abcdfghijklmnpqrsvwxyz-a", NULL), "expected 32"));
	OK(strstr(check("/nix/store/" HASH "-", NULL), "found 0"));
	OK(strstr(check("/nix/store/" HASH "-a b", NULL), "expected a name out of"));
	OK(strstr(check("/nix/store/" HASH "-.", NULL), "must not be"));
	OK(strstr(check("/nix/store/" HASH "-..", NULL), "must not be"));
	OK(strstr(check("/nix/store/" HASH "-.-a", NULL), "must not be"));
	OK(strstr(check("/nix/../" HASH "-a", NULL), "expected /"));
	OK(strstr(check("nix/" HASH "-a", NULL), "expected /"));
	OK(strstr(check("", NULL), "expected /"));
	OK(strstr(check("", "/nix/store"), "outside"));
	long_names();
	STREQ(storepath_name("/nix/store/" HASH "-a-1"), "a-1");
	STREQ(storepath_hash("/nix/store/" HASH "-a-1"), HASH "-a-1");
	OK(storepath_compare("/s/" HASH "-b", "/t/" HASH "-a") > 0);
	OK(storepath_compare("/s/" HASH "-a", "/r/" HASH "-b") < 0);
	return TAP_END;
}
