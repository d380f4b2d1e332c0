/* SPDX-License-Identifier: Apache-2.0 */
#include "sources.h"
#include "clock.h"
#include "json.h"

int sources_config(struct mount *m, uint64_t ino, const struct asker *who,
		   struct buf *out)
{
	return config_print(m->cfg, out);
}

static const char *state_word(enum source_state state)
{
	static const char *const words[] = {
		[SOURCE_CHECKING] = "checking", [SOURCE_WAITING] = "waiting",
		[SOURCE_READY] = "ready",       [SOURCE_OFFLINE] = "offline",
		[SOURCE_FAILED] = "failed",
	};
	return words[state];
}

static void source_add(const struct mount *m, const struct source_section *section,
		       struct buf *out)
{
	struct source_status s;

	if (engine_source_status(m->engine, section->name, &s) < 0)
		return;
	buf_putc(out, '{');
	json_put(out, "source", section->name);
	json_put(out, "url", section->url);
	json_put(out, "state", state_word(s.state));
	json_put(out, "error", s.error);
	json_put_time(out, "catalog", s.catalog_ms);
	json_put_time(out, "expected", s.expected_ms);
	json_put_time(out, "now", clock_service_ms(m->clock));
	buf_printf(out, ",\"refresh_ms\":%lld", (long long)section->refresh_ms);
	json_put(out, "credentials", s.seen.credentials);
	json_put(out, "queue", s.queue);
	if (s.seen.has_skew)
		buf_printf(out, ",\"skew_ms\":%lld", (long long)s.seen.skew_ms);
	buf_puts(out, "}\n");
}

int sources_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	for (size_t i = 0; i < m->cfg->n_sources; i++)
		source_add(m, &m->cfg->sources[i], out);
	return out->err;
}
