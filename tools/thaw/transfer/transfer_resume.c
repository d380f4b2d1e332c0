/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_resume.h"

#include <errno.h>

int transfer_copying_resume(struct transfer *t)
{
	int r = 0;

	while (r == 0) {
		_archive_ struct archive a = { .state = 0 };

		r = transfer_state_next(t->state, ARCHIVE_COPYING, NULL, &a);
		if (r < 0)
			break;
		a.state = ARCHIVE_ASKED;
		r = transfer_state_put(t->state, &a);
	}
	return r == -ENOENT ? transfer_state_commit(t->state) : r;
}

int transfer_failed_renew(struct transfer *t)
{
	int r = 0;

	while (r == 0) {
		_archive_ struct archive a = { .state = 0 };

		r = transfer_state_next(t->state, ARCHIVE_FAILED, NULL, &a);
		if (r < 0)
			break;
		a.state = ARCHIVE_WAITING;
		a.tries = 0;
		r = archive_text(&a.reason, "");
		if (r == 0)
			r = transfer_state_put(t->state, &a);
	}
	return r == -ENOENT ? transfer_state_commit(t->state) : r;
}
