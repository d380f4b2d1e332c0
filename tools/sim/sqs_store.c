/* SPDX-License-Identifier: Apache-2.0 */
#include "sqs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "str.h"

#define JOURNAL_LINE_MAX ((size_t)8 << 20)

int64_t sqs_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void uuid_make(char ret[UUID_LEN + 1])
{
	uint8_t b[16] = { 0 };
	char hex[33];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		abort();
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(b, 16, hex);
	snprintf(ret, UUID_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		 hex + 16, hex + 20);
}

struct queue *sqs_queue(struct sim_sqs *s, const char *name)
{
	return map_find(&s->queues, name);
}

int64_t queue_number(const struct queue *q, const char *name, int64_t fallback)
{
	const char *value = sim_fields_get(&q->attributes, name);
	int64_t v = 0;

	return value && str_to_i64(value, &v) == 0 ? v : fallback;
}

void sqs_line_begin(struct buf *b, const char *op, const char *queue)
{
	buf_init(b, JOURNAL_LINE_MAX);
	buf_printf(b, "{\"op\":\"%s\",\"queue\":\"%s\",\"time\":%" PRId64, op, queue,
		   sqs_now_ms());
}

void sqs_line_str(struct buf *b, const char *key, const char *value)
{
	buf_putc(b, ',');
	json_quote(b, key);
	buf_putc(b, ':');
	json_quote(b, value);
}

void sqs_line_number(struct buf *b, const char *key, int64_t value)
{
	buf_printf(b, ",\"%s\":%" PRId64, key, value);
}

static const char *word(struct json_object *o, const char *key)
{
	const char *s = api_word(o, key);

	return s ? s : "";
}

static int64_t number(struct json_object *o, const char *key)
{
	uint64_t v = 0;

	return json_u64(o, key, &v) == 0 ? (int64_t)v : 0;
}

static void message_drop(struct queue *q, struct message *m)
{
	map_remove(&q->messages, &m->item);
	TAILQ_REMOVE(&q->order, m, entry);
	free(m->body);
	free(m);
}

static void queue_empty(struct queue *q)
{
	while (!TAILQ_EMPTY(&q->order))
		message_drop(q, TAILQ_FIRST(&q->order));
}

static void queue_free(struct sim_sqs *s, struct queue *q)
{
	queue_empty(q);
	map_remove(&s->queues, &q->item);
	sim_fields_free(&q->attributes);
	free(q);
}

static int apply_queue(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	if (q)
		return -EBADMSG;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	snprintf(q->name, sizeof(q->name), "%s", word(o, "queue"));
	q->created_ms = q->modified_ms = number(o, "time");
	TAILQ_INIT(&q->order);
	map_add(&s->queues, &q->item, q->name);
	map_sort(&s->queues);
	return 0;
}

static int apply_queue_delete(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	(void)o;
	queue_free(s, q);
	return 0;
}

static int apply_attribute(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	const char *name = word(o, "name");
	const char *value = word(o, "value");

	(void)s;
	q->modified_ms = number(o, "time");
	for (size_t i = 0; i < q->attributes.n; i++) {
		if (!streq(q->attributes.v[i].name, name))
			continue;
		char *copy = strdup(value);
		if (!copy)
			return -ENOMEM;
		free(q->attributes.v[i].value);
		q->attributes.v[i].value = copy;
		return 0;
	}
	return sim_fields_add(&q->attributes, name, strlen(name), value, strlen(value));
}

static int apply_send(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	uint8_t md5[16];
	bool is_ahead = false;
	struct message *m = calloc(1, sizeof(*m));

	(void)s;
	if (!m)
		return -ENOMEM;
	snprintf(m->id, sizeof(m->id), "%s", word(o, "id"));
	m->body = strdup(word(o, "body"));
	if (!m->body) {
		free(m);
		return -ENOMEM;
	}
	EVP_Digest(m->body, strlen(m->body), md5, NULL, EVP_md5(), NULL);
	hex_encode(md5, 16, m->md5);
	m->sent_ms = number(o, "time");
	m->visible_ms = number(o, "visible");
	map_add(&q->messages, &m->item, m->id);
	if (json_boolean(o, "ahead", &is_ahead) == 0 && is_ahead)
		TAILQ_INSERT_HEAD(&q->order, m, entry);
	else
		TAILQ_INSERT_TAIL(&q->order, m, entry);
	return 0;
}

static int apply_receive(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	struct message *m = map_find(&q->messages, word(o, "id"));

	(void)s;
	if (!m)
		return -EBADMSG;
	if (!m->receives++)
		m->first_received_ms = number(o, "time");
	m->visible_ms = number(o, "visible");
	return 0;
}

static int apply_visibility(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	struct message *m = map_find(&q->messages, word(o, "id"));

	(void)s;
	if (!m)
		return -EBADMSG;
	m->visible_ms = number(o, "visible");
	return 0;
}

static int apply_delete(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	struct message *m = map_find(&q->messages, word(o, "id"));

	(void)s;
	if (m)
		message_drop(q, m);
	return 0;
}

