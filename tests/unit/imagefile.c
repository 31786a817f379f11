/* SPDX-License-Identifier: MIT */
#include "image/imagefile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/out.h"
#include "tap.h"
#include "tar/tar.h"

static void member(struct buf *b, enum tar_type type, const char *name, const char *text)
{
	bool file = type == TAR_FILE;
	struct tar_entry t = { .type = type,
			       .name = name,
			       .link = file ? "" : text,
			       .uname = "",
			       .gname = "",
			       .mode = 0644,
			       .size = file ? strlen(text) : 0 };
	tar_header(b, &t);
	if (file) {
		buf_adds(b, text);
		buf_add(b, tar_zeros, tar_padding(t.size));
	}
}

static void file(struct buf *b, const char *name, const char *text)
{
	member(b, TAR_FILE, name, text);
}

static void end_archive(struct buf *b)
{
	buf_add(b, tar_zeros, 2 * TAR_BLOCK);
}

/* Files that are opened by a name of the process itself. */
static const char *path_of(int fd)
{
	static char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return path;
}

static int file_of(const struct buf *b)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	if (fd < 0 || out_write_fd(fd, b->s, b->len) < 0)
		abort();
	return fd;
}

/* What fits into a pipe at once. */
static int pipe_of(const struct buf *b)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0 || out_write_fd(ends[1], b->s, b->len) < 0)
		abort();
	close(ends[1]);
	return ends[0];
}

static void compress(struct buf *b)
{
	AUTO_BUF struct buf plain = *b;
	*b = (struct buf){ 0 };
	size_t bound = ZSTD_compressBound(plain.len);
	size_t n = ZSTD_compress(buf_extend(b, bound), bound, plain.s, plain.len, 3);
	b->len = n;
}

/* A message without what is in front of "SUBJECT: ". */
static const char *shown(struct err *e)
{
	static char *msg;
	free(msg);
	const char *own = strncmp(e->msg, "/proc/self/fd/", 14) == 0 ? strstr(e->msg, ": ") : NULL;
	msg = xstrdup(own ? own + 2 : e->msg);
	err_clear(e);
	return msg;
}

/* What a member of the open file holds, or the message. */
static const char *text_in(struct imagefile *f, const char *name)
{
	static struct buf text;
	struct err e = { 0 };
	buf_clear(&text);
	buf_adds(&text, "");
	return imagefile_text(f, name, &text, &e) < 0 ? shown(&e) : text.s;
}

/* The same for archives that are opened only for that. */
static const char *text_of(const struct buf *b, const char *name)
{
	struct err e = { 0 };
	AUTO_CLOSE int fd = file_of(b);
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	return imagefile_open(path_of(fd), &f, &e) < 0 ? shown(&e) : text_in(f, name);
}

static void sample(struct buf *b)
{
	member(b, TAR_DIR, "./", "");
	member(b, TAR_DIR, "./a", "");
	member(b, TAR_DIR, "./a/", "");
	file(b, "./a/layer.tar", "layer a");
	file(b, "b//layer.tar", "layer b");
	member(b, TAR_SYMLINK, "c/layer.tar", "../a/layer.tar");
	member(b, TAR_HARDLINK, "d/layer.tar", "./a/layer.tar");
	member(b, TAR_SYMLINK, "e/layer.tar", "../d/../c/./layer.tar");
	file(b, "manifest.json", "[]");
	end_archive(b);
}

static void finds_members(int fd, enum compress_kind kind)
{
	struct err e = { 0 };
	struct imagefile_member m = { 0 };
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	OK(imagefile_open(path_of(fd), &f, &e) == 0);
	OK(imagefile_compression(f) == kind);
	STREQ(imagefile_name(f), path_of(fd));
	STREQ(text_in(f, "manifest.json"), "[]");
	STREQ(text_in(f, "a/layer.tar"), "layer a");
	STREQ(text_in(f, "./a/.//layer.tar"), "layer a");
	STREQ(text_in(f, "b/layer.tar"), "layer b");
	STREQ(text_in(f, "c/layer.tar"), "layer a");
	STREQ(text_in(f, "d/layer.tar"), "layer a");
	STREQ(text_in(f, "e/layer.tar"), "layer a");
	OK(imagefile_find(f, "e/layer.tar", &m, &e) == 0 && m.size == 7);
	STREQ(m.name, "a/layer.tar");
	char c[8] = "";
	OK(pread(m.fd, c, 7, (off_t)m.offset) == 7);
	STREQ(c, "layer a");
	OK(imagefile_has(f, "a") && imagefile_has(f, "./manifest.json"));
	OK(!imagefile_has(f, "index.json") && !imagefile_has(f, "/manifest.json"));
	STREQ(text_in(f, "a"), "'a' is no regular file");
	STREQ(text_in(f, "index.json"), "no member 'index.json'");
}

