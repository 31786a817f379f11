/* SPDX-License-Identifier: MIT */
#include "layer/layertree.h"

#include <string.h>

#include "tap.h"

/* --- layers in memory --- */

struct memory {
	struct source source;
	const char *at;
	size_t left;
};

static int memory_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct memory *m = (struct memory *)source;
	(void)e;
	*got = len < m->left ? len : m->left;
	memcpy(data, m->at, *got);
	m->at += *got;
	m->left -= *got;
	return 0;
}

/* Lays the tar on top; what went wrong, or "". */
static const char *add(struct layertree *t, struct buf *tar)
{
	static char *msg;
	struct err e = { 0 };
	buf_add(tar, tar_zeros, (size_t)2 * TAR_BLOCK);
	struct memory m = { { "in", memory_read, NULL }, tar->s, tar->len };
	int bad = layertree_add(t, &m.source, (uint64_t)layertree_layers(t) << 32, &e);
	free(msg);
	msg = xstrdup(bad ? e.msg : "");
	OK(bad || m.left == 0);
	err_clear(&e);
	buf_free(tar);
	return msg;
}

/*
 * An entry from a word: "a/" is a directory, "a" a file of one byte, "a>b" a symbolic link,
 * "a:b" a hard link; "a*" a device.
 */
static void entry(struct buf *tar, const char *word, unsigned mode, int64_t mtime)
{
	AUTO_FREE char *name = xstrdup(word);
	size_t n = strcspn(name, ">:*");
	char kind = name[n];
	name[n] = '\0';
	struct tar_entry t = { .name = name, .mode = mode, .mtime = mtime, .uname = "me" };
	t.type = kind == '>'               ? TAR_SYMLINK
		 : kind == ':'             ? TAR_HARDLINK
		 : kind == '*'             ? TAR_CHAR
		 : n && name[n - 1] == '/' ? TAR_DIR
					   : TAR_FILE;
	t.size = t.type == TAR_FILE;
	t.link = kind == '>' || kind == ':' ? name + n + 1 : NULL;
	t.devmajor = 70000;
	t.devminor = 3;
	tar_header(tar, &t);
	if (t.size)
		buf_add(tar, tar_zeros, TAR_BLOCK);
}

/* Adds a layer of words with spaces between; layer N's modes are 0700 + N. */
static const char *layer(struct layertree *t, const char *words)
{
	struct buf tar = { 0 };
	while (*words) {
		size_t len = strcspn(words, " ");
		AUTO_FREE char *word = xstrndup(words, len);
		entry(&tar, word, 0700 + layertree_layers(t), 10);
		words += len + (words[len] == ' ');
	}
	return add(t, &tar);
}

/* --- what comes of them --- */

static int list_entry(const struct layertree_entry *x, void *list, struct err *e)
{
	const struct tar_entry *t = &x->tar;
	(void)e;
	buf_addf(list, "%s%s", x->path, t->type == TAR_DIR ? "/" : "");
	if (t->type == TAR_SYMLINK || t->type == TAR_HARDLINK)
		buf_addf(list, "%c%s", t->type == TAR_SYMLINK ? '>' : ':', t->link);
	else if (t->mode == 0755 && t->mtime == 0 && !*t->uname)
		buf_adds(list, "@-");
	else
		buf_addf(list, "@%u", x->layer);
	if (t->mode != 0755 && t->type != TAR_HARDLINK && t->mode != 0700 + x->layer &&
	    t->type != TAR_FILE)
		buf_addf(list, "(%o)", t->mode);
	if (t->type == TAR_FILE && x->offset >> 32 != (t->mode & 077))
		buf_addf(list, "(offset %llx)", (unsigned long long)x->offset);
	buf_addc(list, ' ');
	return 0;
}

/* The names of the tree, each with the layer it is from; "-" where nothing says what it is. */
static const char *names(const struct layertree *t)
{
	static struct buf list;
	struct err e = { 0 };
	buf_clear(&list);
	OK(layertree_each(t, list_entry, &list, &e) == 0);
	list.s[--list.len] = '\0';
	return list.s;
}

