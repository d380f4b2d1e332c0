/* SPDX-License-Identifier: Apache-2.0 */
/* thawfs-mount - makes a mount, gives its connection to the service manager, and ends.
 *
 *	thawfs-mount MOUNTPOINT USER
 *
 * The unit runs it as root before the daemon, which is USER from its first instruction, in a
 * namespace of its own: the mount is made outside of that, and the connection comes to the daemon as
 * descriptor 3 (sd_notify(3), FDSTORE; systemd 252). Nothing of what it does depends on what a
 * network says, nor on a configuration.
 *
 * Mount options: kernel Documentation/filesystems/fuse.rst, 6.12. Modes are looked at
 * (default_permissions) because others may use the mount (allow_other).
 */
#include "cleanup.h"
#include <fcntl.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static int fail(const char *what)
{
	fprintf(stderr, "thawfs-mount: %s: %m\n", what);
	return 1;
}

/* Sends `text`, with a descriptor where `fd` is one. 0 or -1 and errno. */
static int tell(const char *text, int fd)
{
	const char *path = secure_getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct cmsghdr *head = (struct cmsghdr *)control;
	struct iovec data = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr m = { .msg_name = &to, .msg_iov = &data, .msg_iovlen = 1 };

	if (!path || (*path != '/' && *path != '@') ||
	    strlen(path) >= sizeof(to.sun_path)) {
		errno = EDESTADDRREQ;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path));
	if (*path == '@')
		to.sun_path[0] = '\0';
	m.msg_namelen =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (fd >= 0) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		*head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					  .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	_close_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return s < 0 || sendmsg(s, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int mount_for(const struct passwd *user, const char *at, int fd)
{
	char options[160];

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,"
		 "default_permissions",
		 fd, user->pw_uid, user->pw_gid);
	return mount("thawfs", at, "fuse.thawfs", MS_NODEV | MS_NOSUID, options);
}

int main(int argc, char **argv)
{
	if (argc != 3 || argv[1][0] != '/') {
		fputs("usage: thawfs-mount MOUNTPOINT USER\n", stderr);
		return 2;
	}
	errno = 0;
	/* cppcheck-suppress getpwnamCalled ; there is one thread */
	const struct passwd *user = getpwnam(argv[2]);
	if (!user)
		return fail(argv[2]);
	_close_ int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail("/dev/fuse");
	if (mkdir(argv[1], 0755) < 0 && errno != EEXIST)
		return fail(argv[1]);
	if (mount_for(user, argv[1], fd) < 0)
		return fail(argv[1]);
	/* One of a daemon that has died is none any more. */
	(void)tell("FDSTOREREMOVE=1\nFDNAME=mount", -1);
	if (tell("FDSTORE=1\nFDNAME=mount", fd) == 0)
		return 0;
	int r = fail("the service manager takes no descriptor");
	(void)umount2(argv[1], MNT_DETACH);
	return r;
}
