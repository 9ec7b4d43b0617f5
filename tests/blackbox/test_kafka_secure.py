"""pubsub.kafka over TLS and SASL against a real broker, with a listener for each way to sign in
(contract, components 2.6): what is told to the broker, what is trusted, and what is said when neither fits."""

import json
import os
import uuid

import pytest

from harness.app import App, reply
from harness.resources import component

SASL_TLS = os.environ.get("TEST_KAFKA_SECURE", "")
pytestmark = pytest.mark.skipif(not SASL_TLS, reason="without TEST_KAFKA_SECURE (tests/services/with kafka-secure)")
PATIENCE = 40
PASSWORD = "open sesame 4"


def at(listener):
    """The address of one of the broker's listeners."""
    return SASL_TLS if listener == "SASL_TLS" else os.environ[f"TEST_KAFKA_SECURE_{listener}"]


def pem(name):
    with open(os.path.join(os.environ["TEST_KAFKA_SECURE_CERTS"], name), encoding="ascii") as file:
        return file.read()


def filled(metadata):
    """Values that name a file of the broker's certificates become its text."""
    return {key: pem(value) if value.endswith((".pem", ".key")) else value for key, value in metadata.items()}


def start(bench, listener, app=None, ready=True, host="127.0.0.1", **metadata):
    brokers = at(listener).replace("127.0.0.1", host)
    given = {"brokers": brokers, "initialOffset": "oldest", "consumerGroup": uuid.uuid4().hex, **filled(metadata)}
    return bench.sidecar(app=app, resources=[component("pubsub", "pubsub.kafka", given)], ready=ready)


PLAIN = {"authType": "password", "saslUsername": "plain", "saslPassword": PASSWORD, "caCert": "ca.pem"}
SCRAM = {"authType": "password", "saslUsername": "scram", "saslPassword": PASSWORD, "caCert": "ca.pem"}
MUTUAL = {"authType": "mtls", "caCert": "ca.pem", "clientCert": "client.pem", "clientKey": "client.key"}


@pytest.mark.parametrize("listener, metadata", [
    ("PLAIN", {"authType": "none"}),
    ("PLAIN", {"authType": "none", "caCert": "ca.pem", "clientCert": "client.pem", "clientKey": "client.key"}),
    ("PLAIN", {"authRequired": "false"}),
    ("TLS", {"authType": "certificate", "caCert": "ca.pem"}),
    ("TLS", {"authType": "certificate", "skipVerify": "true"}),
    ("TLS", {"authType": "certificate", "caCert": "other.pem", "skipVerify": "true"}),
    ("MTLS", {**MUTUAL, "authType": "certificate"}),
    ("MTLS", MUTUAL),
    ("MTLS", {**MUTUAL, "authType": "MTLS"}),
    ("MTLS", {"authRequired": "true", "caCert": "ca.pem", "clientCert": "client.pem", "clientKey": "client.key"}),
    ("SASL_TLS", PLAIN),
    ("SASL_TLS", {**PLAIN, "saslMechanism": "PLAIN"}),
    ("SASL_TLS", {**PLAIN, "saslMechanism": "sha-512"}),
    ("SASL_TLS", {**PLAIN, "authType": "", "authRequired": "true"}),
    ("SASL_TLS", {**SCRAM, "saslMechanism": "SHA-256"}),
    ("SASL_TLS", {**SCRAM, "saslMechanism": "SHA-512"}),
    ("SASL", {**PLAIN, "disableTls": "true"}),
    ("SASL", {**SCRAM, "saslMechanism": "SHA-256", "disableTls": "true"}),
])
def test_what_is_published_comes_back(bench, listener, metadata):
    topic = uuid.uuid4().hex
    app = App(subscriptions=[{"pubsubname": "pubsub", "topic": topic, "route": "/t"}])
    app.route("/t", reply(200))
    app.start()
    bench.stack.callback(app.stop)
    sidecar = start(bench, listener, app, **metadata)
    answer = sidecar.post(f"/v1.0/publish/pubsub/{topic}", json.dumps({"n": 1}))
    assert answer.status == 204, answer.text
    [came] = app.wait_for("/t", 1, seconds=PATIENCE)
    assert came.json["data"] == {"n": 1}
    assert not sidecar.logged(PASSWORD) and not sidecar.logged("PRIVATE KEY")


def test_the_name_in_the_certificate_may_be_a_host(bench):
    sidecar = start(bench, "SASL_TLS", host="localhost", **PLAIN)
    assert sidecar.post("/v1.0/publish/pubsub/by-name", "1").status == 204


@pytest.mark.parametrize("listener, metadata, words", [
    ("SASL_TLS", {**PLAIN, "saslPassword": "never said"}, "uthentication failed"),
    ("SASL_TLS", {**PLAIN, "saslUsername": "nobody"}, "uthentication failed"),
    ("SASL_TLS", {**SCRAM, "saslMechanism": "SHA-256", "saslPassword": "never said"}, "uthentication failed"),
    ("SASL_TLS", {**SCRAM, "saslMechanism": "SHA-512", "saslPassword": "never said"}, "uthentication failed"),
    ("SASL_TLS", {**SCRAM, "saslMechanism": "SCRAM-SHA-512"}, "uthentication failed"),
    ("SASL_TLS", {**PLAIN, "caCert": "other.pem"}, "certificate"),
    ("TLS", {"authType": "certificate", "caCert": "other.pem"}, "certificate"),
    ("TLS", {"authType": "certificate"}, "certificate"),
    ("MTLS", {"authType": "certificate", "caCert": "ca.pem"}, "certificate"),
    ("MTLS", {**MUTUAL, "clientCert": "stranger.pem", "clientKey": "stranger.key"}, "certificate"),
])
def test_what_the_broker_or_we_do_not_trust_ends_the_start_and_is_said(bench, listener, metadata, words):
    sidecar = start(bench, listener, ready=False, **metadata)
    assert sidecar.wait_end() != 0
    [said] = sidecar.logged("level=fatal")
    assert f"no broker of {at(listener)} can be reached: " in said and words in said, said
    assert not sidecar.logged("never said") and not sidecar.logged(PASSWORD) and not sidecar.logged("PRIVATE KEY")


@pytest.mark.parametrize("metadata, sentence", [
    ({"authType": "mtls", "caCert": "ca.pem"}, "authType mtls needs clientCert and clientKey"),
    ({**MUTUAL, "disableTls": "true"}, "authType mtls needs clientCert and clientKey, and TLS"),
    ({**MUTUAL, "clientKey": "server.key"}, "clientKey"),
    ({"authType": "certificate", "caCert": "ca.pem", "clientCert": "client.pem"}, "clientCert and clientKey"),
    ({"authType": "certificate", "caCert": "/etc/ssl/ca"}, "caCert: expects PEM text"),
    ({"authType": "certificate", "caCert": "-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----"}, "caCert"),
    ({"authType": "password", "saslUsername": "plain"}, "authType password needs saslUsername and saslPassword"),
    ({"authType": "plain"}, "authType: expects"),
    ({"authRequired": "perhaps"}, "authRequired: expects true or false"),
    ({}, "authType is required"),
])
def test_options_that_do_not_fit_end_the_start_and_are_said(bench, metadata, sentence):
    sidecar = start(bench, "TLS", ready=False, **metadata)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(sentence), sidecar.log_tail()
    assert not sidecar.logged("PRIVATE KEY")
