"""What the tests of `trilby` share: the programs, a clean home, and runs whose lines can be awaited.

Not a mock of the sidecar: `--sidecar-dir` is a folder with the real `trilby` and `trilbyd`.
"""
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "blackbox"))

from harness.ports import free_port  # noqa: E402

# Whoever runs us in the background has Ctrl-C ignored, and what we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

LIMIT = 30


def pytest_addoption(parser):
    parser.addoption("--sidecar-dir", default="build/bin", help="folder with trilby and trilbyd")


class Run:
    """A `trilby run`, its lines as they come."""

    def __init__(self, argv, env, cwd):
        self.process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        start_new_session=True)
        self.lines, self.seen = queue.Queue(), []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").rstrip("\n"))
        self.lines.put(None)

    def until(self, pattern):
        """The match of the first line, not yet taken, in which the pattern is found."""
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, f"no line with {pattern!r} in\n" + "\n".join(self.seen)
            self.seen.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def up(self):
        self.until("You're up and running!")
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """The exit status, with every line in `seen`."""
        status = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        while (line := self.lines.get(timeout=LIMIT)) is not None:
            self.seen.append(line)
        return status

    def text(self):
        return "\n".join(self.seen)


class Trilby:
    def __init__(self, folder, home):
        self.program, self.home, self.runs = str(folder / "trilby"), home, []
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith(("DAPR_", "APP_", "TRILBY_")) and k != "NO_COLOR"}
        self.env["HOME"] = str(home)

    def __call__(self, *words, **env):
        """A command that ends by itself."""
        return subprocess.run([self.program, *words], env={**self.env, **env}, cwd=self.home,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)

    def run(self, *words, **env):
        started = Run([self.program, "run", *words], {**self.env, **env}, self.home)
        self.runs.append(started)
        return started

    def list(self):
        return {row["appId"]: row for row in json.loads(self("list", "-o", "json").stdout)}


@pytest.fixture(scope="session")
def sidecar_dir(request):
    folder = pathlib.Path(request.config.getoption("--sidecar-dir")).resolve()
    assert (folder / "trilby").exists(), f"no trilby in {folder}: build it, or name --sidecar-dir"
    return folder


@pytest.fixture
def trilby(sidecar_dir, tmp_path):
    program = Trilby(sidecar_dir, tmp_path)
    yield program
    for run in program.runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(LIMIT)


@pytest.fixture
def app_id(request):
    """One of its own per test, since `list` and `stop` see everything of this user."""
    return f"cli-{os.getpid()}-{abs(hash(request.node.name)) % 100000}"



def is_gone(pid):
    """Waits for the end of a process that is not our child."""
    deadline = time.monotonic() + LIMIT
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    import select
    ready, _, _ = select.select([handle], [], [], deadline - time.monotonic())
    os.close(handle)
    return bool(ready)


SIGINT, SIGTERM = signal.SIGINT, signal.SIGTERM
