/* SPDX-License-Identifier: Apache-2.0 */
/* ~/.aws/credentials and ~/.aws/config. */
#include "fuzz.h"
#include "profile.h"
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
		profile_refresh(&p);
		profile_done(&p);
	}
	return 0;
}
