/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "creds.h"
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
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_REGION",        "AWS_DEFAULT_REGION",
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	setenv("AWS_SHARED_CREDENTIALS_FILE", shared_path, 1);
	setenv("AWS_CONFIG_FILE", config_path, 1);
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
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL);
	_cleanup_(creds_freep) struct creds *named = creds_new("other");
	(void)state;

	file_write(shared_path,
		   "[default]\naws_access_key_id=S\naws_secret_access_key=s\n"
		   "[other]\naws_access_key_id=O\naws_secret_access_key=o\n");
	setenv("AWS_ACCESS_KEY_ID", "E", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "e", 1);
	setenv("AWS_PROFILE", "other", 1);
	assert_string_equal(got(c), "E/e/-");
	setenv("AWS_SESSION_TOKEN", "t", 1);
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
	c = creds_new(NULL);
	assert_string_equal(got(c), "O/o/-");
	assert_string_equal(creds_region(c), "eu-west-1");
}

static void the_shared_file_comes_before_the_config_file(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL);
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
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL);
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
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL);
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
	creds_expire(c);
	assert_string_equal(got(c), "NEWER1/c/-");

	unlink(shared_path);
	assert_non_null(str_after(got(c), "-126 no AWS credentials"));
}

static void without_credentials_the_error_names_all_places_and_the_remedy(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new("lab");
	(void)state;

	file_write(shared_path, "[default]\naws_access_key_id=CANARYID\n"
				"aws_secret_access_key=CANARYKEY\n");
	file_write(config_path,
		   "[profile lab]\nrole_arn = arn:x\nsource_profile = default\n");
	const char *said = got(c);
	assert_non_null(strstr(said, "profile \"lab\" is configured"));
	assert_non_null(strstr(said, shared_path));
	assert_non_null(strstr(said, "no profile \"lab\""));
	assert_non_null(strstr(said, config_path));
	assert_non_null(strstr(said, "role_arn is not supported"));
	assert_non_null(strstr(said, "aws configure"));
	assert_null(strstr(said, "CANARY"));
}

static void half_a_key_in_the_environment_is_an_error(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL);
	(void)state;

	file_write(shared_path,
		   "[default]\naws_access_key_id=S\naws_secret_access_key=s\n");
	setenv("AWS_ACCESS_KEY_ID", "E", 1);
	assert_non_null(strstr(got(c), "AWS_SECRET_ACCESS_KEY is not"));
}

static void the_region_is_of_the_environment_first(void **state)
{
	_cleanup_(creds_freep) struct creds *c = creds_new(NULL);
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
		HERE(half_a_key_in_the_environment_is_an_error),
		HERE(the_region_is_of_the_environment_first),
	};
	return cmocka_run_group_tests_name("creds", tests, dir_make, dir_remove);
}
