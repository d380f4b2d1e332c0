/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup - scope-bound release for everything that has an end.
 *
 *	_free_ char *path = NULL;                 freed when the scope ends
 *	_close_ int fd = open(...);               closed when the scope ends
 *	_cleanup_(thing_freep) struct thing *t;   after DEFINE_CLEANUP(struct thing, thing_free)
 *
 * Give a value away with steal_ptr() or steal_fd(). Every destructor accepts NULL (or -1)
 * and half-built objects, returns nothing and keeps errno.
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _must_check_   __attribute__((warn_unused_result))
#define _printf_(a, b) __attribute__((format(printf, a, b)))

#define DEFINE_CLEANUP(type, func)                                   \
	static inline __attribute__((unused)) void func##p(type **p) \
	{                                                            \
		if (*p)                                              \
			func(*p);                                    \
	}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}

static inline int steal_fd(int *fd)
{
	int given = *fd;
	*fd = -1;
	return given;
}

#define _free_  _cleanup_(cleanup_free)
#define _close_ _cleanup_(cleanup_close)

#define steal_ptr(p)                        \
	({                                  \
		__typeof__(p) given_ = (p); \
		(p) = NULL;                 \
		given_;                     \
	})

#define ARRAY_SIZE(a)                 (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))

/* Members of a struct that can be copied together, as a `struct tag`, and named as if they were
 * not: what the kernel calls struct_group_tagged(). */
#define STRUCT_GROUP(tag, name, ...) \
	union {                      \
		struct {             \
			__VA_ARGS__  \
		};                   \
		struct tag {         \
			__VA_ARGS__  \
		} name;              \
	};
