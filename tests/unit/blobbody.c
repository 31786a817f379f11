/* SPDX-License-Identifier: MIT */
#include "registry/blobbody.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/out.h"
#include "tap.h"

/* The digest of "hello". */
static const char hello[] =
	"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
static const char path[] =
	"blobs/sha256/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
static int dir;

static void write_file(const char *text)
{
	AUTO_CLOSE int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	OK(fd >= 0 && out_write_fd(fd, text, strlen(text)) == 0);
}

/* Reads pieces of that size until there are no more bytes; the message, if that fails. */
static void read_all(struct blobbody *b, size_t piece, struct buf *to)
{
	struct err e = { 0 };
	size_t got = 1;
	while (got && b->sent < b->size) {
		char data[16];
		if (blobbody_read(b, data, piece, &got, &e) < 0) {
			buf_addf(to, " (%s)", e.msg);
			break;
		}
		buf_add(to, data, got);
	}
	err_clear(&e);
}

static void file_is(const char *text, uint64_t size, const char *want)
{
	AUTO_BUF struct buf got = { 0 };
	struct blobbody b;
	struct err e = { 0 };
	bool ready = false;
	write_file(text);
	blobbody_init(&b, dir, hello, size);
	if (blobbody_open(&b, &e) < 0)
		buf_adds(&got, e.msg);
	else if (blobbody_ready(&b, &ready, &e) == 0 && ready && blobbody_fd(&b) == -1)
		read_all(&b, 2, &got);
	STREQ(got.s, want);
	blobbody_close(&b);
	err_clear(&e);
}

static bool is_ready(struct blobbody *b)
{
	struct err e = { 0 };
	bool ready = false;
	return blobbody_ready(b, &ready, &e) == 0 && ready;
}

/* A pipe is empty, then has a part, then the rest; its reader never waits. */
static void pipes(void)
{
	AUTO_BUF struct buf got = { 0 };
	struct blobbody b;
	struct err e = { 0 };
	OK(unlinkat(dir, path, 0) == 0 && mkfifoat(dir, path, 0600) == 0);
	blobbody_init(&b, dir, hello, 5);
	OK(blobbody_open(&b, &e) == 0);
	OK(blobbody_fd(&b) >= 0 && !is_ready(&b));
	AUTO_CLOSE int fd = openat(dir, path, O_WRONLY | O_NONBLOCK);
	OK(fd >= 0 && !is_ready(&b));
	OK(out_write_fd(fd, "he", 2) == 0 && is_ready(&b) && is_ready(&b));
	read_all(&b, 16, &got);
	STREQ(got.s, "he");
	OK(b.sent == 2);
	OK(out_write_fd(fd, "llo", 3) == 0);
	read_all(&b, 16, &got);
	STREQ(got.s, "hello");
	blobbody_close(&b);
}

static void short_pipe(void)
{
	AUTO_BUF struct buf got = { 0 };
	struct blobbody b;
	struct err e = { 0 };
	blobbody_init(&b, dir, hello, 5);
	OK(blobbody_open(&b, &e) == 0);
	int fd = openat(dir, path, O_WRONLY | O_NONBLOCK);
	OK(out_write_fd(fd, "hell", 4) == 0 && close(fd) == 0);
	read_all(&b, 16, &got);
	STREQ(got.s, "hell (the blob ended after 4 of 5 bytes)");
	blobbody_close(&b);
	OK(unlinkat(dir, path, 0) == 0);
}

int main(void)
{
	char name[] = "/tmp/layerpipe-unit-XXXXXX";
	OK(mkdtemp(name) != NULL);
	dir = open(name, O_RDONLY | O_DIRECTORY);
	OK(dir >= 0 && mkdirat(dir, "blobs", 0700) == 0 && mkdirat(dir, "blobs/sha256", 0700) == 0);
	file_is("hello", 5, "hello");
	file_is("hellO", 5,
		"hell (the blob has another digest, "
		"sha256:04a6f55face2f46be8c23f627d539827615851e10751b63ec59db6d2c706b770)");
	file_is("hell", 5, "the blob has 4 bytes, its manifest says 5: the layout is damaged");
	file_is("hello", 6, "the blob has 5 bytes, its manifest says 6: the layout is damaged");
	pipes();
	short_pipe();
	OK(unlinkat(dir, "blobs/sha256", AT_REMOVEDIR) == 0 &&
	   unlinkat(dir, "blobs", AT_REMOVEDIR) == 0 && rmdir(name) == 0);
	return TAP_END;
}
