/* SPDX-License-Identifier: Apache-2.0 */
#include "cmdline.h"
#include "lowlevel.h"
#include "str.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>

static const char usage[] =
	"usage: thawfs SOURCE MOUNTPOINT [-f] [-v] [-o WORD,...]\n"
	"Shows cold archives as ordinary files. Reading one asks the service to restore it,\n"
	"which costs money, waits until it is there, and hands over verified bytes.\n"
	"\n"
	"  SOURCE   glacier://REGION/VAULT, s3://BUCKET[/PREFIX], or a configuration file\n"
	"  -f       stay in the foreground, log to stderr\n"
	"  -v       log more; twice: everything\n"
	"  -o WORD  section.key=value: any option of the configuration;\n"
	"           for a single URL source.key=value is enough;\n"
	"           allow_other, default_permissions, nonempty, foreground,\n"
	"           fsname=NAME, and mount(8)'s own\n"
	"  --print-config   the effective values, with what they mean; alone: the defaults\n"
	"  --help, --version\n"
	"\n"
	"Without a [budget NAME], 10 USD a day are allowed, and 5 a user.\n"
	"Unmount: fusermount3 -u MOUNTPOINT, or umount MOUNTPOINT.\n";

/* ---- -o ---- */

static void want_allow_other(struct config *cfg)
{
	cfg->mount.allow_other = true;
}

static void want_default_permissions(struct config *cfg)
{
	cfg->has_default_permissions = true;
}

static void want_noexec(struct config *cfg)
{
	cfg->has_noexec = true;
}

static void want_nonempty(struct config *cfg)
{
	cfg->has_nonempty = true;
}

static void want_foreground(struct config *cfg)
{
	cfg->is_foreground = true;
}

/* mount(8)'s words, and ours. The tree is read-only and without devices and set-uid as it is; requests are
 * writes, so the mount itself is not MS_RDONLY. NULL: nothing to do. */
static const struct word {
	const char *word;
	void (*want)(struct config *cfg);
} words[] = {
	{ "allow_other", want_allow_other },
	{ "default_permissions", want_default_permissions },
	{ "noexec", want_noexec },
	{ "nonempty", want_nonempty },
	{ "foreground", want_foreground },
	{ "ro", NULL },
	{ "rw", NULL },
	{ "dev", NULL },
	{ "nodev", NULL },
	{ "suid", NULL },
	{ "nosuid", NULL },
	{ "exec", NULL },
	{ "auto", NULL },
	{ "noauto", NULL },
	{ "user", NULL },
	{ "nouser", NULL },
	{ "users", NULL },
	{ "nofail", NULL },
	{ "_netdev", NULL },
	{ "defaults", NULL },
	{ "relatime", NULL },
	{ "noatime", NULL },
	{ "async", NULL },
};

static int refuse_word(const char *word, struct buf *err)
{
	const char *all[ARRAY_SIZE(words)];

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		all[i] = words[i].word;
	const char *nearest = str_nearest(word, all, ARRAY_SIZE(all));
	int r = config_refuse(err, "unknown option \"%.100s\"", word);
	if (nearest)
		buf_printf(err, "; did you mean \"%s\"?", nearest);
	return r;
}

/* "source.key=value" of a single URL needs no name. */
static int set_option(struct config *cfg, const char *word, struct buf *err)
{
	const char *key = str_after(word, "source.");
	size_t len = key ? strcspn(key, "=") : 0;
	_free_ char *full = NULL;

	if (!key || !cfg->is_single || memchr(key, '.', len))
		return config_set(cfg, word, err);
	if (asprintf(&full, "source.%s.%s", cfg->sources[0].name, key) < 0)
		return -ENOMEM;
	return config_set(cfg, full, err);
}

static int take_word(struct config *cfg, const char *word, struct buf *err)
{
	const char *fsname = str_after(word, "fsname=");

	if (!*word || str_after(word, "x-") || str_after(word, "X-"))
		return 0;
	if (fsname) {
		free(cfg->fsname);
		cfg->fsname = strdup(fsname);
		return cfg->fsname ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!streq(words[i].word, word))
			continue;
		if (words[i].want)
			words[i].want(cfg);
		return 0;
	}
	if (memchr(word, '.', strcspn(word, "=")))
		return set_option(cfg, word, err);
	return refuse_word(word, err);
}

