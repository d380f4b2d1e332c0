/* SPDX-License-Identifier: Apache-2.0 */
/* trouble - what a restore does about failures: try again after a pause, or end with its reason. */
#include "log.h"
#include "notes.h"
#include "pace.h"
#include "private.h"
#include "steps.h"
#include <errno.h>
#include <stdarg.h>

void restore_fails(struct restore *r, int err, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	restore_say(r, "%s", text);
	r->rec.err = err;
	restore_happens(r, EV_FAILED);
}

bool fault_is_transient(const struct fault *f)
{
	switch (f->kind) {
	case FAULT_NETWORK:
	case FAULT_BUSY:
	case FAULT_THROTTLED:
	case FAULT_CAPACITY:
	case FAULT_AUTH:
		return true;
	case FAULT_NONE:
	case FAULT_DENIED:
	case FAULT_NOT_FOUND:
	case FAULT_CHANGED:
	case FAULT_COLD:
	case FAULT_REFUSED:
	case FAULT_PROTOCOL:
		return false;
	}
	return false;
}

void restore_retry_fires(struct timer *t)
{
	struct restore *r = container_of(t, struct restore, again);

	r->retry(r);
}

void restore_retry(struct restore *r, const struct fault *fault, bool has_limit,
		   void (*retry)(struct restore *r))
{
	struct engine *e = r->engine;
	int64_t now = engine_real_ms(e);

	if (!r->failures)
		r->first_failure_ms = now;
	if (has_limit && now - r->first_failure_ms > e->cfg->retry_ms) {
		restore_fails(r, EIO, "%s: %s (%s); given up after %u tries",
			      fault_word(fault->kind), fault->text, fault->code,
			      r->failures);
		return;
	}
	if (!r->trouble || !streq(r->trouble, fault->text)) {
		log_warning("ino=%llu phase=%s code=%s %s, trying again",
			    (unsigned long long)r->ino, restore_phase_word(r->phase),
			    fault->code, fault->text);
		free(r->trouble);
		r->trouble = strdup(fault->text); /* without memory: not shown */
	}
	e->noise = e->noise * 1664525u + 1013904223u;
	r->retry = retry;
	timers_arm(&e->real, &r->again, now + pace_retry_ms(r->failures, e->noise >> 8));
	r->failures++;
}

void restore_recovers(struct restore *r)
{
	r->failures = 0;
	free(r->trouble);
	r->trouble = NULL;
}

/* What a fault that will not pass means for readers. */
void restore_fails_for(struct restore *r, const struct fault *f)
{
	int err = f->kind == FAULT_DENIED ? EACCES : EIO;

	if (f->kind == FAULT_NOT_FOUND || f->kind == FAULT_CHANGED)
		err = ESTALE;
	restore_fails(r, err, "%s: %s%s%s%s", fault_word(f->kind), f->text,
		      f->code[0] ? " (" : "", f->code, f->code[0] ? ")" : "");
}
