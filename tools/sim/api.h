/* SPDX-License-Identifier: Apache-2.0 */
/* api - what the services of few words (queues, topics, credentials) have in common: asks and
 * answers in the JSON and the query protocol. (AWS protocol reference 3.4, 4.4, 2026-09)
 */
#pragma once

#include "server.h"

/* How a member of the query protocol ("Name.1", "Name.1.Member") is called in JSON. */
struct api_list {
	const char *query, *json;
	bool is_map; /* Name.1.Name, Name.1.Value: members of an object */
};

/* What is asked, as one JSON object whatever the protocol; `lists` ends with a NULL name. The
 * caller frees; NULL: not JSON, or out of memory. */
struct json_object *api_ask(const struct sim_req *req, const struct api_list *lists);
/* Borrowed; NULL if absent or no string. */
const char *api_word(struct json_object *ask, const char *key);
/* A number, also where it is a string; `fallback` if absent; -EINVAL if it is neither. */
int api_number(struct json_object *ask, const char *key, int64_t fallback, int64_t *ret);

/* The operation: the target header's word behind the dot, or the form's Action; NULL: none. */
const char *api_action(const struct sim_req *req);

struct api_out {
	const struct sim_req *req;
	struct buf *out;
	const char *action;
	bool is_json;
};

void api_begin(struct sim_req *req, struct sim_res *res, const char *xmlns,
	       struct api_out *ret);
void api_end(struct api_out *o);
void api_str(struct api_out *o, const char *name, const char *value);
/* "name":{...} or <name>...</name> */
void api_open(struct api_out *o, const char *name);
void api_close(struct api_out *o, const char *name);
/* "name":[...], in XML nothing; each element between api_item() and its end. */
void api_list_begin(struct api_out *o, const char *name);
void api_list_end(struct api_out *o);
void api_item(struct api_out *o, const char *xml_name);
void api_item_end(struct api_out *o, const char *xml_name);
/* An element that is a string. */
void api_item_str(struct api_out *o, const char *xml_name, const char *value);
/* "name":"value" inside api_map_begin(), or <xml_name><Name/><Value/></xml_name>. */
void api_map_begin(struct api_out *o, const char *name);
void api_map_str(struct api_out *o, const char *xml_name, const char *name,
		 const char *value);
void api_map_end(struct api_out *o);

void xml_escape(struct buf *out, const char *text);
