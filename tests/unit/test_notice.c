/* SPDX-License-Identifier: Apache-2.0 */
#include "notice.h"

#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct heard {
	struct notice last;
	unsigned int n;
};

static void hear(void *arg, const struct notice *n)
{
	struct heard *h = arg;

	h->last = *n;
	h->n++;
}

static enum notice_kind read_text(const char *text, struct heard *ret)
{
	*ret = (struct heard){ .n = 0 };
	/* A copy of exactly that length: the sanitizer sees a byte read too many. */
	size_t len = strlen(text);
	char *copy = malloc(len + !len);

	assert_non_null(copy);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): on purpose */
	memcpy(copy, text, len);
	enum notice_kind kind = notice_parse(copy, len, hear, ret);
	free(copy);
	return kind;
}

#define S3_RECORD(event, key)                                                               \
	"{\"eventVersion\":\"2.3\",\"eventSource\":\"aws:s3\",\"awsRegion\":\"eu-west-1\"," \
	"\"eventName\":\"" event                                                            \
	"\",\"s3\":{\"s3SchemaVersion\":\"1.0\",\"bucket\":{\"name\":"                      \
	"\"lab\",\"arn\":\"arn:aws:s3:::lab\"},\"object\":{\"key\":\"" key                  \
	"\",\"size\":25,\"eTag\":\"d41d-3\",\"versionId\":\"v7\",\"sequencer\":\"0065\"}}}"
#define JOB                                                                              \
	"{\"Action\":\"ArchiveRetrieval\",\"ArchiveId\":\"NkbB\",\"Completed\":true,"    \
	"\"InventorySizeInBytes\":null,\"JobId\":\"HkF9\",\"StatusCode\":\"Succeeded\"," \
	"\"VaultARN\":\"arn:aws:glacier:us-east-1:111122223333:vaults/photos\"}"

/* S61 */
static void an_s3_event_names_the_key_decoded(void **state)
{
	struct heard h;

	(void)state;
	assert_int_equal(read_text("{\"Records\":[" S3_RECORD("ObjectRestore:Completed",
							      "a/x+y%2B1@:.tar") "]}",
				   &h),
			 NOTICE_ENDED);
	assert_int_equal(h.n, 1);
	assert_string_equal(h.last.scheme, "s3");
	assert_string_equal(h.last.container, "lab");
	assert_string_equal(h.last.id, "a/x y+1@:.tar");
	assert_string_equal(h.last.version, "v7");
	assert_string_equal(h.last.region, "eu-west-1");
}

static void every_record_is_told_but_those_that_say_a_restore_has_begun(void **state)
{
	static const char many[] =
		"{\"Records\":[" S3_RECORD("ObjectRestore:Post", "a") "," S3_RECORD(
			"ObjectRestore:Completed",
			"b") ",7,null,{}," S3_RECORD("ObjectCreated:Put",
						     "c") "," S3_RECORD("ObjectRestore:Delete",
									"d") "]}";
	struct heard h;

	(void)state;
	assert_int_equal(read_text(many, &h), NOTICE_ENDED);
	assert_int_equal(h.n, 2);
	assert_string_equal(h.last.id, "d");
}

static void eventbridge_writes_the_key_as_it_is(void **state)
{
	struct heard h;

	(void)state;
	assert_int_equal(
		read_text(
			"{\"version\":\"0\",\"detail-type\":\"Object Restore Completed\","
			"\"source\":\"aws.s3\",\"region\":\"us-east-1\",\"detail\":{"
			"\"bucket\":{\"name\":\"lab\"},\"object\":{\"key\":\"a/x y+1%20.tar\","
			"\"etag\":\"d\",\"version-id\":\"v1\"}}}",
			&h),
		NOTICE_ENDED);
	assert_string_equal(h.last.id, "a/x y+1%20.tar");
	assert_string_equal(h.last.version, "v1");
	assert_int_equal(read_text("{\"detail-type\":\"Object Restore Initiated\"}", &h),
			 NOTICE_NOTHING);
	assert_int_equal(h.n, 0);
}

