/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_share - a plan as a file, and the share of it that is one partition's.
 *
 * A plan lists every archive in order of creation, with its key. Partitions read the same file, so each knows
 * by itself which archives are its own; the rows of its state are these, and no others.
 *
 * docs/FORMAT.md, "The plan of a transfer", has the lines.
 */
#pragma once

#include "transfer.h"

/* Writes what the state has under `path`, durable on return. A plan that is there stays: partitions may be
 * using it. The same one is as good. Gives an exit status, after a line on stderr where it is not done. */
int transfer_plan_write(const struct transfer *t, const char *path);

/* Reads t->options.partition's share of the plan into t->share. Gives an exit status, after a line on
 * stderr: the plan is none, is cut off, or is of another transfer. */
int transfer_share_read(struct transfer *t, const char *path);
/* Without a plan: of one that is made of what is listed, once, and kept in the state directory. */
int transfer_share_make(struct transfer *t);
void transfer_share_free(struct share *s);

/* SHA-256 of the plan, in hexadecimal. Borrowed. */
const char *transfer_share_plan(const struct share *s);
/* Whether a listed archive is in the share. If so it gets the plan's key, and is settled where the plan
 * leaves it out or knows it with another size. 1, 0 or -errno. */
int transfer_share_take(struct share *s, struct archive *a);
/* What was not listed is told, and settled as failed. 0 or -errno. */
int transfer_share_settle(struct transfer *t);
