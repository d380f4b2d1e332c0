/* SPDX-License-Identifier: Apache-2.0 */
/* s3 - which call a request is, and what its errors look like.
 *
 * Source: AWS protocol reference sections 2.1 and 2.10, 2026-09.
 */
#include "s3.h"
#include "s3_notify.h"
#include "str.h"
#include <stdio.h>

#define ANSWER_MAX ((size_t)16 << 20)

static const struct error_text {
	int status;
	const char *code;
	const char *message;
} errors[S3_ERRORS] = {
	[S3_ALREADY_ACTIVE] = { 403, "ObjectAlreadyInActiveTierError",
				"This object is already in the active tier" },
	[S3_BAD_DIGEST] = { 400, "BadDigest",
			    "The Content-MD5 you specified did not match what we received." },
	[S3_BUCKET_NOT_EMPTY] = { 409, "BucketNotEmpty",
				  "The bucket you tried to delete is not empty" },
	[S3_BUCKET_OWNED_BY_YOU] = { 409, "BucketAlreadyOwnedByYou",
				     "Your previous request to create the named bucket "
				     "succeeded and you already own it." },
	[S3_CONFLICT] = { 409, "ConditionalRequestConflict",
			  "The conditional request cannot succeed due to a conflicting "
			  "operation against this resource." },
	[S3_DAYS_NOT_WANTED] = { 400, "InvalidArgument",
				 "INTELLIGENT_TIERING objects are not subject to restore "
				 "expiry. Do not specify Days in the request." },
	[S3_ENTITY_TOO_SMALL] = { 400, "EntityTooSmall",
				  "Your proposed upload is smaller than the minimum "
				  "allowed size" },
	[S3_ILLEGAL_LOCATION] = { 400, "IllegalLocationConstraintException",
				  "The location constraint is incompatible for the region "
				  "specific endpoint this request was sent to." },
	[S3_INTERNAL] = { 500, "InternalError",
			  "We encountered an internal error. Please try again." },
	[S3_INVALID_ARGUMENT] = { 400, "InvalidArgument", "Invalid Argument" },
	[S3_INVALID_BUCKET_NAME] = { 400, "InvalidBucketName",
				     "The specified bucket is not valid." },
	[S3_INVALID_DIGEST] = { 400, "InvalidDigest",
				"The Content-MD5 you specified was invalid." },
	[S3_INVALID_OBJECT_STATE] = { 403, "InvalidObjectState",
				      "The operation is not valid for the object's storage "
				      "class" },
	[S3_INVALID_PART] = { 400, "InvalidPart",
			      "One or more of the specified parts could not be found.  The "
			      "part may not have been uploaded, or the specified entity tag "
			      "may not match the part's entity tag." },
	[S3_INVALID_PART_ORDER] = { 400, "InvalidPartOrder",
				    "The list of parts was not in ascending order. Parts must "
				    "be ordered by part number." },
	[S3_INVALID_RANGE] = { 416, "InvalidRange",
			       "The requested range is not satisfiable" },
	[S3_INVALID_REQUEST] = { 400, "InvalidRequest", "Invalid Request" },
	[S3_INVALID_STORAGE_CLASS] = { 400, "InvalidStorageClass",
				       "The storage class you specified is not valid" },
	[S3_INVALID_URI] = { 400, "InvalidURI", "Couldn't parse the specified URI." },
	[S3_KEY_TOO_LONG] = { 400, "KeyTooLongError", "Your key is too long" },
	[S3_MALFORMED_XML] = { 400, "MalformedXML",
			       "The XML you provided was not well-formed or did not validate "
			       "against our published schema" },
	[S3_METHOD_NOT_ALLOWED] = { 405, "MethodNotAllowed",
				    "The specified method is not allowed against this "
				    "resource." },
	[S3_NOT_ACTIVE] = { 403, "ObjectNotInActiveTierError",
			    "The source object of the COPY operation is not in the active "
			    "tier and is only stored in Amazon S3 Glacier." },
	[S3_NOT_IMPLEMENTED] = { 501, "NotImplemented",
				 "A header you provided implies functionality that is not "
				 "implemented" },
	[S3_NOT_MODIFIED] = { 304, "NotModified", "Not Modified" },
	[S3_NO_SUCH_BUCKET] = { 404, "NoSuchBucket",
				"The specified bucket does not exist" },
	[S3_NO_SUCH_CONFIG] = { 404, "NoSuchConfiguration",
				"The specified configuration does not exist." },
	[S3_NO_SUCH_KEY] = { 404, "NoSuchKey", "The specified key does not exist." },
	[S3_NO_SUCH_UPLOAD] = { 404, "NoSuchUpload",
				"The specified upload does not exist. The upload ID may be "
				"invalid, or the upload may have been aborted or "
				"completed." },
	[S3_NO_SUCH_VERSION] = { 404, "NoSuchVersion",
				 "The specified version does not exist." },
	[S3_PRECONDITION_FAILED] = { 412, "PreconditionFailed",
				     "At least one of the pre-conditions you specified did not "
				     "hold" },
	[S3_RESTORE_IN_PROGRESS] = { 409, "RestoreAlreadyInProgress",
				     "Object restore is already in progress" },
	[S3_RESTORE_NOT_ALLOWED] = { 403, "InvalidObjectState",
				     "Restore is not allowed for the object's current storage "
				     "class" },
	/* The text is known, status and code are not: section 9, question 1. */
	[S3_INVALID_TIER] = { 403, "InvalidTier",
			      "Retrieval option is not supported by this storage class" },
	[S3_TIER_NOT_SUPPORTED] = { 400, "InvalidArgument",
				    "Retrieval option is not supported by this storage "
				    "class" },
};

