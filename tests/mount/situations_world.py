# SPDX-License-Identifier: Apache-2.0
"""Who one is, what one asks for, and the places on the disk (tests/mount/test_bad_input.py)."""
import ctypes
import http.server
import os
import pathlib
import socket
import subprocess
import tarfile
import threading

from conftest import until
from records import set_number
from start import situation

OLD = pathlib.Path(__file__).resolve().parent.parent / "data/upgrade/format-1.tar.xz"

# ---- who one is, and what one asks for ----

@situation("no credentials anywhere")
def no_credentials(s):
    s.env = {k: v for k, v in s.env.items() if not k.startswith("AWS_")}
    s.env["HOME"] = s.names["HOME"] = str(s.dir)
    # Where the instance would be asked nobody answers, wherever the test runs.
    s.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = s.names["METADATA"] = "http://127.0.0.1:9"
    s.words["source.region"] = "us-east-1"


@situation("a profile that is not there")
def no_profile(s):
    no_credentials(s)
    (s.dir / ".aws").mkdir()
    (s.dir / ".aws/credentials").write_text("[work]\naws_access_key_id = A\n")
    s.words["source.profile"] = "wrok"


@situation("half of the credentials")
def half_credentials(s):
    del s.env["AWS_SECRET_ACCESS_KEY"]


@situation("an access key the service does not know")
def unknown_key_id(s):
    s.env["AWS_ACCESS_KEY_ID"] = "AKIANOSUCHKEY0000000"


@situation("a wrong secret key, bucket")
def wrong_secret(s):
    s.env["AWS_SECRET_ACCESS_KEY"] = "wrong"


@situation("a wrong secret key, vault")
def wrong_secret_vault(s):
    s.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
    s.source = "glacier://us-east-1/photos"


@situation("rights that are missing")
def denied(s):
    s.sim.fault({"operation": "ListObjects*"}, {"status": 403, "code": "AccessDenied"})


@situation("an unknown bucket")
def unknown_bucket(s):
    s.source = "s3://lbo"


@situation("an unknown vault")
def unknown_vault(s):
    s.source = "glacier://us-east-1/phtoos"


@situation("a vault in the wrong region")
def wrong_region(s):
    s.source = "glacier://eu-west-1/photos"


@situation("a region that is none")
def no_region_word(s):
    s.words["source.region"] = "Frankfurt"
    del s.words["source.endpoint"]


@situation("no region")
def no_region(s):
    s.env.pop("AWS_DEFAULT_REGION")
    s.env["HOME"] = str(s.dir)


