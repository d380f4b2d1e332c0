/* SPDX-License-Identifier: Apache-2.0 */
/* S150: what `thaw doctor` makes of facts: a row a finding. */
#include "doctor.h"

#include "json.h"
#include "str.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "io.h"

static void check(const char *name, const struct finding *f, enum level level,
		  const char *words)
{
	if (f->level == level && strstr(f->text, words) &&
	    (level == LEVEL_OK || !strstr(f->text, "\n")))
		return;
	print_error("%s: level %d: \"%s\" (\"%s\")\n", name, (int)f->level, f->text,
		    f->remedy);
	fail();
}

static const struct host_facts good_host = {
	.release = "6.1.0-13-amd64",
	.has_device = true,
	.libfuse = "3.14.0",
	.has_fusermount = true,
	.files_limit = 20000,
	.has_timeouts = true,
};

#define HOST(...) (&(struct host_facts){ __VA_ARGS__ })

static void what_the_machine_lacks_is_said(void **state)
{
	const struct {
		const char *name;
		void (*judge)(const struct host_facts *h, struct finding *ret);
		const struct host_facts *facts;
		enum level level;
		const char *words;
	} rows[] = {
		{ "kernel", judge_kernel, &good_host, LEVEL_OK, "6.1.0" },
		{ "no Landlock", judge_kernel, HOST(.release = "5.10.0-28"), LEVEL_OK,
		  "Landlock" },
		{ "old kernel", judge_kernel, HOST(.release = "4.19.0"), LEVEL_WARNING,
		  "older" },
		{ "odd kernel", judge_kernel, HOST(.release = "x"), LEVEL_WARNING,
		  "none" },
		{ "device", judge_device, &good_host, LEVEL_OK, "/dev/fuse" },
		{ "no device", judge_device, HOST(.device_err = ENOENT), LEVEL_PROBLEM,
		  "No such file" },
		{ "their device", judge_device, HOST(.device_err = EACCES), LEVEL_PROBLEM,
		  "Permission" },
		{ "no time-outs", judge_timeouts, HOST(.release = "5.4"), LEVEL_OK,
		  "none" },
		{ "time-outs off", judge_timeouts, &good_host, LEVEL_OK, "off" },
		{ "a time-out", judge_timeouts,
		  HOST(.has_timeouts = true, .timeout_default_s = 300), LEVEL_PROBLEM,
		  "300 s" },
		{ "a longest time-out", judge_timeouts,
		  HOST(.has_timeouts = true, .timeout_max_s = 600), LEVEL_PROBLEM,
		  "600 s" },
		{ "libfuse", judge_libfuse, &good_host, LEVEL_OK, "3.14.0" },
		{ "old libfuse", judge_libfuse, HOST(.libfuse = "3.9.2"), LEVEL_PROBLEM,
		  "too old" },
		{ "no thawfs", judge_libfuse, HOST(.libfuse = ""), LEVEL_WARNING,
		  "could not be asked" },
		{ "root", judge_mounting, HOST(.is_root = true), LEVEL_OK, "root" },
		{ "user", judge_mounting, &good_host, LEVEL_OK, "fusermount3" },
		{ "no fusermount3", judge_mounting, HOST(.is_root = false), LEVEL_PROBLEM,
		  "fusermount3" },
		{ "others", judge_mounting,
		  HOST(.has_fusermount = true, .wants_others = true), LEVEL_PROBLEM,
		  "allow-other" },
		{ "limits", judge_limits, &good_host, LEVEL_OK, "20000" },
		{ "low limits", judge_limits, HOST(.files_limit = 1024), LEVEL_WARNING,
		  "1024" },
		{ "no updatedb", judge_indexers, &good_host, LEVEL_OK, "no updatedb" },
		{ "pruned", judge_indexers, HOST(.has_updatedb = true, .is_pruned = true),
		  LEVEL_OK, "alone" },
		{ "indexed", judge_indexers, HOST(.has_updatedb = true), LEVEL_WARNING,
		  "every night" },
	};
	struct finding f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].judge(rows[i].facts, &f);
		check(rows[i].name, &f, rows[i].level, rows[i].words);
		assert_true(f.level == LEVEL_OK || *f.remedy ||
			    streq(rows[i].name, "odd kernel"));
	}
}

