/* SPDX-License-Identifier: Apache-2.0 */
/* Inventories as people save them, whole, cut, and bent. */
#include "test.h"

#include "inventory.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define NS   "glacier://us-east-1/photos@localhost"
#define HASH "6b9d4cf8b1f9d7a0c3e2f1a4b5c6d7e8f90123456789abcdef0123456789abcd"
#define ARN  "\"VaultARN\":\"arn:aws:glacier:us-east-1:111122223333:vaults/photos\""
#define ITEM "{\"ArchiveId\":\"A1\",\"ArchiveDescription\":\"a\",\"Size\":9}"
#define HEAD "ArchiveId,ArchiveDescription,CreationDate,Size,SHA256TreeHash\r\n"
#define DATE "2012-05-15T17:19:46.700Z"

static int read_bytes(const char *text, size_t len, int64_t *ret_taken_ms,
		      struct buf *err)
{
	struct import_cfg cfg = { .source = "photos", .ns = NS, .is_vault = true };
	struct import *im = import_new(NULL, &cfg);
	int fd = memfd_create("inventory", MFD_CLOEXEC);
	assert_true(im && fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	int r = inventory_read(fd, NS, im, ret_taken_ms, err);
	close(fd);
	import_free(im);
	return r;
}

static const struct {
	const char *text;
	const char *says; /* NULL: it is good */
} rows[] = {
	{ "{" ARN ",\"InventoryDate\":\"2016-01-02T03:04:05Z\",\"ArchiveList\":[" ITEM
	  "]}",
	  NULL },
	{ " \n{\"ArchiveList\":[]," ARN "}", NULL },
	{ HEAD "A1,plain," DATE ",9," HASH "\r\n", NULL },
	{ HEAD "A1,plain," DATE ",9," HASH, NULL },
	{ "Size,More,ArchiveDescription,ArchiveId\n9,x,\"a \\\"b\\\", c\",A1\n", NULL },
	{ HEAD "A1,\"{\\\"Path\\\":\\\"x,y\\\"}\"," DATE ",9," HASH "\n", NULL },
	{ HEAD, NULL },

	{ "{" ARN ",\"ArchiveList\":[" ITEM "]", "it ends here" },
	{ "{" ARN ",\"ArchiveList\":[" ITEM ",{\"Arch", "it ends here" },
	{ "{" ARN "}", "it ends here" },
	{ "{" ARN ",\"ArchiveList\":[{\"Size\":9}]}", "damaged at byte" },
	{ "{" ARN ",\"ArchiveList\":[{\"ArchiveId\":\"A\"}]}", "damaged at byte" },
	{ "{" ARN ",\"ArchiveList\":[" ITEM "]} tail", "damaged at byte" },
	{ "{\"ArchiveList\":[" ITEM "]}", "of which vault" },
	{ "{\"VaultARN\":\"arn:aws:glacier:eu-west-1:1:vaults/photos\",\"ArchiveList\":[]}",
	  "of another vault: arn" },
	{ "{\"VaultARN\":\"arn:aws:glacier:us-east-1:1:vaults/photos2\",\"ArchiveList\":[]}",
	  "of another vault" },
	{ "{\"VaultARN\":\"photos\",\"ArchiveList\":[]}", "of another vault" },
	{ "", "line 1: it is empty" },
	{ "A1,plain\n", "line 1: the first line must name" },
	{ "ArchiveId,ArchiveId,ArchiveDescription,Size\n", "line 1: the first line" },
	{ HEAD "A1,plain," DATE ",9\n", "line 2: not as many fields" },
	{ HEAD "A1,plain," DATE ",nine," HASH "\n", "line 2: the Size" },
	{ HEAD "A1,plain,yesterday,9," HASH "\n", "line 2: the CreationDate" },
	{ HEAD "A1,plain," DATE ",9," HASH "\n\nA2,x," DATE ",9,6b9d",
	  "line 4: the SHA256" },
	{ HEAD ",plain," DATE ",9," HASH "\n", "line 2: the ArchiveId" },
	{ HEAD "A1,\"plain," DATE ",9," HASH "\n", "line 2: quotes" },
	{ "\x7f\x45\x4c\x46\x02\x01", "line 1:" },
};

static void it_is_read_or_says_where_it_broke(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ struct buf err;
		int64_t taken_ms = 0;
		buf_init(&err, BUF_TEXT_MAX);
		int r = read_bytes(rows[i].text, strlen(rows[i].text), &taken_ms, &err);
		if (!rows[i].says && (r < 0 || taken_ms <= 0))
			fail_msg("row %zu: %d %s", i, r, err.len ? err.data : "");
		if (rows[i].says && (r != -EBADMSG || !strstr(err.data, rows[i].says)))
			fail_msg("row %zu: %d %s", i, r, err.len ? err.data : "");
	}
}

static void json_says_when_it_was_taken(void **state)
{
	_buf_ struct buf err;
	int64_t taken_ms = 0;
	(void)state;
	buf_init(&err, BUF_TEXT_MAX);
	assert_int_equal(read_bytes(rows[0].text, strlen(rows[0].text), &taken_ms, &err),
			 0);
	assert_int_equal(taken_ms, INT64_C(1451703845000));
}

/* xorshift: the same bytes in every run. */
static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void no_bytes_are_too_strange(void **state)
{
	uint64_t x = 88172645463325252u;
	(void)state;
	for (int n = 0; n < 4000; n++) {
		const char *base = rows[next(&x) % ARRAY_SIZE(rows)].text;
		char text[1024];
		size_t len = strlen(base);
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): on purpose */
		memcpy(text, base, len);
		for (size_t k = next(&x) % 4; k > 0 && len > 0; k--)
			text[next(&x) % len] = (char)next(&x);
		if (len > 0 && next(&x) % 4 == 0)
			len = next(&x) % len;
		_buf_ struct buf err;
		int64_t taken_ms;
		buf_init(&err, BUF_TEXT_MAX);
		int r = read_bytes(text, len, &taken_ms, &err);
		assert_true(r == 0 || (r == -EBADMSG && err.len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_read_or_says_where_it_broke),
		cmocka_unit_test(json_says_when_it_was_taken),
		cmocka_unit_test(no_bytes_are_too_strange),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
