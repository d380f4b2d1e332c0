/* SPDX-License-Identifier: Apache-2.0 */
/* thaw - the user's command for a thawfs mount: a table of verbs. */
#include "cleanup.h"
#include "cli.h"
#include "str.h"
#include "transfer_options.h"

#include <locale.h>
#include <stdio.h>

static const struct verb verbs[] = {
	{
		"status",
		status_run,
		"show what is here, what is cold, and when it will be ready",
		"rj",
		"[PATH...]",
		"One file gets an explanation, a directory (the current one, if none is named) a\n"
		"table of its files. Asking costs nothing and starts nothing.\n\n"
		"example: thaw status /mnt/archive/run-07.tar\n",
		false,
		true,
	},
	{
		"plan",
		plan_run,
		"say what asking would cost, by tier, and ask for nothing",
		"rtdFj",
		"PATH...",
		"A directory stands for the files in it, with -r for those below as well.\n"
		"Status 77: asking for all of it would be refused, in whole or in part.\n\n"
		"example: thaw plan -r --days 5 /mnt/archive/2019\n",
		false,
	},
	{
		"prices",
		prices_run,
		"show, check, update or import the prices that estimates rest on",
		"jDePALo",
		"show|check|update [REGION...] | import FILE...",
		"show: each price with its date and source. check: status 1 where one is missing\n"
		"or old. update: reads the service's own price list, which is free, for the\n"
		"regions named, for those it has had before, or with --all for every one. import: an\n"
		"offer file, or a table (docs/COSTS.md). The daemon reads them when it starts.\n\n"
		"example: thaw prices update eu-central-1\n",
		false,
	},
	{
		"get",
		get_run,
		"ask for cold files: this spends money, within the budgets",
		"rRtdEBgpJKywTj",
		"PATH...",
		"A directory stands for the files in it, with -r for those below as well.\n"
		"With --retry PATH may be left out: the current directory. On a terminal it shows\n"
		"what it would cost and asks first, but for --yes; elsewhere nobody could answer.\n"
		"Returns when all is asked for; thaw wait, or --wait, waits until it is here.\n"
		"Status 77: a policy or a budget refused.\n\n"
		"example: thaw get --tier bulk --wait /mnt/archive/run-07.tar\n"
		"example: thaw get -r --tier bulk --days 7 --email a@b.org /mnt/archive/2019\n",
		false,
	},
	{
		"wait",
		wait_run,
		"wait until files that were asked for are here",
		"rTj",
		"PATH...",
		"Ends with status 0 when all are here, 1 when one failed or nobody has\n"
		"asked for it, 75 when the time is up. Ctrl-C ends the waiting only.\n\n"
		"example: thaw wait --timeout 12h -r /mnt/archive/2019\n",
		false,
	},
	{
		"cancel",
		cancel_run,
		"take back what was asked for (what is paid stays paid)",
		"r",
		"PATH...",
		"example: thaw cancel /mnt/archive/run-07.tar\n",
		false,
	},
	{
		"approve",
		approve_run,
		"let through what a budget or a policy refused or holds",
		"r",
		"PATH... | ID... [DIR]",
		"Who may: approvers of the budget, and administrators. ID is a request's number,\n"
		"or storm-N for a reader that the storm breaker has stopped; DIR is any directory\n"
		"of the mount, the current one if it is left out.\n\n"
		"example: thaw approve -r /mnt/archive/2019\n",
		false,
	},
	{
		"correct",
		correct_run,
		"book what the ledger has wrong against the real bill, visibly",
		"uy",
		"[--] AMOUNT REASON [DIR] | --from FILE.csv [--yes] [DIR]",
		"An administrator's. AMOUNT is USD, and less than nothing where the ledger had too\n"
		"much (behind --). Nothing is changed: a line `Correction` is added, with REASON.\n"
		"DIR is the root of the mount, the current directory if it is left out.\n\n"
		"FILE.csv is a Cost and Usage Report, unpacked, with the columns\n"
		"lineItem/UsageStartDate, /ProductCode, /Operation, /UsageType and /UnblendedCost.\n"
		"Its sums of a day and an operation are shown beside the ledger's, for days the\n"
		"report has and operations both have; with --yes each difference is a correction.\n"
		"What others do in the same account it counts as well: look before.\n\n"
		"example: thaw correct -- -1.25 'AWS bill 2026-11' /mnt/archive\n"
		"example: thaw correct --from 2026-11.csv /mnt/archive\n",
		false,
	},
	{
		"transfer",
		transfer_run,
		"copy a vault's archives into a bucket: this spends money",
		"tRyj",
		"glacier://REGION/VAULT|DIR... s3://BUCKET[/PREFIX] | --merge DIR...",
		"Shows the plan (what, in how many days, for how much, what is left out) and asks,\n"
		"but for --yes; where nobody could answer and there is no --yes nothing is sent.\n"
		"Each archive becomes one object, named by its path below DIR, made of bytes whose\n"
		"tree hash is the inventory's, or not at all; what is there is never overwritten.\n"
		"A vault gets a mount of its own while this runs; DIR is in one that is there.\n"
		"Ctrl-C and crashes lose nothing: the same command goes on. At the end there is a\n"
		"report; --verify looks whether all is there as it was stored, --merge adds up\n"
		"reports of several transfers. docs/TRANSFER.md\n\n"
		"example: thaw transfer --dry-run glacier://us-east-1/films s3://institute/films\n"
		"example: thaw transfer --tier bulk --quota 60T/day --yes /mnt/vault s3://institute/all\n"
		"example: thaw transfer --merge --report all-of-it one/report two/report\n",
		.own = transfer_flags,
		.n_own = TRANSFER_OPTIONS,
	},
	{
		"evict",
		evict_run,
		"give up the local copy (reading it again may be charged again)",
		"r",
		"PATH...",
		"Frees room in the mount's cache. Files that are open, or on their way, stay.\n\n"
		"example: thaw evict /mnt/archive/run-07.tar\n",
		false,
	},
	{
		"pin",
		pin_run,
		"keep files in the mount's cache, for a time",
		"rN",
		"PATH...",
		"Asks for nothing: what is not here yet stays once it is. Pins count: who pins\n"
		"twice unpins twice. Nothing that is pinned is given up, by whomever.\n"
		"Status 77: users have pinned as much as they may.\n\n"
		"example: thaw pin --days 30 -r /mnt/archive/reference\n",
		false,
	},
	{
		"unpin",
		unpin_run,
		"let files go again that were pinned",
		"rl",
		"PATH...",
		"One pin of yours on each file.\n\n"
		"example: thaw unpin -r /mnt/archive/reference\n",
		false,
	},
	{
		"stage",
		stage_run,
		"for schedulers: ask for, wait for and pin what a job names",
		"IJKT",
		"check|in|wait|out",
		"check: would it be taken? in: pins and asks, in the job's name. wait: until all of\n"
		"it is here, at most --timeout. out: lets go of the job's pins. Each may be said\n"
		"again at any time: nothing is paid twice, nothing is cancelled. With --timeout a\n"
		"mount that is being restarted is waited for. Status 75: not yet; 77: refused.\n"
		"packaging/slurm and docs/CLUSTERS.md use it.\n\n"
		"example: thaw stage check --spec '#THAW stage_in=/archive/run42 tier=bulk'\n",
		true,
	},
	{
		"verify",
		verify_run,
		"hash the local copies again, and forget what is wrong",
		"rOWj",
		"PATH...",
		"The daemon hashes at [cache] verify-pace, one file after the other; Ctrl-C ends it\n"
		"behind the present one, and --older 1d goes on where it ended. What is wrong is\n"
		"never served: it is asked for again where that costs nothing, else only with\n"
		"--repair. Status 1: something was wrong. Yours to check are files you asked for;\n"
		"administrators check any.\n\n"
		"example: thaw verify -r --older 30d /mnt/archive\n",
		false,
	},
	{
		"find",
		find_run,
		"find files by name, size, time, state, class, tree hash or id",
		"nsbaScxiCj0",
		"[DIR...]",
		"What is given has to hold together. Nothing is read, asked for or paid.\n"
		"--clashes shows, in each directory, names that Samba or macOS take for another's.\n\n"
		"example: thaw find --tree-hash 6b9d4cf8 /mnt/archive\n"
		"         thaw find --name '*.tar' --state cold --size +1G -0 . | xargs -0 thaw get\n",
		false,
		true,
	},
	{
		"presign",
		presign_run,
		"a link by which anybody can download a restored object, for a time",
		"Xj",
		"PATH...",
		"Only of what a bucket's archive has restored already, or holds online: asks for\n"
		"nothing. The link ends with the service's copy, and in a week at the latest; the\n"
		"mount's policy may say sooner, or none. Whoever has it can download, as often as\n"
		"he likes: that transfer is on the account's bill, and in no budget or ledger here.\n"
		"Status 75: not restored yet. 77: the policy gives none.\n\n"
		"example: curl -o run-07.tar \"$(thaw presign --expires 1d run-07.tar)\"\n",
		false,
	},
	{
		"top",
		top_run,
		"what is under way, who waits for it, what it will cost",
		"j",
		"[DIR]",
		"On a terminal it is drawn anew every second, with keys to sort (s), filter (/),\n"
		"cancel (c) and approve (a); h lists them, q ends. Else it is printed once. First\n"
		"what somebody waits for; PID is who has waited longest. For root, for who runs\n"
		"the daemon and for the administrators of the mount. DIR is any directory of it,\n"
		"the current one if it is left out.\n\n"
		"example: thaw top /mnt/archive\n",
		true,
		true,
	},
	{
		"report",
		report_run,
		"what a month has cost and brought, by group, user, project, ...",
		"mkHvj",
		"[DIR]",
		"A table; --csv and --json for programs; --html is a page with charts in one\n"
		"file, which needs nothing else and can be mailed or printed. Of others' lines\n"
		"administrators see all, managers those of their budgets.\n\n"
		"example: thaw report --month 2026-10 --html october.html /mnt/archive\n",
		true,
		true,
	},
	{
		"doctor",
		doctor_run,
		"is everything there that a mount needs? what to do about what is not",
		"jM",
		"CONFIG|URL|MOUNTPOINT",
		"Of a configuration file or a URL: what thawfs would find, started here with this\n"
		"environment: kernel, libfuse, directories, prices, where the credentials come\n"
		"from, what may be asked. Of a mount: what its daemon knows, for administrators.\n"
		"A line each: ok, warning or problem. Nothing is restored or changed, and without\n"
		"--paid nothing is asked that has a price. Status 1: there is a problem.\n\n"
		"example: thaw doctor /etc/thawfs/archive.conf\n",
		true,
	},
	{
		"backup",
		backup_run,
		"copy a daemon's state while it runs; put a copy in place",
		"zj",
		"STATE BACKUP, or --restore BACKUP STATE",
		"Requests, ledger, budgets, names and inode numbers; not what is cached. BACKUP must\n"
		"be empty, or not be there; with --restore STATE must. What was paid after the copy\n"
		"was made is found at the service, not in the ledger. Of two daemons with the same\n"
		"copy only one may run (docs/OPERATIONS.md).\n\n"
		"example: thaw backup /var/lib/thawfs/lab /backup/thawfs-lab\n",
		false,
	},
	{
		"fsck",
		fsck_run,
		"look over a daemon's databases and data files, while it is off",
		"Zj",
		"STATE CACHE",
		"A line for each thing that is wrong, with its remedy. --repair mends what loses\n"
		"nothing: it forgets fills without a file, removes files without a fill, writes sums\n"
		"again. Status 1: something is left.\n\n"
		"example: thaw fsck /var/lib/thawfs/lab /var/cache/thawfs/lab\n",
		false,
	},
	{
		"refresh",
		refresh_run,
		"ask the service again what files there are",
		"f",
		"DIR",
		"A vault's inventory takes hours; the old listing serves until then.\n"
		"With --from the daemon reads FILE, by your rights, and is done when this is;\n"
		"an inventory that is broken, or of another vault, changes nothing.\n\n"
		"example: thaw refresh --from inventory.csv /mnt/archive\n",
		true,
	},
};