static void reads_archives(void)
{
	AUTO_BUF struct buf b = { 0 };
	sample(&b);
	int fd = file_of(&b);
	finds_members(fd, COMPRESS_NONE);
	close(fd);
	fd = pipe_of(&b);
	finds_members(fd, COMPRESS_NONE);
	close(fd);
	compress(&b);
	fd = file_of(&b);
	finds_members(fd, COMPRESS_ZSTD);
	close(fd);
	fd = pipe_of(&b);
	finds_members(fd, COMPRESS_ZSTD);
	close(fd);
}

/* Standard input may be a file that stands somewhere in its middle. */
static void reads_stdin_from_where_it_stands(void)
{
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, "something in front");
	sample(&b);
	struct err e = { 0 };
	AUTO_CLOSE int fd = file_of(&b), old = dup(STDIN_FILENO);
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	dup2(fd, STDIN_FILENO);
	lseek(STDIN_FILENO, 18, SEEK_SET);
	OK(imagefile_open("-", &f, &e) == 0);
	STREQ(imagefile_name(f), "<stdin>");
	STREQ(text_in(f, "b/layer.tar"), "layer b");
	STREQ(text_in(f, "nothing"), "<stdin>: no member 'nothing'");
	dup2(old, STDIN_FILENO);
}

static void keeps_links_inside(void)
{
	AUTO_BUF struct buf b = { 0 };
	member(&b, TAR_SYMLINK, "absolute", "/etc/passwd");
	member(&b, TAR_SYMLINK, "a/up", "../../etc/passwd");
	member(&b, TAR_HARDLINK, "hard", "../etc/passwd");
	member(&b, TAR_HARDLINK, "a/rooted", "b");
	file(&b, "a/b", "not meant");
	member(&b, TAR_SYMLINK, "nowhere", "gone");
	member(&b, TAR_SYMLINK, "a/self", "self");
	member(&b, TAR_SYMLINK, "ping", "pong");
	member(&b, TAR_HARDLINK, "pong", "ping");
	member(&b, TAR_SYMLINK, "dir", "a");
	member(&b, TAR_DIR, "a", "");
	member(&b, TAR_FIFO, "fifo", "");
	end_archive(&b);
	STREQ(text_of(&b, "absolute"), "'absolute': a link to '/etc/passwd', which is outside");
	STREQ(text_of(&b, "a/up"), "'a/up': a link to '../../etc/passwd', which is outside");
	STREQ(text_of(&b, "hard"), "'hard': a link to '../etc/passwd', which is outside");
	STREQ(text_of(&b, "a/rooted"), "'a/rooted': no member 'b'");
	STREQ(text_of(&b, "nowhere"), "'nowhere': no member 'gone'");
	STREQ(text_of(&b, "a/self"), "'a/self': more than 16 links in a row, or a circle of them");
	STREQ(text_of(&b, "ping"), "'ping': more than 16 links in a row, or a circle of them");
	STREQ(text_of(&b, "dir"), "'dir': 'a' is no regular file");
	STREQ(text_of(&b, "fifo"), "'fifo' is no regular file");
	STREQ(text_of(&b, "/etc/passwd"),
	      "'/etc/passwd': expected a name without a leading '/' and without '..'");
	STREQ(text_of(&b, "x/../a/../a/b"), text_of(&b, "a/b"));
	STREQ(text_of(&b, "a/../../a/b"),
	      "'a/../../a/b': expected a name without a leading '/' and without '..'");
	STREQ(text_of(&b, ".."), "'..': expected a name without a leading '/' and without '..'");
	STREQ(text_of(&b, ""), "no member ''");
}

static void counts_links(void)
{
	AUTO_BUF struct buf b = { 0 };
	file(&b, "0", "found");
	for (int i = 1; i <= IMAGEFILE_MAX_LINKS + 1; i++) {
		char name[16], to[16];
		snprintf(name, sizeof name, "%d", i);
		snprintf(to, sizeof to, "%d", i - 1);
		member(&b, i % 2 ? TAR_SYMLINK : TAR_HARDLINK, name, to);
	}
	end_archive(&b);
	STREQ(text_of(&b, "16"), "found");
	STREQ(text_of(&b, "17"), "'17': more than 16 links in a row, or a circle of them");
}

static void minds_a_name_twice_when_asked_for_it(void)
{
	AUTO_BUF struct buf b = { 0 };
	file(&b, "a", "1");
	file(&b, "./a", "2");
	file(&b, "b", "3");
	member(&b, TAR_SYMLINK, "c", "a");
	end_archive(&b);
	STREQ(text_of(&b, "a"), "more than one member 'a'");
	STREQ(text_of(&b, "b"), "3");
	STREQ(text_of(&b, "c"), "'c': more than one member 'a'");
}

