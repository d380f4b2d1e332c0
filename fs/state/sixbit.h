/* SPDX-License-Identifier: Apache-2.0 */
/* sixbit - text of the 64 characters that a vault's ids are made of, in three quarters of its length.
 *
 * They are those of base64url (archive ids have 138: AWS protocol reference §2, 2026-09), with their
 * values in the order of the bytes. What has others is not packed.
 *
 * Thread: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SIXBIT_LEN(text_len) (((text_len)*6 + 7) / 8)

/* Gives SIXBIT_LEN(len), or -EINVAL: it cannot be packed. `ret` has room for three bytes more. */
ssize_t sixbit_pack(const char *text, size_t len, uint8_t *ret);
/* `len` characters, without a NUL; `packed` are SIXBIT_LEN(len) bytes. */
void sixbit_unpack(const uint8_t *packed, size_t len, char *ret);