/* Words between commas; a backslash keeps the comma behind it. */
static int take_words(struct config *cfg, const char *words_arg, struct buf *err)
{
	_free_ char *list = strdup(words_arg);
	char *from = list, *to = list;
	int r = 0;

	if (!list)
		return -ENOMEM;
	for (bool is_end = false; !r && !is_end; from++) {
		if (*from == '\\' && from[1]) {
			*to++ = *++from;
		} else if (*from == ',' || !*from) {
			is_end = !*from;
			*to = '\0';
			r = take_word(cfg, list, err);
			to = list;
		} else {
			*to++ = *from;
		}
	}
	return r;
}

/* ---- SOURCE and MOUNTPOINT ---- */

/* "glacier://us-east-1/photos": photos; "s3://bucket/a/b": bucket. */
static int source_name(const char *url, char ret[64], struct buf *err)
{
	const char *rest = strstr(url, "://") + 3;
	size_t len = strcspn(rest, "/");

	if (str_after(url, "glacier://") && rest[len] == '/') {
		rest += len + 1;
		len = strcspn(rest, "/");
	}
	if (!len || len >= 64)
		return config_refuse(err,
				     "%.200s: cannot name a source after this; write a "
				     "configuration file with [source NAME]",
				     url);
	memcpy(ret, rest, len);
	ret[len] = '\0';
	return 0;
}

static int take_source(struct config *cfg, const char *arg, struct buf *err)
{
	char name[64];

	cfg->source_arg = strdup(arg);
	if (!cfg->source_arg)
		return -ENOMEM;
	if (!strstr(arg, "://")) {
		_free_ char *path = NULL;

		if (*arg == '/' || !cfg->base_dir)
			return config_load(cfg, arg, err);
		if (asprintf(&path, "%s/%s", cfg->base_dir, arg) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		return config_load(cfg, path, err);
	}
	int r = source_name(arg, name, err);
	if (r < 0)
		return r;
	struct source_section *s = config_source(cfg, name);
	if (!s)
		return config_refuse(err, "%.200s: \"%s\" cannot be a name", arg, name);
	cfg->is_single = true;
	s->url = strdup(arg);
	return s->url ? 0 : -ENOMEM;
}

enum { OPT_HELP = 256, OPT_VERSION, OPT_PRINT };

static const struct option longs[] = {
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "print-config", no_argument, NULL, OPT_PRINT },
	{ 0 },
};

struct args {
	const char *words[64]; /* of each -o, borrowed */
	size_t n_words;
	const char *source, *mountpoint;
};

/* mount(8) puts its flags behind the operands: SOURCE MOUNTPOINT -o ... */
static int take_flag(struct config *cfg, struct args *args, int c, enum cmdline_what *ret,
		     struct buf *err)
{
	switch (c) {
	case 'f':
		cfg->is_foreground = true;
		return 0;
	case 'v':
		cfg->verbosity++;
		return 0;
	case 's': /* mount(8): be lenient; n: no mtab; N, t: mount(8)'s own */
	case 'n':
	case 'N':
	case 't':
		return 0;
	case 'o':
		if (args->n_words == ARRAY_SIZE(args->words))
			return config_refuse(err, "too many -o");
		args->words[args->n_words++] = optarg;
		return 0;
	case OPT_HELP:
		*ret = CMDLINE_HELP;
		return 0;
	case OPT_VERSION:
		*ret = CMDLINE_VERSION;
		return 0;
	case OPT_PRINT:
		*ret = CMDLINE_PRINT;
		return 0;
	default:
		return config_refuse(err, "bad option; thawfs --help");
	}
}

static int take_args(int argc, char **argv, struct config *cfg, struct args *args,
		     enum cmdline_what *ret, struct buf *err)
{
	int c, r = 0;

	opterr = 0;
	optind = 1;
	while (!r && (c = getopt_long(argc, argv, "fvsno:t:N:", longs, NULL)) != -1)
		r = take_flag(cfg, args, c, ret, err);
	if (r < 0)
		return r;
	if (optind < argc)
		args->source = argv[optind++];
	if (optind < argc)
		args->mountpoint = argv[optind++];
	return optind < argc ? config_refuse(err, "too many operands; thawfs --help") : 0;
}

