/* SPDX-License-Identifier: Apache-2.0 */
/* fault - rules that make a call fail.
 *
 *	{"rules":[{"match":{"operation":"GetJobOutput","resource":"vaults/v/","nth":2,"times":1,
 *	                    "probability":0.1,"seed":7},
 *	           "act":{"status":500,"code":"InternalFailure","when":"after","body":"html",
 *	                  "delay_ms":100,"stall_ms":5000,"stall_after":N,"cut_after":N,
 *	                  "flip":OFFSET,"cut_sent":N,"flip_sent":OFFSET,"tree_hash":"wrong","without":"ETag","drop":"before",
 *	                  "region":"eu-west-1","deliver":"twice","job_failure":"why"}}]}
 *
 * operation and resource are globs; a rule counts the calls that match, fires from the nth one
 * on (1 if absent) and `times` times (once if nth is given, else always). With a probability it
 * fires by lot instead, drawn from the seed: the same calls, the same lots. Of several that match,
 * the first added fires. docs/SIMULATOR.md explains each act.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "server.h"
#include "str.h"

#define RULES_MAX 256

struct rule {
	char *operation, *resource; /* owned globs; NULL: any */
	uint64_t nth, times;
	uint64_t seen, fired;
	double probability; /* 1: always */
	uint64_t lot;       /* state of the generator */
	struct sim_fault act;
};

struct sim_faults {
	pthread_mutex_t mu; /* a leaf */
	struct rule rules[RULES_MAX];
	size_t n;
};

struct sim_faults *sim_faults_new(void)
{
	struct sim_faults *f = calloc(1, sizeof(*f));

	if (f)
		pthread_mutex_init(&f->mu, NULL);
	return f;
}

static void rule_clear(struct rule *r)
{
	free(r->operation);
	free(r->resource);
	*r = (struct rule){ 0 };
}

void sim_faults_clear(struct sim_faults *f)
{
	pthread_mutex_lock(&f->mu);
	while (f->n > 0)
		rule_clear(&f->rules[--f->n]);
	pthread_mutex_unlock(&f->mu);
}

void sim_faults_free(struct sim_faults *f)
{
	if (!f)
		return;
	sim_faults_clear(f);
	pthread_mutex_destroy(&f->mu);
	free(f);
}

static uint64_t number(struct json_object *o, const char *key, uint64_t fallback)
{
	uint64_t v = 0;

	return o && json_u64(o, key, &v) == 0 ? v : fallback;
}

static const char *word(struct json_object *o, const char *key)
{
	const char *s = NULL;

	return o && json_str(o, key, &s) == 0 ? s : NULL;
}

static const struct {
	const char *name;
	enum fault_delivery delivery;
} deliveries[] = {
	{ "never", DELIVER_NEVER },
	{ "twice", DELIVER_TWICE },
	{ "ahead", DELIVER_AHEAD },
};

static const struct {
	const char *name;
	enum fault_body body;
} bodies[] = {
	{ "html", BODY_HTML },
	{ "empty", BODY_EMPTY },
	{ "error", BODY_ERROR },
};

static void copy(char *ret, size_t room, const char *s)
{
	snprintf(ret, room, "%s", s ? s : "");
}

static int bad(struct buf *err, const char *text)
{
	buf_puts(err, text);
	return -EINVAL;
}

/* The members that are one of a few words. */
static int words_parse(struct json_object *o, struct sim_fault *ret, struct buf *err)
{
	const char *drop = word(o, "drop");
	const char *deliver = word(o, "deliver");
	const char *body = word(o, "body");
	const char *when = word(o, "when");
	size_t i = 0;

	if (drop && !streq(drop, "before") && !streq(drop, "after"))
		return bad(err, "drop is \"before\" or \"after\"");
	if (drop)
		ret->drop = streq(drop, "before") ? DROP_BEFORE : DROP_AFTER;
	if (when && !streq(when, "before") && !streq(when, "after"))
		return bad(err, "when is \"before\" or \"after\"");
	ret->is_after = when && streq(when, "after");
	for (i = 0; deliver && i < ARRAY_SIZE(deliveries); i++) {
		if (streq(deliveries[i].name, deliver))
			ret->delivery = deliveries[i].delivery;
	}
	if (deliver && !ret->delivery)
		return bad(err, "deliver is \"never\", \"twice\" or \"ahead\"");
	for (i = 0; body && i < ARRAY_SIZE(bodies); i++) {
		if (!streq(bodies[i].name, body))
			continue;
		ret->body = bodies[i].body;
		return 0;
	}
	return body ? bad(err, "body is \"html\", \"empty\" or \"error\"") : 0;
}

