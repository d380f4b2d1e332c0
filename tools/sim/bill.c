/* SPDX-License-Identifier: Apache-2.0 */
/* bill - what the services would charge, line by line, exact.
 *
 * An amount is a whole number of 1 / (10^10 * 2^30 * 30) USD: every price has at most ten
 * decimals and is per request, per GiB, or per GiB-month of thirty days. Lines are JSON objects,
 * appended before the answer leaves. Prices: us-east-1, AWS protocol reference
 * 5.2, pages of 2026-05 to 2026-09; the vault's own and those marked K there from memory.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "server.h"
#include "str.h"

#define BILL_LINE_MAX ((size_t)16 << 10)
#define USD           ((__int128)10000000000LL * GIB * 30)
#define GIB           (1LL << 30)

enum unit {
	UNIT_REQUEST,
	UNIT_GIB,
	UNIT_GIB_MONTH,
};

static const char *const unit_words[] = { "request", "GiB", "GiB-month" };

/* `price`: 10^-10 USD for one unit. */
static const struct tariff {
	const char *name;
	int64_t price;
	enum unit unit;
} tariffs[] = {
	{ "glacier.upload", 300000, UNIT_REQUEST },
	{ "glacier.capacity", 1000000000000, UNIT_REQUEST }, /* a unit for a month */
	{ "glacier.early-delete.gib-month", 36000000, UNIT_GIB_MONTH },
	{ "glacier.retrieval.expedited.request", 100000000, UNIT_REQUEST },
	{ "glacier.retrieval.expedited.gib", 300000000, UNIT_GIB },
	{ "glacier.retrieval.standard.request", 500000, UNIT_REQUEST },
	{ "glacier.retrieval.standard.gib", 100000000, UNIT_GIB },
	{ "glacier.retrieval.bulk.request", 250000, UNIT_REQUEST },
	{ "glacier.retrieval.bulk.gib", 25000000, UNIT_GIB },
	{ "s3.GLACIER.expedited.request", 100000000, UNIT_REQUEST },
	{ "s3.GLACIER.expedited.gib", 300000000, UNIT_GIB },
	{ "s3.GLACIER.standard.request", 500000, UNIT_REQUEST },
	{ "s3.GLACIER.standard.gib", 100000000, UNIT_GIB },
	{ "s3.GLACIER.bulk.request", 0, UNIT_REQUEST },
	{ "s3.GLACIER.bulk.gib", 0, UNIT_GIB },
	{ "s3.DEEP_ARCHIVE.standard.request", 1000000, UNIT_REQUEST },
	{ "s3.DEEP_ARCHIVE.standard.gib", 200000000, UNIT_GIB },
	{ "s3.DEEP_ARCHIVE.bulk.request", 250000, UNIT_REQUEST },
	{ "s3.DEEP_ARCHIVE.bulk.gib", 25000000, UNIT_GIB },
	{ "s3.INTELLIGENT_TIERING.standard.request", 0, UNIT_REQUEST },
	{ "s3.INTELLIGENT_TIERING.standard.gib", 0, UNIT_GIB },
	{ "s3.INTELLIGENT_TIERING.bulk.request", 0, UNIT_REQUEST },
	{ "s3.INTELLIGENT_TIERING.bulk.gib", 0, UNIT_GIB },
	{ "s3.GLACIER.early-delete.gib-month", 36000000, UNIT_GIB_MONTH },
	{ "s3.DEEP_ARCHIVE.early-delete.gib-month", 9900000, UNIT_GIB_MONTH },
	{ "s3.copy.gib-month", 230000000, UNIT_GIB_MONTH },
	{ "s3.get", 4000, UNIT_REQUEST },
	{ "s3.head", 4000, UNIT_REQUEST },
	{ "s3.list", 50000, UNIT_REQUEST },
	{ "s3.put.STANDARD", 50000, UNIT_REQUEST },
	{ "s3.put.REDUCED_REDUNDANCY", 50000, UNIT_REQUEST },
	{ "s3.put.INTELLIGENT_TIERING", 50000, UNIT_REQUEST },
	{ "s3.put.STANDARD_IA", 100000, UNIT_REQUEST },
	{ "s3.put.ONEZONE_IA", 100000, UNIT_REQUEST },
	{ "s3.put.GLACIER_IR", 200000, UNIT_REQUEST },
	{ "s3.put.GLACIER", 300000, UNIT_REQUEST },
	{ "s3.put.DEEP_ARCHIVE", 500000, UNIT_REQUEST },
	{ "transfer.out.gib", 900000000, UNIT_GIB },
};

