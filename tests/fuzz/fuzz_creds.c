/* SPDX-License-Identifier: Apache-2.0 */
/* What those answer who hand out credentials, and the line that runs a process for them. */
#include "creds_fetch.h"
#include "creds_process.h"
#include "fuzz.h"

static void look(int r, struct creds_found *f)
{
	if (r < 0)
		return;
	assert(*f->id && *f->secret);
	assert(!strpbrk(f->id, "\r\n") && !strpbrk(f->secret, "\r\n"));
	assert(!f->token || !strpbrk(f->token, "\r\n"));
	creds_found_done(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	_free_ char *line = fuzz_text(data, size);
	_free_ char **words = command_split(line);
	struct creds_found f;
	char code[64] = "", words_of[200] = "";

	look(creds_json_parse(text, size, &f), &f);
	look(creds_sso_parse(text, size, &f), &f);
	look(creds_sts_parse(text, size, &f), &f);
	creds_sts_error(text, size, code, sizeof(code), words_of, sizeof(words_of));
	for (size_t i = 0; words && words[i]; i++)
		assert(strlen(words[i]) <= size);
	return 0;
}
