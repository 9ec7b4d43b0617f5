"""The products that components stand for, and the YAML that leads to each: for tests that are the same on all of them.

    STORES["state.postgresql"](mark)   metadata of a component; mark keeps those who use it apart
    BROKERS["pubsub.kafka"](mark)

Topics of a mark begin with it: topic_of(mark, "orders"). A product whose server is not in the environment (tests/services/with NAME) answers None: the test is skipped, visibly."""

import json
import os
import socket
import tempfile

import pytest


def server(name):
    """host:port, or None."""
    return os.environ.get("TEST_" + name.upper().replace("-", "_"))


def _of(name, make):
    def metadata(mark):
        address = server(name) if name else ""
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


def _jetstream(address, mark):
    _stream_make(address, mark)
    return {"natsURL": f"nats://{address}", "name": mark, "streamName": f"S{mark}", "durableName": mark}


STORES = {
    "state.in-memory": _of(None, lambda at, mark: {}),
    "state.sqlite": _of(None, lambda at, mark: _file(mark)),
    "state.redis": _of("redis", lambda at, mark: {"redisHost": at}),
    "state.postgresql": _of("postgres", lambda at, mark: {"connectionString": os.environ["TEST_POSTGRES_URL"],
                                                         "tableName": f"s_{mark}", "metadataTableName": f"m_{mark}"}),
    "state.postgresql/v2": _of("postgres", lambda at, mark: {"connectionString": os.environ["TEST_POSTGRES_URL"],
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


def metadata_of(table, type, mark):
    """The metadata, or the test is skipped because the product is not there."""
    make = table[type]
    metadata = make(mark)
    if metadata is None:
        pytest.skip(f"without {make.service} (tests/services/with {make.service})")
    return metadata


def topic_of(mark, name):
    return f"{mark}.{name}"


def version_of(type):
    return type.partition("/")[2] or "v1"