/* The names that the layers make on top of each other, or the message. */
static const char *merged(const char *const *layers)
{
	static struct buf result;
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	const char *msg = "";
	for (; *layers && !*msg; layers++)
		msg = layer(t, *layers);
	buf_clear(&result);
	buf_adds(&result, *msg ? msg : names(t));
	return result.s;
}

#define MERGED(...) merged((const char *const[]){ __VA_ARGS__, NULL })

static void merges(void)
{
	STREQ(MERGED(""), "./@-");
	STREQ(MERGED("./ a/ a/b"), "./@0 a/@0 a/b@0");
	STREQ(MERGED("/a//./b", "./a/c"), "./@- a/@- a/b@0 a/c@1");
	STREQ(MERGED("./ a/ a/b", "./ a/ c"), "./@1 a/@1 a/b@0 c@1");
	STREQ(MERGED("a-b a/ a/x a.b"), "./@- a/@0 a/x@0 a-b@0 a.b@0");
	STREQ(MERGED("a/ a/b a/"), "./@- a/@0 a/b@0");
	STREQ(MERGED("a b* c>x"), "./@- a@0 b@0 c>x");
}

static void replaces(void)
{
	STREQ(MERGED("a/ a/b", "a"), "./@- a@1");
	STREQ(MERGED("a", "a/ a/b"), "./@- a/@1 a/b@1");
	STREQ(MERGED("a", "a/b"), "./@- a/@- a/b@1");
	STREQ(MERGED("b/ b/x a>b", "a/ a/y"), "./@- a/@1 a/y@1 b/@0 b/x@0");
	STREQ(MERGED("b/ b/x a>b", "a/y"), "./@- a/@- a/y@1 b/@0 b/x@0");
	STREQ(MERGED("a", "a>x", "a"), "./@- a@2");
	/* what a file hid stays hidden under a later directory */
	STREQ(MERGED("a/ a/b", "a", "a/ a/c"), "./@- a/@2 a/c@2");
	STREQ(MERGED("a/ a/b/ a/b/c", "a>x", "a/b/d"), "./@- a/@- a/b/@- a/b/d@2");
}

static void hides(void)
{
	STREQ(MERGED("a b", ".wh.a"), "./@- b@0");
	STREQ(MERGED("a/ a/b a/c/ a/c/d e", ".wh.a"), "./@- e@0");
	STREQ(MERGED("a/ a/b a/c", "a/.wh.b"), "./@- a/@0 a/c@0");
	STREQ(MERGED("a/ a/b", ".wh.a", "a/ a/c"), "./@- a/@2 a/c@2");
	STREQ(MERGED("a/ a/b/ a/b/c", ".wh.a", "a/b/d"), "./@- a/@- a/b/@- a/b/d@2");
	STREQ(MERGED("a", "b .wh.b .wh.c x/.wh.y x/.wh..wh..opq"), "./@- a@0 b@1");
	/* never what their own layer has, wherever they stand in it */
	STREQ(MERGED("a", ".wh.a a"), "./@- a@1");
	STREQ(MERGED("a", "a .wh.a"), "./@- a@1");
	STREQ(MERGED("a/ a/b", ".wh.a a/ a/c"), "./@- a/@1 a/c@1");
	STREQ(MERGED("a/ a/b", "a/ a/c .wh.a"), "./@- a/@1 a/c@1");
	STREQ(MERGED("a/ a/b/ a/b/x", "a/b/c .wh.a"), "./@- a/@- a/b/@- a/b/c@1");
	STREQ(MERGED("a/ a/b/ a/b/x", ".wh.a a/b/c"), "./@- a/@- a/b/@- a/b/c@1");
	STREQ(MERGED("a/ a/b/ a/b/x", ".wh.a a/b/c", "a/b/e"), "./@- a/@- a/b/@- a/b/c@1 a/b/e@2");
}

