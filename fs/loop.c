/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"
#include "grace.h"
#include "log.h"
#include "lowlevel.h"
#include "requests.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>

#define WORKERS 8

/* Takes a worker out of its wait for a request: does nothing but interrupt. */
#define WAKE_SIGNAL   SIGUSR1
#define WAKE_EVERY_NS 2000000

struct loop {
	struct fuse_session *session;
	struct requests *counts;
	int end_fd;
	atomic_bool is_stopping;
	atomic_int running;
	pthread_t threads[WORKERS];
	int n;
};

static void on_wake(int signal)
{
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *work(void *arg)
{
	struct loop *l = arg;
	struct fuse_buf buf = { .mem = NULL };

	while (!atomic_load(&l->is_stopping)) {
		int r = fuse_session_receive_buf(l->session, &buf);
		if (r == -EINTR || r == -EAGAIN)
			continue;
		if (r <= 0) {
			if (r < 0)
				log_err("requests cannot be read, errno=%d", -r);
			(void)eventfd_write(l->end_fd, 1);
			break;
		}
		requests_count(l->counts, buf.mem, (size_t)r);
		uint64_t began = now_ns();
		unsigned int side = grace_enter();
		fuse_session_process_buf(l->session, &buf);
		grace_leave(side);
		requests_time(l->counts, buf.mem, (size_t)r, now_ns() - began);
	}
	free(buf.mem);
	atomic_fetch_sub(&l->running, 1);
	return NULL;
}

static int start_one(struct loop *l)
{
	char name[16];

	atomic_fetch_add(&l->running, 1);
	int r = pthread_create(&l->threads[l->n], NULL, work, l);
	if (r) {
		atomic_fetch_sub(&l->running, 1);
		return -r;
	}
	snprintf(name, sizeof(name), "fuse-%d", l->n);
	(void)pthread_setname_np(l->threads[l->n], name);
	l->n++;
	return 0;
}

int loop_start(struct fuse_session *se, int end_fd, struct requests *counts,
	       struct loop **ret)
{
	struct sigaction wake = { .sa_handler = on_wake };
	sigset_t only, saved;
	_cleanup_(loop_stopp) struct loop *l = calloc(1, sizeof(*l));
	int r = 0;

	if (!l)
		return -ENOMEM;
	l->session = se;
	l->end_fd = end_fd;
	l->counts = counts;
	sigaction(WAKE_SIGNAL, &wake, NULL);
	sigemptyset(&only);
	sigaddset(&only, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &only, &saved);
	while (!r && l->n < WORKERS)
		r = start_one(l);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (r < 0)
		return r;
	*ret = steal_ptr(l);
	return 0;
}

void loop_stop(struct loop *l)
{
	if (!l)
		return;
	atomic_store(&l->is_stopping, true);
	/* A signal that comes just before the wait begins is lost: hence again and again. */
	while (atomic_load(&l->running)) {
		for (int i = 0; i < l->n; i++)
			pthread_kill(l->threads[i], WAKE_SIGNAL);
		nanosleep(&(struct timespec){ .tv_nsec = WAKE_EVERY_NS }, NULL);
	}
	for (int i = 0; i < l->n; i++)
		pthread_join(l->threads[i], NULL);
	free(l);
}
