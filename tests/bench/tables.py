"""The rows of the budget table: which servers stand up, what is asked, and how the figure is held to its budget."""
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

from bench import brokers, components, fixed, isolation, postgres
from bench.measure import Subject, run
from bench.processes import ANSWER, LOAD_CPU, GrpcNginx, Nginx, Redis, Sidecar
from bench.loads import GrpcShape, Shape

TOLERANCE = 1.05


class Result:
    def __init__(self, name, figure, budget, ratio=None, limit=None, note=""):
        self.name, self.figure, self.budget, self.ratio, self.limit, self.note = name, figure, budget, ratio, limit, note

    def is_met(self):
        return None if self.limit is None else self.ratio <= self.limit * TOLERANCE

    def cells(self):
        met = {None: "", True: "met", False: "MISSED"}[self.is_met()]
        return [self.name, self.figure, self.budget, met, self.note]


def component(name, kind, **metadata):
    items = "".join(f"\n  - name: {key}\n    value: \"{value}\"" for key, value in metadata.items())
    return (f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\nspec:\n  type: {kind}\n"
            f"  version: v1\n  metadata:{items or ' []'}\n")


SUBSCRIPTION = ("apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata:\n  name: s\nspec:\n  pubsubname: pubsub\n"
                "  topic: orders\n  route: /orders\n")
SET = '[{"key":"k1","value":' + ANSWER + "}]"
MEMORY_SET = [component("statestore", "state.in-memory"), component("pubsub", "pubsub.in-memory"),
              component("secretstore", "secretstores.local.env"), component("second", "state.in-memory"),
              component("third", "secretstores.local.env")]


class Stand:
    """The servers of a run; everything is stopped at its end."""

    def __init__(self, options):
        self.options, self.running = options, []

    def add(self, process):
        self.running.append(process)
        return process

    def sidecar(self, app_id, resources=(), **more):
        return self.add(Sidecar(self.options.sidecar, app_id, resources, **more))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.stop()


def yardsticks(stand, connections):
    direct = stand.add(Nginx())
    proxy = stand.add(Nginx(upstream_port=direct.port))
    return (Subject("nginx direct", Shape(f"http://127.0.0.1:{direct.port}/"), [direct.pid], connections),
            Subject("nginx proxy", Shape(f"http://127.0.0.1:{proxy.port}/"), [proxy.pid, direct.pid], connections))


def compare(options, subjects, yards):
    """Runs all; the fixed rate is half of what the slower yardstick can do."""
    return run([*yards, *subjects], options.rounds, options.seconds,
               lambda: min(statistics.median(y.rates) for y in yards) / 2)


def cpu_results(subject, which, yard, yard_which, times, budget):
    """Two lines: at saturation, and at a fixed rate."""
    full = subject.full_us(which) / yard.full_us(yard_which)
    steady = subject.steady_us(which) / yard.steady_us(yard_which)
    spread = f"spread {subject.spread() * 100:.0f} %"
    return [Result(f"{subject.name}, saturated", f"{subject.full_us(which):.2f} µs, {full:.2f} ×", budget, full, times, spread),
            Result(f"{subject.name}, fixed rate", f"{subject.steady_us(which):.2f} µs, {steady:.2f} ×", budget, steady, times,
                   f"p99 {statistics.median(subject.p99):.0f} µs, nginx {statistics.median(yard.p99):.0f} µs")]


def row_healthz(options, connections=32):
    with Stand(options) as stand:
        yards = yardsticks(stand, connections)
        sidecar = stand.sidecar("bench", MEMORY_SET)
        subject = Subject("healthz", Shape(f"http://127.0.0.1:{sidecar.port}/v1.0/healthz"), [sidecar.pid], connections)
        compare(options, [subject], yards[:1])
        return cpu_results(subject, slice(None), yards[0], slice(None), 1.0, "≤ 1.0 × nginx direct")


def state_subjects(stand, title, resources, connections, key_value=SET):
    sidecar = stand.sidecar("bench", resources)
    base = f"http://127.0.0.1:{sidecar.port}/v1.0/state/statestore"
    put = Subject(f"state set, {title}", Shape(base, key_value), [sidecar.pid], connections)
    get = Subject(f"state get, {title}", Shape(base + "/k1"), [sidecar.pid], connections)
    return put, get


def row_state(options, connections=32):
    with Stand(options) as stand:
        yards = yardsticks(stand, connections)
        subjects = state_subjects(stand, "in-memory", MEMORY_SET, connections)
        compare(options, subjects, yards[:1])
        return [line for s in subjects
                for line in cpu_results(s, slice(None), yards[0], slice(None), 1.5, "≤ 1.5 × nginx direct")]


