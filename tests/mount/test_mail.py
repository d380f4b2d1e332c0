# SPDX-License-Identifier: Apache-2.0
"""Notices: mail through a real server, hooks and webhooks, also over crashes."""
import email
import email.policy
import http.server
import json
import pathlib
import subprocess
import threading
import time

import pytest
from conftest import BUILD, CONFIG, FILES, listed, until

HERE = pathlib.Path(__file__).resolve().parent
THAW = BUILD / "tools/thaw/thaw"
PASSWORD = "s3cret word"


class Trap:
    """The mail server, and what came to it."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        self.cert, self.key = path / "c.pem", path / "k.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        self.process = subprocess.Popen(
            ["/usr/bin/python3", HERE / "mailtrap.py", path, self.cert, self.key, "thaw", PASSWORD],
            stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        (path / "password").write_text(PASSWORD + "\n")
        (path / "password").chmod(0o600)

    def conf(self, more=""):
        return (f"[notice]\nsmtp = smtp://localhost:{self.port}\nsmtp-ca = {self.cert}\n"
                f"smtp-user = thaw\nsmtp-password-file = {self.path}/password\n"
                f"from = thawfs@example.test\nsettle = 1s\n{more}")

    def mails(self):
        return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default)
                for p in sorted(self.path.glob("*.eml"))]

    def to(self, who):
        return [m for m in self.mails() if who in m["X-To"]]

    def end(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def trap(tmp_path):
    pytest.importorskip("aiosmtpd")
    trap = Trap(tmp_path / "mail")
    yield trap
    trap.end()


@pytest.fixture
def start(start_mount, sim, trap):
    def start(more=""):
        mount = start_mount(sim, CONFIG.format(url=sim.url) + trap.conf(more))
        for source in ("photos", "lab"):
            until(lambda: listed(mount.path / source), 30, f"catalog of {source}")
        return mount
    return start


def get(mount, *words):
    said = subprocess.run([THAW, "get", *words], text=True, capture_output=True, timeout=60)
    assert said.returncode == 0, said.stderr
    return said.stdout


def body(mail, kind="plain"):
    return mail.get_body((kind,)).get_content()


def of_files(mount):
    """Lines of the ledger: not the vault's own inventory."""
    return [x for x in mount.ledger()
            if int(x["request"]) and not x["resource"].endswith("/inventory")]


def charged(mount):
    import decimal
    return sum(decimal.Decimal(x["amount"]) for x in of_files(mount))


@pytest.mark.timeout(120)
def test_a_set_gets_one_mail_when_asked_and_one_when_all_of_it_is_here(start, trap):  # S132
    mount = start("admins = root@example.test\n")
    get(mount, "-r", "--email", "ada@example.test", mount.path / "photos")
    until(lambda: len(trap.mails()) == 2, 60, "two mails")
    asked, ended = trap.mails()
    assert asked["X-TLS"] == "True" and asked["X-To"] == "ada@example.test, root@example.test"
    assert asked["To"] == "ada@example.test" and "root@example.test" in asked["Cc"]
    assert "3 files asked for" in asked["Subject"] and "standard" in body(asked)
    for name in FILES:
        path = str(mount.path / "photos" / name)
        assert name == "empty" or (path in body(asked) and path in body(ended))
    assert "3 files here" in ended["Subject"]
    # What it says was charged is what the ledger has.
    line = next(x for x in body(ended).splitlines() if x.startswith("Charged: "))
    import decimal
    words = decimal.Decimal(line.split()[1])
    assert abs(words - charged(mount)) <= decimal.Decimal("0.000001"), (line, charged(mount))
    assert "<p" in body(ended, "html") and str(mount.path) in body(ended, "html")
    assert asked["Message-ID"] != ended["Message-ID"] and asked["Auto-Submitted"]
    time.sleep(2)
    assert len(trap.mails()) == 2


