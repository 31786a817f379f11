/* SPDX-License-Identifier: MIT */
/* closure-graph: reads what is known of a closure, checks it, and writes it as lines. */
#include <string.h>

#include "base/cli.h"
#include "closure/closure.h"
#include "closure/graph.h"
#include "closure/storepath.h"
#include "closure/storescan.h"

static const char help[] =
	"usage: closure-graph [option...] [FILE...]\n"
	"Reads a closure in any form, checks it, and writes closure-graph(5) lines.\n"
	"\n"
	"      --from FORM         auto, graph, registration, text, json, narinfo or paths (auto)\n"
	"      --key NAME          take the closure from this key of a JSON object\n"
	"      --root PATH         write only the closure of PATH; repeatable\n"
	"      --exclude PATH      leave out PATH and all references to it; repeatable\n"
	"      --scan              read the files of the paths: sizes, hashes and references\n"
	"      --store-dir DIR     the store directory (/nix/store)\n"
	"      --root-dir DIR      with --scan: the store directory lies below DIR (/)\n"
	"      --allow-empty       make an empty graph of a closure without paths\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum { FROM = CLI_OPT, KEY, ROOT, EXCLUDE, SCAN, STORE_DIR, ROOT_DIR, ALLOW_EMPTY };

static const struct option longs[] = {
	{ "from", required_argument, NULL, FROM },
	{ "key", required_argument, NULL, KEY },
	{ "root", required_argument, NULL, ROOT },
	{ "exclude", required_argument, NULL, EXCLUDE },
	{ "scan", no_argument, NULL, SCAN },
	{ "store-dir", required_argument, NULL, STORE_DIR },
	{ "root-dir", required_argument, NULL, ROOT_DIR },
	{ "allow-empty", no_argument, NULL, ALLOW_EMPTY },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "closure-graph", help, longs };

struct paths {
	const char **list;
	size_t n, cap;
};

struct options {
	struct closure_reader reader;
	struct paths roots, excluded;
	const char *root_dir;
	bool scan, allow_empty;
};

static void paths_add(struct paths *p, const char *path)
{
	p->list = mem_grow(p->list, &p->cap, p->n + 1, sizeof *p->list);
	p->list[p->n++] = path;
}

static enum closure_form parse_form(const char *name)
{
	enum closure_form form;
	if (closure_form(name, &form) < 0)
		cli_usage(&cli,
			  "--from: expected auto, graph, registration, text, json, narinfo or "
			  "paths, found '%s'",
			  name);
	return form;
}

/* The directory without slashes at its end, so that what follows it can begin with one. */
static const char *parse_dir(char *dir)
{
	size_t len = strlen(dir);
	while (len && dir[len - 1] == '/')
		dir[--len] = '\0';
	return dir;
}

static const char *parse_store_dir(char *dir)
{
	if (*dir != '/')
		cli_usage(&cli, "--store-dir: expected an absolute path, found '%s'", dir);
	return parse_dir(dir);
}

static void set_option(struct options *o, int option)
{
	switch (option) {
	case FROM:
		o->reader.form = parse_form(optarg);
		break;
	case KEY:
		o->reader.key = optarg;
		break;
	case ROOT:
		paths_add(&o->roots, optarg);
		break;
	case EXCLUDE:
		paths_add(&o->excluded, optarg);
		break;
	case SCAN:
		o->scan = true;
		break;
	case STORE_DIR:
		o->reader.store_dir = parse_store_dir(optarg);
		break;
	case ROOT_DIR:
		o->root_dir = optarg;
		break;
	case ALLOW_EMPTY:
		o->allow_empty = true;
		break;
	}
}

static void check_options(const struct options *o)
{
	enum closure_form form = o->reader.form;
	if (form == CLOSURE_PATHS && !o->scan)
		cli_usage(&cli, "--from paths: bare paths need --scan");
	if (o->scan && form != CLOSURE_AUTO && form != CLOSURE_PATHS)
		cli_usage(&cli, "--scan reads bare paths: it does not go with --from");
	if (o->reader.key && (o->scan || (form != CLOSURE_AUTO && form != CLOSURE_JSON)))
		cli_usage(&cli, "--key chooses in JSON: it does not go with --scan or --from");
	if (o->root_dir && !o->scan)
		cli_usage(&cli, "--root-dir: only --scan reads files of the store");
}

static struct options parse_options(int argc, char **argv)
{
	struct options o = { .reader.store_dir = "/nix/store" };
	for (int option; (option = cli_option(&cli, argc, argv)) != -1;)
		set_option(&o, option);
	check_options(&o);
	return o;
}

static int read_input(const struct options *o, const char *operand, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	cli_waits(&cli, operand, "the description of a closure");
	if (cli_open(operand, &fd, &name, e) < 0)
		return -1;
	return closure_read(&o->reader, fd, name, e);
}

static int read_inputs(const struct options *o, char **operands, struct err *e)
{
	if (!*operands)
		return read_input(o, "-", e);
	for (; *operands; operands++)
		if (read_input(o, *operands, e) < 0)
			return -1;
	return 0;
}

static int scan_inputs(struct options *o, char **operands, struct err *e)
{
	struct graph_builder *b = o->reader.graph;
	struct intern paths = { 0 };
	const char *store_dir = o->reader.store_dir;
	if (o->roots.n && !*operands)
		return storescan_closure(b, o->roots.list, o->roots.n, store_dir, o->root_dir, e);
	o->reader.paths = &paths;
	int result = read_inputs(o, operands, e);
	if (result == 0)
		result = storescan_paths(b, &paths, store_dir, o->root_dir, e);
	intern_free(&paths);
	return result;
}

static int exclude(const struct options *o, struct err *e)
{
	for (size_t i = 0; i < o->excluded.n; i++)
		if (graph_exclude(o->reader.graph, o->excluded.list[i], e) < 0)
			return err_wrap(e, "--exclude");
	return 0;
}

static int build(struct options *o, char **operands, struct graph *g, struct err *e)
{
	struct graph_builder *b = graph_builder_new();
	o->reader.graph = b;
	graph_store_dir(b, o->reader.store_dir);
	int result = exclude(o, e);
	if (result == 0)
		result = o->scan ? scan_inputs(o, operands, e) : read_inputs(o, operands, e);
	if (result == 0)
		return graph_finish(b, g, e);
	graph_builder_free(b);
	return -1;
}

static int write_closure(struct options *o, char **operands, struct out *out, struct err *e)
{
	struct graph g;
	if (build(o, operands, &g, e) < 0)
		return -1;
	int result = o->roots.n ? graph_cut(&g, o->roots.list, o->roots.n, e) : 0;
	if (result == 0 && g.n == 0 && !o->allow_empty)
		result = err_set(e, 0, "the closure is empty (--allow-empty makes an empty graph)");
	if (result == 0)
		result = graph_write(&g, out, e);
	graph_free(&g);
	return result;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct out out;
	cli_start(&cli);
	struct options o = parse_options(argc, argv);
	cli_stdout(&out);
	if (write_closure(&o, argv + optind, &out, &e) < 0)
		return cli_fail_store(&cli, &e, o.root_dir, o.reader.store_dir);
	return cli_finish(&cli, &out);
}
