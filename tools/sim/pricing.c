/* SPDX-License-Identifier: Apache-2.0 */
/* pricing - the price list: bulk offers, not signed, and GetProducts.
 *
 * Offers are files CODE/REGION.json of a directory (--prices), in the shape that AWS publishes;
 * the bill has prices of its own. (AWS protocol reference 5.3, 5.4, 2026-09)
 */
#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <strings.h>

#include "api.h"
#include "io.h"
#include "json.h"
#include "str.h"

#define OFFERS    "/offers/v1.0/aws/"
#define OFFER_MAX ((size_t)64 << 20)
#define PAGE_MAX  100

bool sim_pricing_is_path(const char *path)
{
	return str_after(path, OFFERS);
}

static bool word_is_plain(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/');
}

/* The offer of a code and region, as text. 0 or -errno. */
static int offer_read(const struct sim *sim, const char *code, const char *region,
		      struct buf *out)
{
	char path[512];

	if (!sim->prices_dir || !word_is_plain(code) || !word_is_plain(region))
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/%.60s/%.60s.json", sim->prices_dir, code,
		 region);
	return file_read(AT_FDCWD, path, OFFER_MAX, out);
}

/* Calls `fn` with every file of a directory, without ".json", in their order. */
static void names_each(const char *path, void (*fn)(void *arg, const char *name),
		       void *arg)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char *name = entries[i]->d_name;
		char *dot = strstr(name, ".json");
		if (dot)
			*dot = 0;
		if (*name && *name != '.')
			fn(arg, name);
		free(entries[i]);
	}
	free(entries);
}

struct index {
	struct buf *out;
	const char *code;
	const char *comma;
};

static void code_print(void *arg, const char *name)
{
	struct index *x = arg;

	buf_printf(x->out,
		   "%s\"%s\":{\"offerCode\":\"%s\",\"currentVersionUrl\":\"" OFFERS
		   "%s/current/index.json\",\"currentRegionIndexUrl\":\"" OFFERS
		   "%s/current/region_index.json\"}",
		   x->comma, name, name, name, name);
	x->comma = ",";
}

static void region_print(void *arg, const char *name)
{
	struct index *x = arg;

	buf_printf(x->out,
		   "%s\"%s\":{\"regionCode\":\"%s\",\"currentVersionUrl\":\"" OFFERS
		   "%s/current/%s/index.json\"}",
		   x->comma, name, name, x->code, name);
	x->comma = ",";
}

static void answer_index(struct sim_req *req, struct sim_res *res)
{
	struct index x = { .out = &res->body, .comma = "" };

	buf_puts(&res->body, "{\"formatVersion\":\"v1.0\",\"offers\":{");
	names_each(req->sim->prices_dir, code_print, &x);
	buf_puts(&res->body, "}}");
}

static void answer_regions(struct sim_req *req, struct sim_res *res, const char *code)
{
	struct index x = { .out = &res->body, .code = code, .comma = "" };
	char path[512];

	snprintf(path, sizeof(path), "%s/%.60s", req->sim->prices_dir, code);
	buf_puts(&res->body, "{\"formatVersion\":\"v1.0\",\"regions\":{");
	names_each(path, region_print, &x);
	buf_puts(&res->body, "}}");
}

/* index.json, CODE/current/region_index.json, CODE/current/REGION/index.json */
static void offers_answer(struct sim_req *req, struct sim_res *res)
{
	_free_ char *text = strdup(req->raw_path + strlen(OFFERS));
	char *words[5] = { NULL };
	size_t n = 0;

	for (char *at = text, *word; at && n < 5 && (word = strsep(&at, "/"));)
		words[n++] = word;
	res->status = 200;
	res->content_type = "application/json";
	bool is_there = req->sim->prices_dir;
	if (is_there && n == 1 && streq(words[0], "index.json"))
		answer_index(req, res);
	else if (is_there && n == 3 && word_is_plain(words[0]) &&
		 streq(words[2], "region_index.json"))
		answer_regions(req, res, words[0]);
	else
		is_there = n == 4 && streq(words[3], "index.json") &&
			   offer_read(req->sim, words[0], words[2], &res->body) == 0;
	if (!is_there) {
		res->status = 404;
		buf_reset(&res->body);
		res->content_type = "text/html";
		buf_puts(&res->body, "<html><body>404 Not Found</body></html>");
	}
}

static const char *attribute_of(struct json_object *product, const char *field)
{
	struct json_object *attributes = NULL;

	if (streq(field, "productFamily") || streq(field, "sku"))
		return api_word(product, field);
	if (!json_object_object_get_ex(product, "attributes", &attributes))
		return NULL;
	return api_word(attributes, field);
}

/* Whether `value` is one of the comma list. */
static bool is_among(const char *list, const char *value)
{
	size_t len = strlen(value);

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, ",");
		if (n == len && strncmp(at, value, len) == 0)
			return true;
		at += n + (at[n] == ',');
	}
	return false;
}

static bool filter_passes(struct json_object *filter, struct json_object *product)
{
	const char *type = api_word(filter, "Type");
	const char *field = api_word(filter, "Field");
	const char *want = api_word(filter, "Value");

	if (!field || !want || !type)
		return false;
	if (strcasecmp(field, "ServiceCode") == 0)
		field = "servicecode";
	const char *have = attribute_of(product, field);
	if (!have)
		have = "";
	if (streq(type, "CONTAINS"))
		return strcasestr(have, want);
	if (streq(type, "ANY_OF"))
		return is_among(want, have);
	if (streq(type, "NONE_OF"))
		return !is_among(want, have);
	return strcasecmp(have, want) == 0; /* TERM_MATCH, EQUALS */
}

