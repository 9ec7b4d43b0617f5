"""The promise: one application, and only the YAML changes. The same story on every state store, and on every broker."""

import json
import uuid

import pytest
from harness import doors
from harness.app import reply
from harness.doors import Refused, item
from harness.products import BROKERS, STORES, metadata_of, topic_of, version_of
from harness.resources import component

SECONDS = 60
WITHOUT_ETAGS = {"state.memcached"}
WITHOUT_TRANSACTIONS = {"state.memcached", "state.mongodb"}         # the test's MongoDB is no replica set


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


# ---------------------------------------------------------------------------------------- stores
class Shop:
    """An application that keeps orders and a stock. It knows nothing of the product behind "orders"."""

    def __init__(self, door, mark):
        self.door, self.mark = door, mark

    def key(self, name):
        return f"{name}-{self.mark}"

    def open(self, **stock):
        self.door.save("orders", [item(self.key(name), text(count)) for name, count in stock.items()])

    def stock(self, name):
        found = self.door.get("orders", self.key(name))
        return json.loads(found.data) if found.data else None, found.etag

    def sell(self, name, count):
        """Takes from the stock unless somebody else did meanwhile; again until it has."""
        while True:
            left, etag = self.stock(name)
            try:
                self.door.save("orders", [item(self.key(name), text(left - count), etag=etag)])
                return left - count
            except Refused:
                continue

    def order(self, number, lines):
        order = item(self.key(f"order-{number}"), text({"lines": lines, "note": "Grüße <&>"}))
        stock = [item(self.key(name), text(self.stock(name)[0] - count)) for name, count in lines.items()]
        self.door.transact("orders", [("upsert", one) for one in [order, *stock]])

    def report(self, names):
        found = self.door.bulk_get("orders", [self.key(name) for name in names])
        return {one.key.rpartition("-")[0]: json.loads(one.data if hasattr(one, "data") else one.value)
                for one in found if (one.data if hasattr(one, "data") else one.value)}

    def close(self, *names):
        for name in names:
            self.door.delete("orders", self.key(name))


@pytest.mark.parametrize("door", doors.DOORS)
@pytest.mark.parametrize("type", STORES)
def test_one_application_on_every_store(bench, type, door):
    mark = uuid.uuid4().hex[:8]
    metadata = metadata_of(STORES, type, mark)
    sidecar = bench.sidecar(resources=[component("orders", type.partition("/")[0], metadata, version=version_of(type))])
    opened = doors.open(sidecar, door)
    shop = Shop(opened, mark)
    shop.open(apples=10, pears=5)
    assert shop.stock("apples")[0] == 10
    if type not in WITHOUT_ETAGS:
        assert shop.sell("apples", 3) == 7
        with pytest.raises(Refused):
            opened.save("orders", [item(shop.key("apples"), b"0", etag="12345")])
    else:
        shop.open(apples=7)
    if type not in WITHOUT_TRANSACTIONS:
        shop.order(1, {"apples": 2, "pears": 1})
        assert json.loads(opened.get("orders", shop.key("order-1")).data) == {"lines": {"apples": 2, "pears": 1},
                                                                               "note": "Grüße <&>"}
    else:
        shop.open(apples=5, pears=4)
    assert shop.report(["apples", "pears", "plums"]) == {"apples": 5, "pears": 4}
    shop.close("apples", "plums")
    assert shop.stock("apples") == (None, None)
    assert shop.report(["apples", "pears"]) == {"pears": 4}
    opened.close()


# --------------------------------------------------------------------------------------- brokers
@pytest.mark.parametrize("type", BROKERS)
def test_one_application_on_every_broker(bench, type):
    mark = uuid.uuid4().hex[:8]
    metadata = metadata_of(BROKERS, type, mark)
    topic = topic_of(mark, "orders")
    app = bench.app(subscriptions=[{"pubsubname": "events", "topic": topic, "route": "/orders"}])
    app.route("/orders", reply(200, b""))
    sidecar = bench.sidecar(app=app, app_id=f"shop{mark}", resources=[component("events", type, metadata)])
    door = doors.open(sidecar, "grpc")
    for number in range(10):
        door.publish("events", topic, text({"number": number}), "application/json")
    door.bulk_publish("events", topic, [doors.Entry(str(number), text({"number": number})) for number in range(10, 20)])

    def numbers():
        return {json.loads(one.body)["data"]["number"] for one in app.requests("/orders")}

    app.wait_where(lambda _: len(numbers()) == 20, "twenty orders", SECONDS)
    event = json.loads(app.requests("/orders")[0].body)
    assert (event["specversion"], event["type"], event["topic"], event["pubsubname"]) == (
        "1.0", "com.dapr.event.sent", topic, "events")
    assert event["datacontenttype"] == "application/json" and event["source"] == f"shop{mark}"
    door.close()
