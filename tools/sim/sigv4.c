/* SPDX-License-Identifier: Apache-2.0 */
/* sigv4 - the signature check, written for the simulator alone.
 *
 * S3: path encoded once, as sent. Others: dot segments and double slashes removed, the path
 * encoded once or twice (both are accepted: they differ for no legal vault request). Every
 * x-amz-* header sent must be signed. Times are real. (AWS protocol reference 1.11, 2.9, 2.10,
 * 4.1, 4.3; vectors in its appendix A; 2026-09.)
 */
#include <assert.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "server.h"
#include "sigv4.h"
#include "str.h"

#define WEEK_S       604800
#define SKEW_S3_S    900
#define SKEW_OTHER_S 300

static const char algorithm[] = "AWS4-HMAC-SHA256";
static const char empty_sha256[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

enum why {
	WHY_NO_AUTH,
	WHY_MALFORMED,
	WHY_MALFORMED_QUERY,
	WHY_UNKNOWN_KEY,
	WHY_SCOPE,
	WHY_SKEW,
	WHY_NOT_SIGNED,
	WHY_NO_HASH,
	WHY_BAD_HASH,
	WHY_MISMATCH,
	WHY_EXPIRED,
	WHY_TOKEN,
	WHY_TOKEN_EXPIRED,
};

#define CODES 3 /* one a dialect */

static const struct {
	struct {
		int status;
		const char *code;
	} by[CODES];
} refusals[] = {
	[WHY_NO_AUTH] = { { { 403, "AccessDenied" },
			    { 400, "MissingAuthenticationTokenException" },
			    { 403, "MissingAuthenticationToken" } } },
	[WHY_MALFORMED] = { { { 400, "AuthorizationHeaderMalformed" },
			      { 400, "IncompleteSignatureException" },
			      { 400, "IncompleteSignature" } } },
	[WHY_MALFORMED_QUERY] = { { { 400, "AuthorizationQueryParametersError" },
				    { 400, "IncompleteSignatureException" },
				    { 400, "IncompleteSignature" } } },
	[WHY_UNKNOWN_KEY] = { { { 403, "InvalidAccessKeyId" },
				{ 400, "UnrecognizedClientException" },
				{ 403, "InvalidClientTokenId" } } },
	[WHY_SCOPE] = { { { 400, "AuthorizationHeaderMalformed" },
			  { 403, "InvalidSignatureException" },
			  { 403, "SignatureDoesNotMatch" } } },
	[WHY_SKEW] = { { { 403, "RequestTimeTooSkewed" },
			 { 403, "InvalidSignatureException" },
			 { 403, "SignatureDoesNotMatch" } } },
	[WHY_NOT_SIGNED] = { { { 403, "AccessDenied" },
			       { 403, "InvalidSignatureException" },
			       { 403, "SignatureDoesNotMatch" } } },
	[WHY_NO_HASH] = { { { 400, "InvalidRequest" },
			    { 400, "MissingParameterValueException" },
			    { 400, "MissingParameter" } } },
	[WHY_BAD_HASH] = { { { 400, "XAmzContentSHA256Mismatch" },
			     { 400, "InvalidParameterValueException" },
			     { 400, "InvalidParameterValue" } } },
	[WHY_MISMATCH] = { { { 403, "SignatureDoesNotMatch" },
			     { 403, "InvalidSignatureException" },
			     { 403, "SignatureDoesNotMatch" } } },
	[WHY_EXPIRED] = { { { 403, "AccessDenied" },
			    { 403, "InvalidSignatureException" },
			    { 403, "SignatureDoesNotMatch" } } },
	[WHY_TOKEN] = { { { 400, "InvalidToken" },
			  { 400, "UnrecognizedClientException" },
			  { 403, "InvalidClientTokenId" } } },
	[WHY_TOKEN_EXPIRED] = { { { 400, "ExpiredToken" },
				  { 403, "ExpiredTokenException" },
				  { 400, "ExpiredToken" } } },
};

static void auth_done(struct auth *a)
{
	free(a->text);
	free(a->names_text);
}

static int _printf_(4, 5) refuse(const struct sim_conn *c, enum why why,
				 struct sim_refusal *ret, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ret->status = refusals[why].by[sim_dialect(c)].status;
	ret->code = refusals[why].by[sim_dialect(c)].code;
	buf_puts(&ret->message, text);
	return 1;
}

static void xml_element(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "<%s>", name);
	for (; *text; text++) {
		if (*text == '<')
			buf_puts(out, "&lt;");
		else if (*text == '&')
			buf_puts(out, "&amp;");
		else
			buf_putc(out, *text);
	}
	buf_printf(out, "</%s>", name);
}

