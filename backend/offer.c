/* SPDX-License-Identifier: Apache-2.0 */
#include "offer.h"
#include "json.h"
#include "prices.h"
#include "str.h"
#include <stdio.h>
#include <stdlib.h>

const char *const offer_codes[] = { "AmazonS3", "AmazonS3GlacierDeepArchive",
				    "AmazonGlacier", "AWSDataTransfer", NULL };

#define ITEMS_MAX 2

/* Which product is which price: usage type behind the region's prefix, and operation (5.3). NULL: any
 * operation. Rows of one usage type and operation give all their prices. */
static const struct product {
	const char *code; /* NULL: S3's or Deep Archive's offer */
	const char *usage, *operation, *unit;
	const char *service, *storage_class;
	enum tier tier;
	enum price_item items[ITEMS_MAX];
	size_t n_items;
} products[] = {
#define S3_BYTES(usage, operation, class, tier)                                         \
	{                                                                               \
		NULL, usage, operation, "GB", "s3", class, tier, { PRICE_RETRIEVAL }, 1 \
	}
#define S3_ASK(usage, operation, class, tier)                          \
	{                                                              \
		NULL, usage, operation, "Requests", "s3", class, tier, \
			{ PRICE_REQUEST }, 1                           \
	}
#define S3_READ(usage, class)                                                 \
	{                                                                     \
		NULL, usage, "GetObject", "Requests", "s3", class, TIER_NONE, \
			{ PRICE_GET, PRICE_HEAD }, 2                          \
	}
#define S3_COPY(class)                                                          \
	{                                                                       \
		"AmazonS3", "TimedStorage-ByteHrs", NULL, "GB-Mo", "s3", class, \
			TIER_NONE, { PRICE_COPY }, 1                            \
	}
#define VAULT(usage, unit, tier, item)                                                  \
	{                                                                               \
		"AmazonGlacier", usage, NULL, unit, "glacier", "VAULT", tier, { item }, \
			1                                                               \
	}
#define OUT(service)                                                                   \
	{                                                                              \
		"AWSDataTransfer", "DataTransfer-Out-Bytes", NULL, "GB", service, "*", \
			TIER_NONE, { PRICE_TRANSFER }, 1                               \
	}
	S3_BYTES("Expedited-Retrieval-Bytes", "RestoreObject", "GLACIER", TIER_EXPEDITED),
	S3_BYTES("Standard-Retrieval-Bytes", "RestoreObject", "GLACIER", TIER_STANDARD),
	S3_BYTES("Bulk-Retrieval-Bytes", "RestoreObject", "GLACIER", TIER_BULK),
	S3_BYTES("Standard-Retrieval-Bytes", "DeepArchiveRestoreObject", "DEEP_ARCHIVE",
		 TIER_STANDARD),
	S3_BYTES("Bulk-Retrieval-Bytes", "DeepArchiveRestoreObject", "DEEP_ARCHIVE",
		 TIER_BULK),
	S3_ASK("Requests-Tier6", "RestoreObject", "GLACIER", TIER_EXPEDITED),
	S3_ASK("Requests-Tier3", "RestoreObject", "GLACIER", TIER_STANDARD),
	S3_ASK("Requests-Tier5", "RestoreObject", "GLACIER", TIER_BULK),
	S3_ASK("Requests-GDA-Tier3", "DeepArchiveRestoreObject", "DEEP_ARCHIVE",
	       TIER_STANDARD),
	S3_ASK("Requests-GDA-Tier5", "DeepArchiveRestoreObject", "DEEP_ARCHIVE",
	       TIER_BULK),
	S3_READ("Requests-GLACIER-Tier2", "GLACIER"),
	S3_READ("Requests-GDA-Tier2", "DEEP_ARCHIVE"),
	S3_READ("Requests-Tier2", "STANDARD"),
	{ "AmazonS3",
	  "Requests-Tier1",
	  "PutObject",
	  "Requests",
	  "s3",
	  "*",
	  TIER_NONE,
	  { PRICE_LIST },
	  1 },
	S3_COPY("GLACIER"),
	S3_COPY("DEEP_ARCHIVE"),
	VAULT("Expedited-Retrieval-Bytes", "GB", TIER_EXPEDITED, PRICE_RETRIEVAL),
	VAULT("Standard-Retrieval-Bytes", "GB", TIER_STANDARD, PRICE_RETRIEVAL),
	VAULT("Bulk-Retrieval-Bytes", "GB", TIER_BULK, PRICE_RETRIEVAL),
	VAULT("Requests-Tier3", "Requests", TIER_EXPEDITED, PRICE_REQUEST),
	VAULT("Requests-Tier1", "Requests", TIER_STANDARD, PRICE_REQUEST),
	VAULT("Requests-Tier2", "Requests", TIER_BULK, PRICE_REQUEST),
	OUT("s3"),
	OUT("glacier"),
};

