/* SPDX-License-Identifier: Apache-2.0 */
/* s3_inventory - S3 Inventory: a bucket's objects as files in another bucket, once a day or week.
 *
 *	PREFIX/SOURCE/ID/data/UUID.csv.gz
 *	PREFIX/SOURCE/ID/YYYY-MM-DDTHH-MMZ/manifest.json, and last manifest.checksum
 *
 * One is due at the first midnight UTC (of a Sunday, if weekly) behind the last, or behind its
 * configuration; a clock that jumps over several gets the latest. Known deviations: CSV only;
 * one data file; no hive/; not billed.
 *
 * Source: AWS protocol reference section 2.6, 2026-09.
 */
#include "s3_inventory.h"
#include "json.h"
#include "s3_notify.h"
#include "str.h"

void s3_inventories_free(struct s3_inventory *list)
{
	while (list) {
		struct s3_inventory *next = list->next;

		free(list->document);
		free(list);
		list = next;
	}
}
DEFINE_CLEANUP(struct s3_inventory, s3_inventories_free)

/* Configurations */

static int take_word(char *ret, size_t room, const char *text)
{
	if (strlen(text) >= room)
		return S3_INVALID_ARGUMENT;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int on_destination(struct s3_inventory *inv, const char *name, const char *text)
{
	if (streq(name, "/Bucket")) {
		const char *bucket = str_after(text, "arn:aws:s3:::");

		return bucket ? take_word(inv->to_bucket, sizeof(inv->to_bucket), bucket)
			      : (int)S3_INVALID_ARGUMENT;
	}
	if (streq(name, "/Prefix"))
		return take_word(inv->to_prefix, sizeof(inv->to_prefix), text);
	if (streq(name, "/Format"))
		return streq(text, "CSV") ? S3_OK : S3_NOT_IMPLEMENTED;
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct s3_inventory *inv = arg;
	const char *name = str_after(path, "InventoryConfiguration");

	if (!name)
		return S3_MALFORMED_XML;
	const char *of_destination = str_after(name, "/Destination/S3BucketDestination");
	if (of_destination)
		return on_destination(inv, of_destination, text);
	if (streq(name, "/Id"))
		return take_word(inv->id, sizeof(inv->id), text);
	if (streq(name, "/Filter/Prefix"))
		return take_word(inv->prefix, sizeof(inv->prefix), text);
	if (streq(name, "/OptionalFields/Field")) {
		unsigned int field = s3_report_field(text);

		inv->fields |= field;
		return field ? S3_OK : S3_MALFORMED_XML;
	}
	if (streq(name, "/IsEnabled"))
		inv->is_enabled = streq(text, "true");
	else if (streq(name, "/IncludedObjectVersions"))
		inv->has_all_versions = streq(text, "All");
	else if (streq(name, "/Schedule/Frequency"))
		inv->is_weekly = streq(text, "Weekly");
	return 0;
}

static int inventory_read(const char *document, int64_t last_ms,
			  struct s3_inventory **ret)
{
	_cleanup_(s3_inventories_freep) struct s3_inventory *inv =
		calloc(1, sizeof(*inv));
	if (!inv)
		return -ENOMEM;

	inv->last_ms = last_ms;
	inv->document = strdup(document);
	if (!inv->document)
		return -ENOMEM;
	int r = s3_xml_read(document, strlen(document), on_element, inv);
	if (r)
		return r;
	if (!inv->id[0] || !inv->to_bucket[0])
		return S3_MALFORMED_XML;
	*ret = steal_ptr(inv);
	return 0;
}

void s3_inventories_write(struct buf *out, const struct s3_inventory *list)
{
	buf_puts(out, ",\"inventories\":[");
	for (const struct s3_inventory *i = list; i; i = i->next) {
		buf_printf(out, "%s{\"last\":%lld,\"document\":", i == list ? "" : ",",
			   (long long)i->last_ms);
		json_quote(out, i->document);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

int s3_inventories_read(struct json_object *doc, struct s3_inventory **ret)
{
	struct s3_inventory **end = ret;
	struct json_object *array;
	size_t n = 0;

	if (json_array(doc, "inventories", &array, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_at(array, i);
		const char *document;
		uint64_t last;

		if (json_str(o, "document", &document) < 0 ||
		    json_u64(o, "last", &last) < 0 || last > INT64_MAX ||
		    inventory_read(document, (int64_t)last, end) != 0)
			return -EBADMSG;
		end = &(*end)->next;
	}
	return 0;
}

/* Where the one with that id hangs, or the end. */
static struct s3_inventory **find(struct s3_bucket *b, const char *id)
{
	struct s3_inventory **at = &b->config.inventories;

	while (*at && !streq((*at)->id, id))
		at = &(*at)->next;
	return at;
}

/* When it is due. */
static int64_t due_ms(const struct s3_inventory *inv)
{
	int64_t day = inv->last_ms / S3_DAY_MS + 1;

	/* 1970 began on a Thursday: day 3 was a Sunday. */
	while (inv->is_weekly && day % 7 != 3)
		day++;
	return inv->is_enabled ? day * S3_DAY_MS : INT64_MAX;
}

int s3_put_bucket_inventory(struct s3_call *call)
{
	_cleanup_(s3_inventories_freep) struct s3_inventory *inv = NULL;
	const char *id = sim_query(call->req, "id");
	_buf_ struct buf body = { 0 };

	int r = s3_body_read_text(call, &body);
	if (r == 0)
		r = inventory_read(body.data, call->req->now_ms, &inv);
	if (r)
		return r;
	if (!id || !streq(id, inv->id))
		return S3_INVALID_ARGUMENT;
	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	if (b) {
		struct s3_inventory **at = find(b, inv->id);
		struct s3_inventory *before = *at;

		inv->next = before ? before->next : NULL;
		s3_change_at(call->s3, due_ms(inv));
		*at = steal_ptr(inv);
		if (before)
			before->next = NULL;
		s3_inventories_free(before);
		r = s3_bucket_save(b);
	}
	pthread_mutex_unlock(&call->sim->mu);
	return b ? r : (int)S3_NO_SUCH_BUCKET;
}

static void put_list(struct buf *out, const struct s3_inventory *list)
{
	s3_xml_begin(out, "ListInventoryConfigurationsResult");
	s3_xml_text(out, "IsTruncated", "false");
	for (; list; list = list->next) {
		/* Without a declaration of its own. */
		const char *root = strstr(list->document, "<InventoryConfiguration");

		buf_puts(out, root ? root : "");
	}
	buf_puts(out, "</ListInventoryConfigurationsResult>");
}

int s3_get_bucket_inventory(struct s3_call *call)
{
	const char *id = sim_query(call->req, "id");
	int r = 0;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	const struct s3_inventory *inv = b && id ? *find(b, id) : NULL;
	if (!b)
		r = S3_NO_SUCH_BUCKET;
	else if (!id)
		put_list(&call->res->body, b->config.inventories);
	else if (!inv)
		r = S3_NO_SUCH_CONFIG;
	else
		buf_puts(&call->res->body, inv->document);
	pthread_mutex_unlock(&call->sim->mu);
	return r;
}

int s3_delete_bucket_inventory(struct s3_call *call)
{
	const char *id = sim_query(call->req, "id");
	int r = S3_NO_SUCH_BUCKET;

	pthread_mutex_lock(&call->sim->mu);
	struct s3_bucket *b = s3_bucket_find(call->s3, call->bucket);
	struct s3_inventory **at = b && id ? find(b, id) : NULL;
	if (b)
		r = S3_NO_SUCH_CONFIG;
	if (at && *at) {
		struct s3_inventory *gone = *at;

		*at = gone->next;
		gone->next = NULL;
		s3_inventories_free(gone);
		r = s3_bucket_save(b);
	}
	pthread_mutex_unlock(&call->sim->mu);
	if (r == 0)
		call->res->status = 204;
	return r;
}

/* The next that is due, marked as taken; NULL: none. */
static struct s3_report *next_due(struct sim_s3 *s3, int64_t now_ms)
{
	for (size_t i = 0; i < s3->n_buckets; i++) {
		struct s3_bucket *b = s3->buckets[i];

		for (struct s3_inventory *v = b->config.inventories; v; v = v->next) {
			if (due_ms(v) > now_ms) {
				s3_change_at(s3, due_ms(v));
				continue;
			}
			v->last_ms = now_ms - now_ms % S3_DAY_MS;
			s3_bucket_save(b); /* else it is taken again after a restart */
			return s3_report_new(v, b, v->last_ms);
		}
	}
	return NULL;
}

void s3_inventories_run(struct sim *sim, int64_t now_ms)
{
	struct s3_report *due;

	while ((due = next_due(sim->s3, now_ms)) != NULL) {
		pthread_mutex_unlock(&sim->mu);
		s3_report_publish(sim, due);
		s3_report_free(due);
		pthread_mutex_lock(&sim->mu);
	}
}

int s3_inventory_now(struct sim *sim, struct s3_bucket *b, const char *id)
{
	const struct s3_inventory *inv = *find(b, id);
	if (!inv)
		return -ENOENT;
	_cleanup_(s3_report_freep) struct s3_report *rep =
		s3_report_new(inv, b, sim_clock_now(sim->clock));
	if (!rep)
		return -ENOMEM;
	pthread_mutex_unlock(&sim->mu);
	int r = s3_report_publish(sim, rep);
	pthread_mutex_lock(&sim->mu);
	return r;
}
