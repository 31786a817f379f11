/* SPDX-License-Identifier: MIT */
/* layer-tar: writes the layers of a plan, or one layer from an mtree, as a layer stream. */
#include <string.h>

#include "base/cli.h"
#include "base/esc.h"
#include "base/machine.h"
#include "layer/mtreelayer.h"
#include "layer/placement.h"
#include "layer/storestream.h"
#include "plan/plan.h"
#include "tar/compress.h"

static const char help[] =
	"usage: layer-tar [option...] [PLAN]\n"
	"       layer-tar [option...] --mtree FILE\n"
	"Writes the layers of a plan, or one from an mtree, as a layer stream.\n"
	"\n"
	"Input:\n"
	"      --mtree FILE        one layer from this mtree, - is standard input\n"
	"      --onto FILE         with --mtree: put entries where links of this base lead, an "
	"mtree\n"
	"      --root-dir DIR      where the store directory lies (/)\n"
	"      --store-dir DIR     the store directory (/nix/store)\n"
	"      --allow-empty       empty input is a stream of no layers, or an empty layer\n"
	"\nEntries:\n"
	"      --mtime T           time of every entry: seconds, an ISO 8601 time or now (1)\n"
	"      --uid N             owner of every entry (0)\n"
	"      --gid N             its group (0)\n"
	"      --uname NAME        the owner's name (root)\n"
	"      --gname NAME        the group's name (root)\n"
	"\nThe stream:\n"
	"      --comment TEXT      history comment of every layer (its store paths, if any)\n"
	"      --digests           give every layer's diff ID in the stream\n"
	"      --bare              write the one layer's tar without a stream around it\n"
	"      --known FILE        send layers that this file knows by reference, known-layers(5)\n"
	"      --layer-compressor KIND\n"
	"                          none, gz, zstd or zstd:chunked: how --known must know\n"
	"                          them (gz)\n"
	"\nMore:\n"
	"      --jobs N            threads that work ahead, 1 to 64 (the cores, at most 4)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum {
	ALLOW_EMPTY = CLI_OPT,
	BARE,
	COMMENT,
	DIGESTS,
	GID,
	GNAME,
	JOBS,
	KNOWN,
	LAYER_COMPRESSOR,
	MTIME,
	MTREE,
	ONTO,
	ROOT_DIR,
	STORE_DIR,
	UID,
	UNAME,
};

static const struct option longs[] = {
	{ "allow-empty", no_argument, NULL, ALLOW_EMPTY },
	{ "bare", no_argument, NULL, BARE },
	{ "comment", required_argument, NULL, COMMENT },
	{ "digests", no_argument, NULL, DIGESTS },
	{ "gid", required_argument, NULL, GID },
	{ "gname", required_argument, NULL, GNAME },
	{ "jobs", required_argument, NULL, JOBS },
	{ "known", required_argument, NULL, KNOWN },
	{ "layer-compressor", required_argument, NULL, LAYER_COMPRESSOR },
	{ "mtime", required_argument, NULL, MTIME },
	{ "mtree", required_argument, NULL, MTREE },
	{ "onto", required_argument, NULL, ONTO },
	{ "root-dir", required_argument, NULL, ROOT_DIR },
	{ "store-dir", required_argument, NULL, STORE_DIR },
	{ "uid", required_argument, NULL, UID },
	{ "uname", required_argument, NULL, UNAME },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "layer-tar", help, longs };

struct options {
	struct storestream stream;
	const char *plan;
	const char *mtree;
	const char *onto;
	const char *known;
	enum compress_kind compressor;
	bool has_compressor;
	bool allow_empty;
	bool bare;
};

enum { JOBS_MAX = 64 };
static const uint64_t id_max = UINT32_MAX - 1;

static unsigned default_jobs(void)
{
	unsigned cores = machine_cores();
	return cores > 4 ? 4 : cores;
}

static const char *read_store_dir(void)
{
	struct err e = { 0 };
	if (storelayer_check_dir(optarg, &e) < 0)
		cli_usage(&cli, "--store-dir: %s", e.msg);
	return optarg;
}

static const char *read_comment(void)
{
	if (!esc_is_utf8(optarg, strlen(optarg)))
		cli_usage(&cli, "--comment: expected UTF-8 text");
	return optarg;
}

static void read_compressor(struct options *o)
{
	struct err e = { 0 };
	if (compress_layer_kind(optarg, &o->compressor, &e) < 0)
		cli_usage(&cli, "--layer-compressor: %s", e.msg);
	o->has_compressor = true;
}