def row_redis(options, connections=32):
    with Stand(options) as stand:
        yards = yardsticks(stand, connections)
        redis = stand.add(Redis())
        store = [component("statestore", "state.redis", redisHost=f"127.0.0.1:{redis.port}"), *MEMORY_SET[1:]]
        subjects = state_subjects(stand, "Redis", store, connections)
        compare(options, subjects, yards)
        return [line for s in subjects
                for line in cpu_results(s, slice(None), yards[1], slice(None), 0.5, "≤ 0.5 × nginx proxy")]


def row_postgres(options):
    """Throughput, and so the other way round than the rest: the loop's rate over ours."""
    with Stand(options) as stand:
        seen = postgres.rates(options, stand, component)
    return [Result(f"state {name}, PostgreSQL", f"{ours:.0f}/s, {ours / theirs:.2f} ×", "≥ 0.66 × a pipelined libpq loop",
                   theirs / ours, 1 / 0.66, f"libpq loop {theirs:.0f}/s") for name, (ours, theirs) in seen.items()]


def faster(name, single, bulk):
    """Messages per second in bulk, over those one by one; held the other way round."""
    ours, theirs = statistics.median(bulk.rates) * brokers.BULK, statistics.median(single.rates)
    return Result(name, f"{ours:.0f}/s, {ours / theirs:.1f} ×", "≥ 5 × one by one", theirs / ours, 1 / 5, f"one by one {theirs:.0f}/s")


def row_kafka(options):
    """A message is allowed what one costs that stays in memory, and half as much again as the loop takes for it."""
    with Stand(options) as stand:
        (memory, single, bulk, alone, alone_bulk), loop = brokers.kafka(options, stand, component)
    yard = statistics.median(loop.us)
    allowed, each = memory.full_us() + 1.5 * yard, bulk.full_us() / brokers.BULK
    note = f"in-memory {memory.full_us():.2f} µs, librdkafka loop {yard:.2f} µs ({brokers.spread(loop.us)})"
    return [Result("publish, Kafka, saturated", f"{single.full_us():.2f} µs, {single.full_us() / allowed:.2f} ×",
                   "≤ in-memory + 1.5 × librdkafka loop", single.full_us() / allowed, 1.0, f"spread {single.spread() * 100:.0f} %; {note}"),
            Result("publish in bulks of 100, Kafka, per message", f"{each:.2f} µs, {each / yard:.2f} ×", "≤ 2 × librdkafka loop",
                   each / yard, 2.0, f"spread {bulk.spread() * 100:.0f} %"),
            faster("publish in bulks of 100, Kafka, 32 clients", single, bulk),
            faster("publish in bulks of 100, Kafka, one client", alone, alone_bulk)]


def row_rabbitmq(options):
    """No bulk in the protocol, so no budget: what it is worth all the same, into durable queues with confirms."""
    with Stand(options) as stand:
        single, bulk, alone, alone_bulk = brokers.rabbitmq(options, stand, component, SUBSCRIPTION)
    lines = [Result("publish, RabbitMQ, saturated", f"{single.full_us():.2f} µs", ""),
             Result("publish in bulks of 100, RabbitMQ, per message", f"{bulk.full_us() / brokers.BULK:.2f} µs", ""),
             faster("publish in bulks of 100, RabbitMQ, 32 clients", single, bulk),
             faster("publish in bulks of 100, RabbitMQ, one client", alone, alone_bulk)]
    for line in lines:
        line.limit, line.budget = None, ""
    return lines


def field(number, data):
    """One member of a protobuf message, shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(data)]) + data


def row_state_grpc(options):
    """The same questions over gRPC, against what they cost over HTTP."""
    get = field(1, b"statestore") + field(2, b"k1")
    put = field(1, b"statestore") + field(2, field(1, b"k1") + field(2, ANSWER.encode()))
    with Stand(options) as stand:
        sidecar = stand.sidecar("bench", MEMORY_SET)
        base = f"http://127.0.0.1:{sidecar.port}/v1.0/state/statestore"
        yards = {"SaveState": Subject("state set, HTTP", Shape(base, SET), [sidecar.pid], 32),
                 "GetState": Subject("state get, HTTP", Shape(base + "/k1"), [sidecar.pid], 32)}
        shapes = [(method, message, connections, streams, limit) for method, message in (("SaveState", put), ("GetState", get))
                  for connections, streams, limit in ((4, 16, 1.5), (32, 1, 2.0))]
        subjects = [Subject(f"{method}, {connections} × {streams}", GrpcShape(
            sidecar.grpc, f"/dapr.proto.runtime.v1.Dapr/{method}", message, streams), [sidecar.pid], connections)
            for method, message, connections, streams, _ in shapes]
        run([*yards.values(), *subjects], options.rounds, options.seconds,
            lambda: min(statistics.median(y.rates) for y in yards.values()) / 2)
        lines = []
        for subject, (method, _, _, _, limit) in zip(subjects, shapes):
            lines += cpu_results(subject, slice(None), yards[method], slice(None), limit, f"≤ {limit} × HTTP")
        for line in lines:
            line.note = line.note.replace("nginx", "HTTP")
        return lines


def hop_us(yards, kind):
    """The proxy's own cost: both processes behind it, less what a direct answer costs."""
    direct, proxy = yards
    return getattr(proxy, kind)() - getattr(direct, kind)()


