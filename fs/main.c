/* SPDX-License-Identifier: Apache-2.0 */
/* thawfs - cold archives as ordinary files: starting, waiting, stopping.
 *
 * Start: options, fork, state, engine, first contact with the sources, mount, workers.
 * Stop (a signal, or somebody unmounted): no more requests are taken, parked reads are answered
 * ETIMEDOUT, what is being written is finished, unmount, close. Each step ends before the next
 * begins, so nothing is posted to a thread that has gone.
 */
#include "clock.h"
#include "cmdline.h"
#include "confine.h"
#include "daemon.h"
#include "fatal.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "manager.h"
#include "mount.h"
#include "notices.h"
#include "nudge.h"
#include "place.h"
#include "session.h"
#include "tables.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

/* A mount may stand before a slow service has answered; this long we wait for its word, and look
 * this often whether we are still wanted. */
#define FIRST_CONTACT_MS 30000
#define LOOK_MS          50

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

/* Everything that is running, from the bottom up. */
struct program {
	struct config *cfg;
	struct clock *clock;
	struct backends *backends;
	struct state *state;
	struct tables tables;
	struct engine *engine;
	bool is_engine_running;
	struct mount *mount;
	struct notices *notices; /* NULL: nobody is told */
	struct fuse_session *session;
	struct loop *loop;
	struct nudge *nudge; /* NULL: watchers are not told */
	int signal_fd, end_fd;
	int ready_fd; /* of daemon_begin(), or -1 */
};

/* ---- start ---- */

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void tell_budgets(const struct config *cfg)
{
	static const char *const periods[] = { "day", "week", "month", "ever" };

	for (size_t i = 0; i < cfg->n_budgets; i++) {
		const struct budget *b = &cfg->budgets[i];
		char money[48];
		money_words(b->money, money);
		log_notice("budget=%s usd=%s per=%s%s", b->name, money,
			   periods[b->period], b->is_each ? " each" : "");
	}
	if (cfg->has_default_budget)
		log_notice(
			"these are the defaults; a [budget NAME] section replaces them");
}

static void tell_limits(const struct config *cfg)
{
	struct rlimit files = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &files);
	log_info("version=%s state=%s cache=%s cache_bytes=%llu reserve_bytes=%llu "
		 "chunk_bytes=%llu max_wait_ms=%lld files=%llu",
		 THAWFS_VERSION, cfg->state.dir, cfg->cache.dir,
		 (unsigned long long)cfg->cache.size_bytes,
		 (unsigned long long)cfg->cache.reserve_bytes,
		 (unsigned long long)cfg->cache.chunk_bytes,
		 (long long)cfg->restore.max_wait_ms, (unsigned long long)files.rlim_cur);
}

