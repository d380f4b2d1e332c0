/* SPDX-License-Identifier: Apache-2.0 */
/* Generated vaults: archive number i follows from seed and i alone, so that ten million of them
 * are listed and retrieved without any being stored. Such a vault takes no uploads and no
 * deletions.
 *
 * Sizes have three digits, ids and descriptions one length: all entries of an inventory are
 * equally long, so its size is known and any range of it can be written at once. Archives were
 * created a second apart, from 2020 on.
 */
#include "glacier.h"

#include <inttypes.h>
#include <stdio.h>

#include "io.h"
#include "quirks.h"
#include "str.h"

#define FIRST_MS    INT64_C(1577836800000) /* 2020-01-01 */
#define SIZE_MIN    100
#define SIZE_MAX_   999
#define ENTRY_MAX   512
#define ID_PREFIX   "gen-"
#define ID_DIGITS   16
#define DESCRIPTION "generated/%06" PRIu64 "/%012" PRIu64 ".dat"

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Word k of archive i; word 0 gives its size, the others its bytes. */
static uint64_t word(uint64_t seed, uint64_t i, uint64_t k)
{
	return mix(mix(seed + i * UINT64_C(0x9e3779b97f4a7c15)) +
		   k * UINT64_C(0xd1b54a32d192ed03));
}

static uint64_t size_of(uint64_t seed, uint64_t i)
{
	return SIZE_MIN + word(seed, i, 0) % (SIZE_MAX_ - SIZE_MIN + 1);
}

/* `ret` has room for a whole last word. */
static size_t bytes_make(uint64_t seed, uint64_t i, uint8_t ret[SIZE_MAX_ + 8])
{
	size_t size = (size_t)size_of(seed, i);
	uint64_t base = mix(seed + i * UINT64_C(0x9e3779b97f4a7c15));

	for (size_t off = 0; off < size; off += 8) {
		uint64_t w = mix(base + (off / 8 + 1) * UINT64_C(0xd1b54a32d192ed03));
		for (size_t b = 0; b < 8; b++)
			ret[off + b] = (uint8_t)(w >> (8 * b));
	}
	return size;
}

/* "gen-", the number, and letters that follow from the seed, as an id is long. */
static void id_print(uint64_t seed, uint64_t i, char ret[ARCHIVE_ID_LEN + 1])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n =
		(size_t)snprintf(ret, ARCHIVE_ID_LEN + 1, ID_PREFIX "%016" PRIx64 "-", i);
	uint64_t w = 0;

	for (size_t k = 0; n < ARCHIVE_ID_LEN; k++, n++) {
		if (k % 10 == 0)
			w = mix(seed + k);
		ret[n] = letters[w & 63];
		w >>= 6;
	}
	ret[n] = 0;
}

bool generated_find(const struct vault *v, const char *id, uint64_t *ret_i)
{
	char want[ARCHIVE_ID_LEN + 1];
	char *end = NULL;
	const char *digits = str_after(id, ID_PREFIX);

	if (!v->generated_n || !digits)
		return false;
	*ret_i = strtoull(digits, &end, 16);
	if (end != digits + ID_DIGITS || *ret_i >= v->generated_n)
		return false;
	id_print(v->generated_seed, *ret_i, want);
	return streq(want, id);
}

int generated_archive(const struct vault *v, uint64_t i, struct archive *ret)
{
	uint8_t bytes[SIZE_MAX_ + 8];
	size_t len = bytes_make(v->generated_seed, i, bytes);

	*ret = (struct archive){ .size = len, .is_listed = true };
	if (asprintf(&ret->description, DESCRIPTION, i / 1000, i) < 0)
		return -ENOMEM;
	id_print(v->generated_seed, i, ret->id);
	EVP_Digest(bytes, len, ret->tree, NULL, EVP_sha256(), NULL);
	ret->created_ms = FIRST_MS + (int64_t)i * 1000;
	return 0;
}

int generated_write(uint64_t seed, uint64_t i, int fd)
{
	uint8_t bytes[SIZE_MAX_ + 8];
	size_t len = bytes_make(seed, i, bytes);

	return write_all(fd, bytes, len);
}

