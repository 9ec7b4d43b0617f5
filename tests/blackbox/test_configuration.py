"""configuration.redis behind the configuration block: what changes is told, to an application and to streams."""

import json
import queue
import threading
import uuid
from contextlib import closing

import pytest
import redis as client
from harness import rpc
from harness.app import reply
from harness.resources import component
from harness.tap import Tap
from harness.wait import until

SECONDS = 20


@pytest.fixture(scope="module")
def keeper(redis_server):
    host, port = redis_server.address.split(":")
    with client.Redis(host, int(port)) as made:
        yield made


@pytest.fixture(scope="module")
def settings(redis_server):
    return [component("settings", "configuration.redis", {"redisHost": redis_server.address})]


@pytest.fixture(scope="module")
def app(shared):
    made = shared.app()
    made.otherwise = reply(200, b"")
    return made


@pytest.fixture(scope="module")
def sidecar(shared, app, settings):
    return shared.sidecar(app=app, resources=settings)


@pytest.fixture
def mark():
    return f"k-{uuid.uuid4().hex[:8]}"


def begin(method, keys, store="settings"):
    return method.stream(iter([method.request(store_name=store, keys=list(keys))]))


class Stream:
    """SubscribeConfiguration: the id, then each change as {key: (value, version)}."""

    def __init__(self, port, keys, method="SubscribeConfiguration", store="settings"):
        self.dapr = rpc.Dapr(port)
        self.call = begin(getattr(self.dapr, method), keys, store)
        self.messages = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        first = self.next()
        if isinstance(first, Exception):
            self.close()
            raise first
        assert first.id and not first.items
        self.id = first.id

    def _read(self):
        try:
            for message in self.call:
                self.messages.put(message)
            self.messages.put(None)
        except Exception as error:
            self.messages.put(error)

    def next(self):
        return self.messages.get(timeout=SECONDS)

    def change(self):
        message = self.next()
        assert not isinstance(message, Exception), message
        assert message.id == self.id
        return {key: (one.value, one.version) for key, one in message.items.items()}

    def cancel(self):
        self.call.cancel()
        self.close()

    def close(self):
        self.dapr.close()


# -------------------------------------------------------------------------------------- the app
def updates(app, key):
    return [json.loads(one.body) for one in app.requests(f"/configuration/settings/{key}")]


def subscribe(sidecar, *keys, version="v1.0"):
    answer = sidecar.get(f"/{version}/configuration/settings/subscribe?" + "&".join(f"key={key}" for key in keys))
    assert answer.status == 200, answer.text
    assert answer.body.endswith(b"}\n")
    return answer.json["id"]


def unsubscribe(sidecar, id):
    return sidecar.get(f"/v1.0/configuration/settings/{id}/unsubscribe")


def test_a_change_is_posted_to_the_app(sidecar, app, keeper, mark):
    id = subscribe(sidecar, mark)
    keeper.set(mark, "red||1")
    one = app.wait_one(f"/configuration/settings/{mark}")
    assert one.method == "POST"
    assert one.header("Content-Type") == "application/json"
    assert one.header("traceparent") is None
    assert one.body == b'{"id":"%s","items":{"%s":{"value":"red","version":"1"}}}\n' % (id.encode(), mark.encode())
    assert unsubscribe(sidecar, id).body == b'{"ok":true}\n'


@pytest.mark.parametrize("version", ["v1.0", "v1.0-alpha1"])
def test_a_removed_key_is_an_item_without_members(sidecar, app, keeper, mark, version):
    keeper.set(mark, "x")
    id = subscribe(sidecar, mark, version=version)
    keeper.delete(mark)
    assert json.loads(app.wait_one(f"/configuration/settings/{mark}").body) == {"id": id, "items": {mark: {}}}
    unsubscribe(sidecar, id)


def test_a_key_with_odd_characters_is_escaped_in_the_path(sidecar, app, keeper, mark):
    key = f"{mark} a/b?ü"
    answer = sidecar.get(f"/v1.0/configuration/settings/subscribe?key={mark}+a%2Fb%3F%C3%BC")
    keeper.set(key, "1")
    one = app.wait_one(f"/configuration/settings/{mark}%20a%2Fb%3F%C3%BC")
    assert json.loads(one.body)["items"] == {key: {"value": "1"}}
    unsubscribe(sidecar, answer.json["id"])


def test_an_app_that_refuses_is_told_of_the_next_change(sidecar, app, keeper, mark):
    app.route(f"/configuration/settings/{mark}", reply(500, b"no"))
    id = subscribe(sidecar, mark)
    keeper.set(mark, "1")
    sidecar.wait_log(f"error sending configuration item {mark} of settings to the app")
    keeper.set(mark, "2")
    until(lambda: len(updates(app, mark)) == 2, lambda: "two updates", SECONDS)
    unsubscribe(sidecar, id)


