# SPDX-License-Identifier: Apache-2.0
"""Vaults as people have them: every naming scheme (docs/NAMES.md), duplicates, blanks, all sizes."""
import base64
import hashlib
import json
import random

MIB = 1 << 20
WRONG = "0" * 64


def fill(word, size):
    """What thaw-sim's seed makes of a word."""
    key = hashlib.sha256(word.encode()).digest()
    blocks = (hashlib.sha256(key + i.to_bytes(8, "little")).digest()
              for i in range((size + 31) // 32))
    return b"".join(blocks)[:size]


def b64(text):
    return base64.b64encode(text.encode()).decode()


def mt2(text):
    return "mt2 " + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


SCHEMES = [
    lambda n: f"data/2019/{n % 50:03}/file-{n:06}.dat",
    lambda n: f"plain name {n}",
    lambda n: f"<m><v>4</v><p>{b64(f'fast/pythön {n}.cbb')}</p><lm>20190121T085242Z</lm></m>",
    lambda n: f"\"<ArchiveMetadata> <Path> {b64(f'old/B:/one/{n}.dpx')} </Path></ArchiveMetadata>\"",
    lambda n: json.dumps({"Path": f"cloud/{n}/img.raw", "UTCDateModified": "20100310T110623Z"}),
    lambda n: mt2(json.dumps({"filename": f"mt/r\u00e9pertoire/{n} b?.dat",
                              "mtime": "20130102T030405Z"})),
    lambda n: "",
    lambda n: " ",
    lambda n: "the same name",
    lambda n: f"back\\slash\\{n}",
    lambda n: f"../up//{n}/.",
    lambda n: f"100%/{n}%41&+=;,*",
    lambda n: "long/" + "x" * 250 + f"{n:06}",
    lambda n: "mt2 eyJtdGltZSI6IjAifQ==",
]


def archives(n, seed=1, large=()):
    """`n` of them: {"description", "size", "fill", "created"}; `large` sizes take the last places."""
    lots = random.Random(seed)
    sizes = [lots.choice((1, lots.randrange(1, 4096), lots.randrange(4096, 200_000)))
             for _ in range(n - len(large))] + list(large)
    for i, size in enumerate(sizes):
        yield {"description": SCHEMES[i % len(SCHEMES)](i), "size": size, "fill": f"{seed}-{i}",
               "created": f"20{10 + i % 9}-0{1 + i % 8}-1{i % 10}T0{i % 7}:{i % 60:02}:00Z"}


def write_seed(path, n, **how):
    """A seed file of vault `photos` and bucket `dst`."""
    everything = list(archives(n, **how))
    for a in everything:
        if a["size"] > 1 << 30:
            del a["fill"]
    path.write_text(json.dumps({"vaults": [{"name": "photos", "archives": everything}],
                                "buckets": [{"name": "dst"}]}))
    return everything