@pytest.mark.timeout(120)
def test_two_who_ask_for_one_file_are_both_told_and_it_is_paid_once(start, trap):  # S132
    mount = start()
    path = mount.path / "photos/thesis.pdf"
    get(mount, "--email", "ada@example.test", path)
    get(mount, "--email", "ben@example.test", path)
    until(lambda: len(trap.mails()) == 4, 60, "four mails")
    for who in ("ada", "ben"):
        assert ["asked for" in m["Subject"] for m in trap.to(who)] == [True, False]
    paid = [(x["operation"], x["component"]) for x in of_files(mount)]
    assert paid.count(("InitiateJob", "request")) == 1


@pytest.mark.timeout(180)
def test_a_kill_between_the_event_and_the_mail_leaves_exactly_one_mail_each(start, trap):  # S133
    mount = start()
    (trap.path / "refuse").touch()
    get(mount, "--email", "ada@example.test", mount.path / "photos/thesis.pdf")
    mount.wait_state(mount.path / "photos/thesis.pdf", "cached")
    until((trap.path / "refused").exists, 30, "a mail being refused")
    mount.kill()
    (trap.path / "refuse").unlink()
    assert not trap.mails()
    mount.start()
    until(lambda: len(trap.mails()) == 2, 60, "two mails")
    # Nor does another start tell it again.
    mount.stop()
    mount.start()
    time.sleep(2)
    assert ["asked for" in m["Subject"] for m in trap.mails()] == [True, False]
    assert len({m["Message-ID"] for m in trap.mails()}) == 2
    mount.may_log = "cannot be sent"


@pytest.mark.timeout(120)
def test_a_budget_that_is_nearly_spent_is_told_to_the_administrators(start, trap):
    mount = start("admins = root@example.test\n[budget small]\nmoney = 0.02\nwarn = 1\n")
    said = subprocess.run([THAW, "get", "-r", "--email", "ada@example.test",
                           mount.path / "photos", mount.path / "lab"],
                          text=True, capture_output=True, timeout=60)
    assert said.returncode == 0, said
    until(lambda: any("budget" in m["Subject"] for m in trap.to("root@")), 60, "an alert")
    alert = next(m for m in trap.to("root@") if "budget" in m["Subject"])
    assert "small" in body(alert) and "ada@example.test" not in alert["X-To"]


@pytest.mark.timeout(120)
def test_a_reader_that_is_stopped_is_told_to_the_administrators_once(start, trap):  # S94, S132
    mount = start("admins = root@example.test, second@example.test\n[policy]\nstorm-files = 1\n")
    code = ("import os, sys\n"
            "for path in sys.argv[1:]:\n"
            "    try: os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 1)\n"
            "    except OSError as e: print(e.errno)\n")
    paths = [mount.path / "lab" / k for k in ("runs/2024/a.dat", "runs/2024/b.dat", "runs/notes.txt")]
    said = subprocess.run(["/usr/bin/python3", "-c", code, *paths], text=True, capture_output=True,
                          timeout=60, start_new_session=True)
    assert "122" in said.stdout.split(), said  # EDQUOT
    until(lambda: trap.to("root@"), 60, "an alert")
    alert, = trap.to("root@")
    assert "a reader has been stopped" in alert["Subject"] and "approve" in body(alert)
    assert "second@example.test" in alert["X-To"] and alert["X-TLS"] == "True"
    assert str(mount.path) in body(alert, "html")


@pytest.mark.timeout(120)
def test_mail_goes_nowhere_but_to_the_domains_that_are_allowed(start, trap):
    mount = start("domains = example.test\n")
    path = mount.path / "photos/thesis.pdf"
    for address, status in (("a@elsewhere.test", 77), ("no address", 2), ("a@b@example.test", 1)):
        said = subprocess.run([THAW, "get", "--email", address, path], text=True,
                              capture_output=True, timeout=60)
        assert said.returncode == status, said
    assert mount.attribute(path, "state") == "cold" and not trap.mails()


HOOK = """#!/bin/sh
cat >> {out}
echo >> {out}.count
"""