static void read_option(int opt, struct options *o)
{
	struct storestream *s = &o->stream;
	switch (opt) {
	case ALLOW_EMPTY:
		o->allow_empty = true;
		break;
	case BARE:
		o->bare = true;
		break;
	case COMMENT:
		s->comment = read_comment();
		break;
	case DIGESTS:
		s->digests = true;
		break;
	case GID:
		s->form.gid = cli_number(&cli, "gid", 0, id_max);
		break;
	case GNAME:
		s->form.gname = optarg;
		break;
	case JOBS:
		s->jobs = (unsigned)cli_number(&cli, "jobs", 1, JOBS_MAX);
		break;
	case KNOWN:
		o->known = optarg;
		break;
	case LAYER_COMPRESSOR:
		read_compressor(o);
		break;
	case MTIME:
		s->form.mtime = cli_time(&cli, "mtime");
		break;
	case MTREE:
		o->mtree = optarg;
		break;
	case ONTO:
		o->onto = optarg;
		break;
	case ROOT_DIR:
		s->root_dir = optarg;
		break;
	case STORE_DIR:
		s->form.store_dir = read_store_dir();
		break;
	case UID:
		s->form.uid = cli_number(&cli, "uid", 0, id_max);
		break;
	case UNAME:
		s->form.uname = optarg;
		break;
	}
}

static int read_plan(const struct options *opt, struct plan *p, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	if (cli_open(opt->plan, &fd, &name, e) < 0 || plan_read(fd, name, p, e) < 0)
		return -1;
	if (p->n == 0 && !opt->allow_empty)
		return err_set(e, 0, "%s: the plan is empty (--allow-empty makes no layers of it)",
			       name);
	return 0;
}

static int run_plan(const struct options *opt, struct out *o, struct err *e)
{
	AUTO_PLAN struct plan p = { 0 };
	AUTO_KNOWNLAYERS struct knownlayers *known = NULL;
	AUTO_FREE char *compressor = compress_about(opt->compressor);
	struct storestream stream = opt->stream;
	if (read_plan(opt, &p, e) < 0 ||
	    (opt->known && knownlayers_read(opt->known, cli_warn_text, &cli, &known, e) < 0))
		return -1;
	stream.known = known;
	stream.compressor = compressor;
	return opt->bare ? storestream_bare(&stream, &p, o, e)
			 : storestream_write(&stream, &p, o, e);
}

/* Reads an mtree, - being standard input, that is not empty; for_empty: what to say of that. */
static int read_mtree(const char *file, bool listing, const char *for_empty, struct mtree *m,
		      struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	if (cli_open(file, &fd, &name, e) < 0)
		return -1;
	if ((listing ? mtree_read_listing(fd, name, m, e) : mtree_read(fd, name, m, e)) < 0)
		return -1;
	if (m->n == 0 && for_empty)
		return err_set(e, 0, "%s: the mtree is empty%s", name, for_empty);
	return 0;
}

static int run_mtree(const struct options *opt, struct out *o, struct err *e)
{
	const struct storelayer_form *f = &opt->stream.form;
	const struct mtreelayer_form form = { f->mtime, f->uid, f->gid, f->uname, f->gname };
	const char *for_empty = " (--allow-empty makes an empty layer of it)";
	AUTO_MTREE struct mtree m = { 0 }, base = { 0 };
	if (read_mtree(opt->mtree, false, opt->allow_empty ? NULL : for_empty, &m, e) < 0)
		return -1;
	if (opt->onto &&
	    (read_mtree(opt->onto, true, "", &base, e) < 0 || placement_apply(&m, &base, e) < 0))
		return -1;
	return opt->bare ? mtreelayer_bare(&form, &m, o, e)
			 : mtreelayer_write(&form, &m, opt->stream.comment, o, e);
}

static void check(const struct options *opt, int operands)
{
	if (opt->onto && !opt->mtree)
		cli_usage(&cli, "--onto goes with --mtree only");
	if (opt->onto && strcmp(opt->mtree, "-") == 0 && strcmp(opt->onto, "-") == 0)
		cli_usage(&cli, "--mtree and --onto cannot both be standard input");
	if (opt->known && (opt->mtree || opt->bare))
		cli_usage(&cli, "--known goes with a plan, and without --bare");
	if (opt->has_compressor && !opt->known)
		cli_usage(&cli, "--layer-compressor goes with --known only");
	if (opt->mtree && operands)
		cli_usage(&cli, "--mtree goes without a plan");
}

int main(int argc, char **argv)
{
	struct options opt = {
		.stream = { .form = { .store_dir = "/nix/store",
				      .mtime = 1,
				      .uname = "root",
				      .gname = "root" },
			    .jobs = default_jobs() },
		.compressor = COMPRESS_GZ,
	};
	struct err e = { 0 };
	struct out o;
	int c;
	cli_start(&cli);
	while ((c = cli_option(&cli, argc, argv)) != -1)
		read_option(c, &opt);
	check(&opt, argc - optind);
	cli_operands(&cli, argc, argv, 0, 1);
	opt.plan = optind < argc ? argv[optind] : "-";
	cli_stdout_binary(&cli, &o);
	if ((opt.mtree ? run_mtree(&opt, &o, &e) : run_plan(&opt, &o, &e)) < 0)
		return cli_fail_store(&cli, &e, opt.stream.root_dir, opt.stream.form.store_dir);
	return cli_finish(&cli, &o);
}
