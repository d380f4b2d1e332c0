/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer_counts.h"

#include "str.h"

#include <stdio.h>

const char *transfer_step_word(enum transfer_step step)
{
	static const char *const words[COUNTS] = {
		[COUNT_REQUESTED] = "requested",   [COUNT_STAGED] = "staged",
		[COUNT_DOWNLOADED] = "downloaded", [COUNT_VALIDATED] = "validated",
		[COUNT_THROTTLED] = "throttled",
	};

	return words[step];
}

void transfer_count(struct transfer_counts *c, enum transfer_step step, uint64_t archives,
		    uint64_t bytes)
{
	c->n[step].archives += archives;
	c->n[step].bytes += bytes;
}

void transfer_count_copied(struct transfer_counts *c, const struct copy *copy, int result,
			   enum copy_found found)
{
	const struct archive *a = &copy->archive;
	bool is_copied = result == 0 && found == FOUND_NOTHING;

	/* -EBADMSG: it was read to the end, and is another. */
	transfer_count(c, COUNT_DOWNLOADED, is_copied || result == -EBADMSG,
		       atomic_load(&copy->sent_bytes));
	if (is_copied && a->has_tree_hash)
		transfer_count(c, COUNT_VALIDATED, 1, a->size_bytes);
	if (result == -EAGAIN)
		transfer_count(c, COUNT_THROTTLED, 1, a->size_bytes);
}

static void names_make(size_t step, char archives[40], char bytes[40])
{
	const char *word = transfer_step_word((enum transfer_step)step);

	snprintf(archives, 40, "count.%s", word);
	snprintf(bytes, 40, "bytes.%s", word);
}

int transfer_counts_load(struct transfer_counts *c, struct transfer_state *s)
{
	int r = 0;

	for (size_t i = 0; i < COUNTS && r == 0; i++) {
		char archives[40], bytes[40];

		names_make(i, archives, bytes);
		r = transfer_state_number(s, archives, 0, &c->n[i].archives);
		if (r == 0)
			r = transfer_state_number(s, bytes, 0, &c->n[i].bytes);
	}
	return r;
}

int transfer_counts_save(const struct transfer_counts *c, struct transfer_state *s)
{
	int r = 0;

	for (size_t i = 0; i < COUNTS && r == 0; i++) {
		char archives[40], bytes[40];

		names_make(i, archives, bytes);
		r = transfer_state_set_number(s, archives, c->n[i].archives);
		if (r == 0)
			r = transfer_state_set_number(s, bytes, c->n[i].bytes);
	}
	return r;
}
