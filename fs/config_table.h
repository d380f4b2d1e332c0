/* SPDX-License-Identifier: Apache-2.0 */
/* config_table - the sections of a configuration and their options, for config.c.
 *
 * Thread: as config.h says.
 */
#pragma once

#include "config.h"

/* Sections of which there may be several, each with a name or a path; the first of the schema. */
enum named_section {
	SECTION_SOURCE,
	SECTION_OWNER,
	SECTION_SUBTREE,
	SECTION_BUDGET,
	SECTION_POLICY
};
extern const struct option_schema config_schema;

/* The section of this name, made with its defaults at first use; NULL: bad name or too many. */
void *config_named(struct config *cfg, enum named_section which, const char *name);
