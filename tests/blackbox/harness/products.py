"""The products that components stand for, and the YAML that leads to each: for tests that are the same on all of them.

    STORES["state.postgresql"](mark)   metadata of a component; mark keeps those who use it apart
    BROKERS["pubsub.kafka"](mark)

SECRETS, CONFIGURATIONS, LOCKS and BINDINGS are the same for the other blocks. At another address: (mark, at), as that of
tap_of(...), a Tap in front of the server.

Topics of a mark begin with it: topic_of(mark, "orders"). A product whose server is not in the environment
(tests/services/with NAME) answers None: the test is skipped, visibly."""

import json
import os
import socket
import struct
import tempfile

import pytest

from harness.tap import Tap


def server(name):
    """host:port, or None."""
    return os.environ.get("TEST_" + name.upper().replace("-", "_"))


def _of(name, make):
    def metadata(mark, at=None):
        address = at or server(name) if name else ""
        return None if address is None else make(address, mark)
    metadata.service = name
    return metadata


FOLDER = tempfile.TemporaryDirectory(prefix="products-")


def _file(mark):
    return {"connectionString": os.path.join(FOLDER.name, f"{mark}.db")}


def _stream_make(address, mark):
    """A stream for all topics of this mark, asked for in JetStream's own words: no application does that."""
    host, port = address.rsplit(":", 1)
    wish = json.dumps({"name": f"S{mark}", "subjects": [f"{mark}.>"], "storage": "file"})
    with socket.create_connection((host, int(port))) as line:
        line.sendall(f"CONNECT {{\"verbose\":false}}\r\nSUB answer.{mark} 1\r\n"
                     f"PUB $JS.API.STREAM.CREATE.S{mark} answer.{mark} {len(wish)}\r\n{wish}\r\n".encode())
        said = b""
        while b"stream_create_response" not in said:
            more = line.recv(4096)
            assert more, said
            said += more
    assert b'"error"' not in said, said


def _postgres(address):
    return os.environ["TEST_POSTGRES_URL"].replace(server("postgres"), address)


def _cluster(address):
    """A kubeconfig that leads there."""
    there = os.path.join(os.environ["TEST_KUBERNETES_FOLDER"], "kubeconfig")
    made = f"{there}.{address.rpartition(':')[2]}"
    with open(there, encoding="utf-8") as given, open(made, "w", encoding="utf-8") as file:
        file.write(given.read().replace(server("kubernetes"), address))
    return made


def _jetstream(address, mark):
    _stream_make(server("nats"), mark)
    return {"natsURL": f"nats://{address}", "name": mark, "streamName": f"S{mark}", "durableName": mark}


STORES = {
    "state.in-memory": _of(None, lambda at, mark: {}),
    "state.sqlite": _of(None, lambda at, mark: _file(mark)),
    "state.redis": _of("redis", lambda at, mark: {"redisHost": at}),
    "state.postgresql": _of("postgres", lambda at, mark: {"connectionString": _postgres(at),
                                                         "tableName": f"s_{mark}", "metadataTableName": f"m_{mark}"}),
    "state.postgresql/v2": _of("postgres", lambda at, mark: {"connectionString": _postgres(at),
                                                            "tablePrefix": f"p_{mark}_", "metadataTableName": f"n_{mark}"}),
    "state.mysql": _of("mariadb", lambda at, mark: {"connectionString": f"u:p w:@/@tcp({at})/", "schemaName": f"s_{mark}"}),
    "state.mongodb": _of("mongo", lambda at, mark: {"host": at, "databaseName": f"d_{mark}"}),
    "state.etcd": _of("etcd", lambda at, mark: {"endpoints": at, "keyPrefixPath": mark}),
    "state.etcd/v2": _of("etcd", lambda at, mark: {"endpoints": at, "keyPrefixPath": f"{mark}-2"}),
    "state.memcached": _of("memcached", lambda at, mark: {"hosts": at}),
}

