/* SPDX-License-Identifier: MIT */
#include "registry/transport.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { POLL_MS = 1000, UPLOAD_BUFFER = 64 << 10 };

struct list {
	struct transport_request *first, **end;
};

struct transport {
	CURLM *multi;
	unsigned jobs;
	bool verify;
	const char *ca_file;
	struct list waiting; /* to be sent */
	struct list done;
	struct transport_request **active; /* on their way, and those that wait for a blob */
	size_t nactive, active_cap;
	unsigned sending;
};

int64_t transport_now(void)
{
	struct timespec t = { 0 };
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* --- lists --- */

static void append(struct list *l, struct transport_request *r)
{
	r->next = NULL;
	if (!l->first)
		l->end = &l->first;
	*l->end = r;
	l->end = &r->next;
}

/* Takes the one out that *at points at. */
static struct transport_request *take(struct list *l, struct transport_request **at)
{
	struct transport_request *r = *at;
	*at = r->next;
	if (l->end == &r->next)
		l->end = at;
	return r;
}

/* --- what libcurl calls --- */

/* The value of a header of that name; the caller frees it. NULL: another one. */
static char *header_value(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);
	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	for (n++; n < len && (line[n] == ' ' || line[n] == '\t'); n++)
		;
	while (len > n && strchr(" \t\r\n", line[len - 1]))
		len--;
	return memchr(line + n, '\0', len - n) ? NULL : xstrndup(line + n, len - n);
}

static void keep_header(const char *line, size_t len, const char *name, char **to)
{
	char *value = header_value(line, len, name);
	if (!value)
		return;
	free(*to);
	*to = value;
}

static void keep_challenge(struct transport_request *r, const char *line, size_t len)
{
	char *value = r->nchallenges < TRANSPORT_CHALLENGES
			      ? header_value(line, len, "WWW-Authenticate")
			      : NULL;
	if (value)
		r->challenges[r->nchallenges++] = value;
}

static size_t on_header(char *line, size_t size, size_t n, void *request)
{
	struct transport_request *r = request;
	size_t len = size * n;
	r->header_bytes += len;
	if (r->header_bytes > TRANSPORT_HEADERS) {
		r->fatal = err_set(&r->err, 0, "its answer has more than 64 KiB of headers") < 0;
		return 0;
	}
	keep_header(line, len, "Location", &r->location);
	keep_header(line, len, "Docker-Content-Digest", &r->digest);
	keep_header(line, len, "Retry-After", &r->retry_after);
	keep_challenge(r, line, len);
	return len;
}

static size_t on_answer(char *data, size_t size, size_t n, void *request)
{
	struct transport_request *r = request;
	size_t most = r->most ? r->most : TRANSPORT_BODY;
	size_t len = size * n, room = most - r->answer.len;
	buf_add(&r->answer, data, len < room ? len : room);
	r->too_long |= len > room;
	return len < room ? len : room;
}

static size_t read_text(struct transport_request *r, char *to, size_t len)
{
	size_t left = r->body.len - r->at;
	len = len < left ? len : left;
	memcpy(to, r->body.text + r->at, len);
	r->at += len;
	return len;
}

static size_t on_send(char *to, size_t size, size_t n, void *request)
{
	struct transport_request *r = request;
	struct blobbody *blob = r->body.blob;
	size_t got = 0;
	if (!blob)
		return read_text(r, to, size * n);
	if (blobbody_read(blob, to, size * n, &got, &r->err) < 0) {
		r->fatal = true;
		return CURL_READFUNC_ABORT;
	}
	if (!got && blob->sent < blob->size) {
		r->paused = true;
		return CURL_READFUNC_PAUSE;
	}
	if (r->sent && got)
		r->sent(r->context, got);
	return got;
}

/* libcurl starts over on another connection, where one that it had kept was closed. */
static int on_seek(void *request, curl_off_t offset, int origin)
{
	struct transport_request *r = request;
	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	r->at = 0;
	if (r->body.blob && r->body.blob->sent && blobbody_open(r->body.blob, &r->err) < 0) {
		r->fatal = true;
		return CURL_SEEKFUNC_FAIL;
	}
	return CURL_SEEKFUNC_OK;
}

