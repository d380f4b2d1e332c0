/* SPDX-License-Identifier: Apache-2.0 */
/* cmdline - `thawfs SOURCE MOUNTPOINT [-f] [-o word,...]`, also as mount(8) calls a helper.
 *
 * Thread: the main thread.
 */
#pragma once

#include "config.h"

enum cmdline_what {
	CMDLINE_MOUNT,
	CMDLINE_PRINT,   /* --print-config */
	CMDLINE_HELP,    /* --help: the text is in `ret_text` */
	CMDLINE_VERSION, /* --version: likewise */
};

/* Reads everything into `cfg`, finished. 0 and what is to be done, or -EINVAL (bad usage, bad
 * option), -ENOENT (no such file), -errno, with a line for people in `err`. */
int cmdline_read(int argc, char **argv, struct config *cfg, enum cmdline_what *ret,
		 struct buf *ret_text, struct buf *err);

/* The same words once more, for what runs with `running`: the file is read again. Gives what may hold from
 * now on, whole and checked, with what needs a restart as it was; that is named in `told`, a line each.
 * 0, or -errno with a line for people in `err`. */
int cmdline_again(int argc, char **argv, const struct config *running,
		  struct config **ret, struct buf *told, struct buf *err);
