/* SPDX-License-Identifier: Apache-2.0 */
#include "item.h"

#include "clock.h"
#include "money.h"
#include "str.h"

#include <stdio.h>
#include <time.h>

/* `remedy` is what to type, in front of the file's name. */
static const struct word {
	const char *state;
	enum outlook outlook;
	const char *sentence;
	const char *remedy_words, *remedy;
} words[] = {
	{ "cold", OUTLOOK_UNASKED, "in cold storage; reading it asks for it and waits",
	  "to have it", "thaw get --wait" },
	{ "held", OUTLOOK_COMING, "asked for; waits for somebody's approval",
	  "to let it through, for who may", "thaw approve" },
	{ "requested", OUTLOOK_COMING, "about to be asked of the service", NULL, NULL },
	{ "restoring", OUTLOOK_COMING, "the service is bringing it back; reads wait",
	  NULL, NULL },
	{ "ready", OUTLOOK_COMING, "restored at the service, not yet here", "to have it",
	  "thaw get --wait" },
	{ "fetching", OUTLOOK_COMING, "its bytes are arriving", NULL, NULL },
	{ "partial", OUTLOOK_UNASKED, "some of it is here, nobody asks for the rest",
	  "to have all of it", "thaw get --wait" },
	{ "cached", OUTLOOK_HERE, "here: reading it waits for nothing", NULL, NULL },
	{ "online", OUTLOOK_HERE, "needs no restore: reading it fetches it", NULL, NULL },
	{ "failed", OUTLOOK_OVER, "could not be had", "to ask again",
	  "thaw get --retry" },
	{ "denied", OUTLOOK_OVER, "was refused",
	  "once it is allowed, or approved (thaw approve), to ask again",
	  "thaw get --retry" },
	{ "lost", OUTLOOK_OVER, "gone at the service", NULL, NULL },
};

static const struct word *word_find(const char *state)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(words[i].state, state))
			return &words[i];
	return NULL;
}

const char *item_state(size_t i)
{
	return i < ARRAY_SIZE(words) ? words[i].state : NULL;
}

/* A state this version does not know is one to wait in: a newer mount knows why. */
enum outlook item_outlook(const struct item *it)
{
	const struct word *w = word_find(it->state);

	/* Somebody else had it restored. */
	if (streq(it->state, "ready") && it->requested_ms == 0)
		return OUTLOOK_UNASKED;
	return w ? w->outlook : OUTLOOK_COMING;
}

const char *item_sentence(const struct item *it)
{
	const struct word *w = word_find(it->state);

	return w ? w->sentence : "";
}

const char *item_remedy(const struct item *it, const char **ret_words)
{
	const struct word *w = word_find(it->state);

	/* What is on its way already comes by itself. */
	if (!w || !w->remedy ||
	    (streq(it->state, "ready") && item_outlook(it) == OUTLOOK_COMING))
		return NULL;
	*ret_words = w->remedy_words;
	return w->remedy;
}

static void time_take(struct json_object *o, const char *key, int64_t *ret_ms)
{
	const char *s;

	if (json_str(o, key, &s) == 0)
		time_parse_rfc3339(s, ret_ms);
}

static void fields_take(struct item *it)
{
	const struct {
		const char *key;
		const char **to;
	} strings[] = {
		{ "state", &it->state },
		{ "tier", &it->tier },
		{ "error", &it->error },
		{ "errno", &it->errno_word },
		{ "cost_estimate", &it->cost_estimate },
		{ "cost_charged", &it->cost_charged },
		{ "price_date", &it->price_date },
		{ "verified", &it->verified },
		{ "storage_class", &it->storage_class },
	};
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		if (json_str(it->doc, strings[i].key, strings[i].to) < 0)
			*strings[i].to = "";

	json_u64(it->doc, "size", &it->size);
	json_u64(it->doc, "here", &it->here);
	json_u64(it->doc, "days", &it->days);
	uint64_t checked = 0;
	json_u64(it->doc, "checked_ms", &checked);
	it->checked_ms = (int64_t)checked;
	json_u64(it->doc, "pin_count", &it->pins);
	time_take(it->doc, "now", &it->now_ms);
	time_take(it->doc, "requested", &it->requested_ms);
	time_take(it->doc, "created", &it->created_ms);
	time_take(it->doc, "ready", &it->ready_ms);
	time_take(it->doc, "expires", &it->expires_ms);
	time_take(it->doc, "eta", &it->eta_ms);
	time_take(it->doc, "eta_least", &it->eta_least_ms);
}

/* A file system in between, as over a re-export, may know the length of a moment ago alone and cut what
 * is longer now: for a second or so, by the usual caches. */
#define CUT_TRIES    20
#define CUT_PAUSE_MS 100

static int doc_read(const struct file *f, struct item *ret)
{
	static const struct timespec pause = { .tv_nsec = CUT_PAUSE_MS * 1000000L };

	for (int i = 0; i < CUT_TRIES; i++) {
		buf_reset(&ret->text);
		int r = sidecar_read(f->dir, f->name, ".json", &ret->text);
		if (r < 0)
			return r;
		ret->doc =
			json_parse(ret->text.data ? ret->text.data : "", ret->text.len);
		if (ret->doc)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -EBADMSG;
}

int item_read(const struct file *f, struct item *ret)
{
	buf_init(&ret->text, BUF_TEXT_MAX);
	int r = doc_read(f, ret);
	if (r < 0)
		return r;
	fields_take(ret);
	return *ret->state ? 0 : -EBADMSG;
}

bool item_is_charged(const struct item *it)
{
	money_t m;

	return money_parse(it->cost_charged, &m) == 0 && m > 0;
}

const char *item_error(int r)
{
	return r == -EBADMSG
		       ? "the mount's answer makes no sense: thaw and thawfs of one version?"
		       : files_error(r);
}

void item_done(struct item *it)
{
	if (it->doc)
		json_free(it->doc);
	buf_done(&it->text);
}

money_t item_money(const struct item *it)
{
	money_t charged = 0, estimate = 0;

	if (money_parse(it->cost_charged, &charged) < 0)
		charged = 0;
	if (item_outlook(it) == OUTLOOK_HERE ||
	    money_parse(it->cost_estimate, &estimate) < 0)
		return charged;
	return charged > estimate ? charged : estimate;
}

/* What was read is known to be one object: only white space outside strings goes. */
int item_print_json(const struct item *it, const char *path)
{
	_buf_ struct buf out;
	const char *s = strchr(it->text.data, '{') + 1;
	bool in_string = false;

	buf_init(&out, 2 * BUF_TEXT_MAX);
	buf_puts(&out, "{\"path\":");
	json_quote(&out, path);
	buf_putc(&out, ',');
	for (; *s; s++) {
		if (!in_string && strchr(" \t\r\n", *s))
			continue;
		if (in_string && *s == '\\')
			buf_putc(&out, *s++);
		else if (*s == '"')
			in_string = !in_string;
		buf_putc(&out, *s);
	}
	if (out.err < 0)
		return out.err;
	return puts(out.data) < 0 ? -EIO : 0;
}
