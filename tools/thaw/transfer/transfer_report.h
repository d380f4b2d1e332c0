/* SPDX-License-Identifier: Apache-2.0 */
/* transfer_report - what a transfer has come to, as files in a directory, each whole or not at all.
 *
 *	report.csv, failed.csv  an archive a line: all of them; those that have failed
 *	report.json             the sums and how to go on (docs/JSON.md, "transfer --merge")
 *	report.html             the same for people
 *	transfer.prom           the sums, for the textfile collector of node_exporter
 */
#pragma once

#include "transfer.h"

/* All of them. 0, or -errno after a line on stderr. */
int transfer_report_write(struct transfer *t);
/* transfer.prom alone, while it runs: anew once a minute. What goes wrong is told at the end. */
void transfer_report_refresh(struct transfer *t);
/* --merge: adds up what is in the directories that are named, shows it, and writes it where --report says. Gives
 * an exit status. */
int transfer_report_merge(const struct transfer_options *o);
