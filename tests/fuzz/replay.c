/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a target every file of the directories named, as libFuzzer's -runs=0 would. */
#include "buf.h"
#include "fuzz.h"
#include "io.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#define INPUT_MAX ((size_t)1 << 20)

static int replay(int dir_fd, const char *name)
{
	_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	_free_ uint8_t *data = malloc(INPUT_MAX);
	ssize_t n = fd < 0 || !data ? -1 : pread_full(fd, data, INPUT_MAX, 0);
	if (n < 0) {
		fprintf(stderr, "%s cannot be read\n", name);
		return -1;
	}
	/* Of its own length, so that a read behind its end is seen. */
	_free_ uint8_t *input = malloc(n ? (size_t)n : 1);
	if (!input)
		return -1;
	memcpy(input, data, (size_t)n);
	LLVMFuzzerTestOneInput(input, (size_t)n);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int n = 0;
	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		const struct dirent *e;
		while (dir && (e = readdir(dir))) {
			if (e->d_name[0] == '.')
				continue;
			if (replay(dirfd(dir), e->d_name) < 0)
				return 1;
			n++;
		}
		if (dir)
			closedir(dir);
	}
	printf("%u inputs\n", n);
	return n ? 0 : 1;
}