static void hides_all(void)
{
	STREQ(MERGED("a/ a/b", "a/ a/.wh..wh..opq a/c"), "./@- a/@1 a/c@1");
	STREQ(MERGED("a/ a/b", "a/ a/c a/.wh..wh..opq"), "./@- a/@1 a/c@1");
	STREQ(MERGED("a/ a/b", "a/.wh..wh..opq"), "./@- a/@0");
	STREQ(MERGED("a/ a/b/ a/b/c", "a/.wh..wh..opq a/b/d"), "./@- a/@0 a/b/@- a/b/d@1");
	STREQ(MERGED("./ a b/ b/c", ".wh..wh..opq d"), "./@0 d@1");
	STREQ(MERGED("a/ a/b", "a/.wh..wh..opq", "a/c"), "./@- a/@0 a/c@2");
	STREQ(MERGED("a", "a/.wh..wh..opq"), "./@- a@0");
	STREQ(MERGED("a .wh..wh.aufs .wh..wh.orph/ .wh..wh.orph/x", "b/.wh..wh.y"),
	      "./@- a@0 b/@-");
}

static void links(void)
{
	STREQ(MERGED("b a:b c:a"), "./@- a@0 b:./a c:./a");
	STREQ(MERGED("d/ d/b a:./d/b", "d/c:/a"), "./@- a@0 d/@0 d/b:./a d/c:./a");
	STREQ(MERGED("a>x b:a"), "./@- a>x b:./a");
	/* a name less, a name more, another file of the name */
	STREQ(MERGED("a b:a c:a", ".wh.a"), "./@- b@0 c:./b");
	STREQ(MERGED("a b:a c:a", ".wh.b"), "./@- a@0 c:./a");
	STREQ(MERGED("a b:a", "a"), "./@- a@1 b@0");
	STREQ(MERGED("a b:a", "a/ a/x"), "./@- a/@1 a/x@1 b@0");
	STREQ(MERGED("a", "b:a .wh.a"), "./@- b@1");
	STREQ(MERGED("a", ".wh.a b:a"), "./@- b@1");
	STREQ(MERGED("a", "b:a a c:a"), "./@- a@1 b@1 c:./a");
	STREQ(MERGED("a", "a:a"), "./@- a@1");
	STREQ(MERGED(".wh..wh.plnk/1 a:.wh..wh.plnk/1 b:.wh..wh.plnk/1"), "./@- a@0 b:./a");
	STREQ(MERGED("a", "b:c"),
	      "in: header at byte 0: 'b' is a hard link to 'c', which is not there");
	STREQ(MERGED("b:b"), "in: header at byte 0: 'b' is a hard link to 'b', which is not there");
	STREQ(MERGED("a/", "b:a"),
	      "in: header at byte 0: 'b' is a hard link to 'a', which is a directory");
	STREQ(MERGED("a/ a/b", "a c:a/b"),
	      "in: header at byte 1024: 'c' is a hard link to 'a/b', which is not there");
	STREQ(MERGED("a", ".wh.a", "b:a"),
	      "in: header at byte 0: 'b' is a hard link to 'a', which is not there");
	STREQ(MERGED("a b:../a"), "in: header at byte 1024: '../a' leads out of the root");
	STREQ(MERGED("d/ a b:d/../a"), "./@- a@0 b:./a d/@0");
}

