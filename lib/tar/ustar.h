/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_USTAR_H
#define LAYERPIPE_USTAR_H

/* One block of a tar header, POSIX.1-2017 pax, table 4-14: for tar.c, tarread.c, tarpush.c and
 * tests only. */

#include <stddef.h>

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag;
	char linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8];
	char prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == 512, "a tar header is one block");

/* The sum of the block's bytes with spaces for its checksum. */
static inline unsigned ustar_sum(const struct ustar *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	unsigned sum = sizeof h->chksum * ' ';
	for (size_t i = 0; i < sizeof *h; i++)
		sum += bytes[i];
	for (size_t i = 0; i < sizeof h->chksum; i++)
		sum -= (unsigned char)h->chksum[i];
	return sum;
}

#endif
