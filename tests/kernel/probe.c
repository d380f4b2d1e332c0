/* SPDX-License-Identifier: Apache-2.0 */
/* probe - a filesystem that does what its file names say, to hold the kernel and libfuse to the
 * behaviour thawfs is designed on.
 *
 *	probe MOUNTPOINT [-o CONNECTION-OPTIONS] [--ignore-interrupt] [--enosys-interrupt]
 *
 * A file is named LETTERS.NUMBER, in any directory, and has 1 MiB; the letters say how it behaves:
 *	f  plainly		d  direct_io handles	k  keep_cache handles
 *	p  reads are parked	s  reads are answered short, with 5000 bytes
 *	l  its look-up is parked
 * Any extended attribute can be set, and is forgotten.
 * A parked request is answered EINTR when interrupted, EAGAIN at once on an O_NONBLOCK handle.
 * The directory `many` lists f.0 to f.1999.
 *
 * On stdout a line per request, "WORD key=value ...". On stdin, a command a line:
 *	answer		answers all that is parked, in full
 *	nokeep		from now on no handle has keep_cache
 *	inval NAME	notify_inval_inode, then says "invalidated"
 *	ready		polls report POLLIN, waiting ones are woken
 *	sync		nothing; as after every command, "done" follows all lines before it
 * The end of stdin unmounts and ends the process, whatever state it is in.
 *
 * Threads: main runs the session, one more the commands. `mu` protects the fields of `probe`
 * below it; replies are sent without it.
 */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_SIZE  (1 << 20)
#define SHORT_SIZE 5000
#define MANY_INO   2
#define MANY_COUNT 2000
#define TIMEOUT_S  3600.0

static const char letters[] = "dkpsl";
enum {
	IS_DIRECT = 1 << 0,
	IS_KEPT = 1 << 1,
	IS_PARKED = 1 << 2,
	IS_SHORT = 1 << 3,
	IS_LOOKUP_PARKED = 1 << 4,
};

struct parked {
	TAILQ_ENTRY(parked) link;
	uintptr_t id;
	fuse_req_t req;
	fuse_ino_t ino;
	bool is_lookup;
	size_t size_bytes;
};

static struct {
	struct fuse_session *se;
	struct fuse_conn_info_opts *conn_opts;
	int ignores_interrupt;
	int refuses_interrupt;

	pthread_mutex_t mu;
	TAILQ_HEAD(, parked) parked;
	uintptr_t last_id;
	bool never_keeps;
	bool is_ready;
	struct fuse_pollhandle *poller;
} probe = { .mu = PTHREAD_MUTEX_INITIALIZER };

static const char content[FILE_SIZE];

/* The inode number holds the letters and the number, so that nothing has to be remembered. */
static fuse_ino_t name_ino(const char *name)
{
	if (strcmp(name, "many") == 0)
		return MANY_INO;

	const char *dot = strchr(name, '.');
	if (!dot || dot == name)
		return 0;
	fuse_ino_t ino = 1 << 24 | strtoul(dot + 1, NULL, 10);
	for (const char *c = name; c < dot; c++) {
		const char *letter = strchr(letters, *c);
		if (letter)
			ino |= 1UL << (16 + (letter - letters));
	}
	return ino;
}

static bool ino_is(fuse_ino_t ino, int what)
{
	return (int)(ino >> 16) & what;
}

static struct stat ino_stat(fuse_ino_t ino)
{
	bool is_dir = ino < 1 << 24;

	return (struct stat){
		.st_ino = ino,
		.st_mode = is_dir ? S_IFDIR | 0755 : S_IFREG | 0644,
		.st_nlink = is_dir ? 2 : 1,
		.st_size = is_dir ? 0 : FILE_SIZE,
	};
}

static struct fuse_entry_param ino_entry(fuse_ino_t ino)
{
	return (struct fuse_entry_param){
		.ino = ino,
		.attr = ino_stat(ino),
		.attr_timeout = TIMEOUT_S,
		.entry_timeout = TIMEOUT_S,
	};
}

static void reply_lookup(fuse_req_t req, fuse_ino_t ino)
{
	struct fuse_entry_param e = ino_entry(ino);
	fuse_reply_entry(req, &e);
}

/* Unlinks and gives the record with this id, or the oldest for id 0, or NULL. */
static struct parked *parked_take(uintptr_t id)
{
	struct parked *p = NULL;

	pthread_mutex_lock(&probe.mu);
	TAILQ_FOREACH (p, &probe.parked, link)
		if (id == 0 || p->id == id)
			break;
	if (p)
		TAILQ_REMOVE(&probe.parked, p, link);
	pthread_mutex_unlock(&probe.mu);
	return p;
}

