/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"

#include "clock.h"
#include "str.h"
#include <errno.h>
#include <stdio.h>

/* Process groups and users looked after at a time; the one longest quiet makes room. */
#define SUBJECTS_MAX 512
/* Files one of them is remembered to have asked for: more than any sensible limit. */
#define TRACES_MAX 65536

struct trace {
	uint64_t ino, bytes;
	int64_t at_ms;
	bool is_cold, is_walking;
};

/* A process group or a user. */
struct subject {
	bool is_used, is_user;
	uint32_t uid, pgrp;
	int64_t last_ms;
	struct trace *traces; /* owned; oldest first */
	size_t n, room;
	uint64_t files, heads, bytes; /* sums of them */
	bool is_tripped;
	struct storm storm;
};

struct storms {
	struct subject subjects[SUBJECTS_MAX];
	uint64_t last_id;
};

struct storms *storms_new(void)
{
	return calloc(1, sizeof(struct storms));
}

void storms_free(struct storms *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SUBJECTS_MAX; i++)
		free(s->subjects[i].traces);
	free(s);
}

static void subject_forget(struct subject *s)
{
	s->n = 0;
	s->files = s->heads = s->bytes = 0;
}

static void trace_drop(struct subject *s, const struct trace *t)
{
	s->files -= t->is_cold;
	s->heads -= t->is_walking;
	s->bytes -= t->bytes;
}

static void subject_prune(struct subject *s, int64_t oldest_ms)
{
	size_t gone = 0;

	while (gone < s->n && s->traces[gone].at_ms < oldest_ms)
		trace_drop(s, &s->traces[gone++]);
	if (!gone)
		return;
	s->n -= gone;
	memmove(s->traces, s->traces + gone, s->n * sizeof(*s->traces));
}

static struct subject *subject_of(struct storms *s, bool is_user, uint32_t uid,
				  uint32_t pgrp)
{
	struct subject *quiet = NULL;

	for (size_t i = 0; i < SUBJECTS_MAX; i++) {
		struct subject *x = &s->subjects[i];

		if (x->is_used && x->is_user == is_user && x->uid == uid &&
		    x->pgrp == pgrp)
			return x;
		if (x->is_tripped)
			continue;
		if (!quiet || !x->is_used ||
		    (quiet->is_used && x->last_ms < quiet->last_ms))
			quiet = x;
	}
	if (!quiet)
		return NULL;
	subject_forget(quiet);
	quiet->is_used = true;
	quiet->is_user = is_user;
	quiet->uid = uid;
	quiet->pgrp = pgrp;
	return quiet;
}

static bool is_known(const struct subject *s, uint64_t ino)
{
	for (size_t i = s->n; i-- > 0;)
		if (s->traces[i].ino == ino)
			return true;
	return false;
}

static int subject_add(struct subject *s, const struct storm_ask *ask, int64_t now_ms)
{
	if (s->n == TRACES_MAX) {
		trace_drop(s, &s->traces[0]);
		s->n--;
		memmove(s->traces, s->traces + 1, s->n * sizeof(*s->traces));
	}
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 16;
		struct trace *grown = reallocarray(s->traces, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		s->traces = grown;
		s->room = room;
	}
	s->traces[s->n++] = (struct trace){
		.ino = ask->ino,
		.bytes = ask->bytes,
		.at_ms = now_ms,
		.is_cold = ask->is_cold,
		.is_walking = ask->is_walking,
	};
	s->files += ask->is_cold;
	s->heads += ask->is_walking;
	s->bytes += ask->bytes;
	return 0;
}

static bool is_over(uint64_t used, uint64_t more, uint64_t limit, uint64_t factor)
{
	return limit && more && used + more > limit * factor;
}

static bool exceeds(const struct subject *s, const struct storm_ask *ask,
		    enum storm_why *ret)
{
	uint64_t factor = s->is_user ? STORM_USER_FACTOR : 1;
	const struct storm_limits *l = &ask->limits;

	if (is_over(s->heads, ask->is_walking, l->heads, factor))
		*ret = STORM_HEADS;
	else if (is_over(s->files, ask->is_cold, l->files, factor))
		*ret = STORM_FILES;
	else if (is_over(s->bytes, ask->bytes, l->bytes, factor))
		*ret = STORM_BYTES;
	else
		return false;
	return true;
}

static void subject_trip(struct storms *all, struct subject *s,
			 const struct storm_ask *ask, enum storm_why why, int64_t now_ms)
{
	s->is_tripped = true;
	s->storm = (struct storm){
		.id = ++all->last_id,
		.why = why,
		.is_user = s->is_user,
		.uid = s->uid,
		.pgrp = s->pgrp,
		.files = s->files,
		.bytes = s->bytes,
		.limits = ask->limits,
		.since_ms = now_ms,
		.until_ms = now_ms + ask->limits.pause_ms,
	};
	snprintf(s->storm.program, sizeof(s->storm.program), "%s", ask->program);
}

