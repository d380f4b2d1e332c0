/* SPDX-License-Identifier: Apache-2.0 */
/* thawfs-stage - runs `thaw stage` in another user's name, for a scheduler's daemon.
 *
 *	thawfs-stage UID check|in|wait|out OPTION...
 *
 * Slurm's hooks run as SlurmUser and not as the job's user, who is the one that may or may not read a file,
 * and whose budgets count. This program becomes that user for all that a mount looks at (effective,
 * saved and file system ids, his groups), keeps the real user id of who has started it, and starts
 * `thaw stage`, nothing else. By the real user id the mount knows that it is the scheduler who
 * says which job it is for ([mount] stagers), and the job's user can neither trace it nor stand in for
 * it.
 *
 * It is meant to be setuid root and executable by SlurmUser's group alone (root:slurm, 4750); it is
 * installed without that. Started by root it needs neither. No environment of the caller's and no
 * descriptor but the first three get through. Of the caller's words only those behind the first two
 * are free, and they are thaw's, which has none of the caller's rights.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "thawfs-stage: %s: %s\n", what, strerror(errno));
	return 1;
}

static int usage(const char *words)
{
	fprintf(stderr,
		"thawfs-stage: %s\n"
		"usage: thawfs-stage UID check|in|wait|out OPTION...\n",
		words);
	return 2;
}

/* A decimal number without anything around it. NULL: there is no such user, or it is root. */
static const struct passwd *user_of(const char *word)
{
	char *end = NULL;

	errno = 0;
	unsigned long uid = strtoul(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end || errno || uid == 0 ||
	    uid >= 0xffffffffUL)
		return NULL;
	/* cppcheck-suppress getpwuidCalled ; there is one thread */
	const struct passwd *pw = getpwuid((uid_t)uid);
	return pw && pw->pw_uid == uid ? pw : NULL;
}

static int is_act(const char *word)
{
	static const char *const acts[] = { "check", "in", "wait", "out" };

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(word, acts[i]) == 0)
			return 1;
	return 0;
}

/* All but the real user id, which stays who has started this. 0, or -1 and errno. */
static int become(const struct passwd *pw)
{
	uid_t real = getuid(), r, e, s;

	if (initgroups(pw->pw_name, pw->pw_gid) < 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid((uid_t)-1, pw->pw_uid, pw->pw_uid) < 0 || getresuid(&r, &e, &s) < 0)
		return -1;
	if (r != real || e != pw->pw_uid || s != pw->pw_uid) {
		errno = EPERM;
		return -1;
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int main(int argc, char **argv)
{
	static char path[] = "PATH=/usr/bin:/bin", lang[] = "LC_ALL=C.UTF-8",
		    program[] = THAW_PROGRAM, verb[] = "stage";
	char *environment[] = { path, lang, NULL };

	if (argc < 3)
		return usage("what is to be done?");
	if (!is_act(argv[2]))
		return usage("it stages, and nothing else");
	const struct passwd *pw = user_of(argv[1]);
	if (!pw)
		return usage("that is not the number of a user who may stage");
	/* The first two words make room for the program's two. */
	argv[0] = program;
	argv[1] = verb;
	if (chdir("/") < 0)
		return fail("/");
	if (close_range(3, ~0U, 0) < 0)
		return fail("descriptors");
	if (become(pw) < 0) {
		if (errno == EPERM)
			fputs("thawfs-stage: it must belong to root, with mode 4750 and "
			      "SlurmUser's group\n",
			      stderr);
		return fail(pw->pw_name);
	}
	execve(program, argv, environment);
	return fail(program);
}
