"""Publishing through a sidecar to Kafka, against a plain librdkafka loop, and in bulk against one by one."""
import json
import shutil
import statistics
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from bench.loads import Shape
from bench.measure import Subject
from bench.processes import ANSWER, LOAD_CPU, ROOT, SERVER_CPU, Nginx, wait_for

IN_FLIGHT, BULK = 32, 100
TOPIC = "orders"
ENVELOPE = ('{"data":' + ANSWER + ',"datacontenttype":"application/json","id":"3b9f7a1e-52c4-4d0c-9a57-0f6f1b2f7c11","pubsubname":"pubsub",'
            '"source":"bench","specversion":"1.0","time":"2026-01-01T00:00:00Z","topic":"orders","traceid":"00-' + "0" * 32 + "-" +
            "0" * 16 + '-00","traceparent":"00-' + "0" * 32 + "-" + "0" * 16 + '-00","tracestate":"","type":"com.dapr.event.sent"}')
ENTRIES = json.dumps([{"entryId": str(n), "event": json.loads(ANSWER), "contentType": "application/json"} for n in range(BULK)])


class Broker:
    """A server of tests/services, on the load's CPU."""

    def __init__(self, name):
        self.name, self.folder = name, Path(tempfile.mkdtemp(prefix=f"bench-{name}-")) / "server"
        subprocess.run(["taskset", "-c", LOAD_CPU, ROOT / "tests/services" / name, "start", self.folder], check=True,
                       stdout=subprocess.DEVNULL)
        self.address = f"127.0.0.1:{(self.folder / 'port').read_text().strip()}"

    def stop(self):
        subprocess.run([ROOT / "tests/services" / self.name, "stop", self.folder], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(self.folder.parent, ignore_errors=True)


class Loop:
    """The plain loop, on the servers' CPU, as lively as the component: nothing lingers."""

    def __init__(self, brokers):
        self.brokers, self.folder = brokers, Path(tempfile.mkdtemp(prefix="bench-rdkafka-"))
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "rdkafka"], capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(["cc", "-O2", "-o", self.folder / "loop", ROOT / "tests/bench/rdkafka_loop.c", *flags], check=True)
        self.rates, self.us = [], []

    def round(self, seconds):
        out = subprocess.run(["taskset", "-c", SERVER_CPU, self.folder / "loop", self.brokers, str(seconds), str(IN_FLIGHT), "loop", ENVELOPE,
                              "linger.ms=0"], capture_output=True, text=True, check=True).stdout
        rate, us = map(float, out.split())
        self.rates.append(rate)
        self.us.append(us)

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def publisher(name, sidecar, bulk=False, connections=IN_FLIGHT):
    path = "publish/bulk" if bulk else "publish"
    return Subject(name, Shape(f"http://127.0.0.1:{sidecar.port}/v1.0/{path}/pubsub/{TOPIC}", ENTRIES if bulk else ANSWER),
                   [sidecar.pid], connections)


def publishers(name, sidecar):
    """One by one and in bulk, by 32 clients and by one."""
    return [publisher(name, sidecar), publisher(f"{name}, in bulk", sidecar, True), publisher(f"{name}, one client", sidecar, connections=1),
            publisher(f"{name}, in bulk, one client", sidecar, True, 1)]


def first(subject):
    """A topic is made by the first message, which takes its time."""
    urllib.request.urlopen(urllib.request.Request(subject.shape.url, subject.shape.body.encode(), {"Content-Type": "application/json"}),
                           timeout=60).close()


def rounds(options, subjects, loop=None):
    """Each once per round, in turn; the first round warms up and does not count."""
    for subject in subjects:
        first(subject)
    for number in range(options.rounds + 1):
        for subject in subjects:
            subject.round_full(options.seconds if number else 1)
        if loop:
            loop.round(options.seconds if number else 1)
        if not number:
            for subject in subjects:
                subject.cpu_full.clear(), subject.rates.clear()
            if loop:
                loop.rates.clear(), loop.us.clear()


def spread(values):
    return f"spread {(max(values) - min(values)) / statistics.median(values) * 100:.0f} %"


def kafka(options, stand, component):
    """Subjects in-memory, Kafka, Kafka in bulk, Kafka and bulk by one client; and the loop."""
    broker = stand.add(Broker("kafka"))
    loop = stand.add(Loop(broker.address))
    memory = stand.sidecar("bench", [component("pubsub", "pubsub.in-memory")])
    side = stand.sidecar("bench", [component("pubsub", "pubsub.kafka", brokers=broker.address, authType="none")])
    subjects = [publisher("in-memory", memory), *publishers("Kafka", side)]
    rounds(options, subjects, loop)
    return subjects, loop


def bind_queue(broker, stand, resources):
    """A durable queue as a subscription of ours makes it, which stays when the subscriber has left."""
    app = stand.add(Nginx())
    subscriber = stand.sidecar("bench", resources, app_port=app.port)
    wait_for(lambda: TOPIC in subprocess.run([ROOT / "tests/services/rabbitmq", "ctl", broker.folder, "list_queues", "name"],
                                             capture_output=True, text=True).stdout, 60)
    subscriber.stop()


def rabbitmq(options, stand, component, subscription):
    """As kafka, without a loop: persistent messages, confirmed, into a durable queue that keeps the latest 10,000."""
    broker = stand.add(Broker("rabbitmq"))
    bus = component("pubsub", "pubsub.rabbitmq", connectionString=f"amqp://guest:guest@{broker.address}/", publisherConfirm="true",
                    deliveryMode="2", deletedWhenUnused="false", maxLen="10000")
    bind_queue(broker, stand, [bus, subscription])
    side = stand.sidecar("bench", [bus])
    subjects = publishers("RabbitMQ", side)
    rounds(options, subjects)
    return subjects
