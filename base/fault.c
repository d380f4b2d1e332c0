/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"
#include "str.h"

#include <errno.h>

static const struct {
	int err;
	const char *word;
} kinds[] = {
	[FAULT_NONE] = { 0, "none" },
	[FAULT_NETWORK] = { -EIO, "network" },
	[FAULT_BUSY] = { -EAGAIN, "busy" },
	[FAULT_THROTTLED] = { -EAGAIN, "throttled" },
	[FAULT_CAPACITY] = { -EAGAIN, "capacity" },
	[FAULT_AUTH] = { -EACCES, "auth" },
	[FAULT_DENIED] = { -EACCES, "denied" },
	[FAULT_NOT_FOUND] = { -ENOENT, "not-found" },
	[FAULT_CHANGED] = { -ESTALE, "changed" },
	[FAULT_COLD] = { -EAGAIN, "cold" },
	[FAULT_REFUSED] = { -EACCES, "refused" },
	[FAULT_PROTOCOL] = { -EBADMSG, "protocol" },
};

int fault_errno(enum fault_kind kind)
{
	return kinds[kind].err;
}

const char *fault_word(enum fault_kind kind)
{
	return kinds[kind].word;
}

/* Copies what fits, whole characters only; controls and broken UTF-8 become '?'. */
static void printable_copy(char *ret, size_t room, const char *s)
{
	size_t len = s ? strlen(s) : 0, out = 0;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(s + i, len - i);
		bool is_c0 = n == 1 && ((uint8_t)s[i] < 0x20 || s[i] == 0x7f);
		bool is_c1 = n == 2 && (uint8_t)s[i] == 0xc2 && (uint8_t)s[i + 1] < 0xa0;
		bool is_bad = n == 0 || is_c0 || is_c1;
		size_t width = is_bad ? 1 : n;
		if (out + width >= room)
			break;
		memcpy(ret + out, is_bad ? "?" : s + i, width);
		out += width;
		i += n > 0 ? n : 1;
	}
	ret[out] = '\0';
}

void fault_set(struct fault *f, enum fault_kind kind, const char *code, const char *text)
{
	*f = (struct fault){ .kind = kind };
	printable_copy(f->code, sizeof(f->code), code);
	printable_copy(f->text, sizeof(f->text), text);
}
