/* SPDX-License-Identifier: Apache-2.0 */
/* profile - one profile of an AWS credentials or config file, kept fresh.
 *
 * Not read with inih: Debian's (version 55) cuts lines at 200 bytes and session tokens are
 * longer. The format is a small one: sections, `key = value`, comments at line start or behind a
 * blank, indented sub-values (skipped).
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

/* How the sections of one name are spelled: [NAME] in the credentials file, [profile NAME] (and
 * [default]) in the config file, and there also [sso-session NAME]. */
enum profile_section {
	PROFILE_SHARED,
	PROFILE_CONFIG,
	PROFILE_SSO_SESSION,
};

enum profile_key {
	PROFILE_ID,
	PROFILE_SECRET,
	PROFILE_TOKEN,
	PROFILE_REGION,
	PROFILE_ROLE_ARN,
	PROFILE_SOURCE_PROFILE,
	PROFILE_CREDENTIAL_SOURCE,
	PROFILE_EXTERNAL_ID,
	PROFILE_ROLE_SESSION_NAME,
	PROFILE_DURATION,
	PROFILE_MFA_SERIAL,
	PROFILE_WEB_IDENTITY,
	PROFILE_PROCESS,
	PROFILE_SSO,
	PROFILE_SSO_START_URL,
	PROFILE_SSO_REGION,
	PROFILE_SSO_ACCOUNT,
	PROFILE_SSO_ROLE,
	PROFILE_ENDPOINT,
	PROFILE_KEYS,
};

struct profile {
	char *path;    /* owned */
	char *section; /* owned; "default" or the profile's name */
	enum profile_section kind;
	bool is_found;              /* the section is there */
	char *values[PROFILE_KEYS]; /* owned, NULL if absent */
	struct stat seen;           /* of the file when it was read */
	bool is_read;
};

/* Takes nothing; 0 or -ENOMEM. */
int profile_init(struct profile *p, const char *path, enum profile_section kind,
		 const char *section);
void profile_done(struct profile *p);

/* Reads the file unless it is the one already read. 0, -ENOENT (no file), -EACCES, -EFBIG (above
 * 1 MiB), -ENOMEM or another errno of reading; then no value is set. */
int profile_refresh(struct profile *p);
/* The next refresh reads, changed or not. */
void profile_forget(struct profile *p);

/* The name of a key in the file. */
const char *profile_key_name(enum profile_key k);
