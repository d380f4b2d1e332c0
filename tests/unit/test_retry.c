/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "retry.h"

static void the_code_decides_and_not_the_status(void **state)
{
	static const struct {
		const char *service;
		int status;
		const char *code;
		enum fault_kind kind;
		enum retry_action action;
	} rows[] = {
		/* All 400 at vaults (reference 0, rule 10). */
		{ "glacier", 400, "ThrottlingException", FAULT_THROTTLED, RETRY_LATER },
		{ "glacier", 400, "LimitExceededException", FAULT_REFUSED, RETRY_NEVER },
		{ "glacier", 400, "PolicyEnforcedException", FAULT_REFUSED, RETRY_NEVER },
		{ "glacier", 400, "NoLongerSupportedException", FAULT_REFUSED,
		  RETRY_NEVER },
		{ "glacier", 400, "InsufficientCapacityException", FAULT_CAPACITY,
		  RETRY_NEVER },
		{ "glacier", 503, "InsufficientCapacityException", FAULT_CAPACITY,
		  RETRY_NEVER },
		{ "glacier", 400, "InvalidParameterValueException", FAULT_REFUSED,
		  RETRY_NEVER },
		{ "glacier", 400, "UnrecognizedClientException", FAULT_AUTH,
		  RETRY_NEVER },
		{ "glacier", 403, "InvalidSignatureException", FAULT_AUTH, RETRY_RESIGN },
		{ "glacier", 403, "ExpiredTokenException", FAULT_AUTH, RETRY_REFRESH },
		{ "glacier", 404, "ResourceNotFoundException", FAULT_NOT_FOUND,
		  RETRY_NEVER },
		{ "glacier", 408, "RequestTimeoutException", FAULT_BUSY, RETRY_LATER },
		{ "glacier", 500, "ServiceUnavailableException", FAULT_BUSY,
		  RETRY_LATER },

		{ "s3", 400, "ExpiredToken", FAULT_AUTH, RETRY_REFRESH },
		{ "s3", 400, "RequestTimeout", FAULT_BUSY, RETRY_LATER },
		{ "s3", 400, "AuthorizationHeaderMalformed", FAULT_REFUSED,
		  RETRY_REDIRECT },
		{ "s3", 400, "InvalidArgument", FAULT_REFUSED, RETRY_NEVER },
		{ "s3", 403, "RequestTimeTooSkewed", FAULT_AUTH, RETRY_RESIGN },
		{ "s3", 403, "InvalidObjectState", FAULT_COLD, RETRY_NEVER },
		{ "s3", 403, "AccessDenied", FAULT_DENIED, RETRY_NEVER },
		{ "s3", 403, "SomethingNew", FAULT_DENIED, RETRY_NEVER },
		{ "s3", 409, "RestoreAlreadyInProgress", FAULT_REFUSED, RETRY_NEVER },
		{ "s3", 412, "PreconditionFailed", FAULT_CHANGED, RETRY_NEVER },
		{ "s3", 503, "SlowDown", FAULT_THROTTLED, RETRY_LATER },
		{ "s3", 503, "GlacierExpeditedRetrievalNotAvailable", FAULT_CAPACITY,
		  RETRY_NEVER },
		{ "s3", 400, "LimitExceededException", FAULT_THROTTLED, RETRY_LATER },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct retry_verdict v =
			retry_judge(rows[i].service, rows[i].status, rows[i].code);
		if (v.kind != rows[i].kind || v.action != rows[i].action)
			fail_msg("%s %d %s: kind %d action %d", rows[i].service,
				 rows[i].status, rows[i].code, v.kind, v.action);
	}
}

static void a_bare_status_is_all_a_head_says(void **state)
{
	static const struct {
		int status;
		enum fault_kind kind;
		enum retry_action action;
	} rows[] = {
		{ 301, FAULT_REFUSED, RETRY_REDIRECT },
		{ 400, FAULT_REFUSED, RETRY_REDIRECT },
		{ 403, FAULT_DENIED, RETRY_RESIGN },
		{ 404, FAULT_NOT_FOUND, RETRY_NEVER },
		{ 405, FAULT_NOT_FOUND, RETRY_NEVER },
		{ 412, FAULT_CHANGED, RETRY_NEVER },
		{ 416, FAULT_REFUSED, RETRY_NEVER },
		{ 429, FAULT_THROTTLED, RETRY_LATER },
		{ 500, FAULT_BUSY, RETRY_LATER },
		{ 599, FAULT_BUSY, RETRY_LATER },
		{ 302, FAULT_PROTOCOL, RETRY_NEVER },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct retry_verdict v = retry_judge("s3", rows[i].status, "");
		assert_int_equal(v.kind, rows[i].kind);
		assert_int_equal(v.action, rows[i].action);
	}
}

static void only_a_sure_refusal_cannot_be_paid_twice(void **state)
{
	(void)state;

	assert_true(retry_judge("glacier", 400, "ThrottlingException").is_refusal);
	assert_true(
		retry_judge("glacier", 400, "InvalidParameterValueException").is_refusal);
	assert_true(retry_judge("glacier", 403, "ExpiredTokenException").is_refusal);
	assert_true(
		retry_judge("glacier", 503, "InsufficientCapacityException").is_refusal);
	assert_true(retry_judge("s3", 503, "SlowDown").is_refusal);
	assert_true(retry_judge("s3", 404, "").is_refusal);

	assert_false(retry_judge("glacier", 500, "InternalFailure").is_refusal);
	assert_false(
		retry_judge("glacier", 500, "ServiceUnavailableException").is_refusal);
	assert_false(retry_judge("glacier", 408, "RequestTimeoutException").is_refusal);
	assert_false(retry_judge("glacier", 408, "").is_refusal);
	assert_false(retry_judge("glacier", 502, "").is_refusal);
	assert_false(retry_judge("glacier", 599, "Odd").is_refusal);
}

static void delays_double_up_to_a_cap_and_heed_the_service(void **state)
{
	(void)state;

	assert_int_equal(retry_delay_ms(0, 0.99, -1), 0);
	assert_int_equal(retry_delay_ms(1, 0.0, -1), 0);
	assert_int_equal(retry_delay_ms(1, 0.5, -1), 500);
	assert_int_equal(retry_delay_ms(2, 0.5, -1), 1000);
	assert_int_equal(retry_delay_ms(5, 0.5, -1), 8000);
	assert_int_equal(retry_delay_ms(6, 0.5, -1), 10000);
	assert_int_equal(retry_delay_ms(1000, 0.5, -1), 10000);

	assert_int_equal(retry_delay_ms(1, 0.5, 100), 500);
	assert_int_equal(retry_delay_ms(1, 0.5, 3000), 3000);
	assert_int_equal(retry_delay_ms(1, 0.5, 3600000), 5500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_code_decides_and_not_the_status),
		cmocka_unit_test(a_bare_status_is_all_a_head_says),
		cmocka_unit_test(only_a_sure_refusal_cannot_be_paid_twice),
		cmocka_unit_test(delays_double_up_to_a_cap_and_heed_the_service),
	};
	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
