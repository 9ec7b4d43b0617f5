"""A client with `DaprClient`: every block the sidecar has."""

import os
import time

from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprGrpcError
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._state import Concurrency, Consistency, StateItem, StateOptions
from dapr.clients.health import DaprHealth

from say import feature, refused, same

STORE = "statestore"


def state(d):
    value = b'{"id": 12345678901234567890, "price": 1.0}'
    with feature("state.save"):
        d.save_state(store_name=STORE, key="order_1", value=value)
    with feature("state.get"):
        found = d.get_state(store_name=STORE, key="order_1")
        same(found.data, value)
        assert found.etag, "no etag"
    with feature("state.get.missing"):
        found = d.get_state(store_name=STORE, key="nothing")
        same((found.data, found.etag), (b"", ""))
    with feature("state.save.bulk"):
        d.save_bulk_state(store_name=STORE, states=[StateItem(key="bulk_1", value="value_1"),
                                                    StateItem(key="bulk_2", value=b"\x00\xff")])
    with feature("state.get.bulk"):
        items = d.get_bulk_state(store_name=STORE, keys=["bulk_1", "bulk_2", "nothing"], parallelism=2).items
        same({item.key: item.data for item in items}, {"bulk_1": b"value_1", "bulk_2": b"\x00\xff", "nothing": b""})
        same([item.error for item in items], ["", "", ""])
    with feature("state.large"):
        large = os.urandom(2 * 1024 * 1024)
        d.save_state(store_name=STORE, key="large", value=large)
        assert d.get_state(store_name=STORE, key="large").data == large, "other bytes"
    with feature("state.options"):
        options = StateOptions(consistency=Consistency.strong, concurrency=Concurrency.last_write)
        d.save_state(store_name=STORE, key="order_2", value="strong", options=options)
        same(d.get_state(store_name=STORE, key="order_2").data, b"strong")
    with feature("state.ttl"):
        d.save_state(store_name=STORE, key="brief", value="soon gone", state_metadata={"ttlInSeconds": "1000"})
        same(d.get_state(store_name=STORE, key="brief").data, b"soon gone")
        d.save_state(store_name=STORE, key="brief", value="soon gone", state_metadata={"ttlInSeconds": "1"})
        until_gone(d, "brief")


def until_gone(d, key):
    deadline = time.monotonic() + 10
    while d.get_state(store_name=STORE, key=key).data:
        assert time.monotonic() < deadline, f"{key} is still there"


def state_etag(d):
    old = "0"
    with feature("state.etag"):
        d.save_state(store_name=STORE, key="counter", value="1")
        old = d.get_state(store_name=STORE, key="counter").etag
        d.save_state(store_name=STORE, key="counter", value="2", etag=old)
        same(d.get_state(store_name=STORE, key="counter").data, b"2")
    with feature("state.etag.mismatch"):
        try:
            d.save_state(store_name=STORE, key="counter", value="3", etag=old)
            raise AssertionError("an old etag was taken")
        except DaprGrpcError as error:
            same((error.code().name, error.error_code()), ("ABORTED", "ERR_STATE_SAVE"))
        same(d.get_state(store_name=STORE, key="counter").data, b"2")
    with feature("state.delete"):
        d.delete_state(store_name=STORE, key="order_1")
        same(d.get_state(store_name=STORE, key="order_1").data, b"")
    with feature("state.delete.etag"):
        try:
            d.delete_state(store_name=STORE, key="counter", etag=old)
            raise AssertionError("an old etag was taken")
        except DaprGrpcError as error:
            same((error.code().name, error.error_code()), ("ABORTED", "ERR_STATE_DELETE"))
        d.delete_state(store_name=STORE, key="counter", etag=d.get_state(store_name=STORE, key="counter").etag)
        same(d.get_state(store_name=STORE, key="counter").data, b"")


