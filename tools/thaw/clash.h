/* SPDX-License-Identifier: Apache-2.0 */
/* clash - names of one directory that another system would take for one: they differ by case only
 * (Samba, macOS, Windows), or by how Unicode writes them (an e with its accent, as one character or
 * as two: macOS). Here they are different files, and nothing is renamed.
 *
 * Folding and normal forms are libunistring's.
 */
#pragma once

struct clash_set; /* opaque: the names of one directory */

/* NULL when out of memory. */
struct clash_set *clash_new(void);
void clash_free(struct clash_set *s);
/* 0 or -ENOMEM. */
int clash_add(struct clash_set *s, const char *name);

/* `name` is like `other`, and differs by `why`: "case", "form" or "case and form". */
typedef void (*clash_fn)(void *arg, const char *name, const char *other, const char *why);
/* Tells each name that is like an earlier one, the first in order of bytes. */
void clash_report(struct clash_set *s, clash_fn tell, void *arg);
