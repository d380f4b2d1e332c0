# SPDX-License-Identifier: Apache-2.0
"""A bare S3 client for the tests: sends exactly what it is told, and parses nothing away."""
import base64
import hashlib
import re
import urllib.parse
import xml.etree.ElementTree as ET

NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def quote(key):
    """A key (str or bytes) as it stands in a path."""
    return urllib.parse.quote(key, safe="/-_.~")


def b64(data):
    return base64.b64encode(data).decode()


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    def xml(self):
        """The document without its namespace."""
        root = ET.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.replace(NS, "")
        return root

    @property
    def code(self):
        return self.xml().findtext("Code")

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:500]!r}"


class S3:
    """The service of a `sim` (conftest.py)."""

    def __init__(self, sim):
        self.sim = sim

    def call(self, method, path, query="", headers=None, body=b""):
        target = path + (f"?{query}" if query else "")
        answer = self.sim.s3(method, target, body, headers)
        return Answer(answer.status, answer.headers.items(), answer.body)

    def bucket(self, name):
        assert self.call("PUT", f"/{name}").status == 200
        return Bucket(self, name)


class Bucket:
    def __init__(self, s3, name):
        self.s3 = s3
        self.name = name

    def call(self, method, key="", query="", headers=None, body=b""):
        path = f"/{self.name}/{quote(key)}" if key else f"/{self.name}"
        return self.s3.call(method, path, query, headers, body)

    def put(self, key, body=b"", **headers):
        """Header names with underscores: x_amz_storage_class="GLACIER"."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("PUT", key, "", named, body)

    def put_cold(self, key, body=b"cold", storage_class="GLACIER"):
        r = self.put(key, body, x_amz_storage_class=storage_class)
        assert r.status == 200, r
        return r

    def get(self, key, query="", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("GET", key, query, named)

    def head(self, key, query="", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("HEAD", key, query, named)

    def restore(self, key, days=1, tier=None, body=None):
        parameters = f"<GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters>"
        body = body if body is not None else (
            f'<RestoreRequest xmlns="{NS[1:-1]}"><Days>{days}</Days>'
            f'{parameters if tier else ""}</RestoreRequest>').encode()
        return self.call("POST", key, "restore", {"content-type": "application/xml"}, body)

    def restore_state(self, key):
        return self.head(key).headers.get("x-amz-restore")

    def expiry(self, key):
        return re.search(r'expiry-date="([^"]+)"', self.restore_state(key) or "").group(1)

    def page(self, token=None, **query):
        """One page of ListObjectsV2, and its token."""
        named = {name.replace("_", "-"): value for name, value in query.items()}
        if token:
            named["continuation-token"] = token
        text = "list-type=2&" + urllib.parse.urlencode(named, quote_via=urllib.parse.quote)
        r = self.call("GET", "", text.rstrip("&"),
                      {"x-amz-optional-object-attributes": "RestoreStatus"})
        assert r.status == 200, r
        return r.xml()

    def walk(self, **query):
        """Decoded keys and common prefixes of all pages, in the order of arrival."""
        keys, prefixes, token = [], [], None
        while True:
            doc = self.page(token, encoding_type="url", **query)
            keys += [decode(c.findtext("Key")) for c in doc.iter("Contents")]
            prefixes += [decode(p.findtext("Prefix")) for p in doc.iter("CommonPrefixes")]
            token = doc.findtext("NextContinuationToken")
            assert (doc.findtext("IsTruncated") == "true") == (token is not None)
            if not token:
                return keys, prefixes


def decode(text):
    return urllib.parse.unquote_to_bytes((text or "").replace("+", " "))


def md5(data):
    return hashlib.md5(data).hexdigest()
