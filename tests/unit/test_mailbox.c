/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "cleanup.h"
#include "mailbox.h"

#include <pthread.h>

#define SENDERS 4
#define LETTERS 5000

DEFINE_CLEANUP(struct mailbox, mailbox_free)

struct letter {
	struct msg msg; /* first */
	int sender, number;
};

static void count_wake(void *arg)
{
	(*(int *)arg)++;
}

static void messages_come_out_in_order(void **state)
{
	_cleanup_(mailbox_freep) struct mailbox *b = mailbox_new(NULL, NULL);
	struct letter letters[3] = { 0 };
	(void)state;

	assert_non_null(b);
	assert_null(mailbox_take(b));
	for (int i = 0; i < 3; i++)
		mailbox_post(b, &letters[i].msg);
	struct msg *m = mailbox_take(b);
	for (int i = 0; i < 3; i++, m = m->next)
		assert_ptr_equal(m, &letters[i].msg);
	assert_null(m);
	assert_null(mailbox_take(b));

	mailbox_post(b, &letters[2].msg);
	mailbox_post(b, &letters[0].msg);
	assert_ptr_equal(mailbox_wait_one(b), &letters[2].msg);
	assert_null(letters[2].msg.next);
	mailbox_post(b, &letters[1].msg);
	assert_ptr_equal(mailbox_wait(b), &letters[0].msg);
	assert_ptr_equal(letters[0].msg.next, &letters[1].msg);
}

static void the_owner_is_woken_for_the_first_message_only(void **state)
{
	int wakes = 0;
	_cleanup_(mailbox_freep) struct mailbox *b = mailbox_new(count_wake, &wakes);
	struct letter letters[3] = { 0 };
	(void)state;

	mailbox_post(b, &letters[0].msg);
	mailbox_post(b, &letters[1].msg);
	assert_int_equal(wakes, 1);
	mailbox_take(b);
	mailbox_post(b, &letters[2].msg);
	assert_int_equal(wakes, 2);
	mailbox_close(b);
	assert_int_equal(wakes, 3);
	assert_true(mailbox_is_closed(b));
}

static void a_closed_box_is_emptied_before_it_ends(void **state)
{
	_cleanup_(mailbox_freep) struct mailbox *b = mailbox_new(NULL, NULL);
	struct letter letter = { 0 };
	(void)state;

	mailbox_post(b, &letter.msg);
	assert_false(mailbox_is_closed(b));
	mailbox_close(b);
	assert_ptr_equal(mailbox_wait(b), &letter.msg);
	assert_null(mailbox_wait(b));
	assert_null(mailbox_wait_one(b));
}

struct sender {
	struct mailbox *box;
	int number;
};

static void *send_all(void *arg)
{
	struct sender *sender = arg;

	for (int i = 0; i < LETTERS; i++) {
		struct letter *letter = calloc(1, sizeof(*letter));
		if (!letter)
			abort();
		letter->sender = sender->number;
		letter->number = i;
		mailbox_post(sender->box, &letter->msg);
	}
	return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
	_cleanup_(mailbox_freep) struct mailbox *b = mailbox_new(NULL, NULL);
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	int next[SENDERS] = { 0 };
	(void)state;

	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ b, i };
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]),
				 0);
	}
	for (int left = SENDERS * LETTERS; left > 0;) {
		for (struct msg *m = mailbox_wait(b); m; left--) {
			struct letter *letter = (struct letter *)m;
			assert_int_equal(letter->number, next[letter->sender]++);
			m = m->next;
			free(letter);
		}
	}
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_null(mailbox_take(b));
}

static void *close_later(void *arg)
{
	mailbox_close(arg);
	return NULL;
}

static void closing_ends_a_wait(void **state)
{
	_cleanup_(mailbox_freep) struct mailbox *b = mailbox_new(NULL, NULL);
	pthread_t thread;
	(void)state;

	assert_int_equal(pthread_create(&thread, NULL, close_later, b), 0);
	assert_null(mailbox_wait(b));
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_out_in_order),
		cmocka_unit_test(the_owner_is_woken_for_the_first_message_only),
		cmocka_unit_test(a_closed_box_is_emptied_before_it_ends),
		cmocka_unit_test(many_senders_lose_nothing_and_keep_their_order),
		cmocka_unit_test(closing_ends_a_wait),
	};
	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
