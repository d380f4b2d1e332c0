/* SPDX-License-Identifier: Apache-2.0 */
/* thaw correct - books what the ledger has wrong against a real bill, as a line that says so. */
#include "bill.h"
#include "cleanup.h"
#include "cli.h"
#include "files.h"
#include "item.h"
#include "str.h"

#include <stdio.h>

/* One line more. 0 or -errno. */
static int book(const char *root, const char *amount, const char *note)
{
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	buf_printf(&line, "correct amount=%s note=", amount);
	for (const char *at = note; *at; at++)
		buf_printf(&line, "%%%02X", (unsigned int)(unsigned char)*at);
	int r = buf_putc(&line, '\n');
	if (!r)
		r = sidecar_write(root, "request", "", line.data);
	if (r == 0) {
		printf("booked: %s USD\n", amount);
		return 0;
	}
	fprintf(stderr, "thaw correct: %s\n",
		r == -EACCES   ? "an administrator may correct the ledger"
		: r == -EINVAL ? "not an amount of USD like 1.25 or -0.40, or too long a "
				 "reason"
			       : item_error(r));
	return r;
}

static int status_of(int r)
{
	return r == 0 ? EXIT_DONE : r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
}

/* What is compared, and how many differ. */
static size_t show(const struct bill *b)
{
	char ledger[48], real[48], more[48];
	size_t n_differ = 0;

	printf("%-10s  %-24s %18s %18s %18s\n", "day", "operation", "ledger USD",
	       "bill USD", "difference");
	for (size_t i = 0; i < b->n; i++) {
		const struct bill_sum *s = &b->sums[i];
		money_t d = bill_difference(s);
		money_format(s->ledger, ledger);
		money_format(s->bill, real);
		money_format(d, more);
		printf("%-10s  %-24s %18s %18s %18s\n", s->day, s->operation, ledger,
		       s->is_compared ? real : "not in it", s->is_compared ? more : "");
		n_differ += s->is_compared && d != 0;
	}
	return n_differ;
}

static int book_all(const char *root, const struct bill *b)
{
	int r = 0;

	for (size_t i = 0; i < b->n && r == 0; i++) {
		const struct bill_sum *s = &b->sums[i];
		char amount[48], note[80];
		money_t d = bill_difference(s);
		if (!s->is_compared || d == 0)
			continue;
		money_format(d, amount);
		snprintf(note, sizeof(note), BILL_NOTE "%s %s", s->day, s->operation);
		r = book(root, amount, note);
	}
	return r;
}

static int compare(const struct settings *set, const char *root)
{
	_cleanup_(bill_done) struct bill b = { 0 };
	_free_ char *ledger = NULL;

	if (asprintf(&ledger, "%s/.thaw/ledger.csv", root) < 0) {
		ledger = NULL;
		return EXIT_FAILED;
	}
	if (bill_read_ledger(&b, ledger) < 0 || bill_read_export(&b, set->bill) < 0)
		return EXIT_FAILED;
	size_t n = show(&b);
	if (set->is_yes)
		return status_of(book_all(root, &b));
	if (n)
		printf("%zu to correct: --yes books them\n", n);
	return EXIT_DONE;
}

/* AMOUNT REASON [DIR], or with --from: [DIR] */
int correct_run(const struct settings *set, char **paths, size_t n)
{
	_free_ char *root = NULL;
	size_t words = set->bill ? 0 : 2;

	if (n < words || n > words + 1 || (set->is_yes && !set->bill)) {
		fputs("thaw correct: an amount and a reason, or --from (alone with --yes), and "
		      "at most one directory\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (files_dir(n > words ? paths[words] : ".", &root) < 0)
		return EXIT_FAILED;
	files_root(root);
	return set->bill ? compare(set, root) : status_of(book(root, paths[0], paths[1]));
}
