# SPDX-License-Identifier: Apache-2.0
"""What old tools called their files, names given by hand, and inventories somebody has."""
import base64
import calendar
import json
import os
import subprocess
import time

import pytest
from conftest import BUILD, SPEED, listed, pattern, until

FASTGLACIER = ("<m><v>4</v><p>RlgxNTAvQ0JCX2ZpZ3VyZS90ZXN0X3B5dGjDtm5fZmlsZS5jYmI=</p>"
               "<lm>20190121T085242Z</lm></m>")
OLDER = ('"<ArchiveMetadata> <Path> UkVOREVSRkFSTTUvQjovb25lL3R3by90aHJlZS9jaDAxX3NlcTAwNF9zaDAw'
         'MTAuMjA0NC5kcHg= </Path></ArchiveMetadata>"')
MT2 = ("mt2 eyJmaWxlbmFtZSI6InLDqXBlcnRvaXJlL8OkIGI_LmRhdCIsIm10aW1lIjoiMjAxMzAxMDJUMDMwNDA1WiJ9")
MT1 = "mt1 " + base64.urlsafe_b64encode(
    '{"filename":"été.txt","mtime":"20130102T030405Z"}'.encode().decode("latin1").encode()
).decode().rstrip("=")
CLOUDBERRY = r'"{\"Path\":\"disk\\\\one,two\",\"UTCDateModified\":\"20100310T110623Z\"}"'
# Description, where it is, when it was changed (None: not told).
FORMS = [
    ("plain/name", "plain/name", None),
    (FASTGLACIER, "FX150/CBB_figure/test_pythön_file.cbb", "20190121T085242"),
    (OLDER, "RENDERFARM5/B:/one/two/three/ch01_seq004_sh0010.2044.dpx", None),
    (CLOUDBERRY, "disk/one,two", "20100310T110623"),
    (MT2, "répertoire/ä b?.dat", "20130102T030405"),
    (MT1, "été.txt", "20130102T030405"),
    ("mt2 eyJtdGltZSI6IjAifQ==", "00undefined/{id}", None),
    ('{"Path":"   ","UTCDateModified":"20100310T110623Z"}', "00undefined/{id}",
     "20100310T110623"),
    ("<m><v>4</v><p>RlgxNTAv", "00error/{id}", None),
    ("named", "by/hand", None),
]
CONFIG = """
[source vault]
url = glacier://us-east-1/old
endpoint = {url}
backslash-separates = yes
names = {names}
[budget test]
money = 1000
"""


@pytest.fixture
def vault(start_sim, start_mount, tmp_path):
    """A vault with every form; gives the mount, the simulator and the ids."""
    sim = start_sim("--speed", SPEED)
    sim.vault("old")
    ids = [sim.upload(pattern(1000 + i, i), d, "old") for i, (d, _, _) in enumerate(FORMS)]
    names = tmp_path / "names.csv"
    names.write_text(f'archive id, name\n{ids[-1]}, "by/hand"\n')
    mount = start_mount(sim, CONFIG.format(url=sim.url, names=names))
    return mount, sim, ids


def thaw(*args):
    return subprocess.run([str(BUILD / "tools/thaw/thaw"), *map(str, args)], text=True,
                          capture_output=True, timeout=50)


def rows(ids):
    return [{"ArchiveId": x, "ArchiveDescription": d, "CreationDate": "2015-05-15T17:19:46.700Z",
             "Size": 1000 + i, "SHA256TreeHash": "ab" * 32}
            for i, (x, (d, _, _)) in enumerate(zip(ids, FORMS))]


def write_csv(path, ids, cut=0):
    """As the service writes it: a quote is \\", a backslash stays."""
    def field(x):
        x = str(x)
        return '"' + x.replace('"', '\\"') + '"' if set(x) & set(',"') else x

    lines = [",".join(rows(ids)[0])] + [",".join(map(field, r.values())) for r in rows(ids)]
    text = "\r\n".join(lines) + "\r\n"
    path.write_text(text[:len(text) - cut])
    return path


def write_json(path, ids, vault="old", cut=0):
    text = json.dumps({"VaultARN": f"arn:aws:glacier:us-east-1:111122223333:vaults/{vault}",
                       "InventoryDate": "2016-01-02T03:04:05Z", "ArchiveList": rows(ids)})
    path.write_text(text[:len(text) - cut])
    return path


