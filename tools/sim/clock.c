/* SPDX-License-Identifier: Apache-2.0 */
/* clock - service time: starts at now, runs at its own speed, jumps when told, goes on where it
 * stopped.
 *
 * The file holds the last time an answer left with. A restart continues there: time never goes
 * back for anybody who was answered, and stands still while no simulator runs.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "server.h"
#include "str.h"

struct sim_clock {
	pthread_mutex_t mu; /* a leaf */
	int fd;
	int64_t base_service_ms, base_real_ms;
	double speed;
};

static int64_t real_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t now_locked(const struct sim_clock *c)
{
	double passed = (double)(real_ms(CLOCK_MONOTONIC) - c->base_real_ms) * c->speed;

	return c->base_service_ms + (int64_t)passed;
}

static void rebase(struct sim_clock *c, int64_t delta_ms)
{
	c->base_service_ms = now_locked(c) + delta_ms;
	c->base_real_ms = real_ms(CLOCK_MONOTONIC);
}

static void save_locked(const struct sim_clock *c)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "%20" PRId64 " %20.3f\n", now_locked(c),
			 c->speed);
	int r = pwrite_all(c->fd, line, (size_t)n, 0);
	if (r < 0)
		log_warning("clock: not saved: %s, going on", strerrorname_np(-r));
}

static void load(struct sim_clock *c)
{
	char line[80] = "";
	char *end = NULL;

	if (pread_full(c->fd, line, sizeof(line) - 1, 0) <= 0)
		return;
	errno = 0;
	int64_t service_ms = strtoll(line, &end, 10);
	if (errno || end == line || service_ms <= 0)
		return;
	c->base_service_ms = service_ms;
	double speed = strtod(end, &end);
	if (speed >= 0)
		c->speed = speed;
}

struct sim_clock *sim_clock_open(int dir_fd, double speed)
{
	struct sim_clock *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->fd = openat(dir_fd, "clock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->fd < 0) {
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->mu, NULL);
	c->base_service_ms = real_ms(CLOCK_REALTIME);
	c->base_real_ms = real_ms(CLOCK_MONOTONIC);
	c->speed = 1;
	load(c);
	if (speed >= 0)
		c->speed = speed;
	save_locked(c);
	return c;
}

void sim_clock_close(struct sim_clock *c)
{
	if (!c)
		return;
	save_locked(c);
	close(c->fd);
	pthread_mutex_destroy(&c->mu);
	free(c);
}

/* The lock is the only thing a reader changes. */
static struct sim_clock *lock(const struct sim_clock *c)
{
	struct sim_clock *mine = (struct sim_clock *)c;

	pthread_mutex_lock(&mine->mu);
	return mine;
}

int64_t sim_clock_now(const struct sim_clock *c)
{
	struct sim_clock *mine = lock(c);
	int64_t now = now_locked(mine);

	pthread_mutex_unlock(&mine->mu);
	return now;
}

double sim_clock_speed(const struct sim_clock *c)
{
	struct sim_clock *mine = lock(c);
	double speed = mine->speed;

	pthread_mutex_unlock(&mine->mu);
	return speed;
}

void sim_clock_save(struct sim_clock *c)
{
	pthread_mutex_lock(&c->mu);
	save_locked(c);
	pthread_mutex_unlock(&c->mu);
}

void sim_clock_advance(struct sim_clock *c, int64_t ms)
{
	pthread_mutex_lock(&c->mu);
	rebase(c, ms);
	save_locked(c);
	pthread_mutex_unlock(&c->mu);
}

void sim_clock_set_speed(struct sim_clock *c, double speed)
{
	pthread_mutex_lock(&c->mu);
	rebase(c, 0);
	c->speed = speed;
	save_locked(c);
	pthread_mutex_unlock(&c->mu);
}

static void split(int64_t ms, struct tm *ret)
{
	time_t t = (time_t)(ms / 1000);

	gmtime_r(&t, ret);
}

void sim_time_iso(int64_t ms, char ret[32])
{
	struct tm tm;
	size_t n = 0;

	split(ms, &tm);
	n = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret + n, 32 - n, ".%03dZ", (int)(ms % 1000));
}

void sim_time_http(int64_t ms, char ret[40])
{
	static const char days[7][4] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
	};
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm;

	split(ms, &tm);
	snprintf(ret, 40, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		 tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
}