enum level {
	SERVICE,
	BUCKET,
	OBJECT,
};

/* The first row that fits answers. A row with a query member fits only where it is present. */
static const struct route {
	const char *method;
	enum level level;
	const char *query;
	const char *operation;
	s3_handler handler; /* NULL: known, not implemented */
} routes[] = {
	{ "GET", SERVICE, NULL, "ListBuckets", s3_list_buckets },

	{ "GET", BUCKET, "location", "GetBucketLocation", s3_get_bucket_location },
	{ "GET", BUCKET, "versioning", "GetBucketVersioning", s3_get_bucket_versioning },
	{ "GET", BUCKET, "uploads", "ListMultipartUploads", s3_list_multipart_uploads },
	{ "GET", BUCKET, "versions", "ListObjectVersions", s3_list_object_versions },
	{ "GET", BUCKET, "acl", "GetBucketAcl", NULL },
	{ "GET", BUCKET, "cors", "GetBucketCors", NULL },
	{ "GET", BUCKET, "inventory", "GetBucketInventoryConfiguration",
	  s3_get_bucket_inventory },
	{ "GET", BUCKET, "lifecycle", "GetBucketLifecycleConfiguration", NULL },
	{ "GET", BUCKET, "notification", "GetBucketNotificationConfiguration",
	  s3_get_bucket_notification },
	{ "GET", BUCKET, "intelligent-tiering",
	  "GetBucketIntelligentTieringConfiguration", s3_get_bucket_tiering },
	{ "GET", BUCKET, "policy", "GetBucketPolicy", NULL },
	{ "GET", BUCKET, "requestPayment", "GetBucketRequestPayment",
	  s3_get_bucket_request_payment },
	{ "GET", BUCKET, "tagging", "GetBucketTagging", NULL },
	{ "GET", BUCKET, "list-type", "ListObjectsV2", s3_list_objects_v2 },
	{ "GET", BUCKET, NULL, "ListObjects", s3_list_objects_v1 },
	{ "HEAD", BUCKET, NULL, "HeadBucket", s3_head_bucket },
	{ "PUT", BUCKET, "versioning", "PutBucketVersioning", s3_put_bucket_versioning },
	{ "PUT", BUCKET, "notification", "PutBucketNotificationConfiguration",
	  s3_put_bucket_notification },
	{ "PUT", BUCKET, "inventory", "PutBucketInventoryConfiguration",
	  s3_put_bucket_inventory },
	{ "PUT", BUCKET, "intelligent-tiering",
	  "PutBucketIntelligentTieringConfiguration", s3_put_bucket_tiering },
	{ "PUT", BUCKET, "policy", "PutBucketPolicy", NULL },
	{ "PUT", BUCKET, "requestPayment", "PutBucketRequestPayment",
	  s3_put_bucket_request_payment },
	{ "PUT", BUCKET, "tagging", "PutBucketTagging", NULL },
	{ "PUT", BUCKET, NULL, "CreateBucket", s3_create_bucket },
	{ "DELETE", BUCKET, "inventory", "DeleteBucketInventoryConfiguration",
	  s3_delete_bucket_inventory },
	{ "DELETE", BUCKET, "intelligent-tiering",
	  "DeleteBucketIntelligentTieringConfiguration", s3_delete_bucket_tiering },
	{ "DELETE", BUCKET, NULL, "DeleteBucket", s3_delete_bucket },
	{ "POST", BUCKET, "delete", "DeleteObjects", s3_delete_objects },

	{ "GET", OBJECT, "uploadId", "ListParts", s3_list_parts },
	{ "GET", OBJECT, "attributes", "GetObjectAttributes", s3_get_object_attributes },
	{ "GET", OBJECT, "acl", "GetObjectAcl", NULL },
	{ "GET", OBJECT, "tagging", "GetObjectTagging", NULL },
	{ "GET", OBJECT, "torrent", "GetObjectTorrent", NULL },
	{ "GET", OBJECT, NULL, "GetObject", s3_get_object },
	{ "HEAD", OBJECT, NULL, "HeadObject", s3_head_object },
	{ "PUT", OBJECT, "uploadId", "UploadPart", s3_upload_part },
	{ "PUT", OBJECT, "acl", "PutObjectAcl", NULL },
	{ "PUT", OBJECT, "tagging", "PutObjectTagging", NULL },
	{ "PUT", OBJECT, NULL, "PutObject", s3_put_object },
	{ "POST", OBJECT, "restore", "RestoreObject", s3_restore_object },
	{ "POST", OBJECT, "uploads", "CreateMultipartUpload",
	  s3_create_multipart_upload },
	{ "POST", OBJECT, "uploadId", "CompleteMultipartUpload",
	  s3_complete_multipart_upload },
	{ "DELETE", OBJECT, "uploadId", "AbortMultipartUpload",
	  s3_abort_multipart_upload },
	{ "DELETE", OBJECT, "tagging", "DeleteObjectTagging", NULL },
	{ "DELETE", OBJECT, NULL, "DeleteObject", s3_delete_object },
};