def row_invoke(options, connections=32):
    with Stand(options) as stand:
        yards = yardsticks(stand, connections)
        app = stand.add(Nginx())
        stand.sidecar("callee", MEMORY_SET, app_port=app.port)
        callee = stand.running[-1]
        caller = stand.sidecar("caller", MEMORY_SET)
        subject = Subject("invoke through two sidecars", Shape(
            f"http://127.0.0.1:{caller.port}/v1.0/invoke/callee/method/process", ANSWER), [caller.pid, callee.pid], connections)
        compare(options, [subject], yards)
        full = subject.full_us() / 2 / hop_us(yards, "full_us")
        steady = subject.steady_us() / 2 / hop_us(yards, "steady_us")
        hop_tail = statistics.median(yards[1].p99) - statistics.median(yards[0].p99)
        added = (statistics.median(subject.p99) - statistics.median(yards[0].p99)) / 2
        budget, tail = "≤ 1.5 × nginx hop, per sidecar", added / hop_tail if hop_tail > 0 else float("nan")
        return [Result("invoke, per sidecar, saturated", f"{subject.full_us() / 2:.2f} µs, {full:.2f} ×", budget, full, 1.5),
                Result("invoke, per sidecar, fixed rate", f"{subject.steady_us() / 2:.2f} µs, {steady:.2f} ×", budget, steady, 1.5),
                Result("invoke, added p99 per sidecar", f"{added:.0f} µs, {tail:.2f} ×", "≤ 2 × nginx hop", tail, 2.0,
                       f"nginx hop {hop_tail:.0f} µs")]


def row_proxy(options):
    """Both proxies in front of the same server; nginx loses a call now and then when it uses a connection again."""
    lines = []
    for connections, streams in ((4, 16), (32, 1)):
        with Stand(options) as stand:
            app = stand.add(GrpcNginx())
            front = stand.add(GrpcNginx(upstream_port=app.port))
            sidecar = stand.sidecar("bench", MEMORY_SET, app_port=app.port, flags=["--app-protocol", "grpc"])
            yard = Subject("nginx grpc_pass", GrpcShape(front.port, "/bench.Any/Do", bytes(100), streams), [front.pid], connections)
            yard.shape.may_fail = 0.001
            subject = Subject(f"gRPC proxying, unary, {connections} × {streams}", GrpcShape(
                sidecar.grpc, "/bench.Any/Do", bytes(100), streams, ["dapr-app-id: bench"]), [sidecar.pid], connections)
            compare(options, [subject], [yard])
            lines += cpu_results(subject, slice(None), yard, slice(None), 1.3, "≤ 1.3 × nginx grpc_pass")
    return lines


def row_publish(options, connections=32):
    with Stand(options) as stand:
        yards = yardsticks(stand, connections)
        app = stand.add(Nginx(answer='{"status":"SUCCESS"}'))
        broker = component("pubsub", "pubsub.in-memory", maxQueuedBytes="1Gi")
        rest = [one for one in MEMORY_SET if "pubsub.in-memory" not in one]
        sidecar = stand.sidecar("bench", [*rest, broker, SUBSCRIPTION], app_port=app.port)
        subject = Subject("publish to delivery, in-memory", Shape(
            f"http://127.0.0.1:{sidecar.port}/v1.0/publish/pubsub/orders", ANSWER), [sidecar.pid], connections,
                          is_deferred=True)
        compare(options, [subject], yards)
        full, steady = (getattr(subject, kind)() / hop_us(yards, kind) for kind in ("full_us", "steady_us"))
        return [Result("publish, saturated", f"{subject.full_us():.2f} µs, {full:.2f} ×", "≤ 2 × nginx hop", full, 2.0),
                Result("publish, fixed rate", f"{subject.steady_us():.2f} µs, {steady:.2f} ×", "≤ 2 × nginx hop", steady, 2.0)]


def row_start(options):
    times = []
    for _ in range(max(5, options.rounds * 3)):
        times.append(fixed.start_ms(options.sidecar, MEMORY_SET))
    median = statistics.median(times)
    return [Result("exec → healthz 204, five components", f"{median:.1f} ms", "≤ 20 ms", median, 20.0,
                   f"{min(times):.1f} to {max(times):.1f} ms")]


