/* SPDX-License-Identifier: Apache-2.0 */
#include "notice.h"
#include "json.h"
#include "str.h"
#include <stdio.h>

/* Messages have 1 MiB at most (AWS protocol reference 3.4): more is not read. */
#define MESSAGE_MAX ((size_t)1 << 20)

struct reading {
	void (*tell)(void *arg, const struct notice *n);
	void *arg;
};

/* A string member; "" where it is absent, null or of another type. */
static const char *text_of(struct json_object *o, const char *key)
{
	const char *s;

	return json_str(o, key, &s) == 0 ? s : "";
}

/* False if it does not fit: then it names nothing of ours. */
static bool take(char *ret, size_t room, const char *s)
{
	return snprintf(ret, room, "%s", s) < (int)room;
}

/* ---- S3 ---- */

/* Keys are URL-encoded in event notifications, with + for blanks. */
static bool key_take(struct notice *n, const char *encoded)
{
	_buf_ struct buf key;

	buf_init(&key, OBJECT_ID_MAX);
	if (percent_decode(&key, encoded, strlen(encoded), true) < 0 || !key.len ||
	    strlen(key.data) != key.len)
		return false;
	return take(n->id, sizeof(n->id), key.data);
}

static void record_read(const struct reading *how, struct json_object *record)
{
	struct notice n = { .scheme = "s3" };
	struct json_object *s3, *bucket, *object;
	const char *event = text_of(record, "eventName");

	/* That one has begun is no news here; that a copy is gone may be. */
	if (!str_after(event, "ObjectRestore:") || streq(event, "ObjectRestore:Post"))
		return;
	if (json_child(record, "s3", &s3) < 0 || json_child(s3, "bucket", &bucket) < 0 ||
	    json_child(s3, "object", &object) < 0)
		return;
	if (take(n.region, sizeof(n.region), text_of(record, "awsRegion")) &&
	    take(n.container, sizeof(n.container), text_of(bucket, "name")) &&
	    take(n.version, sizeof(n.version), text_of(object, "versionId")) &&
	    key_take(&n, text_of(object, "key")))
		how->tell(how->arg, &n);
}

static enum notice_kind records_read(const struct reading *how, struct json_object *list,
				     size_t n)
{
	for (size_t i = 0; i < n; i++)
		record_read(how, json_at(list, i));
	return NOTICE_ENDED;
}

/* EventBridge writes keys as they are, and other names. */
static enum notice_kind detail_read(const struct reading *how, struct json_object *doc)
{
	struct notice n = { .scheme = "s3" };
	struct json_object *detail, *bucket, *object;
	const char *type = text_of(doc, "detail-type");

	if (!streq(type, "Object Restore Completed") &&
	    !streq(type, "Object Restore Expired"))
		return NOTICE_NOTHING;
	if (json_child(doc, "detail", &detail) < 0 ||
	    json_child(detail, "bucket", &bucket) < 0 ||
	    json_child(detail, "object", &object) < 0)
		return NOTICE_UNKNOWN;
	if (!take(n.region, sizeof(n.region), text_of(doc, "region")) ||
	    !take(n.container, sizeof(n.container), text_of(bucket, "name")) ||
	    !take(n.version, sizeof(n.version), text_of(object, "version-id")) ||
	    !take(n.id, sizeof(n.id), text_of(object, "key")) || !n.id[0])
		return NOTICE_UNKNOWN;
	how->tell(how->arg, &n);
	return NOTICE_ENDED;
}

/* ---- vaults ---- */

/* "arn:PARTITION:glacier:REGION:ACCOUNT:vaults/NAME" */
static bool vault_take(struct notice *n, const char *arn)
{
	const char *at = str_after(arn, "arn:");
	const char *region = at ? strchr(at, ':') : NULL;

	region = region ? str_after(region, ":glacier:") : NULL;
	const char *account = region ? strchr(region, ':') : NULL;
	const char *vault = account ? strchr(account + 1, ':') : NULL;
	if (!vault || !str_after(vault, ":vaults/"))
		return false;
	size_t len = (size_t)(account - region);
	if (len >= sizeof(n->region))
		return false;
	memcpy(n->region, region, len);
	n->region[len] = '\0';
	return take(n->container, sizeof(n->container), vault + 1);
}

static enum notice_kind job_read(const struct reading *how, struct json_object *doc)
{
	struct notice n = { .scheme = "glacier" };
	bool is_inventory = streq(text_of(doc, "Action"), "InventoryRetrieval");
	const char *archive = is_inventory ? "" : text_of(doc, "ArchiveId");

	if (!vault_take(&n, text_of(doc, "VaultARN")) ||
	    !take(n.token, sizeof(n.token), text_of(doc, "JobId")) || !n.token[0] ||
	    !take(n.id, sizeof(n.id), archive))
		return NOTICE_UNKNOWN;
	how->tell(how->arg, &n);
	return NOTICE_ENDED;
}

/* ---- both ---- */

static enum notice_kind document_read(const struct reading *how, struct json_object *doc)
{
	struct json_object *list;
	size_t n;

	if (json_array(doc, "Records", &list, &n) == 0)
		return records_read(how, list, n);
	if (*text_of(doc, "detail-type"))
		return detail_read(how, doc);
	if (*text_of(doc, "Action") && *text_of(doc, "JobId"))
		return job_read(how, doc);
	if (streq(text_of(doc, "Event"), "s3:TestEvent"))
		return NOTICE_NOTHING;
	return NOTICE_UNKNOWN;
}

enum notice_kind notice_parse(const char *data, size_t len,
			      void (*tell)(void *arg, const struct notice *n), void *arg)
{
	const struct reading how = { tell, arg };

	if (len > MESSAGE_MAX)
		return NOTICE_UNKNOWN;
	_cleanup_(json_freep) struct json_object *outer = json_parse(data, len);
	if (!outer)
		return NOTICE_UNKNOWN;
	const char *type = text_of(outer, "Type");
	if (streq(type, "SubscriptionConfirmation") ||
	    streq(type, "UnsubscribeConfirmation"))
		return NOTICE_CONFIRM;
	if (!streq(type, "Notification"))
		return document_read(&how, outer);

	const char *message = text_of(outer, "Message");
	_cleanup_(json_freep) struct json_object *inner =
		json_parse(message, strlen(message));
	return inner ? document_read(&how, inner) : NOTICE_UNKNOWN;
}

bool notice_is_about(const struct notice *n, const struct backend *b,
		     const struct object *object, const char *token)
{
	if (!streq(n->scheme, b->ops->scheme) || !streq(n->container, b->resource_root))
		return false;
	if (!b->ops->catalog_is_job) /* a bucket's name is its own all over the world */
		return object && streq(n->id, object->id) &&
		       (!n->version[0] || !object->version[0] ||
			streq(n->version, object->version));
	if (!streq(n->region, b->region))
		return false;
	return streq(n->token, token) || streq(n->id, object ? object->id : "");
}
