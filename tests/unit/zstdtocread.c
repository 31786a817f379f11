/* SPDX-License-Identifier: MIT */
#include "tar/zstdtocread.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/out.h"
#include "tap.h"
#include "tar/zstdpack.h"

/* A blob: 1000 bytes for frames, then the table in its skippable frame, then the footer. */
enum { FRAMES = 1000 };
#define D  "sha256:" D1 D1 D1 D1
#define D1 "0123456789abcdef"
#define E  "sha256:" E1 E1 E1 E1
#define E1 "fedcba9876543210"

struct made {
	struct zstdtocread_blob blob;
	char checksum[80], position[80];
	uint64_t raw, length;
};

static void skippable(struct buf *b, const void *data, size_t len)
{
	buf_add(b, "\x50\x2a\x4d\x18", 4);
	for (size_t i = 0; i < 4; i++)
		buf_addc(b, (char)(len >> 8 * i));
	buf_add(b, data, len);
}

static void footer(struct buf *b, const uint64_t numbers[7])
{
	AUTO_BUF struct buf f = { 0 };
	for (size_t i = 0; i < 56; i++)
		buf_addc(&f, (char)(numbers[i / 8] >> 8 * (i % 8)));
	buf_adds(&f, "GNUlInUx");
	skippable(b, f.s, f.len);
}

static struct made make(const char *json)
{
	AUTO_BUF struct buf b = { 0 };
	struct err e = { 0 };
	struct made m = { .raw = strlen(json) };
	char hex[DIGEST_HEX_LEN + 1];
	struct zstdpack *p = zstdpack_new();
	OK(zstdpack_add(p, json, strlen(json), &e) == 0 && zstdpack_end(p, hex, &e) == 0);
	memset(buf_extend(&b, FRAMES), 'x', FRAMES);
	m.length = zstdpack_frame(p)->len;
	skippable(&b, zstdpack_frame(p)->s, m.length);
	footer(&b, (uint64_t[]){ FRAMES + 8, m.length, m.raw, 1, 0, 0, 0 });
	zstdpack_free(p);
	snprintf(m.checksum, sizeof m.checksum, "sha256:%s", hex);
	snprintf(m.position, sizeof m.position, "%d:%" PRIu64 ":%" PRIu64 ":1", FRAMES + 8,
		 m.length, m.raw);
	m.blob = (struct zstdtocread_blob){ memfd_create("blob", MFD_CLOEXEC), 0, b.len, "blob" };
	OK(out_write_fd(m.blob.fd, b.s, b.len) == 0);
	return m;
}

static int show(void *context, const struct zstdtocread_file *f, struct err *e)
{
	struct buf *b = context;
	(void)e;
	buf_addf(b, "%s %" PRIu64 " %02x:", f->name, f->size, f->digest[0]);
	for (size_t i = 0; i < f->n; i++) {
		const struct zstdtocread_piece *p = &f->pieces[i];
		buf_addf(b, " %" PRIu64 "-%" PRIu64 "=%" PRIu64 "/%02x%s", p->begin, p->end,
			 p->size, p->digest[0], p->zeros ? "z" : "");
	}
	buf_adds(b, "; ");
	return 0;
}

/* The files that a table says, or what is wrong with it. */
static const char *found(const char *json)
{
	static struct buf b;
	static struct err e;
	struct zstdtocread_place place;
	struct made m = make(json);
	buf_clear(&b);
	buf_adds(&b, "");
	err_clear(&e);
	bool good = zstdtocread_find(&m.blob, m.checksum, m.position, NULL, &place, &e) == 0 &&
		    zstdtocread_files(&m.blob, &place, show, &b, &e) == 0;
	close(m.blob.fd);
	return good ? b.s : e.msg;
}

#define TABLE(entries) "{\"version\":1,\"entries\":[" entries "]}"

static void good(void)
{
	STREQ(found(TABLE("")), "");
	STREQ(found(TABLE("{\"type\":\"dir\",\"name\":\"a/\",\"xattrs\":{\"x\":[1.5e3,null,{}]}},"
			  "{\"type\":\"reg\",\"name\":\"a/e\"},"
			  "{\"type\":\"reg\",\"name\":\"/a/\\u00e9\",\"size\":5,\"digest\":\"" D
			  "\",\"offset\":10,\"endOffset\":20},"
			  "{\"type\":\"reg\",\"name\":\"c\",\"size\":9,\"digest\":\"" E
			  "\",\"offset\":30,\"endOffset\":1000,\"chunkSize\":4,\"chunkDigest\":\"" D
			  "\"},{\"type\":\"chunk\",\"name\":\"c\",\"offset\":40,\"chunkSize\":3,"
			  "\"chunkOffset\":4,\"chunkDigest\":\"" E "\"},"
			  "{\"type\":\"chunk\",\"name\":\"c\",\"offset\":1000,\"chunkSize\":2,"
			  "\"chunkOffset\":7,\"chunkDigest\":\"" E "\",\"chunkType\":\"zeros\"}")),
	      "/a/é 5 01: 10-20=5/01; c 9 fe: 30-40=4/01 40-1000=3/fe 1000-1000=2/fez; ");
	STREQ(found(" { \"more\" : [ ] , \"version\" : 1 , \"entries\" : [ ] , \"z\" : true } "),
	      "");
}

