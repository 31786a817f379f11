/* SPDX-License-Identifier: MIT */
#include "tar/tarread.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/esc.h"
#include "tap.h"
#include "tar/ustar.h"

static int file_of(const struct buf *b)
{
	int fd = memfd_create("tar", 0);
	if (fd < 0 || write(fd, b->s, b->len) != (ssize_t)b->len || lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	return fd;
}

static void end_archive(struct buf *b)
{
	buf_add(b, tar_zeros, 2 * TAR_BLOCK);
}

/* A ustar block with correct checksum; change sets fields. */
static void block(struct buf *b, char type, const char *name, const char *size)
{
	struct ustar h = { .typeflag = type, .magic = "ustar", .version = { '0', '0' } };
	memcpy(h.name, name, strlen(name));
	memcpy(h.size, size, strlen(size));
	char sum[9];
	snprintf(sum, sizeof sum, "%06o", ustar_sum(&h));
	memcpy(h.chksum, sum, 7);
	buf_add(b, &h, sizeof h);
}

static void padded(struct buf *b, const char *s, size_t len)
{
	buf_add(b, s, len);
	buf_add(b, tar_zeros, tar_padding(len));
}

/* Reads it all; the message of the error, or "" where there is none. */
static const char *outcome(struct buf *b)
{
	static char *msg;
	free(msg);
	struct err e = { 0 };
	enum tarread_event event = TARREAD_END;
	int fd = file_of(b);
	struct tarread *r = tarread_new(fd, "in");
	int bad = 0;
	while (!bad && event != TARREAD_EOF)
		bad = tarread_next(r, &event, &e) < 0;
	msg = xstrdup(bad ? e.msg : "");
	err_clear(&e);
	tarread_free(r);
	close(fd);
	buf_clear(b);
	return msg;
}

static void reads_what_tar_writes(void)
{
	char long_name[4096];
	memset(long_name, 'n', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	struct tar_entry in = { .type = TAR_FILE,
				.name = long_name,
				.uname = "root",
				.gname = "\xff",
				.mode = 04755,
				.uid = 3000000000U,
				.gid = 7,
				.size = 5,
				.mtime = -9 };
	AUTO_BUF struct buf b = { 0 };
	tar_header(&b, &in);
	padded(&b, "hello", 5);
	end_archive(&b);

	struct err e = { 0 };
	enum tarread_event event;
	int fd = file_of(&b);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "in");
	OK(tarread_next(r, &event, &e) == 0 && event == TARREAD_ENTRY);
	const struct tar_entry *t = tarread_entry(r);
	STREQ(t->name, long_name);
	STREQ(t->gname, "\xff");
	OK(t->mode == 04755 && t->uid == 3000000000U && t->gid == 7);
	OK(t->size == 5 && t->mtime == -9);
	const void *data;
	size_t len;
	OK(tarread_data(r, &data, &len, &e) == 0 && len == 5 && memcmp(data, "hello", 5) == 0);
	OK(tarread_data(r, &data, &len, &e) == 0 && len == 0);
	OK(tarread_next(r, &event, &e) == 0 && event == TARREAD_END);
	OK(tarread_next(r, &event, &e) == 0 && event == TARREAD_EOF);
	close(fd);
}

static void follows_concatenation(void)
{
	AUTO_BUF struct buf b = { 0 };
	for (int i = 0; i < 2; i++) {
		block(&b, '0', "a", "0");
		end_archive(&b);
		end_archive(&b);
	}
	struct err e = { 0 };
	static const enum tarread_event want[] = { TARREAD_ENTRY, TARREAD_END, TARREAD_ENTRY,
						   TARREAD_END, TARREAD_EOF };
	enum tarread_event event;
	int fd = file_of(&b);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "in");
	for (size_t i = 0; i < 5; i++)
		OK(tarread_next(r, &event, &e) == 0 && event == want[i]);
	close(fd);
}