/* The same request but for a header. Known deviation: there is no UploadPartCopy. */
static const struct route copy_routes[] = {
	{ "PUT", OBJECT, "uploadId", "UploadPartCopy", NULL },
	{ "PUT", OBJECT, NULL, "CopyObject", s3_copy_object },
};

static const struct route *route_find(const struct sim_req *req, enum level level)
{
	if (level == OBJECT && streq(req->method, "PUT") &&
	    sim_header(req, "x-amz-copy-source"))
		return &copy_routes[sim_query(req, "uploadId") ? 0 : 1];
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct route *r = &routes[i];

		if (r->level == level && streq(r->method, req->method) &&
		    (!r->query || sim_query(req, r->query)))
			return r;
	}
	return NULL;
}

/* Bucket of a virtual-hosted request, "bucket.s3..." or "bucket.localhost": its length in
 * `host`, 0 for path style. */
static size_t virtual_bucket(const char *host)
{
	static const char *const marks[] = { ".s3.", ".s3-", ".localhost" };

	for (size_t i = 0; host && i < ARRAY_SIZE(marks); i++) {
		const char *at = strstr(host, marks[i]);

		if (at && at - host <= S3_BUCKET_MAX)
			return (size_t)(at - host);
	}
	return 0;
}

static int decode_key(const char *raw, char ret[S3_KEY_MAX + 1])
{
	_buf_ struct buf key = { 0 };

	buf_init(&key, S3_KEY_MAX);
	int r = percent_decode(&key, raw, strlen(raw), false);
	if (r == -EMSGSIZE)
		return S3_KEY_TOO_LONG;
	if (r < 0)
		return r;
	/* Known deviation: keys with a NUL are refused. */
	if (key.len > 0 && memchr(key.data, '\0', key.len))
		return S3_INVALID_URI;
	memcpy(ret, key.len > 0 ? key.data : "", key.len + 1);
	return 0;
}

/* Fills bucket and key of the call; 0 or an enum s3_error. */
static int address(const struct sim_req *req, char bucket[S3_BUCKET_MAX + 1],
		   char key[S3_KEY_MAX + 1])
{
	const char *host = sim_header(req, "Host");
	const char *name = host;
	const char *rest = req->raw_path[0] == '/' ? req->raw_path + 1 : req->raw_path;
	size_t len = virtual_bucket(host);

	if (len == 0) {
		name = rest;
		len = strcspn(rest, "/");
		rest += len;
		if (*rest == '/')
			rest++;
	}
	if (len > S3_BUCKET_MAX)
		return S3_INVALID_BUCKET_NAME;
	memcpy(bucket, name, len);
	bucket[len] = '\0';
	if (len > 0 && !s3_bucket_name_is_valid(bucket))
		return S3_INVALID_BUCKET_NAME;
	return decode_key(rest, key);
}

static enum level level_of(const char *bucket, const char *key)
{
	if (!bucket[0])
		return SERVICE;
	return key[0] ? OBJECT : BUCKET;
}

void sim_s3_route(struct sim_req *req)
{
	char bucket[S3_BUCKET_MAX + 1] = "", key[S3_KEY_MAX + 1] = "";

	if (address(req, bucket, key) != 0)
		return;
	const struct route *r = route_find(req, level_of(bucket, key));
	if (!r)
		return;
	snprintf(req->operation, sizeof(req->operation), "%s", r->operation);
	snprintf(req->resource, sizeof(req->resource), "%s%s%s", bucket,
		 key[0] ? "/" : "", key);
}

