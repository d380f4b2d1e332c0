/* SPDX-License-Identifier: Apache-2.0 */
/* tally - how often a word came that others choose: error codes of services. So many words are kept
 * apart, those beyond are one; what would disturb a text is replaced.
 *
 * A plain value. Thread: its owner's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TALLY_MAX 24

struct tally {
	struct tally_row {
		char word[48];
		uint64_t n;
	} rows[TALLY_MAX];
	size_t n;
	uint64_t others;
};

void tally_add(struct tally *t, const char *word);
