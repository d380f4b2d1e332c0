/* SPDX-License-Identifier: Apache-2.0 */
/* What vaults answer of jobs: read, weighed against what is wanted, and asked for in turn. */
#include "fuzz.h"
#include "glacier_json.h"
#include "json.h"

/* With and without an archive, three tags, five parts, four tiers. */
#define WAYS ((size_t)120)

static void weigh(const struct glacier_job *job)
{
	struct object object = { .size_bytes = 5 * (uint64_t)(1 << 20) + 17 };
	static const char *const tags[] = { "", "mark", "not\tprintable" };
	static const struct {
		uint64_t off, len;
	} parts[] = { { 0, 0 },
		      { 0, 1 << 20 },
		      { 4 << 20, (1 << 20) + 17 },
		      { 3, 5 },
		      { 7 << 20, 9 } };

	memcpy(object.id, job->archive_id, sizeof(job->archive_id));
	for (size_t i = 0; i < WAYS; i++) {
		struct backend_call ask = { .object = i % 2 ? &object : NULL,
					    .off = parts[i / 6 % 5].off,
					    .len = parts[i / 6 % 5].len,
					    .tier = (enum tier)(i / 30) };
		_buf_ struct buf body;
		memcpy(ask.tag, tags[i / 2 % 3], strlen(tags[i / 2 % 3]) + 1);
		buf_init(&body, BUF_TEXT_MAX);
		assert(glacier_job_rank(job, &ask, job->completed_ms) <= 5);
		glacier_job_rank(job, &ask, INT64_MAX / 2);
		if (glacier_job_body(&body, &ask) == 0)
			json_free(json_parse(body.data, body.len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct site_error err = { .code = "" };
	struct glacier_job job;

	glacier_error_parse((const char *)data, size, &err);
	assert(memchr(err.code, 0, sizeof(err.code)));
	assert(memchr(err.text, 0, sizeof(err.text)));
	_cleanup_(json_freep) struct json_object *o =
		json_parse((const char *)data, size);
	if (!o || glacier_job_parse(o, &job) < 0)
		return 0;
	assert(job.id[0] && memchr(job.id, 0, sizeof(job.id)));
	assert(memchr(job.message, 0, sizeof(job.message)));
	/* Times up to the year 9999; a sum with one must not run over. */
	weigh(&job);
	return 0;
}
