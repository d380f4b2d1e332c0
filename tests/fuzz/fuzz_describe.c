/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of archives, and what they are called: whatever it says, it is a legal path. */
#include "catalog.h"
#include "fuzz.h"
#include "names.h"

static void check_path(const char *path)
{
	assert(*path);
	while (path) {
		const char *slash = strchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : strlen(path);
		assert(len > 0 && len <= NAME_LEN_MAX);
		assert(!(len == 1 && path[0] == '.'));
		assert(!(len == 2 && path[0] == '.' && path[1] == '.'));
		assert(!(len == 5 && !memcmp(path, ".thaw", 5)));
		path = slash ? slash + 1 : NULL;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *text = fuzz_text(data, size);
	for (int is_separated = 0; is_separated < 2; is_separated++) {
		struct name_origin origin = { .changes = 0 };
		_buf_ struct buf path;
		buf_init(&path, BUF_TEXT_MAX);
		buf_init(&origin.text, BUF_TEXT_MAX);
		if (name_from_description(text, "archive", is_separated, &path,
					  &origin) == 0)
			check_path(path.data);
		buf_done(&origin.text);
	}
	_buf_ struct buf key;
	unsigned int changes = 0;
	buf_init(&key, BUF_TEXT_MAX);
	if (size && name_from_path((const char *)data, size, &key, &changes) == 0)
		check_path(key.data);
	if (size && key.data && name_add_version(&key, text, &changes) == 0)
		check_path(key.data);
	return 0;
}
