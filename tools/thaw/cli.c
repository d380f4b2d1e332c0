/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include "cleanup.h"
#include "str.h"

#include <getopt.h>
#include <stdio.h>

static const struct cli_flag flags[] = {
	{ 'r', "recursive", NULL, "walk directories; symbolic links are not followed" },
	{ 'j', "json", NULL, "print one JSON object a line" },
	{ 'R', "retry", NULL, "ask again for what has failed, no more; implies -r" },
	{ 't', "tier", "TIER", "expedited, standard or bulk; else what the mount says" },
	{ 'd', "days", "N", "how long an S3 copy is kept; else what the mount says" },
	{ 'g', "group", "NAME", "one of your groups: its budgets count, it is charged" },
	{ 'p', "project", "NAME", "one of your projects: it is charged" },
	{ 'E', "email", "ADDRESS", "mail when all of it is here, or has failed" },
	{ 'B', "range", "A-B",
	  "only bytes A to B, of archives of vaults; A- to the end" },
	{ 'w', "wait", NULL, "wait until the files are here" },
	{ 'T', "timeout", "TIME", "wait no longer than this (30s, 5m, 12h): status 75" },
	{ 'f', "from", "FILE", "a vault's inventory, JSON or CSV, instead of a new one" },
	{ 'u', "from", "FILE.csv",
	  "an AWS cost export instead of an amount and a reason" },
	{ 'y', "yes", NULL, "do it, without a question" },
	{ 'F', "files-from", "LIST", "a file of paths, one a line; -: standard input" },
	{ 'n', "name", "GLOB",
	  "the name; with a / in it, the path below: '*.tar', '2019/*/raw'" },
	{ 's', "size", "SIZE", "100: just that; +10G: more; -1M: less" },
	{ 'b', "before", "DATE", "changed before 2015-03-01" },
	{ 'a', "after", "DATE", "changed then or later" },
	{ 'S', "state", "STATE", "cold, cached, online, ...; a comma list" },
	{ 'c', "class", "CLASS", "storage class as the service spells it; a comma list" },
	{ 'x', "tree-hash", "HEX", "a vault archive's tree hash, or its beginning" },
	{ 'i', "id", "ID", "an archive's id, or an object's key" },
	{ 'C', "clashes", NULL, "names like another's but for case or Unicode's form" },
	{ '0', "null", NULL, "end each path with a NUL, for xargs -0" },
	{ 'D', "state", "DIR", "the daemon's state directory; else where it usually is" },
	{ 'e', "endpoint", "URL", "of another service than Amazon's own" },
	{ 'P', "profile", "NAME", "AWS profile, with --api; else the usual chain" },
	{ 'A', "api", NULL, "ask GetProducts, which needs credentials" },
	{ 'L', "all", NULL, "every region that the price list has" },
	{ 'm', "month", "MONTH", "2026-10; else the one before this" },
	{ 'k', "by", "WHAT",
	  "group (else), user, project, source, tier, program, account or job" },
	{ 'v', "csv", NULL, "print comma-separated lines" },
	{ 'H', "html", "FILE", "write a page with charts; -: to standard output" },
	{ 'o', "older", "TIME", "what counts as old; else 365d" },
	{ 'M', "paid", NULL, "also ask what has a price: some 0.00001 USD a source" },
	{ 'N', "days", "N", "how long it stays; else 7" },
	{ 'l', "all", NULL, "everybody's pins, not one of yours: an administrator's" },
	{ 'O', "older", "TIME",
	  "only what was not checked for so long: goes on where a run ended" },
	{ 'W', "repair", NULL,
	  "ask again for what was wrong, also where that costs something" },
	{ 'X', "expires", "TIME", "how long it lasts (30m, 12h, 7d); else 1h" },
	{ 'z', "restore", NULL, "put the copy in place; it is checked before" },
	{ 'Z', "repair", NULL, "mend what can be mended without losing anything" },
	{ 'J', "job", "N", "for this job of Slurm's: [mount] stagers and admins" },
	{ 'K', "account", "NAME", "of Slurm's, for the ledger: likewise" },
	{ 'I', "spec", "TEXT", "the job script's #THAW lines" },
	{ 'h', "help", NULL, "this text" },
};

static const struct cli_flag *flag_find(const struct verb *verb, int letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].letter == letter &&
		    (letter == 'h' || strchr(verb->options, letter)))
			return &flags[i];
	return NULL;
}

