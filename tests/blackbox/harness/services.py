"""Real servers for the tests, by the scripts of tests/services."""

import os
import subprocess
import tempfile

SERVICES = os.path.join(os.path.dirname(__file__), "..", "..", "services")


class Service:
    """A server that the script `name` starts in a folder of its own."""

    def __init__(self, name, *options):
        self.script = os.path.abspath(os.path.join(SERVICES, name))
        self.folder = tempfile.mkdtemp(prefix="blackbox-service-")
        started = subprocess.run([self.script, "start", self.folder, *options],
                                 capture_output=True, text=True, timeout=180)
        assert started.returncode == 0, started.stderr
        self.port = int(started.stdout.strip())

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        subprocess.run([self.script, "stop", self.folder], capture_output=True, timeout=60)