/* A product that was met, to be found again by its terms. */
struct sku {
	char name[64];
	char region[32];
	const struct product *product;
};

struct offer {
	struct price_table *table;
	const char *region; /* NULL: any */
	struct json_stream *stream;
	char code[64], date[16], version[32];
	struct sku *skus; /* owned */
	size_t n, room;
	size_t n_prices;
	bool is_offer; /* an offer code was seen */
};

static const char *word(struct json_object *o, const char *key)
{
	const char *s = "";

	(void)json_str(o, key, &s);
	return s;
}

/* "USW2-Requests-Tier1" is Requests-Tier1 with its region in front. */
static bool usage_is(const char *usage, const char *want)
{
	size_t prefix = strspn(usage, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	if (streq(usage, want))
		return true;
	return prefix && usage[prefix] == '-' && streq(usage + prefix + 1, want);
}

static bool product_is(const struct product *p, const char *code,
		       struct json_object *attributes)
{
	const char *operation = word(attributes, "operation");
	const char *to = word(attributes, "toLocation");

	if (p->code ? !streq(p->code, code)
		    : !streq(code, "AmazonS3") &&
			      !streq(code, "AmazonS3GlacierDeepArchive"))
		return false;
	/* Requests of a class may be listed for every operation at once. */
	bool is_any = !*operation && p->items[0] >= PRICE_GET;
	if (p->operation && !is_any && !streq(operation, p->operation))
		return false;
	if (p->items[0] == PRICE_TRANSFER && !streq(to, "External"))
		return false;
	return usage_is(word(attributes, "usagetype"), p->usage);
}

static int sku_add(struct offer *o, const char *name, const char *region,
		   const struct product *p)
{
	if (o->n == o->room) {
		size_t room = o->room ? 2 * o->room : 64;
		struct sku *grown = reallocarray(o->skus, room, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		o->skus = grown;
		o->room = room;
	}
	struct sku *s = &o->skus[o->n++];
	snprintf(s->name, sizeof(s->name), "%s", name);
	snprintf(s->region, sizeof(s->region), "%s", region);
	s->product = p;
	return 0;
}

/* What goes into a table's line as it is. */
static bool is_plain(const char *s, size_t most)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "0123456789-_.");

	return len && len <= most && !s[len];
}

static int product_take(struct offer *o, const char *sku, struct json_object *product)
{
	struct json_object *attributes = NULL;
	int r = 0;

	if (json_child(product, "attributes", &attributes) < 0)
		return 0;
	const char *region = word(attributes, "regionCode");
	if (!*region)
		region = word(attributes, "fromRegionCode");
	if (!is_plain(region, 31) || (o->region && !streq(region, o->region)))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(products) && !r; i++)
		if (product_is(&products[i], o->code, attributes))
			r = sku_add(o, sku, region, &products[i]);
	return r;
}

/* ---- terms ---- */

