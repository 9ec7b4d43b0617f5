"""Servers under measurement: started, pinned, their CPU time and memory read from the kernel, stopped."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "blackbox"))

from harness.ports import free_port  # noqa: E402,F401

SERVER_CPU, LOAD_CPU = "0", "1"



def is_open(port):
    with socket.socket() as s:
        s.settimeout(0.2)
        return s.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what, seconds=20.0):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise SystemExit("tools/bench: a server did not come up in time")
        time.sleep(0.005)


def cpu_ns(pid):
    """Time on a processor of all threads of a process, in nanoseconds, by the scheduler's own account."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total


def memory_kb(pid, *names):
    """Sums of /proc/PID/smaps_rollup, by default Rss."""
    values = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        values[name] = int(value.split()[0])
    return [values[name] for name in names or ("Rss",)]


class Process:
    """A server with a folder of its own; `pid` is the one whose CPU counts."""

    def __init__(self, arguments, env=None, cpu=SERVER_CPU, cwd=None):
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.log = open(self.folder / "log", "wb")
        pin = ["taskset", "-c", cpu] if cpu else []
        self.process = subprocess.Popen([*pin, *map(str, arguments)], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, env=env, cwd=cwd or self.folder)
        self.pid = self.process.pid

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {upstream}
  server {{ listen 127.0.0.1:{port} {protocol} backlog=4096; {location} }}
}}
"""
ANSWER = '{"item":"pizza","qty":2,"note":"' + "x" * 68 + '"}'


class Nginx(Process):
    """One worker; either answers a fixed JSON, or stands in front of `upstream_port`."""

    protocol = ""

    def __init__(self, upstream_port=None, answer=ANSWER):
        self.port = free_port()
        place = Path(tempfile.mkdtemp(prefix="bench-nginx-"))
        os.chmod(place, 0o755)
        upstream = f"upstream back {{ server 127.0.0.1:{upstream_port}; keepalive 512; keepalive_requests 1000000000; }}"
        location = self.answers(place, answer) if upstream_port is None else self.passes()
        (place / "nginx.conf").write_text(NGINX.format(folder=place, port=self.port, protocol=self.protocol, location=location,
                                                       upstream="" if upstream_port is None else upstream))
        super().__init__(["nginx", "-c", place / "nginx.conf", "-p", place])
        self.place = place
        wait_for(lambda: is_open(self.port) and self.workers())
        self.pid = self.workers()[0]

    def workers(self):
        return [int(pid) for pid in subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True,
                                                   text=True).stdout.split()]

    def answers(self, place, answer):
        return f"location / {{ default_type application/json; return 200 '{answer}'; }}"

    def passes(self):
        return ('location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; '
                'client_max_body_size 0; }')

    def stop(self):
        super().stop()
        shutil.rmtree(self.place, ignore_errors=True)


class GrpcNginx(Nginx):
    """The same for gRPC: either any unary call is answered by a message of 100 bytes, or passed on."""

    protocol = "http2"

    def answers(self, place, answer):
        (place / "answer").write_bytes(b"\0\0\0\0\x64" + bytes(100))
        return (f"root {place}; open_file_cache max=10; error_page 405 =200 /answer; location / {{ return 405; }} "
                "location = /answer { types {} default_type application/grpc; add_trailer grpc-status 0; }")

    def passes(self):
        return "location / { grpc_pass grpc://back; }"


class Sidecar(Process):
    """A sidecar of one loop on the server's CPU. `resources`: YAML texts."""

    def __init__(self, binary, app_id, resources=(), app_port=None, flags=(), loops=1, config=None, cpu=SERVER_CPU,
                 environment=None, ready=True):
        self.port, self.grpc, self.peer = free_port(), free_port(), free_port()
        place = Path(tempfile.mkdtemp(prefix="bench-sidecar-"))
        (place / "resources").mkdir()
        for number, text in enumerate(resources):
            (place / "resources" / f"{number}.yaml").write_text(text)
        arguments = [binary, "--app-id", app_id, "--dapr-http-port", self.port, "--dapr-grpc-port", self.grpc,
                     "--dapr-internal-grpc-port", self.peer, "--dapr-listen-addresses", "127.0.0.1",
                     "--resources-path", place / "resources", "--enable-metrics=false", "--log-level", "error",
                     "--loops", loops, *flags]
        if app_port:
            arguments += ["--app-port", app_port]
        if config:
            (place / "config.yaml").write_text(config)
            arguments += ["--config", place / "config.yaml"]
        super().__init__(arguments, env={"PATH": os.environ["PATH"], **(environment or {})}, cpu=cpu)
        self.place = place
        if ready:
            wait_for(lambda: self.process.poll() is not None or self.status("/v1.0/healthz/outbound") == 204)
            if self.process.poll() is not None:
                raise SystemExit("tools/bench: the sidecar ended:\n" + (self.folder / "log").read_text())

    def status(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status
        except OSError:
            return 0

    def stop(self):
        super().stop()
        shutil.rmtree(self.place, ignore_errors=True)


class Redis(Process):
    def __init__(self):
        self.port = free_port()
        super().__init__(["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no"],
                         cpu=LOAD_CPU)
        wait_for(lambda: is_open(self.port))
