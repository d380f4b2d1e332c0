/* SPDX-License-Identifier: Apache-2.0 */
/* room - what the files of this room share. Thread: the room's. */
#pragma once

#include "journal_event.h"
#include "journal_set.h"
#include "letter.h"
#include "notices.h"
#include <pthread.h>

struct notices {
	struct notice_cfg cfg;
	struct engine *engine;
	struct journal *journal;
	struct clock *clock;
	char instance[17]; /* of the state directory: makes ids unique */
	pthread_t thread;
	pthread_mutex_t mu; /* is_ending, with `wake` */
	pthread_cond_t wake;
	atomic_bool is_ending;
	/* After a failure nothing is tried before: real, monotonic. */
	int64_t mail_again_ms, webhook_again_ms;
	unsigned int mail_failures, webhook_failures;
};

/* ---- notices.c ---- */
/* Sends a letter to `to` and, where `has_copies`, the administrators. `id` is the same for the same
 * notice. 0: gone, or given up for good, which the log says; -EAGAIN: later. */
int letter_send(struct notices *n, const char *to, bool has_copies, const char *id,
		const struct letter *l);
bool notices_are_ending(struct notices *n);

/* ---- sets.c ---- */
/* Tells of the sets that are due. 0; -EAGAIN: mail is to wait; or -errno of the journal. */
int sets_tell(struct notices *n);
