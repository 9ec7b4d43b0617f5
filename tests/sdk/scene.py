"""What every application of the SDK tests is put through, whatever it is written with: calls over the sidecar's API,
and events of the topics that the programs subscribe to. The programs say what they saw; what comes back is looked at
here."""

import redis

TOKEN = "the application's token"
# For the sidecar and for the program alike.
ENV = {"APP_API_TOKEN": TOKEN}
PROBES = {"enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1}

TEXT, JSON = [("Content-Type", "text/plain")], [("Content-Type", "application/json")]
BYTES = [("Content-Type", "application/octet-stream")]
# A message that was not taken comes again only where the broker keeps it.
ONLY_REDIS = {"app.subscribe.retry"}


def publish(topic, headers=TEXT, body="a text", query=""):
    def drive(sidecar, sdk):
        answer = sidecar.post(f"/v1.0/publish/pubsub/{topic}{query}", body, headers)
        assert answer.status == 204, answer.text
    return drive


def publish_many(sidecar, sdk):
    entries = [{"entryId": str(n), "event": {"n": n}, "contentType": "application/json"} for n in range(3)]
    answer = sidecar.post("/v1.0/publish/bulk/pubsub/bulk", entries)
    assert answer.status == 204, answer.text


def call(sidecar, method, body="{}", headers=JSON):
    return sidecar.post(f"/v1.0/invoke/{sidecar.app_id}/method/{method}", body, headers)


def echo(sidecar, sdk):
    answer = call(sidecar, "echo", '{"id": 1}', [*JSON, ("X-Colour", "blue")])
    assert (answer.status, answer.json) == (200, {"id": 1}), answer.text
    return answer


def echo_headers(sidecar, sdk):
    answer = echo(sidecar, sdk)
    if sdk.language != "js":                # whose listeners return a body and nothing else
        assert answer.header("x-shape") == "round", answer.headers


def hello(sidecar, sdk):
    answer = sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/hello?name=Ann%20Lee&verbose=true")
    assert (answer.status, answer.json) == (200, {"hello": "Ann Lee"}), answer.text


def refuse(sidecar, sdk):
    answer = call(sidecar, "refuse")
    if sdk.protocol == "HTTP":
        assert (answer.status, answer.json) == (403, {"reason": "not today"}), answer.text
    else:
        # Connect, which the JavaScript server is made of, tells nobody what was thrown.
        said = "internal error" if sdk.language == "js" else "not today"
        assert answer.status == 500 and said in answer.text, answer.text


def tick(sidecar, sdk):
    """A clock calls it every second."""


def configure(sidecar, sdk):
    answer = sidecar.get("/v1.0/configuration/configstore/subscribe?key=colour")
    assert answer.status == 200, answer.text
    with redis.Redis("127.0.0.1", *sidecar.redis) as keeper:
        keeper.set("colour", "blue||2")


DRIVERS = {
    "app.invoke": echo,
    "app.invoke.query": hello,
    "app.invoke.headers": echo_headers,
    "app.invoke.error": refuse,
    "app.token": echo,
    "app.subscribe": publish("texts"),
    "app.subscribe.json": publish("orders", JSON, '{"orderId": 1}'),
    "app.subscribe.bytes": publish("bytes", BYTES, b"\x00\xff"),
    "app.subscribe.raw": publish("raw", TEXT, "only this", "?metadata.rawPayload=true"),
    "app.subscribe.enveloped": publish("enveloped"),
    "app.subscribe.routes": publish("routed", query="?metadata.cloudevent.type=order.new"),
    "app.client": publish("kept"),
    "app.binding": tick,
    "app.configuration": configure,
    "app.subscribe.declarative": publish("declared"),
    "app.subscribe.bulk": publish_many,
    "app.subscribe.bulk.raw": publish("bulkraw", JSON, '{"message":"only this"}', "?metadata.rawPayload=true"),
    "app.subscribe.retry": publish("again"),
    "app.subscribe.drop": publish("dropped"),
    "app.subscribe.deadletter": publish("failing"),
}


def cases(apps, stores):
    """Name, store and feature of each test; apps: name -> the features it has."""
    return [(name, store, feature) for name in apps for store in stores for feature in apps[name]
            if store == "redis" or feature not in ONLY_REDIS]
