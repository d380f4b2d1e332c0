/* SPDX-License-Identifier: Apache-2.0 */
/* s3_multipart - uploads in parts.
 *
 * Parts are data files of their own until completion puts them into one. An upload that asked
 * for no checksum gets a full-object CRC64NVME then, like one put whole.
 *
 * Source: AWS protocol reference section 2.8, 2026-09.
 */
#include "s3.h"
#include "str.h"
#include <stdio.h>
#include <strings.h>

#define XML_MAX ((size_t)8 << 20)

void s3_etag_of_parts(const struct s3_part *parts, uint32_t n, char ret[48])
{
	_buf_ struct buf all = { 0 };
	uint8_t md5[16] = { 0 };
	char hex[33];

	buf_init(&all, (size_t)n * sizeof(md5));
	for (uint32_t i = 0; i < n; i++)
		buf_add(&all, parts[i].md5, sizeof(md5));
	s3_md5_of(all.data, all.len, md5);
	hex_encode(md5, sizeof(md5), hex);
	snprintf(ret, 48, "%s-%u", hex, n);
}

int s3_sum_of_parts(const struct s3_algo *algo, const struct s3_part *parts, uint32_t n,
		    uint8_t ret[S3_SUM_MAX])
{
	_buf_ struct buf all = { 0 };

	buf_init(&all, (size_t)n * S3_SUM_MAX);
	for (uint32_t i = 0; i < n; i++)
		buf_add(&all, parts[i].sum, algo->len);
	if (all.err)
		return all.err;
	return s3_sum_of(algo, all.data, all.len, ret);
}

/* x-amz-checksum-algorithm and -type of a new upload. */
static int wanted_sum(struct s3_call *call, struct s3_upload *u)
{
	const char *name = sim_header(call->req, "x-amz-checksum-algorithm");
	const char *type = sim_header(call->req, "x-amz-checksum-type");

	if (!name)
		return 0;
	u->algo = s3_algo_find(name);
	if (!u->algo) {
		call->message = "Checksum algorithm provided is unsupported.";
		return S3_INVALID_REQUEST;
	}
	u->is_composite =
		type ? strcasecmp(type, "COMPOSITE") == 0 : u->algo->can_composite;
	if (u->is_composite ? u->algo->can_composite : u->algo->can_full)
		return 0;
	call->message = "The checksum type cannot be used with the checksum algorithm.";
	return S3_INVALID_REQUEST;
}

static int upload_new(struct s3_call *call, struct s3_upload **ret)
{
	_cleanup_(s3_upload_freep) struct s3_upload *u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;

	int r = s3_upload_class(call, &u->class);
	if (r == 0)
		r = s3_upload_headers(call, &u->headers);
	if (r == 0)
		r = wanted_sum(call, u);
	if (r == 0)
		r = s3_upload_encryption(call, &u->is_kms);
	if (r == 0)
		r = s3_id_new(u->id);
	if (r)
		return r;
	u->key = strdup(call->key);
	if (!u->key)
		return -ENOMEM;
	memcpy(u->bucket, call->bucket, sizeof(u->bucket));
	u->initiated_ms = call->req->now_ms;
	*ret = steal_ptr(u);
	return 0;
}

/* Bucket, key, upload id: the head of three answers. */
static void put_names(struct s3_call *call, const char *root, const char *id)
{
	struct buf *out = &call->res->body;

	s3_xml_begin(out, root);
	s3_xml_text(out, "Bucket", call->bucket);
	s3_xml_text(out, "Key", call->key);
	if (id)
		s3_xml_text(out, "UploadId", id);
}

