# SPDX-License-Identifier: Apache-2.0
"""The names that systems before this one document are the keys of a transfer."""
import json

from conftest import Transfer, listed, mounts, until

B64 = "RlgxNTAvQ0JCX2ZpZ3VyZS90ZXN0X3B5dGjDtm5fZmlsZS5jYmI="
OLD = "UkVOREVSRkFSTTUvQjovb25lL3R3by90aHJlZS9jaDAxX3NlcTAwNF9zaDAwMTAuMjA0NC5kcHg="
# Descriptions and the keys that are documented for them; None: below 00undefined, by its id.
VECTORS = [
    ("data/single value.dat", "data/single value.dat"),
    (f"<m><v>4</v><p>{B64}</p><lm>20190121T085242Z</lm></m>", "FX150/CBB_figure/test_pythön_file.cbb"),
    (f'"<ArchiveMetadata> <Path> {OLD} </Path></ArchiveMetadata>"',
     "RENDERFARM5/B:/one/two/three/ch01_seq004_sh0010.2044.dpx"),
    ("mt2 eyJmaWxlbmFtZSI6InLDqXBlcnRvaXJlL8OkIGI_LmRhdCIsIm10aW1lIjoiMjAxMzAxMDJUMDMwNDA1WiJ9",
     "répertoire/ä b?.dat"),
    ("mt2 eyJtdGltZSI6IjAifQ==", None),
    ('{"Path":"   ","UTCDateModified":"20100310T110623Z"}', None),
    ("", None),
    (" ", None),
    ("double entry.txt", "double entry.txt"),
    ("double entry.txt", "double entry.txt-20190211T000000Z"),
    ("the name that is overridden", "named/by hand.txt"),
]


def test_documented_names_of_both_systems_are_the_keys(tmp_path, start_sim, start_mount):
    """S234: a single value, blanks, duplicates with their time, an override, each scheme's example."""
    created = [f"2019-01-{i + 1:02}T00:00:00Z" for i in range(len(VECTORS))]
    created[9] = "2019-02-11T00:00:00Z"
    (tmp_path / "seed.json").write_text(json.dumps({
        "vaults": [{"name": "photos", "archives": [
            {"description": d, "size": 10 + i, "fill": str(i), "created": created[i]}
            for i, (d, _) in enumerate(VECTORS)]}], "buckets": [{"name": "dst"}]}))
    sim = start_sim("--speed", mounts.SPEED, "--seed", tmp_path / "seed.json")
    ids = {}
    for line in (sim.data / "glacier/journal").read_text().splitlines():
        entry = json.loads(line)
        if entry["op"] == "archive":
            ids[entry["size"] - 10] = entry["id"]
    names = tmp_path / "names.csv"
    names.write_text(f"{ids[len(VECTORS) - 1]},named/by hand.txt\n")
    sim.inventory("photos")
    mount = start_mount(sim, "glacier://us-east-1/photos", "source.refresh=1000d",
                        f"source.names={names}")
    until(lambda: listed(mount.path), 30, "catalog")
    transfer = Transfer(tmp_path, sim, mount)
    transfer("--yes")
    assert transfer.stored() == {f"in/{name or '00undefined/' + ids[i]}": 10 + i
                                 for i, (_, name) in enumerate(VECTORS)}
