/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_text.h"
#include "store.h"
#include "str.h"

static void put_bytes(struct buf *out, const char *what, uint64_t bytes)
{
	char words[24];

	size_words(bytes, words);
	buf_printf(out, "%s: %llu (%s)\n", what, (unsigned long long)bytes, words);
}

int cache_text(struct mount *m, uint64_t ino, const struct asker *who, struct buf *out)
{
	struct store *s = m->state->store;
	struct engine_stats stats = { .waiters = 0 };

	engine_stats(m->engine, &stats);
	const struct cache_stats *c = &stats.cache;
	put_bytes(out, "used bytes", store_used_bytes(s));
	put_bytes(out, "may take bytes", c->most_bytes);
	put_bytes(out, "emptied above bytes", c->high_bytes);
	put_bytes(out, "down to bytes", c->low_bytes);
	put_bytes(out, "still to come bytes", c->promised_bytes);
	put_bytes(out, "free on its disk bytes", store_free_bytes(s));
	buf_printf(out, "files: %llu\n", (unsigned long long)store_fills(s));
	buf_printf(out, "pinned files: %llu\n", (unsigned long long)c->pinned_files);
	put_bytes(out, "pinned bytes", c->pinned_bytes);
	buf_printf(out, "given up to make room, files: %llu\n",
		   (unsigned long long)c->evictions);
	put_bytes(out, "given up to make room, bytes", c->evicted_bytes);
	put_bytes(out, "hashed again bytes", c->checked_bytes);
	put_bytes(out, "of these wrong, and forgotten, bytes", c->wrong_bytes);
	return out->err;
}