def test_after_unsubscribe_nothing_comes(sidecar, app, keeper, mark):
    id, other = subscribe(sidecar, mark), subscribe(sidecar, f"{mark}-end")
    assert unsubscribe(sidecar, id).json == {"ok": True}
    answer = unsubscribe(sidecar, id)
    assert answer.status == 500
    assert answer.body == (b'{"message":"failed to unsubscribe to configuration request %s: subscription with id %s does '
                           b'not exist"}\n' % (id.encode(), id.encode()))
    keeper.set(mark, "1")
    keeper.set(f"{mark}-end", "1")
    app.wait_one(f"/configuration/settings/{mark}-end")
    assert updates(app, mark) == []
    unsubscribe(sidecar, other)


def test_without_an_app_nobody_could_be_told(bench, settings):
    sidecar = bench.sidecar(resources=settings)
    answer = sidecar.get("/v1.0/configuration/settings/subscribe?key=a")
    assert answer.status == 500
    assert answer.json == {"errorCode": "ERR_APP_CHANNEL_NIL",
                           "message": "app channel is not initialized. cannot subscribe to configuration updates"}
    assert sidecar.get("/v1.0/configuration/nowhere/subscribe").json["errorCode"] == "ERR_CONFIGURATION_STORE_NOT_FOUND"


# ------------------------------------------------------------------------------------- streams
@pytest.mark.parametrize("method", ["SubscribeConfiguration", "SubscribeConfigurationAlpha1"])
def test_a_stream_is_told_of_its_keys_alone(sidecar, keeper, mark, method):
    stream = Stream(sidecar.grpc, [mark, f"{mark}-2"], method)
    keeper.set(f"{mark}-other", "1")
    keeper.set(f"{mark}-2", "a||7")
    assert stream.change() == {f"{mark}-2": ("a", "7")}
    keeper.delete(f"{mark}-2")
    assert stream.change() == {f"{mark}-2": ("", "")}
    keeper.set(mark, "b")
    assert stream.change() == {mark: ("b", "")}
    stream.cancel()


def test_a_stream_without_keys_is_told_of_all(sidecar, keeper, mark):
    stream = Stream(sidecar.grpc, [])
    for i in range(3):
        keeper.set(f"{mark}-{i}", str(i))
    wanted = {f"{mark}-{i}": (str(i), "") for i in range(3)}
    found = {}
    while not wanted.items() <= found.items():
        found.update(stream.change())
    stream.cancel()


def test_two_streams_are_two_subscriptions(sidecar, keeper, mark):
    one, two = Stream(sidecar.grpc, [mark]), Stream(sidecar.grpc, [mark])
    assert one.id != two.id
    one.cancel()
    keeper.set(mark, "1")
    assert two.change() == {mark: ("1", "")}
    two.cancel()


def test_unsubscribe_ends_the_stream(sidecar, mark):
    stream = Stream(sidecar.grpc, [mark])
    with closing(rpc.Dapr(sidecar.grpc)) as dapr:
        assert dapr.UnsubscribeConfiguration(store_name="settings", id=stream.id).ok is True
        assert stream.next() is None
        answer = dapr.UnsubscribeConfigurationAlpha1(store_name="settings", id=stream.id)
    assert answer.ok is False
    assert answer.message == f"failed to unsubscribe to configuration request {stream.id}: subscription does not exist"
    stream.close()


def test_changes_come_in_their_order_and_none_is_lost(sidecar, keeper, mark):
    stream = Stream(sidecar.grpc, [f"{mark}-{i}" for i in range(200)])
    for i in range(200):
        keeper.set(f"{mark}-{i}", str(i))
    assert [stream.change() for _ in range(200)] == [{f"{mark}-{i}": (str(i), "")} for i in range(200)]
    stream.cancel()


def test_a_client_that_does_not_read_gets_the_newest(sidecar, keeper, mark):
    """The last value is there when it reads again, however many came before."""
    dapr = rpc.Dapr(sidecar.grpc)
    call = begin(dapr.SubscribeConfiguration, [mark])
    messages = iter(call)
    next(messages)
    large = "x" * 100_000
    for i in range(300):
        keeper.set(mark, f"{large}{i}")
    last = None
    while last != f"{large}299":
        last = next(messages).items[mark].value
    call.cancel()
    dapr.close()


def test_a_process_that_leaves_ends_its_streams(bench, settings, mark):
    sidecar = bench.sidecar(resources=settings)
    stream = Stream(sidecar.grpc, [mark])
    sidecar.stop()
    assert stream.next() is None
    stream.close()


# --------------------------------------------------------------------------------------- faults
def test_what_changed_while_the_line_was_broken_is_told(bench, redis_server, keeper, mark):
    with closing(Tap(redis_server.port)) as tap:
        sidecar = bench.sidecar(resources=[component("settings", "configuration.redis", {"redisHost": tap.address})])
        stream = Stream(sidecar.grpc, [mark])
        tap.refuse()
        keeper.set(mark, "meanwhile||2")
        tap.open()
        assert stream.change() == {mark: ("meanwhile", "2")}
        keeper.set(mark, "later")
        found = stream.change()
        while found != {mark: ("later", "")}:
            found = stream.change()
        stream.cancel()


