# SPDX-License-Identifier: Apache-2.0
"""What cannot work is refused with one line that names the thing and the remedy (S40): the table of
docs/MESSAGES.md is what is tested, in the foreground and as a daemon."""
import http.server
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import BUILD, is_mounted, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
THAWFS = str(BUILD / "fs/thawfs")


def rows():
    """situation -> (message, status); cells of a Markdown table."""
    found = {}
    for line in (ROOT / "docs/MESSAGES.md").read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 4 and cells[2].isdigit():
            assert cells[0] not in found, f"twice in the table: {cells[0]}"
            found[cells[0]] = cells[1].strip("`"), int(cells[2])
    return found


ROWS = rows()
SITUATIONS = {}


def situation(words):
    def add(function):
        SITUATIONS[words] = function
        return function
    return add


class Start:
    """What thawfs is started with; a situation changes it."""

    def __init__(self, tmp_path, sim):
        self.dir, self.sim = tmp_path, sim
        self.source, self.mnt = "s3://lab", tmp_path / "mnt"
        self.words = {"state.dir": tmp_path / "state", "cache.dir": tmp_path / "cache",
                      "cache.reserve": 0, "source.endpoint": sim.url,
                      "mount.clock": f"{sim.url}/_sim/clock"}
        self.env = dict(sim.env)
        self.before = []     # a command that starts the command
        self.names = {}      # placeholders of the message
        self.mounted = []    # to be unmounted
        self.more = []
        self.mnt.mkdir()

    def command(self, *flags):
        words = ",".join(f"{k}={v}" if v is not None else k for k, v in self.words.items())
        return [*self.before, THAWFS, self.source, str(self.mnt), "-o", words, *flags, *self.more]

    def run(self, *flags):
        return subprocess.run(self.command(*flags), env=self.env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=40)

    def configure(self, text):
        self.source = str(self.dir / "thawfs.conf")
        pathlib.Path(self.source).write_text(text)
        self.words = {k: v for k, v in self.words.items() if not k.startswith("source.")}
        self.names["FILE"] = self.source

    def tmpfs(self, name, *options):
        path = self.dir / name
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", path], check=True)
        self.mounted.append(path)
        return path

    def other(self):
        """Another thawfs, with places of its own."""
        path = self.dir / "other"
        path.mkdir()
        words = {**self.words, "state.dir": self.dir / "state2", "cache.dir": self.dir / "cache2"}
        subprocess.run([THAWFS, "s3://lab", path, "-o",
                        ",".join(f"{k}={v}" for k, v in words.items())], env=self.env,
                       stderr=subprocess.DEVNULL, check=True)
        self.mounted.append(path)
        return path

    def end(self):
        for path in reversed(self.mounted):
            subprocess.run(["umount", "-l", path], check=True)
        lock = self.dir / "state2/state.lock"
        if lock.exists():
            pid = lock.read_text().split()[0]
            until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the other's end")


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


@situation("a mount point that is in use")
def busy_mountpoint(s):
    s.mnt = s.names["DIR"] = s.tmpfs("busy")


@situation("a mount point that is not empty")
def full_mountpoint(s):
    s.names["DIR"] = s.mnt
    (s.mnt / "file").write_text("")


@situation("a mount point whose daemon has died")
def dead_mountpoint(s):
    s.mnt = s.names["DIR"] = s.other()
    os.kill(int((s.dir / "state2/state.lock").read_text().split()[0]), signal.SIGKILL)
    time.sleep(0.2)


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


# ---- the configuration ----

CONFIG = "[source lab]\nurl = s3://lab\n"


@situation("a part that is too small")
def small_part(s):
    s.words["restore.range-min"] = "64K"


@situation("a recall-ahead that is none")
def bad_ahead(s):
    s.configure(CONFIG + "[restore]\nrecall-ahead = always\n")


@situation("a pace that is none")
def bad_pace(s):
    s.configure(CONFIG + "pace = fast\n")