def check_forms(mount, ids):
    root = mount.path / "vault"
    shown = {os.path.relpath(os.path.join(d, f), root)
             for d, _, names in os.walk(root) for f in names}
    paths = [path.format(id=x) for x, (_, path, _) in zip(ids, FORMS)]
    assert shown == set(paths)
    for i, (path, (_, _, changed)) in enumerate(zip(paths, FORMS)):
        st = os.stat(root / path)
        assert st.st_size == 1000 + i
        if changed:
            assert st.st_mtime == calendar.timegm(time.strptime(changed, "%Y%m%dT%H%M%S"))


def test_every_form_has_its_name_and_time(vault):
    """S52, S54"""
    mount, sim, ids = vault
    sim.inventory("old")
    until(lambda: listed(mount.path / "vault"), 30, "catalog")
    check_forms(mount, ids)
    report = (mount.path / "vault/.thaw/renames").read_text()
    reasons = {r["id"]: r["reasons"] for r in map(json.loads, report.splitlines())}
    assert reasons == {ids[3]: ["backslash"], ids[6]: ["undefined"], ids[7]: ["undefined"],
                       ids[8]: ["undecodable"], ids[9]: ["override"]}


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_an_inventory_from_a_file_needs_no_waiting(vault, tmp_path, write):
    """S53"""
    mount, sim, ids = vault
    said = thaw("refresh", "--from", write(tmp_path / "an inventory", ids), mount.path / "vault")
    assert said.returncode == 0, said.stderr
    check_forms(mount, ids)


def test_a_broken_or_foreign_inventory_changes_nothing(vault, tmp_path):
    """S53"""
    mount, sim, ids = vault
    mount.may_log = "nothing was changed"
    root = mount.path / "vault"
    assert thaw("refresh", "--from", write_csv(tmp_path / "good", ids), root).returncode == 0
    before = sorted(os.listdir(root))
    for path, words in [
            (write_csv(tmp_path / "1", ids[:3], cut=40), "damaged at line 4: the SHA256TreeHash"),
            (write_json(tmp_path / "2", ids[:3], cut=2), "it ends here"),
            (write_json(tmp_path / "3", ids[:3], vault="other"), "of another vault"),
            (write_csv(tmp_path / "4", ids[:1], cut=10000), "it is empty")]:
        said = thaw("refresh", "--from", path, root)
        assert said.returncode == 1 and words in said.stderr, said.stderr
        assert sorted(os.listdir(root)) == before
    for path in (tmp_path, "/dev/null", root / "plain/name"):
        said = thaw("refresh", "--from", path, root)
        assert said.returncode == 1 and "plain file outside" in said.stderr, said.stderr
    assert mount.attribute(root / "plain/name", "state") == "cold"


def test_the_daemon_reads_only_what_the_writer_may_read(start_sim, start_mount, tmp_path):
    """S53"""
    if os.geteuid() != 0:
        pytest.skip("another user is needed")
    for d in (tmp_path, *tmp_path.parents[:2]):
        d.chmod(0o755)
    sim = start_sim("--speed", SPEED)
    sim.vault("old")
    ids = [sim.upload(b"x", "a", "old")]
    (tmp_path / "names.csv").write_text("")
    mount = start_mount(sim, CONFIG.format(url=sim.url, names=tmp_path / "names.csv")
                        + "[mount]\nadmins = nobody\nallow-other = yes\n")
    path = write_csv(tmp_path / "inventory.csv", ids)
    asks = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
            BUILD / "tools/thaw/thaw", "refresh", "--from", path, mount.path / "vault"]
    path.chmod(0o640)
    said = subprocess.run(asks, capture_output=True, text=True)
    assert said.returncode == 77 and "his to read" in said.stderr, said
    assert listed(mount.path / "vault") is None
    path.chmod(0o644)
    subprocess.run(asks, check=True)
    assert os.listdir(mount.path / "vault") == ["plain"]


def test_a_bad_line_of_names_stops_the_start(vault, tmp_path):
    """S54"""
    mount, sim, ids = vault
    mount.stop()
    (tmp_path / "names.csv").write_text("A1,one\nA2\n")
    with pytest.raises(Exception):
        mount.start()
    mount.log.close()
    mount.is_stopped = True  # it never was up
    assert "names.csv:2: two fields make a line" in mount.said()
