/* SPDX-License-Identifier: Apache-2.0 */
#include "users.h"
#include "str.h"
#include <grp.h>
#include <pwd.h>

static int number(const char *text, uint32_t *ret)
{
	uint64_t n;
	if (str_to_u64(text, &n) < 0 || n >= UINT32_MAX)
		return -ENOENT;
	*ret = (uint32_t)n;
	return 0;
}

int user_number(const char *name, uint32_t *ret)
{
	/* cppcheck-suppress getpwnamCalled ; there are no other threads yet */
	const struct passwd *pw = getpwnam(name);
	if (!pw)
		return number(name, ret);
	*ret = pw->pw_uid;
	return 0;
}

int group_number(const char *name, uint32_t *ret)
{
	/* cppcheck-suppress getgrnamCalled ; there are no other threads yet */
	const struct group *gr = getgrnam(name);
	if (!gr)
		return number(name, ret);
	*ret = gr->gr_gid;
	return 0;
}

/* A group's members stand with it: there may be many. */
#define GROUP_BYTES_MAX ((size_t)1 << 20)

int group_find(const char *name, uint32_t *ret)
{
	struct group row, *found = NULL;
	_free_ char *text = malloc(GROUP_BYTES_MAX);

	if (!text)
		return -ENOMEM;
	int r = getgrnam_r(name, &row, text, GROUP_BYTES_MAX, &found);
	if (r)
		return -r;
	if (!found)
		return number(name, ret);
	*ret = row.gr_gid;
	return 0;
}

#define USER_BYTES_MAX ((size_t)64 << 10)

void user_name(uint32_t uid, char *ret, size_t room)
{
	struct passwd row, *found = NULL;
	_free_ char *text = malloc(USER_BYTES_MAX);

	*ret = '\0';
	if (!text || getpwuid_r(uid, &row, text, USER_BYTES_MAX, &found) || !found)
		return;
	if (strlen(row.pw_name) < room)
		memcpy(ret, row.pw_name, strlen(row.pw_name) + 1);
}

void group_name(uint32_t gid, char *ret, size_t room)
{
	struct group row, *found = NULL;
	_free_ char *text = malloc(USER_BYTES_MAX);

	*ret = '\0';
	if (!text || getgrgid_r(gid, &row, text, USER_BYTES_MAX, &found) || !found)
		return;
	if (strlen(row.gr_name) < room)
		memcpy(ret, row.gr_name, strlen(row.gr_name) + 1);
}

size_t user_groups(uint32_t uid, uint32_t *ret, size_t room)
{
	struct passwd row, *found = NULL;
	_free_ char *text = malloc(USER_BYTES_MAX);
	int n = (int)room;

	if (!text || getpwuid_r(uid, &row, text, USER_BYTES_MAX, &found) || !found)
		return 0;
	/* Of too many it has filled the room, and tells the number there are. */
	(void)getgrouplist(row.pw_name, row.pw_gid, ret, &n);
	return (size_t)n < room ? (size_t)n : room;
}
