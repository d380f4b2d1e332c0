/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "creds.h"
#include "creds_fetch.h"
#include "creds_plan.h"
#include "creds_process.h"
#include "str.h"

#include <stdio.h>
#include <sys/stat.h>

static char dir[] = "/tmp/thawfs-creds-XXXXXX";
static char shared_path[64], config_path[64];

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int environment_clear(void **state)
{
	static const char *const names[] = {
		"AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN",
		"AWS_PROFILE",
		"AWS_REGION",
		"AWS_DEFAULT_REGION",
		"AWS_ROLE_ARN",
		"AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_S3",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	setenv("AWS_SHARED_CREDENTIALS_FILE", shared_path, 1);
	setenv("AWS_CONFIG_FILE", config_path, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	unlink(shared_path);
	unlink(config_path);
	return 0;
}

static int dir_make(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(shared_path, sizeof(shared_path), "%s/credentials", dir);
	snprintf(config_path, sizeof(config_path), "%s/config", dir);
	return 0;
}

static int dir_remove(void **state)
{
	environment_clear(state);
	return rmdir(dir);
}

/* What creds_get() says: "ID/SECRET/TOKEN", or the error. */
static const char *got(struct creds *c)
{
	static char text[2048];
	struct creds_key key;
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	int r = creds_get(c, &key, &err);
	if (r == 0)
		snprintf(text, sizeof(text), "%s/%s/%s", key.id, key.secret,
			 key.token ? key.token : "-");
	else
		snprintf(text, sizeof(text), "%d %s", r, err.data);
	return text;
}

static void the_environment_comes_before_files_and_aws_profile(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);
	_cleanup_(creds_freep) struct creds *named = creds_new(NULL, "other");
	(void)state;

	file_write(shared_path,
		   "[default]\naws_access_key_id=S\naws_secret_access_key=s\n"
		   "[other]\naws_access_key_id=O\naws_secret_access_key=o\n");
	setenv("AWS_ACCESS_KEY_ID", "E", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
	setenv("AWS_PROFILE", "other", 1);
	assert_string_equal(got(c), "E/e/-");
	setenv("AWS_SESSION_TOKEN", "t", 1);
	creds_expire(c, creds_turn(c));
	assert_string_equal(got(c), "E/e/t");
	/* A profile named in the configuration does beat them. */
	assert_string_equal(got(named), "O/o/-");
}

static void aws_profile_chooses_among_files(void **state)
{
	_cleanup_(creds_freep) struct creds *c = NULL;
	(void)state;

	file_write(shared_path,
		   "[default]\naws_access_key_id=S\naws_secret_access_key=s\n");
	file_write(config_path, "[profile other]\naws_access_key_id=O\n"
				"aws_secret_access_key=o\nregion=eu-west-1\n");
	setenv("AWS_PROFILE", "other", 1);
	c = creds_new(NULL, NULL);
	assert_string_equal(got(c), "O/o/-");
	assert_string_equal(creds_region(c), "eu-west-1");
}

static void the_shared_file_comes_before_the_config_file(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);
	(void)state;

	file_write(config_path,
		   "[default]\naws_access_key_id=C\naws_secret_access_key=c\n");
	assert_string_equal(got(c), "C/c/-");
	file_write(shared_path,
		   "[default]\naws_access_key_id=S\naws_secret_access_key=s\n");
	assert_string_equal(got(c), "S/s/-");
}

static void files_are_read_with_comments_blanks_and_long_tokens(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);
	char text[2048], token[1001], want[1100];
	(void)state;

	memset(token, 'x', 1000);
	token[1000] = '\0';
	snprintf(text, sizeof(text),
		 "# first\r\n"
		 "[other]\naws_access_key_id = WRONG\n"
		 "  [ default ]\n"
		 "[ default ] ; mine\n"
		 "; aws_access_key_id = NO\n"
		 "aws_access_key_id   =  A#1 # the id\r\n"
		 "s3 =\n  aws_secret_access_key = nested\n"
		 "aws_secret_access_key = a/b+c=;d\n"
		 "aws_session_token=%s\n"
		 "[next]\naws_session_token = WRONG\n",
		 token);
	file_write(shared_path, text);
	snprintf(want, sizeof(want), "A#1/a/b+c=;d/%s", token);
	assert_string_equal(got(c), want);
}

