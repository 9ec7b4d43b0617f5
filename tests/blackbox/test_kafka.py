"""pubsub.kafka against a real broker (contract, components 2.6 and 6.9): records out and in, order,
redelivery, groups, restarts of the sidecar and of the broker, and the end of the process."""

import json
import os
import signal
import subprocess
import threading
import uuid

import pytest

from harness.app import App, reply
from harness.ports import free_port
from harness.products import told_by_kafka
from harness.resources import component
from harness.services import Service
from harness.tap import Tap
from harness.wait import until

PATIENCE = 40
pytestmark = pytest.mark.patient


class Broker(Service):
    def __init__(self):
        super().__init__("kafka")
        self.command = None

    def pid(self):
        with open(os.path.join(self.folder, "pid"), encoding="ascii") as file:
            return int(file.read())

    def halt(self):
        """Ends the process; its data stays."""
        pid = self.pid()
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            self.command = [part.decode() for part in file.read().split(b"\0")[:-1]]
        os.kill(pid, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{pid}") or self._is_zombie(pid), "the broker to end", 20)

    def _is_zombie(self, pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    def back(self):
        log = open(os.path.join(self.folder, "log"), "ab")
        made = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        with open(os.path.join(self.folder, "pid"), "w", encoding="ascii") as file:
            file.write(str(made.pid))


@pytest.fixture(scope="module")
def broker():
    made = Broker()
    yield made
    made.stop()


@pytest.fixture
def mark():
    return uuid.uuid4().hex[:8]


class Side:
    """A sidecar with the broker as `pubsub`, and perhaps an app that listens to one topic at /t."""

    def __init__(self, bench, broker, group, topic=None, answers=None, **metadata):
        self.app = None
        if topic:
            self.app = App(subscriptions=[{"pubsubname": "pubsub", "topic": topic, "route": "/t"}])
            self.app.route("/t", answers or reply(200))
            self.app.start()
            bench.stack.callback(self.app.stop)
        given = {"brokers": broker.address, "authType": "none", "initialOffset": "oldest", "consumerGroup": group,
                 "backOffDuration": "100ms", **metadata}
        self.sidecar = bench.sidecar(app=self.app, app_id=group, resources=[component("pubsub", "pubsub.kafka", given)])

    def publish(self, topic, value, query=""):
        return self.sidecar.post(f"/v1.0/publish/pubsub/{topic}{query}", json.dumps(value))

    def published(self, topic, value, query=""):
        answer = self.publish(topic, value, query)
        assert answer.status == 204, answer.text

    def came(self):
        return [one.json["data"] for one in self.app.requests("/t")]

    def await_all(self, wanted, seconds=PATIENCE):
        until(lambda: set(wanted) <= set(self.came()), lambda: f"{wanted}; came: {self.came()}", seconds)


# --- Records out and in ---

def test_a_message_arrives_with_what_the_record_says(bench, broker, mark):
    side = Side(bench, broker, mark, mark)
    side.published(mark, {"id": 1}, "?metadata.partitionKey=pk1&metadata.custom=x")
    [came] = side.app.wait_for("/t", 1, seconds=PATIENCE)
    assert came.json["data"] == {"id": 1} and came.json["topic"] == mark and came.json["pubsubname"] == "pubsub"
    assert came.header("__key") == "pk1"
    assert came.header("__offset") == "0" and came.header("__partition") == "0" and came.header("__topic") == mark
    assert 13 == len(came.header("__timestamp"))
    assert came.header("Custom") == "x" and came.header("Partitionkey") == "pk1"


def test_without_a_key_there_is_none(bench, broker, mark):
    side = Side(bench, broker, mark, mark)
    side.published(mark, 1)
    [came] = side.app.wait_for("/t", 1, seconds=PATIENCE)
    assert came.header("__key") is None


def test_excluded_names_are_neither_headers_nor_metadata(bench, broker, mark):
    side = Side(bench, broker, mark, mark, excludeHeaderMetaRegex="^x-sec")
    side.published(mark, 1, "?metadata.x-secret=1&metadata.x-open=2")
    [came] = side.app.wait_for("/t", 1, seconds=PATIENCE)
    assert came.header("X-secret") is None and came.header("X-open") == "2"


def test_escaped_headers(bench, broker, mark):
    side = Side(bench, broker, mark, mark, escapeHeaders="true")
    side.published(mark, 1, "?metadata.partitionKey=a%20b%2Fc%C3%A9")
    [came] = side.app.wait_for("/t", 1, seconds=PATIENCE)
    assert came.header("__key") == "a+b%2Fc%C3%A9"


def test_a_bulk_arrives_whole_and_in_order(bench, broker, mark):
    side = Side(bench, broker, mark, mark)
    entries = [{"entryId": str(n), "event": n, "contentType": "application/json"} for n in range(50)]
    answer = side.sidecar.post(f"/v1.0/publish/bulk/pubsub/{mark}", entries)
    assert answer.status == 204, answer.text
    side.await_all(range(50))
    assert side.came() == list(range(50))


def test_the_request_metadata_of_a_bulk_wins(bench, broker, mark):
    side = Side(bench, broker, mark, mark)
    entries = [{"entryId": "1", "event": 1, "contentType": "application/json",
                "metadata": {"custom": "ent", "partitionKey": "pA"}}]
    answer = side.sidecar.post(f"/v1.0/publish/bulk/pubsub/{mark}?metadata.custom=req&metadata.k2=r2", entries)
    assert answer.status == 204, answer.text
    [came] = side.app.wait_for("/t", 1, seconds=PATIENCE)
    assert (came.header("Custom"), came.header("K2"), came.header("__key")) == ("req", "r2", "pA")


@pytest.mark.parametrize("number", ["-1", "99", "x"])
def test_a_partition_that_is_none_is_refused(bench, broker, mark, number):
    side = Side(bench, broker, mark)
    side.published(mark, 1)
    answer = side.publish(mark, 1, f"?metadata.partitionNumber={number}")
    assert answer.status >= 400 and answer.json["errorCode"] == "ERR_PUBSUB_PUBLISH_MESSAGE"


def test_a_message_over_the_limit_is_refused(bench, broker, mark):
    side = Side(bench, broker, mark, maxMessageBytes="2000")
    assert side.publish(mark, "x" * 5000).status >= 400
    side.published(mark, "x")


def test_the_newest_offset_misses_nothing_after_the_start(bench, broker, mark):
    first = Side(bench, broker, mark + "p")
    first.published(mark, "before")
    side = Side(bench, broker, mark, mark, initialOffset="newest")
    sent = []

    def arrives():
        sent.append(f"after {len(sent)}")
        first.published(mark, sent[-1])
        return side.came()
    until(arrives, "a message after the start", PATIENCE)
    came = side.came()
    begin = sent.index(came[0])
    side.await_all(sent[begin:])
    assert "before" not in side.came() and side.came()[:len(sent) - begin] == sent[begin:]


# --- Order and redelivery ---

def test_a_message_is_delivered_again_before_the_next(bench, broker, mark):
    side = Side(bench, broker, mark, mark, [reply(500), reply(500), reply(200)])
    side.published(mark, 1), side.published(mark, 2)
    side.await_all([1, 2])
    assert side.came() == [1, 1, 1, 2]


def test_without_retry_a_failed_message_is_skipped(bench, broker, mark):
    side = Side(bench, broker, mark, mark, [reply(500), reply(200)], consumeRetryEnabled="false")
    side.published(mark, 1), side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1, 2]


def test_retries_end_when_they_are_counted(bench, broker, mark):
    side = Side(bench, broker, mark, mark, [reply(500), reply(500), reply(500), reply(200)], backOffMaxRetries="2")
    side.published(mark, 1), side.published(mark, 2)
    side.await_all([2])
    assert side.came() == [1, 1, 1, 2]


def test_one_message_of_a_partition_at_a_time(bench, broker, mark):
    busy, worst, lock = [0], [0], threading.Lock()

    def slowly(request, sock):
        with lock:
            busy[0] += 1
            worst[0] = max(worst[0], busy[0])
        done = threading.Event()
        done.wait(0.01)
        with lock:
            busy[0] -= 1
        return reply(200)
    side = Side(bench, broker, mark, mark, slowly)
    for n in range(30):
        side.published(mark, n)
    side.await_all(range(30))
    assert side.came() == list(range(30)) and worst[0] == 1


# --- Many at once ---

class Batches(Side):
    """As Side, whose app takes batches; fails: messages whose entry is answered with RETRY, so often."""

    def __init__(self, bench, broker, mark, fails=None, **metadata):
        self.fails, self.batches = dict(fails or {}), []
        super().__init__(bench, broker, mark)
        self.app = App(subscriptions=[{"pubsubname": "pubsub", "topic": mark, "route": "/t", "bulkSubscribe": {
            "enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 500}}])
        self.app.route("/t", self.answer)
        self.app.start()
        bench.stack.callback(self.app.stop)
        given = {"brokers": broker.address, "authType": "none", "initialOffset": "oldest", "consumerGroup": mark,
                 "backOffDuration": "100ms", **metadata}
        self.reader = bench.sidecar(app=self.app, app_id=mark, resources=[component("pubsub", "pubsub.kafka", given)])

    def answer(self, request, sock):
        statuses, batch = [], []
        for one in request.json["entries"]:
            data = one["event"]["data"]
            batch.append(data)
            failed = self.fails.get(data, 0) > 0
            self.fails[data] = self.fails.get(data, 0) - 1
            statuses.append({"entryId": one["entryId"], "status": "RETRY" if failed else "SUCCESS"})
        self.batches.append(batch)
        return reply(200, json.dumps({"statuses": statuses}))

    def handled(self):
        return [data for batch in list(self.batches) for data in batch]


def bulk_published(side, topic, numbers):
    answer = side.sidecar.post(f"/v1.0/publish/bulk/pubsub/{topic}", [
        {"entryId": str(n), "event": n, "contentType": "application/json"} for n in numbers])
    assert answer.status == 204, answer.text


def test_batches_are_filled_from_one_partition(bench, broker, mark):
    side = Batches(bench, broker, mark)
    bulk_published(side, mark, range(40))
    until(lambda: len(side.handled()) >= 40, lambda: f"forty: {side.batches}", PATIENCE)
    assert side.handled() == list(range(40)) and max(len(batch) for batch in side.batches) == 10


def test_what_failed_of_a_batch_comes_again_and_the_rest_does_not(bench, broker, mark):
    side = Batches(bench, broker, mark, fails={3: 2, 5: 1})
    bulk_published(side, mark, range(20))
    until(lambda: set(side.handled()) == set(range(20)) and side.handled().count(3) == 3, lambda: f"all: {side.batches}", PATIENCE)
    assert sorted(side.handled()) == sorted([*range(20), 3, 3, 5])


def test_what_failed_of_a_batch_is_not_passed_by_a_restart(bench, broker, mark):
    side = Batches(bench, broker, mark, fails={3: 1000}, backOffDuration="60s")
    bulk_published(side, mark, range(10))
    until(lambda: 9 in side.handled(), lambda: f"the batch: {side.batches}", PATIENCE)
    side.reader.stop()
    again = Batches(bench, broker, mark)
    until(lambda: 9 in again.handled(), lambda: f"what was left: {again.batches}", PATIENCE)
    assert again.handled() == list(range(3, 10))


# --- Groups and restarts ---

def test_two_groups_each_get_everything_and_one_group_shares(bench, broker, mark):
    one, other = Side(bench, broker, mark + "a", mark), Side(bench, broker, mark + "b", mark)
    twin = Side(bench, broker, mark + "a", mark)
    for n in range(20):
        one.published(mark, n)
    other.await_all(range(20))
    until(lambda: set(one.came()) | set(twin.came()) == set(range(20)), "the group's share", PATIENCE)
    assert len(other.came()) == 20


def test_a_restart_goes_on_behind_what_was_acknowledged(bench, broker, mark):
    side = Side(bench, broker, mark, mark)
    for n in range(10):
        side.published(mark, n)
    side.await_all(range(10))
    side.sidecar.stop()
    again = Side(bench, broker, mark, mark)
    again.published(mark, 10)
    again.await_all([10])
    assert again.came() == [10]


def test_a_stop_under_load_loses_nothing_acknowledged(bench, broker, mark):
    """Every acknowledged publication is handled by one of the two lives of the subscriber."""
    publisher = Side(bench, broker, mark + "p")
    side = Side(bench, broker, mark, mark)
    kept, ends = [], threading.Event()

    def publish():
        n = 0
        while not ends.is_set():
            if publisher.publish(mark, n).status == 204:
                kept.append(n)
            n += 1
    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    until(lambda: len(side.came()) >= 30, "thirty messages", PATIENCE)
    side.sidecar.signal(signal.SIGTERM)
    code = side.sidecar.wait_end(30)
    assert code == 0, side.sidecar.log_tail()
    handled = set(side.came())
    again = Side(bench, broker, mark, mark)
    until(lambda: again.came(), "deliveries after the restart", PATIENCE)
    ends.set()
    thread.join(30)
    until(lambda: set(kept) <= handled | set(again.came()),
          lambda: f"all of them; missing {sorted(set(kept) - handled - set(again.came()))[:20]}", PATIENCE)
    assert len(again.came()) == len(set(again.came()))
    assert len(handled & set(again.came())) <= 1


def test_what_waits_for_a_slow_app_is_fetched_once(bench, broker, mark):
    """Many more than may wait in the sidecar: the broker keeps the rest until there is room."""
    count, size = 4000, 500
    first = Side(bench, broker, mark)
    for at in range(0, count, 1000):
        body = json.dumps([{"entryId": str(n), "event": {"n": n, "fill": "x" * size}, "contentType": "application/json"}
                           for n in range(at, at + 1000)])
        assert first.sidecar.post(f"/v1.0/publish/bulk/pubsub/{mark}", body).status == 204
    tap = Tap(broker.port, told_by_kafka)
    bench.stack.callback(tap.close)
    side = Side(bench, tap, mark, mark)
    until(lambda: len(side.app.requests("/t")) == count, lambda: f"{count}; came: {len(side.app.requests('/t'))}", PATIENCE)
    assert [one["n"] for one in side.came()] == list(range(count))
    assert tap.answered < 3 * count * (size + 400)


def test_what_the_app_holds_at_the_stop_is_delivered_again(bench, broker, mark):
    arrived, go = threading.Event(), threading.Event()

    def hold(request, sock):
        arrived.set()
        go.wait(60)
        return None
    side = Side(bench, broker, mark, mark, hold)
    side.published(mark, "held")
    assert arrived.wait(PATIENCE)
    side.sidecar.signal(signal.SIGKILL)
    side.sidecar.process.wait(10)
    go.set()
    again = Side(bench, broker, mark, mark)
    again.await_all(["held"], 60)


def test_what_the_app_finishes_during_a_stop_is_acknowledged(bench, broker, mark):
    arrived, go = threading.Event(), threading.Event()

    def finish(request, sock):
        arrived.set()
        go.wait(60)
        return reply(200)
    side = Side(bench, broker, mark, mark, finish)
    side.published(mark, "first"), side.published(mark, "second")
    assert arrived.wait(PATIENCE)
    side.sidecar.signal(signal.SIGTERM)
    side.sidecar.wait_log("Dapr is shutting down")
    go.set()
    code = side.sidecar.wait_end(30)
    assert code == 0, side.sidecar.log_tail()
    assert side.came() == ["first"]
    again = Side(bench, broker, mark, mark)
    again.await_all(["second"])
    assert again.came() == ["second"]


# --- A broker that is not there ---

def test_a_start_without_a_broker_fails_in_words(bench, mark):
    made = component("pubsub", "pubsub.kafka", {"brokers": f"127.0.0.1:{free_port()}", "authType": "none"})
    sidecar = bench.sidecar(ready=False, resources=[made])
    assert sidecar.wait_end(20) == 1
    assert sidecar.logged("can be reached")


@pytest.mark.parametrize("metadata, words", [
    ({}, "authType is required"), ({"authType": "magic"}, "authType: expects"),
    ({"authType": "password"}, "needs saslUsername and saslPassword"), ({"authType": "mtls"}, "needs clientCert and clientKey"),
    ({"authType": "certificate", "caCert": "/a/path"}, "caCert: expects PEM text"),
    ({"authType": "none", "compression": "best"}, "compression.codec"),
    ({"authType": "none", "excludeHeaderMetaRegex": "("}, "excludeHeaderMetaRegex"),
    ({"authType": "oidc"}, "oidcTokenEndpoint"), ({"authType": "none", "brokers": ""}, "brokers is required")])
def test_options_that_make_no_sense_are_refused(bench, broker, metadata, words):
    made = component("pubsub", "pubsub.kafka", {"brokers": broker.address, **metadata})
    sidecar = bench.sidecar(ready=False, resources=[made])
    assert sidecar.wait_end() == 1
    assert sidecar.logged(words)


def test_a_broker_that_comes_back_is_used_again(bench, broker, mark):
    side = Side(bench, broker, mark, mark, writeTimeout="2s")
    side.published(mark, "before")
    side.await_all(["before"])
    broker.halt()
    try:
        answer = side.publish(mark, "lost")
        assert answer.status == 500 and answer.json["errorCode"] == "ERR_PUBSUB_PUBLISH_MESSAGE"
    finally:
        broker.back()
    until(lambda: side.publish(mark, "after").status == 204, "the broker to be back", 60)
    side.await_all(["after"], 60)
    assert side.sidecar.is_ready()
