"""Python: clients next to a sidecar, with the embedded components and with Redis."""

import pytest

from frame import STORES, python_command, python_sdk

SYNC = python_sdk("Python", "gRPC")
FEATURES = """health wait metadata.get metadata.set
 state.save state.get state.get.missing state.save.bulk state.get.bulk state.options state.ttl
 state.etag state.etag.mismatch state.delete state.delete.etag state.transaction state.error
 publish publish.json publish.metadata publish.bulk publish.error
 secret.get secret.bulk secret.error shutdown""".split()


@pytest.fixture(scope="module", params=STORES)
def client(request, place):
    sidecar = place.sidecar(request.param)
    run = place.program(python_command("client.py"), sidecar).finish()
    run.sidecar = sidecar
    return run


@pytest.mark.parametrize("feature", FEATURES)
def test_a_client(client, row, feature):
    row(SYNC, feature)
    client.check(feature)


def test_nothing_it_does_is_left_out(client):
    assert set(client.results()) == set(FEATURES)


def test_the_sidecar_ended_when_it_was_told_to(client):
    assert client.sidecar.wait_end() == 0
