# SPDX-License-Identifier: Apache-2.0
"""ListObjectsV2 and ListObjects: order, pages, prefixes, encoding, restore status."""
import pytest

from s3_client import S3, md5

KEYS = ["a/1", "a/2", "a/sub/3", "b", "b/", "b/x y", "c+d", "c%41", "ä", "z\n"]


@pytest.fixture
def b(sim):
    bucket = S3(sim).bucket("listing")
    for key in KEYS:
        bucket.put(key, key.encode())
    return bucket


def in_order(keys):
    return sorted(k.encode() for k in keys)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000])
def test_pages_of_any_size_give_every_key_once_in_the_order_of_bytes(b, size):
    assert b.walk(max_keys=size) == (in_order(KEYS), [])


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_delimiter_rolls_up_what_lies_below(b, size):
    keys, prefixes = b.walk(max_keys=size, delimiter="/")
    assert keys == in_order(["b", "c+d", "c%41", "ä", "z\n"])
    assert prefixes == [b"a/", b"b/"]


def test_a_prefix_and_a_delimiter_list_a_directory(b):
    assert b.walk(prefix="a/", delimiter="/") == ([b"a/1", b"a/2"], [b"a/sub/"])
    assert b.walk(prefix="b/") == ([b"b/", b"b/x y"], [])
    assert b.walk(prefix="none") == ([], [])


def test_start_after_leaves_out_what_comes_before_it(b):
    assert b.walk(start_after="c%41")[0] == in_order(["c+d", "ä", "z\n"])
    assert b.walk(start_after="b", max_keys=1)[0] == in_order(
        ["b/", "b/x y", "c+d", "c%41", "ä", "z\n"])


def test_common_prefixes_count_as_entries(b):
    doc = b.page(delimiter="/", max_keys=3)
    assert doc.findtext("KeyCount") == "3" and doc.findtext("MaxKeys") == "3"
    assert len(list(doc.iter("Contents"))) + len(list(doc.iter("CommonPrefixes"))) == 3


def test_url_encoding_writes_blank_as_plus_and_leaves_slashes(b):
    doc = b.page(prefix="b/x y", encoding_type="url", delimiter="+")
    assert doc.findtext("Contents/Key") == "b/x+y"
    assert doc.findtext("Prefix") == "b/x+y"
    assert doc.findtext("Delimiter") == "%2B"
    assert doc.findtext("EncodingType") == "url"


def test_an_entry_tells_size_tag_class_and_checksum(b):
    entry = b.page(prefix="a/1").find("Contents")
    assert entry.findtext("Key") == "a/1"
    assert entry.findtext("ETag") == f'"{md5(b"a/1")}"'
    assert entry.findtext("Size") == "3"
    assert entry.findtext("StorageClass") == "STANDARD"
    assert entry.findtext("ChecksumAlgorithm") == "CRC64NVME"
    assert entry.findtext("ChecksumType") == "FULL_OBJECT"
    assert entry.findtext("LastModified").endswith(".000Z")
    assert entry.find("Owner") is None
    assert b.page(prefix="a/1", fetch_owner="true").find("Contents/Owner") is not None


def test_restore_status_shows_running_and_live_copies_only(b, sim):
    b.put_cold("cold/none")
    b.put_cold("cold/running")
    b.put_cold("cold/done")
    assert b.restore("cold/done", 2).status == 202
    sim.advance("5h")
    assert b.restore("cold/running").status == 202
    status = {c.findtext("Key"): c.find("RestoreStatus")
              for c in b.page(prefix="cold/").iter("Contents")}
    assert status["cold/none"] is None
    assert status["cold/running"].findtext("IsRestoreInProgress") == "true"
    assert status["cold/running"].find("RestoreExpiryDate") is None
    assert status["cold/done"].findtext("IsRestoreInProgress") == "false"
    assert status["cold/done"].findtext("RestoreExpiryDate").endswith("T00:00:00Z")
    plain = b.call("GET", "", "list-type=2&prefix=cold%2F").xml()
    assert next(plain.iter("RestoreStatus"), None) is None


def test_bad_arguments_are_refused(b):
    for query in ["max-keys=-1", "max-keys=x", "encoding-type=base64", "continuation-token=%21"]:
        r = b.call("GET", "", "list-type=2&" + query)
        assert (r.status, r.code) == (400, "InvalidArgument"), query
    assert b.s3.call("GET", "/absent", "list-type=2").code == "NoSuchBucket"


def test_no_keys_asked_for_none_given(b):
    doc = b.page(max_keys=0)
    assert doc.findtext("KeyCount") == "0" and doc.findtext("IsTruncated") == "false"


def test_the_first_version_pages_by_markers(b):
    keys, prefixes, marker = [], [], ""
    while True:
        doc = b.call("GET", "", f"delimiter=%2F&max-keys=2&encoding-type=url&marker={marker}").xml()
        keys += [c.findtext("Key") for c in doc.iter("Contents")]
        prefixes += [p.findtext("Prefix") for p in doc.iter("CommonPrefixes")]
        marker = doc.findtext("NextMarker")
        if doc.findtext("IsTruncated") == "false":
            break
    assert keys == ["b", "c%2541", "c%2Bd", "z%0A", "%C3%A4"]
    assert prefixes == ["a/", "b/"]
