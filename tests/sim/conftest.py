# SPDX-License-Identifier: Apache-2.0
"""A thaw-sim for every test, and what tests say to it."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import zlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("THAW_BUILD", HERE.parent.parent / "build"))
sys.path.insert(0, str(HERE))

import sigv4  # noqa: E402

MIB = 1 << 20
TROUBLE = ("Sanitizer", "runtime error", "leak")


def tree_hash(data):
    nodes = [hashlib.sha256(data[i:i + MIB]).digest() for i in range(0, len(data), MIB)]
    nodes = nodes or [hashlib.sha256(b"").digest()]
    while len(nodes) > 1:
        pairs = [nodes[i:i + 2] for i in range(0, len(nodes), 2)]
        nodes = [hashlib.sha256(b"".join(p)).digest() if len(p) == 2 else p[0] for p in pairs]
    return nodes[0].hex()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Sim:
    """A running thaw-sim. `options` go to its command line at every start."""

    def __init__(self, tmp_path, *options):
        self.data = tmp_path / "sim"
        self.err_path = tmp_path / "sim.err"
        self.options = [str(o) for o in options]
        self.start()

    def start(self):
        self.err = open(self.err_path, "a")
        self.process = subprocess.Popen(
            [BUILD / "tools/sim/thaw-sim", "--listen", "127.0.0.1:0", "--data", self.data,
             *self.options], stdout=subprocess.PIPE, stderr=self.err, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("thaw-sim: listening on http://"), self.err_path.read_text()
        self.url = line.split()[-1]
        self.host = self.url.removeprefix("http://")
        self.env = {**os.environ, "AWS_ACCESS_KEY_ID": sigv4.KEY,
                    "AWS_SECRET_ACCESS_KEY": sigv4.SECRET, "AWS_DEFAULT_REGION": "us-east-1",
                    "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1"}

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(20)
        self.process.stdout.close()
        self.err.close()

    def stop(self):
        """Ends it as a service manager would; nothing may have gone wrong inside."""
        if self.process.returncode is not None:
            return
        self.end(signal.SIGTERM)
        said = self.err_path.read_text()
        assert self.process.returncode == 0, said
        assert not any(word in said for word in TROUBLE), said

    def kill(self):
        self.end(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    # Requests

    def plain(self, method, target, body=b"", headers=None):
        """Unsigned, or signed already."""
        connection = http.client.HTTPConnection(self.host, timeout=50)
        try:
            connection.request(method, target, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def signed(self, service, method, target, body=b"", headers=None, **how):
        headers = {"Host": self.host, **(headers or {})}
        return self.plain(method, target, body,
                          sigv4.sign(service, method, target, headers, body, **how))

    def s3(self, method, target, body=b"", headers=None, **how):
        return self.signed("s3", method, target, body, headers, **how)

    def glacier(self, method, target, body=b"", headers=None, **how):
        """`target` begins behind the account; a body that is no bytes is sent as JSON."""
        headers = {"x-amz-glacier-version": "2012-06-01", **(headers or {})}
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.signed("glacier", method, "/-" + target, body, headers, **how)

    def aws(self, *words):
        """The AWS command line: what it prints, from JSON where it is some."""
        words = [str(w) for w in words]
        done = subprocess.run(["aws", "--endpoint-url", self.url, *words], env=self.env,
                              capture_output=True, text=True, timeout=50)
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    # Administration

    def admin(self, method, path, doc=None):
        body = b"" if doc is None else json.dumps(doc).encode()
        answer = self.plain(method, "/_sim/" + path, body)
        assert answer.status == 200, answer.body
        return answer.json

    def bill(self, since=0):
        return self.admin("GET", f"bill?since={since}")

    def requests(self, operation=None):
        query = f"?operation={operation}" if operation else ""
        return self.admin("GET", "requests" + query)["requests"]

    def clock(self):
        return self.admin("GET", "clock")

    def advance(self, duration):
        return self.admin("POST", "clock", {"advance": duration})

    def fault(self, match, act):
        return self.admin("POST", "faults", {"rules": [{"match": match, "act": act}]})

    def clear_faults(self):
        return self.admin("DELETE", "faults")

    def inventory(self, vault):
        return self.admin("POST", "inventory", {"vault": vault})

    # Fixtures of tests

    def vault(self, name="photos"):
        assert self.glacier("PUT", f"/vaults/{name}").status == 201
        return name

    def upload(self, data, description="", vault="photos"):
        """Gives the archive's id."""
        answer = self.glacier("POST", f"/vaults/{vault}/archives", data, {
            "x-amz-archive-description": description, "x-amz-sha256-tree-hash": tree_hash(data),
            "x-amz-content-sha256": hashlib.sha256(data).hexdigest()})
        assert answer.status == 201, answer.body
        return answer.headers["x-amz-archive-id"]

    def upload_parts(self, bucket, key, parts, algo=None, headers=None):
        """An object in an archive class, each part with a checksum (sha256, crc32) or without.
        Gives its ETag."""
        named = {"x-amz-storage-class": "DEEP_ARCHIVE", **(headers or {})}
        if algo:
            named["x-amz-checksum-algorithm"] = algo.upper()
            named["x-amz-checksum-type"] = "COMPOSITE" if algo == "sha256" else "FULL_OBJECT"
        begun = self.s3("POST", f"/{bucket}/{key}?uploads", b"", named)
        assert begun.status == 200, begun.body
        upload = begun.body.decode().split("<UploadId>")[1].split("<")[0]
        listed = ""
        for number, data in enumerate(parts, 1):
            digest = (zlib.crc32(data).to_bytes(4, "big") if algo == "crc32"
                      else hashlib.sha256(data).digest())
            value = base64.b64encode(digest).decode()
            put = self.s3("PUT", f"/{bucket}/{key}?partNumber={number}&uploadId={upload}", data,
                          {f"x-amz-checksum-{algo}": value} if algo else {})
            assert put.status == 200, put.body
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{put.headers['ETag']}</ETag>"
            if algo == "sha256":
                listed += f"<ChecksumSHA256>{value}</ChecksumSHA256>"
            listed += "</Part>"
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        done = self.s3("POST", f"/{bucket}/{key}?uploadId={upload}", body)
        assert done.status == 200, done.body
        return done.body.decode().split("<ETag>")[1].split("<")[0].replace("&quot;", "").strip('"')

    def job(self, vault="photos", **parameters):
        """Gives the job's id."""
        answer = self.glacier("POST", f"/vaults/{vault}/jobs", parameters)
        assert answer.status == 202, answer.body
        return answer.headers["x-amz-job-id"]


@pytest.fixture
def start_sim(tmp_path):
    """Starts a thaw-sim with options; it is stopped, and asked about, at the end."""
    started = []

    def start(*options):
        started.append(Sim(tmp_path, *options))
        return started[-1]

    yield start
    for sim in started:
        sim.stop()


@pytest.fixture
def sim(start_sim):
    return start_sim()