@situation("an unknown key")
def unknown_key(s):
    s.configure(CONFIG + "[restore]\ntiers = bulk\n")


@situation("a price of transfer that is none")
def bad_egress(s):
    s.configure(CONFIG + "egress = free\n")


@situation("a free transfer that is no size")
def bad_free(s):
    s.configure(CONFIG + "egress-free = some\n")


@situation("a region without prices, and no names yet")
def no_prices(s):
    s.words["source.prices"] = "mars-north-1"


@situation("a price table with a line that makes no sense")
def bad_price_table(s):
    s.names["TABLE"] = s.dir / "own.csv"
    s.names["TABLE"].write_text("# ours\n*,s3,*,,get,0,cheap,2026-11,own,ours\n")
    s.words["prices.file"] = s.names["TABLE"]


@situation("a price table that is not there")
def no_price_table(s):
    s.names["TABLE"] = s.dir / "own.csv"
    s.words["source.prices"] = s.names["TABLE"]


@situation("an unknown section")
def unknown_section(s):
    s.configure(CONFIG + "[cash]\nsize = 3G\n")


@situation("a bad size")
def bad_size(s):
    s.configure(CONFIG + "[cache]\nsize = lots\n")


@situation("a bad word")
def bad_word(s):
    s.configure(CONFIG + "[restore]\ntier = fast\n")


@situation("a bad duration")
def bad_duration(s):
    s.configure(CONFIG + "refresh = soon\n")


@situation("a bad amount")
def bad_amount(s):
    s.configure(CONFIG + "[budget lab]\nmoney = much\n")


@situation("a budget of nothing")
def _(s):
    s.configure(CONFIG + "[budget lab]\nper = day\n")


@situation("mail from nobody")
def _(s):
    s.configure(CONFIG + "[notice]\nsmtp = smtp://localhost:25\n")


@situation("a hook that is none")
def _(s):
    s.configure(CONFIG + "[notice]\nhook = /nowhere\n")


@situation("a budget's path in no source")
def _(s):
    s.configure(CONFIG + "[budget lab]\nmoney = 1\nwho = path:/nowhere\n")


@situation("a policy for nobody there is")
def _(s):
    s.configure(CONFIG + "[policy /lab]\nusers = nobodyatall\n")


@situation("a policy's unknown tier")
def _(s):
    s.configure(CONFIG + "[policy]\ntiers = bulk, quick\n")


@situation("a storm limit that is no number")
def _(s):
    s.configure(CONFIG + "[policy]\nstorm-files = many\n")


@situation("a chargeback file with a bad line")
def _(s):
    (s.dir / "who").write_text("user:root dna\nroot dna\n")
    s.configure(CONFIG + f"[policy]\nchargeback = {s.dir}/who\n")
    s.names["FILE"] = s.dir / "who"


@situation("an archive class that is none")
def _(s):
    s.configure(CONFIG + "archive-classes = COLD:STANDARD\n")


@situation("an inventory of S3 for a vault")
def inventory_of_vault(s):
    s.configure(f"[source photos]\nurl = glacier://us-east-1/photos\nendpoint = {s.sim.url}\n"
                "inventory = s3://lab/inv\n")


@situation("an unknown storage class")
def bad_class(s):
    s.configure(CONFIG + "storage-classes = FROZEN\n")


@situation("an unknown user")
def bad_user(s):
    s.configure(CONFIG + "[mount]\nuid = nobodyatall\n")


@situation("an unknown group of a directory")
def _(s):
    s.configure(CONFIG + "[mount /lab/x]\ngid = nobodyatall\n")


@situation("a directory of no source")
def _(s):
    s.configure(CONFIG + "[mount /nowhere]\nmode = 0400\n")


def owners(s, text):
    s.names["FILE"] = s.dir / "owners"
    if text:
        s.names["FILE"].write_text(text)
    s.words["mount.owners"] = s.names["FILE"]


