/* SPDX-License-Identifier: Apache-2.0 */
#include "quirks.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdatomic.h>

#include "io.h"
#include "json.h"
#include "str.h"

#define FILE_NAME "quirks.json"

struct sim_quirks {
	_Atomic int64_t values[QUIRKS];
};

/* A quirk has words, whose index is its value, or is a number in [min, max]. */
static const struct {
	const char *name;
	const char *words[3];
	int64_t initial, min, max;
} quirks[QUIRKS] = {
	[QUIRK_NULL_MEMBERS] = { "null-members", { "null", "absent" }, 0, 0, 1 },
	[QUIRK_TIMESTAMPS] = { "timestamps", { "ms", "s" }, 0, 0, 1 },
	[QUIRK_EXTRA_MEMBERS] = { "extra-members", { "no", "yes" }, 0, 0, 1 },
	[QUIRK_JOB_ORDER] = { "job-order", { "submitted", "shuffled" }, 0, 0, 1 },
	[QUIRK_PAGE_SIZE] = { "page-size", { NULL }, 0, 0, 1000 },
	[QUIRK_VAULTS_MARKER] = { "vaults-marker", { "last", "next" }, 0, 0, 1 },
	[QUIRK_CAPACITY] = { "expedited-capacity", { "some", "none" }, 0, 0, 1 },
	[QUIRK_CAPACITY_STATUS] = { "expedited-capacity-status",
				    { NULL },
				    503,
				    400,
				    503 },
	[QUIRK_FIRST_INVENTORY] = { "first-inventory", { "404", "failed" }, 0, 0, 1 },
	[QUIRK_PAST_END] = { "range-past-end-status", { NULL }, 416, 400, 416 },
	[QUIRK_BLANKS] = { "description-blanks", { "lost", "kept" }, 0, 0, 1 },
	[QUIRK_CSV_LINES] = { "csv-lines", { "crlf", "lf" }, 0, 0, 1 },
	[QUIRK_NO_SERVICE] = { "no-longer-supported", { "no", "yes" }, 0, 0, 1 },
	[QUIRK_METADATA] = { "metadata", { "v1-and-v2", "v2" }, 0, 0, 1 },
	[QUIRK_CREDENTIALS_S] = { "credentials-lifetime-s", { NULL }, 21600, 1, 129600 },
	[QUIRK_RETRY_AFTER] = { "retry-after-ms", { NULL }, 0, 0, 600000 },
	[QUIRK_S3_EXPIRY] = { "s3-expiry", { "completion", "request" }, 0, 0, 1 },
	[QUIRK_S3_CHECKSUM] = { "s3-default-checksum", { "yes", "no" }, 0, 0, 1 },
	[QUIRK_S3_REDIRECT] = { "s3-redirect", { "301", "307", "400" }, 0, 0, 2 },
	[QUIRK_S3_DEEP_EXPEDITED] = { "s3-expedited-deep", { "400", "403" }, 0, 0, 1 },
	[QUIRK_S3_RANGE_SUM] = { "s3-range-checksum",
				 { "none", "part", "whole" },
				 0,
				 0,
				 2 },
	[QUIRK_S3_CLASSES] = { "s3-classes", { "aws", "cold-archive" }, 0, 0, 1 },
	[QUIRK_S3_RESTORE_STATUS] = { "s3-restore-status",
				      { "listed", "silent" },
				      0,
				      0,
				      1 },
	[QUIRK_S3_CHECKSUMS] = { "s3-checksums", { "given", "never" }, 0, 0, 1 },
};

int64_t sim_quirk(const struct sim *sim, enum sim_quirk q)
{
	return atomic_load(&sim->quirks->values[q]);
}

static int find(const char *name)
{
	for (int i = 0; i < QUIRKS; i++) {
		if (streq(quirks[i].name, name))
			return i;
	}
	return -EINVAL;
}