#define NAMED(type, more)   "{\"type\":\"" type "\",\"name\":\"f\"" more "}"
#define FILE5(more)         NAMED("reg", ",\"size\":5,\"digest\":\"" D "\"" more)
#define AT(begin, end)      ",\"offset\":" begin ",\"endOffset\":" end
#define PIECE(size, digest) ",\"chunkSize\":" size ",\"chunkDigest\":\"" digest "\""
#define CHUNK(begin, offset)                                                                       \
	NAMED("chunk", ",\"offset\":" begin ",\"chunkOffset\":" offset PIECE("2", D))

static void bad_tables(void)
{
#define LIE                                                                                        \
	"'f': expected pieces that lie behind each other and behind those of the files before, "   \
	"in front of the table"
#define FOLLOW "'f': expected pieces that follow each other in the file"
#define EACH   "'f': expected chunkSize and chunkDigest of each piece"
	STREQ(found(TABLE(FILE5(AT("10", "1001")))), LIE);
	STREQ(found(TABLE(FILE5(AT("10", "10")))), LIE);
	STREQ(found(TABLE(FILE5(AT("10", "9")))), LIE);
	STREQ(found(TABLE(FILE5(",\"offset\":10"))), LIE);
	STREQ(found(TABLE("{\"type\":\"reg\",\"name\":\"e\",\"size\":1,\"digest\":\"" D
			  "\",\"offset\":1,\"endOffset\":11}," FILE5(AT("10", "20")))),
	      LIE);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("3", D)) "," CHUNK("21", "3"))), LIE);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("3", D)) "," CHUNK("9", "3"))), LIE);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("3", D)) "," CHUNK("10", "3"))), LIE);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("3", D)) "," CHUNK("15", "2"))), FOLLOW);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("4", D)) "," CHUNK("15", "4"))), FOLLOW);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("6", D)))), FOLLOW);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("2", D)) "," CHUNK("15", "2"))),
	      "'f': expected pieces that make up its size");
	STREQ(found(TABLE(FILE5(AT("10", "20")) "," CHUNK("15", "0"))), EACH);
	STREQ(found(TABLE(FILE5(AT("10", "20") ",\"chunkSize\":3") "," CHUNK("15", "3"))), EACH);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("3", D)) "," NAMED("chunk", ""))), EACH);
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("5", E)))),
	      "'f': its only piece has another digest");
	STREQ(found(TABLE(FILE5(AT("10", "20") PIECE("5", "md5:0")))),
	      "'f': chunkDigest: expected sha256: and 64 hex digits");
	STREQ(found(TABLE(FILE5(AT("10", "20") ",\"chunkType\":\"ones\""))),
	      "'f': expected no chunkType but 'zeros'");
	STREQ(found(TABLE(NAMED("reg", ",\"size\":5"))),
	      "'f': digest: expected sha256: and 64 hex digits");
	STREQ(found(TABLE(CHUNK("10", "0"))), "'f': a chunk that does not follow its file");
	STREQ(found(TABLE(FILE5(AT("10", "20")) ",{\"type\":\"chunk\",\"name\":\"g\\u0007\"}")),
	      "'g\\x07': a chunk that does not follow its file");
}

static void bad_entries(void)
{
	STREQ(found(TABLE(NAMED("dir", "") "," NAMED("dir", ""))), "'f': a name that comes twice");
	STREQ(found(TABLE(NAMED("dir", "") ",{\"type\":\"dir\",\"name\":\"/./f/\"}")),
	      "'/./f/': a name that comes twice");
	STREQ(found(TABLE("{\"type\":\"dir\",\"name\":\"a/../b\"}")),
	      "'a/../b': expected a name without '..'");
	STREQ(found(TABLE("{\"type\":\"dir\"}")), "an entry without a name");
	STREQ(found(TABLE(NAMED("socket", ""))), "'f': a type that is not known");
	STREQ(found(TABLE(NAMED("dir", ",\"name\":\"g\""))), "'name' comes twice in an entry");
	STREQ(found(TABLE("{\"name\":\"a\\u0000\"}")), "name: byte 40: a NUL byte in a string");
	STREQ(found(TABLE("{\"name\":\"\xff\"}")), "name: byte 35: a string that is not UTF-8");
	STREQ(found(TABLE("{\"size\":-1}")),
	      "size: byte 34: '-1': expected a number from 0 to 9223372036854775807");
	STREQ(found(TABLE("{\"size\":\"1\"}")), "size: byte 32: expected a number, found '\"'");
}

