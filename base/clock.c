/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "cleanup.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct clock {
	pthread_mutex_t mu; /* protects all below; a leaf */
	bool is_virtual;
	bool is_followed;        /* virtual clocks always are */
	int64_t virtual_real_ms; /* virtual clocks only */
	int64_t base_real_ms;    /* when the simulator spoke */
	int64_t base_service_ms; /* what it said */
	double speed;
};

static int64_t machine_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct clock *clock_new(void)
{
	struct clock *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	pthread_mutex_init(&c->mu, NULL);
	c->speed = 1;
	return c;
}

struct clock *clock_new_virtual(int64_t service_ms)
{
	struct clock *c = clock_new();
	if (!c)
		return NULL;
	c->is_virtual = true;
	c->is_followed = true;
	c->virtual_real_ms = service_ms;
	c->base_real_ms = service_ms;
	c->base_service_ms = service_ms;
	return c;
}

void clock_free(struct clock *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->mu);
	free(c);
}

/* Readers see a constant clock; its lock is not part of what they see. */
static struct clock *clock_lock(const struct clock *c)
{
	struct clock *locked = (struct clock *)(uintptr_t)c;

	pthread_mutex_lock(&locked->mu);
	return locked;
}

static int64_t real_locked(const struct clock *c)
{
	/* Boot time goes on while the machine sleeps, as the service does. */
	return c->is_virtual ? c->virtual_real_ms : machine_ms(CLOCK_BOOTTIME);
}

int64_t clock_real_ms(const struct clock *c)
{
	struct clock *locked = clock_lock(c);
	int64_t ms = real_locked(locked);

	pthread_mutex_unlock(&locked->mu);
	return ms;
}

int64_t clock_service_ms(const struct clock *c)
{
	struct clock *locked = clock_lock(c);
	int64_t ms;

	if (locked->is_virtual || !locked->is_followed) {
		ms = locked->is_virtual ? locked->base_service_ms
					: machine_ms(CLOCK_REALTIME);
	} else {
		double passed = (double)(real_locked(locked) - locked->base_real_ms);
		ms = locked->base_service_ms + (int64_t)(passed * locked->speed);
	}
	pthread_mutex_unlock(&locked->mu);
	return ms;
}

double clock_speed(const struct clock *c)
{
	struct clock *locked = clock_lock(c);
	double speed = locked->speed;

	pthread_mutex_unlock(&locked->mu);
	return speed;
}

void clock_follow(struct clock *c, int64_t service_ms, double speed)
{
	clock_lock(c);
	c->is_followed = true;
	c->base_real_ms = real_locked(c);
	c->base_service_ms = service_ms;
	c->speed = speed > 1 ? speed : 1;
	pthread_mutex_unlock(&c->mu);
}

void clock_advance(struct clock *c, int64_t delta_ms)
{
	clock_lock(c);
	if (c->is_virtual) {
		c->virtual_real_ms += delta_ms;
		c->base_service_ms += delta_ms;
	}
	pthread_mutex_unlock(&c->mu);
}

/* Broken-down UTC of `ms`, rounded down. */
static struct tm utc_of(int64_t ms)
{
	time_t s = (time_t)(ms / 1000 - (ms % 1000 < 0 ? 1 : 0));
	struct tm tm = { 0 };

	gmtime_r(&s, &tm);
	return tm;
}

void time_rfc3339(int64_t ms, char ret[32])
{
	ret[0] = '\0';
	if (ms == 0)
		return;
	struct tm tm = utc_of(ms);
	strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void time_basic(int64_t ms, char ret[32])
{
	struct tm tm = utc_of(ms);
	strftime(ret, 32, "%Y%m%dT%H%M%SZ", &tm);
}

uint32_t time_day(int64_t ms)
{
	struct tm tm = utc_of(ms);
	return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 +
			  tm.tm_mday);
}

/* Walks `*s` by a pattern in which a letter of "YMDhms" is a digit of that field and all else
 * stands for itself. */