static void a_changed_file_is_read_again(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);
	struct stat st;
	(void)state;

	file_write(shared_path,
		   "[default]\naws_access_key_id=A\naws_secret_access_key=a\n");
	assert_string_equal(got(c), "A/a/-");
	file_write(shared_path,
		   "[default]\naws_access_key_id=LONGER\naws_secret_access_key=b\n");
	assert_string_equal(got(c), "LONGER/b/-");

	/* Changed within the resolution of its times: only an expiry makes it looked at. */
	assert_int_equal(stat(shared_path, &st), 0);
	file_write(shared_path,
		   "[default]\naws_access_key_id=NEWER1\naws_secret_access_key=c\n");
	struct timespec times[2] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(0, shared_path, times, 0), 0);
	creds_expire(c, creds_turn(c));
	assert_string_equal(got(c), "NEWER1/c/-");

	unlink(shared_path);
	assert_non_null(str_after(got(c), "-126 no AWS credentials"));
}

static void without_credentials_the_error_names_all_places_and_the_remedy(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, "lab");
	(void)state;

	file_write(shared_path, "[default]\naws_access_key_id=CANARYID\n"
				"aws_secret_access_key=CANARYKEY\n");
	file_write(config_path, "[profile lab]\nregion = eu-west-1\n");
	const char *said = got(c);
	assert_non_null(strstr(said, "profile \"lab\" is configured"));
	assert_non_null(strstr(said, shared_path));
	assert_non_null(strstr(said, "no profile \"lab\""));
	assert_non_null(strstr(said, config_path));
	assert_non_null(strstr(said, "profile \"lab\" has no credentials"));
	assert_non_null(strstr(said, "aws configure"));
	assert_null(strstr(said, "CANARY"));
}

/* What creds_plan_make() decides: "WAY ORIGIN ROLES", or the error. */
static const char *planned(const char *profile)
{
	static const char *const ways[] = {
		[CREDS_STATIC] = "static",       [CREDS_PROCESS] = "process",
		[CREDS_WEB_IDENTITY] = "web",    [CREDS_SSO] = "sso",
		[CREDS_CONTAINER] = "container", [CREDS_INSTANCE] = "instance",
	};
	static char text[1024];
	struct creds_plan p;
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	if (creds_plan_make(profile, &p, &err) < 0) {
		snprintf(text, sizeof(text), "%s", err.data);
		return text;
	}
	snprintf(text, sizeof(text), "%s", ways[p.way]);
	for (size_t i = 0; i < p.n_roles; i++) {
		size_t at = strlen(text);
		snprintf(text + at, sizeof(text) - at, " %s/%s/%s", p.roles[i].arn,
			 p.roles[i].session ? p.roles[i].session : "-",
			 p.roles[i].external_id ? p.roles[i].external_id : "-");
	}
	creds_plan_done(&p);
	return text;
}

