/* SPDX-License-Identifier: Apache-2.0 */
/* thaw backup - a copy of a state directory, also while its daemon runs; and the way back. */
#include "backup.h"
#include "cleanup.h"
#include "cli.h"
#include <stdio.h>

int backup_run(const struct settings *set, char **paths, size_t n)
{
	struct backup_sum sum = { 0 };
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	if (n != 2) {
		fputs("thaw backup: two directories are needed: STATE BACKUP, or with "
		      "--restore BACKUP STATE\n",
		      stderr);
		return EXIT_USAGE;
	}
	int r = set->is_restore ? backup_restore(paths[0], paths[1], &sum, &err)
				: backup_make(paths[0], paths[1], &sum, &err);
	if (r < 0) {
		fprintf(stderr, "thaw backup: %s\n",
			err.len ? err.data : "out of memory");
		return EXIT_FAILED;
	}
	if (set->is_json)
		printf("{\"files\":%llu,\"bytes\":%llu}\n", (unsigned long long)sum.files,
		       (unsigned long long)sum.bytes);
	else
		printf("%s: %llu files, %llu bytes\n", paths[1],
		       (unsigned long long)sum.files, (unsigned long long)sum.bytes);
	return EXIT_DONE;
}
