"""A client with the asynchronous `DaprClient`: every block the sidecar has, many calls at a time."""

import asyncio
import os

from dapr.aio.clients import DaprClient
from dapr.clients import BulkPublishEntry
from dapr.clients.exceptions import DaprGrpcError, DaprInternalError
from dapr.clients.grpc._request import TransactionalStateOperation, TransactionOperationType
from dapr.clients.grpc._state import StateItem

from say import feature, refused, same

STORE = "statestore"


async def value_of(d, key):
    return (await d.get_state(store_name=STORE, key=key)).data


async def state(d):
    with feature("state.save"):
        await asyncio.gather(*(d.save_state(store_name=STORE, key=f"aio_{n}", value=str(n)) for n in range(50)))
    with feature("state.get"):
        same(await asyncio.gather(*(value_of(d, f"aio_{n}") for n in range(50))), [str(n).encode() for n in range(50)])
    with feature("state.get.missing"):
        same(await value_of(d, "nothing"), b"")
    with feature("state.save.bulk"):
        await d.save_bulk_state(store_name=STORE, states=[StateItem(key="bulk_1", value="value_1"),
                                                          StateItem(key="bulk_2", value=b"\x00\xff")])
    with feature("state.get.bulk"):
        items = (await d.get_bulk_state(store_name=STORE, keys=["bulk_1", "bulk_2", "nothing"])).items
        same({item.key: item.data for item in items}, {"bulk_1": b"value_1", "bulk_2": b"\x00\xff", "nothing": b""})
    with feature("state.etag"):
        old = (await d.get_state(store_name=STORE, key="aio_1")).etag
        await d.save_state(store_name=STORE, key="aio_1", value="new", etag=old)
        same(await value_of(d, "aio_1"), b"new")
    with feature("state.etag.mismatch"):
        try:
            await d.save_state(store_name=STORE, key="aio_1", value="newer", etag=old)
            raise AssertionError("an old etag was taken")
        except DaprInternalError as error:
            assert "possible etag mismatch" in error.message, error.message
    with feature("state.delete"):
        await d.delete_state(store_name=STORE, key="aio_1")
        same(await value_of(d, "aio_1"), b"")
    with feature("state.transaction"):
        await d.execute_state_transaction(store_name=STORE, operations=[
            TransactionalStateOperation(key="tx_1", data="one"),
            TransactionalStateOperation(key="aio_2", operation_type=TransactionOperationType.delete)])
        same((await value_of(d, "tx_1"), await value_of(d, "aio_2")), (b"one", b""))
    with feature("state.error"):
        try:
            await d.get_state(store_name="nostore", key="order_1")
            raise AssertionError("a store was found")
        except DaprGrpcError as error:
            refused(error, "INVALID_ARGUMENT", "state store nostore is not found", "DAPR_STATE_NOT_FOUND")


async def others(d):
    with feature("publish"):
        await d.publish_event(pubsub_name="pubsub", topic_name="heard-by-nobody", data="a text")
    with feature("publish.bulk"):
        entries = ["message 1", BulkPublishEntry(event='{"n": 2}', metadata={"partitionKey": "a"},
                                                 content_type="application/json")]
        answer = await d.publish_events(pubsub_name="pubsub", topic_name="heard-by-nobody", data=entries,
                                        data_content_type="text/plain")
        same(list(answer.failed_entries), [])
    with feature("publish.error"):
        try:
            await d.publish_event(pubsub_name="nobroker", topic_name="orders", data="a text")
            raise AssertionError("a broker was found")
        except DaprGrpcError as error:
            refused(error, "INVALID_ARGUMENT", "pubsub nobroker is not found", "DAPR_PUBSUB_NOT_FOUND")
    with feature("secret.get"):
        same((await d.get_secret(store_name="secretstore", key="orders-key")).secret, {"orders-key": "a secret"})
    with feature("secret.bulk"):
        same((await d.get_bulk_secret(store_name="secretstore")).secrets["db:user"], {"db:user": "ann"})
    with feature("metadata.get"):
        found = await d.get_metadata()
        same(found.application_id, os.environ["APP_ID"])
    with feature("metadata.set"):
        await d.set_metadata(attributeName="colour", attributeValue="dark blue")
        same((await d.get_metadata()).extended_metadata["colour"], "dark blue")


async def main():
    async with DaprClient() as d:
        with feature("wait"):
            await d.wait(5)
        await state(d)
        await others(d)
        with feature("shutdown"):
            await d.shutdown()


asyncio.run(main())
