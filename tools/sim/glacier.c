/* SPDX-License-Identifier: Apache-2.0 */
#include "glacier.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include "json.h"
#include "quirks.h"
#include "str.h"

#define VAULTS_PAGE   10
#define VERSION       "2012-06-01"
#define VAULT_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

void sim_glacier_error(struct sim_res *res, int status, const char *code,
		       const char *message)
{
	res->status = status;
	res->content_type = "application/json";
	buf_reset(&res->headers);
	buf_reset(&res->body);
	buf_printf(&res->body, "{\"code\":\"%s\",\"message\":", code);
	json_quote(&res->body, message);
	buf_printf(&res->body, ",\"type\":\"%s\"}", status < 500 ? "Client" : "Server");
}

void bad_parameter(struct sim_res *res, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sim_glacier_error(res, 400, "InvalidParameterValueException", text);
}

void missing_parameter(struct sim_res *res, const char *what)
{
	char text[256];

	snprintf(text, sizeof(text), "Required parameter missing: %s", what);
	sim_glacier_error(res, 400, "MissingParameterValueException", text);
}

void not_found(struct sim_res *res, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sim_glacier_error(res, 404, "ResourceNotFoundException", text);
}

void vault_not_found(struct sim *sim, struct sim_res *res, const char *name)
{
	_buf_ struct buf arn;

	buf_init(&arn, BUF_TEXT_MAX);
	print_arn(&arn, sim, name);
	not_found(res, "Vault not found for ARN: %s", arn.data);
}

void answer_failed(struct sim_res *res, int r)
{
	sim_glacier_error(res, 500, "InternalFailure", strerrorname_np(-r));
}

void answer_json(struct sim_res *res, int status)
{
	res->status = status;
	res->content_type = "application/json";
}

void print_arn(struct buf *out, const struct sim *sim, const char *vault)
{
	buf_printf(out, "arn:aws:glacier:%s:" SIM_ACCOUNT ":vaults/%s", sim->region,
		   vault);
}

static void member(struct buf *out, const char *key)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	buf_printf(out, "%s\"%s\":", last == '{' || last == '[' ? "" : ",", key);
}

void member_str(struct buf *out, const char *key, const char *value)
{
	member(out, key);
	if (value)
		json_quote(out, value);
	else
		buf_puts(out, "null");
}

void member_u64(struct buf *out, const char *key, uint64_t value)
{
	member(out, key);
	buf_printf(out, "%" PRIu64, value);
}

void member_time(struct buf *out, const char *key, int64_t ms)
{
	char iso[32];

	sim_time_iso(ms, iso);
	member_str(out, key, ms ? iso : NULL);
}

void member_hash(struct buf *out, const char *key, const uint8_t *hash)
{
	char hex[65];

	if (hash)
		hex_encode(hash, 32, hex);
	member_str(out, key, hash ? hex : NULL);
}

void id_make(char *ret, size_t len)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t bytes[ARCHIVE_ID_LEN];

	if (getrandom(bytes, len, 0) != (ssize_t)len)
		abort();
	for (size_t i = 0; i < len; i++)
		ret[i] = letters[bytes[i] & 63];
	ret[len] = 0;
}

char *description_take(struct sim_res *res, const char *s, bool keeps_trailing)
{
	if (!s)
		s = "";
	s += strspn(s, " ");
	size_t len = strlen(s);
	while (!keeps_trailing && len > 0 && s[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < 0x20 || s[i] > 0x7e) {
			bad_parameter(res, "Invalid description: printable ASCII only");
			return NULL;
		}
	}
	if (len > DESCRIPTION_MAX) {
		bad_parameter(res, "Description is longer than %d characters",
			      DESCRIPTION_MAX);
		return NULL;
	}
	char *copy = strndup(s, len);
	if (!copy)
		answer_failed(res, -ENOMEM);
	return copy;
}

uint64_t limit_take(const struct sim_req *req, struct sim_res *res, uint64_t max)
{
	const char *word = sim_query(req, "limit");
	uint64_t n = max;

	if (word && (str_to_u64(word, &n) < 0 || n < 1)) {
		bad_parameter(res, "Invalid limit: %s", word);
		return 0;
	}
	uint64_t page = (uint64_t)sim_quirk(req->sim, QUIRK_PAGE_SIZE);
	if (page && page < max)
		max = page;
	return n < max ? n : max;
}

