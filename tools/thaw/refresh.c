/* SPDX-License-Identifier: Apache-2.0 */
/* thaw refresh - has the source of a directory listed again. */
#include "cli.h"
#include "files.h"
#include "item.h"

#include <stdio.h>
#include <string.h>

/* Only a source's top takes the request: goes up from `dir`, which it shortens. 0 or -errno. */
static int source_refresh(char *dir)
{
	for (;;) {
		int r = sidecar_write(dir, "request", "", "refresh\n");
		char *slash = strrchr(dir, '/');
		if (r != -EINVAL || !slash || slash == dir)
			return r;
		*slash = 0;
		if (!dir_is_ours(dir))
			return r;
	}
}

int refresh_run(const struct settings *set, char **paths, size_t n)
{
	_free_ char *dir = NULL;

	(void)set;
	(void)n;
	if (files_dir(paths[0], &dir) < 0)
		return EXIT_FAILED;
	int r = source_refresh(dir);
	if (r < 0) {
		fprintf(stderr, "thaw: %s: %s\n", paths[0],
			r == -EACCES   ? "only an administrator of the mount may refresh"
			: r == -EINVAL ? "name a directory of one source"
				       : item_error(r));
		return r == -EACCES ? EXIT_REFUSED : EXIT_FAILED;
	}
	printf("%s: a new listing is on its way; the old one serves until it is here\n",
	       paths[0]);
	return EXIT_DONE;
}