static void sha256_hex(const void *data, size_t len, char ret[65])
{
	uint8_t md[32];

	EVP_Digest(data, len, md, NULL, EVP_sha256(), NULL);
	hex_encode(md, 32, ret);
}

/* "ID/20260102/us-east-1/glacier/aws4_request": split in place. */
static bool scope_split(struct auth *a, char *scope)
{
	a->key_id = strsep(&scope, "/");
	a->day = strsep(&scope, "/");
	a->region = strsep(&scope, "/");
	a->service = strsep(&scope, "/");
	a->terminator = strsep(&scope, "/");
	return a->key_id && a->day && a->region && a->service && a->terminator &&
	       !scope && *a->key_id && streq(a->terminator, "aws4_request");
}

static bool header_split(struct auth *a, const char *header)
{
	char *scope = NULL;

	a->text = strdup(header + strlen(algorithm));
	if (!a->text)
		return false;
	for (char *at = a->text, *word; at && (word = strsep(&at, ","));) {
		word += strspn(word, " \t");
		char *value = strchr(word, '=');
		if (!value)
			return false;
		*value++ = 0;
		value[strcspn(value, " \t")] = 0;
		if (streq(word, "Credential"))
			scope = value;
		else if (streq(word, "SignedHeaders"))
			a->signed_names = value;
		else if (streq(word, "Signature"))
			a->signature = value;
	}
	return scope && a->signed_names && a->signature && scope_split(a, scope);
}

static bool query_split(const struct sim_conn *c, struct auth *a)
{
	const char *scope = sim_query(&c->req, "X-Amz-Credential");
	const char *expires = sim_query(&c->req, "X-Amz-Expires");

	a->is_presigned = true;
	a->signed_names = sim_query(&c->req, "X-Amz-SignedHeaders");
	a->signature = sim_query(&c->req, "X-Amz-Signature");
	a->stamp = sim_query(&c->req, "X-Amz-Date");
	if (!scope || !a->signed_names || !a->signature || !a->stamp || !expires)
		return false;
	if (str_to_i64(expires, &a->expires_s) < 0 || a->expires_s < 1 ||
	    a->expires_s > WEEK_S)
		return false;
	a->text = strdup(scope);
	return a->text && scope_split(a, a->text);
}

static bool stamp_parse(const char *stamp, int64_t *ret_s)
{
	struct tm tm = { 0 };
	const char *end = stamp ? strptime(stamp, "%Y%m%dT%H%M%SZ", &tm) : NULL;

	if (!end || *end)
		return false;
	*ret_s = timegm(&tm);
	return true;
}

static int auth_read(const struct sim_conn *c, struct auth *a, struct sim_refusal *ret)
{
	const char *header = sim_fields_get(&c->headers, "authorization");

	if (sim_query(&c->req, "X-Amz-Algorithm")) {
		if (!query_split(c, a))
			return refuse(c, WHY_MALFORMED_QUERY, ret,
				      "Query-string authentication version 4 requires "
				      "the X-Amz-Algorithm, X-Amz-Credential, "
				      "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, "
				      "and X-Amz-Expires parameters.");
	} else if (!header) {
		return refuse(c, WHY_NO_AUTH, ret,
			      c->service != SIM_S3 ? "Missing Authentication Token"
						   : "Access Denied");
	} else if (!str_after(header, algorithm) || !header_split(a, header)) {
		return refuse(c, WHY_MALFORMED, ret,
			      "The authorization header is malformed.");
	} else {
		a->stamp = sim_fields_get(&c->headers, "x-amz-date");
	}
	if (!stamp_parse(a->stamp, &a->stamp_s) || strncmp(a->stamp, a->day, 8) != 0 ||
	    strlen(a->day) != 8)
		return refuse(
			c, WHY_MALFORMED, ret,
			"Date in Credential scope does not match a valid X-Amz-Date.");
	return 0;
}

static int scope_check(const struct sim_conn *c, const struct auth *a,
		       struct sim_refusal *ret)
{
	const char *service = sim_service_name(c->service);

