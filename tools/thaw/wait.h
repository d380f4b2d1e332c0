/* SPDX-License-Identifier: Apache-2.0 */
/* wait - watches a set of files until all of them are here. */
#pragma once

#include "cli.h"
#include "files.h"

/* Gives an exit status; what happens is printed on the way. */
int wait_for(const struct file_list *l, const struct settings *set);
