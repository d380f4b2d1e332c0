/* SPDX-License-Identifier: Apache-2.0 */
/* keys - the access keys that the signature check knows, and the signing keys made of them.
 *
 * Issued keys are lines of DIR/credentials.jsonl. A signing key holds for a day, a region and a
 * service, and costs four HMACs: the last few of each key are remembered.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "io.h"
#include "json.h"
#include "log.h"
#include "map.h"
#include "server.h"
#include "sigv4.h"
#include "str.h"

#define FILE_MAX  ((size_t)64 << 20)
#define SCOPE_MAX 96
#define SCOPES    8

struct key {
	struct item item;
	char *secret;
	bool is_temporary;
	struct sim_issued issued; /* id always; the rest if temporary */
	char *id;
	struct {
		char scope[SCOPE_MAX];
		uint8_t key[32];
	} made[SCOPES];
	unsigned int next;
};

struct sim_keys {
	pthread_mutex_t mu; /* a leaf */
	struct map keys;
	int fd; /* -1: issued keys are not kept */
};

struct sim_keys *sim_keys_new(void)
{
	struct sim_keys *k = calloc(1, sizeof(*k));

	if (k) {
		pthread_mutex_init(&k->mu, NULL);
		k->fd = -1;
	}
	return k;
}

static void key_free(struct key *key)
{
	free(key->id);
	free(key->secret);
	free(key);
}

void sim_keys_free(struct sim_keys *k)
{
	if (!k)
		return;
	while (k->keys.first) {
		struct key *key = map_first(&k->keys);
		map_remove(&k->keys, &key->item);
		key_free(key);
	}
	if (k->fd >= 0)
		close(k->fd);
	pthread_mutex_destroy(&k->mu);
	free(k);
}

static int key_add(struct sim_keys *k, const char *id, const char *secret,
		   const struct sim_issued *issued)
{
	struct key *key = calloc(1, sizeof(*key));
	if (!key)
		return -ENOMEM;
	key->id = strdup(id);
	key->secret = strdup(secret);
	if (!key->id || !key->secret) {
		key_free(key);
		return -ENOMEM;
	}
	key->is_temporary = issued;
	if (issued)
		key->issued = *issued;
	pthread_mutex_lock(&k->mu);
	struct key *old = map_find(&k->keys, id);
	if (old) {
		map_remove(&k->keys, &old->item);
		key_free(old);
	}
	map_add(&k->keys, &key->item, key->id);
	pthread_mutex_unlock(&k->mu);
	return 0;
}

int sim_keys_add(struct sim_keys *k, const char *id, const char *secret)
{
	return key_add(k, id, secret, NULL);
}

static bool copy_word(struct json_object *o, const char *name, char *ret, size_t room)
{
	const char *s = NULL;

	if (json_str(o, name, &s) < 0 || strlen(s) >= room)
		return false;
	memcpy(ret, s, strlen(s) + 1);
	return true;
}

static int line_load(struct sim_keys *k, const char *line, size_t len)
{
	struct sim_issued issued = { 0 };
	uint64_t expires_s = 0;
	_cleanup_(json_freep) struct json_object *o = json_parse(line, len);

	if (!o || !copy_word(o, "id", issued.id, sizeof(issued.id)) ||
	    !copy_word(o, "secret", issued.secret, sizeof(issued.secret)) ||
	    !copy_word(o, "token", issued.token, sizeof(issued.token)) ||
	    !copy_word(o, "arn", issued.arn, sizeof(issued.arn)) ||
	    json_u64(o, "expires", &expires_s) < 0)
		return 0; /* cut by a crash: nobody was told */
	issued.expires_s = (int64_t)expires_s;
	return key_add(k, issued.id, issued.secret, &issued);
}

