"""PostgreSQL for tests: databases of their own, looked at by psql, and servers that crash."""

import os
import subprocess
import tempfile
import uuid

import pytest

from harness.services import SERVICES


def server_port():
    given = os.environ.get("TEST_POSTGRES")
    if not given:
        pytest.skip("no PostgreSQL: run under tests/services/with postgres")
    return int(given.rpartition(":")[2])


def url(port, database="postgres", user="postgres"):
    return f"postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable"


class Database:
    """A database of its own for a test, looked at by psql."""

    def __init__(self, port):
        self.port, self.name = port, "t" + uuid.uuid4().hex
        self.psql("postgres", f"CREATE DATABASE {self.name}")

    def psql(self, database, sql):
        done = subprocess.run(["psql", url(self.port, database), "-v", "ON_ERROR_STOP=1", "-qAtc", sql],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def rows(self, sql):
        return self.psql(self.name, sql)

    def end(self):
        self.psql("postgres", f"DROP DATABASE {self.name} WITH (FORCE)")


class OwnServer:
    """A server of a test's own, that may crash."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="blackbox-postgres-")
        os.chmod(self.folder, 0o755)
        self.port = int(self.do("start"))

    def do(self, what):
        done = subprocess.run([os.path.join(SERVICES, "postgres"), what, os.path.join(self.folder, "server")], capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip() or "0"

    def stop(self):
        self.do("stop")
        os.rmdir(self.folder)
