/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"
#include "op.h"
#include "s3_xml.h"
#include "sqs.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS    1000
#define ANSWER_MAX ((size_t)64 << 10)

struct look_row {
	const char *operation, *action;
	bool is_paid;
};

/* Control calls of vaults and STS are free; S3's and SQS's are requests with a price. */
static const struct look_row rows[2][HEALTH_LOOKS] = {
	{
		[HEALTH_IDENTITY] = { "GetCallerIdentity", "", false },
		[HEALTH_ACCESS] = { "ListObjectsV2", "s3:ListBucket", true },
		[HEALTH_WIRING] = { "GetBucketNotificationConfiguration",
				    "s3:GetBucketNotification", true },
		[HEALTH_QUEUE] = { "ReceiveMessage", "sqs:ReceiveMessage", true },
	},
	{
		[HEALTH_IDENTITY] = { "GetCallerIdentity", "", false },
		[HEALTH_ACCESS] = { "DescribeVault", "glacier:DescribeVault", false },
		[HEALTH_WIRING] = { "GetVaultNotifications",
				    "glacier:GetVaultNotifications", false },
		[HEALTH_QUEUE] = { "ReceiveMessage", "sqs:ReceiveMessage", true },
	},
};

const char *health_operation(enum health_look look, bool is_vault)
{
	return rows[is_vault][look].operation;
}

const char *health_action(enum health_look look, bool is_vault)
{
	return rows[is_vault][look].action;
}

bool health_is_paid(enum health_look look, bool is_vault)
{
	return rows[is_vault][look].is_paid;
}

const char *const *health_actions(bool is_vault)
{
	static const char *const s3[] = { "s3:ListBucket", "s3:GetObject",
					  "s3:GetObjectAttributes", "s3:RestoreObject",
					  NULL };
	static const char *const vault[] = {
		"glacier:DescribeVault", "glacier:ListJobs",    "glacier:DescribeJob",
		"glacier:GetJobOutput",  "glacier:InitiateJob", NULL
	};
	return is_vault ? vault : s3;
}

const char *const health_queue_actions[] = { "sqs:ReceiveMessage", "sqs:DeleteMessage",
					     NULL };

static void fault_keep(struct health *h, enum health_look look, int r,
		       const struct fault *f)
{
	h->looks[look].answer = r < 0 ? HEALTH_BAD : HEALTH_GOOD;
	h->looks[look].fault = *f;
}

/* ---- credentials ---- */

struct keys_wait {
	struct creds_waiter w; /* first */
	bool is_told;
};

static void keys_come(struct creds_waiter *w)
{
	((struct keys_wait *)w)->is_told = true;
}

/* Until they are here, or it is known that they do not come. */
static int keys_take(struct site *site, struct health *h, struct buf *err)
{
	struct creds_key key;
	int r;

	while ((r = creds_get(site->creds, &key, err)) == -EAGAIN) {
		struct keys_wait k = { .w.ready = keys_come };
		creds_wait(site->creds, &k.w);
		while (!k.is_told)
			http_wait(site->http, WAIT_MS);
		buf_reset(err);
	}
	if (r < 0)
		return r;
	snprintf(h->origin, sizeof(h->origin), "%s", key.origin);
	h->expires_ms = key.expires_ms;
	return 0;
}

/* ---- whose they are ---- */

struct asking {
	struct exchange x; /* first */
	bool is_over;
};

static void asked(struct exchange *x)
{
	((struct asking *)x)->is_over = true;
}

/* <ErrorResponse><Error><Code>, <Message> */
static void error_parse(const char *data, size_t len, struct site_error *ret)
{
	(void)s3_xml_text(data, len, "Code", ret->code, sizeof(ret->code));
	(void)s3_xml_text(data, len, "Message", ret->text, sizeof(ret->text));
}

/* STS of the source's region, or the one users set; -ENOENT: a store that is not AWS has none. */
static int sts_open(const struct backend *b, const struct site *of, struct site *ret)
{
	const char *own = creds_endpoint(of->creds, "STS");
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	*ret = (struct site){ .http = of->http,
			      .creds = of->creds,
			      .service = "sts",
			      .path_mode = SIGV4_PATH_GENERIC,
			      .error_parse = error_parse };
	snprintf(ret->region, sizeof(ret->region), "%s", of->region);
	if (own)
		return endpoint_parse(own, ret, &err);
	return b->cfg.endpoint ? -ENOENT : endpoint_of_region("sts", of->region, ret);
}

static void identity_look(const struct backend *b, const struct site *of,
			  struct health *h)
{
	struct asking a = { .is_over = false };
	struct site sts;

