# SPDX-License-Identifier: Apache-2.0
"""transcript - what the demo shows on a terminal of a size: transcript.py BUILD WIDTHxHEIGHT.

Prints it as text. What differs from run to run is made the same: the directory, the port, times of
day and how long a second read took."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

HERE = os.path.dirname(os.path.abspath(__file__))
SAME = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\r"), ""),
    (re.compile(r"/tmp/thawfs-demo-\w+"), "/tmp/thawfs-demo"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8080"),
]


def record(command, columns, rows):
    """What the command writes to a terminal of that size, and its exit status."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs,
                               env=environment, start_new_session=True)
    os.close(theirs)
    said = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # EIO: the last of them has closed it
            break
        if not more:
            break
        said += more
    os.close(ours)
    return said.decode(), process.wait()


def main():
    build, size = sys.argv[1:]
    columns, rows = map(int, size.split("x"))
    said, status = record([sys.executable, "-B", f"{HERE}/demo.py", build], columns, rows)
    for pattern, text in SAME:
        said = pattern.sub(text, said)
    print(f"$ tools/demo        # on a terminal of {columns} x {rows}\n{said}", end="")
    too_wide = [line for line in said.splitlines() if len(line) > columns]
    if too_wide:
        print("transcript: wider than the terminal:", *too_wide, sep="\n", file=sys.stderr)
    return status or bool(too_wide)


sys.exit(main())
