/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "doctor.h"
#include "files.h"
#include "json.h"
#include "str.h"
#include <stdio.h>

static void text_take(struct json_object *o, const char *key, char *ret, size_t room)
{
	const char *s;

	snprintf(ret, room, "%s", json_str(o, key, &s) == 0 ? s : "");
}

static void facts_take(struct json_object *o, struct catalog_facts *ret)
{
	struct catalog_facts c = { .age_ms = -1 };
	int64_t taken_ms, now_ms;
	uint64_t refresh_ms;
	char now[40];

	text_take(o, "state", c.state, sizeof(c.state));
	text_take(o, "catalog", c.catalog, sizeof(c.catalog));
	text_take(o, "expected", c.expected, sizeof(c.expected));
	text_take(o, "error", c.error, sizeof(c.error));
	text_take(o, "queue", c.queue, sizeof(c.queue));
	text_take(o, "credentials", c.credentials, sizeof(c.credentials));
	text_take(o, "now", now, sizeof(now));
	c.has_queue = *c.queue != '\0';
	if (time_parse_rfc3339(c.catalog, &taken_ms) == 0 &&
	    time_parse_rfc3339(now, &now_ms) == 0)
		c.age_ms = now_ms > taken_ms ? now_ms - taken_ms : 0;
	if (json_u64(o, "refresh_ms", &refresh_ms) == 0)
		c.refresh_ms = (int64_t)refresh_ms;
	*ret = c;
}

/* Of the daemon's own answers; who asks nothing costs nothing. */
static void skew_say(struct doctor *d, const char *name, struct json_object *o)
{
	_free_ struct health *h = calloc(1, sizeof(*h));
	struct source_facts s = { .name = name, .health = h };
	struct finding f;
	double skew_ms;

	if (!h)
		return;
	h->has_skew = json_number(o, "skew_ms", &skew_ms) == 0;
	h->skew_ms = h->has_skew ? (int64_t)skew_ms : 0;
	judge_clock(&s, &f);
	doctor_say(d, "clock", name, &f);
}

static void source_say(struct doctor *d, struct json_object *o)
{
	static const struct {
		const char *subject;
		void (*judge)(const struct catalog_facts *c, struct finding *ret);
	} rows[] = {
		{ "credentials", judge_signing },
		{ "catalog", judge_catalog },
		{ "queue", judge_inbox },
	};
	struct catalog_facts c;
	struct finding f;
	char name[80];

	text_take(o, "source", name, sizeof(name));
	facts_take(o, &c);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].judge(&c, &f);
		doctor_say(d, rows[i].subject, name, &f);
	}
	skew_say(d, name, o);
}

void doctor_mount(struct doctor *d, const char *root)
{
	_buf_ struct buf text;
	struct finding f;

	buf_init(&text, BUF_TEXT_MAX);
	int r = sidecar_read(root, "sources", "", &text);
	if (r < 0) {
		finding_set(&f, LEVEL_WARNING, "", "%s/.thaw/sources: %s", root,
			    strerrordesc_np(-r));
		doctor_say(d, "daemon", NULL, &f);
		return;
	}
	for (char *rest = text.data, *line; rest && (line = strsep(&rest, "\n"));) {
		_cleanup_(json_freep) struct json_object *o =
			*line ? json_parse(line, strlen(line)) : NULL;
		if (o)
			source_say(d, o);
	}
}
