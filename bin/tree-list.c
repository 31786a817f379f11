/* SPDX-License-Identifier: MIT */
/* tree-list: lists directory trees as an mtree, merged. */
#include <string.h>

#include "base/cli.h"
#include "base/num.h"
#include "layer/treelist.h"

static const char help[] =
	"usage: tree-list [option...] DIR...\n"
	"       tree-list --in-place [option...] FILE...\n"
	"Lists directory trees as an mtree, merged into one.\n"
	"\n"
	"      --allow-whiteouts   list names that begin with .wh., which delete what is below\n"
	"      --prefix PATH       put everything below PATH in the image\n"
	"      --owner UID:GID[:UNAME:GNAME]\n"
	"                          owner of everything (the files' own numbers)\n"
	"      --mtime T           time of everything: seconds, an ISO 8601 time or now (1)\n"
	"      --keep-mtime        the files' own times, whole seconds\n"
	"      --links             list a symbolic link to each file in place of the file\n"
	"      --in-place          list each operand, a file or a tree, at its own absolute path\n"
	"      --root-dir ROOT     with --links and --in-place: where the operands lie (/);\n"
	"                          else: where those that begin with it lie, and links lead from\n"
	"      --keep-dirlinks     merge a directory into what an earlier link to one leads to\n"
	"      --follow-dirlinks   list a link to a directory as the directory\n"
	"      --store-dir DIR     with --follow-dirlinks: a link that would lead nowhere, but "
	"leads\n"
	"                          into DIR, becomes absolute\n"
	"      --stamps            add a comment that shows whether a file changed\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum {
	ALLOW_WHITEOUTS = CLI_OPT,
	FOLLOW_DIRLINKS,
	IN_PLACE,
	KEEP_DIRLINKS,
	KEEP_MTIME,
	LINKS,
	MTIME,
	OWNER,
	PREFIX,
	ROOT_DIR,
	STAMPS,
	STORE_DIR,
};

static const struct option longs[] = {
	{ "allow-whiteouts", no_argument, NULL, ALLOW_WHITEOUTS },
	{ "follow-dirlinks", no_argument, NULL, FOLLOW_DIRLINKS },
	{ "in-place", no_argument, NULL, IN_PLACE },
	{ "keep-dirlinks", no_argument, NULL, KEEP_DIRLINKS },
	{ "keep-mtime", no_argument, NULL, KEEP_MTIME },
	{ "links", no_argument, NULL, LINKS },
	{ "mtime", required_argument, NULL, MTIME },
	{ "owner", required_argument, NULL, OWNER },
	{ "prefix", required_argument, NULL, PREFIX },
	{ "root-dir", required_argument, NULL, ROOT_DIR },
	{ "stamps", no_argument, NULL, STAMPS },
	{ "store-dir", required_argument, NULL, STORE_DIR },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "tree-list", help, longs };

static void warn(const char *message)
{
	cli_warn(&cli, "%s", message);
}

/* UID:GID[:UNAME:GNAME] */
static void read_owner(struct treelist *opt)
{
	struct err e = { 0 };
	const char *gid = strchr(optarg, ':');
	const char *uname = gid ? strchr(gid + 1, ':') : NULL;
	const char *gname = uname ? strchr(uname + 1, ':') : NULL;
	if (!gid || (uname && (!gname || strchr(gname + 1, ':'))))
		cli_usage(&cli, "--owner: expected UID:GID or UID:GID:UNAME:GNAME, found '%s'",
			  optarg);
	size_t gid_len = uname ? (size_t)(uname - gid - 1) : strlen(gid + 1);
	if (num_parse(optarg, (size_t)(gid - optarg), 10, 0, UINT32_MAX - 1, &opt->uid, &e) < 0 ||
	    num_parse(gid + 1, gid_len, 10, 0, UINT32_MAX - 1, &opt->gid, &e) < 0)
		cli_usage(&cli, "--owner: %s", e.msg);
	opt->has_owner = true;
	opt->uname = uname ? xstrndup(uname + 1, (size_t)(gname - uname - 1)) : NULL;
	opt->gname = gname ? gname + 1 : NULL;
}

static void read_option(int c, struct treelist *opt)
{
	switch (c) {
	case ALLOW_WHITEOUTS:
		opt->whiteouts = true;
		break;
	case FOLLOW_DIRLINKS:
		opt->merge.follow_dirlinks = true;
		break;
	case IN_PLACE:
		opt->in_place = true;
		break;
	case KEEP_DIRLINKS:
		opt->merge.keep_dirlinks = true;
		break;
	case KEEP_MTIME:
		opt->keep_mtime = true;
		break;
	case LINKS:
		opt->merge.links = true;
		break;
	case MTIME:
		opt->mtime = cli_time(&cli, "mtime");
		break;
	case OWNER:
		read_owner(opt);
		break;
	case PREFIX:
		opt->merge.prefix = optarg;
		break;
	case ROOT_DIR:
		opt->merge.root_dir = optarg;
		break;
	case STORE_DIR:
		opt->merge.store_dir = optarg;
		break;
	case STAMPS:
		opt->merge.stamps = true;
		break;
	}
}

static void check_options(const struct treelist *opt)
{
	if (opt->in_place && (opt->merge.links || opt->merge.keep_dirlinks ||
			      opt->merge.follow_dirlinks || opt->merge.prefix))
		cli_usage(&cli, "--in-place goes without --links, --keep-dirlinks, "
				"--follow-dirlinks and --prefix");
	if (opt->merge.links &&
	    (opt->merge.keep_dirlinks || opt->merge.follow_dirlinks || opt->keep_mtime))
		cli_usage(&cli, "--links goes without --keep-dirlinks, --follow-dirlinks and "
				"--keep-mtime");
}

int main(int argc, char **argv)
{
	struct treelist opt = { .mtime = 1, .merge = { .warn = warn } };
	struct err e = { 0 };
	struct out o;
	int c;
	cli_start(&cli);
	while ((c = cli_option(&cli, argc, argv)) != -1)
		read_option(c, &opt);
	check_options(&opt);
	cli_operands(&cli, argc, argv, 1, argc);
	cli_stdout(&o);
	if (treelist_write(&opt, argv + optind, argc - optind, &o, &e) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
