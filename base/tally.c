/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"
#include "str.h"
#include <ctype.h>
#include <stdio.h>

static void word_clean(const char *word, char ret[48])
{
	snprintf(ret, 48, "%s", word);
	for (char *p = ret; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			*p = '_';
}

void tally_add(struct tally *t, const char *word)
{
	char clean[48];
	size_t i = 0;

	word_clean(word, clean);
	while (i < t->n && !streq(t->rows[i].word, clean))
		i++;
	if (i == TALLY_MAX) {
		t->others++;
		return;
	}
	if (i == t->n) {
		memcpy(t->rows[i].word, clean, sizeof(clean));
		t->rows[i].n = 0;
		t->n++;
	}
	t->rows[i].n++;
}