void sim_s3_error(struct sim_req *req, struct sim_res *res, int status, const char *code,
		  const char *message, const char *extra_xml)
{
	res->status = status;
	if (res->file_fd >= 0)
		close(res->file_fd);
	res->file_fd = -1;
	res->sent = NULL;
	buf_done(&res->body);
	buf_init(&res->body, BUF_TEXT_MAX);
	/* HEAD has nothing but its status, and "not modified" has no body. */
	if (streq(req->method, "HEAD") || status == 304)
		return;
	res->content_type = "application/xml";
	buf_puts(&res->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
	s3_xml_text(&res->body, "Code", code);
	s3_xml_text(&res->body, "Message", message);
	if (extra_xml)
		buf_puts(&res->body, extra_xml);
	s3_xml_text(&res->body, "RequestId", req->request_id);
	s3_xml_text(&res->body, "HostId", req->request_id);
	buf_puts(&res->body, "</Error>");
}

static void answer_error(struct s3_call *call, int error)
{
	const struct error_text *e = &errors[error < 0 ? S3_INTERNAL : error];

	if (error == S3_NO_SUCH_BUCKET)
		s3_xml_text(&call->extra, "BucketName", call->bucket);
	if (error == S3_NO_SUCH_KEY)
		s3_xml_text(&call->extra, "Key", call->key);
	sim_s3_error(call->req, call->res, e->status, e->code,
		     call->message && error > 0 ? call->message : e->message,
		     call->extra.data);
}

static int dispatch(struct s3_call *call)
{
	int r = address(call->req, call->bucket, call->key);
	if (r)
		return r;

	const struct route *route =
		route_find(call->req, level_of(call->bucket, call->key));
	if (!route)
		return S3_METHOD_NOT_ALLOWED;
	if (!route->handler)
		return S3_NOT_IMPLEMENTED;
	bool is_answered = false;
	r = s3_access_check(call, route->operation, &is_answered);
	return r || is_answered ? r : route->handler(call);
}

void sim_s3_handle(struct sim_req *req, struct sim_res *res)
{
	struct s3_call call = {
		.req = req, .res = res, .sim = req->sim, .s3 = req->sim->s3
	};

	buf_init(&res->body, ANSWER_MAX);
	buf_init(&call.extra, BUF_TEXT_MAX);
	res->status = 200;
	int r = dispatch(&call);
	if (r == 0)
		r = res->body.err;
	if (r != 0)
		answer_error(&call, r);
	else if (res->body.len > 0 && !res->content_type)
		res->content_type = "application/xml";
	buf_done(&call.extra);
}

int s3_bill(struct s3_call *call, const char *component, const char *tariff,
	    uint64_t quantity, uint32_t days)
{
	return sim_bill_add(call->sim, call->req, component, tariff, quantity, days);
}

int s3_bill_early(struct s3_call *call, const struct s3_object *o)
{
	if (!o || o->is_marker || !o->class->is_archived)
		return 0;

	const char *name = o->class->priced_as ? o->class->priced_as : o->class->name;
	int64_t least_days = streq(name, "DEEP_ARCHIVE") ? 180 : 90;
	int64_t age_days = (call->req->now_ms - o->modified_ms) / S3_DAY_MS;
	char tariff[64];

	if (age_days >= least_days)
		return 0;
	snprintf(tariff, sizeof(tariff), "s3.%s.early-delete.gib-month", name);
	return s3_bill(call, "storage", tariff, o->size_bytes,
		       (uint32_t)(least_days - age_days));
}

int s3_bill_put(struct s3_call *call, const struct s3_class *class)
{
	char tariff[64];

	snprintf(tariff, sizeof(tariff), "s3.put.%s",
		 class->priced_as ? class->priced_as : class->name);
	return s3_bill(call, "request", tariff, 1, 0);
}

void s3_sum_headers(struct sim_res *res, const struct s3_sum *sum, uint32_t n_parts)
{
	_buf_ struct buf value = { 0 };
	char name[48];

	if (!sum->algo)
		return;
	buf_init(&value, BUF_TEXT_MAX);
	base64_encode(sum->value, sum->algo->len, &value);
	if (sum->is_composite)
		buf_printf(&value, "-%u", n_parts);
	if (value.err)
		return;
	snprintf(name, sizeof(name), "x-amz-checksum-%s", sum->algo->name);
	sim_res_header(res, name, "%s", value.data);
	sim_res_header(res, "x-amz-checksum-type", "%s",
		       sum->is_composite ? "COMPOSITE" : "FULL_OBJECT");
}
