"""A steady load beside a test: wrk, ended when the test has seen enough; and what a process holds."""

import os
import re
import signal
import subprocess
import tempfile


class Load:
    """`lua` is the body of wrk's request function, or None for plain GETs of the URL."""

    def __init__(self, url, connections=16, lua=None, seconds=900):
        self.folder = tempfile.TemporaryDirectory()
        self.p99_ms = None
        arguments = ["setpriv", "--pdeathsig", "KILL", "wrk", "-t1", "--latency", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
        if lua:
            script = os.path.join(self.folder.name, "load.lua")
            with open(script, "w", encoding="ascii") as handle:
                handle.write(lua)
            arguments += ["-s", script]
        self.process = subprocess.Popen([*arguments, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        Load.under_way.append(self)

    under_way = []

    @classmethod
    def end_all(cls):
        """Those whose test failed before it could end them."""
        while cls.under_way:
            cls.under_way.pop().process.kill()

    def end(self):
        """Requests that were answered; fails the test when one of them was not, or with an error. p99_ms is known then."""
        assert self.process.poll() is None, f"the load ended before the test did: {self.process.communicate()[0]}"
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        self.folder.cleanup()
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
        assert not bad, out
        assert not errors or not any(map(int, errors.groups())), out
        number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
        self.p99_ms = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
        return int(re.search(r"(\d+) requests in", out).group(1))


SAVE_AND_GET = """
local n = 0
request = function()
  n = n + 1
  if n % 2 == 0 then return wrk.format("GET", "/v1.0/state/store/k" .. n % 100) end
  return wrk.format("POST", "/v1.0/state/store", {["Content-Type"] = "application/json"},
                    '[{"key":"k' .. (n + 1) % 100 .. '","value":{"n":' .. n .. '}}]')
end
"""


class Holdings:
    """Memory, threads and descriptors of a process."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as handle:
            fields = dict(line.split(":", 1) for line in handle)
        self.rss_kb = int(fields["VmRSS"].split()[0])
        self.threads = int(fields["Threads"])
        self.descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/maps", encoding="utf-8") as handle:
            self.maps = sum(1 for _ in handle)