def test_a_read_that_fails_is_made_again_and_tells_what_changed(bench, redis_server, keeper, mark):
    """The server pauses between the news of a change and its reading."""
    metadata = {"redisHost": redis_server.address, "readTimeout": "300ms", "redisMaxRetries": "-1"}
    sidecar = bench.sidecar(resources=[component("settings", "configuration.redis", metadata)])
    stream = Stream(sidecar.grpc, [mark])
    with keeper.pipeline(transaction=False) as both:
        both.set(mark, "new||1")
        both.execute_command("CLIENT", "PAUSE", "1000", "ALL")
        both.execute()
    assert stream.change() == {mark: ("new", "1")}
    stream.cancel()


def test_what_may_not_be_read_is_not_told_as_removed(bench, redis_server, keeper, mark):
    keeper.execute_command("ACL", "SETUSER", mark, "on", ">pass", "~*", "&*", "+@all")
    metadata = {"redisHost": redis_server.address, "redisUsername": mark, "redisPassword": "pass"}
    sidecar = bench.sidecar(resources=[component("settings", "configuration.redis", metadata)])
    stream = Stream(sidecar.grpc, [f"{mark}-a", f"{mark}-b"])
    keeper.execute_command("ACL", "SETUSER", mark, "resetkeys", f"~{mark}-b")
    keeper.set(f"{mark}-a", "hidden")
    keeper.set(f"{mark}-b", "told")
    assert stream.change() == {f"{mark}-b": ("told", "")}
    stream.cancel()
    keeper.execute_command("ACL", "DELUSER", mark)


def test_a_broken_line_fails_a_subscription_in_words(bench, app, redis_server):
    with closing(Tap(redis_server.port)) as tap:
        sidecar = bench.sidecar(app=app, resources=[component("settings", "configuration.redis", {"redisHost": tap.address})])
        tap.refuse()
        answer = sidecar.get("/v1.0/configuration/settings/subscribe?key=b&key=a")
        assert answer.status == 500
        assert answer.json["errorCode"] == "ERR_CONFIGURATION_SUBSCRIBE"
        assert answer.json["message"].startswith("failed to subscribe [a b] from Configuration store settings: redis")
        with pytest.raises(Exception) as caught:
            Stream(sidecar.grpc, ["b", "a"])
        failure = rpc.Failure(caught.value)
        assert failure.code == "INVALID_ARGUMENT"
        assert failure.message.startswith("failed to subscribe [a b] from Configuration store settings: redis")
        assert failure.details == [rpc.error_info("ERR_CONFIGURATION_SUBSCRIBE")]


def test_the_lists_of_allowed_calls_know_configuration(bench):
    for version, suffix, other in (("v1", "", "Alpha1"), ("v1alpha1", "Alpha1", "")):
        sidecar = bench.sidecar(config={"api": {"allowed": [{"name": "configuration", "version": version, "protocol": "grpc"}]}})
        with closing(rpc.Dapr(sidecar.grpc)) as dapr:
            for verb in ("Get", "Unsubscribe"):
                with pytest.raises(rpc.Failure, match="configuration stores not configured"):
                    getattr(dapr, f"{verb}Configuration{suffix}")(store_name="s")
                with pytest.raises(rpc.Failure, match="UNIMPLEMENTED"):
                    getattr(dapr, f"{verb}Configuration{other}")(store_name="s")


def test_the_checks_in_their_order(bench, sidecar):
    bare = bench.sidecar(resources=[])
    for path in ("s", "s/subscribe", "s/id/unsubscribe"):
        assert bare.get(f"/v1.0/configuration/{path}").json["errorCode"] == "ERR_CONFIGURATION_STORE_NOT_CONFIGURED"
        answer = sidecar.get(f"/v1.0/configuration/{path}")
        assert (answer.status, answer.json["errorCode"]) == (400, "ERR_CONFIGURATION_STORE_NOT_FOUND")


def test_a_broken_line_fails_a_read_in_words(bench, redis_server):
    with closing(Tap(redis_server.port)) as tap:
        sidecar = bench.sidecar(resources=[component("settings", "configuration.redis", {"redisHost": tap.address})])
        tap.refuse()
        until(lambda: sidecar.get("/v1.0/configuration/settings?key=a&key=b").status == 500, lambda: "a refusal", SECONDS)
        answer = sidecar.get("/v1.0/configuration/settings?key=b&key=a")
        assert answer.json["errorCode"] == "ERR_CONFIGURATION_GET"
        assert answer.json["message"].startswith("failed to get [a b] from Configuration store settings: redis")
        tap.open()
        until(lambda: sidecar.get("/v1.0/configuration/settings?key=a").status == 204, lambda: "an answer", SECONDS)
