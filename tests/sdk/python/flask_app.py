"""An application with Flask and `DaprApp`: it is called, subscribes, and says whether it is healthy."""

import base64
import json
import os

from dapr.clients import DaprClient
from flask import Flask, Response, jsonify, request

try:
    from dapr.ext.flask import DaprApp
except ModuleNotFoundError:         # before 1.19 a package of its own
    from flask_dapr import DaprApp

from say import feature, ok, same

app = Flask("shop")
dapr_app = DaprApp(app)
tries = []


@app.route("/hello", methods=["GET"])
def hello():
    with feature("app.invoke.query"):
        same(request.args.to_dict(), {"name": "Ann Lee", "verbose": "true"})
    return jsonify(hello=request.args["name"])


@app.route("/echo", methods=["POST"])
def echo():
    with feature("app.invoke"):
        same(request.json, {"id": 1})
    with feature("app.invoke.headers"):
        same(request.headers["x-colour"], "blue")
    with feature("app.token"):
        same(request.headers.get("dapr-api-token"), os.environ.get("APP_API_TOKEN"))
    return jsonify(request.json), 200, {"x-shape": "round"}


@app.route("/mirror", methods=["POST"])
def mirror():
    return Response(request.data, mimetype=request.mimetype)


@app.route("/refuse", methods=["POST"])
def refuse():
    ok("app.invoke.error")
    return jsonify(reason="not today"), 403


@app.route("/healthz", methods=["GET"])
def healthz():
    ok("app.health")
    return ""


@dapr_app.subscribe(pubsub="pubsub", topic="texts")
def texts():
    with feature("app.subscribe"):
        event = request.json
        same((event["data"], event["datacontenttype"], event["topic"]), ("a text", "text/plain", "texts"))
    return ""


@dapr_app.subscribe(pubsub="pubsub", topic="orders", route="/orders")
def orders():
    with feature("app.subscribe.json"):
        same(request.json["data"], {"orderId": 1})
    return jsonify(success=True)


@dapr_app.subscribe(pubsub="pubsub", topic="bytes", route="/bytes")
def some_bytes():
    with feature("app.subscribe.bytes"):
        same(base64.b64decode(request.json["data_base64"]), b"\x00\xff")
    return ""


@dapr_app.subscribe(pubsub="pubsub", topic="raw", route="/raw", metadata={"rawPayload": "true"})
def raw():
    with feature("app.subscribe.raw"):
        same(base64.b64decode(request.json["data_base64"]), b"only this")
    return ""


@dapr_app.subscribe(pubsub="pubsub", topic="enveloped", route="/enveloped", metadata={"rawPayload": "true"})
def enveloped():
    with feature("app.subscribe.enveloped"):
        same(json.loads(base64.b64decode(request.json["data_base64"]))["data"], "a text")
    return ""


@dapr_app.subscribe(pubsub="pubsub", topic="kept", route="/kept")
def kept():
    with feature("app.client"), DaprClient() as d:
        d.save_state(store_name="statestore", key="kept", value=request.json["data"])
        same(d.get_state(store_name="statestore", key="kept").data, b"a text")
    return ""


@app.route("/tick", methods=["POST"])
def tick():
    with feature("app.binding"):
        same(request.data, b"")
        assert request.headers["readTimeUTC"], "no time"
    return ""


@app.route("/configuration/configstore/colour", methods=["POST"])
def colour():
    with feature("app.configuration"):
        same(request.json["items"], {"colour": {"value": "blue", "version": "2"}})
    return ""


@app.route("/declared", methods=["POST"])
def declared():
    with feature("app.subscribe.declarative"):
        same(request.json["data"], "a text")
    return ""


@dapr_app.subscribe(pubsub="pubsub", topic="again", route="/again")
def again():
    tries.append(request.json["id"])
    if len(tries) == 1:
        return jsonify(status="RETRY")
    with feature("app.subscribe.retry"):
        same(tries[0], tries[-1])
    return jsonify(status="SUCCESS")


@dapr_app.subscribe(pubsub="pubsub", topic="dropped", route="/dropped", dead_letter_topic="poison")
def dropped():
    return jsonify(status="DROP")


@dapr_app.subscribe(pubsub="pubsub", topic="failing", route="/failing", dead_letter_topic="poison")
def failing():
    return "", 500


@dapr_app.subscribe(pubsub="pubsub", topic="poison", route="/poison")
def poison():
    ok({"dropped": "app.subscribe.drop", "failing": "app.subscribe.deadletter"}[request.json["topic"]])
    return ""


app.run(host="127.0.0.1", port=int(os.environ["APP_PORT"]))
