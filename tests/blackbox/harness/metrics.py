"""Reads the Prometheus text of a sidecar."""

import re

from harness import raw
from harness.wait import until

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def scrape(sidecar):
    answer = raw.request(sidecar.metrics, "GET", "/metrics")
    assert answer.status == 200
    return answer


def samples(sidecar):
    """A list of (name, {label: value}, number)."""
    found = []
    for line in scrape(sidecar).text.splitlines():
        match = SAMPLE.match(line)
        if match and not line.startswith("#"):
            labels = dict(LABEL.findall(match.group(2) or ""))
            found.append((match.group(1), labels, float(match.group(3))))
    return found


def value(sidecar, name, **labels):
    """The sum of the samples of that name that carry those labels; None when there is none."""
    found = [number for key, have, number in samples(sidecar)
             if key == name and all(have.get(one) == two for one, two in labels.items())]
    return sum(found) if found else None


def wait_value(sidecar, name, wanted, seconds=30, **labels):
    until(lambda: value(sidecar, name, **labels) == wanted,
          lambda: f"{name} {labels} = {wanted}, it is {value(sidecar, name, **labels)}", seconds)