static void help_print(const struct verb *verb)
{
	printf("usage: thaw %s [OPTION...] %s\n\n%s\n\n", verb->name, verb->paths,
	       verb->help);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const struct cli_flag *f = &flags[i];
		char word[32];

		if (!flag_find(verb, f->letter))
			continue;
		snprintf(word, sizeof(word), "--%s%s%s", f->name, f->value ? " " : "",
			 f->value ? f->value : "");
		printf("  -%c, %-15s %s\n", f->letter, word, f->help);
	}
	for (size_t i = 0; i < verb->n_own; i++) {
		const struct cli_flag *f = &verb->own[i];
		char word[32];

		snprintf(word, sizeof(word), "--%s%s%s", f->name, f->value ? " " : "",
			 f->value ? f->value : "");
		printf("      %-15s %s\n", word, f->help);
	}
	printf("\n%s", verb->more);
}

void cli_each_flag(const struct verb *verb,
		   void (*each)(void *arg, const struct cli_flag *f), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flag_find(verb, flags[i].letter) == &flags[i])
			each(arg, &flags[i]);
	for (size_t i = 0; i < verb->n_own; i++)
		each(arg, &verb->own[i]);
}

static int value_refuse(const struct verb *verb, const struct cli_flag *f,
			const char *value)
{
	fprintf(stderr, "thaw %s: --%s: \"%s\" is not %s\n", verb->name, f->name, value,
		strchr("ToOX", f->letter) ? "a time (30s, 5m, 12h, 3d)"
		: f->letter == 'J'        ? "the number of a job"
					  : "a number of days");
	return -EINVAL;
}

/* What `find` looks for. True if the letter is one of its. */
static bool flag_find_apply(int letter, const char *value, struct settings *set)
{
	const struct {
		int letter;
		const char **to;
	} rows[] = {
		{ 'n', &set->name },      { 's', &set->size },
		{ 'b', &set->before },    { 'a', &set->after },
		{ 'S', &set->state },     { 'c', &set->storage_class },
		{ 'x', &set->tree_hash }, { 'i', &set->id },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].letter == letter) {
			*rows[i].to = value;
			return true;
		}
	set->is_clash = set->is_clash || letter == 'C';
	set->is_null = set->is_null || letter == '0';
	return letter == 'C' || letter == '0';
}

/* What `report` shows. True if the letter is one of its. */
static bool flag_report_apply(int letter, const char *value, struct settings *set)
{
	const struct {
		int letter;
		const char **to;
	} rows[] = {
		{ 'm', &set->month },
		{ 'k', &set->by },
		{ 'H', &set->html },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].letter == letter) {
			*rows[i].to = value;
			return true;
		}
	set->is_csv = set->is_csv || letter == 'v';
	return letter == 'v';
}

/* Of what is said of the cache. */
static bool flag_cache_apply(int letter, struct settings *set)
{
	set->is_everybody = set->is_everybody || letter == 'l';
	set->is_repair = set->is_repair || letter == 'W' || letter == 'Z';
	set->is_restore = set->is_restore || letter == 'z';
	return strchr("lWZz", letter) != NULL;
}

/* Who is charged, and for what. */
static bool flag_charge_apply(int letter, const char *value, struct settings *set)
{
	const struct {
		int letter;
		const char **to;
	} rows[] = {
		{ 'g', &set->group },
		{ 'p', &set->project },
		{ 'K', &set->account },
		{ 'I', &set->spec },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].letter == letter) {
			*rows[i].to = value;
			return true;
		}
	return false;
}

/* Words of a tier are the mount's to judge: a new one needs no new command. */
static int flag_apply(const struct verb *verb, const struct cli_flag *f,
		      const char *value, struct settings *set)
{
	uint64_t *count;

	switch (f->letter) {
	case 'r':
		set->is_recursive = true;
		return 0;
	case 'R':
		set->is_retry = set->is_recursive = true;
		return 0;
	case 'j':
		set->is_json = true;
		return 0;
	case 'w':
		set->is_waiting = true;
		return 0;
	case 'B':
		set->range = value;
		return 0;
	case 't':
		set->tier = value;
		return 0;
	case 'f':
		set->from = value;
		return 0;
	case 'F':
		set->files_from = value;
		return 0;
	case 'E':
		set->email = value;
		return 0;
	case 'u':
		set->bill = value;
		return 0;
	case 'y':
		set->is_yes = true;
		return 0;
	case 'D':
		set->state_dir = value;
		return 0;
	case 'e':
		set->endpoint = value;
		return 0;
	case 'P':
		set->profile = value;
		return 0;
	case 'A':
		set->is_api = true;
		return 0;
	case 'L':
		set->is_all = true;
		return 0;
	case 'M':
		set->is_paid = true;
		return 0;
	case 'J':
	case 'N':
	case 'd':
		count = f->letter == 'J' ? &set->job : &set->days;
		if (str_to_u64(value, count) < 0 || *count == 0)
			return value_refuse(verb, f, value);
		return 0;
	case 'o':
	case 'O':
	case 'T':
	case 'X':
		if (str_to_duration_ms(value, &set->limit_ms) < 0 || set->limit_ms == 0)
			return value_refuse(verb, f, value);
		return 0;
	default:
		if (flag_find_apply(f->letter, value, set) ||
		    flag_report_apply(f->letter, value, set) ||
		    flag_cache_apply(f->letter, set) ||
		    flag_charge_apply(f->letter, value, set))
			return 0;
		help_print(verb);
		return 1;
	}
}

