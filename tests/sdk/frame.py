"""What the SDK tests share: a place with sidecars and programs, and the rows of the table.

A program is what a user would write: a script with the SDK, started as a process with DAPR_HTTP_PORT, DAPR_GRPC_PORT
and APP_PORT in its environment. It prints a line per feature, `ok NAME` or `failed NAME: WHY`; the names are those of
features.tsv. A program that serves an application prints them as the sidecar calls it, and runs until it is ended."""

import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import dataclass

from harness.ports import free_port
from harness.resources import component, subscription
from harness.sidecar import Sidecar
from harness.wait import until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", ".."))
BUILT = os.path.join(ROOT, "build", "sdk")
# Where a machine has no Node of its own, tools/install has put one into .venv.
PATH = os.pathsep.join([os.environ["PATH"], os.path.join(ROOT, ".venv", "bin")])
STORES = ["in-memory", "redis"]
# Seconds for a program to begin, to say a line, to end: a virtual machine that starts for the first time on a busy
# computer takes most of a minute.
PATIENCE = 90.0
SECRETS = {"orders-key": "a secret", "db": {"user": "ann", "password": "xyz"}}


@dataclass(frozen=True)
class Sdk:
    """A column of the table: which SDK (`name` is what the column says), and what it speaks."""

    language: str
    name: str
    version: str
    protocol: str


def python_sdk(name, protocol, release=""):
    """release: "" for the newest, or that of another requirements file."""
    return Sdk(f"python{release}", name, _pinned(f"python/requirements{release}.txt", r"^dapr==(\S+)$"), protocol)


def js_sdk(name, protocol):
    return Sdk("js", name, _pinned("js/package.json", r'"@dapr/dapr": "([^"]+)"'), protocol)


def _pinned(path, pattern):
    with open(os.path.join(HERE, path), encoding="utf-8") as handle:
        return re.search(pattern, handle.read(), re.MULTILINE).group(1)


def python_command(script, release=""):
    return [os.path.join(BUILT, f"venv{release}", "bin", "python"), os.path.join(HERE, "python", script)]


def js_command(script):
    return ["node", os.path.join(HERE, "js", script)]


def resources(store, folder, redis, hasty=False, more=()):
    """`statestore`, `pubsub` and `secretstore`, the names every program uses. hasty: the broker delivers soon again
    what was not taken, which a slow machine may not have had the time for."""
    options, soon = {}, {}
    if store == "redis":
        options = {"redisHost": f"127.0.0.1:{redis[0]}", "redisDB": str(redis[1])}
        soon = {"processingTimeout": "200ms", "redeliverInterval": "100ms"} if hasty else {}
    secrets = os.path.join(folder, "secrets.json")
    with open(secrets, "w", encoding="utf-8") as handle:
        json.dump(SECRETS, handle)
    return [component("statestore", f"state.{store}", options),
            component("pubsub", f"pubsub.{store}", {**options, **soon}),
            component("secretstore", "secretstores.local.file", {"secretsFile": secrets}),
            *more]


def callers(redis):
    """What calls an application by itself: a clock, and configuration that changes."""
    return [component("tick", "bindings.cron", {"schedule": "@every 1s"}),
            component("configstore", "configuration.redis",
                      {"redisHost": f"127.0.0.1:{redis[0]}", "redisDB": str(redis[1])})]


def declared(topic, route, **spec):
    """A declarative subscription of an application."""
    return subscription(f"{topic}-declared", "pubsub", topic, route=route, **spec)