static void a_vaults_job_names_archive_and_job(void **state)
{
	struct heard h;

	(void)state;
	assert_int_equal(read_text(JOB, &h), NOTICE_ENDED);
	assert_string_equal(h.last.scheme, "glacier");
	assert_string_equal(h.last.container, "vaults/photos");
	assert_string_equal(h.last.region, "us-east-1");
	assert_string_equal(h.last.id, "NkbB");
	assert_string_equal(h.last.token, "HkF9");
}

static void an_inventory_job_names_no_archive(void **state)
{
	struct heard h;

	(void)state;
	assert_int_equal(
		read_text(
			"{\"Action\":\"InventoryRetrieval\",\"ArchiveId\":null,\"JobId\":\"I\","
			"\"VaultARN\":\"arn:aws-cn:glacier:cn-north-1:1:vaults/v\"}",
			&h),
		NOTICE_ENDED);
	assert_string_equal(h.last.id, "");
	assert_string_equal(h.last.token, "I");
	assert_string_equal(h.last.region, "cn-north-1");
}

static void a_topics_envelope_is_opened_once(void **state)
{
	struct heard h;

	(void)state;
	assert_int_equal(
		read_text(
			"{\"Type\":\"Notification\",\"MessageId\":\"m\",\"TopicArn\":\"arn:aws:sns:x\","
			"\"Message\":\"{\\\"Action\\\":\\\"ArchiveRetrieval\\\",\\\"JobId\\\":"
			"\\\"J\\\",\\\"ArchiveId\\\":\\\"A\\\",\\\"VaultARN\\\":"
			"\\\"arn:aws:glacier:us-east-1:1:vaults/v\\\"}\",\"SigningCertURL\":"
			"\"https://x\"}",
			&h),
		NOTICE_ENDED);
	assert_string_equal(h.last.id, "A");
	assert_int_equal(
		read_text("{\"Type\":\"Notification\",\"Message\":\"{\\\"Type\\\":"
			  "\\\"Notification\\\",\\\"Message\\\":\\\"{}\\\"}\"}",
			  &h),
		NOTICE_UNKNOWN);
}

static const struct {
	const char *text;
	enum notice_kind kind;
} rows[] = {
	{ "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Bucket\":\"lab\"}",
	  NOTICE_NOTHING },
	{ "{\"Type\":\"Notification\",\"Message\":\"{\\\"Event\\\":\\\"s3:TestEvent\\\"}\"}",
	  NOTICE_NOTHING },
	{ "{\"Type\":\"SubscriptionConfirmation\",\"SubscribeURL\":\"http://127.0.0.1:1/\"}",
	  NOTICE_CONFIRM },
	{ "{\"Type\":\"UnsubscribeConfirmation\"}", NOTICE_CONFIRM },
	{ "", NOTICE_UNKNOWN },
	{ "{", NOTICE_UNKNOWN },
	{ "7", NOTICE_UNKNOWN },
	{ "[]", NOTICE_UNKNOWN },
	{ "null", NOTICE_UNKNOWN },
	{ "{}", NOTICE_UNKNOWN },
	{ "{\"Records\":7}", NOTICE_UNKNOWN },
	{ "{\"Type\":\"Notification\"}", NOTICE_UNKNOWN },
	{ "{\"Type\":\"Notification\",\"Message\":{}}", NOTICE_UNKNOWN },
	{ "{\"Type\":\"Notification\",\"Message\":\"hello\"}", NOTICE_UNKNOWN },
	{ "{\"detail-type\":\"Object Restore Completed\"}", NOTICE_UNKNOWN },
	{ "{\"Action\":\"ArchiveRetrieval\",\"JobId\":\"J\",\"VaultARN\":\"arn:\"}",
	  NOTICE_UNKNOWN },
	{ "{\"Action\":\"ArchiveRetrieval\",\"JobId\":\"J\",\"VaultARN\":"
	  "\"arn:aws:glacier:us-east-1\"}",
	  NOTICE_UNKNOWN },
	{ "{\"Records\":[" S3_RECORD("ObjectRestore:Completed", "a%00b") "]}",
	  NOTICE_ENDED },
	{ "{\"Records\":[" S3_RECORD("ObjectRestore:Completed", "") "]}", NOTICE_ENDED },
};