/* One member whose size field holds the bytes: what size is read? */
static long long size_of(const char *bytes, size_t n)
{
	struct ustar h = { .typeflag = '0', .name = "a" };
	memcpy(h.size, bytes, n);
	char sum[9];
	snprintf(sum, sizeof sum, "%06o", ustar_sum(&h));
	memcpy(h.chksum, sum, 7);
	AUTO_BUF struct buf b = { 0 };
	buf_add(&b, &h, sizeof h);
	struct err e = { 0 };
	enum tarread_event event;
	int fd = file_of(&b);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "in");
	int bad = tarread_next(r, &event, &e) < 0;
	err_clear(&e);
	close(fd);
	return bad ? -1 : (long long)tarread_entry(r)->size;
}

static void reads_numbers(void)
{
	OK(size_of("00000000017", 12) == 15);
	OK(size_of("      17    ", 12) == 15);
	OK(size_of("777777777777", 12) == 0777777777777);
	OK(size_of("", 0) == 0);
	OK(size_of("18", 2) == -1);
	OK(size_of("1 7", 3) == -1);
	OK(size_of("-1", 2) == -1);
	OK(size_of("\x80\0\0\0\0\0\0\0\0\0\1\0", 12) == 256);
	OK(size_of("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12) == INT64_MAX);
	OK(size_of("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12) == -1);
	OK(size_of("\x80\0\0\1\0\0\0\0\0\0\0\0", 12) == -1);
	OK(size_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12) == -1);
}

static void refuses(void)
{
	AUTO_BUF struct buf b = { 0 };
	STREQ(outcome(&b), "");
	end_archive(&b);
	STREQ(outcome(&b), "");

	buf_add(&b, tar_zeros, TAR_BLOCK);
	STREQ(outcome(&b), "in: truncated at byte 512: expected more, up to two zero blocks at "
			   "the end of the archive");
	block(&b, '0', "a", "0");
	STREQ(outcome(&b), "in: truncated at byte 512: expected more, up to two zero blocks at "
			   "the end of the archive");
	block(&b, '0', "a", "77777777777");
	end_archive(&b);
	STREQ(outcome(&b), "in: header at byte 0: truncated: some of its contents are missing");
	block(&b, '0', "a", "0");
	buf_add(&b, tar_zeros, TAR_BLOCK);
	block(&b, '0', "b", "0");
	STREQ(outcome(&b), "in: header at byte 512: one zero block alone: expected two, or none");
	block(&b, '0', "a", "0");
	b.s[0] = 'b';
	STREQ(outcome(&b),
	      "in: header at byte 0: checksum does not fit: not a tar archive, or damaged");
	block(&b, 'S', "a", "0");
	STREQ(outcome(&b), "in: header at byte 0: sparse file: not supported");
	block(&b, 'V', "a", "0");
	STREQ(outcome(&b), "in: header at byte 0: type 'V': not supported");
	block(&b, '0', "", "0");
	STREQ(outcome(&b), "in: header at byte 0: member without a name");
	block(&b, 'L', "././@LongLink", "7777777777");
	STREQ(outcome(&b),
	      "in: header at byte 0: extended header of 1073741823 bytes: at most 1048576 allowed");
	block(&b, 'L', "././@LongLink", "3");
	padded(&b, "a\0b", 3);
	STREQ(outcome(&b), "in: header at byte 0: bad long name: expected bytes that are not NUL");
	block(&b, 'L', "././@LongLink", "2");
	padded(&b, "ab", 2);
	end_archive(&b);
	STREQ(outcome(&b), "in: header at byte 1024: extended header without a member");
}

static const char *pax(char type, const char *records, size_t len)
{
	AUTO_BUF struct buf b = { 0 }, text = { 0 };
	buf_add(&text, records, len);
	tar_pax_header(&b, (enum tar_type)type, &text);
	block(&b, '0', "a", "0");
	end_archive(&b);
	return outcome(&b);
}

static void refuses_records(void)
{
	static const char bad[] = "in: header at byte 0: bad pax record: expected 'LENGTH "
				  "KEY=VALUE' and a newline";
	STREQ(pax('x', "12 path=abc\n", 12), "");
	STREQ(pax('x', "8 path=\n", 8), "");
	STREQ(pax('x', "11 path=abc\n", 12), bad);
	STREQ(pax('x', "13 path=abc\n", 12), bad);
	STREQ(pax('x', "99999999999999999999 a=\n", 24), bad);
	STREQ(pax('x', "4 =\n", 4), bad);
	STREQ(pax('x', "0 a=\n", 5), bad);
	STREQ(pax('x', "5 ab\n", 5), bad);
	STREQ(pax('x', "12 path=a\0c\n", 12),
	      "in: header at byte 1024: pax record 'path' holds a NUL byte");
	STREQ(pax('x', "11 size=-1\n", 11),
	      "in: header at byte 1024: bad pax record 'size': expected a decimal number");
	STREQ(pax('x', "28 size=9223372036854775808\n", 28),
	      "in: header at byte 1024: bad pax record 'size': expected a decimal number");
	STREQ(pax('x', "22 GNU.sparse.major=1\n", 22),
	      "in: header at byte 1024: sparse file: not supported");
	STREQ(pax('g', "12 path=abc\n", 12),
	      "in: header at byte 0: global header sets 'path': not supported");
}

/* --- sparse files --- */

/* The one member's contents as words: "5" is so many zeros, letters are themselves; or the message.
 */
static const char *contents(const struct buf *archive)
{
	static struct buf text;
	struct err e = { 0 };
	enum tarread_event event;
	int fd = file_of(archive);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "in");
	const void *data;
	size_t len = 1, zeros = 0;
	tarread_sparse(r);
	buf_clear(&text);
	int bad = tarread_next(r, &event, &e) < 0;
	if (!bad)
		buf_addf(&text, "%s %llu:", tarread_entry(r)->name,
			 (unsigned long long)tarread_entry(r)->size);
	while (!bad && len && text.len < 1000) {
		bad = tarread_data(r, &data, &len, &e) < 0;
		for (size_t i = 0; !bad && i < len; i++) {
			char c = ((const char *)data)[i];
			if (c && zeros)
				buf_addf(&text, " %zu ", zeros);
			zeros = c ? 0 : zeros + 1;
			if (c)
				buf_addc(&text, c);
		}
	}
	if (zeros)
		buf_addf(&text, " %zu", zeros);
	bool ends = !bad && len == 0;
	if (ends && (tarread_next(r, &event, &e) < 0 || event != TARREAD_END))
		buf_adds(&text, " and no end");
	if (bad)
		buf_clear(&text), buf_adds(&text, e.msg);
	err_clear(&e);
	close(fd);
	return text.s;
}

/* A member of pax records "KEY=VALUE", then what is stored. */
static const char *sparse(const char *const *records, const char *stored, size_t len)
{
	AUTO_BUF struct buf b = { 0 }, text = { 0 };
	char size[32];
	for (; *records; records++) {
		const char *equals = strchr(*records, '=');
		AUTO_FREE char *key = xstrndup(*records, (size_t)(equals - *records));
		tar_pax_record(&text, key, equals + 1, strlen(equals + 1));
	}
	snprintf(size, sizeof size, "%011zo", len);
	tar_pax_header(&b, TAR_PAX, &text);
	block(&b, '0', "stored", size);
	padded(&b, stored, len);
	end_archive(&b);
	return contents(&b);
}

#define SPARSE(stored, ...)                                                                        \
	sparse((const char *const[]){ __VA_ARGS__, NULL }, stored, strlen(stored))

#define SIZE(n) "GNU.sparse.size=" n
#define MAP(m)  "GNU.sparse.map=" m

static void reads_maps_in_records(void)
{
	STREQ(SPARSE("abcd", SIZE("10"), MAP("2,3,6,1")), "stored 10: 2 abc 1 d 3");
	STREQ(SPARSE("abcd", SIZE("4"), MAP("0,4")), "stored 4:abcd");
	STREQ(SPARSE("", SIZE("7"), MAP("7,0")), "stored 7: 7");
	STREQ(SPARSE("", SIZE("30000"), MAP("")), "stored 30000: 30000");
	STREQ(SPARSE("", SIZE("0"), MAP("0,0")), "stored 0:");
	STREQ(SPARSE("ab", SIZE("3"), MAP("0,1,1,0,2,1"), "GNU.sparse.numblocks=3",
		     "GNU.sparse.name=n"),
	      "n 3:a 1 b");
	STREQ(SPARSE("ab", "GNU.sparse.size=4", "GNU.sparse.numblocks=2", "GNU.sparse.offset=0",
		     "GNU.sparse.numbytes=1", "GNU.sparse.offset=3", "GNU.sparse.numbytes=1"),
	      "stored 4:a 2 b");
	STREQ(SPARSE("a", "GNU.sparse.major=0", "GNU.sparse.minor=1", SIZE("2"), MAP("1,1")),
	      "stored 2: 1 a");
}

#define AT "in: header at byte 1024: "

static void refuses_maps_in_records(void)
{
	STREQ(SPARSE("ab", SIZE("4"), MAP("1,1")),
	      AT "bad sparse map: its pieces have 1 bytes, but 2 are stored");
	STREQ(SPARSE("a", SIZE("4"), MAP("1,2")),
	      AT "bad sparse map: its pieces have 2 bytes, but 1 are stored");
	STREQ(SPARSE("ab", SIZE("4"), MAP("1,1,1,1")),
	      AT "bad sparse map: pieces overlap, or are not in order");
	STREQ(SPARSE("ab", SIZE("4"), MAP("2,1,0,1")),
	      AT "bad sparse map: pieces overlap, or are not in order");
	STREQ(SPARSE("ab", SIZE("4"), MAP("3,2")),
	      AT "bad sparse map: a piece beyond the end of the file");
	STREQ(SPARSE("ab", SIZE("4"), MAP("5,0")),
	      AT "bad sparse map: a piece beyond the end of the file");
	STREQ(SPARSE("ab", SIZE("4"), MAP("9223372036854775807,9223372036854775807")),
	      AT "bad sparse map: a piece beyond the end of the file");
	STREQ(SPARSE("ab", SIZE("9223372036854775808"), MAP("0,2")),
	      AT "bad sparse map: expected decimal numbers");
	STREQ(SPARSE("ab", SIZE("9223372036854775807"), MAP("0,2")),
	      AT "sparse files with 9223372036854775805 bytes of holes in an archive of 1536 so "
		 "far: this looks like a bomb");
	STREQ(SPARSE("ab", SIZE("1073741827"), MAP("0,2")),
	      AT "sparse files with 1073741825 bytes of holes in an archive of 1536 so far: this "
		 "looks like a bomb");
	STREQ(SPARSE("ab", SIZE("4"), MAP("0")), AT "bad sparse map: expected decimal numbers");
	STREQ(SPARSE("ab", SIZE("4"), MAP("0,2,")), AT "bad sparse map: expected decimal numbers");
	STREQ(SPARSE("ab", SIZE("4"), MAP("-1,2")), AT "bad sparse map: expected decimal numbers");
	STREQ(SPARSE("ab", SIZE("4"), MAP("0, 2")), AT "bad sparse map: expected decimal numbers");
	STREQ(SPARSE("ab", MAP("0,2")), AT "sparse file without its size");
	STREQ(SPARSE("ab", SIZE("4"), MAP("0,2"), "GNU.sparse.numblocks=2"),
	      AT "bad sparse map: numblocks is not the number of its pieces");
	STREQ(SPARSE("ab", SIZE("4"), "GNU.sparse.offset=0"),
	      AT "bad sparse map: expected pairs of offset and numbytes");
	STREQ(SPARSE("ab", SIZE("4"), "GNU.sparse.numbytes=2", "GNU.sparse.offset=0"),
	      AT "bad sparse map: expected pairs of offset and numbytes");
	STREQ(SPARSE("ab", SIZE("4"), "GNU.sparse.major=2", "GNU.sparse.minor=0"),
	      AT "sparse file of form 2.0: not supported");
	STREQ(SPARSE("ab", SIZE("4"), "GNU.sparse.major=1", "GNU.sparse.minor=1"),
	      AT "sparse file of form 1.1: not supported");
	/* more pieces than there may be */
	AUTO_BUF struct buf many = { 0 };
	buf_adds(&many, "GNU.sparse.map=0,0");
	for (unsigned i = 0; i < TARREAD_MAX_SEGMENTS; i++)
		buf_adds(&many, ",0,0");
	STREQ(SPARSE("ab", SIZE("4"), many.s),
	      "in: header at byte 0: extended header of 1048624 bytes: at most 1048576 allowed");
}

/* Form 1.0: the map in front of what is stored. */
static const char *sparse_1_0(const char *map, const char *stored, const char *size)
{
	AUTO_BUF struct buf all = { 0 };
	AUTO_FREE char *record = xasprintf("GNU.sparse.realsize=%s", size);
	const char *const records[] = { "GNU.sparse.major=1", "GNU.sparse.minor=0",
					"GNU.sparse.name=n", record, NULL };
	padded(&all, map, strlen(map));
	buf_adds(&all, stored);
	return sparse(records, all.s, all.len);
}

static void reads_maps_in_contents(void)
{
	STREQ(sparse_1_0("2\n1\n2\n5\n1\n", "abc", "7"), "n 7: 1 ab 2 c 1");
	STREQ(sparse_1_0("0\n", "", "7"), "n 7: 7");
	STREQ(sparse_1_0("1\n0\n3\n", "abc", "3"), "n 3:abc");
	/* a map of several blocks */
	AUTO_BUF struct buf map = { 0 }, stored = { 0 }, want = { 0 };
	buf_adds(&map, "100\n");
	buf_adds(&want, "n 1200:");
	for (int i = 0; i < 100; i++) {
		buf_addf(&map, "%d\n1\n", 1000 + 2 * i);
		buf_addc(&stored, 'x');
		buf_addf(&want, " %d x", i ? 1 : 1000);
	}
	buf_adds(&want, " 1");
	STREQ(sparse_1_0(map.s, stored.s, "1200"), want.s);
	static const char longer[] = AT "bad sparse map: it is longer than the contents";
	STREQ(sparse_1_0("", "", "3"), longer);
	STREQ(sparse_1_0("200\n", "abc", "3"), AT "bad sparse map: expected decimal numbers");
	STREQ(sparse_1_0("1\n", "abc", "3"), AT "bad sparse map: expected decimal numbers");
	STREQ(sparse_1_0("2\n0\n3\n", "abc", "3"), AT "bad sparse map: expected decimal numbers");
	STREQ(sparse_1_0("x\n", "abc", "3"), AT "bad sparse map: expected decimal numbers");
	STREQ(sparse_1_0("1\n\n3\n", "abc", "3"), AT "bad sparse map: expected decimal numbers");
	STREQ(sparse_1_0("99999999\n", "abc", "3"), AT "bad sparse map: more than 262144 pieces");
	STREQ(sparse_1_0("1\n0\n4\n", "abc", "3"),
	      AT "bad sparse map: a piece beyond the end of the file");
	buf_clear(&map);
	buf_adds(&map, "262144\n");
	for (int i = 0; i < 262144; i++)
		buf_adds(&map, "0\n000\n");
	STREQ(sparse_1_0(map.s, "", "3"), AT "bad sparse map: more than 1 MiB");
}

/* GNU tar's old form; pieces: pairs of numbers, more: blocks behind the header. */
static const char *sparse_old(const char *magic, const unsigned *pieces, size_t n, unsigned real,
			      const char *stored)
{
	AUTO_BUF struct buf b = { 0 };
	struct ustar h = { .typeflag = 'S', .name = "old" };
	char *raw = (char *)&h, field[32], *to = raw + 386;
	char more[512] = "", *second = more;
	memcpy(raw + 257, magic, 8);
	snprintf(field, sizeof field, "%011zo", strlen(stored));
	memcpy(h.size, field, sizeof h.size);
	for (size_t i = 0; i < 2 * n; i++) {
		snprintf(field, sizeof field, "%011o", pieces[i]);
		memcpy(i < 8 ? to : second, field, 12);
		*(i < 8 ? &to : &second) += 12;
	}
	raw[482] = n > 4;
	snprintf(field, sizeof field, "%011o", real);
	memcpy(raw + 483, field, 12);
	snprintf(field, sizeof field, "%06o", ustar_sum(&h));
	memcpy(h.chksum, field, 7);
	buf_add(&b, &h, sizeof h);
	if (n > 4)
		buf_add(&b, more, sizeof more);
	padded(&b, stored, strlen(stored));
	end_archive(&b);
	return contents(&b);
}

static void reads_old_maps(void)
{
	static const char gnu[] = "ustar  ";
	STREQ(sparse_old(gnu, (const unsigned[]){ 1, 2, 5, 1 }, 2, 7, "abc"), "old 7: 1 ab 2 c 1");
	STREQ(sparse_old(gnu, (const unsigned[]){ 7, 0 }, 1, 7, ""), "old 7: 7");
	STREQ(sparse_old(gnu, (const unsigned[]){ 0, 1, 2, 1, 4, 1, 6, 1, 8, 1, 10, 1 }, 6, 12,
			 "abcdef"),
	      "old 12:a 1 b 1 c 1 d 1 e 1 f 1");
	STREQ(sparse_old(gnu, (const unsigned[]){ 0, 1, 0, 1 }, 2, 7, "ab"),
	      "in: header at byte 0: bad sparse map: pieces overlap, or are not in order");
	STREQ(sparse_old("ustar\00000", (const unsigned[]){ 0, 1 }, 1, 7, "a"),
	      "in: header at byte 0: sparse file: not supported");
}

/* Contents that nobody reads are skipped, holes or not. */
static void skips_sparse(void)
{
	AUTO_BUF struct buf b = { 0 }, text = { 0 };
	tar_pax_record(&text, "GNU.sparse.size", "5000", 4);
	tar_pax_record(&text, "GNU.sparse.map", "1,600,4000,1", 12);
	tar_pax_header(&b, TAR_PAX, &text);
	block(&b, '0', "a", "1131");
	buf_extend(&b, 601 + tar_padding(601));
	block(&b, '0', "b", "0");
	end_archive(&b);
	struct err e = { 0 };
	enum tarread_event event;
	size_t n;
	int fd = file_of(&b);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "in");
	tarread_sparse(r);
	OK(tarread_next(r, &event, &e) == 0 && tarread_entry(r)->size == 5000);
	const struct tarread_segment *s = tarread_segments(r, &n);
	OK(n == 2 && s[0].offset == 1 && s[0].size == 600 && s[1].offset == 4000 && s[1].size == 1);
	OK(tarread_offset(r) == 1536);
	OK(tarread_next(r, &event, &e) == 0 && event == TARREAD_ENTRY);
	STREQ(tarread_entry(r)->name, "b");
	OK(!tarread_segments(r, &n));
	close(fd);
}

/* Members until the end, or the message. */
static const char *open_end(struct buf *b)
{
	static char text[200];
	struct err e = { 0 };
	enum tarread_event event = TARREAD_END;
	int fd = file_of(b), n = 0;
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "in");
	tarread_open_end(r);
	while (event != TARREAD_EOF && tarread_next(r, &event, &e) == 0)
		n += event == TARREAD_ENTRY;
	snprintf(text, sizeof text, "%d %s", n, e.msg ? e.msg : "");
	err_clear(&e);
	close(fd);
	buf_clear(b);
	return text;
}

