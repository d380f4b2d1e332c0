/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a request's line. Pure. */
#include "ask.h"
#include "mail.h"
#include "str.h"
#include <stdio.h>

/* A line is longer than any request. */
#define LINE_MAX_BYTES (PATH_MAX + 512)

static const struct verb {
	const char *word;
	enum ask_verb verb;
} verbs[] = {
	{ "get", ASK_GET },       { "cancel", ASK_CANCEL },   { "refresh", ASK_REFRESH },
	{ "pin", ASK_PIN },       { "unpin", ASK_UNPIN },     { "evict", ASK_EVICT },
	{ "verify", ASK_VERIFY }, { "approve", ASK_APPROVE }, { "correct", ASK_CORRECT },
};

static int parse_tier(const char *value, struct ask_line *ret)
{
	return tier_parse(value, &ret->tier);
}

static int parse_days(const char *value, struct ask_line *ret)
{
	uint64_t days;
	int r = str_to_u64(value, &days);
	if (r < 0 || !days || days > 36500)
		return -EINVAL;
	ret->days = (uint32_t)days;
	return 0;
}

static int parse_ahead(const char *value, struct ask_line *ret)
{
	uint64_t n = UINT32_MAX;

	if (!streq(value, "directory") &&
	    (str_to_u64(value, &n) < 0 || !n || n > ASK_FILES_MAX))
		return -EINVAL;
	ret->ahead = (uint32_t)n;
	return 0;
}

static int parse_all(const char *value, struct ask_line *ret)
{
	ret->is_all = true;
	return *value ? -EINVAL : 0;
}

static int parse_pid(const char *value, struct ask_line *ret)
{
	uint64_t pid;

	if (str_to_u64(value, &pid) < 0 || !pid || pid > INT32_MAX)
		return -EINVAL;
	ret->pid = (uint32_t)pid;
	return 0;
}

static int parse_email(const char *value, struct ask_line *ret)
{
	if (!mail_is_address(value))
		return -EINVAL;
	snprintf(ret->email, sizeof(ret->email), "%s", value);
	return 0;
}

/* "A-B", both included, or "A-". */
static int parse_range(const char *value, struct ask_line *ret)
{
	const char *dash = strchr(value, '-');
	_free_ char *from = dash ? strndup(value, (size_t)(dash - value)) : NULL;
	uint64_t first, last = UINT64_MAX - 1;

	if (!from || str_to_u64(from, &first) < 0 ||
	    (dash[1] && str_to_u64(dash + 1, &last) < 0) || first > last ||
	    last == UINT64_MAX)
		return -EINVAL;
	ret->off = first;
	ret->len = last - first + 1;
	return 0;
}

/* Absolute: the daemon is somewhere else. */
static int parse_from(const char *value, struct ask_line *ret)
{
	_buf_ struct buf path;

	buf_init(&path, sizeof(ret->from) - 1);
	int r = percent_decode(&path, value, strlen(value), false);
	if (r < 0)
		return r;
	if (*value != '/' || strlen(path.data) != path.len)
		return -EINVAL;
	memcpy(ret->from, path.data, path.len + 1);
	return 0;
}

/* A part of a ledger's line. */
static int parse_label(const char *value, char ret[64])
{
	size_t len = strlen(value);

	if (!len || len >= 64 || strpbrk(value, ",;\"'\\"))
		return -EINVAL;
	memcpy(ret, value, len + 1);
	return 0;
}

static int parse_group(const char *value, struct ask_line *ret)
{
	return parse_label(value, ret->group);
}

static int parse_project(const char *value, struct ask_line *ret)
{
	return parse_label(value, ret->project);
}

static int parse_number(const char *value, uint64_t *ret)
{
	int r = str_to_u64(value, ret);

	return r < 0 || !*ret ? -EINVAL : 0;
}

static int parse_set(const char *value, struct ask_line *ret)
{
	return parse_number(value, &ret->set);
}

static int parse_job(const char *value, struct ask_line *ret)
{
	return parse_number(value, &ret->job);
}

static int parse_account(const char *value, struct ask_line *ret)
{
	return parse_label(value, ret->account);
}

static int parse_id(const char *value, struct ask_line *ret)
{
	const char *storm = str_after(value, "storm-");

	if (ret->request_id || ret->storm_id)
		return -EINVAL;
	return storm ? parse_number(storm, &ret->storm_id)
		     : parse_number(value, &ret->request_id);
}

static int parse_amount(const char *value, struct ask_line *ret)
{
	bool is_less = *value == '-';
	money_t amount;
	int r = money_parse(value + is_less, &amount);

	if (r < 0 || amount <= 0)
		return -EINVAL;
	ret->amount = is_less ? -amount : amount;
	return 0;
}

static int parse_note(const char *value, struct ask_line *ret)
{
	_buf_ struct buf text;

	buf_init(&text, sizeof(ret->note) - 1);
	int r = percent_decode(&text, value, strlen(value), false);
	if (r < 0 || !text.len || strlen(text.data) != text.len)
		return -EINVAL;
	memcpy(ret->note, text.data, text.len + 1);
	return 0;
}

static const struct setting {
	enum ask_verb verb;
	const char *key;
	int (*parse)(const char *value, struct ask_line *ret);
} settings[] = {
	{ ASK_GET, "tier=", parse_tier },       { ASK_GET, "days=", parse_days },
	{ ASK_GET, "email=", parse_email },     { ASK_GET, "group=", parse_group },
	{ ASK_GET, "project=", parse_project }, { ASK_GET, "ahead=", parse_ahead },
	{ ASK_GET, "set=", parse_set },         { ASK_GET, "range=", parse_range },
	{ ASK_REFRESH, "from=", parse_from },   { ASK_CANCEL, "pid=", parse_pid },
	{ ASK_GET, "job=", parse_job },         { ASK_GET, "account=", parse_account },
	{ ASK_PIN, "job=", parse_job },         { ASK_UNPIN, "job=", parse_job },
	{ ASK_PIN, "days=", parse_days },       { ASK_UNPIN, "all", parse_all },
	{ ASK_APPROVE, "", parse_id },          { ASK_CORRECT, "amount=", parse_amount },
	{ ASK_CORRECT, "note=", parse_note },
};

static int parse_verb(const char *word, struct ask_line *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!streq(verbs[i].word, word))
			continue;
		ret->verb = verbs[i].verb;
		return 0;
	}
	return -EINVAL;
}

static int parse_setting(const char *word, struct ask_line *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const char *value = str_after(word, settings[i].key);
		if (value && settings[i].verb == ret->verb)
			return settings[i].parse(value, ret);
	}
	return -EINVAL;
}

int ask_parse(const char *text, size_t len, struct ask_line *ret)
{
	struct ask_line line = { .verb = ASK_GET };
	char copy[LINE_MAX_BYTES];
	char *rest = copy, *word;
	size_t n = 0;

	if (len && text[len - 1] == '\n')
		len--;
	if (len >= sizeof(copy) || memchr(text, '\n', len) || memchr(text, '\0', len))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		int r = n++ ? parse_setting(word, &line) : parse_verb(word, &line);
		if (r < 0)
			return r;
	}
	if (!n)
		return -EINVAL;
	*ret = line;
	return 0;
}