#define GIB ((uint64_t)1 << 30)
#define PLACE                                                                \
	.path = "/x", .is_there = true, .is_dir = true, .is_mine = true,     \
	.may_write = true, .free_bytes = 100 * GIB, .disk_bytes = 200 * GIB, \
	.chunk_bytes = 16 << 20, .reserve_bytes = GIB

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static void what_is_wrong_with_a_directory_is_said(void **state)
{
	const struct {
		struct place_facts facts;
		enum level level;
		const char *words;
	} rows[] = {
		{ { PLACE, .is_state = true }, LEVEL_OK, "100.0 GiB free" },
		{ { PLACE, .is_state = true, .is_there = false },
		  LEVEL_OK,
		  "will be made" },
		{ { PLACE }, LEVEL_OK, "100.0 GiB free" },
		{ { PLACE, .err = EACCES }, LEVEL_PROBLEM, "Permission" },
		{ { PLACE, .is_link = true }, LEVEL_PROBLEM, "symbolic link" },
		{ { PLACE, .is_dir = false }, LEVEL_PROBLEM, "not a directory" },
		{ { PLACE, .network = "NFS" }, LEVEL_PROBLEM, "(NFS)" },
		{ { PLACE, .is_mine = false }, LEVEL_PROBLEM, "another user" },
		{ { PLACE, .is_writable_by_others = true }, LEVEL_PROBLEM, "others may" },
		{ { PLACE, .is_read_only = true }, LEVEL_PROBLEM, "cannot be written" },
		{ { PLACE, .may_write = false }, LEVEL_PROBLEM, "cannot be written" },
		{ { PLACE, .is_state = true, .is_memory = true },
		  LEVEL_WARNING,
		  "reboot" },
		{ { PLACE, .is_state = true, .free_bytes = 1 << 20 },
		  LEVEL_PROBLEM,
		  "not paid for" },
		{ { PLACE, .is_state = true, .free_bytes = GIB / 2 },
		  LEVEL_WARNING,
		  "512.0 MiB free" },
		{ { PLACE, .disk_bytes = GIB }, LEVEL_PROBLEM, "cannot hold a chunk" },
		{ { PLACE, .size_bytes = 1 << 20 },
		  LEVEL_PROBLEM,
		  "cannot hold a chunk" },
		{ { PLACE, .free_bytes = GIB }, LEVEL_WARNING, "reserve" },
		{ { PLACE, .size_bytes = 300 * GIB },
		  LEVEL_WARNING,
		  "more than its disk" },
	};
	struct finding f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		judge_place(&rows[i].facts, &f);
		check(rows[i].words, &f, rows[i].level, rows[i].words);
		assert_true(f.level == LEVEL_OK || *f.remedy);
	}
}

#define PRICES                                                                \
	.region = "eu-west-1", .service = "s3", .n = 20, .oldest = "2026-09", \
	.age_days = 80

static void what_is_wrong_with_prices_is_said(void **state)
{
	const struct {
		struct price_facts facts;
		enum level level;
		const char *words;
	} rows[] = {
		{ { PRICES }, LEVEL_OK, "2026-09" },
		{ { PRICES, .n = 0 }, LEVEL_PROBLEM, "refused" },
		{ { PRICES, .n_missing = 2 }, LEVEL_PROBLEM, "2 of s3" },
		{ { PRICES, .age_days = 400 }, LEVEL_WARNING, "400 days old" },
		{ { PRICES, .is_memory = true }, LEVEL_WARNING, "no page" },
	};
	struct finding f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		judge_prices(&rows[i].facts, &f);
		check(rows[i].words, &f, rows[i].level, rows[i].words);
		assert_true(f.level == LEVEL_OK ||
			    streq(f.remedy, "Run: thaw prices update eu-west-1"));
	}
}

#define HOUR_MS ((int64_t)3600 * 1000)
#define CATALOG .state = "ready", .catalog = "2026-11-22T10:00:00Z", .age_ms = HOUR_MS