@situation("a file of owners with an unknown user")
def _(s):
    owners(s, "/lab, root, root\n/lab/x, nobodyatall\n")


@situation("a file of owners with a mode that is none")
def _(s):
    owners(s, "# ours\n/lab, root, 0, rw\n")


@situation("a file of owners that is not there")
def _(s):
    owners(s, None)


@situation("two sources of one bucket, with different owners")
def _(s):
    s.configure(CONFIG + f"[source all]\nurl = s3://lab/part\nendpoint = {s.sim.url}\n"
                "[mount /all/x]\nmode = 0400\n")


@situation("a mount handed over whose modes nobody looks at")
def _(s):
    s.before = ["sh", "-c", 'exec 9</dev/null; d=$1; shift; exec "$d" "$1" /dev/fd/9 -o "$4"', "sh"]
    s.words["allow_other"] = None


@situation("a configuration without a source")
def no_source(s):
    s.configure("[cache]\nsize = 3G\n")


@situation("a configuration file that is not there")
def no_file(s):
    s.source = "archive.conf"


@situation("a URL of something else")
def bad_scheme(s):
    s.source = "ftp://lab"


@situation("a vault's URL without region")
def bad_vault_url(s):
    s.source = "glacier://photos"


@situation("an unknown option")
def bad_option(s):
    s.words["allow_othr"] = None


@situation("no mount point")
def no_operand(s):
    s.before = ["sh", "-c", 'exec "$1" "$2"', "sh"]


@pytest.fixture
def start(tmp_path, sim):
    start = Start(tmp_path, sim)
    yield start
    start.end()


def pattern_of(message, names):
    """A message of the table: … is anything, a name in capitals what the situation says."""
    text = message
    for name, value in names.items():
        text = re.sub(rf"\b{name}\b", lambda _: str(value), text)
    return ".+".join(map(re.escape, text.split("…")))


def test_every_message_of_the_table_has_its_situation():
    assert sorted(ROWS) == sorted(SITUATIONS)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems to fail on")
@pytest.mark.parametrize("words", SITUATIONS)
def test_bad_input_is_refused_with_one_line(start, words):
    """S40"""
    message, status = ROWS[words]
    SITUATIONS[words](start)
    before = start.mnt.is_mount() if start.mnt not in start.mounted else True
    for flags in (["-f"], []):
        done = start.run(*flags)
        said = done.stderr.rstrip("\n")
        assert re.fullmatch(pattern_of(f"thawfs: {message}", start.names), said), said
        assert done.returncode == status and done.stdout == ""
        assert is_mounted(start.mnt) == before


@pytest.mark.parametrize("flags", [["-f"], []])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_start_that_waits_at_once(start, flags, number):
    """S18: the service takes the connection and never answers."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        start.words["source.endpoint"] = f"http://127.0.0.1:{mute.getsockname()[1]}"
        process = subprocess.Popen(start.command(*flags), env=start.env, stderr=subprocess.PIPE,
                                   text=True)
        lock = start.dir / "state/state.lock"
        until(lambda: lock.exists() and lock.read_text(), 10, "the daemon's lock")
        pid = int(lock.read_text().split()[0])
        time.sleep(0.3)
        process.send_signal(number)
        process.communicate(timeout=2)
        assert process.returncode in (1, -number)
        until(lambda: not os.path.exists(f"/proc/{pid}"), 2, "its end")
    assert not is_mounted(start.mnt)


def test_a_full_mount_point_is_taken_when_it_is_meant(start):
    """S43"""
    (start.mnt / "file").write_text("")
    start.words["nonempty"] = None
    assert start.run().returncode == 0
    start.mounted.append(start.mnt)
    assert os.listdir(start.mnt) == ["runs"]
    subprocess.run(["umount", start.mnt], check=True)
    start.mounted.clear()
    until(lambda: "stopped\n" in (start.dir / "state/thawfs.log").read_text())