static int act_parse(struct json_object *o, struct sim_fault *ret, struct buf *err)
{
	const char *tree_hash = word(o, "tree_hash");

	ret->status = (int)number(o, "status", 0);
	copy(ret->code, sizeof(ret->code), word(o, "code"));
	copy(ret->without, sizeof(ret->without), word(o, "without"));
	copy(ret->region, sizeof(ret->region), word(o, "region"));
	copy(ret->job_failure, sizeof(ret->job_failure), word(o, "job_failure"));
	ret->delay_ms = (uint32_t)number(o, "delay_ms", 0);
	ret->stall_ms = (uint32_t)number(o, "stall_ms", 0);
	ret->stall_after = number(o, "stall_after", 0);
	ret->cut_after = number(o, "cut_after", UINT64_MAX);
	ret->flip = number(o, "flip", UINT64_MAX);
	ret->cut_sent = number(o, "cut_sent", UINT64_MAX);
	ret->flip_sent = number(o, "flip_sent", UINT64_MAX);
	ret->is_tree_hash_wrong = tree_hash && streq(tree_hash, "wrong");
	if (ret->status && (ret->status < 200 || ret->status > 599))
		return bad(err, "status is 200 to 599");
	int r = words_parse(o, ret, err);
	if (!r && *ret->region)
		ret->body = BODY_REGION;
	return r;
}

static int rule_parse(struct json_object *o, struct rule *ret, struct buf *err)
{
	struct json_object *match = NULL;
	struct json_object *act = NULL;

	if (json_child(o, "match", &match) < 0)
		match = NULL;
	if (json_child(o, "act", &act) < 0)
		return buf_printf(err, "a rule needs \"act\""), -EINVAL;
	int r = act_parse(act, &ret->act, err);
	if (r < 0)
		return r;
	const char *operation = word(match, "operation");
	const char *resource = word(match, "resource");
	ret->operation = strdup_ptr(operation);
	ret->resource = strdup_ptr(resource);
	if ((operation && !ret->operation) || (resource && !ret->resource))
		return -ENOMEM;
	ret->nth = number(match, "nth", 0);
	ret->times = number(match, "times", ret->nth ? 1 : UINT64_MAX);
	if (!ret->nth)
		ret->nth = 1;
	ret->probability = 1;
	if (match && json_number(match, "probability", &ret->probability) == -EINVAL)
		return bad(err, "probability is a number");
	ret->lot = number(match, "seed", 1);
	return 0;
}

int sim_faults_add(struct sim_faults *f, struct json_object *doc, struct buf *err)
{
	struct json_object *rules = NULL;
	size_t n = 0;

	if (json_array(doc, "rules", &rules, &n) < 0)
		return buf_printf(err, "\"rules\" is missing"), -EINVAL;

	int r = 0;
	pthread_mutex_lock(&f->mu);
	size_t before = f->n;
	for (size_t i = 0; i < n && r == 0; i++) {
		if (f->n == RULES_MAX) {
			buf_printf(err, "more than %d rules", RULES_MAX);
			r = -EINVAL;
			break;
		}
		r = rule_parse(json_at(rules, i), &f->rules[f->n++], err);
	}
	while (r < 0 && f->n > before)
		rule_clear(&f->rules[--f->n]);
	pthread_mutex_unlock(&f->mu);
	return r;
}

int sim_faults_print(struct sim_faults *f, struct buf *out)
{
	buf_puts(out, "{\"rules\":[");
	pthread_mutex_lock(&f->mu);
	for (size_t i = 0; i < f->n; i++) {
		const struct rule *r = &f->rules[i];
		buf_puts(out, i ? ",{\"operation\":" : "{\"operation\":");
		json_quote(out, r->operation ? r->operation : "*");
		buf_puts(out, ",\"resource\":");
		json_quote(out, r->resource ? r->resource : "*");
		buf_printf(out, ",\"seen\":%" PRIu64 ",\"fired\":%" PRIu64 "}", r->seen,
			   r->fired);
	}
	pthread_mutex_unlock(&f->mu);
	return buf_puts(out, "]}\n");
}

static bool rule_matches(const struct rule *r, const struct sim_req *req)
{
	return (!r->operation || fnmatch(r->operation, req->operation, 0) == 0) &&
	       (!r->resource || fnmatch(r->resource, req->resource, 0) == 0);
}

/* splitmix64: a lot in [0, 1). */
static double lot_draw(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) / 9007199254740992.0;
}

static bool rule_fires(struct rule *r)
{
	/* Every call draws, so that the lots do not depend on other rules. */
	bool is_drawn = r->probability >= 1 || lot_draw(&r->lot) < r->probability;

	r->seen++;
	return is_drawn && r->seen >= r->nth && r->fired < r->times;
}

struct sim_fault *sim_faults_match(struct sim_faults *f, const struct sim_req *req,
				   bool is_cutting)
{
	struct sim_fault *act = NULL;

	pthread_mutex_lock(&f->mu);
	for (size_t i = 0; i < f->n; i++) {
		struct rule *r = &f->rules[i];
		bool is_cut = r->act.cut_sent != UINT64_MAX;
		if (is_cut != is_cutting || !rule_matches(r, req))
			continue;
		if (!rule_fires(r) || act)
			continue;
		act = malloc(sizeof(*act));
		if (!act)
			break;
		*act = r->act;
		r->fired++;
	}
	pthread_mutex_unlock(&f->mu);
	return act;
}
