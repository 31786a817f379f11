/* SPDX-License-Identifier: MIT */
#include "plan/sources.h"

#include "tap.h"

static void is_parsed(const char *name, const char *expected)
{
	struct sources_name n = sources_parse(name);
	AUTO_BUF struct buf b = { 0 };
	buf_addf(&b, "%.*s|%.*s|%.*s|%.*s", (int)n.name_len, name, (int)n.stem_len, n.stem,
		 (int)n.version_len, n.version ? n.version : "", (int)n.release_len,
		 n.version ? n.version : "");
	STREQ(b.s, expected);
}

static void parse(void)
{
	is_parsed("openssl-3.0.14", "openssl|openssl|3.0.14|3.0.14");
	is_parsed("openssl-3.0.14-bin", "openssl|openssl|3.0.14|3.0.14");
	is_parsed("glibc-2.39-52-getent", "glibc|glibc|2.39-52|2.39-52");
	is_parsed("libkrb5-3-1.20.1-2+deb12u5", "libkrb5-3|krb5-3|1.20.1-2+deb12u5|1.20.1-2");
	is_parsed("libelf1-0.188-2.1", "libelf1|elf1|0.188-2.1|0.188-2.1");
	is_parsed("python3.12-pillow-10.4.0", "python3.12-pillow|pillow|10.4.0|10.4.0");
	is_parsed("gtk-4-4.14.5-1.2", "gtk-4|gtk-4|4.14.5-1.2|4.14.5-1.2");
	is_parsed("gtk-4-4.14.5-r1.2", "gtk-4|gtk-4|4.14.5|4.14.5");
	is_parsed("gcc-12-base-12.2.0-14", "gcc-12-base|gcc-12-base|12.2.0-14|12.2.0-14");
	is_parsed("source-2024-11-28", "source|source|2024-11-28|2024-11-28");
	is_parsed("hello.conf", "hello.conf|hello.conf||");
	is_parsed("lib-1", "lib|lib|1|1");
	is_parsed("python3-1", "python3|python3|1|1");
	is_parsed("lib", "lib|lib||");
}

#define P "/nix/store/0000000000000000000000000000000"

static void find(void)
{
	static struct graph_path paths[] = {
		{ .path = P "1-openssl-3.0.14" },
		{ .path = P "2-openssl-3.0.14-bin" },
		{ .path = P "3-openssl-3.0.15" },
		{ .path = P "4-libopenssl-3.0.14+1" },
		{ .path = P "5-other-3.0.14" },
		{ .path = P "6-a-2024.11.28" },
		{ .path = P "7-b-2024.11.28" },
		{ .path = P "8-c" },
		{ .path = P "9-c" },
		{ .path = P "a-a-2.0", .deriver = P "1-a.drv" },
		{ .path = P "b-b-1.0", .deriver = P "1-a.drv" },
		{ .path = P "c-a-2.0", .deriver = P "2-a.drv" },
	};
	static const uint32_t expected[] = { 0, 0, 1, 0, 2, 3, 3, 4, 5, 6, 6, 7 };
	const struct graph g = { .paths = paths, .n = 12 };
	struct sources s = sources_find(&g);
	OK(s.n == 8);
	for (uint32_t i = 0; i < g.n; i++)
		OK(s.of[i] == expected[i]);
	sources_free(&s);
}

int main(void)
{
	parse();
	find();
	return TAP_END;
}