	if (sts_open(b, of, &sts) < 0)
		return;
	exchange_init(&a.x, &sts, ANSWER_MAX);
	a.x.method = "POST";
	a.x.done = asked;
	buf_puts(&a.x.path, "/");
	exchange_header(&a.x, "content-type",
			"application/x-www-form-urlencoded; charset=utf-8");
	buf_puts(&a.x.body, "Action=GetCallerIdentity&Version=2011-06-15");
	exchange_start(&a.x);
	while (!a.is_over)
		http_wait(sts.http, WAIT_MS);
	const struct buf *answer = &a.x.answer;
	if (a.x.result == 0 && s3_xml_text(answer->data ? answer->data : "", answer->len,
					   "Arn", h->identity, sizeof(h->identity)) < 0)
		(void)exchange_fail(&a.x, FAULT_PROTOCOL, "BadAnswer",
				    "GetCallerIdentity answered without an Arn");
	fault_keep(h, HEALTH_IDENTITY, *h->identity ? 0 : -EPROTO, &a.x.fault);
	if (sts.has_seen_skew) {
		h->has_skew = true;
		h->skew_ms = sts.seen_skew_ms;
	}
	exchange_done(&a.x);
}

/* ---- what may be asked ---- */

static void called(struct backend_call *c)
{
	*(bool *)c->arg = true;
}

static void call_look(struct backend *b, enum backend_verb verb, enum health_look look,
		      struct health *h)
{
	bool is_over = false;
	struct backend_call c = { .verb = verb, .done = called, .arg = &is_over };

	backend_start(b, &c);
	while (!is_over)
		backends_wait(b->all, WAIT_MS);
	fault_keep(h, look, c.result, &c.fault);
	if (verb == BACKEND_WIRING)
		h->wiring = c.wiring;
}

static void queue_ignore(void *arg, const struct notice *n)
{
	(void)arg, (void)n;
}

static void queue_look(struct backends *bs, const struct health_cfg *cfg,
		       const char *region, struct health *h)
{
	struct sqs_cfg queue = { .url = cfg->queue,
				 .profile = cfg->source->profile,
				 .region = region,
				 .notice = queue_ignore };
	struct fault f = { .kind = FAULT_NONE };
	struct sqs *q = NULL;
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	int r = sqs_open(bs, &queue, &q, &err);
	if (r < 0)
		fault_set(&f, FAULT_REFUSED, "BadQueue", err.len ? err.data : "");
	else
		r = sqs_look(q, &f);
	sqs_close(q);
	fault_keep(h, HEALTH_QUEUE, r, &f);
}

/* Whether it is to be asked; else why not is kept. */
static bool is_wanted(const struct health_cfg *cfg, enum health_look look, bool is_vault,
		      struct health *h)
{
	if (look == HEALTH_QUEUE && !cfg->queue)
		return false;
	if (!health_is_paid(look, is_vault) || cfg->may_pay)
		return true;
	h->looks[look].answer = HEALTH_UNPAID;
	return false;
}

static void look_all(struct backend *b, const struct health_cfg *cfg, struct site *site,
		     struct health *h)
{
	bool is_vault = b->ops->catalog_is_job;

	identity_look(b, site, h);
	if (is_wanted(cfg, HEALTH_ACCESS, is_vault, h))
		call_look(b, BACKEND_CHECK, HEALTH_ACCESS, h);
	/* Of what cannot be reached nothing more is to be learned. */
	if (h->looks[HEALTH_ACCESS].answer != HEALTH_BAD &&
	    is_wanted(cfg, HEALTH_WIRING, is_vault, h))
		call_look(b, BACKEND_WIRING, HEALTH_WIRING, h);
	if (is_wanted(cfg, HEALTH_QUEUE, is_vault, h))
		queue_look(b->all, cfg, site->region, h);
	if (site->has_seen_skew) {
		h->has_skew = true;
		h->skew_ms = site->seen_skew_ms;
	}
}

int health_look(struct backends *bs, const struct health_cfg *cfg, struct health *ret)
{
	_cleanup_(backend_closep) struct backend *b = NULL;
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	*ret = (struct health){ .result = 0 };
	int r = backend_open(bs, cfg->source, &b, &err);
	struct site *site = r == 0 && b->ops->site ? b->ops->site(b) : NULL;
	if (site) {
		snprintf(ret->region, sizeof(ret->region), "%s", site->region);
		snprintf(ret->host, sizeof(ret->host), "%s", site->host);
		r = keys_take(site, ret, &err);
	}
	if (r == -ENOMEM)
		return r;
	ret->result = r;
	snprintf(ret->why, sizeof(ret->why), "%s", r < 0 && err.len ? err.data : "");
	if (r == 0 && site)
		look_all(b, cfg, site, ret);
	return 0;
}