int s3_create_multipart_upload(struct s3_call *call)
{
	_cleanup_(s3_upload_freep) struct s3_upload *u = NULL;

	int r = upload_new(call, &u);
	if (r)
		return r;
	put_names(call, "InitiateMultipartUploadResult", u->id);
	buf_puts(&call->res->body, "</InitiateMultipartUploadResult>");
	if (u->algo) {
		sim_res_header(call->res, "x-amz-checksum-algorithm", "%s",
			       u->algo->label);
		sim_res_header(call->res, "x-amz-checksum-type", "%s",
			       u->is_composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	if (!s3_bucket_exists(call))
		return S3_NO_SUCH_BUCKET;
	r = s3_upload_create(call->s3, u);
	if (r < 0)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	r = s3_upload_attach(call->s3, u);
	pthread_mutex_unlock(&call->sim->mu);
	if (r == 0)
		steal_ptr(u);
	/* Until completion everything is billed as STANDARD. */
	return r ? r : s3_bill(call, "request", "s3.put.STANDARD", 1, 0);
}

/* The upload the request names; `mu` is held. */
static struct s3_upload *upload_of(struct s3_call *call)
{
	const char *id = sim_query(call->req, "uploadId");
	struct s3_upload *u = id ? s3_upload_find(call->s3, id) : NULL;

	return u && streq(u->bucket, call->bucket) && streq(u->key, call->key) ? u : NULL;
}

static int put_part_locked(struct s3_call *call, struct s3_upload_part *p,
			   const struct s3_sum *sum)
{
	struct s3_upload *u = upload_of(call);
	if (!u)
		return S3_NO_SUCH_UPLOAD;
	/* A part of an upload with a full-object checksum may come without one. */
	if (sum->algo != u->algo && (sum->algo || u->is_composite)) {
		call->message =
			"Checksum Type mismatch occurred: not the algorithm the upload "
			"was created with";
		return S3_INVALID_REQUEST;
	}
	p->part.has_sum = sum->algo != NULL;
	memcpy(p->part.sum, sum->value, sizeof(p->part.sum));
	return s3_upload_put_part(call->sim, u, p);
}

int s3_upload_part(struct s3_call *call)
{
	const char *number = sim_query(call->req, "partNumber");
	const struct sim_req *req = call->req;
	struct s3_upload_part p = { .modified_ms = req->now_ms - req->now_ms % 1000 };
	struct s3_sum sum;
	uint64_t n;

	if (!number || str_to_u64(number, &n) < 0 || n < 1 || n > S3_PARTS_MAX) {
		call->message =
			"Part number must be an integer between 1 and 10000, inclusive";
		return S3_INVALID_ARGUMENT;
	}
	int r = s3_body_verify(call, &sum);
	if (r == 0)
		r = s3_data_take(call->s3, req, p.data_id);
	if (r)
		return r;
	p.part.number = (uint32_t)n;
	p.part.size_bytes = req->body_len;
	memcpy(p.part.md5, req->body_md5, sizeof(p.part.md5));

	pthread_mutex_lock(&call->sim->mu);
	r = put_part_locked(call, &p, &sum);
	pthread_mutex_unlock(&call->sim->mu);
	if (r) {
		s3_data_remove(call->s3, p.data_id);
		return r;
	}
	char hex[33];
	hex_encode(p.part.md5, sizeof(p.part.md5), hex);
	sim_res_header(call->res, "ETag", "\"%s\"", hex);
	s3_sum_headers(call->res, &sum, 0);
	return s3_bill(call, "request", "s3.put.STANDARD", 1, 0);
}

/* A part as the completion names it. */
struct named_part {
	uint64_t number;
	char etag[64];
	bool has_sum;
	const struct s3_algo *algo;
	uint8_t sum[S3_SUM_MAX];
};

struct completion {
	struct named_part now; /* being read */
	struct named_part *parts;
	uint32_t n, room;
};

static void completion_done(struct completion *c)
{
	free(c->parts);
}

static int completion_add(struct completion *c)
{
	if (c->now.number < 1 || c->now.number > S3_PARTS_MAX || !c->now.etag[0] ||
	    c->n >= S3_PARTS_MAX)
		return S3_MALFORMED_XML;
	if (c->n == c->room) {
		uint32_t room = c->room ? 2 * c->room : 16;
		struct named_part *p = reallocarray(c->parts, room, sizeof(*p));
		if (!p)
			return -ENOMEM;
		c->parts = p;
		c->room = room;
	}
	c->parts[c->n++] = c->now;
	c->now = (struct named_part){ 0 };
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct completion *c = arg;
	const char *name = str_after(path, "CompleteMultipartUpload");

	if (!name)
		return S3_MALFORMED_XML;
	if (streq(name, "/Part"))
		return completion_add(c);
	if (streq(name, "/Part/PartNumber"))
		return str_to_u64(text, &c->now.number) < 0 ? S3_MALFORMED_XML : S3_OK;
	if (streq(name, "/Part/ETag")) {
		size_t len = strlen(text);

		if (len >= sizeof(c->now.etag))
			return S3_INVALID_PART;
		memcpy(c->now.etag, text, len + 1);
		return 0;
	}
	const char *label = str_after(name, "/Part/Checksum");
	c->now.algo = label ? s3_algo_find(label) : NULL;
	if (c->now.algo) {
		ssize_t len = base64_decode(text, c->now.sum, sizeof(c->now.sum));

		c->now.has_sum = len == (ssize_t)c->now.algo->len;
	}
	return 0;
}

static bool etag_is(const char *etag, const uint8_t md5[16])
{
	char hex[33], quoted[35];

	hex_encode(md5, 16, hex);
	snprintf(quoted, sizeof(quoted), "\"%s\"", hex);
	return streq(etag, hex) || streq(etag, quoted);
}

static const struct s3_upload_part *part_find(const struct s3_upload *u, uint64_t number)
{
	for (uint32_t i = 0; i < u->n_parts; i++)
		if (u->parts[i].part.number == number)
			return &u->parts[i];
	return NULL;
}

static int check_part(struct s3_call *call, const struct s3_upload *u,
		      const struct named_part *named, const struct s3_upload_part *have)
{
	if (!have || !etag_is(named->etag, have->part.md5))
		return S3_INVALID_PART;
	if (u->is_composite && !named->has_sum) {
		call->message =
			"The upload was created using a checksum. The complete request "
			"must include the checksum for each part.";
		return S3_INVALID_REQUEST;
	}
	if (named->has_sum && (named->algo != u->algo || !have->part.has_sum ||
			       memcmp(named->sum, have->part.sum, u->algo->len) != 0))
		return S3_INVALID_PART;
	return 0;
}

/* The upload as it shall become, copied from under the lock. */
struct plan {
	struct s3_object *object; /* but for data and full-object checksum */
	struct s3_upload_part *parts;
	uint32_t n;
};

static void plan_done(struct plan *p)
{
	s3_object_free(p->object);
	free(p->parts);
}

static int plan_object(struct s3_call *call, const struct s3_upload *u, struct plan *plan)
{
	struct s3_object *o = s3_object_new(u->key);
	if (!o)
		return -ENOMEM;
	plan->object = o;
	o->parts = calloc(plan->n, sizeof(*o->parts));
	o->headers = strdup(u->headers ? u->headers : "");
	if (!o->parts || !o->headers)
		return -ENOMEM;
	for (; o->n_parts < plan->n; o->n_parts++) {
		o->parts[o->n_parts] = plan->parts[o->n_parts].part;
		o->size_bytes += o->parts[o->n_parts].size_bytes;
	}
	o->class = u->class;
	o->modified_ms = call->req->now_ms - call->req->now_ms % 1000;
	o->sum.algo = u->algo;
	o->sum.is_composite = u->is_composite;
	if (!u->algo && !call->sim->has_no_default_sum)
		o->sum.algo = s3_algo_find("crc64nvme");
	s3_etag_of_parts(o->parts, o->n_parts, o->etag);
	o->is_kms = u->is_kms;
	int r = u->is_kms ? s3_etag_hide(o->etag) : 0;
	if (r < 0)
		return r;
	return u->is_composite
		       ? s3_sum_of_parts(u->algo, o->parts, o->n_parts, o->sum.value)
		       : 0;
}

static int plan_locked(struct s3_call *call, const struct completion *c,
		       struct plan *plan)
{
	const struct s3_upload *u = upload_of(call);
	if (!u)
		return S3_NO_SUCH_UPLOAD;
	for (uint32_t i = 1; i < c->n; i++)
		if (c->parts[i].number <= c->parts[i - 1].number)
			return S3_INVALID_PART_ORDER;
	plan->parts = calloc(c->n, sizeof(*plan->parts));
	if (!plan->parts)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n; i++) {
		const struct s3_upload_part *have = part_find(u, c->parts[i].number);

		int r = check_part(call, u, &c->parts[i], have);
		if (r)
			return r;
		if (i + 1 < c->n && have->part.size_bytes < S3_PART_MIN)
			return S3_ENTITY_TOO_SMALL;
		plan->parts[plan->n++] = *have;
	}
	return plan_object(call, u, plan);
}

/* Without the lock: one file from many, and its checksum. */
static int join(struct s3_call *call, struct plan *plan)
{
	struct s3_object *o = plan->object;
	_close_ int spool = sim_spool_open(call->sim);
	if (spool < 0)
		return spool;

	for (uint32_t i = 0; i < plan->n; i++) {
		const struct s3_upload_part *p = &plan->parts[i];

		if (p->part.size_bytes == 0)
			continue;
		_close_ int fd = s3_data_open(call->s3, p->data_id);
		if (fd < 0)
			return fd;
		int r = sim_copy(fd, 0, p->part.size_bytes, spool);
		if (r < 0)
			return r;
	}
	if (o->sum.algo && !o->sum.is_composite) {
		int r = s3_sum_file(o->sum.algo, spool, 0, o->size_bytes, o->sum.value);
		if (r < 0)
			return r;
	}
	return s3_data_keep(call->sim, spool, o->size_bytes, o->data_id);
}

/* What the request's head says the whole must be. */
static int check_whole(struct s3_call *call, const struct s3_object *o)
{
	const char *size = sim_header(call->req, "x-amz-mp-object-size");
	uint8_t value[S3_SUM_MAX];
	char name[48];
	uint64_t n;

	if (size && (str_to_u64(size, &n) < 0 || n != o->size_bytes)) {
		call->message =
			"The provided 'x-amz-mp-object-size' header does not match "
			"what was computed.";
		return S3_INVALID_REQUEST;
	}
	if (!o->sum.algo)
		return 0;
	snprintf(name, sizeof(name), "x-amz-checksum-%s", o->sum.algo->name);
	const char *text = sim_header(call->req, name);
	const char *type = sim_header(call->req, "x-amz-checksum-type");
	if (type &&
	    strcasecmp(type, o->sum.is_composite ? "COMPOSITE" : "FULL_OBJECT") != 0) {
		call->message =
			"The checksum type is not the one the upload was created with.";
		return S3_INVALID_REQUEST;
	}
	if (!text)
		return 0;
	/* A composite value may carry "-N". */
	char bare[64];
	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(text, "-"), text);
	text = bare;
	if (base64_decode(text, value, o->sum.algo->len) == (ssize_t)o->sum.algo->len &&
	    memcmp(value, o->sum.value, o->sum.algo->len) == 0)
		return 0;
	call->message =
		"The checksum you specified did not match the calculated checksum.";
	return S3_BAD_DIGEST;
}