@pytest.mark.timeout(180)
def test_a_hook_gets_each_event_once_as_json_also_over_a_kill(start, tmp_path):  # S133
    out, hook = tmp_path / "events", tmp_path / "hook"
    hook.write_text(HOOK.format(out=out))
    hook.chmod(0o755)
    mount = start(f"hook = {hook}\n")

    def events():
        return [json.loads(x) for x in out.read_text().splitlines()] if out.exists() else []

    def kinds(path):
        return [e["event"] for e in events() if e.get("path") == path]

    mount.ask(mount.path / "photos/thesis.pdf", "get")
    until(lambda: "ready" in kinds("/photos/thesis.pdf"), 60, "the hook being told")
    assert kinds("/photos/thesis.pdf") == ["asked", "ready"]
    mount.ask(mount.path / "photos/holiday/beach.jpg", "get")
    until(lambda: mount.attribute(mount.path / "photos/holiday/beach.jpg", "state") == "cached",
          60, "it being here")
    mount.kill()
    mount.start()
    mount.ask(mount.path / "photos/holiday/mountain.jpg", "get")
    until(lambda: "ready" in kinds("/photos/holiday/mountain.jpg"), 60, "the hook being told")
    ids = [e["id"] for e in events()]
    assert len(ids) == len(set(ids))
    ready = events()[1]
    assert ready["user"] and ready["size"] == len(FILES["thesis.pdf"]) and float(ready["charged"]) > 0


@pytest.mark.timeout(180)
def test_a_webhook_is_posted_until_it_is_taken_with_the_same_key(start):
    posts, answers = [], [503, 200]

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            data = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append((self.headers["Idempotency-Key"], json.loads(data)))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        mount = start(f"webhook = http://127.0.0.1:{server.server_port}/thaw\n")
        mount.ask(mount.path / "photos/thesis.pdf", "get")
        until(lambda: [p[1]["event"] for p in posts][-1:] == ["ready"], 60, "the post")
        assert [p[1]["event"] for p in posts] == ["asked", "asked", "ready"]
        assert posts[0][0] == posts[1][0] != posts[2][0]
        mount.may_log = "webhook"
    finally:
        server.shutdown()


@pytest.mark.timeout(120)
def test_what_is_taken_back_is_told_as_such(start, trap):  # S132
    mount = start()
    path = mount.path / "photos/thesis.pdf"
    get(mount, "--tier", "bulk", "--email", "ada@example.test", path)
    mount.ask(path, "cancel")
    until(lambda: len(trap.mails()) == 2, 60, "two mails")
    assert "1 cancelled" in trap.mails()[1]["Subject"]
    assert f"{path}: cancelled" in body(trap.mails()[1])


def test_a_site_s_own_words_are_used(start, trap, tmp_path):
    words = tmp_path / "words"
    words.mkdir()
    (words / "ended.txt").write_text("Subject: Fertig: ${result}\n\nLiebe Leute,\n${list}\n")
    mount = start(f"templates = {words}\n")
    get(mount, "--email", "ada@example.test", mount.path / "photos/thesis.pdf")
    until(lambda: len(trap.mails()) == 2, 60, "two mails")
    assert trap.mails()[1]["Subject"] == "Fertig: 1 file here"
    assert body(trap.mails()[1]).startswith("Liebe Leute,\n")


def test_sendmail_is_given_the_message(start_mount, sim, tmp_path):
    out, program = tmp_path / "sent", tmp_path / "sendmail"
    program.write_text(f"#!/bin/sh\necho \"$@\" > {out}.args\ncat > {out}.tmp\nmv {out}.tmp {out}\n")
    program.chmod(0o755)
    mount = start_mount(sim, CONFIG.format(url=sim.url) + f"[notice]\nsendmail = {program}\n"
                        "from = thawfs@example.test\nsettle = 1s\n")
    until(lambda: listed(mount.path / "photos"), 30, "catalog")
    get(mount, "--email", "ada@example.test", mount.path / "photos/thesis.pdf")
    until(out.exists, 60, "a mail")
    sent = email.message_from_bytes(out.read_bytes(), policy=email.policy.default)
    assert sent["To"] == "ada@example.test" and "-t" in (tmp_path / "sent.args").read_text()
