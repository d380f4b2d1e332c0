/* SPDX-License-Identifier: Apache-2.0 */
/* follow - keeps the clock at a simulator's time by asking it every 200 ms (contract.md,
 * thaw-sim: GET /_sim/clock answers {"now":RFC 3339,"now_ms":N,"speed":X}). A missed answer is left out: the
 * clock goes on at the last known speed. */
#include "json.h"
#include "op.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

#define EVERY_MS   200
#define FIRST_MS   10000
#define ANSWER_MAX 4096

struct follow {
	struct http *http;
	struct clock *clock;
	char *url;
	struct http_transfer *transfer;
	struct timer timer;
	struct buf answer;
	bool is_followed; /* at least one good answer */
	char error[200];  /* why the last one was none */
};

static int answer_use(struct follow *f)
{
	_cleanup_(json_freep) struct json_object *o =
		f->answer.data ? json_parse(f->answer.data, f->answer.len) : NULL;
	uint64_t now_ms;
	double speed;

	if (!o || json_u64(o, "now_ms", &now_ms) < 0 ||
	    json_number(o, "speed", &speed) < 0)
		return -EBADMSG;
	clock_follow(f->clock, (int64_t)now_ms, speed);
	f->is_followed = true;
	return 0;
}

static int on_data(void *arg, const void *data, size_t len)
{
	struct follow *f = arg;

	return buf_add(&f->answer, data, len);
}

static void on_done(void *arg, const struct http_result *res)
{
	struct follow *f = arg;

	f->transfer = NULL;
	if (res->err < 0)
		snprintf(f->error, sizeof(f->error), "%s", res->text);
	else if (res->status != 200)
		snprintf(f->error, sizeof(f->error), "HTTP %d", res->status);
	else if (answer_use(f) < 0)
		snprintf(f->error, sizeof(f->error), "not a simulator's clock");
	else
		f->error[0] = '\0';
	if (http_timer_arm(f->http, &f->timer, EVERY_MS) < 0)
		snprintf(f->error, sizeof(f->error), "out of memory");
}

static void ask(struct timer *t)
{
	static const char *const no_headers[] = { NULL };
	struct follow *f = container_of(t, struct follow, timer);
	struct http_request r = {
		.method = "GET",
		.url = f->url,
		.headers = no_headers,
		.data = on_data,
		.done = on_done,
		.arg = f,
	};

	buf_reset(&f->answer);
	f->transfer = http_start(f->http, &r);
	if (!f->transfer) /* no memory now: at the next turn */
		http_timer_arm(f->http, &f->timer, EVERY_MS);
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	http_cancel(f->transfer);
	http_timer_disarm(f->http, &f->timer);
	buf_done(&f->answer);
	free(f->url);
	free(f);
}

DEFINE_CLEANUP(struct follow, follow_free)

int backends_follow_clock(struct backends *bs, const char *url, struct buf *err)
{
	_cleanup_(follow_freep) struct follow *f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;

	f->http = bs->http;
	f->clock = bs->clock;
	f->timer.fire = ask;
	buf_init(&f->answer, ANSWER_MAX);
	f->url = strdup(url);
	if (!f->url)
		return -ENOMEM;

	ask(&f->timer);
	for (int i = 0; i < FIRST_MS / EVERY_MS && !f->is_followed; i++)
		backends_wait(bs, EVERY_MS);
	if (!f->is_followed) {
		buf_printf(err, "clock %s: %s", url,
			   f->error[0] ? f->error : "no answer");
		return -ETIMEDOUT;
	}
	follow_free(bs->follow);
	bs->follow = steal_ptr(f);
	return 0;
}