static void what_a_daemon_says_is_judged(void **state)
{
	const struct {
		void (*judge)(const struct catalog_facts *c, struct finding *ret);
		struct catalog_facts facts;
		enum level level;
		const char *words;
	} rows[] = {
		{ judge_catalog, { CATALOG }, LEVEL_OK, "1 h old" },
		{ judge_catalog,
		  { CATALOG, .age_ms = 72 * HOUR_MS, .refresh_ms = 24 * HOUR_MS },
		  LEVEL_WARNING,
		  "twice" },
		{ judge_catalog,
		  { CATALOG, .age_ms = -1, .expected = "2026-11-23" },
		  LEVEL_WARNING,
		  "expected 2026-11-23" },
		{ judge_catalog,
		  { CATALOG, .age_ms = -1, .error = "denied" },
		  LEVEL_PROBLEM,
		  "denied" },
		{ judge_catalog,
		  { CATALOG, .state = "offline", .error = "no route" },
		  LEVEL_WARNING,
		  "no route" },
		{ judge_catalog,
		  { CATALOG, .state = "failed", .error = "no vault" },
		  LEVEL_PROBLEM,
		  "no vault" },
		{ judge_inbox, { CATALOG }, LEVEL_OK, "no queue" },
		{ judge_inbox,
		  { .has_queue = true, .queue = "not read yet" },
		  LEVEL_WARNING,
		  "not read" },
		{ judge_inbox,
		  { .has_queue = true, .queue = "cannot be read: AccessDenied" },
		  LEVEL_WARNING,
		  "AccessDenied" },
		{ judge_inbox,
		  { .has_queue = true, .queue = "is read, and has told of restores" },
		  LEVEL_OK,
		  "told of" },
		{ judge_signing,
		  { .credentials = "environment" },
		  LEVEL_OK,
		  "environment" },
		{ judge_signing, { .credentials = "" }, LEVEL_OK, "not used yet" },
	};
	struct finding f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].judge(&rows[i].facts, &f);
		check(rows[i].words, &f, rows[i].level, rows[i].words);
	}
}
#pragma GCC diagnostic pop

/* ---- services ---- */

typedef void (*change_fn)(struct source_facts *s, struct health *h);

static void look(struct health *h, enum health_look at, enum fault_kind kind)
{
	h->looks[at].answer = kind == FAULT_NONE ? HEALTH_GOOD : HEALTH_BAD;
	fault_set(&h->looks[at].fault, kind, "TheCode", "the text");
}

static void no_keys(struct source_facts *s, struct health *h)
{
	h->result = -ENOKEY;
	snprintf(h->why, sizeof(h->why), "no AWS credentials: nothing");
}

static void for_an_hour(struct source_facts *s, struct health *h)
{
	h->expires_ms = s->now_ms + HOUR_MS;
}

static void ending(struct source_facts *s, struct health *h)
{
	h->expires_ms = s->now_ms + 1000;
}

static void known(struct source_facts *s, struct health *h)
{
	look(h, HEALTH_IDENTITY, FAULT_NONE);
	snprintf(h->identity, sizeof(h->identity), "arn:aws:iam::1:user/reader");
}

static void owner(struct source_facts *s, struct health *h)
{
	known(s, h);
	snprintf(h->identity, sizeof(h->identity), "arn:aws:iam::1:root");
}

static void bad_keys(struct source_facts *s, struct health *h)
{
	look(h, HEALTH_IDENTITY, FAULT_AUTH);
}

static void no_sts(struct source_facts *s, struct health *h)
{
	look(h, HEALTH_IDENTITY, FAULT_NETWORK);
}

static void there(struct source_facts *s, struct health *h)
{
	look(h, HEALTH_ACCESS, FAULT_NONE);
}

static void denied(struct source_facts *s, struct health *h)
{
	look(h, HEALTH_ACCESS, FAULT_DENIED);
}

static void absent(struct source_facts *s, struct health *h)
{
	look(h, HEALTH_ACCESS, FAULT_NOT_FOUND);
}

static void unpaid(struct source_facts *s, struct health *h)
{
	h->looks[HEALTH_ACCESS].answer = HEALTH_UNPAID;
}

static void slow_clock(struct source_facts *s, struct health *h)
{
	h->has_skew = true;
	h->skew_ms = 60000;
}

static void fast_clock(struct source_facts *s, struct health *h)
{
	h->has_skew = true;
	h->skew_ms = -600000;
}

static void right_clock(struct source_facts *s, struct health *h)
{
	h->has_skew = true;
	h->skew_ms = -900;
}

static void with_queue(struct source_facts *s, struct health *h)
{
	s->has_queue = true;
	look(h, HEALTH_QUEUE, FAULT_NONE);
	look(h, HEALTH_WIRING, FAULT_NONE);
	h->wiring = WIRING_RESTORES;
}

static void unwired(struct source_facts *s, struct health *h)
{
	with_queue(s, h);
	h->wiring = WIRING_NONE;
}

static void wired_to_others(struct source_facts *s, struct health *h)
{
	with_queue(s, h);
	s->has_queue = false;
}

static void unseen_wiring(struct source_facts *s, struct health *h)
{
	with_queue(s, h);
	look(h, HEALTH_WIRING, FAULT_DENIED);
}

static void denied_queue(struct source_facts *s, struct health *h)
{
	with_queue(s, h);
	look(h, HEALTH_QUEUE, FAULT_DENIED);
}

static void no_change(struct source_facts *s, struct health *h)
{
}

