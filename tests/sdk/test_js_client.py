"""JavaScript: clients over both protocols, with the embedded components and with Redis."""

import pytest

from frame import STORES, js_command, js_sdk

PROTOCOLS = {"http": js_sdk("JavaScript", "HTTP"), "grpc": js_sdk("JavaScript", "gRPC")}
FEATURES = """wait health metadata.get metadata.capabilities metadata.set
 state.save state.get state.get.missing state.save.bulk state.get.bulk state.large state.options state.ttl
 state.metadata state.toolarge
 state.etag state.etag.mismatch state.delete state.delete.etag state.transaction state.error
 publish publish.json publish.bytes publish.metadata publish.cloudevent publish.bulk publish.bulk.error
 publish.error
 secret.get secret.bulk secret.error shutdown""".split()


@pytest.fixture(scope="module", params=[(protocol, store) for protocol in PROTOCOLS for store in STORES],
                ids="-".join)
def client(request, place):
    protocol, store = request.param
    sidecar = place.sidecar(store)
    run = place.program(js_command("client.mjs"), sidecar, {"PROTOCOL": protocol}).finish()
    run.sdk, run.sidecar = PROTOCOLS[protocol], sidecar
    return run


@pytest.mark.parametrize("feature", FEATURES)
def test_a_client(client, row, feature):
    row(client.sdk, feature)
    client.check(feature)


def test_nothing_it_does_is_left_out(client):
    assert set(client.results()) == set(FEATURES)


def test_the_sidecar_ended_when_it_was_told_to(client):
    assert client.sidecar.wait_end() == 0