/* Two completions of one upload make the object twice, as on the service. */
static int finish(struct s3_call *call, struct plan *plan)
{
	int r = s3_object_store(call, steal_ptr(plan->object));
	if (r)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	struct s3_upload *u = upload_of(call);
	if (u)
		s3_upload_remove(call->sim, u);
	pthread_mutex_unlock(&call->sim->mu);
	return 0;
}

static void put_completed(struct s3_call *call, const struct s3_object *o)
{
	struct buf *out = &call->res->body;
	char etag[sizeof(o->etag) + 2];

	put_names(call, "CompleteMultipartUploadResult", NULL);
	buf_printf(out, "<Location>http://%s/%s/", sim_header(call->req, "Host"),
		   call->bucket);
	percent_encode(out, call->key, strlen(call->key), "/");
	buf_puts(out, "</Location>");
	snprintf(etag, sizeof(etag), "\"%s\"", o->etag);
	s3_xml_text(out, "ETag", etag);
	if (o->sum.algo) {
		s3_xml_sum(out, o->sum.algo, o->sum.value,
			   o->sum.is_composite ? o->n_parts : 0);
		s3_xml_text(out, "ChecksumType",
			    o->sum.is_composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	buf_puts(out, "</CompleteMultipartUploadResult>");
}

static int read_completion(struct s3_call *call, struct completion *c)
{
	_buf_ struct buf body = { 0 };

	buf_init(&body, XML_MAX);
	int r = sim_body(call->req, XML_MAX, &body);
	if (r < 0)
		return r == -EFBIG ? S3_MALFORMED_XML : r;
	if (body.len == 0)
		return S3_MALFORMED_XML;
	r = s3_xml_read(body.data, body.len, on_element, c);
	return r == 0 && c->n == 0 ? (int)S3_MALFORMED_XML : r;
}

int s3_complete_multipart_upload(struct s3_call *call)
{
	_cleanup_(completion_done) struct completion c = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };
	char id[S3_ID_LEN + 1];

	int r = read_completion(call, &c);
	if (r)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	r = plan_locked(call, &c, &plan);
	pthread_mutex_unlock(&call->sim->mu);
	if (r == 0)
		r = join(call, &plan);
	if (r)
		return r;
	memcpy(id, plan.object->data_id, sizeof(id));
	const struct s3_class *class = plan.object->class;
	r = check_whole(call, plan.object);
	if (r == 0) {
		put_completed(call, plan.object);
		r = finish(call, &plan);
	}
	if (r) {
		s3_data_remove(call->s3, id);
		return r;
	}
	return s3_bill_put(call, class);
}

int s3_abort_multipart_upload(struct s3_call *call)
{
	pthread_mutex_lock(&call->sim->mu);
	struct s3_upload *u = upload_of(call);
	if (u)
		s3_upload_remove(call->sim, u);
	pthread_mutex_unlock(&call->sim->mu);
	if (!u)
		return S3_NO_SUCH_UPLOAD;
	call->res->status = 204;
	return 0;
}
