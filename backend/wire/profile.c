/* SPDX-License-Identifier: Apache-2.0 */
#include "profile.h"
#include "io.h"
#include "str.h"
#include <fcntl.h>
#include <stdlib.h>

#define FILE_MAX ((size_t)1 << 20)

static const char *const names[PROFILE_KEYS] = {
	[PROFILE_ID] = "aws_access_key_id",
	[PROFILE_SECRET] = "aws_secret_access_key",
	[PROFILE_TOKEN] = "aws_session_token",
	[PROFILE_REGION] = "region",
	[PROFILE_ROLE_ARN] = "role_arn",
	[PROFILE_SOURCE_PROFILE] = "source_profile",
	[PROFILE_CREDENTIAL_SOURCE] = "credential_source",
	[PROFILE_EXTERNAL_ID] = "external_id",
	[PROFILE_ROLE_SESSION_NAME] = "role_session_name",
	[PROFILE_DURATION] = "duration_seconds",
	[PROFILE_MFA_SERIAL] = "mfa_serial",
	[PROFILE_WEB_IDENTITY] = "web_identity_token_file",
	[PROFILE_PROCESS] = "credential_process",
	[PROFILE_SSO] = "sso_session",
	[PROFILE_SSO_START_URL] = "sso_start_url",
	[PROFILE_SSO_REGION] = "sso_region",
	[PROFILE_SSO_ACCOUNT] = "sso_account_id",
	[PROFILE_SSO_ROLE] = "sso_role_name",
	[PROFILE_ENDPOINT] = "endpoint_url",
};

/* What stands before the name in a section's heading. */
static const char *const kinds[] = {
	[PROFILE_SHARED] = "",
	[PROFILE_CONFIG] = "profile",
	[PROFILE_SSO_SESSION] = "sso-session",
};

const char *profile_key_name(enum profile_key k)
{
	return names[k];
}

static void text_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->room);
	buf_done(b);
}

void profile_forget(struct profile *p)
{
	for (size_t i = 0; i < PROFILE_KEYS; i++) {
		if (p->values[i])
			explicit_bzero(p->values[i], strlen(p->values[i]));
		free(p->values[i]);
		p->values[i] = NULL;
	}
	p->is_found = false;
	p->is_read = false;
}

void profile_done(struct profile *p)
{
	profile_forget(p);
	free(p->path);
	free(p->section);
	*p = (struct profile){ 0 };
}

int profile_init(struct profile *p, const char *path, enum profile_section kind,
		 const char *section)
{
	*p = (struct profile){ .kind = kind };
	p->path = strdup(path);
	p->section = strdup(section);
	if (!p->path || !p->section) {
		profile_done(p);
		return -ENOMEM;
	}
	return 0;
}

/* Cuts a comment (at the start, or behind a blank) and blanks at both ends, in place. */
static char *trimmed(char *s)
{
	s += strspn(s, " \t");
	for (char *p = s; *p; p++) {
		bool is_comment = *p == '#' || *p == ';';
		if (is_comment && (p == s || p[-1] == ' ' || p[-1] == '\t'))
			*p = '\0';
		if (!*p)
			break;
	}
	size_t len = strlen(s);
	while (len > 0 && strchr(" \t\r", s[len - 1]))
		s[--len] = '\0';
	return s;
}

/* Whether "[...]" is our section. */
static bool section_is_ours(const struct profile *p, char *line)
{
	char *end = strchr(line, ']');
	if (!end)
		return false;
	*end = '\0';

	const char *name = trimmed(line + 1);
	if (p->kind == PROFILE_CONFIG && streq(p->section, "default") &&
	    streq(name, "default"))
		return true;
	if (!*kinds[p->kind])
		return streq(name, p->section);
	const char *rest = str_after(name, kinds[p->kind]);
	if (!rest || (*rest != ' ' && *rest != '\t'))
		return false;
	return streq(rest + strspn(rest, " \t"), p->section);
}

static int value_take(struct profile *p, char *line)
{
	char *eq = strchr(line, '=');
	if (!eq)
		return 0;
	*eq = '\0';

	const char *name = trimmed(line);
	for (size_t i = 0; i < PROFILE_KEYS; i++) {
		if (!streq(name, names[i]) || p->values[i])
			continue;
		p->values[i] = strdup(trimmed(eq + 1));
		return p->values[i] ? 0 : -ENOMEM;
	}
	return 0;
}

static int text_parse(struct profile *p, char *text)
{
	bool is_ours = false;
	char *line;
	int r = 0;

	while (r == 0 && (line = strsep(&text, "\n")) != NULL) {
		bool is_sub_value = *line == ' ' || *line == '\t';
		if (*line == '[') {
			is_ours = section_is_ours(p, line);
			p->is_found = p->is_found || is_ours;
		} else if (is_ours && !is_sub_value && *line != '#' && *line != ';') {
			r = value_take(p, line);
		}
	}
	return r;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int profile_refresh(struct profile *p)
{
	_cleanup_(text_wipe) struct buf text;
	struct stat st;

	buf_init(&text, FILE_MAX);
	if (stat(p->path, &st) < 0) {
		int r = -errno;
		profile_forget(p);
		return r;
	}
	if (p->is_read && is_same(&st, &p->seen))
		return 0;

	profile_forget(p);
	int r = file_read(AT_FDCWD, p->path, FILE_MAX, &text);
	if (r >= 0)
		r = buf_puts(&text, ""); /* an empty file: still a string */
	if (r >= 0)
		r = text_parse(p, text.data);
	if (r < 0) {
		profile_forget(p);
		return r;
	}
	p->seen = st;
	p->is_read = true;
	return 0;
}