struct sim_bill {
	pthread_mutex_t mu; /* a leaf */
	int fd;
	uint64_t n; /* lines */
	uint64_t len;
	__int128 total;
};

static const struct tariff *tariff_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tariffs); i++) {
		if (streq(tariffs[i].name, name))
			return &tariffs[i];
	}
	return NULL;
}

static __int128 amount_of(int64_t price, enum unit unit, uint64_t quantity, uint32_t days)
{
	__int128 a = (__int128)price * quantity;

	switch (unit) {
	case UNIT_REQUEST:
		return a * GIB * 30;
	case UNIT_GIB:
		return a * 30;
	case UNIT_GIB_MONTH:
		return a * days;
	}
	return 0;
}

/* Nine decimals, half away from zero; no amount is negative. */
static void amount_print(struct buf *out, __int128 amount)
{
	__int128 step = USD / 1000000000;
	__int128 nano = (amount + step / 2) / step;

	buf_printf(out, "%" PRIu64 ".%09" PRIu64, (uint64_t)(nano / 1000000000),
		   (uint64_t)(nano % 1000000000));
}

/* At most ten decimals, without trailing zeros beyond the first. */
static void price_print(struct buf *out, int64_t price)
{
	char s[40];
	int n = snprintf(s, sizeof(s), "%" PRId64 ".%010" PRId64, price / 10000000000,
			 price % 10000000000);

	while (n > 2 && s[n - 1] == '0' && s[n - 2] != '.')
		n--;
	buf_add(out, s, (size_t)n);
}

/* A line read back: its amount from tariff, quantity and days. */
static int line_load(struct sim_bill *b, const char *line, size_t len)
{
	const char *name = NULL;
	uint64_t quantity = 0;
	uint64_t days = 0;
	_cleanup_(json_freep) struct json_object *o = json_parse(line, len);

	if (!o || json_str(o, "tariff", &name) < 0 ||
	    json_u64(o, "quantity", &quantity) < 0)
		return -EBADMSG;
	const struct tariff *t = tariff_find(name);
	if (!t)
		return -EBADMSG;
	if (json_u64(o, "days", &days) < 0)
		days = 0;
	b->total += amount_of(t->price, t->unit, quantity, (uint32_t)days);
	b->n++;
	return 0;
}

/* A last line without its end was never answered for: it is cut off. */
static int bill_load(struct sim_bill *b)
{
	struct stat st;

	if (fstat(b->fd, &st) < 0)
		return -errno;
	_free_ char *data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	ssize_t n = pread_full(b->fd, data, (size_t)st.st_size, 0);
	if (n < 0)
		return (int)n;
	while (b->len < (uint64_t)n) {
		const char *line = data + b->len;
		const char *end = memchr(line, '\n', (size_t)n - b->len);
		if (!end)
			break;
		int r = line_load(b, line, (size_t)(end - line));
		if (r < 0)
			return r;
		b->len += (uint64_t)(end - line) + 1;
	}
	return ftruncate(b->fd, (off_t)b->len) < 0 ? -errno : 0;
}

struct sim_bill *sim_bill_open(int dir_fd)
{
	struct sim_bill *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	pthread_mutex_init(&b->mu, NULL);
	b->fd = openat(dir_fd, "bill.jsonl", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int r = b->fd < 0 ? -errno : bill_load(b);
	if (r < 0) {
		sim_bill_close(b);
		errno = -r;
		return NULL;
	}
	return b;
}

void sim_bill_close(struct sim_bill *b)
{
	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd);
	pthread_mutex_destroy(&b->mu);
	free(b);
}

