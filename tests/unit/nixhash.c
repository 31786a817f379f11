/* SPDX-License-Identifier: MIT */
#include "closure/nixhash.h"

#include "tap.h"

/* one hash in every form, as Nix 2.8 wrote it */
#define SRI    "sha256-1p9Xq7jrQuW+nh6S4i/dbToOihEIYbTDasG+oOe6hsU="
#define HEX    "d69f57abb8eb42e5be9e1e92e22fdd6d3a0e8a110861b4c36ac1bea0e7ba86c5"
#define BASE32 "1ic6pbks1gn1db1v8q882650wfkdvlpy54hykszfahpbp2mmg7yn"

static const char *sri(const char *s)
{
	static char text[NIXHASH_SRI_LEN + 1];
	struct err e = { 0 };
	if (nixhash_sri(s, strlen(s), text, &e) == 0)
		return text;
	err_clear(&e);
	return "refused";
}

static const char *base32(const void *data, size_t len)
{
	static struct buf b;
	buf_clear(&b);
	nixhash_base32(&b, data, len);
	return b.s;
}

int main(void)
{
	STREQ(sri(SRI), SRI);
	STREQ(sri(HEX), SRI);
	STREQ(sri("sha256:" HEX), SRI);
	STREQ(sri(BASE32), SRI);
	STREQ(sri("sha256:" BASE32), SRI);
	STREQ(sri("sha256:1p9Xq7jrQuW+nh6S4i/dbToOihEIYbTDasG+oOe6hsU="), SRI);
	STREQ(sri(""), "refused");
	STREQ(sri("sha256-"), "refused");
	STREQ(sri("sha256:"), "refused");
	STREQ(sri("sha256-" HEX), "refused");
	STREQ(sri("sha512:" HEX), "refused");
	/* spare bits that are not 0, no padding, a digit that is none */
	STREQ(sri("sha256-1p9Xq7jrQuW+nh6S4i/dbToOihEIYbTDasG+oOe6hsV="), "refused");
	STREQ(sri("sha256-1p9Xq7jrQuW+nh6S4i/dbToOihEIYbTDasG+oOe6hsUA"), "refused");
	STREQ(sri("zic6pbks1gn1db1v8q882650wfkdvlpy54hykszfahpbp2mmg7yn"), "refused");
	STREQ(sri("eic6pbks1gn1db1v8q882650wfkdvlpy54hykszfahpbp2mmg7yn"), "refused");
	STREQ(sri("D69f57abb8eb42e5be9e1e92e22fdd6d3a0e8a110861b4c36ac1bea0e7ba86c5"), "refused");

	static const unsigned char bytes[] = { 0xd6, 0x9f, 0x57, 0xab, 0xb8, 0xeb, 0x42, 0xe5,
					       0xbe, 0x9e, 0x1e, 0x92, 0xe2, 0x2f, 0xdd, 0x6d,
					       0x3a, 0x0e, 0x8a, 0x11, 0x08, 0x61, 0xb4, 0xc3,
					       0x6a, 0xc1, 0xbe, 0xa0, 0xe7, 0xba, 0x86, 0xc5 };
	STREQ(base32(bytes, sizeof bytes), BASE32);
	STREQ(base32("\x01", 1), "01");
	STREQ(base32("\xff", 1), "7z");
	OK(strlen(base32(bytes, 20)) == 32);
	return TAP_END;
}
