/* SPDX-License-Identifier: Apache-2.0 */
/* s3_config - what is set on a bucket. */
#include "json.h"
#include "s3.h"
#include "s3_notify.h"
#include "str.h"

#define XML_MAX ((size_t)256 << 10)

static const char *const versioning_words[] = { "", "Enabled", "Suspended" };

static void put_text(struct buf *out, const char *name, const char *text)
{
	if (!text || !text[0])
		return;
	buf_printf(out, ",\"%s\":", name);
	json_quote(out, text);
}

int s3_config_write(struct buf *out, const struct s3_config *config)
{
	put_text(out, "versioning", versioning_words[config->versioning]);
	if (config->is_requester_paid)
		buf_puts(out, ",\"requester-pays\":true");
	put_text(out, "owner", config->owner);
	put_text(out, "region", config->region);
	if (config->redirect)
		put_text(out, "redirect", s3_redirect_word(config->redirect));
	put_text(out, "tiering", config->tiering);
	put_text(out, "notification", config->notify ? config->notify->document : NULL);
	put_text(out, "eventbridge", config->bridge_arn);
	if (config->inventories)
		s3_inventories_write(out, config->inventories);
	return out->err;
}

/* What a tiering document says, as it is read. */
struct tiering {
	enum s3_access now;
	uint32_t now_days;
	uint32_t days[S3_ACCESSES];
	bool is_off;
};

/* False: no such word. */
static bool versioning_read(const char *word, enum s3_versioning *ret)
{
	for (int i = 0; i <= S3_SUSPENDED; i++)
		if (streq(word, versioning_words[i])) {
			*ret = (enum s3_versioning)i;
			return true;
		}
	return false;
}

/* Fills `ret` of `room` bytes; false: too long. */
static bool word_read(struct json_object *doc, const char *name, char *ret, size_t room)
{
	const char *word;

	if (json_str(doc, name, &word) < 0)
		return true;
	if (strlen(word) >= room)
		return false;
	memcpy(ret, word, strlen(word) + 1);
	return true;
}

static int on_tiering(void *arg, const char *path, const char *text)
{
	struct tiering *t = arg;
	const char *name = str_after(path, "IntelligentTieringConfiguration");
	uint64_t days;

	if (!name)
		return S3_MALFORMED_XML;
	if (streq(name, "/Tiering/Days")) {
		/* As the service has it: 90 to 730, or 180 to 730 for the deep tier. */
		if (str_to_u64(text, &days) < 0 || days < 1 || days > 730)
			return S3_INVALID_ARGUMENT;
		t->now_days = (uint32_t)days;
	} else if (streq(name, "/Tiering/AccessTier")) {
		return s3_access_read(text, &t->now) && t->now != S3_FREQUENT
			       ? S3_OK
			       : S3_MALFORMED_XML;
	} else if (streq(name, "/Tiering")) {
		t->days[t->now] = t->now_days;
	} else if (streq(name, "/Status")) {
		t->is_off = !streq(text, "Enabled");
	}
	return 0;
}

/* Takes `text` as the configuration's tiering, if it is one. */
static int tiering_set(struct s3_config *config, const char *text)
{
	struct tiering t = { 0 };

	int r = s3_xml_read(text, strlen(text), on_tiering, &t);
	if (r)
		return r;
	char *copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	config->tiering = copy;
	for (int i = 0; i < S3_ACCESSES; i++)
		config->access_days[i] = t.is_off ? 0 : t.days[i];
	return 0;
}

int s3_config_set(struct s3_config *config, struct json_object *doc)
{
	struct s3_config as = *config;
	const char *text;

	if (json_str(doc, "versioning", &text) == 0 &&
	    !versioning_read(text, &as.versioning))
		return -EBADMSG;
	if (json_str(doc, "redirect", &text) == 0 &&
	    !s3_redirect_read(text, &as.redirect))
		return -EBADMSG;
	if (!word_read(doc, "owner", as.owner, sizeof(as.owner)) ||
	    !word_read(doc, "region", as.region, sizeof(as.region)) ||
	    !word_read(doc, "eventbridge", as.bridge_arn, sizeof(as.bridge_arn)))
		return -EBADMSG;
	json_boolean(doc, "requester-pays", &as.is_requester_paid);
	*config = as;
	return 0;
}

int s3_config_read(struct json_object *doc, struct s3_config *ret)
{
	const char *text;

	int r = s3_config_set(ret, doc);
	if (r < 0)
		return r;
	if (json_str(doc, "tiering", &text) == 0 && tiering_set(ret, text) != 0)
		return -EBADMSG;
	if (json_str(doc, "notification", &text) == 0 &&
	    s3_notify_read(text, &ret->notify) != 0)
		return -EBADMSG;
	return s3_inventories_read(doc, &ret->inventories);
}

void s3_config_done(struct s3_config *config)
{
	free(config->tiering);
	s3_notify_free(config->notify);
	s3_inventories_free(config->inventories);
}

