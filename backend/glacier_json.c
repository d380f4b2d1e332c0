/* SPDX-License-Identifier: Apache-2.0 */
#include "glacier_json.h"
#include "json.h"
#include "str.h"
#include <inttypes.h>
#include <stdio.h>

/* A string member; "" where it is absent, null or of another type. */
static const char *text_of(struct json_object *o, const char *key)
{
	const char *s;

	return json_str(o, key, &s) == 0 ? s : "";
}

static bool is_text(struct json_object *o, const char *key)
{
	return *text_of(o, key) != '\0';
}

static int copy(char *ret, size_t room, const char *s)
{
	size_t len = strlen(s);

	if (len >= room)
		return -EBADMSG;
	memcpy(ret, s, len + 1);
	return 0;
}

static int time_member(struct json_object *o, const char *key, int64_t *ret_ms)
{
	const char *s = text_of(o, key);

	if (!*s)
		return 0;
	return time_parse_rfc3339(s, ret_ms) < 0 ? -EBADMSG : 0;
}

static int state_parse(const char *word, enum remote_state *ret)
{
	static const struct {
		const char *word;
		enum remote_state state;
	} rows[] = {
		{ "InProgress", REMOTE_RESTORING },
		{ "Succeeded", REMOTE_READY },
		{ "Failed", REMOTE_FAILED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (streq(rows[i].word, word)) {
			*ret = rows[i].state;
			return 0;
		}
	return -EBADMSG;
}

/* "A-B", both included. */
static bool range_parse(const char *s, uint64_t *ret_first, uint64_t *ret_last)
{
	size_t len = strcspn(s, "-");
	uint64_t first, last;
	char digits[24];

	if (s[len] != '-' || len >= sizeof(digits))
		return false;
	memcpy(digits, s, len);
	digits[len] = '\0';
	if (str_to_u64(digits, &first) < 0 || str_to_u64(s + len + 1, &last) < 0 ||
	    first > last)
		return false;
	*ret_first = first;
	*ret_last = last;
	return true;
}

static void archive_range_parse(struct json_object *o, struct glacier_job *j)
{
	const char *range = text_of(o, "RetrievalByteRange");
	uint64_t size = 0, first, last;

	if (json_u64(o, "ArchiveSizeInBytes", &size) < 0)
		size = 0;
	if (!*range) {
		j->is_whole = true;
		j->len = size;
	} else if (range_parse(range, &first, &last) && last < size) {
		j->is_whole = first == 0 && last == size - 1;
		j->off = first;
		j->len = last - first + 1;
	}
}

static bool is_whole_inventory(struct json_object *o)
{
	struct json_object *p;

	if (json_child(o, "InventoryRetrievalParameters", &p) < 0)
		return false; /* the format is not told */
	return streq(text_of(p, "Format"), "JSON") && !is_text(p, "StartDate") &&
	       !is_text(p, "EndDate") && !is_text(p, "Limit") && !is_text(p, "Marker");
}

int glacier_job_parse(struct json_object *o, struct glacier_job *ret)
{
	struct glacier_job j = { .completed_ms = 0 };
	const char *action = text_of(o, "Action");

	j.is_inventory = streq(action, "InventoryRetrieval");
	if (copy(j.id, sizeof(j.id), text_of(o, "JobId")) < 0 || !j.id[0] ||
	    copy(j.archive_id, sizeof(j.archive_id), text_of(o, "ArchiveId")) < 0 ||
	    copy(j.description, sizeof(j.description), text_of(o, "JobDescription")) <
		    0 ||
	    state_parse(text_of(o, "StatusCode"), &j.state) < 0 ||
	    time_member(o, "CreationDate", &j.created_ms) < 0 ||
	    time_member(o, "CompletionDate", &j.completed_ms) < 0)
		return -EBADMSG;
	snprintf(j.message, sizeof(j.message), "%s", text_of(o, "StatusMessage"));
	if (j.is_inventory)
		j.is_whole = is_whole_inventory(o);
	else if (streq(action, "ArchiveRetrieval"))
		archive_range_parse(o, &j);
	/* A hash that is none proves nothing; the job is there all the same. */
	j.has_tree_hash = hex_decode(text_of(o, "SHA256TreeHash"), j.tree_hash.bytes,
				     sizeof(j.tree_hash.bytes)) == 0;
	*ret = j;
	return 0;
}

bool glacier_job_is_ours(const struct glacier_job *j, const char *tag)
{
	return *tag && streq(j->description, tag);
}

static bool job_brings(const struct glacier_job *j, const struct backend_call *ask)
{
	if (j->is_whole)
		return true;
	if (!ask->object || ask->len == 0 || j->len == 0)
		return false;
	if (j->off == ask->off && j->len == ask->len)
		return true;
	return j->off <= ask->off && ask->off + ask->len <= j->off + j->len &&
	       treehash_is_aligned(j->off / MIB, treehash_leaf_count(j->len),
				   treehash_leaf_count(ask->object->size_bytes));
}

int glacier_job_rank(const struct glacier_job *j, const struct backend_call *ask,
		     int64_t now_ms)
{
	const struct object *object = ask->object;
	bool is_ours = glacier_job_is_ours(j, ask->tag);
	bool is_same = object ? !j->is_inventory && streq(j->archive_id, object->id)
			      : j->is_inventory;
	bool is_live =
		j->completed_ms == 0 || j->completed_ms + GLACIER_OUTPUT_MS > now_ms;

	if (!is_same || !job_brings(j, ask))
		return 0;
	if (j->state == REMOTE_READY && is_live)
		return is_ours ? 5 : 3;
	if (j->state == REMOTE_RESTORING)
		return is_ours ? 4 : 2;
	return j->state == REMOTE_FAILED && is_ours ? 1 : 0;
}

static bool is_description(const char *s)
{
	for (; *s; s++)
		if (*s < 0x20 || *s > 0x7e)
			return false;
	return true;
}

/* The service's own rule for RetrievalByteRange (1.3). */
static bool is_range(const struct backend_call *ask)
{
	uint64_t size = ask->object->size_bytes;

	return ask->off % MIB == 0 && ask->off < size && ask->len <= size - ask->off &&
	       (ask->len % MIB == 0 || ask->off + ask->len == size);
}

int glacier_job_body(struct buf *out, const struct backend_call *ask)
{
	static const char *const words[] = { "", "Expedited", "Standard", "Bulk" };
	const struct object *object = ask->object;

	if (!is_description(ask->tag) || (object && ask->tier == TIER_NONE) ||
	    (object && ask->len && !is_range(ask)))
		return -EINVAL;
	if (object) {
		buf_puts(out, "{\"Type\":\"archive-retrieval\",\"ArchiveId\":");
		json_quote(out, object->id);
		buf_printf(out, ",\"Tier\":\"%s\"", words[ask->tier]);
	} else {
		buf_puts(out, "{\"Type\":\"inventory-retrieval\",\"Format\":\"JSON\"");
	}
	if (object && ask->len)
		buf_printf(out, ",\"RetrievalByteRange\":\"%" PRIu64 "-%" PRIu64 "\"",
			   ask->off, ask->off + ask->len - 1);
	if (*ask->tag) {
		buf_puts(out, ",\"Description\":");
		json_quote(out, ask->tag);
	}
	return buf_putc(out, '}');
}

void glacier_error_parse(const char *data, size_t len, struct site_error *ret)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(data, len);

	if (!o)
		return;
	/* A job or a list has no `code`; nothing else of a success is looked at. */
	snprintf(ret->code, sizeof(ret->code), "%s", text_of(o, "code"));
	snprintf(ret->text, sizeof(ret->text), "%s", text_of(o, "message"));
}