	/* Some have one endpoint for all regions, which is us-east-1's. (4.4, 5.4) */
	bool is_global = c->service == SIM_STS || c->service == SIM_PRICING;
	if (!streq(a->region, c->req.sim->region) &&
	    !(is_global && streq(a->region, "us-east-1")) &&
	    !(c->service == SIM_S3 && sim_s3_has_region(c->req.sim, a->region))) {
		if (c->service != SIM_S3)
			return refuse(c, WHY_SCOPE, ret,
				      "Credential should be scoped to a valid region, "
				      "not '%s'. ",
				      a->region);
		xml_element(&ret->extra_xml, "Region", c->req.sim->region);
		ret->region = c->req.sim->region;
		return refuse(c, WHY_SCOPE, ret,
			      "The authorization header is malformed; the region '%s' is "
			      "wrong; expecting '%s'",
			      a->region, c->req.sim->region);
	}
	if (!streq(a->service, service))
		return refuse(c, WHY_SCOPE, ret,
			      "Credential should be scoped to correct service: '%s'. ",
			      service);
	return 0;
}

static void stamp_print(int64_t s, char ret[20])
{
	struct tm tm;
	time_t t = (time_t)s;

	gmtime_r(&t, &tm);
	strftime(ret, 20, "%Y%m%dT%H%M%SZ", &tm);
}

static int skew_refuse(const struct sim_conn *c, const struct auth *a, int64_t now_s,
		       struct sim_refusal *ret)
{
	char now[20];
	char edge[20];
	char iso[32];
	bool is_late = a->stamp_s < now_s;

	stamp_print(now_s, now);
	stamp_print(is_late ? now_s - SKEW_OTHER_S : now_s + SKEW_OTHER_S, edge);
	if (c->service != SIM_S3)
		return refuse(
			c, WHY_SKEW, ret,
			is_late ? "Signature expired: %s is now earlier than %s (%s - "
				  "5 min.)"
				: "Signature not yet current: %s is still later than "
				  "%s (%s + 5 min.)",
			a->stamp, edge, now);
	sim_time_iso(now_s * 1000, iso);
	xml_element(&ret->extra_xml, "RequestTime", a->stamp);
	xml_element(&ret->extra_xml, "ServerTime", iso);
	xml_element(&ret->extra_xml, "MaxAllowedSkewMilliseconds", "900000");
	return refuse(
		c, WHY_SKEW, ret,
		"The difference between the request time and the current time is too "
		"large.");
}

static int time_check(const struct sim_conn *c, const struct auth *a,
		      struct sim_refusal *ret)
{
	int64_t now_s = time(NULL);
	int64_t skew_s = c->service != SIM_S3 ? SKEW_OTHER_S : SKEW_S3_S;
	char iso[32];

	if (!a->is_presigned) {
		if (a->stamp_s >= now_s - skew_s && a->stamp_s <= now_s + skew_s)
			return 0;
		return skew_refuse(c, a, now_s, ret);
	}
	if (a->stamp_s > now_s + skew_s)
		return refuse(c, WHY_EXPIRED, ret, "Request is not valid yet");
	if (now_s <= a->stamp_s + a->expires_s)
		return 0;
	buf_printf(&ret->extra_xml, "<X-Amz-Expires>%" PRId64 "</X-Amz-Expires>",
		   a->expires_s);
	sim_time_iso((a->stamp_s + a->expires_s) * 1000, iso);
	xml_element(&ret->extra_xml, "Expires", iso);
	sim_time_iso(now_s * 1000, iso);
	xml_element(&ret->extra_xml, "ServerTime", iso);
	return refuse(c, WHY_EXPIRED, ret, "Request has expired");
}

static bool name_is_signed(const struct auth *a, const char *name)
{
	for (size_t i = 0; i < a->n_names; i++) {
		if (strcasecmp(a->names[i], name) == 0)
			return true;
	}
	return false;
}

/* All signed headers are there, host is among them, and so is every x-amz-* sent. The session
 * token may be unsigned except on S3 (suite case post-sts-header-after). */
static int names_check(const struct sim_conn *c, struct auth *a, struct sim_refusal *ret)
{
	a->names_text = strdup(a->signed_names);
	if (!a->names_text)
		return -ENOMEM;
	for (char *at = a->names_text, *name; at && (name = strsep(&at, ";"));) {
		if (a->n_names == SIGNED_MAX || !sim_fields_get(&c->headers, name))
			return refuse(c, WHY_NOT_SIGNED, ret,
				      "'%s' is a signed header but was not sent.", name);
		if (a->n_names && strcmp(a->names[a->n_names - 1], name) >= 0)
			return refuse(c, WHY_MALFORMED, ret,
				      "SignedHeaders must be sorted.");
		a->names[a->n_names++] = name;
	}
	if (!name_is_signed(a, "host"))
		return refuse(c, WHY_NOT_SIGNED, ret, "'Host' must be a signed header.");
	for (size_t i = 0; i < c->headers.n; i++) {
		const char *name = c->headers.v[i].name;
		if (strncasecmp(name, "x-amz-", 6) != 0 || name_is_signed(a, name))
			continue;
		if (c->service != SIM_S3 && strcasecmp(name, "x-amz-security-token") == 0)
			continue;
		xml_element(&ret->extra_xml, "HeadersNotSigned", name);
		return refuse(c, WHY_NOT_SIGNED, ret,
			      "There were headers present in the request which were not "
			      "signed: %s",
			      name);
	}
	return 0;
}

