/* SPDX-License-Identifier: Apache-2.0 */
/* thaw-sim - a local stand-in for the services: options, start, stop. */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>

#include "io.h"
#include "log.h"
#include "quirks.h"
#include "server.h"
#include "str.h"

#define DEFAULT_KEY    "AKIATHAWSIM000000000"
#define DEFAULT_SECRET "thaw-sim-secret"
#define SEEDS_MAX      64

static const char usage[] =
	"usage: thaw-sim --listen ADDRESS:PORT --data DIR [options]\n"
	"A local stand-in for Amazon Glacier vaults, S3, SQS, SNS, STS, instance metadata\n"
	"and the price list, with a clock that can be advanced, a bill, and faults on demand.\n"
	"\n"
	"  --listen ADDRESS:PORT  where to answer (port 0: any free one)\n"
	"  --data DIR             where everything is kept; made if missing\n"
	"  --speed N              a service hour passes in 3600/N seconds\n"
	"  --region NAME          default us-east-1\n"
	"  --key ID:SECRET        one more access key (default " DEFAULT_KEY
	":" DEFAULT_SECRET ")\n"
	"  --seed FILE            JSON with vaults and buckets to start with\n"
	"  --generate vault=NAME,archives=N,seed=S\n"
	"                         a vault of N archives that follow from the seed\n"
	"  --prices DIR           files of the price list (default " THAW_SIM_PRICES ")\n"
	"  --no-default-checksum  S3 uploads without a checksum get none, as before 2024\n"
	"  --expiry-from-request  days of a restored copy count from the request\n"
	"  --allow-remote         listen beyond loopback\n"
	"  --help, --version\n"
	"\n"
	"Administration: GET /_sim/clock, bill, requests, faults, quirks, topics;\n"
	"POST the same but bill and requests, and inventory, notify. See thaw-sim(1).\n";

struct options {
	const char *listen, *data, *region;
	double speed; /* < 0: not given */
	const char *seeds[SEEDS_MAX];
	size_t n_seeds;
	char *generates[SEEDS_MAX];
	size_t n_generates;
	bool is_remote_allowed;
};

enum {
	OPT_LISTEN = 256,
	OPT_DATA,
	OPT_SPEED,
	OPT_REGION,
	OPT_KEY,
	OPT_SEED,
	OPT_NO_SUM,
	OPT_PRICES,
	OPT_GENERATE,
	OPT_EXPIRY,
	OPT_REMOTE,
	OPT_HELP,
	OPT_VERSION
};