/* Entries below a symbolic link of their own layer, and hard links by way of any. */
static void follows(void)
{
	STREQ(MERGED("u/ u/l/ l>u/l l/f"), "./@- l>u/l u/@0 u/l/@0 u/l/f@0");
	STREQ(MERGED("u/l/ l>/u/l l/d/ l/d/f l/g"),
	      "./@- l>/u/l u/@- u/l/@0 u/l/d/@0 u/l/d/f@0 u/l/g@0");
	STREQ(MERGED("a/b/ a/l>../x/./y//z a/l/f"), "./@- a/@- a/b/@0 a/l>../x/./y//z x/@- x/y/@- "
						    "x/y/z/@- x/y/z/f@0");
	STREQ(MERGED("l>../../.. l/f"), "./@- f@0 l>../../..");
	STREQ(MERGED("l>m m>n n/ l/f n/g l/h"), "./@- l>m m>n n/@0 n/f@0 n/g@0 n/h@0");
	/* what lies there in a lower layer, and links there */
	STREQ(MERGED("u/ u/x", "l>u l/f"), "./@- l>u u/@0 u/f@1 u/x@0");
	STREQ(MERGED("u/ v>u", "l>v l/f"), "./@- l>v u/@0 u/f@1 v>u");
	STREQ(MERGED("u/ v>u", "l>v l/f v/ l/g"), "./@- l>v u/@0 u/f@1 v/@1 v/g@1");
	STREQ(MERGED("u/ u/x l>u", "l/f"), "./@- l/@- l/f@1 u/@0 u/x@0");
	STREQ(MERGED("u/ u/x", ".wh.u l>u l/f"), "./@- l>u u/@- u/f@1");
	STREQ(MERGED("u/ u/x", "u/ l>u l/.wh.x"), "./@- l>u u/@1");
	STREQ(MERGED("u/ u/x u/y", "u/ l>u l/.wh..wh..opq l/y"), "./@- l>u u/@1 u/y@1");
	STREQ(MERGED("u/ u/x", "l>w l/.wh.x"), "./@- l>w u/@0 u/x@0");
	/* hard links */
	STREQ(MERGED("u/ u/x l>u y:l/x"), "./@- l>u u/@0 u/x@0 y:./u/x");
	STREQ(MERGED("u/ u/x l>u", "y:l/../l/x"), "./@- l>u u/@0 u/x@0 y:./u/x");
	STREQ(MERGED("u/ u/x>z l>u y:l/x"), "./@- l>u u/@0 u/x>z y:./u/x");
	STREQ(MERGED("l>u y:l/x"),
	      "in: header at byte 512: 'y' is a hard link to 'l/x', which is not there");
	STREQ(MERGED("f l>f y:l/x"),
	      "in: header at byte 1536: 'y' is a hard link to 'l/x', which is not there");
	STREQ(MERGED("u/x/ l>u y:l/x"),
	      "in: header at byte 1024: 'y' is a hard link to 'l/x', which is a directory");
}

static void follows_no_further(void)
{
	STREQ(MERGED("f l>f l/x"), "in: header at byte 1536: 'l/x' is below a link that leads to "
				   "'f', which is no directory");
	STREQ(MERGED("f", "l>f l/x"), "in: header at byte 512: 'l/x' is below a link that leads to "
				      "'f', which is no directory");
	STREQ(MERGED("l>l l/x"),
	      "in: header at byte 512: 'l/x': more than 40 links on the way, or too long ones");
	STREQ(MERGED("a>b b>a/ y:a/x"),
	      "in: header at byte 1024: 'y' is a hard link to 'a/x', which is not there");
	STREQ(MERGED("a>b b>a/ a/.wh.x"), "./@- a>b b>a/");
	STREQ(MERGED("l>a/.wh.b/c l/x"), "in: header at byte 512: 'l/x' is below a link that leads "
					 "to '.wh.b', a whiteout");
	STREQ(MERGED("l>.wh..wh.b l/x"), "in: header at byte 512: 'l/x' is below a link that leads "
					 "to '.wh..wh.b', a whiteout");
	STREQ(MERGED("u/ u/x l>u l/x"), "in: header at byte 2048: 'l/x' is in the layer twice");
	STREQ(MERGED("u/ l>u l/"),
	      "in: header at byte 1024: 'l/' is a directory and something else in one layer");
	AUTO_BUF struct buf words = { 0 };
	buf_adds(&words, "l>");
	for (int i = 0; i < 2048; i++)
		buf_adds(&words, "x/");
	buf_adds(&words, " l/x");
	OK(strstr(MERGED(words.s), "'l/x': more than 40 links on the way, or too long ones") !=
	   NULL);
}