static int payload_check(const struct sim_conn *c, struct auth *a,
			 struct sim_refusal *ret)
{
	const char *sent = sim_fields_get(&c->headers, "x-amz-content-sha256");

	hex_encode(c->req.body_sha256, 32, a->body_hash);
	a->payload_hash = sent ? sent : a->body_hash;
	if (!sent && c->service == SIM_S3) {
		if (!a->is_presigned)
			return refuse(c, WHY_NO_HASH, ret,
				      "Missing required header for this request: "
				      "x-amz-content-sha256");
		a->payload_hash = "UNSIGNED-PAYLOAD";
	}
	if (c->service == SIM_S3 && (streq(a->payload_hash, "UNSIGNED-PAYLOAD") ||
				     str_after(a->payload_hash, "STREAMING-")))
		return 0;
	if (strcasecmp(a->payload_hash, a->body_hash) == 0)
		return 0;
	xml_element(&ret->extra_xml, "ClientComputedContentSHA256", a->payload_hash);
	xml_element(&ret->extra_xml, "S3ComputedContentSHA256", a->body_hash);
	return refuse(
		c, WHY_BAD_HASH, ret,
		c->service != SIM_S3
			? "The value passed in as x-amz-content-sha256 does not match the "
			  "computed payload hash. Computed digest: %s expected hash: %s"
			: "The provided 'x-amz-content-sha256' header does not match what "
			  "was computed.",
		a->body_hash, a->payload_hash);
}

static void string_to_sign(const struct auth *a, const struct buf *canonical,
			   struct buf *out)
{
	char hash[65];

	sha256_hex(canonical->data, canonical->len, hash);
	buf_printf(out, "%s\n%s\n%s/%s/%s/aws4_request\n%s", algorithm, a->stamp, a->day,
		   a->region, a->service, hash);
}

static void sign(const uint8_t key[32], const char *text, char ret[65])
{
	uint8_t mac[32];

	HMAC(EVP_sha256(), key, 32, (const uint8_t *)text, strlen(text), mac, NULL);
	hex_encode(mac, 32, ret);
}

void signature_make(const struct auth *a, const uint8_t key[32],
		    const struct buf *canonical, struct buf *to_sign, char ret[65])
{
	string_to_sign(a, canonical, to_sign);
	sign(key, to_sign->data, ret);
}

/* Whether the signature fits; leaves both strings for the refusal. */
static bool signature_fits(const struct sim_conn *c, const struct auth *a, int times,
			   const uint8_t key[32], struct buf *canonical,
			   struct buf *to_sign)
{
	char want[65];

	buf_reset(canonical);
	buf_reset(to_sign);
	canonical_request(c, a, times, canonical);
	if (canonical->err)
		return false;
	signature_make(a, key, canonical, to_sign, want);
	return strlen(a->signature) == 64 && CRYPTO_memcmp(want, a->signature, 64) == 0;
}

/* Signatures of chunks chain from the head's; a signed trailer ends the chain. */
static bool chunks_fit(const struct sim_conn *c, const struct auth *a,
		       const uint8_t key[32])
{
	const struct sim_spool *s = &c->spool;
	const char *previous = a->signature;
	char hash[65];
	char want[65];
	char text[640];

	if (!s->chunk_md)
		return true;
	for (size_t i = 0; i < s->n_chunks; i++) {
		hex_encode(s->chunks[i].sha256, 32, hash);
		snprintf(text, sizeof(text),
			 "%s-PAYLOAD\n%s\n%s/%s/%s/aws4_request\n%s\n%s\n%s", algorithm,
			 a->stamp, a->day, a->region, a->service, previous, empty_sha256,
			 hash);
		sign(key, text, want);
		if (!streq(want, s->chunks[i].signature))
			return false;
		previous = s->chunks[i].signature;
	}
	const char *signature = sim_fields_get(&s->trailers, "x-amz-trailer-signature");
	if (!signature)
		return !strstr(a->payload_hash, "-TRAILER");
	_buf_ struct buf trailer;
	buf_init(&trailer, CANONICAL_MAX);
	for (size_t i = 0; i < s->trailers.n; i++) {
		if (strcasecmp(s->trailers.v[i].name, "x-amz-trailer-signature") != 0)
			buf_printf(&trailer, "%s:%s\n", s->trailers.v[i].name,
				   s->trailers.v[i].value);
	}
	sha256_hex(trailer.data ? trailer.data : "", trailer.len, hash);
	snprintf(text, sizeof(text), "%s-TRAILER\n%s\n%s/%s/%s/aws4_request\n%s\n%s",
		 algorithm, a->stamp, a->day, a->region, a->service, previous, hash);
	sign(key, text, want);
	return streq(want, signature);
}

