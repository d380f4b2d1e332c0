/* SPDX-License-Identifier: Apache-2.0 */
/* edges - prints the tables of restore.h and extra.h, an edge a line as [debug] crash-at names it,
 * for campaigns that kill the daemon at each: a new edge is among them by itself. */
#include "extra.h"
#include <stdio.h>

int main(void)
{
	size_t n;
	const struct restore_edge *edges = restore_edges(&n);

	for (size_t i = 0; i < n; i++)
		printf("%s/%s\n", restore_phase_word(edges[i].from),
		       restore_event_word(edges[i].event));

	const struct extra_edge *extras = extra_edges(&n);

	for (size_t i = 0; i < n; i++)
		printf("%s/%s\n", extra_phase_word(extras[i].from),
		       restore_event_word(extras[i].event));
	return 0;
}