/* "glacier" of "glacier.upload"; transfer is the service's whose request it was. */
static const char *service_of(const char *tariff, const struct sim_req *req)
{
	const struct sim_conn *c = req->connection;

	if (str_after(tariff, "transfer."))
		return sim_service_name(c->service);
	return str_after(tariff, "glacier.") ? "glacier" : "s3";
}

static void line_format(struct buf *out, uint64_t n, const struct sim_req *req,
			const char *component, const struct tariff *t, uint64_t quantity,
			uint32_t days)
{
	char iso[32];

	sim_time_iso(sim_clock_now(req->sim->clock), iso);
	buf_printf(out,
		   "{\"n\":%" PRIu64 ",\"service\":\"%s\",\"operation\":\"%s\","
		   "\"component\":\"%s\",\"resource\":",
		   n, service_of(t->name, req), req->operation, component);
	json_quote(out, req->resource);
	if (req->payer[0]) {
		buf_puts(out, ",\"payer\":");
		json_quote(out, req->payer);
	}
	buf_printf(out, ",\"quantity\":%" PRIu64, quantity);
	if (t->unit == UNIT_GIB_MONTH)
		buf_printf(out, ",\"days\":%" PRIu32, days);
	buf_puts(out, ",\"price\":\"");
	price_print(out, t->price);
	buf_printf(out, "\",\"unit\":\"%s\",\"amount\":\"", unit_words[t->unit]);
	amount_print(out, amount_of(t->price, t->unit, quantity, days));
	buf_printf(out, "\",\"time\":\"%s\",\"tariff\":\"%s\",\"request_id\":\"%s\"}\n",
		   iso, t->name, req->request_id);
}

int sim_bill_add(struct sim *sim, const struct sim_req *req, const char *component,
		 const char *tariff, uint64_t quantity, uint32_t days)
{
	struct sim_bill *b = sim->bill;
	const struct tariff *t = tariff_find(tariff);
	_buf_ struct buf line;

	buf_init(&line, BILL_LINE_MAX);
	if (!t) {
		log_err("bill: no such tariff: %s", tariff);
		return -EINVAL;
	}
	pthread_mutex_lock(&b->mu);
	line_format(&line, b->n + 1, req, component, t, quantity, days);
	int r = line.err;
	if (!r)
		r = pwrite_all(b->fd, line.data, line.len, (off_t)b->len);
	if (!r) {
		b->n++;
		b->len += line.len;
		b->total += amount_of(t->price, t->unit, quantity, days);
	}
	pthread_mutex_unlock(&b->mu);
	if (r < 0)
		log_err("bill: line not written: %s", strerrorname_np(-r));
	return r;
}

/* Where the line after line `since` begins; lines are numbered from 1. */
static const char *skip_lines(const char *data, const char *end, uint64_t since)
{
	for (; since > 0 && data < end; since--) {
		const char *nl = memchr(data, '\n', (size_t)(end - data));
		data = nl ? nl + 1 : end;
	}
	return data;
}

int sim_bill_print(struct sim_bill *b, uint64_t since, struct buf *out)
{
	pthread_mutex_lock(&b->mu);
	uint64_t len = b->len;
	__int128 total = b->total;
	pthread_mutex_unlock(&b->mu);

	_free_ char *data = malloc(len + 1);
	if (!data)
		return -ENOMEM;
	ssize_t n = pread_full(b->fd, data, len, 0);
	if (n < 0)
		return (int)n;

	buf_puts(out, "{\"total\":\"");
	amount_print(out, total);
	buf_puts(out, "\",\"lines\":[");
	const char *end = data + n;
	const char *comma = "";
	for (const char *at = skip_lines(data, end, since); at < end;) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		if (!nl)
			break;
		buf_puts(out, comma);
		buf_add(out, at, (size_t)(nl - at));
		comma = ",\n";
		at = nl + 1;
	}
	return buf_puts(out, "]}\n");
}