/* Links that lead far, again and again: an end is put to it. */
static void follows_far(void)
{
	enum { N = 16000 };
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	AUTO_BUF struct buf word = { 0 };
	struct buf tar = { 0 };
	for (int i = 0; i < 100; i++) {
		buf_clear(&word);
		buf_addf(&word, "%d>", i);
		for (int k = 0; k < 2000; k++)
			buf_adds(&word, "x/");
		entry(&tar, word.s, 0700, 0);
	}
	for (int i = 0; i < N; i++) {
		buf_clear(&word);
		buf_addf(&word, "%d/%d:0", i % 100, i);
		entry(&tar, word.s, 0700, 0);
	}
	OK(strstr(add(t, &tar), ": more than 1073741824 bytes of names, links and "
				"attributes") != NULL);
}

static void cleans(void)
{
	STREQ(MERGED("a/../b"), "./@- b@0");
	STREQ(MERGED("a/ a/x/../y /b/./../a/z c/../"), "./@0 a/@0 a/y@0 a/z@0");
	STREQ(MERGED("a/ b>a b/../c"), "./@- a/@0 b>a c@0");
	STREQ(MERGED("a", "x/../.wh.a .wh.b/../c"), "./@- c@1");
	STREQ(MERGED("../b"), "in: header at byte 0: '../b' leads out of the root");
	STREQ(MERGED("a/../../b"), "in: header at byte 0: 'a/../../b' leads out of the root");
	STREQ(MERGED("/.."), "in: header at byte 0: '/..' leads out of the root");
}

static void refuses(void)
{
	STREQ(MERGED("a ./a"), "in: header at byte 1024: './a' is in the layer twice");
	STREQ(MERGED("a a>b"), "in: header at byte 1024: 'a' is in the layer twice");
	STREQ(MERGED("a a/"), "in: header at byte 1024: 'a/' is a directory and something else in "
			      "one layer");
	STREQ(MERGED("a/b a"),
	      "in: header at byte 1024: 'a' is a directory and something else in one layer");
	STREQ(MERGED("a a/b"), "in: header at byte 1024: 'a/b' is below a file that is not a "
			       "directory in this layer");
	STREQ(MERGED(".wh."), "in: header at byte 0: '.wh.' deletes nothing: expected a file "
			      ".wh.NAME or .wh..wh..opq");
	STREQ(MERGED("a/.wh..."), "in: header at byte 0: 'a/.wh...' deletes nothing: expected a "
				  "file .wh.NAME or .wh..wh..opq");
	STREQ(MERGED(".wh.a/b"), "in: header at byte 0: '.wh.a/b' is below a whiteout");
	STREQ(MERGED("./>x"), "in: header at byte 0: './' is the root: expected a directory");
	STREQ(MERGED("a>"), "in: header at byte 0: 'a' is a symbolic link to nothing");
}

/* --- what entries say --- */

static void keeps_attributes(void)
{
	struct tar_xattr given[] = { { "user.b", "2", 1 },
				     { "user.a", "\0x", 2 },
				     { "user.b", "3", 1 } };
	struct tar_entry t = { .type = TAR_FILE,
			       .name = "f",
			       .uname = "u",
			       .gname = "g",
			       .mode = 04711,
			       .uid = 5000000000,
			       .gid = 7,
			       .mtime = -3,
			       .mtime_nsec = 500000000,
			       .xattrs = given,
			       .nxattrs = 3 };
	struct buf tar = { 0 };
	tar_header(&tar, &t);
	AUTO_LAYERTREE struct layertree *tree = layertree_new();
	STREQ(add(tree, &tar), "");
	struct err e = { 0 };
	struct out o;
	AUTO_BUF struct buf text = { 0 };
	FILE *f = tmpfile();
	out_init(&o, fileno(f), "out");
	OK(layertree_mtree(tree, &o, &e) == 0 && out_flush(&o, &e) == 0);
	out_drop(&o);
	rewind(f);
	OK(fread(buf_extend(&text, 1000), 1, 1000, f) > 0);
	fclose(f);
	char *time = strstr(text.s, " time=-3");
	OK(time != NULL);
	STREQ(strchr(text.s, '\n') + 1 < text.s + text.len ? "" : text.s, "");
	OK(strstr(text.s, "./f type=file mode=4711 uid=5000000000 gid=7 uname=u gname=g size=0") !=
	   NULL);
	OK(strstr(text.s, " xattr.user.a=AHg= xattr.user.b=Mw==\n") != NULL);
}

