/* SPDX-License-Identifier: Apache-2.0 */
/* ~/.aws/credentials and ~/.aws/config. */
#include "fuzz.h"
#include "profile.h"
#include <errno.h>
#include <stdio.h>

static void read_twice(const char *path, enum profile_section kind)
{
	struct profile p;

	if (profile_init(&p, path, kind, "default") < 0)
		abort();
	int r = profile_refresh(&p);
	assert(profile_refresh(&p) == r);
	for (enum profile_key k = 0; k < PROFILE_KEYS; k++) {
		assert(*profile_key_name(k));
		assert(!p.values[k] || p.is_found);
	}
	profile_done(&p);
}

static void read_nothing(enum profile_section kind)
{
	struct profile p;

	if (profile_init(&p, "/nowhere/at/all", kind, "x") < 0)
		abort();
	assert(profile_refresh(&p) == -ENOENT);
	profile_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_close_ int fd = fuzz_file(data, size);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (enum profile_section kind = PROFILE_SHARED; kind <= PROFILE_SSO_SESSION;
	     kind++) {
		read_twice(path, kind);
		read_nothing(kind);
	}
	return 0;
}