/* The message about an archive of this one member. */
static const char *alone(enum tar_type type, const char *name, const char *text)
{
	AUTO_BUF struct buf b = { 0 };
	member(&b, type, name, text);
	end_archive(&b);
	return text_of(&b, "a");
}

static void refuses_names(void)
{
	STREQ(alone(TAR_FILE, "../a", ""), "header at byte 0: '../a': expected a name "
					   "without a leading '/' and without '..'");
	STREQ(alone(TAR_FILE, "a/../..", ""), "header at byte 0: 'a/../..': expected a name "
					      "without a leading '/' and without '..'");
	STREQ(alone(TAR_FILE, "x/../y/./../a", "found"), "found");
	STREQ(alone(TAR_FILE, "x/../y", ""), "no member 'a'");
	STREQ(alone(TAR_DIR, "/a", ""), "header at byte 0: '/a/': expected a name without "
					"a leading '/' and without '..'");
	char name[4098];
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	STREQ(alone(TAR_FILE, name, ""),
	      "header at byte 5120: a name of 4097 bytes: at most 4096 allowed");
	STREQ(alone(TAR_FILE, "...", ""), "no member 'a'");
	STREQ(alone(TAR_FILE, "a", "found"), "found");
}

static void refuses_what_is_no_archive(void)
{
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, "");
	STREQ(text_of(&b, "a"), "empty: expected an image archive");
	end_archive(&b);
	STREQ(text_of(&b, "a"), "an archive without members: expected an image archive");
	buf_clear(&b);
	for (int i = 0; i < 100; i++)
		buf_adds(&b, "some text\n");
	STREQ(text_of(&b, "a"),
	      "header at byte 0: checksum does not fit: not a tar archive, or damaged");
	buf_clear(&b);
	file(&b, "a", "1");
	STREQ(text_of(&b, "a"), "truncated at byte 1024: expected more, up to two zero blocks at "
				"the end of the archive");
	end_archive(&b);
	file(&b, "b", "2");
	end_archive(&b);
	STREQ(text_of(&b, "a"),
	      "header at byte 2048: another archive begins here: expected one alone");
}

/* A member that claims more than there is, in a file, a pipe and a compressed file. */
static void refuses_sizes_that_lie(void)
{
	AUTO_BUF struct buf b = { 0 };
	struct tar_entry t = { .type = TAR_FILE,
			       .name = "big",
			       .link = "",
			       .uname = "",
			       .gname = "",
			       .size = (uint64_t)1 << 62 };
	struct err e = { 0 };
	struct imagefile *f = NULL;
	file(&b, "a", "1");
	tar_header(&b, &t);
	end_archive(&b);
	STREQ(text_of(&b, "a"),
	      "header at byte 2048: member 'big' has 4611686018427387904 bytes, but only 1024 are "
	      "left: the archive is cut short");
	int fd = pipe_of(&b);
	OK(imagefile_open(path_of(fd), &f, &e) < 0);
	STREQ(shown(&e), "truncated at byte 3584: expected more, up to two zero blocks at the end "
			 "of the archive");
	close(fd);
	compress(&b);
	STREQ(text_of(&b, "a"), "truncated at byte 3584: expected more, up to two zero blocks at "
				"the end of the archive");
}

static void refuses_long_texts(void)
{
	AUTO_BUF struct buf b = { 0 };
	struct tar_entry t = { .type = TAR_FILE,
			       .name = "a",
			       .link = "",
			       .uname = "",
			       .gname = "",
			       .size = IMAGEFILE_MAX_TEXT + 512 };
	struct imagefile_member m;
	struct err e = { 0 };
	tar_header(&b, &t);
	memset(buf_extend(&b, t.size), ' ', t.size);
	end_archive(&b);
	STREQ(text_of(&b, "a"), "'a' has 4194816 bytes: at most 4194304 allowed");
	AUTO_CLOSE int fd = file_of(&b);
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	OK(imagefile_open(path_of(fd), &f, &e) == 0);
	OK(imagefile_find(f, "a", &m, &e) == 0 && m.size == t.size);
}

static void bounds_the_index(void)
{
	AUTO_BUF struct buf b = { 0 };
	for (int i = 0; i <= IMAGEFILE_MAX_MEMBERS; i++) {
		char name[80];
		snprintf(name, sizeof name, "blobs/sha256/%064d", i);
		file(&b, name, "");
		if (i == IMAGEFILE_MAX_MEMBERS - 1) {
			struct buf most = { 0 };
			buf_add(&most, b.s, b.len);
			end_archive(&most);
			STREQ(text_of(&most, name), "");
			buf_free(&most);
		}
	}
	end_archive(&b);
	STREQ(text_of(&b, "a"),
	      "header at byte 102400000: more than 200000 members: not an image archive");
}

