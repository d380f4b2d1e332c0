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
#include "metrics.h"
#include "mount.h"
#include "notices.h"
#include "nudge.h"
#include "place.h"
#include "port.h"
#include "running.h"
#include "session.h"
#include "tables.h"
#include <assert.h>
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
	int argc;
	char **argv;
	struct config *cfg;    /* of the start; main()'s */
	struct running *first; /* that, owned; NULL: not yet */
	struct running *now;   /* owned, if it is another one */
	struct running_status reload;
	struct clock *clock;
	struct backends *backends;
	struct state *state;
	struct engine *engine;
	bool is_engine_running;
	struct mount *mount;
	struct notices *notices; /* NULL: nobody is told */
	struct fuse_session *session;
	struct loop *loop;
	struct port *port;   /* NULL: metrics are in .thaw only */
	struct nudge *nudge; /* NULL: watchers are not told */
	int signal_fd, end_fd;
	int ready_fd;         /* of daemon_begin(), or -1 */
	bool is_reload_asked; /* while it started */
	bool has_terminal;    /* in the foreground of one: its end is ours */
};

/* ---- start ---- */

/* The higher one of -v and [mount] log-level. */
static enum log_level level_of(const struct config *cfg)
{
	int more = cfg->verbosity > cfg->mount.log_level ? cfg->verbosity
							 : cfg->mount.log_level;

	return more > 1 ? LOG_DEBUG : more ? LOG_INFO : LOG_NOTICE;
}

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

/* The signal that has come; 0: none. */
static uint32_t take_signal(const struct program *p)
{
	struct pollfd fd = { .fd = p->signal_fd, .events = POLLIN };
	struct signalfd_siginfo info = { 0 };

	if (poll(&fd, 1, 0) > 0)
		(void)!read(p->signal_fd, &info, sizeof(info));
	return info.ssi_signo;
}

/* A signal that ends, or whoever started us has gone: a start ends at once. */
static int check_wanted(struct program *p, struct buf *err)
{
	uint32_t signal;

	while ((signal = take_signal(p)) == SIGHUP)
		p->is_reload_asked = true;
	if (!signal && !daemon_is_orphan(p->ready_fd))
		return 0;
	buf_reset(err);
	buf_puts(err, "stopped while starting: nothing is mounted");
	return -EINTR;
}

static int first_contact(struct program *p, struct buf *err)
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
	int r = running_new(p->cfg, NULL, &p->first, err);
	if (r < 0)
		return r;
	const struct running *now = p->now = p->first;
	tables_tell(&now->tables);
	r = engine_new(&now->engine, p->state, p->backends, p->clock, &p->engine);
	for (size_t i = 0; !r && i < now->cfg->n_sources; i++)
		r = engine_add_source(p->engine, &now->sources[i], err);
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

	config_for_notice(p->now->cfg, &cfg);
	cfg.link = links_for_mail;
	cfg.link_arg = p->mount;
	if (!notice_is_wanted(&cfg))
		return 0;
	p->notices = notices_new(&cfg, p->engine, p->state->journal, p->state->instance,
				 p->clock);
	return p->notices ? 0 : -ENOMEM;
}

static int metrics_make(void *mount, struct buf *out)
{
	return metrics_text(mount, MOUNT_ROOT_INO, NULL, out);
}

static int start_port(struct program *p, struct buf *err)
{
	const char *address = p->cfg->mount.metrics_listen;

	if (!address)
		return 0;
	int r = port_new(address, metrics_make, p->mount, &p->port, err);
	if (r == 0)
		log_notice("metrics at=%s port=%u", address, port_number(p->port));
	return r;
}

/* A mount that was handed over has no path that we know. */
static int start_nudge(struct program *p)
{
	if (!p->cfg->mount.inotify || p->cfg->is_handed)
		return 0;
	p->nudge = nudge_new(p->mount, p->session);
	return p->nudge ? 0 : -ENOMEM;
}

static int start_mount(struct program *p)
{
	int r = mount_new(p->cfg, p->clock, p->state, p->engine, &p->mount);

	if (!r)
		p->mount->reload = &p->reload;
	return r;
}

static int open_state(struct program *p, struct buf *err)
{
	_buf_ struct buf notes;
	struct state_cfg where = { .state_dir = p->cfg->state.dir,
				   .cache_dir = p->cfg->cache.dir,
				   .notes = &notes };

	buf_init(&notes, BUF_TEXT_MAX);
	int r = state_open(&where, &p->state, err);
	for (char *at = notes.data, *line; notes.len && (line = strsep(&at, "\n"));)
		if (*line)
			log_notice("%s", line);
	return r;
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
	if (!r)
		r = open_state(p, err);
	if (!r)
		r = place_cache(cfg->cache.dir, cfg->cache.size_bytes,
				cfg->cache.reserve_bytes, cfg->cache.chunk_bytes, err);
	if (!r)
		r = start_engine(p, err);
	if (!r)
		r = start_mount(p);
	if (!r)
		r = start_port(p, err);
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
	port_free(p->port);
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
	state_close(p->state);
	backends_free(p->backends);
	clock_free(p->clock);
	if (p->now != p->first)
		running_free(p->now);
	(void)grace_collect(); /* nobody is left to look */
	running_free(p->first);
	close(p->signal_fd);
	close(p->end_fd);
}