bool tree_hash_fits(struct sim_req *req, struct sim_res *res, uint8_t ret[32])
{
	const char *said = sim_header(req, "x-amz-sha256-tree-hash");
	char hex[65];

	if (!said || !sim_header(req, "x-amz-content-sha256")) {
		missing_parameter(res, said ? "x-amz-content-sha256"
					    : "x-amz-sha256-tree-hash");
		return false;
	}
	if (req->body_len == 0) {
		bad_parameter(res, "Invalid Content-Length: 0");
		return false;
	}
	int r = sim_treehash_file(req->body_fd, 0, req->body_len, ret);
	if (r < 0) {
		answer_failed(res, r);
		return false;
	}
	hex_encode(ret, 32, hex);
	if (!streq(said, hex)) {
		bad_parameter(
			res, "Checksum mismatch: expected %s but computed checksum is %s",
			said, hex);
		return false;
	}
	return true;
}

static bool vault_name_is_legal(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= 255 && strspn(name, VAULT_LETTERS) == len &&
	       !streq(name, ".") && !streq(name, "..");
}

static void vault_create(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	int r = 0;

	if (!vault_name_is_legal(rt->vault)) {
		bad_parameter(res, "Invalid vault name: %s", rt->vault);
		return;
	}
	pthread_mutex_lock(&sim->mu);
	if (!glacier_vault(sim, rt->vault)) {
		_buf_ struct buf line;
		line_begin(&line, "vault", rt->vault, req->now_ms);
		r = line_commit(sim, &line);
	}
	pthread_mutex_unlock(&sim->mu);
	if (r < 0) {
		answer_failed(res, r);
		return;
	}
	res->status = 201;
	sim_res_header(res, "Location", "/" SIM_ACCOUNT "/vaults/%s", rt->vault);
}

static void vault_print(struct buf *out, const struct sim *sim, const struct vault *v)
{
	_buf_ struct buf arn;

	buf_init(&arn, BUF_TEXT_MAX);
	print_arn(&arn, sim, v->name);
	buf_putc(out, '{');
	member_time(out, "CreationDate", v->created_ms);
	member_time(out, "LastInventoryDate", v->inventory_ms);
	if (v->inventory_ms) {
		member_u64(out, "NumberOfArchives", v->inventory_n);
		member_u64(out, "SizeInBytes", v->inventory_size);
	} else {
		buf_puts(out, ",\"NumberOfArchives\":null,\"SizeInBytes\":null");
	}
	member_str(out, "VaultARN", arn.data);
	member_str(out, "VaultName", v->name);
	buf_putc(out, '}');
}

static void vault_describe(struct sim_req *req, struct sim_res *res,
			   const struct route *rt)
{
	struct sim *sim = req->sim;

	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	if (v) {
		answer_json(res, 200);
		vault_print(&res->body, sim, v);
	} else {
		vault_not_found(sim, res, rt->vault);
	}
	pthread_mutex_unlock(&sim->mu);
}

/* The marker is the ARN of the last vault given, or of the next. (1.2 leaves that open) */
static void vault_list(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	const char *marker = sim_query(req, "marker");
	const char *after = marker ? strrchr(marker, '/') : NULL;
	const struct vault *last = NULL;
	bool is_next = sim_quirk(sim, QUIRK_VAULTS_MARKER);
	bool is_more = false;

	(void)rt;
	uint64_t limit = limit_take(req, res, VAULTS_PAGE);
	if (!limit)
		return;
	if (marker && *marker && !after) {
		bad_parameter(res, "The marker is not valid: %s", marker);
		return;
	}
	answer_json(res, 200);
	buf_puts(&res->body, "{\"VaultList\":[");
	pthread_mutex_lock(&sim->mu);
	for (const struct vault *v = map_first(&sim->glacier->vaults); v;
	     v = map_next(&v->item)) {
		if (after && strcmp(v->name, after + 1) <= (is_next ? -1 : 0))
			continue;
		is_more = limit == 0;
		if (is_more) {
			last = is_next ? v : last;
			break;
		}
		if (last)
			buf_putc(&res->body, ',');
		vault_print(&res->body, sim, v);
		last = v;
		limit--;
	}
	buf_putc(&res->body, ']');
	_buf_ struct buf arn;
	buf_init(&arn, BUF_TEXT_MAX);
	if (is_more)
		print_arn(&arn, sim, last->name);
	pthread_mutex_unlock(&sim->mu);
	member_str(&res->body, "Marker", arn.data);
	buf_putc(&res->body, '}');
}

