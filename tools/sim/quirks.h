/* SPDX-License-Identifier: Apache-2.0 */
/* quirks - what the services' documents leave open, or have answered differently over time:
 * switched over POST /_sim/quirks {"NAME":"WORD" or number}. (AWS protocol reference 8, 9,
 * 2026-09)
 *
 * Thread: any; a change holds for what is asked afterwards. Kept in DIR/quirks.json.
 */
#pragma once

#include "sim.h"

struct json_object;

enum sim_quirk {
	QUIRK_NULL_MEMBERS,    /* 0: written as null, 1: left out */
	QUIRK_TIMESTAMPS,      /* 0: milliseconds, 1: seconds */
	QUIRK_EXTRA_MEMBERS,   /* 1: documents have members nobody knows */
	QUIRK_JOB_ORDER,       /* 0: of submission, 1: shuffled */
	QUIRK_PAGE_SIZE,       /* largest page of a listing; 0: as documented */
	QUIRK_VAULTS_MARKER,   /* 0: the last one given, 1: the next one */
	QUIRK_CAPACITY,        /* of on-demand Expedited; 0: there is some, 1: none */
	QUIRK_CAPACITY_STATUS, /* of InsufficientCapacityException */
	QUIRK_FIRST_INVENTORY, /* a job before there is one; 0: 404, 1: accepted, fails */
	QUIRK_PAST_END,        /* status of an output range past the end */
	QUIRK_BLANKS,    /* around archive descriptions; 0: lost, 1: trailing ones kept */
	QUIRK_CSV_LINES, /* 0: CR LF, 1: LF */
	QUIRK_NO_SERVICE, /* 1: NoLongerSupportedException from every vault operation */
	QUIRK_METADATA,   /* 0: version 1 answers too, 1: version 2 only */
	QUIRK_CREDENTIALS_S, /* how long what is handed out lives; below 900 roles, too */
	QUIRK_RETRY_AFTER,   /* x-amz-retry-after of throttled answers, ms; 0: none */
	QUIRK_S3_EXPIRY,     /* 0: days count from completion, 1: from the request */
	QUIRK_S3_CHECKSUM,   /* 0: uploads without one get a checksum, 1: they get none */
	QUIRK_S3_REDIRECT,   /* a call for another region; 0: 301, 1: 307, 2: 400 */
	QUIRK_S3_DEEP_EXPEDITED, /* on DEEP_ARCHIVE; 0: 400, 1: 403 InvalidTier */
	QUIRK_S3_RANGE_SUM, /* of a range that is a part; 0: none, 1: its, 2: the whole's */
	/* As other services than Amazon's are: */
	QUIRK_S3_CLASSES,        /* 1: COLD_ARCHIVE is a class, too */
	QUIRK_S3_RESTORE_STATUS, /* in listings; 0: if asked for, 1: never */
	QUIRK_S3_CHECKSUMS,      /* of objects, in answers; 0: given, 1: never */
	QUIRKS,
};

int sim_quirks_open(struct sim *sim);
void sim_quirks_close(struct sim *sim);
int64_t sim_quirk(const struct sim *sim, enum sim_quirk q);
/* All of {"NAME":VALUE}, or none: -EINVAL with words in `err`. */
int sim_quirks_set(struct sim *sim, struct json_object *doc, struct buf *err);
int sim_quirks_print(const struct sim *sim, struct buf *out);
