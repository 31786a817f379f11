/* SPDX-License-Identifier: MIT */
/* layer-flatten: merges the layers of a stream into one tar. */
#include <unistd.h>

#include "cli.h"
#include "flatten.h"

static const char help[] = "usage: layer-flatten [option...] <LAYER-STREAM >TAR\n"
			   "Merges layers into one tar of the files that are there in the end.\n"
			   "\n"
			   "      --allow-empty       no layers at all are an empty tree\n"
			   "  -h, --help              show this help\n"
			   "      --version           show the version\n";

enum { ALLOW_EMPTY = CLI_OPT };

static const struct option longs[] = { { "allow-empty", no_argument, NULL, ALLOW_EMPTY },
				       CLI_OPTIONS_END };

static const struct cli cli = { "layer-flatten", help, longs };

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct out o;
	bool allow_empty = false;
	cli_start(&cli);
	while (cli_option(&cli, argc, argv) != -1)
		allow_empty = true;
	cli_operands(&cli, argc, 0, 0);
	cli_stdout_binary(&cli, &o);
	if (flatten(STDIN_FILENO, "<stdin>", allow_empty, &o, &e) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