static int apply_move(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	struct message *m = map_find(&q->messages, word(o, "id"));
	struct queue *to = sqs_queue(s, word(o, "to"));

	if (!m || !to)
		return -EBADMSG;
	map_remove(&q->messages, &m->item);
	TAILQ_REMOVE(&q->order, m, entry);
	map_add(&to->messages, &m->item, m->id);
	TAILQ_INSERT_TAIL(&to->order, m, entry);
	m->visible_ms = 0;
	return 0;
}

static int apply_purge(struct sim_sqs *s, struct queue *q, struct json_object *o)
{
	(void)s;
	(void)o;
	queue_empty(q);
	return 0;
}

static const struct change {
	const char *op;
	int (*apply)(struct sim_sqs *s, struct queue *q, struct json_object *o);
} changes[] = {
	{ "queue-delete", apply_queue_delete },
	{ "attribute", apply_attribute },
	{ "send", apply_send },
	{ "receive", apply_receive },
	{ "visibility", apply_visibility },
	{ "delete", apply_delete },
	{ "move", apply_move },
	{ "purge", apply_purge },
};

static int apply(struct sim_sqs *s, const char *line, size_t len)
{
	_cleanup_(json_freep) struct json_object *o = json_parse(line, len);
	if (!o)
		return -EBADMSG;
	const char *op = word(o, "op");
	struct queue *q = sqs_queue(s, word(o, "queue"));

	if (streq(op, "queue"))
		return apply_queue(s, q, o);
	for (size_t i = 0; q && i < ARRAY_SIZE(changes); i++) {
		if (streq(changes[i].op, op))
			return changes[i].apply(s, q, o);
	}
	return -EBADMSG;
}

int sqs_commit(struct sim_sqs *s, struct buf *b)
{
	buf_puts(b, "}\n");
	int r = b->err;
	if (!r)
		r = pwrite_all(s->journal_fd, b->data, b->len, (off_t)s->journal_len);
	if (r < 0)
		return r;
	s->journal_len += b->len;
	return apply(s, b->data, b->len - 1);
}

int sqs_send(struct sim_sqs *s, const struct sqs_sending *m, char *ret_id)
{
	char id[UUID_LEN + 1];
	int r = -ENOENT;
	_buf_ struct buf line;

	uuid_make(id);
	sqs_line_begin(&line, "send", m->queue);
	sqs_line_str(&line, "id", id);
	sqs_line_str(&line, "body", m->body);
	if (m->is_ahead)
		buf_puts(&line, ",\"ahead\":true");
	pthread_mutex_lock(&s->mu);
	const struct queue *q = sqs_queue(s, m->queue);
	if (q) {
		int64_t delay_ms = m->delay_ms;
		if (delay_ms < 0)
			delay_ms = queue_number(q, "DelaySeconds", 0) * 1000;
		sqs_line_number(&line, "visible", delay_ms ? sqs_now_ms() + delay_ms : 0);
		r = sqs_commit(s, &line);
		pthread_cond_broadcast(&s->changed);
	}
	pthread_mutex_unlock(&s->mu);
	if (!r && ret_id)
		memcpy(ret_id, id, sizeof(id));
	return r;
}

/* A last line without its end was never answered for: it is cut off. */
static int replay(struct sim_sqs *s)
{
	struct stat st;

	if (fstat(s->journal_fd, &st) < 0)
		return -errno;
	_free_ char *data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	ssize_t n = pread_full(s->journal_fd, data, (size_t)st.st_size, 0);
	if (n < 0)
		return (int)n;
	while (s->journal_len < (uint64_t)n) {
		const char *line = data + s->journal_len;
		const char *end = memchr(line, '\n', (size_t)n - s->journal_len);
		if (!end)
			break;
		int r = apply(s, line, (size_t)(end - line));
		if (r < 0) {
			log_err("sqs/journal: bad line at byte %" PRIu64, s->journal_len);
			return r;
		}
		s->journal_len += (uint64_t)(end - line) + 1;
	}
	return ftruncate(s->journal_fd, (off_t)s->journal_len) < 0 ? -errno : 0;
}

int sim_sqs_open(struct sim *sim)
{
	pthread_condattr_t monotonic;
	struct sim_sqs *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	sim->sqs = s;
	pthread_mutex_init(&s->mu, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	s->journal_fd = -1;
	if (mkdirat(sim->data_fd, "sqs", 0700) < 0 && errno != EEXIST)
		return -errno;
	s->journal_fd =
		openat(sim->data_fd, "sqs/journal", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return s->journal_fd < 0 ? -errno : replay(s);
}

void sim_sqs_wake(struct sim *sim)
{
	pthread_mutex_lock(&sim->sqs->mu);
	sim->sqs->is_stopping = true;
	pthread_cond_broadcast(&sim->sqs->changed);
	pthread_mutex_unlock(&sim->sqs->mu);
}

void sim_sqs_close(struct sim *sim)
{
	struct sim_sqs *s = sim->sqs;

	if (!s)
		return;
	while (s->queues.first)
		queue_free(s, map_first(&s->queues));
	if (s->journal_fd >= 0)
		close(s->journal_fd);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->mu);
	free(s);
	sim->sqs = NULL;
}