uint64_t generated_total(uint64_t seed, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += size_of(seed, i);
	return sum;
}

void generated_span(const struct vault *v, const struct inventory_ask *ask,
		    uint64_t *ret_first, uint64_t *ret_n)
{
	uint64_t first = 0;
	uint64_t end = v->generated_n;
	uint64_t after = 0;

	if (ask->start_ms > FIRST_MS)
		first = (uint64_t)(ask->start_ms - FIRST_MS + 999) / 1000;
	if (ask->end_ms <= FIRST_MS)
		end = 0;
	else if ((uint64_t)(ask->end_ms - FIRST_MS + 999) / 1000 < end)
		end = (uint64_t)(ask->end_ms - FIRST_MS + 999) / 1000;
	if (ask->marker && generated_find(v, ask->marker, &after) && after + 1 > first)
		first = after + 1;
	if (first > end)
		first = end;
	*ret_first = first;
	*ret_n = end - first < ask->limit ? end - first : ask->limit;
}

void generated_marker(const struct vault *v, uint64_t i, char ret[ARCHIVE_ID_LEN + 1])
{
	id_print(v->generated_seed, i, ret);
}

/* An inventory that is being sent. */
struct generated_output {
	uint64_t seed, first, n;
	bool is_csv, is_short;
	char head[512];
	size_t head_len;
	const char *tail;
	const char *line_end;
	size_t entry_len;
	char id_tail[ARCHIVE_ID_LEN + 1]; /* of every id, behind its number */
	EVP_MD *md;
	EVP_MD_CTX *ctx;
};

