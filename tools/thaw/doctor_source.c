/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "doctor.h"
#include "offer.h"
#include "str.h"
#include <stdio.h>
#include <time.h>

#define DAY_S 86400

/* What of a source's section is needed; owned. */
struct section {
	char *name, *url, *profile, *region, *endpoint, *queue, *prices;
	bool is_path_style, is_requester;
};

static void section_done(struct section *s)
{
	free(s->name);
	free(s->url);
	free(s->profile);
	free(s->region);
	free(s->endpoint);
	free(s->queue);
	free(s->prices);
}

/* False behind the last. */
static bool section_read(const struct setup *setup, size_t n, struct section *ret)
{
	_free_ char *name = setup_source(setup, n), *title = NULL;

	if (!name || asprintf(&title, "source %s", name) < 0)
		return false;
	*ret = (struct section){
		.name = steal_ptr(name),
		.url = setup_value(setup, title, "url"),
		.profile = setup_value(setup, title, "profile"),
		.region = setup_value(setup, title, "region"),
		.endpoint = setup_value(setup, title, "endpoint"),
		.queue = setup_value(setup, title, "queue"),
		.prices = setup_value(setup, title, "prices"),
		.is_path_style = setup_bool(setup, title, "path-style"),
		.is_requester = setup_bool(setup, title, "requester-pays"),
	};
	return true;
}

static bool is_vault(const struct section *s)
{
	return s->url && str_after(s->url, "glacier://");
}

/* ---- credentials and services ---- */

static int64_t utc_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void source_judge(struct doctor *d, const struct source_facts *facts)
{
	static const struct {
		const char *subject;
		void (*judge)(const struct source_facts *s, struct finding *ret);
	} rows[] = {
		{ "credentials",
		  judge_credentials }, /* without them the rest says nothing */
		{ "identity", judge_identity },
		{ "service", judge_access },
		{ "clock", judge_clock },
		{ "notifications", judge_notices },
		{ "queue", judge_queue },
		{ "actions", judge_permissions },
	};
	struct finding f;

	for (size_t i = 0; i < ARRAY_SIZE(rows) && (i == 0 || !facts->health->result);
	     i++) {
		rows[i].judge(facts, &f);
		doctor_say(d, rows[i].subject, facts->name, &f);
	}
}

static int source_look(struct doctor *d, struct backends *bs, const struct section *s)
{
	struct backend_cfg source = { .name = s->name,
				      .url = s->url ? s->url : "",
				      .region = s->region,
				      .endpoint = s->endpoint,
				      .profile = s->profile,
				      .path_style = s->is_path_style,
				      .requester_pays = s->is_requester };
	struct health_cfg cfg = { &source, s->queue, d->may_pay };
	_free_ struct health *h = calloc(1, sizeof(*h));

	int r = h ? health_look(bs, &cfg, h) : -ENOMEM;
	if (r < 0)
		return r;
	source_judge(d, &(struct source_facts){ .name = s->name,
						.is_vault = is_vault(s),
						.has_queue = s->queue != NULL,
						.health = h,
						.now_ms = utc_ms() });
	return 0;
}

void doctor_sources(struct doctor *d)
{
	struct clock *clock = clock_new();
	struct backends *bs = clock ? backends_new(clock) : NULL;
	struct section s = { 0 };
	int r = bs ? 0 : -ENOMEM;

	for (size_t i = 0; !r && section_read(d->setup, i, &s); i++) {
		r = source_look(d, bs, &s);
		section_done(&s);
	}
	if (r < 0) {
		struct finding f;
		finding_set(&f, LEVEL_PROBLEM, "", "%s", strerrordesc_np(-r));
		doctor_say(d, "services", NULL, &f);
	}
	backends_free(bs);
	clock_free(clock);
}

/* ---- prices ---- */

/* Days from 1970; a month counts from its first. */
static int64_t day_of(const char *date)
{
	struct tm tm = { .tm_mday = 1 };

	if (!strptime(date, strlen(date) > 7 ? "%Y-%m-%d" : "%Y-%m", &tm))
		return 0;
	return timegm(&tm) / DAY_S;
}

/* As the daemon has them: of the state directory, of [prices], built in. */
static int tables_load(const struct setup *setup, struct prices **ret, struct buf *err)
{
	_cleanup_(prices_freep) struct prices *p = prices_new();
	_free_ char *dir = setup_value(setup, "state", "dir"), *path = NULL;
	_free_ char *file = setup_value(setup, "prices", "file");

	if (!p || asprintf(&path, "%s/prices.csv", dir ? dir : "") < 0)
		return -ENOMEM;
	int r = prices_add_file(p, path, err);
	if (r == -ENOENT || r == -EACCES) {
		buf_reset(err);
		r = 0;
	}
	if (!r && file)
		r = prices_add_file(p, file, err);
	if (!r)
		*ret = steal_ptr(p);
	return r;
}

static void prices_look(struct doctor *d, const struct prices *all,
			const struct section *s)
{
	const char *service = is_vault(s) ? "glacier" : "s3";
	const char *behind = is_vault(s) ? str_after(s->url, "glacier://") : NULL;
	_free_ char *of_url = behind ? strndup(behind, strcspn(behind, "/")) : NULL;
	const char *env = getenv("AWS_REGION") ? getenv("AWS_REGION")
					       : getenv("AWS_DEFAULT_REGION");
	struct price_facts p = { .region = s->prices ? s->prices : of_url,
				 .service = service };
	_buf_ struct buf missing;
	struct finding f;

	buf_init(&missing, BUF_TEXT_MAX);
	if (!p.region)
		p.region = s->region ? s->region : env;
	if (!p.region || strchr(p.region, '/')) /* a table of its own, which is whole */
		return;
	struct price_slice slice = prices_slice(all, service, p.region);
	p.n = slice.n;
	for (size_t i = 0; i < slice.n; i++) {
		if (!i || strcmp(slice.rows[i].date, p.oldest) < 0)
			snprintf(p.oldest, sizeof(p.oldest), "%s", slice.rows[i].date);
		p.is_memory = p.is_memory || slice.rows[i].basis == BASIS_MEMORY;
	}
	p.age_days = time(NULL) / DAY_S - day_of(p.oldest);
	p.n_missing = p.n ? offer_missing(all, service, p.region, &missing) : 0;
	judge_prices(&p, &f);
	doctor_say(d, "prices", s->name, &f);
}

void doctor_prices(struct doctor *d)
{
	_cleanup_(prices_freep) struct prices *all = NULL;
	struct section s = { 0 };
	struct finding f;
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	int r = tables_load(d->setup, &all, &err);
	if (r < 0) {
		finding_set(&f, LEVEL_PROBLEM, "Mend it, or remove it.", "%s",
			    err.len ? err.data : strerrordesc_np(-r));
		doctor_say(d, "prices", NULL, &f);
		return;
	}
	for (size_t i = 0; section_read(d->setup, i, &s); i++) {
		prices_look(d, all, &s);
		section_done(&s);
	}
}