/* One step of one price: `dimension` is its "priceDimensions" member. */
static int step_take(struct offer *o, const struct sku *s, struct json_object *dimension)
{
	const struct product *p = s->product;
	struct json_object *per_unit = NULL;
	struct price_row row = { .tier = p->tier, .basis = BASIS_OFFER };
	int r = 0;

	if (!streq(word(dimension, "unit"), p->unit) ||
	    json_child(dimension, "pricePerUnit", &per_unit) < 0 ||
	    price_parse(word(per_unit, "USD"), &row.price) < 0 ||
	    str_to_u64(word(dimension, "beginRange"), &row.from_gib) < 0)
		return 0;
	bool has_steps = p->items[0] == PRICE_TRANSFER;
	/* Of what gets cheaper by the month's volume but transfer the first step counts, and of
	 * transfer no step that is free: the allowance counts as used up. */
	if ((!has_steps && row.from_gib) || (has_steps && !row.price))
		return 0;
	snprintf(row.region, sizeof(row.region), "%s", s->region);
	snprintf(row.service, sizeof(row.service), "%s", p->service);
	snprintf(row.storage_class, sizeof(row.storage_class), "%s", p->storage_class);
	snprintf(row.date, sizeof(row.date), "%s", o->date);
	snprintf(row.source, sizeof(row.source), "AWS price list %.32s %.31s", o->code,
		 o->version);
	for (size_t i = 0; i < p->n_items && !r; i++) {
		row.item = p->items[i];
		r = price_table_put(o->table, &row);
		o->n_prices++;
	}
	return r;
}

struct taking {
	struct offer *offer;
	const struct sku *sku;
};

static int step_each(void *arg, const char *key, struct json_object *dimension)
{
	struct taking *t = arg;

	return step_take(t->offer, t->sku, dimension);
}

static int term_each(void *arg, const char *key, struct json_object *term)
{
	struct json_object *dimensions = NULL;

	if (json_child(term, "priceDimensions", &dimensions) < 0)
		return 0;
	return json_each(dimensions, step_each, arg);
}

/* `terms`: the SKU's, by rate. */
static int terms_take(struct offer *o, const char *sku, struct json_object *terms)
{
	int r = 0;

	for (size_t i = 0; i < o->n && !r; i++) {
		struct taking t = { o, &o->skus[i] };

		if (streq(o->skus[i].name, sku))
			r = json_each(terms, term_each, &t);
	}
	return r;
}

/* ---- files ---- */

static void head_take(struct offer *o, const char *key, const char *value)
{
	if (!is_plain(value, 63) && !streq(key, "publicationDate"))
		return;
	if (streq(key, "offerCode")) {
		snprintf(o->code, sizeof(o->code), "%s", value);
		o->is_offer = true;
	} else if (streq(key, "version")) {
		snprintf(o->version, sizeof(o->version), "%s", value);
	} else if (streq(key, "publicationDate") && strlen(value) >= 10 &&
		   strspn(value, "0123456789-") >= 10) {
		snprintf(o->date, sizeof(o->date), "%.10s", value);
	}
}

static int member_take(void *arg, const char *path, struct json_object *value)
{
	struct offer *o = arg;
	const char *sku = str_after(path, "products.");

	if (sku)
		return product_take(o, sku, value);
	sku = str_after(path, "terms.OnDemand.");
	if (sku)
		return terms_take(o, sku, value);
	if (json_text(value))
		head_take(o, path, json_text(value));
	return 0;
}

struct offer *offer_new(struct price_table *t, const char *region)
{
	_cleanup_(offer_freep) struct offer *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->table = t;
	o->region = region;
	snprintf(o->date, sizeof(o->date), "0000-00-00");
	o->stream = json_stream_new_map(member_take, o);
	if (!o->stream)
		return NULL;
	json_stream_open(o->stream, "products");
	json_stream_open(o->stream, "terms");
	json_stream_open(o->stream, "terms.OnDemand");
	return steal_ptr(o);
}

