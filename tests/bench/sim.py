#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast thaw-sim serves: a large object against nginx with the same curl, in turns; small
signed requests on kept connections; a generated inventory.

	tests/bench/sim.py [BUILD]	a table on stderr, JSON on stdout

BUILD is a build directory without sanitizers (build-plain). nginx and curl come from the
distribution. The medians count: turns even out what else the machine does.
"""
import http.client
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/sim"))

import sigv4  # noqa: E402

SIZE = 512 << 20
TURNS = 7
SMALL_S = 4
ENTRIES = 1_000_000

NGINX = """daemon off; master_process off; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000;
  client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
  uwsgi_temp_path {dir}; scgi_temp_path {dir};
  server {{ listen 127.0.0.1:{port}; root {dir}/root; }} }}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_sim(build, folder):
    process = subprocess.Popen(
        [build / "tools/sim/thaw-sim", "--listen", "127.0.0.1:0", "--data", folder / "sim",
         "--generate", f"vault=big,archives={ENTRIES},seed=1"],
        stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()[-1].removeprefix("http://")


def start_nginx(folder):
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, port=port))
    process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf"])
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process, f"127.0.0.1:{port}"
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise RuntimeError("nginx does not answer")


def request(host, method, target, body=b"", service="s3", **headers):
    connection = http.client.HTTPConnection(host)
    signed = sigv4.sign(service, method, target, {"Host": host, **headers}, body)
    connection.request(method, target, body, signed)
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status < 300, data
    connection.close()
    return answer


def curl(url):
    """Bytes a second, as curl says."""
    out = subprocess.check_output(["curl", "-sS", "--fail", "-o", "/dev/null", "-w",
                                   "%{size_download} %{time_total}", url], text=True)
    size, seconds = out.split()
    assert int(size) == SIZE
    return int(size) / float(seconds)


def big(sim, nginx, folder):
    ours, theirs = [], []
    for _ in range(TURNS):
        ours.append(curl("http://" + sim + sigv4.presign("s3", "GET", "/bucket/big", sim)))
        theirs.append(curl(f"http://{nginx}/big"))
    return statistics.median(ours), statistics.median(theirs)


def small_worker(host, end, out):
    """One connection; the same signed HEAD again and again, written and read raw, so that the
    client is not what is measured."""
    headers = sigv4.sign("s3", "HEAD", "/bucket/small", {"Host": host})
    text = "HEAD /bucket/small HTTP/1.1\r\n" + "".join(
        f"{n}: {v}\r\n" for n, v in headers.items()) + "\r\n"
    data, n = text.encode(), 0
    address, port = host.split(":")
    with socket.create_connection((address, int(port))) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < end:
            s.sendall(data)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                got = s.recv(65536)
                assert got, "the connection ended"
                answer += got
            assert answer.startswith(b"HTTP/1.1 200"), answer
            n += 1
    out.put(n)


def small(host, connections):
    out = multiprocessing.Queue()
    end = time.monotonic() + SMALL_S
    workers = [multiprocessing.Process(target=small_worker, args=(host, end, out))
               for _ in range(connections)]
    for w in workers:
        w.start()
    total = sum(out.get() for _ in workers)
    for w in workers:
        w.join()
    return total / SMALL_S


def inventory(host):
    """Entries a second."""
    body = json.dumps({"Type": "inventory-retrieval"}).encode()
    version = {"x-amz-glacier-version": "2012-06-01"}
    job = request(host, "POST", "/-/vaults/big/jobs", body, "glacier", **version).headers[
        "x-amz-job-id"]
    connection = http.client.HTTPConnection(host)
    connection.request("POST", "/_sim/clock", b'{"advance":"5h"}')
    connection.getresponse().read()
    target = f"/-/vaults/big/jobs/{job}/output"
    signed = sigv4.sign("glacier", "GET", target, {"Host": host, **version})
    began = time.monotonic()
    subprocess.run(["curl", "-sS", "--fail", "-o", "/dev/null", f"http://{host}{target}",
                    *[x for n, v in signed.items() for x in ("-H", f"{n}: {v}")]], check=True)
    return ENTRIES / (time.monotonic() - began)


def run(build, folder):
    (folder / "root").mkdir()
    sim_process, sim = start_sim(build, folder)
    nginx_process, nginx = start_nginx(folder)
    try:
        request(sim, "PUT", "/bucket")
        request(sim, "PUT", "/bucket/small", b"0123456789")
        data = os.urandom(1 << 20) * (SIZE >> 20)
        (folder / "root/big").write_bytes(data)
        request(sim, "PUT", "/bucket/big", data)
        del data
        ours, theirs = big(sim, nginx, folder)
        return {"large_get_mb_s": round(ours / 1e6), "nginx_mb_s": round(theirs / 1e6),
                "ratio": round(ours / theirs, 2),
                "small_per_s": {n: round(small(sim, n)) for n in (1, 2, 8)},
                "inventory_entries_per_s": round(inventory(sim))}
    finally:
        for process in (sim_process, nginx_process):
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build-plain").resolve()
    if not shutil.which("nginx"):
        sys.exit("sim.py: nginx is missing")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        got = run(build, pathlib.Path(folder))
    for name, value in got.items():
        print(f"{name:26} {value}", file=sys.stderr)
    print(json.dumps(got))


if __name__ == "__main__":
    main()