/* Called by libfuse in the session thread, with its lock on the request held. */
static void on_interrupt(fuse_req_t req, void *id)
{
	if (probe.ignores_interrupt)
		return;

	struct parked *p = parked_take((uintptr_t)id);
	if (!p)
		return;
	fuse_reply_err(req, EINTR);
	free(p);
}

/* Session thread. The request may be answered by the command thread as soon as it is linked. */
static void park(fuse_req_t req, fuse_ino_t ino, bool is_lookup, size_t size_bytes)
{
	struct parked *p = calloc(1, sizeof(*p));
	if (!p) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*p = (struct parked){ .req = req, .ino = ino, .is_lookup = is_lookup };
	p->size_bytes = size_bytes;
	p->id = ++probe.last_id;
	fuse_req_interrupt_func(req, on_interrupt, (void *)p->id);
	if (fuse_req_interrupted(req) && !probe.ignores_interrupt) {
		fuse_reply_err(req, EINTR);
		free(p);
		return;
	}
	pthread_mutex_lock(&probe.mu);
	TAILQ_INSERT_TAIL(&probe.parked, p, link);
	pthread_mutex_unlock(&probe.mu);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	fuse_apply_conn_info_opts(probe.conn_opts, conn);
	conn->want &= ~(
		unsigned int)FUSE_CAP_SPLICE_READ; /* the session loop looks at headers */
	printf("init async_read=%d readdirplus=%d readdirplus_auto=%d\n",
	       !!(conn->capable & conn->want & FUSE_CAP_ASYNC_READ),
	       !!(conn->capable & conn->want & FUSE_CAP_READDIRPLUS),
	       !!(conn->capable & conn->want & FUSE_CAP_READDIRPLUS_AUTO));
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_ino_t ino = name_ino(name);

	printf("lookup parent=%lu name=%s\n", parent, name);
	if (ino == 0)
		fuse_reply_err(req, ENOENT);
	else if (ino_is(ino, IS_LOOKUP_PARKED))
		park(req, ino, true, 0);
	else
		reply_lookup(req, ino);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = ino_stat(ino);

	(void)fi;
	fuse_reply_attr(req, &st, TIMEOUT_S);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->direct_io = ino_is(ino, IS_DIRECT);
	pthread_mutex_lock(&probe.mu);
	fi->keep_cache = ino_is(ino, IS_KEPT) && !probe.never_keeps;
	pthread_mutex_unlock(&probe.mu);
	printf("open ino=%lu\n", ino);
	fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	size_t left = off < FILE_SIZE ? (size_t)(FILE_SIZE - off) : 0;
	size_t n = size < left ? size : left;

	printf("read ino=%lu off=%jd size=%zu owner=%d nonblock=%d\n", ino, (intmax_t)off,
	       size, fi->lock_owner != 0, (fi->flags & O_NONBLOCK) != 0);
	if (!ino_is(ino, IS_PARKED))
		fuse_reply_buf(req, content,
			       ino_is(ino, IS_SHORT) && n > SHORT_SIZE ? SHORT_SIZE : n);
	else if (fi->flags & O_NONBLOCK)
		fuse_reply_err(req, EAGAIN);
	else
		park(req, ino, false, n);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	printf("release ino=%lu\n", ino);
	fuse_reply_err(req, 0);
}

static void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct fuse_pollhandle *ph)
{
	(void)fi;
	printf("poll ino=%lu waits=%d\n", ino, ph != NULL);
	pthread_mutex_lock(&probe.mu);
	unsigned int revents = probe.is_ready ? POLLIN : 0;
	if (ph) {
		if (probe.poller)
			fuse_pollhandle_destroy(probe.poller);
		probe.poller = ph;
	}
	pthread_mutex_unlock(&probe.mu);
	fuse_reply_poll(req, revents);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	(void)value;
	(void)size;
	(void)flags;
	printf("setxattr ino=%lu name=%s\n", ino, name);
	fuse_reply_err(req, 0);
}

/* The entry at `off` of a directory; false behind the last. */
static bool entry_at(fuse_ino_t dir, off_t off, char *ret_name, size_t room)
{
	if (dir == MANY_INO)
		snprintf(ret_name, room, "f.%jd", (intmax_t)off);
	else
		snprintf(ret_name, room, "many");
	return off < (dir == MANY_INO ? MANY_COUNT : 1);
}

