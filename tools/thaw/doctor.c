/* SPDX-License-Identifier: Apache-2.0 */
/* thaw doctor - is everything there that a mount needs, and what to do about what is not.
 *
 * Of a configuration file or a URL: as thawfs would find things, started here, with this
 * environment. Of a mount: what its daemon knows, which its administrators may ask. Nothing is
 * changed, nothing is restored, and without --paid no request is made that has a price.
 */
#include "doctor.h"
#include "cli.h"
#include "files.h"
#include "json.h"
#include "show.h"
#include "str.h"
#include <stdio.h>

static const char *const levels[] = { "ok", "warning", "problem" };

static void print_json(const char *subject, const char *of, const struct finding *f)
{
	_buf_ struct buf out;

	buf_init(&out, BUF_TEXT_MAX);
	buf_printf(&out, "{\"level\":\"%s\",\"subject\":", levels[f->level]);
	json_quote(&out, subject);
	json_put(&out, "source", of ? of : "");
	json_put(&out, "text", f->text);
	json_put(&out, "do", f->remedy);
	printf("%s}\n", out.data ? out.data : "");
}

void doctor_say(struct doctor *d, const char *subject, const char *of,
		const struct finding *f)
{
	_free_ char *text = text_safe(f->text), *remedy = text_safe(f->remedy);

	d->problems += f->level == LEVEL_PROBLEM;
	d->warnings += f->level == LEVEL_WARNING;
	if (d->is_json)
		print_json(subject, of, f);
	else
		printf("%-8s %s%s%s: %s%s%s\n", levels[f->level], subject,
		       of ? " of " : "", of ? of : "", text ? text : "?",
		       f->remedy[0] ? ". " : "", remedy ? remedy : "?");
	fflush(stdout); /* the next one may take a while */
}

static void say_config(struct doctor *d, enum level level, const char *remedy,
		       const char *text)
{
	struct finding f;

	finding_set(&f, level, remedy, "%s", text);
	doctor_say(d, "configuration", NULL, &f);
}

/* Without a configuration there is still the machine. */
static void config_failed(struct doctor *d, int r, const struct buf *err)
{
	_free_ char *line =
		err->len ? strndup(err->data, strcspn(err->data, "\n")) : NULL;

	if (r == -EINVAL)
		say_config(d, LEVEL_PROBLEM, "", line ? line : "refused");
	else
		say_config(d, LEVEL_PROBLEM,
			   "Install thawfs beside thaw, or put it on the PATH.",
			   "thawfs cannot be run");
	doctor_host(d);
}

static void examine_config(struct doctor *d, const char *source)
{
	_buf_ struct buf err;

	buf_init(&err, BUF_TEXT_MAX);
	int r = setup_read(source, d->setup, &err);
	if (r < 0) {
		config_failed(d, r, &err);
		return;
	}
	say_config(d, LEVEL_OK, "", source);
	doctor_host(d);
	doctor_places(d);
	doctor_prices(d);
	doctor_sources(d);
}

/* Shortens `dir` to the mount's root: there only .thaw/metrics is. */
static bool root_find(char *dir)
{
	while (dir_is_ours(dir)) {
		_free_ char *path = NULL;
		if (asprintf(&path, "%s/.thaw/metrics", dir) < 0) {
			path = NULL;
			return false;
		}
		if (access(path, F_OK) == 0)
			return true;
		char *slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return false;
		*slash = '\0';
	}
	return false;
}

static void examine_mount(struct doctor *d, char *dir)
{
	if (!root_find(dir)) {
		say_config(d, LEVEL_PROBLEM, "", "the root of the mount cannot be found");
		return;
	}
	int r = setup_read_mount(dir, d->setup);
	if (r == -EACCES || r == -EPERM) {
		say_config(d, LEVEL_WARNING, "Ask one of them.",
			   "only the mount's administrators may see it");
		doctor_host(d);
		return;
	}
	if (r < 0) {
		say_config(d, LEVEL_PROBLEM, "", strerrordesc_np(-r));
		return;
	}
	say_config(d, LEVEL_OK, "", "as the daemon has it (.thaw/config)");
	doctor_host(d);
	doctor_places(d);
	doctor_prices(d);
	doctor_mount(d, dir);
}

int doctor_run(const struct settings *set, char **paths, size_t n)
{
	_setup_ struct setup setup = { 0 };
	struct doctor d = { .is_json = set->is_json,
			    .may_pay = set->is_paid,
			    .setup = &setup };
	_free_ char *real = realpath(paths[0], NULL);

	(void)n;
	if (real && dir_is_ours(real))
		examine_mount(&d, real);
	else
		examine_config(&d, paths[0]);
	if (!d.is_json)
		printf("\n%d problem%s, %d warning%s\n", d.problems,
		       d.problems == 1 ? "" : "s", d.warnings,
		       d.warnings == 1 ? "" : "s");
	return d.problems ? EXIT_FAILED : EXIT_DONE;
}