/* Only if the last inventory was empty and nothing was written since. (1.2) */
static void vault_delete(struct sim_req *req, struct sim_res *res, const struct route *rt)
{
	struct sim *sim = req->sim;
	_buf_ struct buf line;

	line_begin(&line, "vault-delete", rt->vault, req->now_ms);
	pthread_mutex_lock(&sim->mu);
	const struct vault *v = glacier_vault(sim, rt->vault);
	res->status = 204;
	if (v && (v->archives.first || v->changed_ms)) {
		bad_parameter(res, "Vault not empty or recently written to: %s",
			      rt->vault);
	} else if (v) {
		int r = line_commit(sim, &line);
		if (r < 0)
			answer_failed(res, r);
	}
	pthread_mutex_unlock(&sim->mu);
}

/* `*` in a path is any segment; the first is the vault, the second the archive, upload or
 * job. */
static const struct operation {
	const char *name, *method, *path;
	glacier_fn *run;
} operations[] = {
	{ "ListVaults", "GET", "vaults", vault_list },
	{ "CreateVault", "PUT", "vaults/*", vault_create },
	{ "DescribeVault", "GET", "vaults/*", vault_describe },
	{ "DeleteVault", "DELETE", "vaults/*", vault_delete },
	{ "UploadArchive", "POST", "vaults/*/archives", archive_upload },
	{ "DeleteArchive", "DELETE", "vaults/*/archives/*", archive_delete },
	{ "InitiateMultipartUpload", "POST", "vaults/*/multipart-uploads",
	  multipart_initiate },
	{ "ListMultipartUploads", "GET", "vaults/*/multipart-uploads", multipart_list },
	{ "UploadMultipartPart", "PUT", "vaults/*/multipart-uploads/*", multipart_part },
	{ "CompleteMultipartUpload", "POST", "vaults/*/multipart-uploads/*",
	  multipart_complete },
	{ "ListParts", "GET", "vaults/*/multipart-uploads/*", multipart_list_parts },
	{ "AbortMultipartUpload", "DELETE", "vaults/*/multipart-uploads/*",
	  multipart_abort },
	{ "InitiateJob", "POST", "vaults/*/jobs", job_initiate },
	{ "ListJobs", "GET", "vaults/*/jobs", job_list },
	{ "DescribeJob", "GET", "vaults/*/jobs/*", job_describe },
	{ "GetJobOutput", "GET", "vaults/*/jobs/*/output", job_output },
	{ "SetVaultNotifications", "PUT", "vaults/*/notification-configuration",
	  notices_put },
	{ "GetVaultNotifications", "GET", "vaults/*/notification-configuration",
	  notices_get },
	{ "DeleteVaultNotifications", "DELETE", "vaults/*/notification-configuration",
	  notices_delete },
	{ "SetVaultAccessPolicy", "PUT", "vaults/*/access-policy", access_put },
	{ "GetVaultAccessPolicy", "GET", "vaults/*/access-policy", access_get },
	{ "DeleteVaultAccessPolicy", "DELETE", "vaults/*/access-policy", access_delete },
	{ "ListTagsForVault", "GET", "vaults/*/tags", tags_list },
	{ "ChangeTagsForVault", "POST", "vaults/*/tags", tags_change },
	{ "SetDataRetrievalPolicy", "PUT", "policies/data-retrieval", retrieval_put },
	{ "GetDataRetrievalPolicy", "GET", "policies/data-retrieval", retrieval_get },
	{ "ListProvisionedCapacity", "GET", "provisioned-capacity", capacity_list },
	{ "PurchaseProvisionedCapacity", "POST", "provisioned-capacity", capacity_buy },
};

static void route_done(struct route *rt)
{
	free(rt->text);
}

static bool path_matches(struct route *rt, const char *pattern)
{
	const char *stars[2] = { NULL, NULL };
	size_t n_stars = 0;
	size_t i = 1; /* behind the account */

	for (const char *at = pattern; at; i++) {
		size_t len = strcspn(at, "/");
		if (i >= rt->n)
			return false;
		if (*at == '*')
			stars[n_stars++] = rt->segments[i];
		else if (strlen(rt->segments[i]) != len ||
			 strncmp(at, rt->segments[i], len) != 0)
			return false;
		at = at[len] ? at + len + 1 : NULL;
	}
	if (i != rt->n)
		return false;
	rt->vault = stars[0];
	rt->id = stars[1];
	return true;
}

static int route_find(const struct sim_req *req, struct route *rt)
{
	rt->text = strdup(req->raw_path);
	if (!rt->text)
		return -ENOMEM;
	for (char *at = rt->text, *word; at && (word = strsep(&at, "/"));) {
		if (!*word)
			continue;
		if (rt->n == SEGMENTS_MAX)
			return 0;
		rt->segments[rt->n++] = word;
	}
	for (size_t i = 0; i < ARRAY_SIZE(operations) && !rt->op; i++) {
		if (streq(operations[i].method, req->method) &&
		    path_matches(rt, operations[i].path))
			rt->op = &operations[i];
	}
	return 0;
}

