/* SPDX-License-Identifier: Apache-2.0 */
/* thaw correct - books what the ledger has wrong against a real bill, as a line that says so. */
#include "cleanup.h"
#include "cli.h"
#include "files.h"
#include "item.h"
#include "str.h"

#include <stdio.h>

/* AMOUNT REASON [DIR] */
int correct_run(const struct settings *set, char **paths, size_t n)
{
	_free_ char *real = NULL;
	_buf_ struct buf line;

	(void)set;
	if (n < 2 || n > 3) {
		fputs("thaw correct: an amount, a reason, and at most one directory\n",
		      stderr);
		return EXIT_USAGE;
	}
	if (files_dir(n == 3 ? paths[2] : ".", &real) < 0)
		return EXIT_FAILED;
	buf_init(&line, BUF_TEXT_MAX);
	buf_printf(&line, "correct amount=%s note=", paths[0]);
	for (const char *at = paths[1]; *at; at++)
		buf_printf(&line, "%%%02X", (unsigned int)(unsigned char)*at);
	int r = buf_putc(&line, '\n');
	if (!r)
		r = sidecar_write(real, "request", "", line.data);
	if (r == 0) {
		printf("booked: %s USD\n", paths[0]);
		return EXIT_DONE;
	}
	fprintf(stderr, "thaw correct: %s\n",
		r == -EACCES   ? "an administrator may correct the ledger"
		: r == -EINVAL ? "not an amount of USD like 1.25 or -0.40, or too long a "
				 "reason"
			       : item_error(r));
	return r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
}