static bool is_stopped(struct subject *s, int64_t now_ms)
{
	if (s->is_tripped && s->storm.until_ms <= now_ms) {
		s->is_tripped = false;
		subject_forget(s);
	}
	return s->is_tripped;
}

static bool has_limits(const struct storm_ask *ask)
{
	const struct storm_limits *l = &ask->limits;

	return l->files || l->bytes || l->heads;
}

/* Of the group and the user, the one that is in the way. */
static struct subject *in_the_way(struct storms *s, struct subject *const *of, size_t n,
				  const struct storm_ask *ask, int64_t now_ms,
				  bool *ret_is_new)
{
	enum storm_why why = STORM_INDEXER;

	for (size_t i = 0; i < n; i++)
		if (is_stopped(of[i], now_ms))
			return of[i];
	for (size_t i = 0; i < n; i++) {
		subject_prune(of[i], now_ms - ask->limits.window_ms);
		bool is_tripping = ask->is_indexer && ask->is_cold && !of[i]->is_user;
		if (!is_tripping && !is_known(of[i], ask->ino))
			is_tripping = exceeds(of[i], ask, &why);
		if (!is_tripping)
			continue;
		subject_trip(s, of[i], ask, why, now_ms);
		*ret_is_new = true;
		return of[i];
	}
	return NULL;
}

int storms_admit(struct storms *s, const struct storm_ask *ask, int64_t now_ms,
		 const struct storm **ret, bool *ret_is_new)
{
	struct subject *of[2];
	size_t n = 0;
	bool is_new = false;

	if (!has_limits(ask))
		return 0;
	if (ask->pgrp)
		of[n++] = subject_of(s, false, ask->uid, ask->pgrp);
	if (n && !of[n - 1])
		return 0; /* so many have tripped that nobody else can be looked after */
	if (n)
		of[n - 1]->last_ms = now_ms; /* not the one that makes room */
	struct subject *user = subject_of(s, true, ask->uid, 0);
	if (user)
		of[n++] = user;
	struct subject *stop = in_the_way(s, of, n, ask, now_ms, &is_new);
	if (stop) {
		stop->last_ms = now_ms;
		stop->storm.refused++;
		*ret = &stop->storm;
		*ret_is_new = is_new;
		return -EDQUOT;
	}
	for (size_t i = 0; i < n; i++) {
		of[i]->last_ms = now_ms;
		int r = is_known(of[i], ask->ino) ? 0 : subject_add(of[i], ask, now_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

int storms_calm(struct storms *s, uint64_t id)
{
	for (size_t i = 0; i < SUBJECTS_MAX; i++) {
		struct subject *x = &s->subjects[i];

		if (!x->is_tripped || x->storm.id != id)
			continue;
		x->is_tripped = false;
		subject_forget(x);
		return 0;
	}
	return -ENOENT;
}

const struct storm *storms_next(struct storms *s, uint64_t after, int64_t now_ms)
{
	const struct storm *next = NULL;

	for (size_t i = 0; i < SUBJECTS_MAX; i++) {
		struct subject *x = &s->subjects[i];

		if (!x->is_used || !is_stopped(x, now_ms) || x->storm.id <= after)
			continue;
		if (!next || x->storm.id < next->id)
			next = &x->storm;
	}
	return next;
}

uint64_t storms_count(const struct storms *s)
{
	return s->last_id;
}

/* What it did. */
static void why_text(const struct storm *t, char ret[96])
{
	uint64_t factor = t->is_user ? STORM_USER_FACTOR : 1;
	uint64_t heads = t->limits.heads * factor, files = t->limits.files * factor;
	char words[32];

	switch (t->why) {
	case STORM_INDEXER:
		snprintf(ret, 96, "it is known to read every file it finds");
		return;
	case STORM_HEADS:
		snprintf(ret, 96, "it tried the heads of over %llu cold files",
			 (unsigned long long)heads);
		return;
	case STORM_FILES:
		snprintf(ret, 96, "over %llu cold files were read",
			 (unsigned long long)files);
		return;
	case STORM_BYTES:
		size_words(t->limits.bytes * factor, words);
		snprintf(ret, 96, "over %s of cold files were read", words);
		return;
	}
}

void storm_text(const struct storm *t, char *ret, size_t room)
{
	char why[96], whose[64], window[32];

	why_text(t, why);
	duration_words(t->limits.window_ms, window);
	if (t->is_user)
		snprintf(whose, sizeof(whose), "all programs of uid %u", t->uid);
	else
		snprintf(whose, sizeof(whose), "%s (process group %u)",
			 t->program[0] ? t->program : "a program", t->pgrp);
	snprintf(
		ret, room,
		"storm breaker: %s stopped, %s%s%s; nothing was paid: ask by `thaw get`, "
		"or an administrator says `thaw approve storm-%llu`",
		whose, why, t->why == STORM_INDEXER ? "" : " within ",
		t->why == STORM_INDEXER ? "" : window, (unsigned long long)t->id);
}
