/* SPDX-License-Identifier: MIT */
#include "plan/reasons.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"

static void start_line(struct buf *line, uint32_t layer, const struct graph_path *path)
{
	buf_clear(line);
	buf_addf(line, "%" PRIu32 "\t", layer);
	esc_field(line, path->path, strlen(path->path));
	if (path->has_size)
		buf_addf(line, "\t%" PRIu64 "\t", path->nar_size);
	else
		buf_adds(line, "\t-\t");
}

int reasons_popularity(const struct graph *g, const struct popularity *p,
		       const struct merge_group *groups, uint32_t n, struct out *o, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	uint32_t rank = 0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < groups[i].n; j++) {
			AUTO_FREE char *popularity = count_decimal(p->ranked[rank].count);
			start_line(&line, i + 1, &g->paths[groups[i].paths[j]]);
			buf_addf(&line, "%s\trank %" PRIu32 ", %s\n", popularity, ++rank,
				 groups[i].n > 1 ? "shares the last layer" : "a layer of its own");
			if (out_write(o, line.s, line.len, e) < 0)
				return -1;
		}
	return 0;
}

static void add_remark(struct buf *line, const struct merge_group *group, uint64_t changes,
		       uint64_t total)
{
	if (group->n == 1)
		buf_adds(line, "a layer of its own");
	else
		buf_addf(line, "with %" PRIu32 " %s", group->n - 1,
			 group->n == 2 ? "other" : "others");
	if (group->name) {
		buf_adds(line, ", group ");
		esc_field(line, group->name, strlen(group->name));
	}
	if (group->kept)
		buf_addf(line, ", layer %" PRIu32 " of the previous plan", group->kept);
	if (group->known)
		buf_adds(line, ", a known layer");
	buf_addf(line, ", in %" PRIu64 " of %" PRIu64 " updates\n", changes, total);
}

int reasons_changes(const struct costmodel *m, const struct merge_group *groups, uint32_t n,
		    struct out *o, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	for (uint32_t i = 0; i < n; i++) {
		uint64_t changes = costmodel_changes(m, groups[i].paths, groups[i].n);
		for (uint32_t j = 0; j < groups[i].n; j++) {
			uint32_t path = groups[i].paths[j];
			start_line(&line, i + 1, &m->graph->paths[path]);
			buf_addf(&line, "%" PRIu64 "\t", costmodel_changes(m, &path, 1));
			add_remark(&line, &groups[i], changes, m->total);
			if (out_write(o, line.s, line.len, e) < 0)
				return -1;
		}
	}
	return 0;
}