void sim_glacier_route(struct sim_req *req)
{
	_cleanup_(route_done) struct route rt = { 0 };

	if (route_find(req, &rt) < 0 || !rt.op)
		return;
	snprintf(req->operation, sizeof(req->operation), "%s", rt.op->name);
	if (rt.op->run == job_initiate)
		job_initiate_resource(req, &rt);
	else if (rt.op->run == job_describe || rt.op->run == job_output)
		job_resource(req, &rt);
	else if (rt.id)
		snprintf(req->resource, sizeof(req->resource), "vaults/%.255s/%s/%.255s",
			 rt.vault, rt.segments[3], rt.id);
	else if (rt.vault)
		snprintf(req->resource, sizeof(req->resource), "vaults/%.255s", rt.vault);
}

/* "2012-03-20T17:03:43.221Z" to "2012-03-20T17:03:43Z" */
static struct json_object *time_shortened(const char *iso)
{
	char s[32];

	snprintf(s, sizeof(s), "%.19sZ", iso);
	return json_object_new_string(s);
}

/* An object's members as the quirks have them; nested ones too. */
static struct json_object *respelled(const struct sim *sim, struct json_object *o)
{
	struct json_object *made = NULL;

	if (json_object_is_type(o, json_type_array)) {
		made = json_object_new_array();
		for (size_t i = 0; i < json_object_array_length(o); i++)
			json_object_array_add(
				made, respelled(sim, json_object_array_get_idx(o, i)));
		return made;
	}
	if (!json_object_is_type(o, json_type_object))
		return json_object_get(o);
	made = json_object_new_object();
	json_object_object_foreach (o, name, value) {
		const char *s = json_object_get_string(value);
		bool is_time = s && strlen(s) == 24 && strlen(name) > 4 &&
			       streq(name + strlen(name) - 4, "Date");
		if (!value && sim_quirk(sim, QUIRK_NULL_MEMBERS))
			continue;
		if (is_time && sim_quirk(sim, QUIRK_TIMESTAMPS)) {
			struct json_object *text = time_shortened(s);
			json_object_object_add(made, name, text);
			continue;
		}
		json_object_object_add(made, name, respelled(sim, value));
	}
	if (sim_quirk(sim, QUIRK_EXTRA_MEMBERS))
		json_object_object_add(made, "SinceYesterday",
				       json_object_new_string("x"));
	return made;
}

/* Documents may have absent members for null ones, seconds, unknown members. (1.4, 8) */
static void respell(const struct sim *sim, struct buf *body)
{
	if (!sim_quirk(sim, QUIRK_NULL_MEMBERS) && !sim_quirk(sim, QUIRK_TIMESTAMPS) &&
	    !sim_quirk(sim, QUIRK_EXTRA_MEMBERS))
		return;
	_cleanup_(json_freep) struct json_object *o = json_parse(body->data, body->len);
	if (!o)
		return;
	_cleanup_(json_freep) struct json_object *made = respelled(sim, o);
	buf_reset(body);
	buf_puts(body,
		 json_object_to_json_string_ext(made, JSON_C_TO_STRING_NOSLASHESCAPE));
}

void sim_glacier_handle(struct sim_req *req, struct sim_res *res)
{
	const char *version = sim_header(req, "x-amz-glacier-version");
	_cleanup_(route_done) struct route rt = { 0 };

	int r = route_find(req, &rt);
	if (r < 0)
		answer_failed(res, r);
	else if (sim_quirk(req->sim, QUIRK_NO_SERVICE))
		sim_glacier_error(res, 400, "NoLongerSupportedException",
				  "The vault service is no longer open to this account");
	else if (!version)
		missing_parameter(res, "API version");
	else if (!streq(version, VERSION))
		bad_parameter(res, "The API version is not valid: %s", version);
	else if (!rt.op)
		sim_glacier_error(res, 404, "UnknownOperationException",
				  "The operation is not known");
	else if (!streq(rt.segments[0], "-") && !streq(rt.segments[0], SIM_ACCOUNT))
		sim_glacier_error(res, 403, "AccessDeniedException",
				  "The account is not the caller's");
	else
		rt.op->run(req, res, &rt);
	if (res->status == 200 && res->file_fd < 0 && res->body.len)
		respell(req->sim, &res->body);
}
