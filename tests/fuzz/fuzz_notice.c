/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a queue: S3 events, SNS envelopes, EventBridge documents, jobs of vaults. */
#include "fuzz.h"
#include "glacier_json.h"
#include "json.h"
#include "notice.h"
#include <stdio.h>

static void compare(const struct notice *n)
{
	const struct backend_ops ops[] = {
		{ .scheme = "s3" }, { .scheme = "glacier", .catalog_is_job = true }
	};
	static const char *const roots[] = { "b", "vaults/v" };
	struct object object = { .version = "v" };

	snprintf(object.id, sizeof(object.id), "%s", n->id);
	for (size_t i = 0; i < 2; i++) {
		struct backend b = { .ops = &ops[i], .region = "us-east-1" };
		snprintf(b.resource_root, sizeof(b.resource_root), "%s", roots[i]);
		notice_is_about(n, &b, NULL, "token");
		notice_is_about(n, &b, &object, n->token);
	}
}

static void tell(void *arg, const struct notice *n)
{
	(void)arg;
	compare(n);
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
