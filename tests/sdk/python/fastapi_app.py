"""An application with FastAPI and `DaprApp`: it is called, subscribes, and says whether it is healthy."""

import base64
import json
import os

import uvicorn
from dapr.clients import DaprClient
from dapr.ext.fastapi import DaprApp
from fastapi import Body, FastAPI, Request, Response

from say import feature, ok, same

app = FastAPI()
dapr_app = DaprApp(app)
tries = []


@app.get("/hello")
def hello(name: str, verbose: bool = False):
    with feature("app.invoke.query"):
        same((name, verbose), ("Ann Lee", True))
    return {"hello": name}


@app.post("/echo")
async def echo(request: Request, response: Response):
    with feature("app.invoke"):
        same(await request.json(), {"id": 1})
    with feature("app.invoke.headers"):
        same(request.headers["x-colour"], "blue")
    with feature("app.token"):
        same(request.headers.get("dapr-api-token"), os.environ.get("APP_API_TOKEN"))
    response.headers["x-shape"] = "round"
    return await request.json()


@app.post("/mirror")
async def mirror(request: Request):
    return Response(await request.body(), media_type=request.headers["content-type"])


@app.post("/trace")
def trace(request: Request):
    return {"traceparent": request.headers.get("traceparent")}


@app.post("/refuse")
def refuse(response: Response):
    ok("app.invoke.error")
    response.status_code = 403
    return {"reason": "not today"}


@app.get("/healthz")
def healthz():
    ok("app.health")
    return {}


@dapr_app.subscribe(pubsub="pubsub", topic="texts")
def texts(event=Body()):
    with feature("app.subscribe"):
        same((event["data"], event["datacontenttype"], event["topic"]), ("a text", "text/plain", "texts"))


@dapr_app.subscribe(pubsub="pubsub", topic="orders", route="/orders")
def orders(event=Body()):
    with feature("app.subscribe.json"):
        same(event["data"], {"orderId": 1})
    return {"success": True}


@dapr_app.subscribe(pubsub="pubsub", topic="bytes", route="/bytes")
def some_bytes(event=Body()):
    with feature("app.subscribe.bytes"):
        same(base64.b64decode(event["data_base64"]), b"\x00\xff")


@dapr_app.subscribe(pubsub="pubsub", topic="raw", route="/raw", metadata={"rawPayload": "true"})
def raw(event=Body()):
    with feature("app.subscribe.raw"):
        same(base64.b64decode(event["data_base64"]), b"only this")


@dapr_app.subscribe(pubsub="pubsub", topic="enveloped", route="/enveloped", metadata={"rawPayload": "true"})
def enveloped(event=Body()):
    with feature("app.subscribe.enveloped"):
        same(json.loads(base64.b64decode(event["data_base64"]))["data"], "a text")


@dapr_app.subscribe(pubsub="pubsub", topic="kept", route="/kept")
def kept(event=Body()):
    with feature("app.client"), DaprClient() as d:
        d.save_state(store_name="statestore", key="kept", value=event["data"])
        same(d.get_state(store_name="statestore", key="kept").data, b"a text")


@app.post("/tick")
async def tick(request: Request):
    with feature("app.binding"):
        same(await request.body(), b"")
        assert request.headers["readTimeUTC"], "no time"


@app.post("/configuration/configstore/colour")
def colour(change=Body()):
    with feature("app.configuration"):
        same(change["items"], {"colour": {"value": "blue", "version": "2"}})


@app.post("/declared")
def declared(event=Body()):
    with feature("app.subscribe.declarative"):
        same(event["data"], "a text")


@dapr_app.subscribe(pubsub="pubsub", topic="again", route="/again")
def again(event=Body()):
    tries.append(event["id"])
    if len(tries) == 1:
        return {"status": "RETRY"}
    with feature("app.subscribe.retry"):
        same(tries[0], tries[-1])
    return {"status": "SUCCESS"}


@dapr_app.subscribe(pubsub="pubsub", topic="dropped", route="/dropped", dead_letter_topic="poison")
def dropped(event=Body()):
    return {"status": "DROP"}


@dapr_app.subscribe(pubsub="pubsub", topic="failing", route="/failing", dead_letter_topic="poison")
def failing(response: Response, event=Body()):
    response.status_code = 500


@dapr_app.subscribe(pubsub="pubsub", topic="poison", route="/poison")
def poison(event=Body()):
    ok({"dropped": "app.subscribe.drop", "failing": "app.subscribe.deadletter"}[event["topic"]])


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