def state_more(d):
    with feature("state.transaction"):
        d.execute_state_transaction(store_name=STORE, operations=[
            TransactionalStateOperation(key="tx_1", data="one", operation_type=TransactionOperationType.upsert),
            TransactionalStateOperation(key="tx_2", data="two"),
            TransactionalStateOperation(key="bulk_1", operation_type=TransactionOperationType.delete)])
        items = d.get_bulk_state(store_name=STORE, keys=["tx_1", "tx_2", "bulk_1"]).items
        same({item.key: item.data for item in items}, {"tx_1": b"one", "tx_2": b"two", "bulk_1": b""})
    with feature("state.toolarge"):
        try:
            d.save_state(store_name=STORE, key="giant", value=bytes(5 * 1024 * 1024))
            raise AssertionError("it was taken")
        except DaprGrpcError as error:
            same(error.code().name, "RESOURCE_EXHAUSTED")
            assert error.details().startswith("grpc: received message larger than max ("), error.details()
        same(d.get_state(store_name=STORE, key="giant").data, b"")
    with feature("state.error"):
        try:
            d.get_state(store_name="nostore", key="order_1")
            raise AssertionError("a store was found")
        except DaprGrpcError as error:
            refused(error, "INVALID_ARGUMENT", "state store nostore is not found", "DAPR_STATE_NOT_FOUND")


def publish(d):
    with feature("publish"):
        d.publish_event(pubsub_name="pubsub", topic_name="heard-by-nobody", data="a text")
    with feature("publish.json"):
        d.publish_event(pubsub_name="pubsub", topic_name="heard-by-nobody", data='{"orderId": 1}',
                        data_content_type="application/json")
    with feature("publish.metadata"):
        d.publish_event(pubsub_name="pubsub", topic_name="heard-by-nobody", data=b"message",
                        publish_metadata={"ttlInSeconds": "100", "rawPayload": "false"})
    with feature("publish.bulk"):
        answer = d.publish_events(pubsub_name="pubsub", topic_name="heard-by-nobody",
                                  data=["message 1", b"message 2"], data_content_type="text/plain",
                                  publish_metadata={"ttlInSeconds": "100"})
        same(list(answer.failed_entries), [])
    with feature("publish.error"):
        try:
            d.publish_event(pubsub_name="nobroker", topic_name="orders", data="a text")
            raise AssertionError("a broker was found")
        except DaprGrpcError as error:
            refused(error, "INVALID_ARGUMENT", "pubsub nobroker is not found", "DAPR_PUBSUB_NOT_FOUND")


def secrets(d):
    with feature("secret.get"):
        same(d.get_secret(store_name="secretstore", key="orders-key").secret, {"orders-key": "a secret"})
    with feature("secret.bulk"):
        same(d.get_bulk_secret(store_name="secretstore").secrets,
             {"orders-key": {"orders-key": "a secret"}, "db:user": {"db:user": "ann"},
              "db:password": {"db:password": "xyz"}})
    with feature("secret.error"):
        try:
            d.get_secret(store_name="nostore", key="orders-key")
            raise AssertionError("a store was found")
        except Exception as error:
            same((error.code().name, error.details()),
                 ("INVALID_ARGUMENT", "failed finding secret store with key nostore"))


def metadata(d):
    with feature("metadata.get"):
        found = d.get_metadata()
        same(found.application_id, os.environ["APP_ID"])
        same({one.name for one in found.registered_components}, {"statestore", "pubsub", "secretstore"})
    with feature("metadata.set"):
        for value in ("blue", "dark blue", ""):
            d.set_metadata(attributeName="colour", attributeValue=value)
            same(d.get_metadata().extended_metadata["colour"], value)
    with feature("metadata.capabilities"):
        store = next(one for one in d.get_metadata().registered_components if one.name == STORE)
        assert {"ETAG", "TRANSACTIONAL", "ACTOR", "TTL"} <= set(store.capabilities), store.capabilities


def main():
    with feature("health"):
        DaprHealth.wait_for_sidecar()
    with DaprClient() as d:
        with feature("wait"):
            d.wait(5)
        metadata(d)
        state(d)
        state_etag(d)
        state_more(d)
        publish(d)
        secrets(d)
        with feature("shutdown"):
            d.shutdown()


main()
