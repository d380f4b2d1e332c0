# SPDX-License-Identifier: Apache-2.0
"""A Spack recipe: a repository's packages/thawfs/package.py. Manual pages are left out where there is no
scdoc, which Spack does not have."""
from spack.package import *


class Thawfs(MesonPackage):
    """Cold Amazon Glacier archives and S3 objects as ordinary read-only files (FUSE)."""

    # Where the site keeps its clone; `spack dev-build thawfs@main` in a checkout needs none.
    git = "file:///usr/local/src/thawfs"

    license("Apache-2.0")

    version("main", branch="main")

    depends_on("c", type="build")
    depends_on("meson@1.0:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("uthash", type="build")
    depends_on("cmocka", type=("build", "test"))
    depends_on("curl@7.85:")
    depends_on("expat@2.4:")
    depends_on("json-c")
    depends_on("libfuse@3.10:")
    depends_on("libinih")
    depends_on("libmicrohttpd@0.9.71:")
    depends_on("libunistring")
    depends_on("lmdb")
    depends_on("openssl@3:")
    depends_on("zlib-api")