static void what_names_nothing_tells_nothing(void **state)
{
	struct heard h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum notice_kind kind = read_text(rows[i].text, &h);

		if (kind != rows[i].kind || h.n != 0)
			fail_msg("%s: kind %d, %u told", rows[i].text, kind, h.n);
	}
}

static void a_message_cut_anywhere_does_no_harm(void **state)
{
	static const char *const whole[] = {
		JOB,
		"{\"Records\":[" S3_RECORD("ObjectRestore:Completed", "a%20b") "]}",
	};
	struct heard h;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		for (size_t len = 0; len < strlen(whole[i]); len++) {
			char text[1024];

			snprintf(text, sizeof(text), "%.*s", (int)len, whole[i]);
			assert_int_equal(read_text(text, &h), NOTICE_UNKNOWN);
			assert_int_equal(h.n, 0);
		}
}

static void a_notice_is_about_one_object_of_one_source(void **state)
{
	static const struct backend_ops vaults = { .scheme = "glacier",
						   .catalog_is_job = true };
	static const struct backend_ops buckets = { .scheme = "s3" };
	struct backend vault = { .ops = &vaults, .region = "us-east-1" };
	struct backend bucket = { .ops = &buckets, .region = "us-east-1" };
	struct object archive = { .id = "NkbB" }, object = { .id = "k", .version = "v1" };
	struct notice job = { "glacier", "us-east-1", "vaults/photos", "NkbB", "", "J" };
	struct notice event = { "s3", "", "lab", "k", "", "" };

	(void)state;
	snprintf(vault.resource_root, sizeof(vault.resource_root), "vaults/photos");
	snprintf(bucket.resource_root, sizeof(bucket.resource_root), "lab");
	assert_true(notice_is_about(&job, &vault, &archive, "another job"));
	assert_false(notice_is_about(&job, &bucket, &archive, "J"));
	assert_false(notice_is_about(&job, &vault, NULL, "I"));
	job.id[0] = '\0';
	assert_true(notice_is_about(&job, &vault, NULL, "I"));
	assert_false(notice_is_about(&job, &vault, &archive, "another job"));
	assert_true(notice_is_about(&job, &vault, &archive, "J"));
	vault.region = "eu-west-1";
	assert_false(notice_is_about(&job, &vault, &archive, "J"));

	assert_true(notice_is_about(&event, &bucket, &object, ""));
	snprintf(event.version, sizeof(event.version), "v2");
	assert_false(notice_is_about(&event, &bucket, &object, ""));
	snprintf(event.container, sizeof(event.container), "other");
	event.version[0] = '\0';
	assert_false(notice_is_about(&event, &bucket, &object, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_s3_event_names_the_key_decoded),
		cmocka_unit_test(
			every_record_is_told_but_those_that_say_a_restore_has_begun),
		cmocka_unit_test(eventbridge_writes_the_key_as_it_is),
		cmocka_unit_test(a_vaults_job_names_archive_and_job),
		cmocka_unit_test(an_inventory_job_names_no_archive),
		cmocka_unit_test(a_topics_envelope_is_opened_once),
		cmocka_unit_test(what_names_nothing_tells_nothing),
		cmocka_unit_test(a_message_cut_anywhere_does_no_harm),
		cmocka_unit_test(a_notice_is_about_one_object_of_one_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
