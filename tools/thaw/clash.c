/* SPDX-License-Identifier: Apache-2.0 */
#include "clash.h"

#include "cleanup.h"
#include "str.h"

#include <errno.h>
#include <unicase.h>
#include <uninorm.h>

struct folded {
	char *name; /* owned */
	char *fold; /* owned: what is alike has the same */
	char *form; /* owned: the name in one normal form, its case kept */
};

struct clash_set {
	struct folded *names;
	size_t n, room;
};

struct clash_set *clash_new(void)
{
	return calloc(1, sizeof(struct clash_set));
}

void clash_free(struct clash_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		free(s->names[i].name);
		free(s->names[i].fold);
		free(s->names[i].form);
	}
	free(s->names);
	free(s);
}

/* As a string of ours; a name that is no text stands for itself. */
static char *text_of(uint8_t *made, size_t len, const char *name)
{
	char *text = made ? strndup((const char *)made, len) : strdup(name);

	free(made);
	return text;
}

static char *fold_of(const char *name)
{
	size_t len = 0;
	uint8_t *made = u8_casefold((const uint8_t *)name, strlen(name), NULL,
				    UNINORM_NFC, NULL, &len);

	return text_of(made, len, name);
}

static char *form_of(const char *name)
{
	size_t len = 0;
	uint8_t *made = u8_normalize(UNINORM_NFC, (const uint8_t *)name, strlen(name),
				     NULL, &len);

	return text_of(made, len, name);
}

int clash_add(struct clash_set *s, const char *name)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct folded *names = reallocarray(s->names, room, sizeof(*names));
		if (!names)
			return -ENOMEM;
		s->names = names;
		s->room = room;
	}
	struct folded *f = &s->names[s->n++];
	*f = (struct folded){ strdup(name), fold_of(name), form_of(name) };
	return f->name && f->fold && f->form ? 0 : -ENOMEM;
}

static int fold_order(const void *a, const void *b)
{
	const struct folded *x = a, *y = b;
	int d = strcmp(x->fold, y->fold);

	return d ? d : strcmp(x->name, y->name);
}

/* By what two names that fold alike differ. */
static const char *difference(const struct folded *a, const struct folded *b)
{
	if (streq(a->form, b->form))
		return "form";
	bool is_normal = streq(a->form, a->name) && streq(b->form, b->name);
	return is_normal ? "case" : "case and form";
}

void clash_report(struct clash_set *s, clash_fn tell, void *arg)
{
	const struct folded *first = s->names;

	if (s->n)
		qsort(s->names, s->n, sizeof(*s->names), fold_order);
	for (size_t i = 1; i < s->n; i++) {
		const struct folded *f = &s->names[i];
		if (streq(f->fold, first->fold))
			tell(arg, f->name, first->name, difference(f, first));
		else
			first = f;
	}
}
