/* SPDX-License-Identifier: Apache-2.0 */
#include "cleanup.h"
#include "grace.h"
#include "mailbox.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

struct worker {
	struct mailbox *box;
	unsigned int n; /* threads running */
	pthread_t threads[];
};

static void *worker_run(void *arg)
{
	struct mailbox *box = arg;
	struct msg *m;

	while ((m = mailbox_wait_one(box)) != NULL) {
		unsigned int side = grace_enter();
		m->run(m);
		grace_leave(side);
	}
	return NULL;
}

struct worker *worker_new(const char *name, unsigned int threads)
{
	struct worker *w = calloc(1, sizeof(*w) + threads * sizeof(w->threads[0]));
	if (!w)
		return NULL;
	w->box = mailbox_new(NULL, NULL);

	/* Signals are the main thread's business; the mask is inherited. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (w->box && w->n < threads) {
		if (pthread_create(&w->threads[w->n], NULL, worker_run, w->box) != 0)
			break;
		char short_name[16]; /* the kernel's limit */
		snprintf(short_name, sizeof(short_name), "%s", name);
		pthread_setname_np(w->threads[w->n], short_name);
		w->n++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);

	if (!w->box || w->n < threads) {
		worker_free(w);
		return NULL;
	}
	return w;
}

void worker_post(struct worker *w, struct msg *m)
{
	mailbox_post(w->box, m);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->box)
		mailbox_close(w->box);
	for (unsigned int i = 0; i < w->n; i++)
		pthread_join(w->threads[i], NULL);
	mailbox_free(w->box);
	free(w);
}
