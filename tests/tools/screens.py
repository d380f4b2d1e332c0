# SPDX-License-Identifier: Apache-2.0
"""A terminal of tmux's: keys go in, what a person would see comes out."""
import os
import shlex
import shutil
import subprocess
import time

import pytest

THERE = shutil.which("tmux") is not None


class Screen:
    """A program on `columns` by `lines`; behind it a shell says its status and how the terminal was left."""

    def __init__(self, tmp_path, words, columns=80, lines=24, env=()):
        self.socket = str(tmp_path / "tmux")
        words = shlex.join(map(str, words))
        after = ("; echo \"status=$?\"; stty -a | tr '; ' '\\n\\n' | "
                 "grep -xE -- '-?(echo|icanon|isig)' | tr '\\n' ' '; echo .; cat")
        env = [word for pair in {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **dict(env)}.items()
               for word in ("-e", "=".join(pair))]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", lines, "-s", "u", *env,
                  f"{words}{after}")

    def tmux(self, *words):
        said = subprocess.run(["tmux", "-S", self.socket, *map(str, words)], text=True, timeout=20,
                              capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert said.returncode == 0, said.stderr
        return said.stdout

    def text(self, *how):
        return self.tmux("capture-pane", "-p", *how, "-t", "u")

    def until(self, true, seconds=20):
        """What `true` says of the text, as soon as it is something; or a part of it."""
        if isinstance(true, str):
            words = true

            def true(text):
                return words in text
        end = time.monotonic() + seconds
        while not true(self.text()):
            assert time.monotonic() < end, f"not so in {seconds} s:\n{self.text()}"
            time.sleep(0.05)
        return self.text()

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "u", *keys)

    def resize(self, columns, lines):
        """A moment later: tmux takes its time, and the program has to be seen to have noticed."""
        self.tmux("resize-window", "-t", "u", "-x", columns, "-y", lines)

    def ended(self, status=0):
        """It has, the cursor is back, and what is typed is echoed, a line at a time, with signals."""
        text = self.until(lambda text: "status=" in text and text.rstrip().endswith("."))
        assert f"status={status}\n" in text, text
        left = text[text.index("status="):].split("\n")[1]
        assert sorted(left.split()) == [".", "echo", "icanon", "isig"], text
        shown = self.tmux("display-message", "-p", "-t", "u", "#{cursor_flag} #{alternate_on}")
        assert shown.split() == ["1", "0"], shown
        return text

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, timeout=20)


@pytest.fixture
def screen(tmp_path):
    if not THERE:
        pytest.skip("no tmux")
    screens = []

    def start(*words, **how):
        (tmp_path / str(len(screens))).mkdir()
        screens.append(Screen(tmp_path / str(len(screens)), words, **how))
        return screens[-1]
    yield start
    for s in screens:
        s.close()