/* Signals are taken by poll() in the main thread alone; threads inherit the mask. */
static int open_signals(struct program *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	p->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	p->end_fd = eventfd(0, EFD_CLOEXEC);
	if (p->signal_fd < 0 || p->end_fd < 0)
		return -errno;
	sigaddset(&set, SIGUSR1); /* the FUSE workers' */
	sigaddset(&set, SIGPIPE);
	return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* A signal, or whoever started us has gone: a start ends at once. */
static int check_wanted(const struct program *p, struct buf *err)
{
	struct pollfd fd = { .fd = p->signal_fd, .events = POLLIN };

	if (poll(&fd, 1, 0) <= 0 && !daemon_is_orphan(p->ready_fd))
		return 0;
	buf_reset(err);
	buf_puts(err, "stopped while starting: nothing is mounted");
	return -EINTR;
}

static int first_contact(const struct program *p, struct buf *err)
{
	int r = -EAGAIN;

	for (int ms = 0; r == -EAGAIN && ms < FIRST_CONTACT_MS; ms += LOOK_MS) {
		r = check_wanted(p, err);
		if (!r)
			r = engine_first_contact(p->engine, LOOK_MS, err);
	}
	return r == -EAGAIN ? 0 : r;
}

static int start_engine(struct program *p, struct buf *err)
{
	struct engine_cfg cfg;

	int r = tables_load(p->cfg, &p->tables, err);
	if (r < 0)
		return r;
	tables_tell(&p->tables);
	config_for_engine(p->cfg, &cfg);
	cfg.prices = p->tables.all;
	r = engine_new(&cfg, p->state, p->backends, p->clock, &p->engine);
	for (size_t i = 0; !r && i < p->cfg->n_sources; i++) {
		struct source_cfg source;
		config_for_source(p->cfg, &p->cfg->sources[i], &source);
		source.own_prices = p->tables.own[i];
		r = engine_add_source(p->engine, &source, err);
	}
	if (!r)
		r = engine_start(p->engine);
	if (r < 0)
		return r;
	p->is_engine_running = true;
	return first_contact(p, err);
}

static int start_notices(struct program *p)
{
	struct notice_cfg cfg;

	config_for_notice(p->cfg, &cfg);
	cfg.link = links_for_mail;
	cfg.link_arg = p->mount;
	if (!notice_is_wanted(&cfg))
		return 0;
	p->notices = notices_new(&cfg, p->engine, p->state->journal, p->state->instance,
				 p->clock);
	return p->notices ? 0 : -ENOMEM;
}

/* A mount that was handed over has no path that we know. */
static int start_nudge(struct program *p)
{
	if (!p->cfg->mount.inotify || p->cfg->is_handed)
		return 0;
	p->nudge = nudge_new(p->mount, p->session);
	return p->nudge ? 0 : -ENOMEM;
}

static int start(struct program *p, struct buf *err)
{
	const struct config *cfg = p->cfg;

	int r = open_signals(p);
	if (r < 0)
		return r;
	confine(cfg);
	fatal_setup(cfg->state.dir, cfg->cache.dir);
	fatal_tell(p->ready_fd);
	p->clock = clock_new();
	p->backends = p->clock ? backends_new(p->clock) : NULL;
	if (!p->backends)
		return -ENOMEM;
	if (cfg->mount.clock)
		r = backends_follow_clock(p->backends, cfg->mount.clock, err);
	struct state_cfg where = { .state_dir = cfg->state.dir,
				   .cache_dir = cfg->cache.dir };
	if (!r)
		r = state_open(&where, &p->state, err);
	if (!r)
		r = place_cache(cfg->cache.dir, cfg->cache.size_bytes,
				cfg->cache.reserve_bytes, cfg->cache.chunk_bytes, err);
	if (!r)
		r = start_engine(p, err);
	if (!r)
		r = mount_new(cfg, p->clock, p->state, p->engine, &p->mount);
	if (!r)
		r = start_notices(p);
	if (!r)
		r = check_wanted(p, err);
	if (!r)
		r = session_new(p->mount, &p->session, err);
	if (!r)
		r = loop_start(p->session, p->end_fd, p->mount->requests, &p->loop);
	if (!r)
		r = start_nudge(p);
	return r;
}

/* ---- stop ---- */

static void stop(struct program *p)
{
	if (p->mount)
		atomic_store(&p->mount->is_stopping, true);
	nudge_free(p->nudge); /* while requests are served: it makes some */
	loop_stop(p->loop);
	notices_free(p->notices);
	if (p->mount)
		mount_end_walks(p->mount);
	if (p->is_engine_running)
		engine_stop(p->engine);
	if (p->mount)
		mount_end_reads(p->mount);
	session_free(p->session);
	mount_free(p->mount);
	engine_free(p->engine);
	tables_free(&p->tables);
	state_close(p->state);
	backends_free(p->backends);
	clock_free(p->clock);
	close(p->signal_fd);
	close(p->end_fd);
}

/* Until a signal comes, or the kernel ends the session. */
static void wait_for_end(const struct program *p)
{
	struct pollfd fds[] = {
		{ .fd = p->signal_fd, .events = POLLIN },
		{ .fd = p->end_fd, .events = POLLIN },
	};

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
		;
	if (fds[0].revents) {
		struct signalfd_siginfo info = { 0 };
		(void)!read(p->signal_fd, &info, sizeof(info));
		log_notice("stopping, signal=%u", info.ssi_signo);
	} else {
		log_notice("stopping: unmounted");
	}
}

/* Tells the failure, once, to whoever started us; gives the exit status. */
static int fail(const struct program *p, int r, struct buf *err)
{
	int status = r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;

	if (!err->len)
		buf_printf(err, "cannot start: %s", strerrordesc_np(-r));
	daemon_failed(p->ready_fd, status, err->data);
	return status;
}

/* Before there is a fork to be undone. */
static int check_places(struct config *cfg, struct buf *err)
{
	int r = place_handed(cfg->mountpoint, err);
	cfg->is_handed = r >= 0;
	if (cfg->is_handed && cfg->mount.allow_other && !cfg->has_default_permissions)
		return config_refuse(
			err, "allow_other on a mount that was handed over needs "
			     "default_permissions too: nobody would look at modes");
	if (r != -ENOENT)
		return r < 0 ? r : 0;
	_free_ char *arg = steal_ptr(cfg->mountpoint);
	r = place_mountpoint(arg, cfg->has_nonempty, &cfg->mountpoint, err);
	return r < 0 ? r : place_device(err);
}

static int run(struct config *cfg)
{
	struct program p = { .cfg = cfg, .signal_fd = -1, .end_fd = -1, .ready_fd = -1 };
	_buf_ struct buf err;
	_free_ char *log_path = NULL;

	buf_init(&err, BUF_TEXT_MAX);
	if (asprintf(&log_path, "%s/thawfs.log", cfg->state.dir) < 0)
		return STATUS_FAILED;
	int r = check_places(cfg, &err);
	if (!r && !cfg->is_foreground) {
		p.ready_fd = daemon_begin();
		r = p.ready_fd < 0 ? p.ready_fd : 0;
	}
	if (r < 0)
		return fail(&p, r, &err);
	tell_limits(cfg);
	session_check_kernel();
	r = start(&p, &err);
	if (r < 0) {
		stop(&p);
		return fail(&p, r, &err);
	}
	tell_budgets(cfg);
	log_notice("mounted source=%s at=%s", cfg->source_arg, cfg->mountpoint);
	manager_tell("READY=1");
	fatal_tell(-1);
	daemon_ready(p.ready_fd, log_path);
	wait_for_end(&p);
	manager_tell("STOPPING=1");
	stop(&p);
	log_notice("stopped");
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	_cleanup_(config_freep) struct config *cfg = config_new();
	_buf_ struct buf text;
	_buf_ struct buf err;
	enum cmdline_what what = CMDLINE_MOUNT;

	buf_init(&text, BUF_TEXT_MAX);
	buf_init(&err, BUF_TEXT_MAX);
	if (!cfg)
		return STATUS_FAILED;
	config_own_home();
	int r = cmdline_read(argc, argv, cfg, &what, &text, &err);
	if (r < 0) {
		if (err.len)
			fprintf(stderr, "thawfs: %s\n", err.data);
		return r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	}
	if (what != CMDLINE_MOUNT)
		return fputs(text.data, stdout) < 0 ? STATUS_FAILED : STATUS_OK;

	umask(0077);
	raise_limits();
	enum log_level level = cfg->verbosity > 1 ? LOG_DEBUG
			       : cfg->verbosity   ? LOG_INFO
						  : LOG_NOTICE;
	log_setup("thawfs", level, !isatty(STDERR_FILENO));
	return run(cfg);
}
