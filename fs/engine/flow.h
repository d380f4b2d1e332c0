/* SPDX-License-Identifier: Apache-2.0 */
/* flow - how fast a source sends, and how much of it to keep under way. Pure.
 *
 * By Little's law what keeps a road full is its rate times the time a range is on it. The rate is
 * the best that all ranges of the source together have shown of late; the time that of a range with
 * a connection for itself: until its first byte, and then at the best a connection has done. Where
 * the road is what limits, that is rate times delay and one range; where the service limits each
 * connection it is as many as there are connections now. Twice that is kept under way, so that it
 * grows for as long as more brings more, and no connection's delay leaves the road empty.
 */
#pragma once

#include <stdint.h>

struct flow {
	double all; /* bytes a millisecond, of all ranges together; 0: nothing known */
	double one; /* likewise, of one connection */
	double first_ms; /* from asking to the first byte */
};

/* A range that has come whole. */
struct flow_sample {
	uint64_t len;
	int64_t first_ms, last_ms; /* from asking to its first byte, and to its last */
	uint64_t came;             /* bytes of all ranges of the source meanwhile */
};

/* Takes no notice of small ones: they tell of the delay, not of the rate. */
void flow_hear(struct flow *f, const struct flow_sample *s);

/* Bytes to have under way at the source, for all its files, in ranges of `range` bytes. */
uint64_t flow_window(const struct flow *f, uint64_t range);
