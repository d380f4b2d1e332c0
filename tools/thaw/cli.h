/* SPDX-License-Identifier: Apache-2.0 */
/* cli - verbs, options and exit statuses of `thaw`.
 *
 * A verb is a row of the table in main.c and a file of its own; an option is a row of the table
 * in cli.c, and a verb names the options it takes by their letters; what only one verb could mean is
 * in a table of its own. Help is made of these rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What scripts may rely on. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_YET = 75, /* sysexits' EX_TEMPFAIL */
	EXIT_REFUSED = 77, /* sysexits' EX_NOPERM: policy or budget */
	EXIT_INTERRUPTED = 130,
};

#define CLI_OWN_MAX 24

struct settings {
	bool is_recursive;
	bool is_json;
	bool is_waiting;
	bool is_retry;          /* what has failed only */
	const char *tier;       /* NULL: the mount's default */
	uint64_t days;          /* 0: the mount's default */
	const char *range;      /* NULL: all of the file */
	int64_t limit_ms;       /* real; 0: no limit */
	const char *from;       /* NULL: the service */
	const char *files_from; /* paths, a line each; "-": standard input; NULL: none */
	/* find; NULL: whatever it is */
	const char *name, *size, *before, *after;
	const char *state, *storage_class, *tree_hash, *id;
	bool is_null;                /* NUL behind each path */
	bool is_clash;               /* names that others take for one */
	const char *email;           /* get: who is told; NULL: nobody */
	const char *group, *project; /* who is charged; NULL: as it follows */
	/* get, stage: Slurm's; 0, NULL: none is named */
	uint64_t job;
	const char *account;
	const char *spec; /* stage: the job's #THAW lines */
	/* prices */
	const char *state_dir, *endpoint, *profile; /* NULL: the usual one */
	bool is_api;
	bool is_all;
	bool is_paid;     /* doctor: requests that have a price, too */
	const char *bill; /* correct: an export; NULL: one amount */
	bool is_yes;
	bool is_everybody; /* unpin: everybody's */
	bool is_repair;    /* verify: consent to pay for what was wrong; fsck */
	bool is_restore;   /* backup: the other way */
	/* report; NULL: the default */
	const char *month, *by, *html;
	bool is_csv;
	/* What a verb's own options were given, by their rows; NULL: not given, "": takes none. */
	const char *own[CLI_OWN_MAX];
};

/* An option, as help shows it. */
struct cli_flag {
	char letter; /* 0: it has a name only */
	const char *name;
	const char *value; /* NULL: takes none */
	const char *help;
};

struct verb {
	const char *name;
	/* Gives an exit status. `paths` is empty only where set->files_from stands for them. */
	int (*run)(const struct settings *set, char **paths, size_t n);
	const char *help;    /* one line */
	const char *options; /* letters of cli.c's table */
	const char *paths;   /* "PATH..." */
	const char *more;    /* what else its own help says, with an example */
	bool is_single;      /* exactly one path */
	bool is_optional;    /* without a path: the current directory */
	/* Options that no other verb has; what they say is text for the verb to judge. */
	const struct cli_flag *own;
	size_t n_own; /* at most CLI_OWN_MAX */
};

/* Each that `verb` takes. */
void cli_each_flag(const struct verb *verb,
		   void (*each)(void *arg, const struct cli_flag *f), void *arg);

/* What a shell is to read; `shell` may be NULL. Gives an exit status. */
int completion_print(const char *shell, const struct verb *verbs, size_t n);

int status_run(const struct settings *set, char **paths, size_t n);
int get_run(const struct settings *set, char **paths, size_t n);
int wait_run(const struct settings *set, char **paths, size_t n);
int cancel_run(const struct settings *set, char **paths, size_t n);
int find_run(const struct settings *set, char **paths, size_t n);
int correct_run(const struct settings *set, char **paths, size_t n);
int approve_run(const struct settings *set, char **paths, size_t n);
int pin_run(const struct settings *set, char **paths, size_t n);
int unpin_run(const struct settings *set, char **paths, size_t n);
int stage_run(const struct settings *set, char **paths, size_t n);
int verify_run(const struct settings *set, char **paths, size_t n);
int evict_run(const struct settings *set, char **paths, size_t n);
int top_run(const struct settings *set, char **paths, size_t n);
int refresh_run(const struct settings *set, char **paths, size_t n);
int presign_run(const struct settings *set, char **paths, size_t n);
int plan_run(const struct settings *set, char **paths, size_t n);
int report_run(const struct settings *set, char **paths, size_t n);
int doctor_run(const struct settings *set, char **paths, size_t n);
int fsck_run(const struct settings *set, char **paths, size_t n);
int backup_run(const struct settings *set, char **paths, size_t n);
int transfer_run(const struct settings *set, char **paths, size_t n);
int prices_run(const struct settings *set, char **paths, size_t n);

/* Reads the options of `verb` (argv[0] is its name). 0 and settings and paths, or -EINVAL after
 * a line on stderr that names the nearest option, or 1 when help was asked for and given. */
int cli_parse(const struct verb *verb, int argc, char **argv, struct settings *ret_set,
	      char ***ret_paths, size_t *ret_n);
