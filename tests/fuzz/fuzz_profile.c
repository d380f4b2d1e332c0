/* SPDX-License-Identifier: Apache-2.0 */
/* ~/.aws/credentials and ~/.aws/config. */
#include "fuzz.h"
#include "profile.h"
#include <errno.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_close_ int fd = fuzz_file(data, size);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (enum profile_section kind = PROFILE_SHARED; kind <= PROFILE_SSO_SESSION;
	     kind++) {
		struct profile p;
		if (profile_init(&p, path, kind, "default") < 0)
			abort();
		if (profile_refresh(&p) == 0)
			assert(profile_refresh(&p) == 0);
		for (enum profile_key k = 0; k < PROFILE_KEYS; k++)
			assert(*profile_key_name(k) && (!p.values[k] || p.is_found));
		profile_done(&p);
		if (profile_init(&p, "/nowhere/at/all", kind, "x") < 0)
			abort();
		assert(profile_refresh(&p) == -ENOENT);
		profile_done(&p);
	}
	return 0;
}