/* Of every section there is, also of those that want a name. */
static int print_defaults(struct config *cfg, struct buf *out, struct buf *err)
{
	static const char *const named[] = {
		"mount./PATH.mode=",
		"restore./PATH.days=0",
		"budget.NAME.each=no",
		"policy./PATH.recall=default",
	};
	int r = config_source(cfg, "NAME") ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < ARRAY_SIZE(named); i++)
		r = config_set(cfg, named[i], err);
	if (!r)
		r = config_finish_dirs(cfg);
	return r < 0 ? r : config_print(cfg, out);
}

static int take_all(struct config *cfg, const struct args *args, struct buf *err)
{
	int r = take_source(cfg, args->source, err);

	for (size_t i = 0; !r && i < args->n_words; i++)
		r = take_words(cfg, args->words[i], err);
	return r;
}

int cmdline_read(int argc, char **argv, struct config *cfg, enum cmdline_what *ret,
		 struct buf *ret_text, struct buf *err)
{
	enum cmdline_what what = CMDLINE_MOUNT;
	struct args args = { .n_words = 0 };

	int r = take_args(argc, argv, cfg, &args, &what, err);
	if (r < 0)
		return r;
	*ret = what;
	if (what == CMDLINE_HELP)
		return buf_puts(ret_text, usage);
	if (what == CMDLINE_VERSION)
		return buf_printf(ret_text, "thawfs " THAWFS_VERSION "\nlibfuse %s\n",
				  fuse_pkgversion());
	if (what == CMDLINE_PRINT && !args.source)
		return print_defaults(cfg, ret_text, err);
	if (!args.source || (what == CMDLINE_MOUNT && !args.mountpoint))
		return config_refuse(err,
				     "SOURCE and MOUNTPOINT are needed; thawfs --help");

	r = take_all(cfg, &args, err);
	if (!r)
		r = config_finish(cfg, err);
	if (!r && what == CMDLINE_MOUNT) {
		cfg->mountpoint = strdup(args.mountpoint);
		r = cfg->mountpoint ? 0 : -ENOMEM;
	}
	if (!r && what == CMDLINE_PRINT)
		r = config_print(cfg, ret_text);
	return r;
}

/* Without its end. */
static int read_again(int argc, char **argv, const char *base_dir, struct config **ret,
		      struct buf *err)
{
	_cleanup_(config_freep) struct config *cfg = config_new();
	struct args args = { .n_words = 0 };
	enum cmdline_what what;

	if (!cfg)
		return -ENOMEM;
	cfg->base_dir = base_dir;
	int r = take_args(argc, argv, cfg, &args, &what, err);
	if (!r)
		r = args.source ? take_all(cfg, &args, err) : -EINVAL;
	if (!r)
		*ret = steal_ptr(cfg);
	return r;
}

/* What is of the mount itself, and in no section. */
static int carry_mount(struct config *cfg, const struct config *running)
{
	cfg->mountpoint = strdup(running->mountpoint);
	cfg->is_handed = running->is_handed;
	return cfg->mountpoint ? 0 : -ENOMEM;
}

int cmdline_again(int argc, char **argv, const struct config *running,
		  struct config **ret, struct buf *told, struct buf *err)
{
	_cleanup_(config_freep) struct config *as_written = NULL;
	_cleanup_(config_freep) struct config *cfg = NULL;
	_buf_ struct buf unread;

	buf_init(&unread, BUF_TEXT_MAX);
	/* As it is written: whether a start would take it, and what of it needs one. */
	int r = read_again(argc, argv, running->base_dir, &as_written, err);
	if (!r)
		r = config_finish(as_written, err);
	if (!r)
		r = config_carry(as_written, running, told);
	/* As it can hold now. */
	if (!r)
		r = read_again(argc, argv, running->base_dir, &cfg, err);
	if (!r)
		r = config_carry(cfg, running, &unread);
	if (!r)
		r = config_finish(cfg, err);
	if (!r)
		r = carry_mount(cfg, running);
	if (!r)
		*ret = steal_ptr(cfg);
	return r;
}
