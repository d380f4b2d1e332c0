/* SPDX-License-Identifier: Apache-2.0 */
/* thaw plan - what asking would cost, take and be refused, without asking: the daemon's answer as a table,
 * or as it is. */
#include "cleanup.h"
#include "files.h"
#include "json.h"
#include "plan_ask.h"
#include "plan_show.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void missing_say(struct questions *qs, struct json_object *missing)
{
	struct json_object *names = NULL;
	size_t n = 0;

	(void)json_array(missing, "names", &names, &n);
	for (size_t i = 0; i < n; i++)
		question_say(qs, json_text(json_at(names, i)), "no such file");
}

static const char *error_words(int r)
{
	switch (-r) {
	case 0:
		return "the mount's answer is not understood";
	case EINVAL:
		return "the mount does not take this tier or number of days";
	case ENOTSUP:
		return "seen here through another file system, which hands on no questions: "
		       "plan where the mount is";
	default:
		return files_error(r);
	}
}

static void question_show(struct questions *qs, const struct question *q)
{
	struct json_object *missing;
	_buf_ struct buf answer;

	buf_init(&answer, PLAN_ANSWER_MAX);
	int r = question_ask(q, &answer);
	_cleanup_(json_freep) struct json_object *doc =
		r < 0 ? NULL : json_parse(answer.data, answer.len);
	if (!doc) {
		question_say(qs, q->root, error_words(r));
		if (r == -EAGAIN)
			qs->status = EXIT_NOT_YET;
		return;
	}
	if (qs->set->is_json)
		fputs(answer.data, stdout);
	else
		plan_print(qs->set, q->root, doc);
	if (json_child(doc, "missing", &missing) == 0)
		missing_say(qs, missing);
	if (plan_is_refused(doc))
		qs->status = status_worse(qs->status, EXIT_REFUSED);
}

int plan_run(const struct settings *set, char **paths, size_t n)
{
	_questions_ struct questions qs = { .set = set };
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = questions_add(&qs, paths[i]);
	if (!r && set->files_from)
		r = questions_add_list(&qs, set->files_from);
	for (struct question *q = qs.first; q && !r; q = q->next)
		question_show(&qs, q);
	if (r < 0) {
		fprintf(stderr, "thaw: %s\n", strerror(-r));
		return EXIT_FAILED;
	}
	return qs.status;
}