static const struct option longs[] = {
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "speed", required_argument, NULL, OPT_SPEED },
	{ "region", required_argument, NULL, OPT_REGION },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "generate", required_argument, NULL, OPT_GENERATE },
	{ "prices", required_argument, NULL, OPT_PRICES },
	{ "no-default-checksum", no_argument, NULL, OPT_NO_SUM },
	{ "expiry-from-request", no_argument, NULL, OPT_EXPIRY },
	{ "allow-remote", no_argument, NULL, OPT_REMOTE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static int bad_usage(const char *text)
{
	fprintf(stderr, "thaw-sim: %s\n%s", text, usage);
	return 2;
}

static int key_option(struct sim *sim, const char *arg)
{
	const char *colon = strchr(arg, ':');
	if (!colon || colon == arg)
		return bad_usage("--key is ID:SECRET");
	_free_ char *id = strndup(arg, (size_t)(colon - arg));
	if (!id || sim_keys_add(sim->keys, id, colon + 1) < 0)
		return 1;
	return 0;
}

static int speed_option(struct options *o, const char *arg)
{
	char *end = NULL;

	o->speed = strtod(arg, &end);
	if (end == arg || *end || !(o->speed >= 0 && o->speed <= 1e9))
		return bad_usage("--speed is a number from 0 to 10^9");
	return 0;
}

/* 0: go on; -1: done, end with success; else the exit status. */
static int option_take(int opt, struct options *o, struct sim *sim)
{
	switch (opt) {
	case OPT_LISTEN:
		o->listen = optarg;
		return 0;
	case OPT_DATA:
		o->data = optarg;
		return 0;
	case OPT_SPEED:
		return speed_option(o, optarg);
	case OPT_REGION:
		o->region = optarg;
		return 0;
	case OPT_KEY:
		return key_option(sim, optarg);
	case OPT_SEED:
		if (o->n_seeds == SEEDS_MAX)
			return bad_usage("too many seeds");
		o->seeds[o->n_seeds++] = optarg;
		return 0;
	case OPT_NO_SUM:
		sim->has_no_default_sum = true;
		return 0;
	case OPT_EXPIRY:
		sim->is_expiry_from_request = true;
		return 0;
	case OPT_GENERATE:
		if (o->n_generates == SEEDS_MAX)
			return bad_usage("too many generated vaults");
		o->generates[o->n_generates++] = optarg;
		return 0;
	case OPT_PRICES:
		sim->prices_dir = optarg;
		return 0;
	case OPT_REMOTE:
		o->is_remote_allowed = true;
		return 0;
	case OPT_HELP:
		fputs(usage, stdout);
		return -1;
	case OPT_VERSION:
		puts("thaw-sim " THAWFS_VERSION);
		return -1;
	default:
		fputs(usage, stderr);
		return 2;
	}
}

/* "127.0.0.1:8000", "[::1]:8000", "localhost:8000". */
static int address_parse(const char *s, struct sockaddr_storage *ret, socklen_t *ret_len,
			 bool *ret_is_loopback)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	const char *colon = strrchr(s, ':');
	uint64_t port = 0;

	if (!colon || str_to_u64(colon + 1, &port) < 0 || port > UINT16_MAX)
		return -EINVAL;
	_free_ char *host = *s == '[' ? strndup(s + 1, strcspn(s + 1, "]"))
				      : strndup(s, (size_t)(colon - s));
	if (!host)
		return -ENOMEM;
	*ret = (struct sockaddr_storage){ 0 };
	if (inet_pton(AF_INET, streq(host, "localhost") ? "127.0.0.1" : host,
		      &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*ret_len = sizeof(*v4);
		*ret_is_loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*ret_len = sizeof(*v6);
		*ret_is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
		return 0;
	}
	return -EINVAL;
}

static int data_open(struct sim *sim, const char *path)
{
	_free_ char *holder = NULL;

	sim->data_fd = dir_open_make(path);
	if (sim->data_fd < 0)
		return sim->data_fd;
	sim->data_dir = realpath(path, NULL);
	if (!sim->data_dir)
		return -errno;
	int r = lock_take(sim->data_fd, "lock", &holder);
	if (r == -EWOULDBLOCK)
		log_err("%s is in use by %s", path, holder ? holder : "another process");
	return r < 0 ? r : 0; /* the lock lives as long as the process */
}

/* "vault=NAME,archives=N,seed=S" */
static int generate(struct sim *sim, char *text)
{
	static char names[][9] = { "vault", "archives", "seed" };
	char *const words[] = { names[0], names[1], names[2], NULL };
	const char *vault = NULL;
	uint64_t numbers[3] = { 0, 0, 1 };
	char *value = NULL;

	while (*text) {
		int i = getsubopt(&text, words, &value);
		bool is_good = i >= 0 && value;
		if (is_good && i == 0)
			vault = value;
		else if (!is_good || str_to_u64(value, &numbers[i]) < 0)
			vault = NULL;
		if (!vault && i != 1 && i != 2)
			break;
	}
	if (vault && numbers[1])
		return sim_glacier_generate(sim, vault, numbers[1], numbers[2]);
	log_err("--generate is vault=NAME,archives=N[,seed=S]");
	return -EINVAL;
}

static int state_open(struct sim *sim, const struct options *o)
{
	sim->clock = sim_clock_open(sim->data_fd, o->speed);
	sim->bill = sim_bill_open(sim->data_fd);
	sim->log = sim_log_open(sim->data_fd);
	sim->faults = sim_faults_new();
	if (!sim->clock || !sim->bill || !sim->log || !sim->faults)
		return errno ? -errno : -ENOMEM;
	int r = sim_keys_open(sim->keys, sim->data_fd);
	if (!r)
		r = sim_quirks_open(sim);
	if (!r)
		r = sim_metadata_open(sim);
	if (!r)
		r = sim_sqs_open(sim);
	if (!r)
		r = sim_notify_open(sim);
	if (!r)
		r = sim_glacier_open(sim);
	if (!r)
		r = sim_s3_open(sim);
	for (size_t i = 0; i < o->n_generates && !r; i++)
		r = generate(sim, o->generates[i]);
	for (size_t i = 0; i < o->n_seeds && !r; i++)
		r = sim_seed_file(sim, o->seeds[i]);
	return r;
}

static void state_close(struct sim *sim)
{
	sim_s3_close(sim);
	sim_glacier_close(sim);
	sim_notify_close(sim);
	sim_quirks_close(sim);
	sim_metadata_close(sim);
	sim_sqs_close(sim);
	sim_faults_free(sim->faults);
	sim_log_close(sim->log);
	sim_bill_close(sim->bill);
	sim_clock_close(sim->clock);
	sim_keys_free(sim->keys);
	free(sim->data_dir);
	if (sim->data_fd >= 0)
		close(sim->data_fd);
}

/* Answers until SIGTERM or SIGINT. */
static int serve(struct sim *sim, const struct options *o)
{
	struct sockaddr_storage addr;
	socklen_t len = 0;
	bool is_loopback = false;
	uint16_t port = 0;
	sigset_t stop;
	int got = 0;

	if (address_parse(o->listen, &addr, &len, &is_loopback) < 0)
		return bad_usage("--listen is ADDRESS:PORT");
	if (!is_loopback && !o->is_remote_allowed)
		return bad_usage("only loopback addresses without --allow-remote");

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	int r = data_open(sim, o->data);
	if (!r)
		r = state_open(sim, o);
	if (!r)
		r = sim_server_start(sim, (struct sockaddr *)&addr, len, &port);
	if (r < 0) {
		log_err("cannot start: %s", strerrorname_np(-r));
		return 1;
	}
	printf("thaw-sim: listening on http://%.*s:%u\n",
	       (int)(strrchr(o->listen, ':') - o->listen), o->listen, port);
	fflush(stdout);
	sigwait(&stop, &got);
	sim_server_stop(sim);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = { .region = "us-east-1", .speed = -1 };
	struct sim sim = { .data_fd = -1,
			   .prices_dir = THAW_SIM_PRICES,
			   .mu = PTHREAD_MUTEX_INITIALIZER };
	int status = 0;
	int opt = 0;

	log_setup("thaw-sim", LOG_INFO, !isatty(STDERR_FILENO));
	sim.keys = sim_keys_new();
	if (!sim.keys || sim_keys_add(sim.keys, DEFAULT_KEY, DEFAULT_SECRET) < 0)
		return 1;
	while (!status && (opt = getopt_long(argc, argv, "", longs, NULL)) != -1)
		status = option_take(opt, &o, &sim);
	if (!status && (!o.listen || !o.data || optind < argc))
		status = bad_usage("--listen and --data are needed");
	sim.region = strdup_ptr(o.region);
	if (!status && sim.region)
		status = serve(&sim, &o);
	free(sim.region);
	state_close(&sim);
	return status < 0 ? 0 : status;
}
