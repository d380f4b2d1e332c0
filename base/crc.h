/* SPDX-License-Identifier: Apache-2.0 */
/* crc - CRC-32, CRC-32C and CRC-64/NVME, as fast as the processor can.
 *
 * All three are reflected, begin and end with all bits set. Where the processor multiplies without
 * carry (PCLMULQDQ) 64 bytes are folded at a time; CRC-32C of short data takes the SSE 4.2
 * instruction; everything else, and every other processor, eight bytes at a time from tables.
 * What the processor has is asked when the first value is computed. All ways give the same value,
 * which the unit test holds against the definition, bit by bit.
 *
 * Polynomials: CRC-32 from RFC 1952, 8; CRC-32C from RFC 3720, B.4; CRC-64/NVME from the NVM
 * Express NVM command set specification 1.0, 5.2.1.3.4, and AWS protocol reference 2.4, 2026-09.
 * Folding: Gopal et al., "Fast CRC computation for generic polynomials using PCLMULQDQ", Intel,
 * 2009. Its constants are computed from the polynomial, not typed.
 *
 * Thread: any.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum crc_kind {
	CRC_32,
	CRC_32C,
	CRC_64NVME,
	CRC_KINDS,
};

/* The ways to compute them, for tests and benchmarks. */
enum crc_way {
	CRC_BEST,
	CRC_TABLES,
	CRC_FOLDED,      /* PCLMULQDQ */
	CRC_INSTRUCTION, /* SSE 4.2, CRC-32C only */
};

/* Start with 0, go on with what it gave. */
uint64_t crc_add(enum crc_kind kind, uint64_t crc, const void *data, size_t len);
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The CRC of two runs of bytes in one, from that of each and the length of the second. */
uint64_t crc_join(enum crc_kind kind, uint64_t first, uint64_t second,
		  uint64_t second_len);

/* crc_add() in one way; a way this processor or this kind has not is the tables. */
uint64_t crc_add_by(enum crc_way way, enum crc_kind kind, uint64_t crc, const void *data,
		    size_t len);
