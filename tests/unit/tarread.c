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
	STREQ(outcome(&b), "in: header at byte 0: type 'S': not supported");
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
	ends_open();
	reads_times();
	writes_times();
	return TAP_END;
}
