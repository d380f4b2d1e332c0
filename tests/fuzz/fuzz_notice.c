/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a queue: S3 events, SNS envelopes, EventBridge documents, jobs of vaults. */
#include "fuzz.h"
#include "glacier_json.h"
#include "json.h"
#include "notice.h"

static void tell(void *arg, const struct notice *n)
{
	(void)arg;
	assert(n->scheme);
	assert(memchr(n->id, 0, sizeof(n->id)));
	assert(memchr(n->token, 0, sizeof(n->token)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct glacier_job job;
	notice_parse((const char *)data, size, tell, NULL);
	_cleanup_(json_freep) struct json_object *o =
		json_parse((const char *)data, size);
	if (o)
		glacier_job_parse(o, &job);
	return 0;
}