static void ends_open(void)
{
	AUTO_BUF struct buf b = { 0 }, record = { 0 };
	block(&b, '0', "a", "0");
	STREQ(open_end(&b), "1 ");
	block(&b, '0', "a", "4000000");
	buf_extend(&b, 04000000);
	STREQ(open_end(&b), "1 ");
	block(&b, '0', "a", "4000001");
	buf_extend(&b, 04000000);
	STREQ(open_end(&b), "1 in: header at byte 0: truncated: some of its contents are missing");
	block(&b, '0', "a", "1");
	STREQ(open_end(&b), "1 in: header at byte 0: truncated: some of its contents are missing");
	block(&b, '0', "a", "1"); /* the zeros that fill up the block are missing, or some */
	buf_addc(&b, 'x');
	STREQ(open_end(&b), "1 ");
	block(&b, '0', "a", "1");
	buf_add(&b, "x\0", 2);
	STREQ(open_end(&b), "1 ");
	block(&b, '0', "a", "0"); /* one of two zero blocks */
	buf_add(&b, tar_zeros, TAR_BLOCK);
	STREQ(open_end(&b), "1 ");
	block(&b, '0', "a", "0");
	tar_pax_record(&record, "path", "b", 1);
	tar_pax_header(&b, TAR_PAX, &record);
	STREQ(open_end(&b), "1 in: truncated at byte 1536: expected more, up to two zero blocks at "
			    "the end of the archive");
}