/* Ends a request that is too slow; not one that waits for us. */
static int on_progress(void *request, curl_off_t dltotal, curl_off_t down, curl_off_t ultotal,
		       curl_off_t up)
{
	struct transport_request *r = request;
	(void)dltotal;
	(void)ultotal;
	if (pace_holds(&r->pace, (uint64_t)down + (uint64_t)up, transport_now(), r->paused))
		return 0;
	err_set(&r->err, 0, "less than %d KiB went in %d seconds", PACE_LEAST >> 10, PACE_SECONDS);
	return 1;
}

/* --- starting a request --- */

static void add_header(struct transport_request *r, const char *name, const char *value)
{
	AUTO_FREE char *line = value ? xasprintf("%s: %s", name, value) : xasprintf("%s:", name);
	r->headers = curl_slist_append(r->headers, line);
	explicit_bzero(line, strlen(line));
}

static void set_headers(struct transport_request *r)
{
	AUTO_FREE char *bearer = r->bearer ? xasprintf("Bearer %s", r->bearer) : NULL;
	add_header(r, "Expect", NULL);
	add_header(r, "Content-Type", r->body.type);
	add_header(r, "Accept", r->accept ? r->accept : "*/*");
	if (bearer)
		add_header(r, "Authorization", bearer);
	curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, (struct curl_slist *)r->headers);
}

static void set_method(struct transport_request *r)
{
	CURL *c = r->easy;
	bool patch = strcmp(r->method, "PATCH") == 0;
	uint64_t size = r->body.blob ? r->body.blob->size : r->body.len;
	if (strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body.text ? r->body.text : "");
	}
	if (!patch && strcmp(r->method, "PUT") != 0)
		return;
	if (patch)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(c, CURLOPT_READDATA, r);
	curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(c, CURLOPT_SEEKDATA, r);
}

static void set_functions(struct transport_request *r)
{
	CURL *c = r->easy;
	curl_easy_setopt(c, CURLOPT_PRIVATE, r);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->reason);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, r);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, r);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, r);
}

/* Nothing that is not asked for here: no netrc, no redirects, no other protocols. */
static void set_rules(const struct transport *t, struct transport_request *r)
{
	CURL *c = r->easy;
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)TRANSPORT_CONNECT);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "layerpipe/" LAYERPIPE_VERSION);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, t->verify ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, t->verify ? 2L : 0L);
	if (t->ca_file) {
		curl_easy_setopt(c, CURLOPT_CAINFO, t->ca_file);
		curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	}
	/* a proxy is on another machine, and has another loopback */
	if (weburl_is_loopback(&r->url))
		curl_easy_setopt(c, CURLOPT_PROXY, "");
}