BROKERS = {
    "pubsub.in-memory": _of(None, lambda at, mark: {}),
    "pubsub.redis": _of("redis", lambda at, mark: {"redisHost": at, "consumerID": mark}),
    "pubsub.kafka": _of("kafka", lambda at, mark: {"brokers": at, "authType": "none", "consumerGroup": mark,
                                                  "initialOffset": "oldest"}),
    "pubsub.rabbitmq": _of("rabbitmq", lambda at, mark: {"connectionString": f"amqp://{at}", "consumerID": mark,
                                                        "durable": "true", "deletedWhenUnused": "false",
                                                        "requeueInFailure": "true", "publisherConfirm": "true",
                                                        "deliveryMode": "2"}),
    "pubsub.mqtt3": _of("mosquitto", lambda at, mark: {"url": f"mqtt://{at}", "consumerID": mark, "qos": "1"}),
    "pubsub.jetstream": _of("nats", _jetstream),
}


AWS = {"region": "us-east-1", "accessKey": "id-1", "secretKey": "mighty-secret"}

# Each has a secret "conftestsecret" from the start: "abcd".
SECRETS = {
    "secretstores.hashicorp.vault": _of("vault", lambda at, mark: {"vaultAddr": f"https://{at}", "vaultToken": "root-token",
                                                                   "caCert": os.environ["TEST_VAULT_CA"]}),
    "secretstores.aws.secretmanager": _of("moto", lambda at, mark: {"endpoint": f"http://{at}", **AWS}),
    "secretstores.azure.keyvault": _of("azure", lambda at, mark: {
        "vaultName": f"http://{at}", "azureTenantId": "tenant-1", "azureClientId": "client-1",
        "azureClientSecret": "s3cr&t=/ä"}),
    "secretstores.gcp.secretmanager": _of("gcp", lambda at, mark: {"endpoint": f"http://{at}", "projectID": "conform"}),
    "secretstores.kubernetes": _of("kubernetes", lambda at, mark: {"kubeconfigPath": _cluster(at), "defaultNamespace": "default"}),
}

CONFIGURATIONS = {
    "configuration.redis": _of("redis", lambda at, mark: {"redisHost": at}),
    "configuration.postgresql": _of("postgres", lambda at, mark: {"connectionString": _postgres(at), "table": f"c_{mark}"}),
}

LOCKS = {
    "lock.redis": _of("redis", lambda at, mark: {"redisHost": at}),
}

BINDINGS = {
    "bindings.redis": _of("redis", lambda at, mark: {"redisHost": at}),
    "bindings.postgresql": _of("postgres", lambda at, mark: {"connectionString": _postgres(at)}),
    "bindings.aws.s3": _of("moto", lambda at, mark: {"endpoint": f"http://{at}", "bucket": "conform", "forcePathStyle": "true",
                                                     **AWS}),
    "bindings.rabbitmq": _of("rabbitmq", lambda at, mark: {"host": f"amqp://{at}", "queueName": mark, "durable": "true"}),
    "bindings.kafka": _of("kafka", lambda at, mark: {"brokers": at, "authType": "none", "topics": f"b-{mark}",
                                                     "publishTopic": f"b-{mark}", "consumerGroup": mark, "initialOffset": "oldest"}),
    "bindings.mqtt3": _of("mosquitto", lambda at, mark: {"url": f"mqtt://{at}", "consumerID": mark, "topic": f"b/{mark}"}),
}


def told_by_kafka(port):
    return b"127.0.0.1" + struct.pack(">i", port)


def tap_of(table, type):
    """A broker of Kafka tells its clients where it is: behind the Tap, where the Tap is."""
    name = table[type].service
    address = server(name)
    if address is None:
        pytest.skip(f"without {name} (tests/services/with {name})")
    return Tap(int(address.rpartition(":")[2]), told_by_kafka if name == "kafka" else None)


def metadata_of(table, type, mark, at=None):
    """The metadata, or the test is skipped because the product is not there."""
    make = table[type]
    metadata = make(mark, at)
    if metadata is None:
        pytest.skip(f"without {make.service} (tests/services/with {make.service})")
    return metadata


def topic_of(mark, name):
    return f"{mark}.{name}"


def version_of(type):
    return type.partition("/")[2] or "v1"