static int option_refuse(const struct verb *verb, const char *word, bool is_bare)
{
	const char *names[ARRAY_SIZE(flags) + CLI_OWN_MAX];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flag_find(verb, flags[i].letter))
			names[n++] = flags[i].name;
	for (size_t i = 0; i < verb->n_own; i++)
		names[n++] = verb->own[i].name;

	if (is_bare) {
		fprintf(stderr, "thaw %s: %s needs a value", verb->name, word);
	} else {
		_free_ char *name = strdup(word + strspn(word, "-"));
		if (name)
			name[strcspn(name, "=")] = 0;
		const char *near = name && str_after(word, "--")
					   ? str_nearest(name, names, n)
					   : NULL;
		fprintf(stderr, "thaw %s: no option %s", verb->name, word);
		if (near)
			fprintf(stderr, "; did you mean --%s?", near);
	}
	fprintf(stderr, "\nthaw %s --help says more\n", verb->name);
	return -EINVAL;
}

/* What getopt gives for a verb's own option, above every letter. */
#define OWN_FIRST 256

/* Fills getopt's two descriptions with what the verb takes. */
static void options_fill(const struct verb *verb, struct option *longs, char *shorts)
{
	*shorts++ = ':';
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const struct cli_flag *f = &flags[i];
		if (!flag_find(verb, f->letter))
			continue;
		*longs++ = (struct option){ f->name, f->value != NULL, NULL, f->letter };
		*shorts++ = f->letter;
		if (f->value)
			*shorts++ = ':';
	}
	for (size_t i = 0; i < verb->n_own; i++)
		*longs++ = (struct option){ verb->own[i].name, verb->own[i].value != NULL,
					    NULL, OWN_FIRST + (int)i };
	*longs = (struct option){ 0 };
	*shorts = 0;
}

static int paths_check(const struct verb *verb, const struct settings *set, size_t n)
{
	if (n == 1 || (n == 0 && set->files_from) || (n > 1 && !verb->is_single))
		return 0;
	bool is_of_paths =
		str_after(verb->paths, "PATH") || str_after(verb->paths, "DIR");
	fprintf(stderr, "thaw %s: %s%s\nthaw %s --help says more\n", verb->name,
		n             ? "one path only"
		: is_of_paths ? "which path?"
			      : "give it ",
		n || is_of_paths ? "" : verb->paths, verb->name);
	return -EINVAL;
}

int cli_parse(const struct verb *verb, int argc, char **argv, struct settings *ret_set,
	      char ***ret_paths, size_t *ret_n)
{
	struct option longs[ARRAY_SIZE(flags) + CLI_OWN_MAX + 1];
	char shorts[2 * ARRAY_SIZE(flags) + 2];
	struct settings set = { 0 };
	int letter;

	options_fill(verb, longs, shorts);
	opterr = 0;
	optind = 1;
	while ((letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (letter >= OWN_FIRST) {
			set.own[letter - OWN_FIRST] = optarg ? optarg : "";
			continue;
		}
		const struct cli_flag *f = flag_find(verb, letter);
		if (!f)
			return option_refuse(verb, argv[optind - 1], letter == ':');
		int r = flag_apply(verb, f, optarg, &set);
		if (r != 0)
			return r;
	}
	if (set.limit_ms && strchr(verb->options, 'w') && !set.is_waiting) {
		fprintf(stderr, "thaw %s: --timeout goes with --wait\n", verb->name);
		return -EINVAL;
	}
	static char here[] = ".", *in_here[] = { here };
	size_t n = (size_t)(argc - optind);
	bool is_here = (set.is_retry || set.bill || verb->is_optional) && n == 0;
	if (!is_here && paths_check(verb, &set, n) < 0)
		return -EINVAL;
	*ret_set = set;
	*ret_paths = is_here ? in_here : argv + optind;
	*ret_n = is_here ? 1 : n;
	return 0;
}
