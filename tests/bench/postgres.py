"""PostgreSQL: requests through a sidecar, against a plain pipelined libpq loop that runs the same statements."""
import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench import loads
from bench.loads import Shape
from bench.processes import ANSWER, ROOT

IN_FLIGHT = 32
GET = ("SELECT CASE WHEN t.isbinary THEN decode(t.value #>> '{}', 'base64') ELSE convert_to(t.value::text, 'UTF8') END, t.xmin::text, "
       "to_char(t.expiredate AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM state AS t WHERE t.key = $1 AND "
       "(t.expiredate IS NULL OR t.expiredate >= CURRENT_TIMESTAMP)")
EXPIRES = "CURRENT_TIMESTAMP + $3::bigint * interval '1 second'"
SET = (f"INSERT INTO state AS t (key, value, isbinary, expiredate) VALUES ($1, $2::jsonb, $4::boolean, {EXPIRES}) ON CONFLICT (key) "
       f"DO UPDATE SET value = $2::jsonb, isbinary = $4::boolean, updatedate = CURRENT_TIMESTAMP, expiredate = {EXPIRES}")


class Postgres:
    """The server of tests/services/postgres, its files in memory: a disk that others use, too, would be what is measured."""

    def __init__(self):
        self.place = Path(tempfile.mkdtemp(prefix="bench-postgres-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        os.chmod(self.place, 0o755)
        self.folder = self.place / "server"
        self._service("start")
        self.url = re.search("TEST_POSTGRES_URL=(.*)", (self.folder / "env").read_text()).group(1)

    def _service(self, what):
        subprocess.run([ROOT / "tests/services/postgres", what, self.folder], check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        self._service("stop")
        subprocess.run(["rm", "-rf", self.place], check=True)


class Loop:
    def __init__(self, url):
        self.url, self.folder = url, tempfile.mkdtemp(prefix="bench-libpq-")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libpq"], capture_output=True, text=True, check=True).stdout.split()
        self.program = Path(self.folder) / "libpq_loop"
        subprocess.run(["cc", "-O2", "-o", self.program, ROOT / "tests/bench/libpq_loop.c", *flags], check=True)

    def rate(self, seconds, statement, *parameters):
        return float(subprocess.run([self.program, self.url, str(seconds), str(IN_FLIGHT), statement, *parameters],
                                    capture_output=True, text=True, check=True).stdout)

    def stop(self):
        subprocess.run(["rm", "-rf", self.folder], check=True)


def rates(options, stand, component):
    """Pairs of rates, sidecar and loop, for set and get, in turn."""
    server = stand.add(Postgres())
    loop = stand.add(Loop(server.url))
    sidecar = stand.sidecar("bench", [component("statestore", "state.postgresql", connectionString=server.url)], cpu=None)
    base = f"http://127.0.0.1:{sidecar.port}/v1.0/state/statestore"
    put, get = Shape(base, '[{"key":"k1","value":' + ANSWER + "}]"), Shape(base + "/k1")
    seen = {"set": ([], []), "get": ([], [])}
    loads.saturate(put, IN_FLIGHT, 1)
    for _ in range(options.rounds):
        seen["set"][0].append(loads.saturate(put, IN_FLIGHT, options.seconds)[1])
        seen["set"][1].append(loop.rate(options.seconds, SET, "bench||k1", ANSWER, "NULL", "f"))
        seen["get"][0].append(loads.saturate(get, IN_FLIGHT, options.seconds)[1])
        seen["get"][1].append(loop.rate(options.seconds, GET, "bench||k1"))
    return {name: (statistics.median(ours), statistics.median(theirs)) for name, (ours, theirs) in seen.items()}
