/* SPDX-License-Identifier: Apache-2.0 */
#include "restore.h"

#include "test.h"
#include <string.h>

static void money_is_written_down_before_it_is_spent(void **state)
{
	size_t n;
	const struct restore_edge *edges = restore_edges(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (!(edges[i].actions & DO_SEND))
			continue;
		/* The only ways to the paid call: an intent that is durable. */
		assert_int_equal(edges[i].to, PHASE_SENDING);
		assert_true(
			((edges[i].from == PHASE_RESERVING ||
			  edges[i].from == PHASE_RENEWING) &&
			 edges[i].event == EV_COMMITTED) ||
			(edges[i].from == PHASE_RENEWING &&
			 edges[i].event == EV_COMMITTED) ||
			(edges[i].from == PHASE_RECHECKING && edges[i].event == EV_COLD));
	}
}

static void a_lost_answer_never_leads_straight_to_another_call(void **state)
{
	size_t n;
	const struct restore_edge *edges = restore_edges(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		if (edges[i].event == EV_LOST)
			assert_int_equal(edges[i].to, PHASE_RECHECKING);
}

static void no_edge_is_ambiguous(void **state)
{
	size_t n;
	const struct restore_edge *edges = restore_edges(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(restore_edge_find(edges[i].from, edges[i].event),
				 &edges[i]);
}

static void every_phase_but_the_last_has_a_way_out(void **state)
{
	size_t n;
	const struct restore_edge *edges = restore_edges(&n);

	(void)state;
	for (enum restore_phase p = PHASE_NEW; p < PHASE_ENDED; p++) {
		bool has_exit = false;

		for (size_t i = 0; i < n; i++)
			has_exit = has_exit || (edges[i].from == p && edges[i].to != p);
		assert_true(has_exit);
	}
	assert_null(restore_edge_find(PHASE_ENDED, EV_WANTED));
}

static void bytes_are_served_only_after_proving(void **state)
{
	size_t n;
	const struct restore_edge *edges = restore_edges(&n);

	(void)state;
	/* From fetching only proving, or the end without success, follows. */
	for (size_t i = 0; i < n; i++)
		if (edges[i].from == PHASE_FETCHING && edges[i].to == PHASE_ENDING)
			assert_true(edges[i].event == EV_FAILED ||
				    edges[i].event == EV_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(money_is_written_down_before_it_is_spent),
		cmocka_unit_test(a_lost_answer_never_leads_straight_to_another_call),
		cmocka_unit_test(no_edge_is_ambiguous),
		cmocka_unit_test(every_phase_but_the_last_has_a_way_out),
		cmocka_unit_test(bytes_are_served_only_after_proving),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
