/* SPDX-License-Identifier: Apache-2.0 */
/* thaw completion - what a shell offers behind `thaw`, made of the tables that help is made of: so it
 * cannot name what there is not. */
#include "cleanup.h"
#include "cli.h"
#include "str.h"

#include <stdio.h>

/* `s` inside single quotes; what is in `special` gets a backslash. */
static void quoted_put(const char *s, const char *special, const char *quote)
{
	for (; *s; s++) {
		if (*s == '\'') {
			fputs(quote, stdout);
			continue;
		}
		if (strchr(special, *s))
			putchar('\\');
		putchar(*s);
	}
}

/* What is offered for the value of an option; of what is not here a shell offers files or nothing. */
static const struct {
	char letter;
	const char *words;
} values[] = {
	{ 't', "expedited standard bulk" },
	{ 'k', "group user project source tier program account job" },
	{ 'S',
	  "cold held requested restoring ready fetching partial cached failed denied lost "
	  "online" },
};

static const char *value_words(const struct cli_flag *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (values[i].letter == f->letter)
			return values[i].words;
	return NULL;
}

static bool is_file(const struct cli_flag *f)
{
	return f->value && (streq(f->value, "FILE") || streq(f->value, "FILE.csv") ||
			    streq(f->value, "LIST") || streq(f->value, "DIR"));
}

/* What has no options of its own. */
#define SHELLS "bash zsh fish"

static void verbs_put(const struct verb *verbs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? " " : "", verbs[i].name);
}

/* ---- bash ---- */

static void bash_values(void *arg, const struct cli_flag *f)
{
	const struct verb *verb = arg;
	const char *words = value_words(f);

	if (words)
		printf("\t%s:--%s:*|%s:-%c:*) words='%s' ;;\n", verb->name, f->name,
		       verb->name, f->letter, words);
}

static void bash_flag(void *arg, const struct cli_flag *f)
{
	(void)arg;
	printf("--%s ", f->name);
}

/* A "=" is a word to bash. */
static void bash_put(const struct verb *verbs, size_t n)
{
	fputs("# bash completion of thaw: made by `thaw completion bash`\n"
	      "_thaw() {\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	      "\t[ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	      "\t[ \"$cur\" = = ] && cur=\n"
	      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords='",
	      stdout);
	verbs_put(verbs, n);
	fputs(" help completion --help --version'\n"
	      "\telse case ${COMP_WORDS[1]}:$prev:$cur in\n"
	      "\thelp:*) words='",
	      stdout);
	verbs_put(verbs, n);
	fputs("' ;;\n\tcompletion:*) words='" SHELLS "' ;;\n", stdout);
	for (size_t i = 0; i < n; i++)
		cli_each_flag(&verbs[i], bash_values, (void *)(uintptr_t)&verbs[i]);
	for (size_t i = 0; i < n; i++) {
		printf("\t%s:*:-*) words='", verbs[i].name);
		cli_each_flag(&verbs[i], bash_flag, NULL);
		fputs("' ;;\n", stdout);
	}
	/* Nothing of ours: files, by -o default. */
	fputs("\tesac; fi\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "}\n"
	      "complete -o default -F _thaw thaw\n",
	      stdout);
}

/* ---- zsh ---- */

#define ZSH_SPECIAL "\\[]:"

static void zsh_flag(void *arg, const struct cli_flag *f)
{
	const char *words = value_words(f);

	(void)arg;
	printf(" \\\n\t\t\t'--%s%s[", f->name, f->value ? "=" : "");
	quoted_put(f->help, ZSH_SPECIAL, "'\\''");
	putchar(']');
	if (f->value) {
		putchar(':');
		quoted_put(f->value, ZSH_SPECIAL, "'\\''");
		if (words)
			printf(":(%s)", words);
		else
			fputs(is_file(f) ? ":_files" : ":", stdout);
	}
	putchar('\'');
}

static void zsh_put(const struct verb *verbs, size_t n)
{
	fputs("#compdef thaw\n"
	      "# zsh completion of thaw: made by `thaw completion zsh`\n"
	      "_thaw() {\n"
	      "\tlocal -a verbs=(\n",
	      stdout);
	for (size_t i = 0; i < n; i++) {
		printf("\t\t'%s:", verbs[i].name);
		quoted_put(verbs[i].help, "\\", "'\\''");
		fputs("'\n", stdout);
	}
	fputs("\t\t'help:the help of a verb'\n"
	      "\t\t'completion:what a shell is to read for Tab'\n"
	      "\t)\n"
	      "\tif (( CURRENT == 2 )); then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n"
	      "\twords=(\"${words[2,-1][@]}\")\n\t(( CURRENT-- ))\n"
	      "\tcase $words[1] in\n"
	      "\thelp) _describe verb verbs ;;\n"
	      "\tcompletion) _values shell " SHELLS " ;;\n",
	      stdout);
	for (size_t i = 0; i < n; i++) {
		printf("\t%s)\n\t\t_arguments", verbs[i].name);
		cli_each_flag(&verbs[i], zsh_flag, NULL);
		fputs(" \\\n\t\t\t'*:file:_files' ;;\n", stdout);
	}
	fputs("\tesac\n}\n_thaw \"$@\"\n", stdout);
}

/* ---- fish ---- */

static void fish_flag(void *arg, const struct cli_flag *f)
{
	const struct verb *verb = arg;
	const char *words = value_words(f);

	printf("complete -c thaw -n '__fish_seen_subcommand_from %s'", verb->name);
	if (f->letter)
		printf(" -s %c", f->letter);
	printf(" -l %s%s", f->name, !f->value ? "" : is_file(f) ? " -r" : " -x");
	if (words)
		printf(" -a '%s'", words);
	fputs(" -d '", stdout);
	quoted_put(f->help, "\\", "\\'");
	fputs("'\n", stdout);
}

static void fish_put(const struct verb *verbs, size_t n)
{
	fputs("# fish completion of thaw: made by `thaw completion fish`\n"
	      "complete -c thaw -n __fish_use_subcommand -f -a 'help completion'\n"
	      "complete -c thaw -n '__fish_seen_subcommand_from completion' -f -a '" SHELLS
	      "'\n"
	      "complete -c thaw -n '__fish_seen_subcommand_from help' -f -a '",
	      stdout);
	verbs_put(verbs, n);
	fputs("'\n", stdout);
	for (size_t i = 0; i < n; i++) {
		printf("complete -c thaw -n __fish_use_subcommand -a %s -d '",
		       verbs[i].name);
		quoted_put(verbs[i].help, "\\", "\\'");
		fputs("'\n", stdout);
		cli_each_flag(&verbs[i], fish_flag, (void *)(uintptr_t)&verbs[i]);
	}
}

int completion_print(const char *shell, const struct verb *verbs, size_t n)
{
	static const struct {
		const char *name;
		void (*put)(const struct verb *verbs, size_t n);
	} shells[] = { { "bash", bash_put }, { "zsh", zsh_put }, { "fish", fish_put } };

	for (size_t i = 0; shell && i < ARRAY_SIZE(shells); i++)
		if (streq(shells[i].name, shell)) {
			shells[i].put(verbs, n);
			return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
		}
	fputs("usage: thaw completion bash|zsh|fish\n", stderr);
	return EXIT_USAGE;
}
