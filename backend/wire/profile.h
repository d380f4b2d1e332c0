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

enum profile_key {
	PROFILE_ID,
	PROFILE_SECRET,
	PROFILE_TOKEN,
	PROFILE_REGION,
	PROFILE_ROLE_ARN,
	PROFILE_PROCESS,
	PROFILE_SSO,
	PROFILE_KEYS,
};

struct profile {
	char *path;     /* owned */
	char *section;  /* owned; "default" or the profile's name */
	bool is_config; /* sections but [default] are spelled [profile NAME] */
	bool is_found;  /* the section is there */
	char *values[PROFILE_KEYS]; /* owned, NULL if absent */
	struct stat seen;           /* of the file when it was read */
	bool is_read;
};

/* Takes nothing; 0 or -ENOMEM. */
int profile_init(struct profile *p, const char *path, const char *section,
		 bool is_config);
void profile_done(struct profile *p);

/* Reads the file unless it is the one already read. 0, -ENOENT (no file), -EACCES, -EFBIG (above
 * 1 MiB), -ENOMEM or another errno of reading; then no value is set. */
int profile_refresh(struct profile *p);
/* The next refresh reads, changed or not. */
void profile_forget(struct profile *p);

/* The name of a key in the file. */
const char *profile_key_name(enum profile_key k);