static void list(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off, bool is_plus)
{
	char *out = malloc(size);
	size_t used = 0;
	char name[32];

	printf("readdir%s ino=%lu off=%jd\n", is_plus ? "plus" : "", dir, (intmax_t)off);
	if (!out) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (; entry_at(dir, off, name, sizeof(name)); off++) {
		struct fuse_entry_param e = ino_entry(name_ino(name));
		size_t room = size - used;
		size_t n = is_plus ? fuse_add_direntry_plus(req, out + used, room, name,
							    &e, off + 1)
				   : fuse_add_direntry(req, out + used, room, name,
						       &e.attr, off + 1);
		if (n > room)
			break;
		used += n;
	}
	fuse_reply_buf(req, out, used);
	free(out);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.poll = op_poll,
	.setxattr = op_setxattr,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
};

static void command_answer(const char *arg)
{
	struct parked *p = parked_take(0);

	(void)arg;
	for (; p; p = parked_take(0)) {
		if (p->is_lookup)
			reply_lookup(p->req, p->ino);
		else
			fuse_reply_buf(p->req, content, p->size_bytes);
		free(p);
	}
}

static void command_nokeep(const char *arg)
{
	(void)arg;
	pthread_mutex_lock(&probe.mu);
	probe.never_keeps = true;
	pthread_mutex_unlock(&probe.mu);
}

static void command_inval(const char *arg)
{
	printf("invalidating name=%s\n", arg);
	printf("invalidated result=%d\n",
	       fuse_lowlevel_notify_inval_inode(probe.se, name_ino(arg), 0, 0));
}

static void command_ready(const char *arg)
{
	(void)arg;
	pthread_mutex_lock(&probe.mu);
	struct fuse_pollhandle *ph = probe.poller;
	probe.poller = NULL;
	probe.is_ready = true;
	pthread_mutex_unlock(&probe.mu);
	if (!ph)
		return;
	fuse_lowlevel_notify_poll(ph);
	fuse_pollhandle_destroy(ph);
}

static const struct {
	const char *word;
	void (*run)(const char *arg);
} commands[] = {
	{ "answer", command_answer },
	{ "nokeep", command_nokeep },
	{ "inval", command_inval },
	{ "ready", command_ready },
};

static void *run_commands(void *unused)
{
	char line[128];

	while (fgets(line, sizeof(line), stdin)) {
		char *arg = line;
		const char *word = strsep(&arg, " \n");
		if (arg)
			arg[strcspn(arg, "\n")] = '\0';
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (strcmp(commands[i].word, word) == 0)
				commands[i].run(arg ? arg : "");
		printf("done command=%s\n", word);
	}
	fuse_session_unmount(probe.se);
	_exit(0);
	return unused;
}

/* libfuse answers no INTERRUPT by itself; this is the one answer that means something. */
static void refuse_interrupt(const struct fuse_in_header *in)
{
	struct fuse_out_header out = {
		.len = sizeof(out),
		.error = -ENOSYS,
		.unique = in->unique,
	};

	if (write(fuse_session_fd(probe.se), &out, sizeof(out)) < 0)
		perror("probe: answer to INTERRUPT");
}

static void run_session(void)
{
	struct fuse_buf buf = { .mem = NULL };

	for (;;) {
		int n = fuse_session_receive_buf(probe.se, &buf);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;

		const struct fuse_in_header *in = buf.mem;
		if (in->opcode == FUSE_INTERRUPT) {
			printf("interrupt\n");
			if (probe.refuses_interrupt) {
				refuse_interrupt(in);
				continue;
			}
		}
		fuse_session_process_buf(probe.se, &buf);
	}
	free(buf.mem);
}

int main(int argc, char **argv)
{
	static const struct fuse_opt options[] = {
		{ "--ignore-interrupt", 0, 1 },
		{ "--enosys-interrupt", sizeof(int), 1 },
		FUSE_OPT_END,
	};
	int flags[2] = { 0 };
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	const char *mountpoint = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	TAILQ_INIT(&probe.parked);
	if (argc < 2)
		return 2;
	argv[1] = argv[0];
	args.argv++;
	args.argc--;
	if (fuse_opt_parse(&args, flags, options, NULL) < 0)
		return 2;
	probe.ignores_interrupt = flags[0];
	probe.refuses_interrupt = flags[1];
	probe.conn_opts = fuse_parse_conn_info_opts(&args);
	probe.se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!probe.conn_opts || !probe.se)
		return 2;
	if (fuse_session_mount(probe.se, mountpoint) < 0)
		return 1;

	pthread_t thread;
	if (pthread_create(&thread, NULL, run_commands, NULL) == 0)
		run_session();
	_exit(0); /* unmounted or aborted by somebody else, or by the command thread */
}