static void set_user(struct transport_request *r)
{
	if (!r->user)
		return;
	curl_easy_setopt(r->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(r->easy, CURLOPT_USERNAME, r->user);
	curl_easy_setopt(r->easy, CURLOPT_PASSWORD, r->password);
}

static void *no_memory(void)
{
	return xmalloc(SIZE_MAX);
}

static void send_off(struct transport *t, struct transport_request *r)
{
	AUTO_FREE char *url = weburl_text(&r->url);
	r->easy = curl_easy_init();
	if (!r->easy)
		no_memory();
	curl_easy_setopt(r->easy, CURLOPT_URL, url);
	set_rules(t, r);
	set_functions(r);
	set_method(r);
	set_user(r);
	set_headers(r);
	t->sending++;
	if (curl_multi_add_handle(t->multi, r->easy) != CURLM_OK)
		no_memory();
}

static void activate(struct transport *t, struct transport_request *r)
{
	t->active = mem_grow(t->active, &t->active_cap, t->nactive + 1, sizeof *t->active);
	t->active[t->nactive++] = r;
}

static void finish(struct transport *t, struct transport_request *r)
{
	for (size_t i = 0; i < t->nactive; i++)
		if (t->active[i] == r)
			t->active[i] = t->active[--t->nactive];
	append(&t->done, r);
}

/* A blob is opened afresh each time; but where the request before this one waited for it, it is. */
static void start(struct transport *t, struct transport_request *r)
{
	struct blobbody *blob = r->body.blob;
	activate(t, r);
	if (blob && (blob->fd < 0 || blob->sent) && blobbody_open(blob, &r->err) < 0) {
		r->fatal = true;
		finish(t, r);
	} else if (r->method) {
		send_off(t, r);
	}
}

static void start_waiting(struct transport *t)
{
	int64_t now = transport_now();
	for (struct transport_request **at = &t->waiting.first; *at;)
		if ((*at)->not_before <= now && (t->sending < t->jobs || !(*at)->method))
			start(t, take(&t->waiting, at));
		else
			at = &(*at)->next;
}

/* --- ending one --- */

static void end_easy(struct transport *t, struct transport_request *r)
{
	curl_multi_remove_handle(t->multi, r->easy);
	curl_easy_cleanup(r->easy);
	curl_slist_free_all(r->headers);
	r->easy = r->headers = NULL;
	t->sending--;
}

/* What went wrong where there is no whole answer; libcurl's own words may have a URL's query. */
static void note_failure(struct transport_request *r, CURLcode code, const struct transport *t)
{
	r->no_tls =
		r->url.tls && (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_COULDNT_CONNECT);
	/* the only time limit is that of connecting */
	r->unreachable = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
			 code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_OPERATION_TIMEDOUT ||
			 code == CURLE_SSL_CONNECT_ERROR;
	r->status = 0;
	if (r->err.msg)
		return;
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		r->fatal =
			err_set(&r->err, 0,
				"its certificate is not accepted: %s (--ca-file FILE names whose "
				"certificates are)",
				*r->reason ? r->reason : curl_easy_strerror(code)) < 0;
	else if (code == CURLE_SSL_CONNECT_ERROR)
		err_set(&r->err, 0,
			"it does not speak TLS (--tls-verify=false allows a registry without TLS)");
	else if (code == CURLE_SSL_CACERT_BADFILE && t->ca_file)
		r->fatal =
			err_set(&r->err, 0, "cannot read certificates from '%s'", t->ca_file) < 0;
	else
		err_set(&r->err, 0, "%s", *r->reason ? r->reason : curl_easy_strerror(code));
}

/*
 * An answer that is longer than we read is one as well, and so is a refusal whose sender hangs up
 * before it has all of our body.
 */
static void note_end(struct transport *t, struct transport_request *r, CURLcode code)
{
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &r->status);
	bool cut = code == CURLE_WRITE_ERROR && r->too_long;
	bool refused = r->status >= 400 && !r->err.msg;
	bool answered = code == CURLE_OK || (!r->fatal && (cut || refused));
	if (!answered || !r->status)
		note_failure(r, code, t);
	end_easy(t, r);
	finish(t, r);
}

static void collect(struct transport *t)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left));) {
		struct transport_request *r = NULL;
		CURLcode code = m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
		note_end(t, r, code);
	}
}

/* --- the loop --- */

static bool waits_for_blob(const struct transport_request *r)
{
	return r->body.blob && (!r->method || r->paused);
}

/* Goes on with what waited for a blob that has bytes now. */
static void look_at_blobs(struct transport *t)
{
	for (size_t i = t->nactive; i-- > 0;) {
		struct transport_request *r = t->active[i];
		bool ready = false;
		if (!waits_for_blob(r))
			continue;
		int result = blobbody_ready(r->body.blob, &ready, &r->err);
		if (result == 0 && !ready)
			continue;
		r->fatal = result < 0;
		if (!r->method) {
			finish(t, r);
		} else if (result < 0) {
			end_easy(t, r);
			finish(t, r);
		} else {
			r->paused = false;
			curl_easy_pause(r->easy, CURLPAUSE_CONT);
		}
	}
}