static void help_print(FILE *out)
{
	fputs("usage: thaw VERB [OPTION...] PATH...\n\n"
	      "Looks after cold files of a thawfs mount. PATH is a file or a directory there.\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, "  %-9s %s\n", verbs[i].name, verbs[i].help);
	fputs("\n"
	      "  thaw VERB --help   its options and an example\n"
	      "  thaw --version     the version\n"
	      "  thaw completion bash|zsh|fish   what the shell is to read for Tab\n\n"
	      "exit status: 0 done; 1 failed; 2 bad usage; 75 not yet; 77 refused\n\n"
	      "example: thaw status -r .\n",
	      out);
}

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (streq(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int verb_refuse(const char *word)
{
	const char *names[ARRAY_SIZE(verbs) + 4] = { "--help", "--version", "completion",
						     "help" };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		names[4 + i] = verbs[i].name;
	const char *near = str_nearest(word, names, ARRAY_SIZE(names));
	fprintf(stderr, "thaw: no verb \"%s\"", word);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\nthaw --help lists them\n", stderr);
	return EXIT_USAGE;
}

static int verb_run(const struct verb *verb, int argc, char **argv)
{
	struct settings set;
	char **paths;
	size_t n;

	int r = cli_parse(verb, argc, argv, &set, &paths, &n);
	if (r != 0)
		return r < 0 ? EXIT_USAGE : EXIT_DONE;
	return verb->run(&set, paths, n);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	if (argc < 2) {
		help_print(stderr);
		return EXIT_USAGE;
	}
	const char *word = argv[1];
	if (streq(word, "--version")) {
		puts("thaw " THAWFS_VERSION);
		return EXIT_DONE;
	}
	if (streq(word, "help") && argc > 2) {
		const struct verb *of = verb_find(argv[2]);
		static char help[] = "--help";
		return of ? verb_run(of, 2, (char *[]){ argv[2], help, NULL })
			  : verb_refuse(argv[2]);
	}
	if (streq(word, "--help") || streq(word, "-h") || streq(word, "help")) {
		help_print(stdout);
		return EXIT_DONE;
	}
	if (streq(word, "completion"))
		return completion_print(argv[2], verbs, ARRAY_SIZE(verbs));
	const struct verb *verb = verb_find(word);
	if (!verb)
		return verb_refuse(word);
	return verb_run(verb, argc - 1, argv + 1);
}
