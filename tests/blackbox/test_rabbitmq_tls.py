"""pubsub.rabbitmq over TLS, with the options' PEM texts, and with the client's certificate instead of a password."""

import os

import pytest

from harness.resources import component

ADDRESS = os.environ.get("TEST_RABBITMQ_TLS", "")
pytestmark = pytest.mark.skipif(not ADDRESS, reason="without TEST_RABBITMQ_TLS (tests/services/with rabbitmq-tls)")


def pem(name):
    with open(os.path.join(os.environ["TEST_RABBITMQ_TLS_CERTS"], name), encoding="ascii") as file:
        return file.read()


def start(bench, ready=True, account="guest:guest@", host=None, **metadata):
    uri = f"amqps://{account}{host or ADDRESS}"
    return bench.sidecar(resources=[component("pubsub", "pubsub.rabbitmq", {"connectionString": uri, **metadata})], ready=ready)


def publishes(sidecar):
    answer = sidecar.post("/v1.0/publish/pubsub/tls", "1")
    assert answer.status == 204, answer.text


def test_the_authority_is_trusted(bench):
    publishes(start(bench, caCert=pem("ca.pem")))


def test_by_name(bench):
    publishes(start(bench, host=ADDRESS.replace("127.0.0.1", "localhost"), caCert=pem("ca.pem")))


def test_a_certificate_in_place_of_a_password(bench):
    publishes(start(bench, account="", saslExternal="true", caCert=pem("ca.pem"), clientCert=pem("client.pem"),
                    clientKey=pem("client.key")))


@pytest.mark.parametrize("metadata, sentence", [
    ({}, "certificate"),
    ({"caCert": "server.pem"}, "certificate"),
    ({"caCert": "ca.pem", "account": "guest:wrong@"}, "ACCESS_REFUSED"),
    ({"caCert": "ca.pem", "clientCert": "client.pem", "clientKey": "server.key"}, "rabbitmq"),
])
def test_what_does_not_fit_is_said(bench, metadata, sentence):
    given = {key: pem(value) if value.endswith((".pem", ".key")) else value for key, value in metadata.items()}
    sidecar = start(bench, ready=False, **given)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(sentence), sidecar.log_tail()
    assert not sidecar.logged("PRIVATE KEY")


def test_plain_text_to_a_tls_port(bench):
    made = component("pubsub", "pubsub.rabbitmq", {"connectionString": f"amqp://{ADDRESS}"})
    sidecar = bench.sidecar(resources=[made], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(f"rabbitmq {ADDRESS}: "), sidecar.log_tail()
