/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of archives, and what they are called: whatever it says, it is a legal path. */
#include "catalog.h"
#include "fuzz.h"
#include "names.h"

static void check_component(const char *c, size_t len)
{
	static const char *const never[] = { "", ".", "..", ".thaw" };
	assert(len <= NAME_LEN_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		assert(strlen(never[i]) != len || memcmp(never[i], c, len) != 0);
}

static void check_path(const char *path)
{
	const char *slash;
	while ((slash = strchr(path, '/'))) {
		check_component(path, (size_t)(slash - path));
		path = slash + 1;
	}
	check_component(path, strlen(path));
}

static void describe(const char *text, bool is_separated)
{
	struct name_origin origin = { .changes = 0 };
	_buf_ struct buf path;

	buf_init(&path, BUF_TEXT_MAX);
	buf_init(&origin.text, BUF_TEXT_MAX);
	if (name_from_description(text, "archive", is_separated, &path, &origin) == 0)
		check_path(path.data);
	buf_done(&origin.text);
}

static void undo(const char *text)
{
	_buf_ struct buf plain;

	buf_init(&plain, BUF_TEXT_MAX);
	if (!strchr(text, '/') && name_unescape(text, &plain) == 0)
		assert(strlen(plain.data) <= strlen(text));
	name_is_folder_marker(text, strlen(text), 0);
	for (size_t n = 0; n < NAME_CHANGES; n++)
		assert(*name_change_word(n) && *name_change_help(n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = fuzz_text(data, size);
	unsigned int changes = 0;
	_buf_ struct buf key;

	describe(text, false);
	describe(text, true);
	undo(text);
	buf_init(&key, BUF_TEXT_MAX);
	if (size && name_from_path((const char *)data, size, &key, &changes) == 0)
		check_path(key.data);
	if (!size || !key.data)
		return 0;
	if (name_add_suffix(&key, "-20120515T171946Z") == 0)
		check_path(key.data);
	if (name_add_version(&key, text, &changes) == 0)
		check_path(key.data);
	return 0;
}
