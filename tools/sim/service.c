/* SPDX-License-Identifier: Apache-2.0 */
/* service - what tells the services apart before anything else is known of a request. */
#include "server.h"

static const struct {
	const char *name; /* in a signature's scope, in the log and the bill */
	enum sim_dialect dialect;
} services[] = {
	[SIM_S3] = { "s3", DIALECT_S3 },
	[SIM_GLACIER] = { "glacier", DIALECT_JSON },
	[SIM_SQS] = { "sqs", DIALECT_JSON },
	[SIM_SNS] = { "sns", DIALECT_QUERY },
	[SIM_STS] = { "sts", DIALECT_QUERY },
	[SIM_PRICING] = { "pricing", DIALECT_JSON },
	[SIM_METADATA] = { "metadata", DIALECT_JSON },
};

const char *sim_service_name(enum sim_service service)
{
	return services[service].name;
}

enum sim_dialect sim_dialect(const struct sim_conn *c)
{
	/* Queues speak two. (3.4) */
	if (c->service == SIM_SQS && !sim_header(&c->req, "x-amz-target"))
		return DIALECT_QUERY;
	return services[c->service].dialect;
}