/* Seconds since 2020 as a date, without asking the C library ten million times. */
static void date_print(uint64_t i, char ret[24])
{
	static const uint8_t months[12] = {
		31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	uint64_t days = i / 86400;
	uint32_t s = (uint32_t)(i % 86400);
	uint32_t year = 2020;
	uint32_t month = 0;

	for (;; year++) {
		uint64_t n = year % 4 == 0 && (year % 100 || year % 400 == 0) ? 366 : 365;
		if (days < n)
			break;
		days -= n;
	}
	for (;; month++) {
		bool is_short =
			month == 1 && (year % 4 || (year % 100 == 0 && year % 400));
		uint64_t n = months[month] - (is_short ? 1U : 0U);
		if (days < n)
			break;
		days -= n;
	}
	snprintf(ret, 24, "%04u-%02u-%02uT%02u:%02u:%02u", year % 10000, month + 1,
		 (unsigned int)(days % 31) + 1, s / 3600 % 24, s / 60 % 60, s % 60);
}

static size_t entry_print(struct generated_output *o, uint64_t i, char ret[ENTRY_MAX])
{
	uint8_t bytes[SIZE_MAX_ + 8];
	uint8_t md[32];
	char hex[65];
	char date[24];
	uint64_t at = o->first + i;
	size_t size = bytes_make(o->seed, at, bytes);

	EVP_DigestInit_ex(o->ctx, o->md, NULL);
	EVP_DigestUpdate(o->ctx, bytes, size);
	EVP_DigestFinal_ex(o->ctx, md, NULL);
	hex_encode(md, 32, hex);
	date_print(at, date);
	const char *fraction = o->is_short ? "" : ".000";
	int n = o->is_csv ? snprintf(ret, ENTRY_MAX,
				     ID_PREFIX "%016" PRIx64 "-%s," DESCRIPTION
					       ",%s%sZ,%zu,%s%s",
				     at, o->id_tail, at / 1000, at, date, fraction, size,
				     hex, o->line_end)
			  : snprintf(ret, ENTRY_MAX,
				     "%c{\"ArchiveId\":\"" ID_PREFIX "%016" PRIx64
				     "-%s\",\"ArchiveDescription\":\"" DESCRIPTION
				     "\",\"CreationDate\":\"%s%sZ\",\"Size\":%zu,"
				     "\"SHA256TreeHash\":\"%s\"}",
				     i ? ',' : ' ', at, o->id_tail, at / 1000, at, date,
				     fraction, size, hex);
	return (size_t)n;
}

static void output_done(struct generated_output *o)
{
	EVP_MD_CTX_free(o->ctx);
	EVP_MD_free(o->md);
	free(o);
}
DEFINE_CLEANUP(struct generated_output, output_done)

static struct generated_output *output_new(const struct sim *sim, const struct vault *v,
					   const struct job *j)
{
	char id[ARCHIVE_ID_LEN + 1];
	char entry[ENTRY_MAX];
	_buf_ struct buf head;
	_cleanup_(output_donep) struct generated_output *o = calloc(1, sizeof(*o));

	buf_init(&head, BUF_TEXT_MAX);
	if (!o)
		return NULL;
	o->seed = v->generated_seed;
	o->first = j->generated_first;
	o->n = j->generated_n;
	o->is_csv = j->is_csv;
	o->is_short = sim_quirk(sim, QUIRK_TIMESTAMPS);
	o->line_end = sim_quirk(sim, QUIRK_CSV_LINES) ? "\n" : "\r\n";
	o->tail = o->is_csv ? "" : "]}";
	o->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	o->ctx = EVP_MD_CTX_new();
	inventory_head(&head, sim, v, j->is_csv, o->line_end);
	if (!o->md || !o->ctx || head.err || head.len > sizeof(o->head))
		return NULL;
	memcpy(o->head, head.data, head.len);
	o->head_len = head.len;
	id_print(o->seed, 0, id);
	snprintf(o->id_tail, sizeof(o->id_tail), "%s",
		 id + strlen(ID_PREFIX) + ID_DIGITS + 1);
	o->entry_len = entry_print(o, 0, entry);
	return steal_ptr(o);
}

static uint64_t output_len(const struct generated_output *o)
{
	return o->head_len + o->n * o->entry_len + strlen(o->tail);
}

uint64_t generated_inventory_len(const struct sim *sim, const struct vault *v,
				 const struct job *j)
{
	_cleanup_(output_donep) struct generated_output *o = output_new(sim, v, j);

	return o ? output_len(o) : 0;
}

/* Copies what of `text`, which begins at `at` of the document, lies in [pos, pos + max). */
static size_t clip(const char *text, size_t len, uint64_t at, uint64_t pos, char *out,
		   size_t max)
{
	uint64_t from = pos > at ? pos - at : 0;

	if (from >= len)
		return 0;
	size_t n = len - (size_t)from < max ? len - (size_t)from : max;
	memcpy(out, text + from, n);
	return n;
}

static ssize_t output_read(void *arg, uint64_t off, char *out, size_t max)
{
	struct generated_output *o = arg;
	char entry[ENTRY_MAX];
	uint64_t pos = off;
	uint64_t end = o->head_len + o->n * o->entry_len;
	size_t done = 0;

	if (pos < o->head_len)
		done = clip(o->head, o->head_len, 0, pos, out, max);
	while (done < max && pos + done < end) {
		uint64_t i = (pos + done - o->head_len) / o->entry_len;
		entry_print(o, i, entry);
		done += clip(entry, o->entry_len, o->head_len + i * o->entry_len,
			     pos + done, out + done, max - done);
	}
	if (done < max && pos + done >= end)
		done += clip(o->tail, strlen(o->tail), end, pos + done, out + done,
			     max - done);
	return (ssize_t)done;
}

static void output_drop(void *arg)
{
	output_done(arg);
}

int generated_inventory_send(const struct sim *sim, const struct vault *v,
			     const struct job *j, struct sim_res *res)
{
	struct generated_output *o = output_new(sim, v, j);

	if (!o)
		return -ENOMEM;
	res->read = output_read;
	res->read_arg = o;
	res->read_done = output_drop;
	return 0;
}

int sim_glacier_generate(struct sim *sim, const char *vault, uint64_t n, uint64_t seed)
{
	_buf_ struct buf line;

	line_begin(&line, "vault", vault, sim_clock_now(sim->clock));
	line_u64(&line, "generated", n);
	line_u64(&line, "seed", seed);
	pthread_mutex_lock(&sim->mu);
	int r = glacier_vault(sim, vault) ? 0 : line_commit(sim, &line);
	pthread_mutex_unlock(&sim->mu);
	return r;
}
