# SPDX-License-Identifier: Apache-2.0
"""thaw-sim as in tests/sim, a server that says what it is told to, and the driver."""
import email.utils
import importlib.util
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("THAW_BUILD", HERE.parent.parent / "build"))

_spec = importlib.util.spec_from_file_location("sim_conftest", HERE.parent / "sim/conftest.py")
_sim = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_sim)
Sim, start_sim, sim = _sim.Sim, _sim.start_sim, _sim.sim

ENV = {"AWS_ACCESS_KEY_ID": "AKIATHAWSIM000000000", "AWS_SECRET_ACCESS_KEY": "thaw-sim-secret",
       "AWS_REGION": "us-east-1"}


def drive_words(url, verb, **names):
    words = [f"{k}={v}".encode() if not isinstance(v, bytes) else k.encode() + b"=" + v
             for k, v in names.items()]
    return [str(BUILD / "tests/wire/drive").encode(), url.encode(), verb.encode(), *words]


def drive(url, verb, env=None, **names):
    """Makes the call and gives (what came before, the answer)."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run(drive_words(url, verb, **names), env={**keep, **(env or ENV)},
                          capture_output=True, timeout=55)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    assert "Sanitizer" not in said and "runtime error" not in said, said
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return lines[:-1], lines[-1]


class Request:
    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.headers = {k.lower(): v.strip() for k, v in
                        (line.split(":", 1) for line in lines[1:] if line)}
        self.body = body
        self.at = time.time()


def reply(status, body=b"", length=None, **headers):
    """An answer's bytes; header names are written with _ for -."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}",
             f"Date: {headers.pop('Date', None) or email.utils.formatdate(usegmt=True)}"]
    lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Fake:
    """Answers each request with the next of `script` (bytes, or a function of the request), the
    last one for ever, and closes the connection after it."""

    def __init__(self, *script, tls=None):
        self.script = list(script)
        self.tls = tls and ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if tls:
            self.tls.load_cert_chain(*tls)
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http%s://127.0.0.1:%d" % (
            "s" if tls else "", self.listener.getsockname()[1])
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.greet(connection)

    def greet(self, connection):
        if not self.tls:
            return self.serve(connection)
        try:
            with self.tls.wrap_socket(connection, server_side=True) as secure:
                self.serve(secure)
        except OSError:
            pass  # it did not trust us

    def serve(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            got = connection.recv(65536)
            if not got:
                return
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        request = Request(head, body)
        while len(request.body) < int(request.headers.get("content-length", 0)):
            request.body += connection.recv(65536)
        self.requests.append(request)
        answer = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        try:
            connection.sendall(answer(request) if callable(answer) else answer)
        except OSError:
            pass  # the other side had enough


@pytest.fixture
def fake():
    fakes = []

    def start(*script, **how):
        fakes.append(Fake(*script, **how))
        return fakes[-1]

    yield start
    for f in fakes:
        f.listener.close()