static bool product_passes(struct json_object *ask, struct json_object *product)
{
	struct json_object *filters = NULL;

	if (!json_object_object_get_ex(ask, "Filters", &filters) ||
	    !json_object_is_type(filters, json_type_array))
		return true;
	for (size_t i = 0; i < json_object_array_length(filters); i++) {
		if (!filter_passes(json_object_array_get_idx(filters, i), product))
			return false;
	}
	return true;
}

static const struct api_list no_lists[] = { { 0 } };

struct search {
	struct sim_req *req;
	struct sim_res *res;
	struct json_object *ask;
	const char *code;
	int64_t skip, max; /* products left to pass over, and to give */
	int64_t given;
	bool is_found, is_more;
};

/* {"product":..,"serviceCode":..,"terms":{"OnDemand":..},"version":..,"publicationDate":..},
 * as a string. */
static void product_print(struct search *s, struct json_object *offer, const char *sku,
			  struct json_object *product)
{
	struct json_object *terms = NULL;
	struct json_object *on_demand = NULL;
	struct json_object *mine = NULL;
	_buf_ struct buf text;

	buf_init(&text, BUF_TEXT_MAX);
	if (!json_object_object_get_ex(offer, "terms", &terms) ||
	    !json_object_object_get_ex(terms, "OnDemand", &on_demand) ||
	    !json_object_object_get_ex(on_demand, sku, &mine))
		return;
	buf_printf(&text, "{\"product\":%s,\"serviceCode\":\"%s\"",
		   json_object_to_json_string(product), s->code);
	buf_printf(&text, ",\"terms\":{\"OnDemand\":%s}",
		   json_object_to_json_string(mine));
	buf_printf(&text, ",\"version\":\"%s\",\"publicationDate\":\"%s\"}",
		   api_word(offer, "version"), api_word(offer, "publicationDate"));
	if (s->given++)
		buf_putc(&s->res->body, ',');
	json_quote(&s->res->body, text.data);
}

static void region_search(void *arg, const char *region)
{
	struct search *s = arg;
	struct json_object *products = NULL;
	_buf_ struct buf text;

	buf_init(&text, OFFER_MAX);
	if (offer_read(s->req->sim, s->code, region, &text) < 0)
		return;
	_cleanup_(json_freep) struct json_object *offer = json_parse(text.data, text.len);
	if (!offer || !json_object_object_get_ex(offer, "products", &products))
		return;
	s->is_found = true;
	json_object_object_foreach (products, sku, product) {
		if (!product_passes(s->ask, product))
			continue;
		s->is_more = s->is_more || s->given == s->max;
		if (s->skip > 0)
			s->skip--;
		else if (s->given < s->max)
			product_print(s, offer, sku, product);
	}
}

static void products_answer(struct sim_req *req, struct sim_res *res)
{
	_cleanup_(json_freep) struct json_object *ask = api_ask(req, no_lists);
	struct search s = { .req = req, .res = res, .ask = ask };
	char dir[512];
	int64_t skip = 0;

	s.code = api_word(ask, "ServiceCode");
	if (!s.code || !word_is_plain(s.code) ||
	    api_number(ask, "MaxResults", PAGE_MAX, &s.max) < 0 || s.max < 1 ||
	    s.max > PAGE_MAX || api_number(ask, "NextToken", 0, &skip) < 0) {
		sim_api_error(req, res, 400, "InvalidParameterException",
			      "ServiceCode, MaxResults or NextToken is not valid");
		return;
	}
	s.skip = skip;
	res->status = 200;
	res->content_type = "application/x-amz-json-1.1";
	buf_puts(&res->body, "{\"FormatVersion\":\"aws_v1\",\"PriceList\":[");
	snprintf(dir, sizeof(dir), "%s/%.60s",
		 req->sim->prices_dir ? req->sim->prices_dir : "", s.code);
	names_each(dir, region_search, &s);
	if (!s.is_found) {
		sim_api_error(req, res, 400, "InvalidParameterException",
			      "The service code is not known");
		return;
	}
	buf_putc(&res->body, ']');
	if (s.is_more)
		buf_printf(&res->body, ",\"NextToken\":\"%d\"", (int)(skip + s.given));
	buf_putc(&res->body, '}');
}

void sim_pricing_route(struct sim_req *req)
{
	if (sim_pricing_is_path(req->raw_path))
		snprintf(req->operation, sizeof(req->operation), "GetOffer");
	else if (streq_ptr(api_action(req), "GetProducts"))
		snprintf(req->operation, sizeof(req->operation), "GetProducts");
	snprintf(req->resource, sizeof(req->resource), "%.300s", req->raw_path);
}

void sim_pricing_handle(struct sim_req *req, struct sim_res *res)
{
	if (sim_pricing_is_path(req->raw_path))
		offers_answer(req, res);
	else if (streq_ptr(api_action(req), "GetProducts"))
		products_answer(req, res);
	else
		sim_api_error(req, res, 400, "UnknownOperationException",
			      "The operation is not known");
}
