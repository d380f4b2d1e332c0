/* SPDX-License-Identifier: Apache-2.0 */
/* s3_config - what is set on a bucket. */
#include "json.h"
#include "s3.h"
#include "str.h"

#define XML_MAX ((size_t)256 << 10)

static const char *const versioning_words[] = { "", "Enabled", "Suspended" };

int s3_config_write(struct buf *out, const struct s3_config *config)
{
	return buf_printf(out, ",\"versioning\":\"%s\"",
			  versioning_words[config->versioning]);
}

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

int s3_config_read(struct json_object *doc, struct s3_config *ret)
{
	const char *word = "";

	json_str(doc, "versioning", &word);
	return versioning_read(word, &ret->versioning) ? 0 : -EBADMSG;
}

void s3_config_done(struct s3_config *config)
{
	(void)config;
}

/* The request's document; 0 or an answer. */
static int read_xml(struct s3_call *call, s3_xml_fn fn, void *arg)
{
	_buf_ struct buf body = { 0 };

	int r = s3_body_verify_md5(call);
	if (r)
		return r;
	buf_init(&body, XML_MAX);
	r = sim_body(call->req, XML_MAX, &body);
	if (r < 0)
		return r == -EFBIG ? S3_MALFORMED_XML : r;
	return body.len > 0 ? s3_xml_read(body.data, body.len, fn, arg)
			    : (int)S3_MALFORMED_XML;
}

/* Replaces the configuration on disk and then in memory. */
static int config_store(struct s3_call *call, struct s3_bucket *b,
			const struct s3_config *as)
{
	struct s3_config before = b->config;

	(void)call;
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
	if (!str_after(path, "VersioningConfiguration"))
		return S3_MALFORMED_XML;
	if (!streq(path, "VersioningConfiguration/Status"))
		return 0;
	return text[0] && versioning_read(text, arg) ? S3_OK : S3_MALFORMED_XML;
}

int s3_put_bucket_versioning(struct s3_call *call)
{
	enum s3_versioning v = S3_UNVERSIONED;

	int r = read_xml(call, on_versioning, &v);
	if (r)
		return r;
	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (!b) {
		r = S3_NO_SUCH_BUCKET;
	} else if (v != S3_UNVERSIONED) {
		struct s3_config as = b->config;

		as.versioning = v;
		r = config_store(call, b, &as);
	}
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}
