/* SPDX-License-Identifier: Apache-2.0 */
/* inventory - the list of a vault's archives, as the service's jobs give it and people save it.
 *
 * JSON, or CSV as in csv.h with columns found by the names in its first line (AWS protocol
 * reference 1.6; 2026-09). Only JSON says which vault it is of, and when it was taken: a CSV file's
 * own time stands for that. A JSON document that ends early is known by its missing end; a CSV
 * file only where it ends inside a line.
 */
#pragma once

#include "catalog.h"

struct json_object;
struct raw;

/* One element of ArchiveList. 0, or -EBADMSG: without id or size, or an id too long. */
int inventory_entry(struct json_object *element, struct listing_entry *ret);

/* The same of one that was taken apart by json_flat(); borrowed. */
struct json_field;
int inventory_raw(const struct json_field *fields, size_t n, struct raw *ret);
/* The same, borrowed from the element. */
int inventory_raw_of(struct json_object *element, struct raw *ret);

/* Reads a saved inventory of the vault with identity namespace `ns` into `im`, and the time it
 * was taken. 0; -EBADMSG (broken, or of another vault), or -errno; always with a line for people
 * in `err` that says where it broke. Reads to the end: not for the engine. */
int inventory_read(int fd, const char *ns, struct import *im, int64_t *ret_taken_ms,
		   struct buf *err);