void offer_free(struct offer *o)
{
	if (!o)
		return;
	json_stream_free(o->stream);
	free(o->skus);
	free(o);
}

int offer_feed(struct offer *o, const char *data, size_t len)
{
	int r = json_stream_feed(o->stream, data, len);

	return r == -EMSGSIZE ? -EBADMSG : r;
}

int offer_end(struct offer *o, size_t *ret_n)
{
	int r = json_stream_end(o->stream);

	if (r < 0 || !o->is_offer)
		return -EBADMSG;
	*ret_n = o->n_prices;
	return 0;
}

int offer_product(struct price_table *t, const char *region, const char *text, size_t len)
{
	_cleanup_(offer_freep) struct offer *o = offer_new(t, region);
	_cleanup_(json_freep) struct json_object *doc = json_parse(text, len);
	struct json_object *product = NULL, *terms = NULL, *on_demand = NULL;

	if (!o)
		return -ENOMEM;
	if (!doc || json_child(doc, "product", &product) < 0 ||
	    json_child(doc, "terms", &terms) < 0)
		return -EBADMSG;
	head_take(o, "offerCode", word(doc, "serviceCode"));
	head_take(o, "version", word(doc, "version"));
	head_take(o, "publicationDate", word(doc, "publicationDate"));
	int r = product_take(o, "", product);
	if (r < 0 || json_child(terms, "OnDemand", &on_demand) < 0)
		return r;
	return terms_take(o, "", on_demand);
}

int offer_add_free(struct price_table *t, const char *region, const char *date)
{
	static const enum price_item items[] = { PRICE_COPY, PRICE_GET, PRICE_HEAD,
						 PRICE_LIST };
	struct price_row row = { .service = "glacier",
				 .storage_class = "VAULT",
				 .basis = BASIS_PAGE,
				 .source = "a vault charges for none of these" };
	int r = 0;

	snprintf(row.region, sizeof(row.region), "%s", region);
	snprintf(row.date, sizeof(row.date), "%s", date);
	for (size_t i = 0; i < ARRAY_SIZE(items) && !r; i++) {
		row.item = items[i];
		if (row.item == PRICE_LIST)
			snprintf(row.storage_class, sizeof(row.storage_class), "*");
		r = price_table_put(t, &row);
	}
	return r;
}

/* ---- what is missing ---- */

/* What has no tier is named with the first one alone. */
static size_t tariff_missing(const struct tariff *t, const char *class, enum tier tier,
			     bool is_first, struct buf *out)
{
	const struct {
		const char *what;
		price_t price;
	} needs[] = {
		{ "request", t->restore_request }, { "retrieval", t->retrieval_gib },
		{ "copy", t->copy_gib_month },     { "get", t->get_request },
		{ "head", t->head_request },       { "list", t->list_request },
		{ "transfer", t->transfer_gib },
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (needs[i].price != PRICE_UNKNOWN || (i >= 2 && !is_first))
			continue;
		buf_printf(out, "%s%s%s: no price for %s\n", class, i < 2 ? " " : "",
			   i < 2 ? tier_word(tier) : "", needs[i].what);
		n++;
	}
	return n;
}

size_t offer_missing(const struct prices *p, const char *service, const char *region,
		     struct buf *out)
{
	static const char *const classes[][2] = {
		{ "s3", "GLACIER" },
		{ "s3", "DEEP_ARCHIVE" },
		{ "glacier", "VAULT" },
	};
	struct price_cfg cfg = { .service = service, .region = region };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		const struct storage_class *c = storage_class_find(classes[i][1]);
		bool is_first = true;

		for (enum tier t = TIER_EXPEDITED; t <= TIER_BULK; t++) {
			struct tariff tariff;

			if (!streq(classes[i][0], service) || !(c->tiers & (1u << t)))
				continue;
			prices_for(p, &cfg, c->name, t, &tariff);
			n += tariff_missing(&tariff, c->name, t, is_first, out);
			is_first = false;
		}
	}
	return n;
}
