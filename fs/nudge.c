/* SPDX-License-Identifier: Apache-2.0 */
#include "nudge.h"
#include "grace.h"
#include "journal_event.h"
#include "log.h"
#include "str.h"
#include "subtree.h"
#include "view.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* In `system` the kernel leaves it to us who may (xattr(7); in `user` it wants a right to write). */
#define NAME "system.thaw.changed"

/* How often the journal is looked at, and how much of it in one go. */
#define LOOK_MS   250
#define BATCH_MAX 256
#define NICENESS  10

struct nudge {
	struct mount *mount;
	struct fuse_session *session;
	uint64_t after; /* the last event that was told */
	pthread_t thread;
	pthread_mutex_t mu; /* is_ending, with `wake` */
	pthread_cond_t wake;
	bool is_ending;
};

struct batch {
	struct journal *journal;
	uint64_t inos[BATCH_MAX];
	size_t n, events;
	uint64_t last;
};

static int batch_add(void *arg, const struct event *e)
{
	struct batch *b = arg;
	struct request q;

	b->last = e->seq;
	b->events++;
	if (e->request_id && journal_request(b->journal, e->request_id, &q) == 0)
		b->inos[b->n++] = q.ino;
	return b->events == BATCH_MAX;
}

/* Has the kernel the inode? Asked by dropping its attributes, which never change: no page is touched, so
 * this waits for no read (fact 5). */
static bool is_known(struct nudge *n, uint64_t id)
{
	return fuse_lowlevel_notify_inval_inode(n->session, id, -1, 0) == 0;
}

static void tell(struct nudge *n, uint64_t ino)
{
	struct mount *m = n->mount;
	char below[SUBTREE_PATH_MAX], path[PATH_MAX];

	if (!is_known(n, node_id(m, (struct node){ NODE_PLAIN, ino })))
		return;
	subtree_path(m->engine, ino, below);
	int len = snprintf(path, sizeof(path), "%s%s", m->cfg->mountpoint, below);
	if (!*below || len < 0 || (size_t)len >= sizeof(path))
		return;
	if (lsetxattr(path, NAME, "", 0, 0) < 0)
		log_debug("ino=%llu: watchers are not told: %m, going on",
			  (unsigned long long)ino);
}

/* True: there is more. */
static bool round_of(struct nudge *n)
{
	struct batch b = { .journal = n->mount->state->journal, .last = n->after };

	int r = journal_each_event(b.journal, n->after, batch_add, &b);
	if (r < 0) {
		log_warning("watchers are not told: %s, going on", strerrordesc_np(-r));
		return false;
	}
	n->after = b.last;
	for (size_t i = 0; i < b.n; i++)
		if (i == 0 || b.inos[i] != b.inos[i - 1])
			tell(n, b.inos[i]);
	return b.events == BATCH_MAX;
}

/* True: until it is time to look again; false: it is to end. */
static bool rest(struct nudge *n, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&n->mu);
	if (!n->is_ending)
		pthread_cond_timedwait(&n->wake, &n->mu, &until);
	bool goes_on = !n->is_ending;
	pthread_mutex_unlock(&n->mu);
	return goes_on;
}

static void *nudge_main(void *arg)
{
	struct nudge *n = arg;

	pthread_setname_np(pthread_self(), "nudge");
	(void)setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread */
	atomic_store(&n->mount->nudger, gettid());
	for (bool goes_on = true; goes_on;) {
		unsigned int side = grace_enter();
		bool has_more = round_of(n);
		grace_leave(side);
		goes_on = rest(n, has_more ? 0 : LOOK_MS);
	}
	atomic_store(&n->mount->nudger, 0);
	return NULL;
}

struct nudge *nudge_new(struct mount *m, struct fuse_session *session)
{
	struct nudge *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->mount = m;
	n->session = session;
	pthread_mutex_init(&n->mu, NULL);
	pthread_cond_init(&n->wake, NULL);
	/* What happened before nobody can have watched. */
	if (journal_last_event(m->state->journal, &n->after) < 0 ||
	    pthread_create(&n->thread, NULL, nudge_main, n) != 0) {
		pthread_cond_destroy(&n->wake);
		pthread_mutex_destroy(&n->mu);
		free(n);
		return NULL;
	}
	return n;
}

void nudge_free(struct nudge *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->mu);
	n->is_ending = true;
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->mu);
	pthread_join(n->thread, NULL);
	pthread_cond_destroy(&n->wake);
	pthread_mutex_destroy(&n->mu);
	free(n);
}

bool nudge_is_ours(const struct mount *m, const char *name, pid_t pid)
{
	return pid && pid == atomic_load(&m->nudger) && streq(name, NAME);
}
