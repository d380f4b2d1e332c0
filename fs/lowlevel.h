/* SPDX-License-Identifier: Apache-2.0 */
/* lowlevel - the one way libfuse is included.
 *
 * Version 35 of the interface: libfuse 3.5 up to today's offer it, and nothing newer is used but
 * what is found by its own macro.
 */
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>