class Program:
    """A process that prints lines, in a session of its own."""

    def __init__(self, command, env, port=None):
        self.command = command
        self.port = port
        self.env = {"PATH": PATH, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **env}
        self.lines, self.errors = [], []
        self.readers = []
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.env, stdin=subprocess.DEVNULL, start_new_session=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for stream, kept in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            self.readers.append(threading.Thread(target=_drain, args=(stream, kept), daemon=True))
            self.readers[-1].start()
        return self

    def wait_line(self, start, seconds=PATIENCE):
        """The first line that begins so."""
        return self._wait(lambda: next((line for line in list(self.lines) if line.startswith(start)), None), start,
                          seconds)

    def wait_feature(self, feature, seconds=PATIENCE):
        """Until the program has said how this went: well."""
        self._wait(lambda: feature in self.results(), feature, seconds)
        self.check(feature)

    def _wait(self, probe, what, seconds):
        """What probe() finds. Fails when the program has ended without it."""
        def found():
            ended = self.process.poll() is not None
            if ended:
                self.readers_join()
            value = probe()
            assert value or not ended, (f"{self.command[-1]} ended with {self.process.returncode} "
                                        f"without {what}:\n{self.said()}")
            return value
        return until(found, lambda: f"{what}:\n{self.said()}", seconds)

    def finish(self, seconds=PATIENCE):
        """Waits until the program has ended by itself."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[-1]} did not end:\n{self.said()}") from None
        self.readers_join()
        return self

    def readers_join(self):
        for reader in self.readers:
            reader.join(10)

    def results(self):
        """Each feature the program has spoken of, with 'ok' or why it failed."""
        found = {}
        for line in list(self.lines):
            if line.startswith("ok "):
                found.setdefault(line[3:], "ok")
            elif line.startswith("failed "):
                name, _, why = line[7:].partition(": ")
                found[name] = why or "failed"
        return found

    def check(self, feature):
        found = self.results().get(feature, "not a word of it")
        assert found == "ok", f"{feature}: {found}\n{self.said()}"

    def said(self, lines=60):
        return "\n".join(self.lines[-lines:] + ["stderr:"] + self.errors[-lines:])

    def end(self):
        """Ends the process and what it has started: the Node that Python packages bring is a script and its child."""
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.process.wait(10)
        self.readers_join()


class Place:
    """Starts sidecars and programs and ends them, the last one first."""

    def __init__(self, binary, config, redis_port):
        self.binary = binary
        self.redis_port = redis_port
        self.databases = itertools.count()
        self.made = {}
        self.extra_flags = config.getoption("--sidecar-flag")
        self.extra_env = dict(one.split("=", 1) for one in config.getoption("--sidecar-env"))
        self.stack = ExitStack()
        self.folder = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="sdk-"))

    def once(self, key, make):
        """What make() returned, or raised, when this was asked first: a run that several tests look at."""
        if key not in self.made:
            try:
                self.made[key] = (make(), None)
            except Exception as error:
                self.made[key] = (None, error)
        made, error = self.made[key]
        if error:
            raise error
        return made

    def sidecar(self, store="in-memory", app=None, protocol="http", more=(), flags=None, start=True, hasty=False,
                **options):
        """A sidecar with the usual components, and in Redis a database of its own; `app` is a Program that serves on
        a port."""
        given = {"app-protocol": protocol, **(flags or {})}
        redis = (self.redis_port, next(self.databases))
        more = [*more, *(callers(redis) if app else [])]
        made = Sidecar(self.binary, app=app, resources=resources(store, self.folder, redis, hasty, more),
                       flags=given, extra_flags=self.extra_flags, extra_env=self.extra_env, **options)
        made.redis = redis
        self.stack.callback(made.end)
        return made.start() if start else made

    def serve(self, command, protocol, app_env=None, **options):
        """A program that serves an application, and its sidecar, both ready; if it is to ask the application for its
        health, it has heard that it is well."""
        app = Program(command, {}, free_port())
        self.stack.callback(app.end)
        sidecar = self.sidecar(app=app, protocol=protocol, start=False, **options)
        app.env.update({**ports_of(sidecar), "APP_PORT": str(app.port), **(app_env or {})})
        app.sidecar = sidecar
        app.start()
        sidecar.start(ready=False)
        sidecar.wait_ready(PATIENCE)
        if "enable-app-health-check" in options.get("flags", {}):
            sidecar.wait_log("App entered healthy status", PATIENCE)
        return app, sidecar

    def program(self, command, sidecar, env=None):
        """A program next to a sidecar, started."""
        made = Program(command, {**ports_of(sidecar), **(env or {})})
        self.stack.callback(made.end)
        return made.start()


def ports_of(sidecar):
    return {"DAPR_HTTP_PORT": str(sidecar.http), "DAPR_GRPC_PORT": str(sidecar.grpc), "APP_ID": sidecar.app_id}


def rows_write(rows):
    """build/sdk/table-LANGUAGE.tsv: sdk, version, protocol, feature, result."""
    for language in sorted({key[0] for key in rows}):
        os.makedirs(BUILT, exist_ok=True)
        with open(os.path.join(BUILT, f"table-{language}.tsv"), "w", encoding="utf-8") as handle:
            for key, passed in sorted(rows.items()):
                if key[0] == language:
                    handle.write("\t".join([*key[1:], "ok" if passed else "failed"]) + "\n")


def _drain(stream, lines):
    for line in stream:
        lines.append(line.decode("utf-8", "replace").rstrip("\n"))
    stream.close()