static int signature_check(const struct sim_conn *c, const struct auth *a,
			   struct sim_refusal *ret)
{
	static const char text[] =
		"The request signature we calculated does not match the signature you "
		"provided. Check your AWS Secret Access Key and signing method. Consult the "
		"service documentation for details.";
	_buf_ struct buf canonical;
	_buf_ struct buf to_sign;
	uint8_t key[32];

	buf_init(&canonical, CANONICAL_MAX);
	buf_init(&to_sign, CANONICAL_MAX);
	sim_keys_signing_key(c->req.sim->keys, a->key_id, a->day, a->region, a->service,
			     key);
	if ((c->service != SIM_S3 &&
	     signature_fits(c, a, 1, key, &canonical, &to_sign)) ||
	    signature_fits(c, a, 0, key, &canonical, &to_sign)) {
		if (chunks_fit(c, a, key))
			return 0;
		return refuse(c, WHY_MISMATCH, ret, "%s", text);
	}
	if (canonical.err)
		return -ENOMEM;
	refuse(c, WHY_MISMATCH, ret, "%s", text);
	if (c->service != SIM_S3) {
		buf_printf(
			&ret->message,
			"\n\nThe Canonical String for this request should have been\n'%s'"
			"\n\nThe String-to-Sign should have been\n'%s'\n",
			canonical.data, to_sign.data);
		return 1;
	}
	xml_element(&ret->extra_xml, "AWSAccessKeyId", a->key_id);
	xml_element(&ret->extra_xml, "StringToSign", to_sign.data);
	xml_element(&ret->extra_xml, "SignatureProvided", a->signature);
	xml_element(&ret->extra_xml, "CanonicalRequest", canonical.data);
	return 1;
}

/* Temporary keys come with their token, until they expire. (4.4) */
static int key_check(const struct sim_conn *c, const struct auth *a,
		     struct sim_refusal *ret)
{
	const char *token = sim_fields_get(&c->headers, "x-amz-security-token");

	if (!token)
		token = sim_query(&c->req, "X-Amz-Security-Token");
	switch (sim_keys_check(c->req.sim->keys, a->key_id, token)) {
	case KEY_GOOD:
		return 0;
	case KEY_EXPIRED:
		return refuse(c, WHY_TOKEN_EXPIRED, ret,
			      c->service == SIM_S3
				      ? "The provided token has expired."
				      : "The security token included in the request is "
					"expired");
	case KEY_TOKEN_WRONG:
		return refuse(c, WHY_TOKEN, ret,
			      c->service == SIM_S3
				      ? "The provided token is malformed or otherwise "
					"invalid."
				      : "The security token included in the request is "
					"invalid.");
	case KEY_UNKNOWN:
		break;
	}
	return refuse(
		c, WHY_UNKNOWN_KEY, ret,
		c->service == SIM_S3
			? "The AWS Access Key Id you provided does not exist in our "
			  "records."
			: "The security token included in the request is invalid.");
}

int sim_sigv4_check(struct sim_conn *c, struct sim_refusal *ret)
{
	_cleanup_(auth_done) struct auth a = { 0 };

	int r = auth_read(c, &a, ret);
	if (r)
		return r < 0 ? r : 0;
	assert(a.region && a.service && a.key_id);
	r = scope_check(c, &a, ret);
	if (r)
		return r < 0 ? r : 0;
	r = key_check(c, &a, ret);
	if (!r)
		r = names_check(c, &a, ret);
	if (!r)
		r = time_check(c, &a, ret);
	if (!r)
		r = payload_check(c, &a, ret);
	if (!r)
		r = signature_check(c, &a, ret);
	return r < 0 ? r : 0;
}
