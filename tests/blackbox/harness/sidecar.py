"""A sidecar process: started with its own ports and resources, watched, stopped."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

from harness import raw
from harness.ports import free_port
from harness.resources import configuration, file_write
from harness.wait import until

START_SECONDS = 30
STOP_SECONDS = 15


class Sidecar:
    """Flags are those of the contract's harness; `flags` adds to them or replaces them, a value of
    None takes one away, a list repeats it. `resources` become 0.yaml, 1.yaml, ... in one folder."""

    def __init__(self, binary, app=None, resources=(), config=None, flags=None, env=None,
                 app_id=None, extra_flags=(), extra_env=None):
        self.binary = binary
        self.app = app
        self.app_id = app_id or str(uuid.uuid4())
        self.folder = tempfile.mkdtemp(prefix="blackbox-")
        self.resources = os.path.join(self.folder, "resources")
        os.mkdir(self.resources)
        for number, one in enumerate(resources):
            file_write(self.resources, f"{number}.yaml", one)
        self.http, self.grpc, self.peer = free_port(), free_port(), free_port()
        self.public, self.metrics, self.profile = free_port(), free_port(), free_port()
        self.flags = self._flags(config, flags or {})
        self.extra_flags = list(extra_flags)
        self.env = {**(extra_env or {}), **(env or {})}
        self.process = None
        self.stdout, self.stderr = [], []
        self.readers = []

    def _flags(self, config, flags):
        given = {
            "log-level": "debug", "app-id": self.app_id, "app-protocol": "http",
            "dapr-grpc-port": self.grpc, "dapr-http-port": self.http,
            "dapr-internal-grpc-port": self.peer,
            "dapr-internal-grpc-listen-address": "127.0.0.1",
            "dapr-listen-addresses": "127.0.0.1", "dapr-public-port": self.public,
            "dapr-public-listen-address": "127.0.0.1", "metrics-port": self.metrics,
            "metrics-listen-address": "127.0.0.1", "profile-port": self.profile,
            "enable-app-health-check": "false", "app-health-probe-interval": 0,
            "app-health-threshold": 0, "mode": "standalone", "enable-mtls": "false",
            "enable-api-logging": "true", "enable-profiling": "true",
            "resources-path": self.resources,
        }
        if self.app is not None:
            given["app-port"] = self.app.port
        if config is not None:
            given["config"] = self.config_write("config.yaml", config)
        given.update(flags)
        return given

    def config_write(self, name, spec):
        """A configuration file next to the resources: a spec, or the whole text."""
        value = spec if isinstance(spec, str) else configuration(**spec)
        return file_write(self.folder, name, value)

    def arguments(self):
        listed = []
        for name, value in self.flags.items():
            for one in value if isinstance(value, list) else [value]:
                if one is not None:
                    listed.append(f"--{name}={one}")
        return listed + self.extra_flags

    def start(self, ready=True):
        self.process = subprocess.Popen(
            [self.binary, *self.arguments()], env=self.env, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.readers = [
            threading.Thread(target=_drain, args=(self.process.stdout, self.stdout), daemon=True),
            threading.Thread(target=_drain, args=(self.process.stderr, self.stderr), daemon=True)]
        for reader in self.readers:
            reader.start()
        if ready:
            self.wait_ready()
        return self

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        self.end()

    def wait_ready(self, seconds=START_SECONDS):
        until(self.is_ready, lambda: f"healthz; the log:\n{self.log_tail()}", seconds)

    def is_ready(self):
        self.assert_alive()
        return self.status_of("/v1.0/healthz") == 204

    def is_outbound_ready(self):
        self.assert_alive()
        return self.status_of("/v1.0/healthz/outbound") == 204

    def status_of(self, path):
        """The status a GET answers, or 0 when nobody does."""
        try:
            return raw.request(self.http, "GET", path, seconds=5).status
        except (OSError, EOFError):
            return 0

    def assert_alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the sidecar ended with {self.process.returncode}:\n"
                                 f"{self.log_tail()}")

    def request(self, method, path, headers=(), body=None, port=None):
        return raw.request(port or self.http, method, path, headers, body)

    def get(self, path, headers=()):
        return self.request("GET", path, headers)

    def post(self, path, body=b"", headers=(("Content-Type", "application/json"),)):
        return self.request("POST", path, headers, body)

    def put(self, path, body=b"", headers=(("Content-Type", "application/json"),)):
        return self.request("PUT", path, headers, body)

    def delete(self, path, headers=()):
        return self.request("DELETE", path, headers)

    def metadata(self):
        answer = self.get("/v1.0/metadata")
        assert answer.status == 200, answer.text
        return answer.json

    def component_names(self):
        return {one["name"] for one in self.metadata().get("components", [])}

    def signal(self, number):
        self.process.send_signal(number)

    def wait_end(self, seconds=STOP_SECONDS):
        """The exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the sidecar did not end:\n{self.log_tail()}") from None
        for reader in self.readers:
            reader.join(5)
        return code

    def stop(self, code=0):
        if self.process.poll() is None:
            self.signal(signal.SIGINT)
        found = self.wait_end()
        assert found == code, f"exit code {found} instead of {code}:\n{self.log_tail()}"

    def end(self):
        """Clean-up: ends whatever is left, asserts nothing."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGINT)
            deadline = time.monotonic() + STOP_SECONDS
            while self.process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return list(self.stdout)

    def logged(self, text):
        """The lines of the log that hold the text (a quote in it is escaped there)."""
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return [line for line in self.log() if text in line or escaped in line]

    def wait_log(self, text, seconds=30, count=1):
        def found():
            lines = self.logged(text)
            return lines if len(lines) >= count else None
        return until(found, lambda: f"log line {text!r}; the log:\n{self.log_tail()}", seconds)

    def log_tail(self, lines=40):
        return "\n".join(self.stdout[-lines:] + self.stderr[-lines:])

    def resource_write(self, name, value):
        return file_write(self.resources, name, value)

    def resource_remove(self, name):
        os.remove(os.path.join(self.resources, name))


def _drain(stream, lines):
    for line in stream:
        lines.append(line.decode("utf-8", "replace").rstrip("\n"))
    stream.close()
