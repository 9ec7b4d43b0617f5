"""Python: clients next to a sidecar, with the embedded components and with Redis."""

import pytest

from frame import STORES, python_command, python_sdk
from harness.wait import until

SYNC, AIO = python_sdk("Python", "gRPC"), python_sdk("Python, async", "gRPC")
PROGRAMS = {
    "client.py": (SYNC, """health wait metadata.get metadata.capabilities metadata.set
        state.save state.get state.get.missing state.save.bulk state.get.bulk state.large state.options state.ttl
        state.etag state.etag.mismatch state.delete state.delete.etag state.toolarge state.transaction state.error
        publish publish.json publish.metadata publish.bulk publish.error
        secret.get secret.bulk secret.error shutdown"""),
    "client_aio.py": (AIO, """wait metadata.get metadata.set
        state.save state.get state.get.missing state.save.bulk state.get.bulk state.etag state.etag.mismatch
        state.delete state.transaction state.error
        publish publish.bulk publish.error secret.get secret.bulk shutdown"""),
}
STREAMS = {"stream.py": SYNC, "stream_aio.py": AIO}
STREAM = """subscribe.stream subscribe.stream.order subscribe.stream.handler subscribe.stream.drop
    subscribe.stream.close""".split()
RUNS = [(script, store) for script in PROGRAMS for store in STORES]
CASES = [(*run, feature) for run in RUNS for feature in PROGRAMS[run[0]][1].split()]


def ran(place, script, store):
    """A client, run to its end; it ends its sidecar."""
    def make():
        sidecar = place.sidecar(store)
        return place.program(python_command(script), sidecar).finish(), sidecar
    return place.once((script, store), make)


@pytest.mark.parametrize("script, store, feature", CASES)
def test_a_client(place, row, script, store, feature):
    sdk, _ = PROGRAMS[script]
    row(sdk, feature)
    ran(place, script, store)[0].check(feature)


@pytest.mark.parametrize("script, store", RUNS)
def test_nothing_it_does_is_left_out_and_the_sidecar_ended(place, script, store):
    program, sidecar = ran(place, script, store)
    assert set(program.results()) == set(PROGRAMS[script][1].split())
    assert sidecar.wait_end() == 0


def streamed(place, script, store):
    def make():
        sidecar = place.sidecar(store)
        return place.program(python_command(script), sidecar, {"STORE": store}).finish(), sidecar
    return place.once((script, store), make)


@pytest.mark.parametrize("script, store, feature", [(script, store, feature) for script in STREAMS for store in STORES
                                                    for feature in STREAM])
def test_streaming_subscriptions(place, row, script, store, feature):
    row(STREAMS[script], feature)
    streamed(place, script, store)[0].check(feature)


@pytest.mark.parametrize("script", STREAMS)
def test_a_stream_is_given_an_event_again(place, row, script):
    row(STREAMS[script], "subscribe.stream.retry")
    sidecar = place.sidecar("redis", hasty=True)
    run = place.program([*python_command(script), "again"], sidecar, {"STORE": "redis"}).finish()
    run.check("subscribe.stream.retry")


@pytest.mark.parametrize("script", STREAMS)
def test_closed_streams_leave_no_subscription(place, script):
    _, sidecar = streamed(place, script, "in-memory")
    until(lambda: not sidecar.metadata().get("subscriptions"), lambda: f"no subscription: {sidecar.metadata()}")


def test_a_stream_outlives_its_sidecar(place, row):
    row(SYNC, "subscribe.stream.reconnect")
    sidecar = place.sidecar()
    program = place.program(python_command("stream_back.py"), sidecar)
    program.wait_line("subscribed")
    publish_lasting(sidecar, "before")
    program.wait_feature("subscribe.stream")
    sidecar.stop()
    sidecar.start()
    until(lambda: sidecar.metadata().get("subscriptions"), program.said, 20)
    publish_lasting(sidecar, "after")
    program.wait_feature("subscribe.stream.reconnect")


def publish_lasting(sidecar, text):
    answer = sidecar.post("/v1.0/publish/pubsub/lasting", text, [("Content-Type", "text/plain")])
    assert answer.status == 204, answer.text


def test_a_client_sends_the_token(place, row):
    row(SYNC, "token")
    token = {"DAPR_API_TOKEN": "a word between us"}
    place.program(python_command("api_token.py"), place.sidecar(env=token), token).finish().check("token")
