/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of AWS protocol reference, appendix A (2026-09): the guides' examples, the public
 * suite of aws-c-auth, and those made for the services used here. */
#include "test.h"

#include "digest.h"
#include "sigv4.h"
#include "str.h"

#include <stdio.h>

/* clang-format off */
#define T1 "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
#define T2 "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

struct pair {
	const char *name, *value;
};

/* A.2: host and x-amz-date are always there, the path is raw. */
static const struct suite_row {
	const char *name, *method, *path, *query;
	int path_mode;
	const char *body;
	struct pair headers[6];
	const char *signature;
} suite[] = {
	{ "get-header-key-duplicate", "GET", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "My-Header1", "value2" }, { "My-Header1", "value2" }, { "My-Header1", "value1" } },
	  "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
	{ "get-header-value-multiline", "GET", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "My-Header1", "value1\n  value2\n     value3" } },
	  "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd" },
	{ "get-header-value-order", "GET", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "My-Header1", "value4" }, { "My-Header1", "value1" }, { "My-Header1", "value3" }, { "My-Header1", "value2" } },
	  "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
	{ "get-header-value-trim", "GET", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "My-Header1", " value1" }, { "My-Header2", " \"a   b   c\"" } },
	  "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
	{ "get-relative-normalized", "GET", "/example/..", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-relative-relative-normalized", "GET", "/example1/example2/../..", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-relative-relative-unnormalized", "GET", "/example1/example2/../..", "", SIGV4_PATH_ENCODE, "",
	  { { 0 } },
	  "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b" },
	{ "get-relative-unnormalized", "GET", "/example/..", "", SIGV4_PATH_ENCODE, "",
	  { { 0 } },
	  "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282" },
	{ "get-slash-dot-slash-normalized", "GET", "/./", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slash-dot-slash-unnormalized", "GET", "/./", "", SIGV4_PATH_ENCODE, "",
	  { { 0 } },
	  "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145" },
	{ "get-slash-normalized", "GET", "//", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-slash-pointless-dot-normalized", "GET", "/./example", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5" },
	{ "get-slash-pointless-dot-unnormalized", "GET", "/./example", "", SIGV4_PATH_ENCODE, "",
	  { { 0 } },
	  "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff" },
	{ "get-slash-unnormalized", "GET", "//", "", SIGV4_PATH_ENCODE, "",
	  { { 0 } },
	  "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e" },
	{ "get-slashes-normalized", "GET", "//example//", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
	{ "get-slashes-unnormalized", "GET", "//example//", "", SIGV4_PATH_ENCODE, "",
	  { { 0 } },
	  "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5" },
	{ "get-space-normalized", "GET", "/example space/", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
	{ "get-space-unnormalized", "GET", "/example space/", "", SIGV4_PATH_ENCODE, "",
	  { { 0 } },
	  "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
	{ "get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
	{ "get-utf8", "GET", "/\341\210\264", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
	{ "get-vanilla", "GET", "/", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-empty-query-key", "GET", "/", "Param1=value1", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
	{ "get-vanilla-query", "GET", "/", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
	{ "get-vanilla-query-order-encoded", "GET", "/", "Param-3=Value3&Param=Value2&%E1%88%B4=Value1", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },
	{ "get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
	{ "get-vanilla-query-unreserved", "GET", "/", "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
	{ "get-vanilla-utf8-query", "GET", "/", "\341\210\264=bar", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
	{ "get-vanilla-with-session-token", "GET", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "X-Amz-Security-Token", T1 } },
	  "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },
	{ "post-header-key-case", "POST", "/", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-header-key-sort", "POST", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "My-Header1", "value1" } },
	  "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
	{ "post-header-value-case", "POST", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "My-Header1", "VALUE1" } },
	  "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
	{ "post-sts-header-after", "POST", "/", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-sts-header-before", "POST", "/", "", SIGV4_PATH_GENERIC, "",
	  { { "X-Amz-Security-Token", T2 } },
	  "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" },
	{ "post-vanilla", "POST", "/", "", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
	{ "post-vanilla-empty-query-value", "POST", "/", "Param1=value1", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
	{ "post-vanilla-query", "POST", "/", "Param1=value1", SIGV4_PATH_GENERIC, "",
	  { { 0 } },
	  "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
	{ "post-x-www-form-urlencoded", "POST", "/", "", SIGV4_PATH_GENERIC, "Param1=value1",
	  { { "Content-Type", "application/x-www-form-urlencoded" }, { "Content-Length", "13" }, { "x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e" } },
	  "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },
	{ "post-x-www-form-urlencoded-parameters", "POST", "/", "", SIGV4_PATH_GENERIC, "Param1=value1",
	  { { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" }, { "Content-Length", "13" }, { "x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e" } },
	  "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422" },
};

struct service_row {
	const char *service, *time, *method, *host, *path, *query;
	struct pair headers[6];
	const char *body; /* or SIGV4_UNSIGNED */
	const char *signature;
};

/* A.1: the key of the guides. */
static const struct service_row guides[] = {
	{ "glacier", "20120525T002453Z", "PUT", "glacier.us-east-1.amazonaws.com", "/-/vaults/examplevault", "",
	  { { "x-amz-glacier-version", "2012-06-01" } },
	  "",
	  "3ce5b2f2fffac9262b4da9256f8d086b4aaf42eba5f111c21681a65a127b7c2a" },
	{ "glacier", "20120507T000000Z", "POST", "glacier.us-east-1.amazonaws.com", "/-/vaults/examplevault/archives", "",
	  { { "x-amz-glacier-version", "2012-06-01" }, { "x-amz-content-sha256", "726e392cb4d09924dbad1cc0ba3b00c3643d03d14cb4b823e2f041cff612a628" } },
	  "Welcome to Amazon Glacier.",
	  "b092397439375d59119072764a1e9a144677c43d9906fd98a5742c57a2855de6" },
	{ "s3", "20130524T000000Z", "GET", "examplebucket.s3.amazonaws.com", "/test.txt", "",
	  { { "Range", "bytes=0-9" } },
	  "",
	  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" },
	{ "s3", "20130524T000000Z", "PUT", "examplebucket.s3.amazonaws.com", "/test%24file.text", "",
	  { { "Date", "Fri, 24 May 2013 00:00:00 GMT" }, { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
	  "Welcome to Amazon S3.",
	  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" },
	{ "s3", "20130524T000000Z", "GET", "examplebucket.s3.amazonaws.com", "/", "lifecycle",
	  { { 0 } },
	  "",
	  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" },
	{ "s3", "20130524T000000Z", "GET", "examplebucket.s3.amazonaws.com", "/", "max-keys=2&prefix=J",
	  { { 0 } },
	  "",
	  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" },
};

/* A.3: the key of the suite. */
static const struct service_row services[] = {
	{ "glacier", "20260102T030405Z", "GET", "glacier.us-east-1.amazonaws.com", "/-/vaults", "limit=2&marker=arn%3Aaws%3Aglacier%3Aus-west-2%3A012345678901%3Avaults%2Fexamplevault1",
	  { { "x-amz-glacier-version", "2012-06-01" } },
	  "",
	  "f491bfb2d76b7b89dac9ff7b1dbead4fca97bd8ea26b0b2eaf33cc0c5c72bb38" },
	{ "glacier", "20260102T030405Z", "POST", "glacier.us-east-1.amazonaws.com", "/-/vaults/examplevault/jobs", "",
	  { { "x-amz-glacier-version", "2012-06-01" }, { "content-type", "application/json" } },
	  "{\"Type\": \"archive-retrieval\", \"ArchiveId\": \"A_-x\", \"Tier\": \"Bulk\", \"RetrievalByteRange\": \"0-4194303\", \"SNSTopic\": \"arn:aws:sns:us-east-1:111122223333:t\"}",
	  "18ce1e235f0de70cc3223e39d9021705dcc7687aadf9e6b02286f5b85de2d97f" },
	{ "glacier", "20260102T030405Z", "POST", "glacier.us-east-1.amazonaws.com", "/-/vaults/examplevault/jobs", "",
	  { { "x-amz-glacier-version", "2012-06-01" }, { "content-type", "application/json" } },
	  "{\"Type\": \"inventory-retrieval\", \"Format\": \"CSV\", \"InventoryRetrievalParameters\": {\"Limit\": \"10000\", \"StartDate\": \"2013-12-04T21:25:42Z\"}}",
	  "176347f93b0003ca982e52d44a782658760b013ae2146b61f492a2356da120ec" },
	{ "glacier", "20260102T030405Z", "GET", "glacier.us-east-1.amazonaws.com", "/-/vaults/v/jobs/J-_/output", "",
	  { { "x-amz-glacier-version", "2012-06-01" }, { "Range", "bytes=0-1048575" } },
	  "",
	  "a824a7884988c53b8ac8ecad9f9a696ee8582565cb25447d896d857332634473" },
	{ "glacier", "20260102T030405Z", "POST", "glacier.us-east-1.amazonaws.com", "/-/vaults/v/archives", "",
	  { { "x-amz-glacier-version", "2012-06-01" }, { "x-amz-archive-description", "my  \"d\"" }, { "x-amz-content-sha256", "0e2226b5235f0ff94a276eb4d07a3bfea74b7e3b8b85e9efca6c18430f041bf8" }, { "x-amz-sha256-tree-hash", "0e2226b5235f0ff94a276eb4d07a3bfea74b7e3b8b85e9efca6c18430f041bf8" } },
	  "Welcome",
	  "58189202d2f18bff9d3edfb115848ff258ec11f8609f9895e2e7b5a9791d0257" },
	{ "glacier", "20260102T030405Z", "POST", "glacier.us-east-1.amazonaws.com", "/-/vaults/v/multipart-uploads/U", "",
	  { { "x-amz-glacier-version", "2012-06-01" }, { "x-amz-archive-size", "7" }, { "x-amz-sha256-tree-hash", "00" } },
	  "",
	  "ae123a7cda48375cbdea7baa6cc4e7df1623ef59cce60ce05eb005aef88ed20a" },
	{ "s3", "20260102T030405Z", "GET", "s3.amazonaws.com", "/examplebucket/dir/a%20b%2Bc%28%C3%A9%29~%3D%40%3A%26%2C%3B%24%21%2A%27%25.txt", "",
	  { { "If-Match", "\"abc\"" }, { "Range", "bytes=0-9" }, { "x-amz-checksum-mode", "ENABLED" } },
	  "",
	  "7ff4a0150a4aa0d48d4e10886dab384835d17e82c40491d8722b017364d760b8" },
	{ "s3", "20260102T030405Z", "HEAD", "examplebucket.s3.amazonaws.com", "/dir/a%20b%2Bc%28%C3%A9%29~%3D%40%3A%26%2C%3B%24%21%2A%27%25.txt", "versionId=v1",
	  { { "x-amz-checksum-mode", "ENABLED" }, { "x-amz-request-payer", "requester" } },
	  "",
	  "8dc9057ca0ae6d58c7796679a39fb83a1b2450d3a1f914d444727f6505198c01" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/", "list-type=2&prefix=a%2Fb%20c&delimiter=%2F&continuation-token=1%2Fabc%3D%3D&max-keys=1000&encoding-type=url",
	  { { "x-amz-optional-object-attributes", "RestoreStatus" } },
	  "",
	  "a670df4048c7bbde4e76126d576a058e2d0c539215b002608b2f47c38840e668" },
	{ "s3", "20260102T030405Z", "POST", "examplebucket.s3.amazonaws.com", "/k", "restore&versionId=v1",
	  { { "x-amz-checksum-crc32", "sI/bQw==" }, { "x-amz-sdk-checksum-algorithm", "CRC32" } },
	  "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>3</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>",
	  "6553b3625349619a3e33deb39e0b3f1bd45b4607abfc8c44c7ee7d0d119bdec5" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/k", "attributes",
	  { { "x-amz-max-parts", "1000" }, { "x-amz-object-attributes", "ETag,Checksum,ObjectParts,StorageClass,ObjectSize" } },
	  "",
	  "0f7900ff6849d5953c4a07db1775c6bd0bd191bfdb7de089e22998ba7059e291" },
	{ "s3", "20260102T030405Z", "POST", "examplebucket.s3.amazonaws.com", "/k", "uploads",
	  { { "x-amz-checksum-algorithm", "SHA256" }, { "x-amz-checksum-type", "COMPOSITE" }, { "x-amz-storage-class", "DEEP_ARCHIVE" } },
	  "",
	  "25e8991f20e465da4386540677afc9fbdc48fa77d981b2297d7c190cb6ccaa25" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/k", "",
	  { { "X-Amz-Security-Token", "TOKEN/+=" }, { "x-amz-checksum-mode", "ENABLED" } },
	  "",
	  "36f12a65b62bd634af84fcc6414dc226fca34f3f31ca2c37e7a89c357d2f40b9" },
	{ "sqs", "20260102T030405Z", "POST", "sqs.us-east-1.amazonaws.com", "/", "",
	  { { "content-type", "application/x-amz-json-1.0" }, { "x-amz-target", "AmazonSQS.ReceiveMessage" }, { "x-amzn-query-mode", "true" } },
	  "{\"QueueUrl\": \"https://sqs.us-east-1.amazonaws.com/111122223333/q\", \"MaxNumberOfMessages\": 10, \"WaitTimeSeconds\": 20, \"MessageSystemAttributeNames\": [\"All\"]}",
	  "9eae5f477c1311248e61530ccb4f1c452122ea245f1292bdb5a10be6a4f08790" },
	{ "sqs", "20260102T030405Z", "POST", "sqs.us-east-1.amazonaws.com", "/", "",
	  { { "content-type", "application/x-amz-json-1.0" }, { "x-amz-target", "AmazonSQS.DeleteMessage" }, { "x-amzn-query-mode", "true" } },
	  "{\"QueueUrl\": \"https://sqs.us-east-1.amazonaws.com/111122223333/q\", \"ReceiptHandle\": \"RH\"}",
	  "cc630654e9377bc87caf06b225451964169f80baccb02cec6731c874b93406c3" },
	{ "sts", "20260102T030405Z", "POST", "sts.us-east-1.amazonaws.com", "/", "",
	  { { "content-type", "application/x-www-form-urlencoded; charset=utf-8" } },
	  "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fr&RoleSessionName=sess",
	  "0f7f640b5038f8cbbfe15099af8e487f7c834dbe814d6c112ac1531708a8629d" },
	{ "pricing", "20260102T030405Z", "POST", "api.pricing.us-east-1.amazonaws.com", "/", "",
	  { { "content-type", "application/x-amz-json-1.1" }, { "x-amz-target", "AWSPriceListService.GetProducts" } },
	  "{\"ServiceCode\": \"AmazonS3\", \"Filters\": [{\"Type\": \"TERM_MATCH\", \"Field\": \"regionCode\", \"Value\": \"us-east-1\"}], \"FormatVersion\": \"aws_v1\", \"MaxResults\": 100}",
	  "cb4b23b879f9266556010822486581bad05c6b5255cb334e2fdace263221a09b" },
	{ "s3", "20260102T030405Z", "HEAD", "examplebucket.s3.amazonaws.com", "/k", "",
	  { { 0 } },
	  "",
	  "1cd9f941b4d3691475eb4c26b4f29eb77fff4b51609db9b5be4f8249119ac60e" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/k", "",
	  { { 0 } },
	  SIGV4_UNSIGNED,
	  "ece3dce31acc47535020800e6242cc78483ee8c95e0f983dcc3400a7059dfbe1" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/a//b/./../c", "",
	  { { 0 } },
	  "",
	  "9e45b5fd2015aa813c4f9a58bab523fd6b951035af6a141db5d8800db79f250c" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/trailing/", "",
	  { { 0 } },
	  "",
	  "df8788194c690bb7dd00f13d4c6b798b7e29793e6bc425feaa441f8bd3b0a8be" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/a%20b%2Bc/%E2%82%AC", "partNumber=1&versionId=3%2FL4kqtJlcpXroDTDmJ%2BrmSpXd3dIbrHY",
	  { { "range", "bytes=8388608-16777215" }, { "if-match", "\"d41d8cd98f00b204e9800998ecf8427e-2\"" }, { "x-amz-checksum-mode", "ENABLED" }, { "x-amz-request-payer", "requester" } },
	  "",
	  "7b90dcdfd9f30b8fb7a291e76750ca861d2cd27120fe1dbeae86f4dff1cb18ba" },
	{ "s3", "20260102T030405Z", "POST", "examplebucket.s3.amazonaws.com", "/k", "restore&versionId=v1",
	  { { 0 } },
	  "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>3</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>",
	  "5ba2cbefa0411bf755ed8dc98fc0071bb1d52a1441dde5d0517d36de7192241d" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/", "location",
	  { { 0 } },
	  "",
	  "1d4d228eafe55e99ab7df7869b8542926e3db299b711bbdee6da2ae75d567688" },
	{ "s3", "20260102T030405Z", "GET", "examplebucket.s3.amazonaws.com", "/", "encoding-type=url&max-keys=1000&prefix=&versions",
	  { { 0 } },
	  "",
	  "796a35dbb7b6ccf404f51ec50f3e62c50ccaca763e33d74e7fcc00f34c9a686e" },
	{ "glacier", "20260102T030405Z", "GET", "127.0.0.1:5000", "/-/vaults", "",
	  { { "x-amz-glacier-version", "2012-06-01" } },
	  "",
	  "4785e61ac71c3ad27dcb4c20ea4f2c22376bcd0a6719d638430b08d1678f997f" },
	{ "sqs", "20260102T030405Z", "POST", "sqs.us-east-1.amazonaws.com", "/", "",
	  { { "content-type", "application/x-www-form-urlencoded; charset=utf-8" } },
	  "Action=ReceiveMessage&Version=2012-11-05&QueueUrl=https%3A%2F%2Fsqs.us-east-1.amazonaws.com%2F111122223333%2Fq&MaxNumberOfMessages=10&WaitTimeSeconds=20",
	  "bdb57de66ceda6f078c1ab78ad6253eca17cd0f4420de325808847e400106263" },
};
/* clang-format on */

static const struct sigv4_key suite_key = { "AKIDEXAMPLE",
					    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
					    NULL };
static const struct sigv4_key guide_key = { "AKIAIOSFODNN7EXAMPLE",
					    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
					    NULL };

static void hash_of(const char *body, char ret[SIGV4_HEX_LEN])
{
	uint8_t raw[SHA256_LEN];

	digest_of(DIGEST_SHA256, body, strlen(body), raw);
	hex_encode(raw, sizeof(raw), ret);
}

/* The base headers and those of a row. */
static size_t headers_fill(struct sigv4_pair *to, const char *host, const char *time,
			   const struct pair *from, size_t n_from)
{
	size_t n = 0;

	to[n++] = (struct sigv4_pair){ "Host", host };
	to[n++] = (struct sigv4_pair){ "X-Amz-Date", time };
	for (size_t i = 0; i < n_from && from[i].name; i++)
		to[n++] = (struct sigv4_pair){ from[i].name, from[i].value };
	return n;
}

static void the_38_cases_of_the_public_suite_have_their_signatures(void **state)
{
	static const struct sigv4_scope scope = { "20150830T123600Z", "us-east-1",
						  "service" };
	(void)state;

	assert_int_equal(ARRAY_SIZE(suite), 38);
	for (size_t i = 0; i < ARRAY_SIZE(suite); i++) {
		const struct suite_row *row = &suite[i];
		char hash[SIGV4_HEX_LEN], got[SIGV4_HEX_LEN] = "";
		struct sigv4_pair headers[10];
		hash_of(row->body, hash);
		struct sigv4_request r = {
			.method = row->method,
			.path = row->path,
			.query = row->query,
			.headers = headers,
			.n_headers =
				headers_fill(headers, "example.amazonaws.com", scope.time,
					     row->headers, ARRAY_SIZE(row->headers)),
			.payload_hash = hash,
			.path_mode = row->path_mode,
		};
		assert_int_equal(sigv4_sign(&r, &scope, &suite_key, got), 0);
		if (!streq(got, row->signature))
			fail_msg("%s: %s, not %s", row->name, got, row->signature);
	}
}

static void rows_check(const struct service_row *rows, size_t n,
		       const struct sigv4_key *key)
{
	for (size_t i = 0; i < n; i++) {
		const struct service_row *row = &rows[i];
		const struct sigv4_scope scope = { row->time, "us-east-1", row->service };
		bool is_s3 = streq(row->service, "s3");
		char hash[SIGV4_HEX_LEN], got[SIGV4_HEX_LEN] = "";
		struct sigv4_pair headers[10];

		if (streq(row->body, SIGV4_UNSIGNED))
			snprintf(hash, sizeof(hash), "%s", row->body);
		else
			hash_of(row->body, hash);
		size_t n_headers = headers_fill(headers, row->host, row->time,
						row->headers, ARRAY_SIZE(row->headers));
		if (is_s3)
			headers[n_headers++] =
				(struct sigv4_pair){ "x-amz-content-sha256", hash };
		struct sigv4_request r = {
			.method = row->method,
			.path = row->path,
			.query = row->query,
			.headers = headers,
			.n_headers = n_headers,
			.payload_hash = hash,
			.path_mode = is_s3 ? SIGV4_PATH_AS_IS : SIGV4_PATH_GENERIC,
		};
		assert_int_equal(sigv4_sign(&r, &scope, key, got), 0);
		if (!streq(got, row->signature))
			fail_msg("%s %s %s?%s: %s, not %s", row->service, row->method,
				 row->path, row->query, got, row->signature);
	}
}

static void the_examples_of_the_guides_have_their_signatures(void **state)
{
	(void)state;
	rows_check(guides, ARRAY_SIZE(guides), &guide_key);
}

static void requests_of_each_service_have_their_signatures(void **state)
{
	(void)state;
	rows_check(services, ARRAY_SIZE(services), &suite_key);
}

static void day_keys_are_those_of_the_reference(void **state)
{
	static const struct {
		const char *time, *service, *hex;
	} rows[] = {
		{ "20150830T123600Z", "iam",
		  "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9" },
		{ "20260102T030405Z", "glacier",
		  "698455547de40494694679c1da329fb508e94b5a893e556bb6c7fd00076f6a3b" },
		{ "20260102T030405Z", "s3",
		  "800caa73b73676f285e7d2e8c7fcb1e6f8815b32c9950c0f621c2e2cacf3885e" },
		{ "20260102T030405Z", "sqs",
		  "2ff297a9677e4dae14c807deddfda42a648728a19457402a48e239ed0efff414" },
		{ "20260102T030405Z", "sts",
		  "62c165e601367dda03398cd7330e6ccfba2e091a8e51b3f1a9de329b315a815a" },
		{ "20260102T030405Z", "pricing",
		  "c995c16a02d9585ff72be99f66f6e6682118984c75fa99912a68de2568371870" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sigv4_scope s = { rows[i].time, "us-east-1", rows[i].service };
		unsigned char key[32];
		char hex[65];
		assert_int_equal(sigv4_day_key(&s, suite_key.secret, key), 0);
		hex_encode(key, sizeof(key), hex);
		assert_string_equal(hex, rows[i].hex);
	}
}

/* The canonical request of the worked example (4.1) and of the guide, by their digests. */
static void a_canonical_request_has_the_published_digest(void **state)
{
	static const struct sigv4_pair headers[] = {
		{ "Host", "glacier.us-east-1.amazonaws.com" },
		{ "x-amz-date", "20120525T002453Z" },
		{ "x-amz-glacier-version", "2012-06-01" },
	};
	char hash[SIGV4_HEX_LEN];
	_buf_ struct buf out, names;
	(void)state;

	buf_init(&out, 4096);
	buf_init(&names, 4096);
	hash_of("", hash);
	struct sigv4_request r = {
		.method = "PUT",
		.path = "/-/vaults/examplevault",
		.query = "",
		.headers = headers,
		.n_headers = ARRAY_SIZE(headers),
		.payload_hash = hash,
		.path_mode = SIGV4_PATH_GENERIC,
	};
	assert_int_equal(sigv4_canonical(&r, &out, &names), 0);
	assert_string_equal(names.data, "host;x-amz-date;x-amz-glacier-version");
	hash_of(out.data, hash);
	assert_string_equal(
		hash, "5f1da1a2d0feb614dd03d71e87928b8e449ac87614479332aced3a701f916743");
}

static void an_authorization_header_names_key_scope_and_headers(void **state)
{
	static const struct sigv4_pair headers[] = {
		{ "Range", "bytes=0-9" },
		{ "x-amz-date", "20130524T000000Z" },
		{ "host", "examplebucket.s3.amazonaws.com" },
	};
	static const struct sigv4_scope scope = { "20130524T000000Z", "us-east-1", "s3" };
	struct sigv4_request r = { "GET",           "/test.txt",         "",
				   headers,         ARRAY_SIZE(headers), SIGV4_UNSIGNED,
				   SIGV4_PATH_AS_IS };
	_buf_ struct buf out;
	(void)state;

	buf_init(&out, 4096);
	assert_int_equal(sigv4_authorize(&r, &scope, &guide_key, &out), 0);
	assert_non_null(str_after(
		out.data, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/"
			  "us-east-1/s3/aws4_request, "
			  "SignedHeaders=host;range;x-amz-date, Signature="));
}

static void presigned_queries_have_their_signatures(void **state)
{
	static const struct sigv4_pair host[] = { { "host",
						    "examplebucket.s3.amazonaws.com" } };
	static const struct sigv4_scope guide_scope = { "20130524T000000Z", "us-east-1",
							"s3" };
	static const struct sigv4_scope own_scope = { "20260102T030405Z", "us-east-1",
						      "s3" };
	struct sigv4_key own_key = suite_key;
	struct sigv4_request r = { "GET",          "/test.txt",     "", host, 1,
				   SIGV4_UNSIGNED, SIGV4_PATH_AS_IS };
	_buf_ struct buf out;
	(void)state;

	buf_init(&out, 4096);
	assert_int_equal(sigv4_presign(&r, &guide_scope, &guide_key, 86400, &out), 0);
	assert_non_null(strstr(out.data,
			       "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f9953"
			       "30da4c265957d157751f604d404"));
	assert_null(strstr(out.data, "Security-Token"));

	buf_reset(&out);
	r.path = "/k";
	own_key.token = "TOKEN/+=";
	assert_int_equal(sigv4_presign(&r, &own_scope, &own_key, 3600, &out), 0);
	assert_non_null(strstr(out.data, "X-Amz-Security-Token=TOKEN%2F%2B%3D"));
	assert_non_null(strstr(out.data,
			       "&X-Amz-Signature=88fdc407bf195952e8eaf77bb9b6b6911b3c0"
			       "02fd9f34543c67f42a0a9f2f949"));
}

static void a_request_of_too_many_parameters_is_refused(void **state)
{
	static const struct sigv4_scope scope = { "20130524T000000Z", "us-east-1", "s3" };
	char query[4 * (SIGV4_PAIRS_MAX + 1) + 1] = "", got[SIGV4_HEX_LEN];
	struct sigv4_request r = { "GET", "/", query, NULL, 0, SIGV4_UNSIGNED, 0 };
	(void)state;

	for (size_t i = 0; i <= SIGV4_PAIRS_MAX; i++)
		memcpy(query + 4 * i, "a=1&", 5);
	assert_int_equal(sigv4_sign(&r, &scope, &guide_key, got), -E2BIG);
	query[(size_t)4 * SIGV4_PAIRS_MAX] = '\0';
	assert_int_equal(sigv4_sign(&r, &scope, &guide_key, got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_38_cases_of_the_public_suite_have_their_signatures),
		cmocka_unit_test(the_examples_of_the_guides_have_their_signatures),
		cmocka_unit_test(requests_of_each_service_have_their_signatures),
		cmocka_unit_test(day_keys_are_those_of_the_reference),
		cmocka_unit_test(a_canonical_request_has_the_published_digest),
		cmocka_unit_test(an_authorization_header_names_key_scope_and_headers),
		cmocka_unit_test(presigned_queries_have_their_signatures),
		cmocka_unit_test(a_request_of_too_many_parameters_is_refused),
	};
	return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