static void a_profile_decides_how_credentials_are_got(void **state)
{
	static const struct {
		const char *config, *want; /* of profile "p" */
	} rows[] = {
		{ "[profile p]\ncredential_process = x\naws_access_key_id=a\n"
		  "aws_secret_access_key=b\n",
		  "process" },
		{ "[profile p]\nrole_arn=R\nsource_profile=base\nexternal_id=E\n"
		  "[profile base]\naws_access_key_id=a\naws_secret_access_key=b\n",
		  "static R/-/E" },
		{ "[profile p]\nrole_arn=R2\nsource_profile=q\nrole_session_name=me\n"
		  "[profile q]\nrole_arn=R1\ncredential_source=Ec2InstanceMetadata\n",
		  "credential_source = Ec2InstanceMetadata has no credentials" },
		{ "[profile p]\nrole_arn=R2\nsource_profile=q\nrole_session_name=me\n"
		  "[profile q]\nrole_arn=R1\nsource_profile=r\n"
		  "[profile r]\ncredential_process=x\n",
		  "process R1/-/- R2/me/-" },
		{ "[profile p]\nrole_arn=R\nsource_profile=p\naws_access_key_id=a\n"
		  "aws_secret_access_key=b\n",
		  "static R/-/-" },
		{ "[profile p]\nrole_arn=R\nweb_identity_token_file=/t\n", "web R/-/-" },
		{ "[profile p]\nsso_session=s\nsso_account_id=1\nsso_role_name=r\n"
		  "[sso-session s]\nsso_region=eu-west-1\n",
		  "sso" },
		{ "[profile p]\nsso_start_url=u\nsso_account_id=1\nsso_role_name=r\n"
		  "sso_region=eu-west-1\n",
		  "sso" },
		{ "[profile p]\nrole_arn=R\nsource_profile=q\n[profile q]\nrole_arn=R\n"
		  "source_profile=p\n",
		  "the profiles go round in a circle" },
		{ "[profile p]\nrole_arn=R\nmfa_serial=m\nsource_profile=p\n",
		  "profile \"p\" has mfa_serial: a daemon cannot type a code; use a role "
		  "without it" },
		{ "[profile p]\nrole_arn=R\n",
		  "profile \"p\" has role_arn: it also needs source_profile or "
		  "credential_source" },
		{ "[profile p]\nrole_arn=R\nsource_profile=gone\n",
		  "profile \"p\": source_profile = gone has no credentials" },
		{ "[profile p]\nrole_arn=R\ncredential_source=Moon\n",
		  "credential_source = Moon: must be Environment, EcsContainer or "
		  "Ec2InstanceMetadata" },
		{ "[profile p]\nsso_session=s\nsso_account_id=1\n",
		  "needs sso_role_name" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		file_write(config_path, rows[i].config);
		const char *said = planned("p");
		if (!strstr(said, rows[i].want))
			fail_msg("row %zu: %s", i, said);
	}
}

static void the_environment_says_where_we_run(void **state)
{
	(void)state;

	setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", 1);
	assert_string_equal(planned(NULL), "container");
	/* A profile that was asked for is not replaced by where we run. */
	assert_non_null(strstr(planned("lab"), "No such file"));
	setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/t", 1);
	assert_string_equal(planned(NULL),
			    "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not");
	setenv("AWS_ROLE_ARN", "R", 1);
	assert_string_equal(planned(NULL), "web R/-/-");
	file_write(shared_path,
		   "[default]\naws_access_key_id=S\naws_secret_access_key=s\n");
	assert_string_equal(planned(NULL), "web R/-/-");
	setenv("AWS_ACCESS_KEY_ID", "E", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
	assert_string_equal(planned(NULL), "static");
}

static void endpoints_are_those_of_aws_tools(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);
	(void)state;

	assert_null(creds_endpoint(c, "S3"));
	file_write(config_path, "[default]\nendpoint_url = http://f\n");
	assert_string_equal(creds_endpoint(c, "S3"), "http://f");
	setenv("AWS_ENDPOINT_URL", "http://a", 1);
	assert_string_equal(creds_endpoint(c, "S3"), "http://a");
	setenv("AWS_ENDPOINT_URL_S3", "http://s", 1);
	assert_string_equal(creds_endpoint(c, "S3"), "http://s");
	assert_string_equal(creds_endpoint(c, "GLACIER"), "http://a");
}

static void credentials_are_renewed_before_they_end(void **state)
{
	const int64_t min = 60000;
	(void)state;

	assert_int_equal(creds_age(0, 0, INT64_MAX), CREDS_FRESH);
	assert_int_equal(creds_age(0, 60 * min, 44 * min), CREDS_FRESH);
	assert_int_equal(creds_age(0, 60 * min, 45 * min), CREDS_AGEING);
	assert_int_equal(creds_age(0, 60 * min, 58 * min), CREDS_AGEING);
	assert_int_equal(creds_age(0, 60 * min, 59 * min), CREDS_EXPIRED);
	/* Short-lived ones: fractions of their life. */
	assert_int_equal(creds_age(0, 8000, 5999), CREDS_FRESH);
	assert_int_equal(creds_age(0, 8000, 6000), CREDS_AGEING);
	assert_int_equal(creds_age(0, 8000, 7000), CREDS_EXPIRED);
}

static void a_command_is_split_without_a_shell(void **state)
{
	static const struct {
		const char *line, *want; /* words joined by '|' */
	} rows[] = {
		{ "a b  c", "a|b|c|" },
		{ " 'a b' \"c d\" e\\ f ", "a b|c d|e f|" },
		{ "a \"b \\\" c\" 'd \\ e' \"\"", "a|b \" c|d \\ e||" },
		{ "x;y $HOME `z` *", "x;y|$HOME|`z`|*|" },
		{ "", "" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char **words = command_split(rows[i].line);
		char text[100] = "";

		assert_non_null(words);
		for (char **w = words; *w; w++) {
			size_t at = strlen(text);
			snprintf(text + at, sizeof(text) - at, "%s|", *w);
		}
		assert_string_equal(text, rows[i].want);
		free((void *)words);
	}
	assert_null(command_split("a 'b"));
}

static void what_is_answered_must_hold_credentials(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\","
		  "\"Expiration\":\"2026-01-02T03:04:05Z\"}",
		  0 },
		{ "{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}", 0 },
		{ "{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}",
		  -EPROTO },
		{ "{\"Code\":\"Failed\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}",
		  -EPROTO },
		{ "{\"AccessKeyId\":\"A\\r\\nX: y\",\"SecretAccessKey\":\"S\"}",
		  -EPROTO },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Expiration\":\"soon\"}",
		  -EPROTO },
		{ "{\"AccessKeyId\":\"A\"}", -EPROTO },
		{ "<html>", -EPROTO },
		{ "", -EPROTO },
	};
	struct creds_found f;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = creds_json_parse(rows[i].text, strlen(rows[i].text), &f);

		assert_int_equal(r, rows[i].want);
		if (r == 0)
			creds_found_done(&f);
	}
	const char *bomb =
		"<!DOCTYPE a [<!ENTITY b \"c\">]><a><AccessKeyId>&b;</AccessKeyId>"
		"</a>";
	assert_int_equal(creds_sts_parse(bomb, strlen(bomb), &f), -EPROTO);
}