static void what_a_service_answers_is_judged(void **state)
{
	const struct {
		void (*judge)(const struct source_facts *s, struct finding *ret);
		change_fn change;
		enum level level;
		const char *words, *remedy;
	} rows[] = {
		{ judge_credentials, no_change, LEVEL_OK, "from environment", "" },
		{ judge_credentials, no_keys, LEVEL_PROBLEM, "no AWS credentials", "" },
		{ judge_credentials, for_an_hour, LEVEL_OK, "in 1 h", "" },
		{ judge_credentials, ending, LEVEL_WARNING, "about to end", "renewed" },
		{ judge_identity, no_change, LEVEL_OK, "not asked", "" },
		{ judge_identity, known, LEVEL_OK, "user/reader", "" },
		{ judge_identity, owner, LEVEL_WARNING, "owner", "thawfs-policy.json" },
		{ judge_identity, bad_keys, LEVEL_PROBLEM, "TheCode", "keys" },
		{ judge_identity, no_sts, LEVEL_WARNING, "TheCode", "STS" },
		{ judge_access, there, LEVEL_OK, "answers", "" },
		{ judge_access, denied, LEVEL_PROBLEM, "DescribeVault: TheCode: the text",
		  "glacier:DescribeVault" },
		{ judge_access, absent, LEVEL_PROBLEM, "TheCode", "the region" },
		{ judge_access, unpaid, LEVEL_OK, "--paid", "" },
		{ judge_clock, no_change, LEVEL_OK, "not known", "" },
		{ judge_clock, right_clock, LEVEL_OK, "within", "" },
		{ judge_clock, slow_clock, LEVEL_WARNING, "1 min behind", "timedatectl" },
		{ judge_clock, fast_clock, LEVEL_PROBLEM, "10 min ahead", "timedatectl" },
		{ judge_notices, with_queue, LEVEL_OK, "are told of", "" },
		{ judge_notices, unwired, LEVEL_WARNING, "stays empty",
		  "Let the service" },
		{ judge_notices, wired_to_others, LEVEL_WARNING, "no queue is read",
		  "queue" },
		{ judge_notices, unseen_wiring, LEVEL_WARNING, "TheCode",
		  "glacier:GetVaultNotifications" },
		{ judge_queue, no_change, LEVEL_OK, "none", "" },
		{ judge_queue, with_queue, LEVEL_OK, "answers", "" },
		{ judge_queue, denied_queue, LEVEL_PROBLEM, "TheCode",
		  "sqs:ReceiveMessage" },
		{ judge_permissions, with_queue, LEVEL_OK, "sqs:DeleteMessage", "" },
		{ judge_permissions, no_change, LEVEL_OK, "glacier:InitiateJob", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct health h = { .origin = "environment" };
		struct source_facts s = { .name = "lab",
					  .is_vault = true,
					  .health = &h,
					  .now_ms = 1000 * HOUR_MS };
		struct finding f;

		rows[i].change(&s, &h);
		rows[i].judge(&s, &f);
		check(rows[i].words, &f, rows[i].level, rows[i].words);
		assert_non_null(strstr(f.remedy, rows[i].remedy));
	}
}

/* Every action of the policy that ships is one the doctor names, and the other way round. */
static void the_actions_are_those_of_the_policy(void **state)
{
	const char *const *const lists[] = { health_actions(true), health_actions(false),
					     health_queue_actions };
	_free_ char *path = NULL;
	_buf_ struct buf text;
	size_t named = 0, listed = 0;

	(void)state;
	buf_init(&text, BUF_TEXT_MAX);
	assert_true(asprintf(&path, "%s/packaging/iam/thawfs-policy.json",
			     getenv("THAW_SOURCE")) > 0);
	assert_int_equal(file_read(AT_FDCWD, path, BUF_TEXT_MAX, &text), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (const char *const *action = lists[i]; *action; action++) {
			char quoted[80];
			snprintf(quoted, sizeof(quoted), "\"%s\"", *action);
			assert_non_null(strstr(text.data, quoted));
			named++;
		}
	static const char *const services[] = { "\"glacier:", "\"s3:", "\"sqs:" };
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		for (const char *at = text.data; (at = strstr(at, services[i])); at++)
			listed++;
	assert_int_equal(named, listed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_machine_lacks_is_said),
		cmocka_unit_test(what_is_wrong_with_a_directory_is_said),
		cmocka_unit_test(what_is_wrong_with_prices_is_said),
		cmocka_unit_test(what_a_daemon_says_is_judged),
		cmocka_unit_test(what_a_service_answers_is_judged),
		cmocka_unit_test(the_actions_are_those_of_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
