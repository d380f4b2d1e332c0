/* SPDX-License-Identifier: Apache-2.0 */
/* thaw refresh - has the source of a directory listed again. */
#include "cli.h"
#include "files.h"
#include "item.h"

#include <stdio.h>

int refresh_run(const struct settings *set, char **paths, size_t n)
{
	_free_ char *dir = NULL;

	(void)set;
	(void)n;
	if (files_dir(paths[0], &dir) < 0)
		return EXIT_FAILED;
	int r = sidecar_write(dir, "request", "", "refresh\n");
	if (r < 0) {
		fprintf(stderr, "thaw: %s: %s\n", paths[0],
			r == -EACCES ? "you may not refresh it" : item_error(r));
		return r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	printf("%s: a new listing is on its way; the old one serves until it is here\n",
	       paths[0]);
	return EXIT_DONE;
}