static bool fields_read(const char **s, const char *pattern, struct tm *tm)
{
	for (; *pattern != '\0'; pattern++, (*s)++) {
		static const char letters[] = "YMDhms";
		int *const fields[] = { &tm->tm_year, &tm->tm_mon, &tm->tm_mday,
					&tm->tm_hour, &tm->tm_min, &tm->tm_sec };
		const char *letter = strchr(letters, *pattern);
		if (!letter) {
			if (**s != *pattern)
				return false;
			continue;
		}
		if (**s < '0' || **s > '9')
			return false;
		int *field = fields[letter - letters];
		*field = *field * 10 + (**s - '0');
	}
	return true;
}

/* `tm` with the year and month as people write them. A day that does
 * not exist would have become one of another month. */
static int tm_to_ms(struct tm tm, int64_t *ret_ms)
{
	/* 60: a leap second, which is the next one's first. */
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;

	struct tm normal = tm;
	normal.tm_hour = normal.tm_min = normal.tm_sec = 0;
	int64_t day_s = (int64_t)timegm(&normal);
	if (normal.tm_mon != tm.tm_mon)
		return -EINVAL;
	*ret_ms = (day_s + tm.tm_hour * 3600LL + tm.tm_min * 60LL + tm.tm_sec) * 1000;
	return 0;
}

int time_parse_rfc3339(const char *s, int64_t *ret_ms)
{
	struct tm tm = { 0 };
	int64_t fraction_ms = 0;

	if (!fields_read(&s, "YYYY-MM-DDThh:mm:ss", &tm))
		return -EINVAL;
	if (*s == '.') {
		if (s[1] < '0' || s[1] > '9')
			return -EINVAL;
		s++;
		for (int64_t weight = 100; *s >= '0' && *s <= '9'; s++, weight /= 10)
			fraction_ms += weight * (*s - '0');
	}
	if (*s == 'Z')
		s++;
	if (*s != '\0')
		return -EINVAL;

	int64_t ms;
	int r = tm_to_ms(tm, &ms);
	if (r < 0)
		return r;
	*ret_ms = ms + fraction_ms;
	return 0;
}

int time_parse_basic(const char *s, int64_t *ret_ms)
{
	struct tm tm = { 0 };

	if (!fields_read(&s, "YYYYMMDDThhmmssZ", &tm) || *s != '\0')
		return -EINVAL;
	return tm_to_ms(tm, ret_ms);
}

int time_parse_http(const char *s, int64_t *ret_ms)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { 0 };

	if (strnlen(s, 30) != 29 || s[3] != ',')
		return -EINVAL;
	for (int i = 0; i < 12; i++)
		if (strncmp(s + 8, months + (size_t)i * 3, 3) == 0)
			tm.tm_mon = i + 1;

	/* The weekday says nothing new: not read. */
	const char *day = s + 4, *rest = s + 11;
	if (tm.tm_mon == 0 || !fields_read(&day, " DD ", &tm) ||
	    !fields_read(&rest, " YYYY hh:mm:ss ", &tm) || strcmp(rest, "GMT") != 0)
		return -EINVAL;
	return tm_to_ms(tm, ret_ms);
}

void duration_words(int64_t ms, char ret[32])
{
	static const struct {
		int64_t unit_ms;
		const char *word;
	} units[] = {
		{ 86400 * 1000LL, "d" },
		{ 3600 * 1000LL, "h" },
		{ 60 * 1000LL, "min" },
		{ 1000, "s" },
	};
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (i + 1 < ARRAY_SIZE(units) && ms < units[i].unit_ms)
		i++;
	long long whole = ms / units[i].unit_ms;
	int n = snprintf(ret, 32, "%lld %s", whole, units[i].word);
	if (i + 1 == ARRAY_SIZE(units))
		return;

	long long part = ms % units[i].unit_ms / units[i + 1].unit_ms;
	if (part > 0)
		snprintf(ret + n, 32 - (size_t)n, " %lld %s", part, units[i + 1].word);
}
