/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_differ - what is at the destination beside what was stored there. Pure. */
#pragma once

#include "buf.h"
#include "transfer_state.h"

/* Size, ETag, checksum and metadata of an object that is done. False: nothing differs; else `out` gets in words
 * what does. The storage class may have been changed by a rule of the bucket: it is not looked at. */
bool transfer_differs(const struct archive *a, const struct upload_object *o,
		      const struct upload_head *h, struct buf *out);
