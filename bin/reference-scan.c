/* SPDX-License-Identifier: MIT */
/* reference-scan: prints the store paths of a graph that trees mention. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/esc.h"
#include "base/source.h"
#include "closure/graph.h"
#include "closure/hashscan.h"
#include "closure/nar.h"
#include "closure/pathscan.h"
#include "closure/storepath.h"
#include "layer/storelayer.h"

static const char help[] =
	"usage: reference-scan --graph FILE TREE...\n"
	"Prints the store paths that the trees mention in files, links and file names.\n"
	"A TREE of - is standard input.\n"
	"\n"
	"      --graph FILE        the paths to look for: closure-graph(5) lines; - is standard "
	"input\n"
	"      --unknown DIR       print store paths in DIR that the graph lacks, too, with a ? "
	"behind\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum { GRAPH = CLI_OPT, UNKNOWN };

enum { PIECE = 1 << 16 };

static const struct option longs[] = {
	{ "graph", required_argument, NULL, GRAPH },
	{ "unknown", required_argument, NULL, UNKNOWN },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "reference-scan", help, longs };

/* What is looked for: paths of the graph by their hash, others as they are written. */
struct scan {
	struct hashscan *hashes;
	struct pathscan *paths; /* NULL where only those of the graph count */
};

/* Slashes at its end do not count. */
static const char *parse_dir(char *dir)
{
	struct err e = { 0 };
	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	if (storelayer_check_dir(dir, &e) < 0)
		cli_usage(&cli, "--unknown: %s", e.msg);
	return dir;
}

static const char *parse_options(int argc, char **argv, const char **unknown)
{
	const char *graph = NULL;
	for (int option; (option = cli_option(&cli, argc, argv)) != -1;) {
		if (option == GRAPH)
			graph = optarg;
		if (option == UNKNOWN)
			*unknown = parse_dir(optarg);
	}
	if (!graph)
		cli_usage(&cli, "--graph is missing: give the paths to look for");
	if (!argv[optind])
		cli_usage(&cli, "an operand is missing: give a tree to search");
	for (char **tree = argv + optind; *tree; tree++)
		if (strcmp(*tree, "-") == 0 && strcmp(graph, "-") == 0)
			cli_usage(&cli, "standard input cannot be the graph and a tree");
	return graph;
}

static int read_graph(const char *operand, struct graph *g, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	if (cli_open(operand, &fd, &name, e) < 0)
		return -1;
	struct graph_builder *b = graph_builder_new();
	if (graph_read(b, fd, name, e) == 0)
		return graph_finish(b, g, e);
	graph_builder_free(b);
	return -1;
}

static void take(void *arg, const void *data, size_t len)
{
	struct scan *s = arg;
	hashscan_add(s->hashes, data, len);
	if (s->paths)
		pathscan_add(s->paths, data, len);
}

static int write_line(const char *path, const char *mark, struct out *out, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	esc_field(&line, path, strlen(path));
	buf_adds(&line, mark);
	buf_addc(&line, '\n');
	return out_write(out, line.s, line.len, e);
}

static int write_found(struct hashscan *s, const char *const *paths, struct out *out, struct err *e)
{
	const uint32_t *found;
	uint32_t n = hashscan_found(s, &found);
	for (uint32_t i = 0; i < n; i++)
		if (write_line(paths[found[i]], "", out, e) < 0)
			return -1;
	return 0;
}

static int write_unknown(const struct scan *s, const char *dir, struct out *out, struct err *e)
{
	const char *const *paths;
	uint32_t n = s->paths ? pathscan_found(s->paths, &paths) : 0;
	for (uint32_t i = 0; i < n; i++)
		if (!hashscan_knows(s->hashes, paths[i] + strlen(dir) + 1) &&
		    write_line(paths[i], "\t?", out, e) < 0)
			return -1;
	return 0;
}

static int scan_input(struct scan *s, struct err *e)
{
	struct source_fd in;
	size_t got = 1;
	source_fd(&in, STDIN_FILENO, "<stdin>");
	AUTO_FREE char *data = xmalloc(PIECE);
	while (got) {
		if (source_read(&in.source, data, PIECE, &got, e) < 0)
			return -1;
		take(s, data, got);
	}
	return 0;
}

static int scan_tree(struct scan *s, const char *tree, struct err *e)
{
	if (strcmp(tree, "-") == 0)
		return scan_input(s, e);
	return nar_dump(AT_FDCWD, tree, tree, true, take, s, e);
}

static int scan_trees(struct scan *s, char **trees, struct err *e)
{
	for (; *trees; trees++) {
		if (scan_tree(s, *trees, e) < 0)
			return -1;
		if (s->paths)
			pathscan_end(s->paths);
	}
	return 0;
}

/* unknown: the store directory whose paths are told of, too, or NULL */
static int scan(const struct graph *g, const char *unknown, char **trees, struct out *out,
		struct err *e)
{
	AUTO_FREE const char **paths = xmalloc((g->n + 1) * sizeof *paths);
	struct scan s = { 0 };
	for (uint32_t i = 0; i < g->n; i++)
		paths[i] = g->paths[i].path;
	if (hashscan_new(paths, g->n, &s.hashes, e) < 0)
		return -1;
	if (unknown)
		s.paths = pathscan_new(unknown);
	int result = scan_trees(&s, trees, e);
	if (result == 0)
		result = write_found(s.hashes, paths, out, e);
	if (result == 0)
		result = write_unknown(&s, unknown, out, e);
	hashscan_free(s.hashes);
	pathscan_free(s.paths);
	return result;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct graph g;
	struct out out;
	cli_start(&cli);
	const char *unknown = NULL, *graph = parse_options(argc, argv, &unknown);
	cli_stdout(&out);
	if (read_graph(graph, &g, &e) < 0)
		return cli_fail(&cli, &e);
	int result = scan(&g, unknown, argv + optind, &out, &e);
	graph_free(&g);
	return result < 0 ? cli_fail(&cli, &e) : cli_finish(&cli, &out);
}
