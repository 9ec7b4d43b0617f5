"""An application with `dapr.ext.grpc.App`: it is called, subscribes, and says whether it is healthy."""

import json
import os

from cloudevents.sdk.event import v1
from dapr.clients import DaprClient
from dapr.clients.grpc._response import TopicEventResponse
from dapr.ext.grpc import App, BindingRequest, InvokeMethodRequest, InvokeMethodResponse, Rule

import greeter
from event import Event, content_type_of, data_of, id_of, topic_of, type_of
from say import feature, line, ok, same

app = App()
tries, seen = [], set()
TOKEN = [os.environ["APP_API_TOKEN"]] if "APP_API_TOKEN" in os.environ else None


def headers_of(request):
    return dict(request.metadata)


@app.method(name="echo")
def echo(request: InvokeMethodRequest) -> InvokeMethodResponse:
    sent = headers_of(request)
    with feature("app.invoke"):
        same((json.loads(request.text()), request.content_type), ({"id": 1}, "application/json"))
    with feature("app.invoke.headers"):
        same(sent["x-colour"], ["blue"])
    with feature("app.token"):
        same(sent.get("dapr-api-token"), TOKEN)
    response = InvokeMethodResponse(request.data, "application/json")
    response.headers = (("x-shape", "round"),)
    return response


@app.method(name="mirror")
def mirror(request: InvokeMethodRequest) -> InvokeMethodResponse:
    return InvokeMethodResponse(request.data, request.content_type)


@app.method(name="trace")
def trace(request: InvokeMethodRequest) -> str:
    return json.dumps(headers_of(request).get("traceparent"))


@app.method(name="refuse")
def refuse(request: InvokeMethodRequest):
    ok("app.invoke.error")
    raise ValueError("not today")


@app.subscribe(pubsub_name="pubsub", topic="texts")
def texts(event: v1.Event) -> None:
    with feature("app.subscribe"):
        same((event.Data(), event.content_type, event.Subject()), (b"a text", "text/plain", "texts"))


@app.subscribe(pubsub_name="pubsub", topic="orders")
def orders(event: Event) -> TopicEventResponse:
    with feature("app.subscribe.json"):
        same(json.loads(data_of(event)), {"orderId": 1})
    return TopicEventResponse("success")


@app.subscribe(pubsub_name="pubsub", topic="bytes")
def some_bytes(event: Event) -> None:
    with feature("app.subscribe.bytes"):
        same((data_of(event), content_type_of(event)), (b"\x00\xff", "application/octet-stream"))


@app.subscribe(pubsub_name="pubsub", topic="raw", metadata={"rawPayload": "true"})
def raw(event: Event) -> None:
    with feature("app.subscribe.raw"):
        same(data_of(event), b"only this")


@app.subscribe(pubsub_name="pubsub", topic="enveloped", metadata={"rawPayload": "true"})
def enveloped(event: Event) -> None:
    with feature("app.subscribe.enveloped"):
        same(json.loads(data_of(event))["data"], "a text")


@app.subscribe(pubsub_name="pubsub", topic="routed", rule=Rule('event.type == "order.new"', 1))
def routed_new(event: Event) -> None:
    with feature("app.subscribe.routes"):
        same(type_of(event), "order.new")


@app.subscribe(pubsub_name="pubsub", topic="routed", rule=Rule("true", 2))
def routed_else(event: Event) -> None:
    line("failed app.subscribe.routes: the second rule was taken")


@app.subscribe(pubsub_name="pubsub", topic="kept")
def kept(event: Event) -> None:
    with feature("app.client"), DaprClient() as d:
        d.save_state(store_name="statestore", key="kept", value=data_of(event))
        same(d.get_state(store_name="statestore", key="kept").data, b"a text")


@app.binding("tick")
def tick(request: BindingRequest) -> None:
    with feature("app.binding"):
        same(request.data, b"")
        assert request.binding_metadata["readTimeUTC"], "no time"


@app.method(name="configuration/configstore/colour")
def colour(request: InvokeMethodRequest) -> None:
    with feature("app.configuration"):
        same(json.loads(request.text())["items"], {"colour": {"value": "blue", "version": "2"}})


@app.subscribe(pubsub_name="pubsub", topic="declared")
def declared(event: Event) -> None:
    with feature("app.subscribe.declarative"):
        same(data_of(event), b"a text")


@app.subscribe(pubsub_name="pubsub", topic="bulk")
def bulk(event: Event) -> None:
    seen.add(json.loads(data_of(event))["n"])
    if seen == {0, 1, 2}:
        ok("app.subscribe.bulk")


@app.subscribe(pubsub_name="pubsub", topic="again")
def again(event: Event) -> TopicEventResponse:
    tries.append(id_of(event))
    if len(tries) == 1:
        return TopicEventResponse("retry")
    with feature("app.subscribe.retry"):
        same(tries[0], tries[-1])
    return TopicEventResponse("success")


@app.subscribe(pubsub_name="pubsub", topic="dropped", dead_letter_topic="poison")
def dropped(event: Event) -> TopicEventResponse:
    return TopicEventResponse("drop")


@app.subscribe(pubsub_name="pubsub", topic="failing", dead_letter_topic="poison")
def failing(event: Event) -> None:
    raise ValueError("this one is too much")


@app.subscribe(pubsub_name="pubsub", topic="poison")
def poison(event: Event) -> None:
    ok({"dropped": "app.subscribe.drop", "failing": "app.subscribe.deadletter"}[topic_of(event)])


app.register_health_check(lambda: ok("app.health"))
app.add_external_service(greeter.add_to_server, greeter.Greeter())
app.run(int(os.environ["APP_PORT"]), listen_address="127.0.0.1")