/* --- much of it --- */

static void many(void)
{
	enum { N = 100000 };
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	struct buf tar = { 0 };
	char word[64];
	entry(&tar, "target", 0700, 0);
	for (int i = 0; i < N; i++) {
		snprintf(word, sizeof word, "wide/%d", i);
		entry(&tar, word, 0700, 0);
		snprintf(word, sizeof word, "links/%d:target", i);
		entry(&tar, word, 0700, 0);
	}
	STREQ(add(t, &tar), "");
	for (int i = 0; i < N; i++) {
		snprintf(word, sizeof word, "wide/.wh.%d", i);
		entry(&tar, word, 0700, 0);
	}
	entry(&tar, "links/.wh..wh..opq", 0700, 0);
	STREQ(add(t, &tar), "");
	STREQ(names(t), "./@- links/@- target@0 wide/@-");
}

static void looks(void)
{
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	OK(layertree_look(t, "a") == LAYERTREE_MISSING);
	STREQ(layer(t, "a/ a/f a/l>f b/c/d x/y/"), "");
	STREQ(layer(t, ".wh.x z b/.wh.c b/e/ b/e/.wh..wh..opq"), "");
	OK(layertree_look(t, "a") == LAYERTREE_DIR);
	OK(layertree_look(t, "a/f") == LAYERTREE_OTHER);
	OK(layertree_look(t, "a/l") == LAYERTREE_OTHER);
	OK(layertree_look(t, "a/l/x") == LAYERTREE_MISSING);
	OK(layertree_look(t, "b") == LAYERTREE_DIR);
	OK(layertree_look(t, "b/c") == LAYERTREE_MISSING);
	OK(layertree_look(t, "b/c/d") == LAYERTREE_MISSING);
	OK(layertree_look(t, "b/e") == LAYERTREE_DIR);
	OK(layertree_look(t, "x/y") == LAYERTREE_MISSING);
	OK(layertree_look(t, "z") == LAYERTREE_OTHER);
}

static void deep(void)
{
	enum { N = 3000 };
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	AUTO_BUF struct buf path = { 0 };
	struct buf tar = { 0 };
	for (int i = 0; i < N; i++) {
		buf_adds(&path, "a/");
		entry(&tar, path.s, 0700, 0);
	}
	STREQ(add(t, &tar), "");
	buf_adds(&path, "x");
	entry(&tar, path.s, 0701, 0);
	entry(&tar, "a/.wh.a", 0701, 0);
	STREQ(add(t, &tar), "");
	OK(strlen(names(t)) > (size_t)N * N);
	STREQ(layer(t, "a/.wh.a"), "");
	STREQ(names(t), "./@- a/@0");
}

/* Few bytes that would become many: each path stands for N directories. */
static void missing(void)
{
	enum { N = 10000 };
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	AUTO_BUF struct buf path = { 0 };
	struct buf tar = { 0 };
	for (char top = 'A'; top <= 'Z'; top++) {
		buf_clear(&path);
		buf_addc(&path, top);
		for (int i = 0; i < N; i++)
			buf_adds(&path, "/a");
		entry(&tar, path.s, 0700, 0);
	}
	OK(strstr(add(t, &tar), ": more than 1073741824 bytes of names, links and "
				"attributes") != NULL);
}

int main(void)
{
	merges();
	replaces();
	hides();
	hides_all();
	links();
	follows();
	follows_no_further();
	cleans();
	refuses();
	keeps_attributes();
	looks();
	many();
	deep();
	missing();
	follows_far();
	return TAP_END;
}