int s3_body_read_text(struct s3_call *call, struct buf *body)
{
	int r = s3_body_verify_md5(call);
	if (r)
		return r;
	buf_init(body, XML_MAX);
	r = sim_body(call->req, XML_MAX, body);
	if (r < 0)
		return r == -EFBIG ? S3_MALFORMED_XML : r;
	return body->len > 0 ? S3_OK : S3_MALFORMED_XML;
}

int s3_body_read_xml(struct s3_call *call, s3_xml_fn fn, void *arg)
{
	_buf_ struct buf body = { 0 };

	int r = s3_body_read_text(call, &body);
	return r ? r : s3_xml_read(body.data, body.len, fn, arg);
}

int s3_config_store(struct s3_bucket *b, const struct s3_config *as)
{
	struct s3_config before = b->config;

	b->config = *as;
	int r = s3_bucket_save(b);
	if (r < 0)
		b->config = before;
	return r;
}

int s3_get_bucket_versioning(struct s3_call *call)
{
	struct buf *out = &call->res->body;

	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	enum s3_versioning v = b ? b->config.versioning : S3_UNVERSIONED;
	pthread_mutex_unlock(&call->sim->mu);
	if (!b)
		return S3_NO_SUCH_BUCKET;
	s3_xml_begin(out, "VersioningConfiguration");
	if (v != S3_UNVERSIONED)
		s3_xml_text(out, "Status", versioning_words[v]);
	buf_puts(out, "</VersioningConfiguration>");
	return 0;
}

static int on_versioning(void *arg, const char *path, const char *text)
{
	struct s3_config *as = arg;

	if (!str_after(path, "VersioningConfiguration"))
		return S3_MALFORMED_XML;
	if (!streq(path, "VersioningConfiguration/Status"))
		return 0;
	return text[0] && versioning_read(text, &as->versioning) ? S3_OK
								 : S3_MALFORMED_XML;
}

static int on_payment(void *arg, const char *path, const char *text)
{
	struct s3_config *as = arg;

	if (!str_after(path, "RequestPaymentConfiguration"))
		return S3_MALFORMED_XML;
	if (!streq(path, "RequestPaymentConfiguration/Payer"))
		return 0;
	as->is_requester_paid = streq(text, "Requester");
	return as->is_requester_paid || streq(text, "BucketOwner") ? S3_OK
								   : S3_MALFORMED_XML;
}

/* `fn` changes a copy of the configuration as the request's document says. */
static int config_change(struct s3_call *call, s3_xml_fn fn)
{
	_buf_ struct buf body = { 0 };

	int r = s3_body_read_text(call, &body);
	if (r)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	struct s3_config as = b ? b->config : (struct s3_config){ 0 };
	r = b ? s3_xml_read(body.data, body.len, fn, &as) : (int)S3_NO_SUCH_BUCKET;
	if (r == 0)
		r = s3_config_store(b, &as);
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

int s3_put_bucket_versioning(struct s3_call *call)
{
	return config_change(call, on_versioning);
}

int s3_put_bucket_request_payment(struct s3_call *call)
{
	return config_change(call, on_payment);
}

int s3_get_bucket_request_payment(struct s3_call *call)
{
	struct buf *out = &call->res->body;

	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	bool is_paid = b && b->config.is_requester_paid;
	pthread_mutex_unlock(&call->sim->mu);
	if (!b)
		return S3_NO_SUCH_BUCKET;
	s3_xml_begin(out, "RequestPaymentConfiguration");
	s3_xml_text(out, "Payer", is_paid ? "Requester" : "BucketOwner");
	buf_puts(out, "</RequestPaymentConfiguration>");
	return 0;
}

/* Known deviation: one configuration a bucket, whatever its id, for all of its objects. */
int s3_put_bucket_tiering(struct s3_call *call)
{
	_buf_ struct buf body = { 0 };

	int r = s3_body_read_text(call, &body);
	if (r)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	struct s3_config as = b ? b->config : (struct s3_config){ 0 };
	char *before = as.tiering;
	r = b ? tiering_set(&as, body.data) : (int)S3_NO_SUCH_BUCKET;
	if (r == 0) {
		r = s3_config_store(b, &as);
		free(r == 0 ? before : as.tiering);
	}
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

int s3_get_bucket_tiering(struct s3_call *call)
{
	int r = S3_NO_SUCH_BUCKET;

	pthread_mutex_lock(&call->sim->mu);
	const struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b)
		r = b->config.tiering ? buf_puts(&call->res->body, b->config.tiering)
				      : (int)S3_NO_SUCH_CONFIG;
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

int s3_delete_bucket_tiering(struct s3_call *call)
{
	int r = S3_NO_SUCH_BUCKET;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b) {
		struct s3_config as = b->config;

		as.tiering = NULL;
		memset(as.access_days, 0, sizeof(as.access_days));
		char *before = b->config.tiering;
		r = s3_config_store(b, &as);
		if (r == 0)
			free(before);
	}
	pthread_mutex_unlock(&call->sim->mu);
	if (r == 0)
		call->res->status = 204;
	return r;
}
