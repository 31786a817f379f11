/* SPDX-License-Identifier: MIT */
#include "registry/credentials.h"

#include <string.h>

#include "base/record.h"

enum { FIELDS = 3 };

struct search {
	const char *host;
	struct credentials *found;
};

/* Takes the fields as they are; on error there may be some of them. */
static int read_fields(const struct record_reader *r, const struct record_field *rec, char **values,
		       struct err *e)
{
	static const char *const names[] = { "host", "user", "secret" };
	struct record_field fields[FIELDS];
	if (record_split(r, rec, fields, FIELDS, e) < 0)
		return -1;
	for (size_t i = 0; i < FIELDS; i++)
		if (record_string(r, &fields[i], names[i], 0, &values[i], e) < 0)
			return -1;
	return 0;
}

/* A password is sent as USER:PASSWORD. */
static int check(const struct record_reader *r, char **values, struct err *e)
{
	return strchr(values[1], ':') ? record_err(r, e, "a user cannot have a colon") : 0;
}

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static int take(const struct record_reader *r, const struct record_field *rec, void *context,
		struct err *e)
{
	struct search *s = context;
	char *values[FIELDS] = { 0 };
	int result = read_fields(r, rec, values, e);
	if (result == 0 && !s->found->user && strcmp(values[0], s->host) == 0 &&
	    (result = check(r, values, e)) == 0) {
		s->found->user = STEAL(values[1]);
		s->found->secret = STEAL(values[2]);
		s->found->identity = strcmp(s->found->user, "<token>") == 0;
	}
	free(values[0]);
	free(values[1]);
	wipe(values[2]);
	return result;
}

int credentials_read(int fd, const char *host, struct credentials *c, struct err *e)
{
	struct search s = { host, c };
	return record_each(fd, "credentials", take, &s, e);
}

void credentials_free(struct credentials *c)
{
	free(c->user);
	wipe(c->secret);
	*c = (struct credentials){ 0 };
}