int sim_keys_open(struct sim_keys *k, int dir_fd)
{
	_buf_ struct buf text;

	buf_init(&text, FILE_MAX);
	k->fd = openat(dir_fd, "credentials.jsonl",
		       O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (k->fd < 0)
		return -errno;
	int r = file_read(dir_fd, "credentials.jsonl", FILE_MAX, &text);
	for (char *at = text.data, *line; !r && at && (line = strsep(&at, "\n"));)
		r = line_load(k, line, strlen(line));
	return r;
}

static int random_text(char *ret, size_t len, const char *letters, size_t n_letters)
{
	uint8_t bytes[128];

	if (len > sizeof(bytes) || getrandom(bytes, len, 0) != (ssize_t)len)
		return -EIO;
	for (size_t i = 0; i < len; i++)
		ret[i] = letters[bytes[i] % n_letters];
	ret[len] = 0;
	return 0;
}

int sim_keys_issue(struct sim_keys *k, struct sim_issued *issued)
{
	static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	_buf_ struct buf line;

	buf_init(&line, BUF_TEXT_MAX);
	memcpy(issued->id, "ASIA", 4);
	int r = random_text(issued->id + 4, 16, capitals, 32);
	if (!r)
		r = random_text(issued->secret, 40, base64, 64);
	if (!r)
		r = random_text(issued->token, 100, base64, 64);
	if (r < 0)
		return r;
	buf_printf(&line, "{\"id\":\"%s\",\"secret\":\"%s\",\"token\":\"%s\",\"arn\":",
		   issued->id, issued->secret, issued->token);
	json_quote(&line, issued->arn);
	buf_printf(&line, ",\"expires\":%" PRId64 "}\n", issued->expires_s);
	r = line.err;
	if (!r && k->fd >= 0)
		r = write_all(k->fd, line.data, line.len);
	return r < 0 ? r : key_add(k, issued->id, issued->secret, issued);
}

enum key_state sim_keys_check(struct sim_keys *k, const char *id, const char *token)
{
	enum key_state state = KEY_GOOD;

	pthread_mutex_lock(&k->mu);
	const struct key *key = map_find(&k->keys, id);
	if (!key)
		state = KEY_UNKNOWN;
	else if (key->is_temporary && (!token || !streq(token, key->issued.token)))
		state = KEY_TOKEN_WRONG;
	else if (key->is_temporary && time(NULL) >= key->issued.expires_s)
		state = KEY_EXPIRED;
	pthread_mutex_unlock(&k->mu);
	return state;
}

static void hmac(const uint8_t *key, size_t key_len, const char *text, uint8_t ret[32])
{
	HMAC(EVP_sha256(), key, (int)key_len, (const uint8_t *)text, strlen(text), ret,
	     NULL);
}

void signing_key_make(const char *secret, const char *day, const char *region,
		      const char *service, uint8_t ret[32])
{
	char first[300];
	int n = snprintf(first, sizeof(first), "AWS4%s", secret);
	size_t len = (size_t)n < sizeof(first) ? (size_t)n : sizeof(first) - 1;

	hmac((const uint8_t *)first, len, day, ret);
	hmac(ret, 32, region, ret);
	hmac(ret, 32, service, ret);
	hmac(ret, 32, "aws4_request", ret);
}

/* The signing key of a scope "DAY/REGION/SERVICE", made if it is not among the last few. */
static void remembered(struct key *key, const char *scope, uint8_t ret[32])
{
	char words[SCOPE_MAX];
	char *at = words;

	for (size_t i = 0; i < SCOPES; i++) {
		if (streq(key->made[i].scope, scope)) {
			memcpy(ret, key->made[i].key, 32);
			return;
		}
	}
	memcpy(words, scope, sizeof(words));
	const char *day = strsep(&at, "/");
	const char *region = strsep(&at, "/");
	signing_key_make(key->secret, day, region ? region : "", at ? at : "", ret);
	memcpy(key->made[key->next].scope, scope, SCOPE_MAX);
	memcpy(key->made[key->next].key, ret, 32);
	key->next = (key->next + 1) % SCOPES;
}

void sim_keys_signing_key(struct sim_keys *k, const char *id, const char *day,
			  const char *region, const char *service, uint8_t ret[32])
{
	char scope[SCOPE_MAX] = "";
	int n = snprintf(scope, sizeof(scope), "%s/%s/%s", day, region, service);
	bool is_kept = n < (int)sizeof(scope);

	memset(ret, 0, 32);
	pthread_mutex_lock(&k->mu);
	struct key *key = map_find(&k->keys, id);
	if (key && is_kept)
		remembered(key, scope, ret);
	else if (key)
		signing_key_make(key->secret, day, region, service, ret);
	pthread_mutex_unlock(&k->mu);
}

void sim_keys_arn(struct sim_keys *k, const char *id, char ret[300])
{
	pthread_mutex_lock(&k->mu);
	const struct key *key = map_find(&k->keys, id);
	snprintf(ret, 300, "%s",
		 !key                ? ""
		 : key->is_temporary ? key->issued.arn
				     : "arn:aws:iam::" SIM_ACCOUNT ":user/thaw-sim");
	pthread_mutex_unlock(&k->mu);
}