/* The first member's time as "SECONDS+NANOSECONDS". */
static const char *read_time(struct buf *b)
{
	static char text[64];
	struct err e = { 0 };
	enum tarread_event event;
	int fd = file_of(b);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "in");
	if (tarread_next(r, &event, &e) < 0)
		snprintf(text, sizeof text, "bad");
	else
		snprintf(text, sizeof text, "%lld+%u", (long long)tarread_entry(r)->mtime,
			 tarread_entry(r)->mtime_nsec);
	err_clear(&e);
	close(fd);
	return text;
}

static const char *time_of(const char *record)
{
	AUTO_BUF struct buf b = { 0 }, text = { 0 };
	tar_pax_record(&text, "mtime", record, strlen(record));
	tar_pax_header(&b, TAR_PAX, &text);
	block(&b, '0', "a", "0");
	return read_time(&b);
}

static void reads_times(void)
{
	STREQ(time_of("1"), "1+0");
	STREQ(time_of("1."), "1+0");
	STREQ(time_of("1.000000001"), "1+1");
	STREQ(time_of("1.5"), "1+500000000");
	STREQ(time_of("1.9999999999"), "1+999999999");
	STREQ(time_of("-1.5"), "-2+500000000");
	STREQ(time_of("-1.000"), "-1+0");
	STREQ(time_of("-0.9999999991"), "-1+0");
	STREQ(time_of("-0.0000000001"), "-1+999999999");
	STREQ(time_of("-0.0000000000"), "0+0");
	STREQ(time_of("-3"), "-3+0");
	STREQ(time_of("1x"), "bad");
	STREQ(time_of(".5"), "bad");
	STREQ(time_of("1.5."), "bad");
	STREQ(time_of("9223372036854775808"), "bad");
}