static void bad_documents(void)
{
	STREQ(found("{\"version\":2,\"entries\":[]}"), "expected version 1, found 2");
	STREQ(found("{\"entries\":[],\"version\":1}"),
	      "expected version and entries once each, in this order");
	STREQ(found("{\"version\":1,\"entries\":[],\"entries\":[]}"),
	      "expected version and entries once each, in this order");
	STREQ(found("{\"version\":1}"), "expected version and entries");
	STREQ(found(TABLE("") "x"), "byte 26: expected the end, found 'x'");
	STREQ(found("[]"), "byte 0: expected '{', found '['");
	STREQ(found("{\"version\":1,\"entries\":["), "byte 24: expected '{', found the end");
}

/* What the annotations say of a blob, and what is wrong with it. */
static const char *place_of(const struct made *m, const char *checksum, const char *position,
			    const char *split)
{
	static char text[200];
	static struct err e;
	struct zstdtocread_place p;
	err_clear(&e);
	if (zstdtocread_find(&m->blob, checksum, position, split, &p, &e) < 0)
		return e.msg;
	snprintf(text, sizeof text, "%" PRIu64 " %s %" PRIu64, p.table.offset,
		 p.table.length == m->length && p.table.raw == m->raw ? "table" : "?",
		 p.split.length);
	return text;
}

static void places(void)
{
	struct made m = make(TABLE(""));
	char big[80];
	STREQ(place_of(&m, m.checksum, m.position, NULL), "1008 table 0");
	STREQ(place_of(&m, m.checksum, NULL, NULL), "1008 table 0");
	STREQ(place_of(&m, "sha256:0", m.position, NULL),
	      "manifest-checksum 'sha256:0': expected sha256: and 64 hex digits");
	STREQ(place_of(&m, m.checksum, "1:2:3", NULL),
	      "manifest-position '1:2:3': expected 4 numbers");
	STREQ(place_of(&m, m.checksum, "1:2:3:1:1", NULL),
	      "manifest-position '1:2:3:1:1': expected 4 numbers");
	STREQ(place_of(&m, m.checksum, "1:2:3:4", NULL),
	      "manifest-position '1:2:3:4': expected a table of kind 1");
	STREQ(place_of(&m, m.checksum, "1:2::1", NULL),
	      "manifest-position '1:2::1': '': expected a number from 0 to 9223372036854775807");
	snprintf(big, sizeof big, "1008:%" PRIu64 ":157286401:1", m.length);
	OK(strstr(place_of(&m, m.checksum, big, NULL),
		  "at most 157286400 allowed, as clients have it"));
	OK(strstr(place_of(&m, m.checksum, "1008:157286401:1:1", NULL),
		  "at most 157286400 allowed"));
	OK(strstr(place_of(&m, m.checksum, "1009:40:3:1", NULL),
		  "its place: expected a skippable frame of zstd at offset 1001"));
	OK(strstr(place_of(&m, m.checksum, "7:40:3:1", NULL),
		  "its place: offset 7 and length 40: "));
	OK(strstr(place_of(&m, m.checksum, "1008:0:3:1", NULL),
		  "its place: offset 1008 and length 0: "));
	OK(strstr(place_of(&m, m.checksum, "1008:5000:3:1", NULL),
		  "its place: offset 1008 and length 5000: "));
	OK(strstr(place_of(&m, m.checksum, "9223372036854775807:1:3:1", NULL),
		  "its place: offset"));
	OK(strstr(place_of(&m, m.checksum, m.position, "1008:3:1"),
		  "the place of the tar-split data: offset 1008 and length 3: expected a place"));
	m.blob.size -= 1;
	STREQ(place_of(&m, m.checksum, NULL, NULL),
	      "no footer: expected the blob to end with 'GNUlInUx'");
	m.blob.size = 71;
	STREQ(place_of(&m, m.checksum, NULL, NULL), "no footer: the blob is too short");
	close(m.blob.fd);
}

/* The table is another than the manifest says. */
static void digests(void)
{
	struct made m = make(TABLE(""));
	struct zstdtocread_place p;
	struct err e = { 0 };
	AUTO_BUF struct buf b = { 0 };
	OK(zstdtocread_find(&m.blob, D, m.position, NULL, &p, &e) == 0);
	OK(zstdtocread_files(&m.blob, &p, show, &b, &e) < 0);
	OK(strncmp(e.msg, "damaged: its bytes are sha256:", 30) == 0);
	err_clear(&e);
	OK(zstdtocread_find(&m.blob, m.checksum, m.position, NULL, &p, &e) == 0);
	for (int i = -1; i <= 1; i += 2) {
		p.table.raw = m.raw + (uint64_t)i;
		OK(zstdtocread_files(&m.blob, &p, show, &b, &e) < 0);
		STREQ(e.msg, "expected another length when it is decompressed");
		err_clear(&e);
	}
	close(m.blob.fd);
}

int main(void)
{
	good();
	bad_tables();
	bad_entries();
	bad_documents();
	places();
	digests();
	return TAP_END;
}
