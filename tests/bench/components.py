"""What each component adds to an idle sidecar: resident memory, and of it what no other process shares.

A component is configured as for its conformance, by tests/conform/components; those whose server is not in the environment
(tests/services/with) are left out."""
import json
import subprocess
import tempfile
import time
from pathlib import Path

from bench.processes import ROOT, memory_kb

WORDS = """here=$1 scratch=$2 absent=
needs() { local v=TEST_$(tr 'a-z-' 'A-Z_' <<< "$1"); [ -n "${!v:-}" ] || absent=yes; }
set +u; words=(); . "$here/tests/conform/components/$3" >/dev/null
[ -z "$absent" ] || exit 9
printf '%s\\0' "${words[@]}" """


def options(kind, scratch):
    """Pairs of name and value, or None: there is no server for it."""
    ran = subprocess.run(["bash", "-c", WORDS, "words", ROOT, scratch, kind], capture_output=True, text=True)
    if ran.returncode:
        return None
    words = ran.stdout.split("\0")
    return [word.split("=", 1) for flag, word in zip(words, words[1:]) if flag == "--set"]


def resource(kind, pairs):
    name, _, version = kind.partition("@")
    return json.dumps({"apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": "measured"},
                       "spec": {"type": name, "version": version or "v1", "metadata": [{"name": n, "value": v} for n, v in pairs]}})


def settled_kb(sidecar):
    before, after = None, memory_kb(sidecar.pid, "Rss", "Private_Dirty")
    while before != after:
        time.sleep(0.3)
        before, after = after, memory_kb(sidecar.pid, "Rss", "Private_Dirty")
    return after


def idle_kb(stand, resources):
    sidecar = stand.sidecar("bench", resources, cpu=None)
    found = settled_kb(sidecar)
    sidecar.stop()
    stand.running.remove(sidecar)
    return found


def added_kb(stand):
    """Of each component in turn: name, Rss and private dirty beside those of a sidecar without any."""
    none = idle_kb(stand, [])
    with tempfile.TemporaryDirectory() as scratch:
        for file in sorted(Path(ROOT / "tests/conform/components").glob("[!n]*")):        # name resolution is no Component
            pairs = options(file.name, scratch)
            if pairs is not None:
                with_it = idle_kb(stand, [resource(file.name, pairs)])
                yield file.name, with_it[0] - none[0], with_it[1] - none[1]
