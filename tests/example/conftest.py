"""What the tests of the examples share: a network of their own, since the ports of the examples are literal, and
programs that run in it."""

import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time

import pytest

# Whoever runs us in the background has Ctrl-C ignored, and what we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 60


def pytest_addoption(parser):
    parser.addoption("--programs", default=str(ROOT / "build" / "bin"), help="folder with trilby and trilbyd")


@pytest.fixture(scope="session")
def programs(pytestconfig):
    folder = pathlib.Path(pytestconfig.getoption("--programs")).resolve()
    assert (folder / "trilby").exists(), f"no trilby in {folder}: build it, or name --programs"
    return folder


class Network:
    """A network namespace with loopback alone, held open by a process; the machine's own network where that is not
    permitted."""

    def __init__(self):
        self.keeper, self.enter = None, []
        for flags, join in ((["-n"], ["-n"]), (["-Urn"], ["-U", "-n", "--preserve-credentials"])):
            keeper = subprocess.Popen(["unshare", *flags, "sh", "-c", "ip link set lo up && echo ready && exec cat"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if keeper.stdout.readline() == b"ready\n":
                self.keeper = keeper
                self.enter = ["nsenter", "-t", str(keeper.pid), *join, "--"]
                return
            keeper.communicate()

    def close(self):
        if self.keeper:
            self.keeper.communicate()


@pytest.fixture(scope="session")
def network():
    made = Network()
    yield made
    made.close()


class Run:
    """A program in the network, its lines as they come."""

    def __init__(self, command, env, cwd):
        self.process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.lines, self.seen = queue.Queue(), []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").rstrip("\n"))
        self.lines.put(None)

    def until(self, pattern):
        """The first line, not yet taken, in which the pattern is found."""
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                line = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, f"no line with {pattern!r} in\n" + "\n".join(self.seen)
            self.seen.append(line)
            if re.search(pattern, line):
                return line

    def interrupt(self):
        """Ctrl-C: the whole group hears it. The exit status, with every line in `seen`."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def end(self):
        status = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        while (line := self.lines.get(timeout=LIMIT)) is not None:
            self.seen.append(line)
        return status

    def text(self):
        return "\n".join(self.seen)


class Place:
    """A folder and a home of its own in the network; command lines are given to a shell, as a person would."""

    def __init__(self, network, programs, folder):
        self.network, self.folder, self.runs = network, folder, []
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("DAPR_", "APP_", "TRILBY_", "REDIS_")) and name != "NO_COLOR"}
        self.env.update(HOME=str(folder), PATH=f"{programs}:{os.environ['PATH']}", TRB_NO_INSTALL="1")

    def start(self, line, cwd=None, **env):
        run = Run([*self.network.enter, "bash", "-c", line], {**self.env, **env}, cwd or self.folder)
        self.runs.append(run)
        return run

    def shell(self, line, cwd=None, **env):
        """What the line printed, once it has ended well."""
        done = subprocess.run([*self.network.enter, "bash", "-c", line], env={**self.env, **env},
                              cwd=cwd or self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT)
        assert done.returncode == 0, f"{line}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def close(self):
        for run in self.runs:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGTERM)
        for run in self.runs:
            try:
                run.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(run.process.pid, signal.SIGKILL)
                run.process.wait(LIMIT)


@pytest.fixture
def place(network, programs, tmp_path):
    made = Place(network, programs, tmp_path)
    yield made
    made.close()


@pytest.fixture
def redis(place):
    """A Redis server with a password, in the same network."""
    script, folder = ROOT / "tests" / "services" / "redis", place.folder / "redis"
    place.redis_password = "quick 'start\"#1"
    port = place.shell(f'{script} start {folder} --password "$REDIS_PASSWORD"',
                       REDIS_PASSWORD=place.redis_password).strip()
    yield f"127.0.0.1:{port}"
    place.shell(f"{script} stop {folder}")
