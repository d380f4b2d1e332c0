/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"
#include "io.h"
#include "log.h"
#include "lowlevel.h"
#include "ops.h"
#include "str.h"
#include <fcntl.h>
#include <fuse_log.h>
#include <stdio.h>

/* What libfuse said last: the reason when it gives none. Main thread, at start. */
static char last_words[256];

static void on_fuse_log(enum fuse_log_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
static void on_fuse_log(enum fuse_log_level level, const char *fmt, va_list args)
{
	char text[sizeof(last_words)];

	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	if (level > FUSE_LOG_WARNING) {
		log_debug("libfuse: %s", text);
		return;
	}
	memcpy(last_words, text, sizeof(text));
	log_info("libfuse: %s", text);
}

/* A comma in a value ends it, unless a backslash says otherwise. */
static int add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == ',' || *s == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *s);
	}
	return out->err;
}

static int make_options(const struct config *cfg, struct buf *out)
{
	buf_puts(out, "subtype=thawfs,nodev,nosuid");
	if (cfg->mount.allow_other)
		buf_puts(out, ",allow_other");
	if (cfg->mount.allow_other || cfg->has_default_permissions)
		buf_puts(out, ",default_permissions");
	if (cfg->has_noexec)
		buf_puts(out, ",noexec");
	buf_puts(out, ",fsname=");
	return add_escaped(out, cfg->fsname ? cfg->fsname : cfg->source_arg);
}

int session_new(struct mount *m, struct fuse_session **ret, struct buf *err)
{
	_buf_ struct buf options;
	char program[] = "thawfs", flag[] = "-o";

	buf_init(&options, BUF_TEXT_MAX);
	int r = make_options(m->cfg, &options);
	if (r < 0)
		return r;
	fuse_set_log_func(on_fuse_log);
	char *argv[] = { program, flag, options.data, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *se = fuse_session_new(&args, &ops, sizeof(ops), m);
	fuse_opt_free_args(&args);
	if (!se) {
		buf_printf(err, "libfuse refuses: %s", last_words);
		return -EPROTO;
	}
	if (fuse_session_mount(se, m->cfg->mountpoint) < 0) {
		fuse_session_destroy(se);
		buf_printf(err, "cannot mount at %s: %s", m->cfg->mountpoint, last_words);
		return -EIO;
	}
	m->fuse_fd = fuse_session_fd(se);
	*ret = se;
	return 0;
}

void session_free(struct fuse_session *se)
{
	if (!se)
		return;
	fuse_session_unmount(se);
	fuse_session_destroy(se);
}

void session_check_kernel(void)
{
	static const char *const names[] = { "default_request_timeout",
					     "max_request_timeout" };

	_close_ int dir = open("/proc/sys/fs/fuse", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; dir >= 0 && i < ARRAY_SIZE(names); i++) {
		_buf_ struct buf value;
		buf_init(&value, BUF_TEXT_MAX);
		if (file_read(dir, names[i], 64, &value) < 0)
			continue;
		value.data[strcspn(value.data, "\n")] = '\0';
		if (!streq(value.data, "0"))
			log_warning(
				"fs.fuse.%s=%s: the kernel will abort this mount once "
				"a read has waited that long; set it to 0, going on",
				names[i], value.data);
	}
}