def row_memory(options):
    with Stand(options) as stand:
        sidecar = stand.sidecar("bench", MEMORY_SET, loops=2, cpu=None)
        rss, dirty = fixed.idle_kb(sidecar)
        return [Result("idle RSS, five components", f"{rss / 1024:.1f} MB", "≤ 8 MB", rss, 8192),
                Result("idle private dirty", f"{dirty / 1024:.1f} MB", "≤ 3 MB", dirty, 3072)]


def row_components(options):
    with Stand(options) as stand:
        return [Result(f"idle, {name}", f"{max(0, rss) / 1024:.1f} MB more, {max(0, dirty) / 1024:.1f} MB private dirty", "")
                for name, rss, dirty in components.added_kb(stand)]


def row_isolate(options):
    lines = []
    for where, cpu, budget in (("", None, True), (", all on one CPU", LOAD_CPU, False)):
        with Stand(options) as stand:
            costs = isolation.added_us(options, stand, MEMORY_SET, cpu)
        lines += [Result(f"a call of an isolated component, added {what}{where}", f"{added:.1f} µs, {added / bare:.2f} ×",
                         "≤ 1.5 × a bare round trip" if budget else "", *([added / bare, 1.5] if budget else []), note=f"bare {bare:.1f} µs")
                  for what, (added, bare) in zip(("time", "CPU"), costs)]
    with Stand(options) as stand:
        away = isolation.away_ms(stand, MEMORY_SET, max(5, options.rounds * 3))
    return [*lines,
            Result("isolated, from the end of its process to live", f"{statistics.median(away):.1f} ms", "≤ 20 ms", statistics.median(away), 20.0,
                   f"{min(away):.1f} to {max(away):.1f} ms")]


def row_connections(options):
    with Stand(options) as stand:
        lines = []
        for name, protocol, limit in (("HTTP/1.1", "http1", 12), ("HTTP/2", "http2", 32)):
            sidecar = stand.sidecar("bench", MEMORY_SET)
            each = fixed.connection_kb(sidecar, protocol, 10000)
            lines.append(Result(f"an idle {name} connection, of 10,000", f"{each:.1f} KB", f"≤ {limit} KB", each, limit))
        return lines


def row_stream(options):
    with Stand(options) as stand:
        grown = fixed.stream_growth_kb(stand)
        return [Result("1 GB through two sidecars, RSS growth of the larger", f"{grown / 1024:.1f} MB", "< 8 MB", grown, 8192)]


def row_loops(options):
    one, two = (fixed.instructions(options.sidecar, MEMORY_SET, loops) for loops in (1, 2))
    ratio = two / one
    return [Result("two loops against one, instructions per request", f"{one:.0f} and {two:.0f}, {ratio:.2f} ×", "≤ 1.1 ×", ratio, 1.1)]


ROWS = {"healthz": row_healthz, "state": row_state, "state-grpc": row_state_grpc, "redis": row_redis,
        "postgres": row_postgres, "kafka": row_kafka, "rabbitmq": row_rabbitmq, "invoke": row_invoke, "proxy": row_proxy, "publish": row_publish,
        "start": row_start, "memory": row_memory, "components": row_components, "isolate": row_isolate, "connections": row_connections, "stream": row_stream, "loops": row_loops}


def scale(options):
    """Cost against the number of connections and the size of the body."""
    lines = []
    for connections in (1, 8, 64, 512):
        for result in [*row_state(options, connections), *row_redis(options, connections)]:
            result.limit = None
            result.name += f", {connections} connections"
            lines.append(result)
    with Stand(options) as stand:
        for size in (100, 1024, 65536):
            body = '[{"key":"k1","value":"' + "x" * size + '"}]'
            put, get = state_subjects(stand, f"in-memory, {size} B", MEMORY_SET, 32, body)
            run([put, get], options.rounds, options.seconds, lambda: 1000)
            lines += [Result(s.name, f"{s.full_us():.2f} µs", "") for s in (put, get)]
    return lines


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()
    return f"{model.group(1) if model else platform.machine()}, {platform.system()} {platform.release()}, {nginx}"


def show(lines):
    rows = [line.cells() for line in lines]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)


def markdown(lines):
    head = "| What | Measured | Budget | | |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join("| " + " | ".join(line.cells()) + " |\n" for line in lines)


def main(options):
    began, lines = time.monotonic(), []
    fixed.raise_limit()
    print(machine())
    for name in options.only or ROWS:
        found = ROWS[name](options)
        show(found)
        lines += found
    if options.scale:
        found = scale(options)
        show(found)
        lines += found
    missed = sum(1 for line in lines if line.is_met() is False)
    print(f"{len(lines)} figures, {missed} budgets missed, {time.monotonic() - began:.0f} s")
    if options.markdown:
        options.markdown.write_text(f"Machine: {machine()}; two CPUs, {options.rounds} rounds of {options.seconds} s.\n\n{markdown(lines)}")
    return 1 if missed else 0