static void bounds_names(void)
{
	AUTO_BUF struct buf b = { 0 };
	AUTO_FREE char *link = xmalloc(1 << 19);
	memset(link, 'l', (1 << 19) - 1);
	link[(1 << 19) - 1] = '\0';
	for (int i = 0; i < 65; i++)
		member(&b, TAR_SYMLINK, "a", link);
	end_archive(&b);
	OK(strstr(text_of(&b, "a"), "more than 33554432 bytes of names: not an image archive"));
}

/* --- directories --- */

static void put(int dir, const char *name, const char *text)
{
	AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || out_write_fd(fd, text, strlen(text)) < 0)
		abort();
}

static void fill(int dir)
{
	OK(mkdirat(dir, "blobs", 0755) == 0 && mkdirat(dir, "blobs/sha256", 0755) == 0);
	put(dir, "index.json", "{}");
	put(dir, "blobs/sha256/abc", "blob");
	OK(symlinkat("index.json", dir, "link") == 0);
	OK(symlinkat("/etc/passwd", dir, "passwd") == 0);
	OK(symlinkat("blobs", dir, "linked") == 0);
	OK(mkfifoat(dir, "fifo", 0644) == 0);
}

static void empty(int dir)
{
	static const char *const names[] = { "index.json", "blobs/sha256/abc", "link",
					     "passwd",     "linked",           "fifo" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		OK(unlinkat(dir, names[i], 0) == 0);
	OK(unlinkat(dir, "blobs/sha256", AT_REMOVEDIR) == 0);
	OK(unlinkat(dir, "blobs", AT_REMOVEDIR) == 0);
}

static void looks_into(const char *path)
{
	struct err e = { 0 };
	struct imagefile_member first, again;
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	OK(imagefile_open(path, &f, &e) == 0);
	OK(imagefile_compression(f) == COMPRESS_NONE);
	STREQ(text_in(f, "index.json"), "{}");
	STREQ(text_in(f, "./blobs//sha256/abc"), "blob");
	OK(imagefile_find(f, "blobs/sha256/abc", &first, &e) == 0);
	OK(imagefile_find(f, "./blobs/sha256/abc", &again, &e) == 0);
	OK(first.fd == again.fd && first.size == 4 && first.offset == 0);
	STREQ(first.name, "blobs/sha256/abc");
	OK(imagefile_has(f, "link") && imagefile_has(f, "blobs") && !imagefile_has(f, "linked/a"));
	OK(!imagefile_has(f, "manifest.json") && !imagefile_has(f, "../blobs"));
	STREQ(text_in(f, "link"), "{}");
	STREQ(text_in(f, "linked/sha256/abc"), "blob");
	OK(strstr(text_in(f, "passwd"),
		  ": 'passwd' is a symbolic link out of the directory, which is not followed"));
	OK(strstr(text_in(f, "fifo"), ": 'fifo' is no regular file"));
	OK(strstr(text_in(f, "blobs"), ": 'blobs' is no regular file"));
	OK(strstr(text_in(f, ""), ": '' is no regular file"));
	OK(strstr(text_in(f, "nothing/a"), ": no member 'nothing/a'"));
	OK(strstr(text_in(f, "index.json/a"), ": no member 'index.json/a'"));
	OK(strstr(text_in(f, "/etc/passwd"), ": '/etc/passwd': expected a name without"));
	OK(strstr(text_in(f, "blobs/../../etc/passwd"), ": expected a name without"));
}

static void reads_directories(void)
{
	char path[] = "/tmp/imagefile-XXXXXX";
	OK(mkdtemp(path) != NULL);
	AUTO_CLOSE int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill(dir);
	looks_into(path);
	empty(dir);
	OK(rmdir(path) == 0);
}

static void names_what_cannot_be_opened(void)
{
	struct err e = { 0 };
	struct imagefile *f;
	OK(imagefile_open("/nonexistent/image.tar", &f, &e) < 0);
	STREQ(e.msg, "cannot open '/nonexistent/image.tar': No such file or directory");
	err_clear(&e);
}

int main(void)
{
	reads_archives();
	reads_stdin_from_where_it_stands();
	keeps_links_inside();
	counts_links();
	minds_a_name_twice_when_asked_for_it();
	refuses_names();
	refuses_what_is_no_archive();
	refuses_sizes_that_lie();
	refuses_long_texts();
	bounds_the_index();
	bounds_names();
	reads_directories();
	names_what_cannot_be_opened();
	return TAP_END;
}