static void sources_of_one_profile_share_theirs(void **state)
{
	struct creds_pool pool = { 0 };

	(void)state;
	struct creds *a = creds_join(&pool, NULL, "lab");
	struct creds *b = creds_join(&pool, NULL, "lab");
	struct creds *c = creds_join(&pool, NULL, NULL);
	struct creds *d = creds_join(&pool, NULL, "");
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_ptr_equal(c, d);
	creds_free(a);
	assert_ptr_equal(b, creds_join(&pool, NULL, "lab"));
	creds_free(b);
	creds_free(b);
	creds_free(c);
	creds_free(d);
	assert_true(LIST_EMPTY(&pool.all));
}

/* S64: of many requests that find out, one has them looked up again. */
static void what_has_been_renewed_since_is_not_thrown_away(void **state)
{
	const struct creds_key key = { "id", "secret", NULL, "", 0 };
	_cleanup_(creds_freep) struct creds *fixed = creds_new_fixed(&key);
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, "lab");

	(void)state;
	uint64_t turn = creds_turn(c);
	creds_expire(c, turn);
	assert_int_not_equal(creds_turn(c), turn);
	uint64_t then = creds_turn(c);
	creds_expire(c, turn);
	assert_int_equal(creds_turn(c), then);
	creds_expire(fixed, creds_turn(fixed));
	assert_int_equal(creds_turn(fixed), 0);
}

static void half_a_key_in_the_environment_is_an_error(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);
	(void)state;

	file_write(shared_path,
		   "[default]\naws_access_key_id=S\naws_secret_access_key=s\n");
	setenv("AWS_ACCESS_KEY_ID", "E", 1);
	assert_non_null(strstr(got(c), "AWS_SECRET_ACCESS_KEY is not"));
}

static void the_region_is_of_the_environment_first(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL, NULL);
	(void)state;

	assert_null(creds_region(c));
	file_write(shared_path, "[default]\nregion = r4\n");
	assert_string_equal(creds_region(c), "r4");
	file_write(config_path, "[default]\nregion = r3\n");
	assert_string_equal(creds_region(c), "r3");
	setenv("AWS_DEFAULT_REGION", "r2", 1);
	assert_string_equal(creds_region(c), "r2");
	setenv("AWS_REGION", "r1", 1);
	assert_string_equal(creds_region(c), "r1");
}

#define HERE(f) cmocka_unit_test_setup(f, environment_clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HERE(the_environment_comes_before_files_and_aws_profile),
		HERE(aws_profile_chooses_among_files),
		HERE(the_shared_file_comes_before_the_config_file),
		HERE(files_are_read_with_comments_blanks_and_long_tokens),
		HERE(a_changed_file_is_read_again),
		HERE(without_credentials_the_error_names_all_places_and_the_remedy),
		HERE(a_profile_decides_how_credentials_are_got),
		HERE(the_environment_says_where_we_run),
		HERE(endpoints_are_those_of_aws_tools),
		HERE(credentials_are_renewed_before_they_end),
		HERE(a_command_is_split_without_a_shell),
		HERE(what_is_answered_must_hold_credentials),
		HERE(sources_of_one_profile_share_theirs),
		HERE(what_has_been_renewed_since_is_not_thrown_away),
		HERE(half_a_key_in_the_environment_is_an_error),
		HERE(the_region_is_of_the_environment_first),
	};
	return cmocka_run_group_tests_name("creds", tests, dir_make, dir_remove);
}