@situation("a wrong clock that the service does not mend")
def wrong_clock(s):
    class Skewed(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>"
            self.send_response_only(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Skewed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    s.words["source.endpoint"] = f"http://127.0.0.1:{server.server_port}"


@situation("a service that cannot be reached, and no catalog")
def unreachable(s):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        s.words["source.endpoint"] = f"http://127.0.0.1:{free.getsockname()[1]}"


@situation("a host that does not exist")
def no_host(s):
    s.words["source.endpoint"] = "https://nowhere.invalid"


@situation("an endpoint that is not the service")
def not_the_service(s):
    class Web(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = b"<html>It works!</html>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    s.words["source.endpoint"] = f"http://127.0.0.1:{server.server_port}"


@situation("an endpoint without TLS")
def plain_http(s):
    s.words["source.endpoint"] = "http://example.com"


# ---- places ----

@situation("a cache directory that may not be written")
def unwritable_cache(s):
    shut = s.dir / "shut"
    shut.mkdir(mode=0o555)
    s.words["cache.dir"] = s.names["DIR"] = shut / "cache"
    if os.geteuid() == 0:
        s.before = ["setpriv", "--bounding-set=-dac_override"]


@situation("a cache directory on a read-only disk")
def read_only_cache(s):
    s.words["cache.dir"] = s.names["DIR"] = s.tmpfs("disk", "-o", "ro") / "cache"


@situation("a cache directory on a disk that is too small")
def small_cache(s):
    s.words["cache.dir"] = s.names["DIR"] = s.tmpfs("disk", "-o", "size=8m") / "cache"


@situation("a cache directory on a full disk")
def full_cache(s):
    disk = s.tmpfs("disk", "-o", "size=32m")
    subprocess.run(["dd", "if=/dev/zero", f"of={disk}/fill", "bs=1M"],
                   stderr=subprocess.DEVNULL)
    s.words["cache.dir"] = s.names["DIR"] = disk / "cache"


@situation("a cache size below one chunk")
def small_size(s):
    s.words["cache.size"] = "1M"


@situation("a high-water mark that is no percentage")
def high_water(s):
    s.words["cache.high-water"] = "0"


@situation("a low-water mark above the high one")
def low_water(s):
    s.words["cache.high-water"] = "80"


@situation("more than all for pins")
def pin_share(s):
    s.words["cache.pin-share"] = "101"


@situation("a file as cache directory")
def file_as_cache(s):
    s.words["cache.dir"] = s.names["DIR"] = s.dir / "file"
    (s.dir / "file").write_text("")


@situation("a state directory that others may write to")
def open_state(s):
    s.words["state.dir"] = s.names["DIR"] = s.dir / "open"
    (s.dir / "open").mkdir()
    (s.dir / "open").chmod(0o777)


@situation("a state directory below one that others may write to")
def _(s):
    s.names["ABOVE"] = s.dir / "ours"
    s.names["ABOVE"].mkdir()
    s.names["ABOVE"].chmod(0o777)
    s.names["DIR"] = s.words["state.dir"] = s.names["ABOVE"] / "state"


@situation("a state directory on a network file system")
def remote_state(s):
    s.words["state.dir"] = s.names["DIR"] = s.other()


@situation("a second daemon on one state directory")
def second_state(s):
    s.other()
    s.words["state.dir"] = s.names["DIR"] = s.dir / "state2"


@situation("a second daemon on one cache directory")
def second_cache(s):
    s.other()
    s.words["cache.dir"] = s.names["DIR"] = s.dir / "cache2"


@situation("a database that a newer thawfs wrote")
def newer_journal(s):
    path = s.other()
    subprocess.run(["umount", path], check=True)
    s.mounted.remove(path)
    pid = (s.dir / "state2/state.lock").read_text().split()[0]
    until(lambda: not os.path.exists(f"/proc/{pid}"), 20, "the other's end")
    set_number(s.dir / "state2/journal/data.mdb", "format", 99)
    s.words["state.dir"] = s.names["DIR"] = s.dir / "state2"


@situation("an older database, and no room to upgrade it")
def crowded_journal(s):
    disk = s.tmpfs("disk", "-o", "size=1m,mode=700")
    with tarfile.open(OLD) as tar:
        tar.extractall(disk, [m for m in tar.getmembers() if m.name.startswith("state")])
    s.words["state.dir"] = s.names["DIR"] = disk / "state"


@situation("a mount point that is in use")
def busy_mountpoint(s):
    s.mnt = s.names["DIR"] = s.tmpfs("busy")


@situation("a mount point that is not empty")
def full_mountpoint(s):
    s.names["DIR"] = s.mnt
    (s.mnt / "file").write_text("")


@situation("a mount point whose daemon, another file system's, has died")
def dead_mountpoint(s):
    s.mnt = s.names["DIR"] = s.dir / "dead"
    s.mnt.mkdir()
    fd = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0"
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"other", bytes(s.mnt), b"fuse.other", 0, options.encode()) == 0
    s.mounted.append(s.mnt)
    os.close(fd)


@situation("a mount point that is not there")
def no_mountpoint(s):
    s.mnt = s.names["DIR"] = s.dir / "nowhere"


@situation("a file as mount point")
def file_as_mountpoint(s):
    s.mnt = s.names["DIR"] = s.dir / "file"
    s.mnt.write_text("")


@situation("no /dev/fuse")
def no_device(s):
    s.before = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /dev && exec "$@"', "sh"]


@situation("a /dev/fuse that is not for this user")
def shut_device(s):
    s.before = ["unshare", "-m", "sh", "-c",
                'mount -t tmpfs tmpfs /dev && mknod -m 000 /dev/fuse c 10 229 && '
                'exec setpriv --bounding-set=-dac_override "$@"', "sh"]
