"""One figure: CPU microseconds per request of some processes under a shape, in interleaved rounds."""
import statistics
import time

from bench import loads
from bench.processes import cpu_ns


class Subject:
    """What is measured: a name, the shape of its load, and whose CPU time counts."""

    def __init__(self, name, shape, pids, connections=32, is_deferred=False):
        """is_deferred: work goes on after the answer, and counts: a round ends when the processes rest."""
        self.name, self.shape, self.pids, self.connections = name, shape, pids, connections
        self.is_deferred = is_deferred
        self.cpu_full, self.cpu_steady, self.rates, self.p50, self.p99 = [], [], [], [], []

    def cpu(self):
        return [cpu_ns(pid) for pid in self.pids]

    def rest(self):
        before, after = None, self.cpu() if self.is_deferred else None
        while before != after and sum(after) - sum(before or [0]) > 500_000:
            time.sleep(0.1)
            before, after = after, self.cpu()

    def round_full(self, seconds):
        before = self.cpu()
        count, rate = loads.saturate(self.shape, self.connections, seconds)
        self.rest()
        self.cpu_full.append(self._each(before, count))
        self.rates.append(rate)

    def round_steady(self, seconds, rate):
        before = self.cpu()
        count, p50, p99 = loads.steady(self.shape, self.connections, seconds, rate)
        self.rest()
        self.cpu_steady.append(self._each(before, count))
        self.p50.append(p50)
        self.p99.append(p99)

    def _each(self, before, count):
        return [(after - was) / count / 1000 for after, was in zip(self.cpu(), before)]

    def full_us(self, which=slice(None)):
        return statistics.median(sum(one[which]) for one in self.cpu_full)

    def steady_us(self, which=slice(None)):
        return statistics.median(sum(one[which]) for one in self.cpu_steady)

    def spread(self):
        values = sorted(sum(one) for one in self.cpu_full)
        return (values[-1] - values[0]) / values[len(values) // 2] if values else 0.0


def run(subjects, rounds, seconds, rate_of):
    """Every subject once per round, in turn, so that what the machine does hits them alike."""
    for subject in subjects:
        loads.saturate(subject.shape, subject.connections, 1)
        subject.rest()
    for _ in range(rounds):
        for subject in subjects:
            subject.round_full(1 if subject.is_deferred else seconds)
    rate = rate_of()
    for _ in range(rounds):
        for subject in subjects:
            subject.round_steady(seconds, min(rate, statistics.median(subject.rates) / 2))
    return rate
