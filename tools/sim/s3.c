/* SPDX-License-Identifier: Apache-2.0 */
/* s3 - the S3 service: names what arrives and says that it is not implemented. */
#include "sim.h"

int sim_s3_open(struct sim *sim)
{
	(void)sim;
	return 0;
}

void sim_s3_close(struct sim *sim)
{
	(void)sim;
}

void sim_s3_tick(struct sim *sim, int64_t now_ms)
{
	(void)sim;
	(void)now_ms;
}

int sim_s3_seed(struct sim *sim, struct json_object *buckets, const char *base_dir)
{
	(void)sim;
	(void)buckets;
	(void)base_dir;
	return 0;
}

void sim_s3_error(struct sim_req *req, struct sim_res *res, int status, const char *code,
		  const char *message, const char *extra_xml)
{
	res->status = status;
	res->content_type = "application/xml";
	(void)req;
	(void)code;
	(void)message;
	(void)extra_xml;
}

void sim_s3_route(struct sim_req *req)
{
	(void)req;
}

void sim_s3_handle(struct sim_req *req, struct sim_res *res)
{
	sim_s3_error(
		req, res, 501, "NotImplemented",
		"A header you provided implies functionality that is not implemented",
		NULL);
}
