/* SPDX-License-Identifier: Apache-2.0 */
#include "consent.h"

#include "cleanup.h"
#include "plan_ask.h"
#include "show.h"
#include "str.h"

#include <stdio.h>
#include <unistd.h>

bool consent_is_wanted(const struct settings *set)
{
	return !set->is_yes && !set->is_json && is_terminal(STDIN_FILENO) &&
	       is_terminal(STDOUT_FILENO);
}

/* What is wrong with a path has been said by whoever walked there. False: no such plan. */
static bool plans_show(struct questions *qs, char **paths, size_t n, struct plan_sum *sum)
{
	for (size_t i = 0; i < n; i++)
		if (questions_add(qs, paths[i]) < 0)
			return false;
	for (struct question *q = qs->first; q; q = q->next) {
		_buf_ struct buf answer;

		buf_init(&answer, PLAN_ANSWER_MAX);
		if (question_ask(q, &answer) < 0)
			return false;
		_cleanup_(json_freep) struct json_object *doc =
			json_parse(answer.data, answer.len);
		if (!doc)
			return false;
		plan_brief(q->root, doc, sum);
	}
	return qs->first != NULL;
}

bool consent_yes(void)
{
	_free_ char *line = NULL;
	size_t room = 0;

	fflush(stdout);
	ssize_t len = getline(&line, &room, stdin);
	if (len < 0)
		putchar('\n'); /* Ctrl-D: the shell's prompt has a line of its own */
	else
		line[strcspn(line, "\n")] = '\0';
	return len > 0 && (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0);
}

bool consent_ask(const struct settings *set, char **paths, size_t n,
		 const struct plan_sum *own)
{
	_questions_ struct questions qs = { .set = set, .is_quiet = true };
	struct plan_sum sum = { .files = 0 };
	char size[24], cost[48];
	bool is_planned =
		!set->is_retry && !set->range && plans_show(&qs, paths, n, &sum);

	if (!is_planned)
		sum = *own;
	if (!sum.files)
		return true; /* nothing to pay, and what there is to say is said */
	size_words(sum.bytes, size);
	money_words(sum.cost, cost);
	if (sum.is_refused)
		puts("not all of it would be let through");
	printf("ask for %llu file%s, %s, %s%s USD? [y/N] ", (unsigned long long)sum.files,
	       sum.files == 1 ? "" : "s", size, is_planned ? "" : "at most about ", cost);
	if (consent_yes())
		return true;
	puts("nothing was asked for");
	return false;
}