/* The time as it is read from what tar_header() writes, and the record it writes. */
static void writes_time(int64_t mtime, uint32_t nsec, const char *want, const char *record)
{
	AUTO_BUF struct buf b = { 0 };
	tar_header(&b, &(struct tar_entry){
			       .type = TAR_FILE, .name = "a", .mtime = mtime, .mtime_nsec = nsec });
	const char *found = b.len > TAR_BLOCK ? strchr(b.s + TAR_BLOCK, '=') : "";
	OK(strncmp(found, record, strlen(record)) == 0);
	OK(b.len == (*record ? 3 : 1) * (size_t)TAR_BLOCK);
	STREQ(read_time(&b), want);
}

static void writes_times(void)
{
	writes_time(7, 0, "7+0", "");
	writes_time(7, 500000000, "7+500000000", "=7.5\n");
	writes_time(7, 1, "7+1", "=7.000000001\n");
	writes_time(-1, 0, "-1+0", "=-1\n");
	writes_time(-1, 500000000, "-1+500000000", "=-0.5\n");
	writes_time(-10, 900000000, "-10+900000000", "=-9.1\n");
	writes_time(8589934592, 0, "8589934592+0", "=8589934592\n");
	writes_time(8589934592, 10, "8589934592+10", "=8589934592.00000001\n");
}

int main(void)
{
	reads_what_tar_writes();
	follows_concatenation();
	reads_numbers();
	refuses();
	refuses_records();
	reads_maps_in_records();
	refuses_maps_in_records();
	reads_maps_in_contents();
	reads_old_maps();
	skips_sparse();
	ends_open();
	reads_times();
	writes_times();
	return TAP_END;
}
