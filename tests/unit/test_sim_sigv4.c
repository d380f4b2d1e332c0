/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's own signatures against vectors that neither side made: the public suite of
 * aws-c-auth and the service-specific set (AWS protocol reference, appendix A, 2026-09). */
#include "test.h"

#include <stdio.h>
#include <strings.h>

#include "sigv4.h"
#include "str.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define T2                                                                       \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWs" \
	"KWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGde" \
	"ehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8T" \
	"x6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FD" \
	"rypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

struct vector {
	const char *name, *method, *uri;
	const char *headers; /* "Name:value" lines beyond host and date, all signed */
	const char *body;
	bool is_raw;   /* the path is not normalised */
	bool has_hash; /* x-amz-content-sha256 is sent and signed */
	const char *signature;
};

/* Service "service", host example.amazonaws.com, 20150830T123600Z. */
static const struct vector suite[] = {
	{ "get-header-key-duplicate", "GET", "/",
	  "My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1", "", false, false,
	  "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
	{ "get-header-value-multiline", "GET", "/",
	  "My-Header1:value1  value2     value3", "", false, false,
	  "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd" },
	{ "get-header-value-order", "GET", "/",
	  "My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2",
	  "", false, false,
	  "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
	{ "get-header-value-trim", "GET", "/",
	  "My-Header1: value1\nMy-Header2: \"a   b   c\"", "", false, false,
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "get-relative-normalized", "GET", "/example/..", "", "", false, false,
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-relative-relative-normalized", "GET", "/example1/example2/../..", "", "",
	  false, false,
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-relative-relative-unnormalized", "GET", "/example1/example2/../..", "", "",
	  true, false,
	  "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b" },
	{ "get-relative-unnormalized", "GET", "/example/..", "", "", true, false,
	  "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282" },
	{ "get-slash-dot-slash-normalized", "GET", "/./", "", "", false, false,
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slash-dot-slash-unnormalized", "GET", "/./", "", "", true, false,
	  "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145" },
	{ "get-slash-normalized", "GET", "//", "", "", false, false,
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slash-pointless-dot-normalized", "GET", "/./example", "", "", false, false,
	  "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5" },
	{ "get-slash-pointless-dot-unnormalized", "GET", "/./example", "", "", true,
	  false, "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff" },
	{ "get-slash-unnormalized", "GET", "//", "", "", true, false,
	  "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e" },
	{ "get-slashes-normalized", "GET", "//example//", "", "", false, false,
	  "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
	{ "get-slashes-unnormalized", "GET", "//example//", "", "", true, false,
	  "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5" },
	{ "get-space-normalized", "GET", "/example space/", "", "", false, false,
	  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
	{ "get-space-unnormalized", "GET", "/example space/", "", "", true, false,
	  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
	{ "get-unreserved", "GET",
	  "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "",
	  false, false,
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-utf8", "GET", "/\xe1\x88\xb4", "", "", false, false,
	  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
	{ "get-vanilla", "GET", "/", "", "", false, false,
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", false, false,
	  "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
	{ "get-vanilla-query", "GET", "/", "", "", false, false,
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-query-order-encoded", "GET",
	  "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "", false, false,
	  "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },
	{ "get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "",
	  "", false, false,
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-vanilla-query-unreserved", "GET",
	  "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
	  "", "", false, false,
	  "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
	{ "get-vanilla-utf8-query", "GET",
	  "/?\xe1\x88\xb4"
	  "=bar",
	  "", "", false, false,
	  "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
	{ "get-vanilla-with-session-token", "GET", "/",
	  "X-Amz-Security-Token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
	  "", false, false,
	  "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },
	{ "post-header-key-case", "POST", "/", "", "", false, false,
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-header-key-sort", "POST", "/", "My-Header1:value1", "", false, false,
	  "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
	{ "post-header-value-case", "POST", "/", "My-Header1:VALUE1", "", false, false,
	  "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
	{ "post-sts-header-after", "POST", "/", "", "", false, false,
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-sts-header-before", "POST", "/", "X-Amz-Security-Token:" T2 "", "", false,
	  false, "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" },
	{ "post-vanilla", "POST", "/", "", "", false, false,
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-vanilla-empty-query-value", "POST", "/?Param1=value1", "", "", false,
	  false, "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
	{ "post-vanilla-query", "POST", "/?Param1=value1", "", "", false, false,
	  "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
	{ "post-x-www-form-urlencoded", "POST", "/",
	  "Content-Type:application/x-www-form-urlencoded\nContent-Length:13",
	  "Param1=value1", false, true,
	  "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },
	{ "post-x-www-form-urlencoded-parameters", "POST", "/",
	  "Content-Type:application/x-www-form-urlencoded; charset=utf-8\nContent-Length:13",
	  "Param1=value1", false, true,
	  "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422" },
};

/* Service glacier, 20260102T030405Z. */
static const struct vector glacier[] = {
	{ "marker", "GET",
	  "/-/vaults?limit=2&marker=arn%3Aaws%3Aglacier%3Aus-west-2%3A012345678901%3Avaults%2F"
	  "examplevault1",
	  "", "", false, false,
	  "f491bfb2d76b7b89dac9ff7b1dbead4fca97bd8ea26b0b2eaf33cc0c5c72bb38" },
	{ "job", "POST", "/-/vaults/examplevault/jobs", "Content-Type:application/json",
	  "{\"Type\": \"archive-retrieval\", \"ArchiveId\": \"A_-x\", \"Tier\": \"Bulk\", "
	  "\"RetrievalByteRange\": \"0-4194303\", \"SNSTopic\": "
	  "\"arn:aws:sns:us-east-1:111122223333:t\"}",
	  false, false,
	  "18ce1e235f0de70cc3223e39d9021705dcc7687aadf9e6b02286f5b85de2d97f" },
	{ "output", "GET", "/-/vaults/v/jobs/J-_/output", "Range:bytes=0-1048575", "",
	  false, false,
	  "a824a7884988c53b8ac8ecad9f9a696ee8582565cb25447d896d857332634473" },
	{ "complete", "POST", "/-/vaults/v/multipart-uploads/U",
	  "x-amz-archive-size:7\nx-amz-sha256-tree-hash:00", "", false, false,
	  "ae123a7cda48375cbdea7baa6cc4e7df1623ef59cce60ce05eb005aef88ed20a" },
};

/* Service s3, host examplebucket.s3.amazonaws.com, 20260102T030405Z. */
static const struct vector s3[] = {
	{ "list", "GET",
	  "/?list-type=2&prefix=a%2Fb%20c&delimiter=%2F&continuation-token=1%2Fabc%3D%3D&"
	  "max-keys=1000&encoding-type=url",
	  "x-amz-optional-object-attributes:RestoreStatus", "", true, true,
	  "a670df4048c7bbde4e76126d576a058e2d0c539215b002608b2f47c38840e668" },
	{ "attributes", "GET", "/k?attributes",
	  "x-amz-max-parts:1000\nx-amz-object-attributes:ETag,Checksum,ObjectParts,"
	  "StorageClass,ObjectSize",
	  "", true, true,
	  "0f7900ff6849d5953c4a07db1775c6bd0bd191bfdb7de089e22998ba7059e291" },
	{ "head", "HEAD", "/k", "", "", true, true,
	  "1cd9f941b4d3691475eb4c26b4f29eb77fff4b51609db9b5be4f8249119ac60e" },
	{ "not normalised", "GET", "/a//b/./../c", "", "", true, true,
	  "9e45b5fd2015aa813c4f9a58bab523fd6b951035af6a141db5d8800db79f250c" },
	{ "trailing slash", "GET", "/trailing/", "", "", true, true,
	  "df8788194c690bb7dd00f13d4c6b798b7e29793e6bc425feaa441f8bd3b0a8be" },
	{ "restore", "POST", "/k?restore&versionId=v1", "",
	  "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>3</Days>"
	  "<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>",
	  true, true,
	  "5ba2cbefa0411bf755ed8dc98fc0071bb1d52a1441dde5d0517d36de7192241d" },
	{ "token", "GET", "/k",
	  "X-Amz-Security-Token:TOKEN/+=\nx-amz-checksum-mode:ENABLED", "", true, true,
	  "36f12a65b62bd634af84fcc6414dc226fca34f3f31ca2c37e7a89c357d2f40b9" },
};

/* No bucket anywhere else. */
bool sim_s3_has_region(struct sim *sim, const char *region)
{
	(void)sim;
	(void)region;
	return false;
}

static void header(struct sim_conn *c, const char *name, const char *value)
{
	assert_int_equal(
		sim_fields_add(&c->headers, name, strlen(name), value, strlen(value)), 0);
}

static void headers(struct sim_conn *c, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");
		size_t name_len = strcspn(lines, ":");
		assert_int_equal(sim_fields_add(&c->headers, lines, name_len,
						lines + name_len + 1, len - name_len - 1),
				 0);
		lines += len + (lines[len] == '\n');
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every header's name in lower case, sorted, once: in `a` as a request would list them. */
static void names(const struct sim_conn *c, struct auth *a, struct buf *joined)
{
	for (size_t i = 0; i < c->headers.n; i++) {
		char *name = strdup(c->headers.v[i].name);
		for (char *p = name; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
		bool is_there = false;
		for (size_t k = 0; k < a->n_names; k++)
			is_there |= streq(a->names[k], name);
		if (is_there)
			free(name);
		else
			a->names[a->n_names++] = name;
	}
	qsort(a->names, a->n_names, sizeof(*a->names), by_name);
	for (size_t i = 0; i < a->n_names; i++)
		buf_printf(joined, "%s%s", i ? ";" : "", a->names[i]);
	a->signed_names = joined->data;
}

static void check(const struct vector *v, struct auth a, const char *host)
{
	struct sim_conn *c = sim_conn_new(NULL, v->uri);
	struct buf canonical, to_sign, joined;
	char hash[65], got[65];
	uint8_t md[32];

	buf_init(&canonical, CANONICAL_MAX);
	buf_init(&to_sign, CANONICAL_MAX);
	buf_init(&joined, CANONICAL_MAX);
	assert_non_null(c);
	assert_int_equal(sim_conn_head(c, NULL, v->method), 0);
	c->service = v->is_raw ? SIM_S3 : SIM_GLACIER;
	EVP_Digest(v->body, strlen(v->body), md, NULL, EVP_sha256(), NULL);
	hex_encode(md, 32, hash);
	header(c, "Host", host);
	header(c, "X-Amz-Date", a.stamp);
	if (v->has_hash)
		header(c, "x-amz-content-sha256", hash);
	if (streq(a.service, "glacier"))
		header(c, "x-amz-glacier-version", "2012-06-01");
	headers(c, v->headers);
	a.payload_hash = hash;
	names(c, &a, &joined);
	canonical_request(c, &a, 0, &canonical);
	signing_key_make(SECRET, a.day, a.region, a.service, md);
	signature_make(&a, md, &canonical, &to_sign, got);
	if (!streq(got, v->signature))
		fail_msg("%s: %s\n%s", v->name, got, canonical.data);
	for (size_t i = 0; i < a.n_names; i++)
		free(a.names[i]);
	buf_done(&canonical);
	buf_done(&to_sign);
	buf_done(&joined);
	sim_conn_free(c);
}

static void the_public_suite_passes_whole(void **state)
{
	const struct auth a = { .day = "20150830",
				.region = "us-east-1",
				.service = "service",
				.stamp = "20150830T123600Z" };

	(void)state;
	assert_int_equal(ARRAY_SIZE(suite), 38);
	for (size_t i = 0; i < ARRAY_SIZE(suite); i++)
		check(&suite[i], a, "example.amazonaws.com");
}

static void vault_requests_are_signed_as_others_sign_them(void **state)
{
	const struct auth a = { .day = "20260102",
				.region = "us-east-1",
				.service = "glacier",
				.stamp = "20260102T030405Z" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(glacier); i++)
		check(&glacier[i], a, "glacier.us-east-1.amazonaws.com");
}

static void s3_requests_are_signed_as_others_sign_them(void **state)
{
	const struct auth a = { .day = "20260102",
				.region = "us-east-1",
				.service = "s3",
				.stamp = "20260102T030405Z" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(s3); i++)
		check(&s3[i], a, "examplebucket.s3.amazonaws.com");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_public_suite_passes_whole),
		cmocka_unit_test(vault_requests_are_signed_as_others_sign_them),
		cmocka_unit_test(s3_requests_are_signed_as_others_sign_them),
	};
	return cmocka_run_group_tests_name("sim_sigv4", tests, NULL, NULL);
}
