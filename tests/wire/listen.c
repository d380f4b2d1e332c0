/* SPDX-License-Identifier: Apache-2.0 */
/* listen - reads a queue and prints what it hears, for the tests: a JSON object a line, for as
 * long as it is let.
 *
 *	listen URL [REGION]
 */
#include "json.h"
#include "sqs.h"

#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t is_over;

static void on_term(int number)
{
	(void)number;
	is_over = 1;
}

static void notice_came(void *arg, const struct notice *n)
{
	_buf_ struct buf b;

	(void)arg;
	buf_init(&b, BUF_TEXT_MAX);
	buf_printf(&b, "{\"notice\":\"%s\",\"container\":", n->scheme);
	json_quote(&b, n->container);
	buf_puts(&b, ",\"id\":");
	json_quote(&b, n->id);
	buf_puts(&b, ",\"token\":");
	json_quote(&b, n->token);
	buf_puts(&b, "}");
	puts(b.err ? "{}" : b.data);
}

static void queue_said(void *arg, enum sqs_event ev, enum notice_kind kind,
		       const char *text)
{
	static const char *const words[] = {
		[SQS_FAILED] = "failed",
		[SQS_WORKS] = "works",
		[SQS_DAMAGED] = "damaged",
		[SQS_READ] = "read",
	};
	_buf_ struct buf b;

	(void)arg;
	buf_init(&b, BUF_TEXT_MAX);
	buf_printf(&b, "{\"said\":\"%s\",\"kind\":%d,\"text\":", words[ev], (int)kind);
	json_quote(&b, text);
	buf_puts(&b, "}");
	puts(b.err ? "{}" : b.data);
}

int main(int argc, char **argv)
{
	_buf_ struct buf err;
	struct sqs *queue;

	buf_init(&err, BUF_TEXT_MAX);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return 2;
	struct clock *clock = clock_new();
	struct backends *bs = backends_new(clock);
	struct sqs_cfg cfg = {
		.url = argv[1],
		.region = argc > 2 ? argv[2] : NULL,
		.notice = notice_came,
		.said = queue_said,
	};
	int r = sqs_open(bs, &cfg, &queue, &err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.data ? err.data : "");
		backends_free(bs);
		clock_free(clock);
		return 1;
	}
	sqs_start(queue);
	signal(SIGTERM, on_term);
	while (!is_over)
		backends_wait(bs, 50);
	sqs_close(queue);
	backends_free(bs);
	clock_free(clock);
	return 0;
}