static int value_parse(int i, struct json_object *value, int64_t *ret)
{
	const char *word = json_object_get_string(value);

	for (int k = 0; k < (int)ARRAY_SIZE(quirks[i].words); k++) {
		if (word && streq_ptr(quirks[i].words[k], word)) {
			*ret = k;
			return 0;
		}
	}
	if (quirks[i].words[0] || !word || str_to_i64(word, ret) < 0 ||
	    *ret < quirks[i].min || *ret > quirks[i].max)
		return -EINVAL;
	return 0;
}

static void apply(struct sim *sim, const int64_t values[QUIRKS])
{
	for (int i = 0; i < QUIRKS; i++)
		atomic_store(&sim->quirks->values[i], values[i]);
	sim->is_expiry_from_request = values[QUIRK_S3_EXPIRY];
	sim->has_no_default_sum = values[QUIRK_S3_CHECKSUM];
}

static int parse(const struct sim *sim, struct json_object *doc, struct buf *err,
		 int64_t values[QUIRKS])
{
	for (int i = 0; i < QUIRKS; i++)
		values[i] = sim_quirk(sim, (enum sim_quirk)i);
	if (!json_object_is_type(doc, json_type_object))
		return buf_puts(err, "the body is no object"), -EINVAL;
	json_object_object_foreach (doc, name, value) {
		int i = find(name);
		if (i < 0)
			return buf_printf(err, "no such quirk: %s", name), -EINVAL;
		if (value_parse(i, value, &values[i]) < 0)
			return buf_printf(err, "%s has no such value", name), -EINVAL;
	}
	return 0;
}

int sim_quirks_set(struct sim *sim, struct json_object *doc, struct buf *err)
{
	int64_t values[QUIRKS];
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	int r = parse(sim, doc, err, values);
	if (r < 0)
		return r;
	apply(sim, values);
	r = sim_quirks_print(sim, &text);
	return r < 0 ? r : file_replace(sim->data_fd, FILE_NAME, text.data, text.len);
}

int sim_quirks_print(const struct sim *sim, struct buf *out)
{
	for (int i = 0; i < QUIRKS; i++) {
		int64_t v = sim_quirk(sim, (enum sim_quirk)i);
		buf_printf(out, "%s\"%s\":", i ? "," : "{", quirks[i].name);
		if (quirks[i].words[0])
			json_quote(out, quirks[i].words[v]);
		else
			buf_printf(out, "%" PRId64, v);
	}
	return buf_puts(out, "}\n");
}

int sim_quirks_open(struct sim *sim)
{
	int64_t values[QUIRKS];
	_buf_ struct buf text;
	_buf_ struct buf err;

	buf_init(&text, BUF_TEXT_MAX);
	buf_init(&err, BUF_TEXT_MAX);
	sim->quirks = calloc(1, sizeof(*sim->quirks));
	if (!sim->quirks)
		return -ENOMEM;
	for (int i = 0; i < QUIRKS; i++)
		atomic_store(&sim->quirks->values[i], quirks[i].initial);
	int r = file_read(sim->data_fd, FILE_NAME, BUF_TEXT_MAX, &text);
	/* Options of the command line outdo what was kept. */
	bool from_request = sim->is_expiry_from_request;
	bool no_sum = sim->has_no_default_sum;
	_cleanup_(json_freep) struct json_object *doc =
		r == 0 ? json_parse(text.data, text.len) : NULL;
	if (doc && parse(sim, doc, &err, values) == 0)
		apply(sim, values);
	if (from_request)
		atomic_store(&sim->quirks->values[QUIRK_S3_EXPIRY], 1);
	if (no_sum)
		atomic_store(&sim->quirks->values[QUIRK_S3_CHECKSUM], 1);
	sim->is_expiry_from_request = sim_quirk(sim, QUIRK_S3_EXPIRY);
	sim->has_no_default_sum = sim_quirk(sim, QUIRK_S3_CHECKSUM);
	return r == -ENOENT ? 0 : r;
}

void sim_quirks_close(struct sim *sim)
{
	free(sim->quirks);
	sim->quirks = NULL;
}