/* ---- reload ---- */

static int64_t real_utc_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* `told` has a line for each; they are cut apart. */
static void reload_tell(struct program *p, struct buf *told)
{
	struct running_status *s = &p->reload;
	char *rest = told->data, *line;
	size_t len = 0;

	pthread_mutex_lock(&s->mu);
	s->kept[0] = '\0';
	while (rest && (line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		log_warning("configuration: %s", line);
		if (len < sizeof(s->kept))
			len += (size_t)snprintf(s->kept + len, sizeof(s->kept) - len,
						"%s%s", len ? "; " : "", line);
	}
	s->read_ms = real_utc_now_ms();
	s->refused_ms = 0;
	pthread_mutex_unlock(&s->mu);
}

static void reload_refused(struct program *p, const char *why)
{
	struct running_status *s = &p->reload;

	log_warning("configuration not read again, the one before holds: %s", why);
	pthread_mutex_lock(&s->mu);
	s->refused_ms = real_utc_now_ms();
	snprintf(s->refused, sizeof(s->refused), "%s", why);
	pthread_mutex_unlock(&s->mu);
}

/* What is whole and checked holds from now on; nothing of it can fail any more but the thread that
 * tells people. */
static void reload_put(struct program *p, struct running *next)
{
	bool is_told_anew = !running_tells_same(p->now, next);
	struct running *old = p->now;

	if (is_told_anew) {
		notices_free(p->notices);
		p->notices = NULL;
	}
	log_level_set(level_of(next->cfg));
	running_put(next, p->engine, p->mount);
	p->now = next;
	if (is_told_anew && start_notices(p) < 0)
		log_err("nobody is told of anything: out of memory or threads");
	if (old != p->first)
		running_retire(old);
}

static int reload(struct program *p, struct buf *told, struct buf *err)
{
	_cleanup_(config_freep) struct config *cfg = NULL;
	struct running *next = NULL;

	int r = cmdline_again(p->argc, p->argv, p->now->cfg, &cfg, told, err);
	if (!r)
		r = place_cache(cfg->cache.dir, cfg->cache.size_bytes,
				cfg->cache.reserve_bytes, cfg->cache.chunk_bytes, err);
	if (!r)
		r = running_new(cfg, p->first, &next, err);
	if (r < 0)
		return r;
	cfg = NULL; /* it is `next`'s */
	reload_put(p, next);
	return 0;
}

static void reload_now(struct program *p)
{
	_buf_ struct buf told, err;

	buf_init(&told, BUF_TEXT_MAX);
	buf_init(&err, BUF_TEXT_MAX);
	manager_tell_reloading();
	int r = reload(p, &told, &err);
	if (r < 0) {
		reload_refused(p, err.len ? err.data : strerrordesc_np(-r));
		manager_tell(
			"READY=1\nSTATUS=The configuration was refused, the one before "
			"holds; the log says why");
	} else {
		reload_tell(p, &told);
		tell_budgets(p->now->cfg);
		log_notice("configuration read again from %s", p->cfg->source_arg);
		manager_tell("READY=1\nSTATUS=The configuration was read again");
	}
	(void)grace_collect();
}

/* The terminal we were started on has been closed: its hang-up is no wish for another configuration. */
static bool is_hung_up(const struct program *p)
{
	struct pollfd fd = { .fd = STDERR_FILENO };

	return p->has_terminal && poll(&fd, 1, 0) > 0 && (fd.revents & POLLHUP);
}

/* Until a signal comes that ends, or the kernel ends the session. */
static void wait_for_end(struct program *p)
{
	struct pollfd fds[] = {
		{ .fd = p->signal_fd, .events = POLLIN },
		{ .fd = p->end_fd, .events = POLLIN },
	};
	uint32_t signal = p->is_reload_asked ? SIGHUP : 0;

	assert(p->now); /* it has started */

	while (signal == 0 || (signal == SIGHUP && !is_hung_up(p))) {
		if (signal)
			reload_now(p);
		while (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno == EINTR)
			;
		if (fds[1].revents) {
			log_notice("stopping: unmounted");
			return;
		}
		signal = take_signal(p);
	}
	log_notice("stopping, signal=%u", signal);
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

static int run(struct config *cfg, int argc, char **argv)
{
	struct program p = { .argc = argc,
			     .argv = argv,
			     .cfg = cfg,
			     .reload = { .mu = PTHREAD_MUTEX_INITIALIZER },
			     .signal_fd = -1,
			     .end_fd = -1,
			     .ready_fd = -1,
			     .has_terminal =
				     cfg->is_foreground && isatty(STDERR_FILENO) };
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
	log_setup("thawfs", level_of(cfg), !isatty(STDERR_FILENO));
	_free_ char *here = getcwd(NULL, 0);
	cfg->base_dir = here;
	return run(cfg, argc, argv);
}
