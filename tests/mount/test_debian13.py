# SPDX-License-Identifier: Apache-2.0
"""Where libfuse is new enough the kernel reads cached files itself: built and tried in a root of
Debian 13, on this machine's kernel."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = """gcc libc6-dev meson ninja-build pkg-config libfuse3-dev libselinux1-dev fuse3
    libcurl4-openssl-dev ca-certificates libexpat1-dev liblmdb-dev libssl-dev libjson-c-dev
    libinih-dev zlib1g-dev libunistring-dev uthash-dev libmicrohttpd-dev libcmocka-dev scdoc
    python3 python3-pytest python3-pytest-timeout attr""".split()
# $0: the root, below an overlay; $1: the sources; $2: where all that is made lies, on no overlay, since
# the kernel passes through to plain file systems only.
INSIDE = """
cd "$2" && mkdir upper work root build tmp
mount -t overlay overlay -o "lowerdir=$0,upperdir=upper,workdir=work" root
mkdir -p root/src root/build
mount --bind "$1" root/src && mount -o remount,ro,bind root/src
mount --bind build root/build && mount --bind tmp root/tmp
mount --rbind /dev root/dev && mount -t proc proc root/proc && mount --rbind /sys root/sys
exec chroot root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \\
    PYTHONDONTWRITEBYTECODE=1 THAW_BUILD=/build sh -ec '
meson setup /build /src -Dbuildtype=debugoptimized
ninja -C /build fs/thawfs tools/sim/thaw-sim tools/thaw/thaw
cd /src
exec python3 -m pytest -q -p no:cacheprovider -c tests/pytest.ini --rootdir . \\
    tests/mount/test_modes.py'
"""


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_kernel_reads_cached_files_where_libfuse_is_3_17(tmp_path):  # S142
    made = subprocess.run([ROOT / "tests/debian_root", "debian13-build", "trixie", *PACKAGES],
                          capture_output=True, text=True)
    if made.returncode == 77:
        pytest.skip(made.stderr.strip())
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-ec", INSIDE,
                           made.stdout.strip(), ROOT, tmp_path], capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