/* Milliseconds until that time, or until a request that waits for its own may be sent. */
static int64_t patience(const struct transport *t, int64_t until)
{
	int64_t now = transport_now(), least = POLL_MS;
	if (until > now && until - now < least)
		least = until - now;
	for (const struct transport_request *r = t->waiting.first; r; r = r->next)
		if (r->not_before > now && r->not_before - now < least)
			least = r->not_before - now;
	return least;
}

static void await(struct transport *t, int64_t until)
{
	AUTO_FREE struct curl_waitfd *fds = xcalloc(t->nactive + 1, sizeof *fds);
	unsigned n = 0;
	for (size_t i = 0; i < t->nactive; i++)
		if (waits_for_blob(t->active[i]) && blobbody_fd(t->active[i]->body.blob) >= 0)
			fds[n++] = (struct curl_waitfd){ .fd = blobbody_fd(t->active[i]->body.blob),
							 .events = CURL_WAIT_POLLIN };
	curl_multi_poll(t->multi, fds, n, (int)patience(t, until), NULL);
}

/* Goes on with all that is on its way. */
static void perform(struct transport *t)
{
	int running = 0;
	curl_multi_perform(t->multi, &running);
	collect(t);
	look_at_blobs(t);
}

static void step(struct transport *t)
{
	start_waiting(t);
	perform(t);
	if (!t->done.first)
		await(t, 0);
}

void transport_add(struct transport *t, struct transport_request *r)
{
	append(&t->waiting, r);
}

struct transport_request *transport_next(struct transport *t)
{
	while (!t->done.first && (t->waiting.first || t->nactive))
		step(t);
	return t->done.first ? take(&t->done, &t->done.first) : NULL;
}

static bool take_done(struct transport *t, const struct transport_request *r)
{
	for (struct transport_request **at = &t->done.first; *at; at = &(*at)->next)
		if (*at == r) {
			take(&t->done, at);
			return true;
		}
	return false;
}

void transport_wait(struct transport *t, struct transport_request *r)
{
	for (; transport_now() < r->not_before; perform(t))
		await(t, r->not_before);
	start(t, r);
	for (perform(t); !take_done(t, r); perform(t))
		await(t, 0);
}

/* --- making and freeing --- */

int transport_new(unsigned jobs, bool verify, const char *ca_file, struct transport **t,
		  struct err *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, 0, "cannot start libcurl");
	CURLM *multi = curl_multi_init();
	if (!multi)
		return err_set(e, 0, "cannot start libcurl");
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)jobs + 1);
	*t = xcalloc(1, sizeof **t);
	**t = (struct transport){
		.multi = multi, .jobs = jobs, .verify = verify, .ca_file = ca_file
	};
	return 0;
}

void transport_reset(struct transport_request *r)
{
	err_clear(&r->err);
	free(r->location);
	free(r->digest);
	free(r->retry_after);
	for (size_t i = 0; i < r->nchallenges; i++)
		free(r->challenges[i]);
	buf_free(&r->answer);
	r->location = r->digest = r->retry_after = NULL;
	r->status = 0;
	r->nchallenges = r->header_bytes = r->at = 0;
	r->fatal = r->no_tls = r->paused = r->too_long = r->unreachable = false;
	r->pace = (struct pace){ 0 };
	*r->reason = '\0';
}

void transport_request_free(struct transport_request *r)
{
	transport_reset(r);
	weburl_free(&r->url);
}

void transport_stop(struct transport *t)
{
	for (size_t i = 0; i < t->nactive; i++)
		if (t->active[i]->easy)
			end_easy(t, t->active[i]);
	t->nactive = 0;
	t->waiting = t->done = (struct list){ 0 };
}

void transport_free(struct transport *t)
{
	if (!t)
		return;
	transport_stop(t);
	curl_multi_cleanup(t->multi);
	free(t->active);
	free(t);
	curl_global_cleanup();
}

void transport_cleanup(struct transport **t)
{
	transport_free(*t);
}
