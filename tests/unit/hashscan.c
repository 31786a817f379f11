/* SPDX-License-Identifier: MIT */
#include "closure/hashscan.h"

#include "tap.h"

#define A "0123456789abcdfghijklmnpqrsvwxyz"
#define B "zyxwvsrqpnmlkjihgfdcba9876543210"
#define C "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const paths[] = { "/nix/store/" A "-a", "/nix/store/" B "-b",
				     "/nix/store/" C "-c" };

/* What is found in the text, given in pieces of this size: the letters of the paths. */
static const char *find(const char *text, size_t piece)
{
	static char letters[4];
	struct err e = { 0 };
	struct hashscan *s = NULL;
	const uint32_t *found;
	size_t n = 0;
	if (hashscan_new(paths, 3, &s, &e) < 0)
		return "refused";
	for (size_t len = strlen(text), i = 0; i < len; i += piece)
		hashscan_add(s, text + i, len - i < piece ? len - i : piece);
	for (uint32_t i = 0, nfound = hashscan_found(s, &found); i < nfound; i++)
		letters[n++] = (char)('a' + found[i]);
	letters[n] = '\0';
	hashscan_free(s);
	return letters;
}

/* The slow way. */
static const char *expect(const char *text)
{
	static char letters[4];
	size_t n = 0;
	for (size_t i = 0; i < 3; i++) {
		char hash[33] = "";
		memcpy(hash, paths[i] + 11, 32);
		if (strstr(text, hash))
			letters[n++] = (char)('a' + (int)i);
	}
	letters[n] = '\0';
	return letters;
}

/* The same numbers each time, below limit. */
static size_t number(size_t limit)
{
	static uint64_t state = 1;
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (size_t)(state >> 33) % limit;
}

/* Texts that nearly are hash parts, cut in pieces of every size. */
static void random_texts(void)
{
	static const char *const parts[] = {
		A, B, C, "/nix/store/", "e", "0", A "-x", "aaaa", "\n"
	};
	int bad = 0, found = 0;
	for (int round = 0; round < 20000; round++) {
		AUTO_BUF struct buf text = { 0 };
		for (int i = 0; i < 5; i++) {
			const char *part = parts[number(9)];
			size_t len = number(strlen(part) + 8);
			buf_add(&text, part, len < strlen(part) ? len : strlen(part));
		}
		const char *want = expect(text.s);
		found += *want != '\0';
		bad += strcmp(find(text.s, 1 + number(70)), want) != 0;
	}
	OK(bad == 0);
	OK(found > 1000 && found < 19000);
}

int main(void)
{
	STREQ(find("", 1), "");
	STREQ(find("see /nix/store/" A "-a", 1000), "a");
	STREQ(find("x" A "y" B, 1000), "ab");
	STREQ(find(C, 1), "c");
	STREQ(find("aa" C "aa", 7), "c");
	STREQ(find("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1), "");
	STREQ(find("aaaaaaaaaaaaaaaae" C, 31), "c");
	for (size_t piece = 1; piece < 80; piece++)
		if (strcmp(find("/nix/store/" A "-a " B, piece), "ab") != 0)
			OK(!"found at every border");
	random_texts();

	const char *const twins[] = { "/nix/store/" A "-a", "/nix/store/" A "-b" };
	struct err e = { 0 };
	struct hashscan *s = NULL;
	OK(hashscan_new(twins, 2, &s, &e) < 0);
	STREQ(e.msg, "cannot tell '/nix/store/" A "-a' from '/nix/store/" A
		     "-b' where they are mentioned: their hash parts are the same");
	err_clear(&e);
	return TAP_END;
}
