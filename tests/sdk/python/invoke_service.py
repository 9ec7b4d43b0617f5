"""Calls over InvokeService (DAPR_API_METHOD_INVOCATION_PROTOCOL=grpc): of the gRPC application GRPC_TARGET and of the
HTTP application HTTP_TARGET, both at other sidecars."""

import json
import os

import grpc
from dapr.clients import DaprClient

from say import feature, same

TARGET = os.environ["GRPC_TARGET"]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MEGABYTE = os.urandom(512 * 1024).hex().encode()


def to_grpc(d):
    with feature("invoke.grpc.post"):
        answer = d.invoke_method(TARGET, "echo", data=json.dumps({"id": 1}), content_type="application/json",
                                 metadata=(("x-colour", "blue"),))
        same((answer.json(), answer.content_type), ({"id": 1}, "application/json"))
    with feature("invoke.grpc.headers"):
        same(answer.headers["x-shape"], ["round"])
    with feature("invoke.grpc.bytes"):
        answer = d.invoke_method(TARGET, "mirror", data=b"\x00\xff", content_type="application/octet-stream")
        same((answer.data, answer.content_type), (b"\x00\xff", "application/octet-stream"))
    with feature("invoke.grpc.trace"):
        answer = d.invoke_method(TARGET, "trace", data="{}", content_type="application/json",
                                 metadata=(("traceparent", TRACE),))
        same(answer.json(), [TRACE])
    with feature("invoke.grpc.large"):
        answer = d.invoke_method(TARGET, "mirror", data=MEGABYTE, content_type="text/plain")
        assert answer.data == MEGABYTE, f"{len(answer.data)} other bytes"
    with feature("invoke.grpc.error"):
        try:
            d.invoke_method(TARGET, "refuse", data="{}", content_type="application/json")
            raise AssertionError("it was taken")
        except grpc.RpcError as error:
            same((error.code().name, error.details()), ("UNKNOWN", "Exception calling application: not today"))
    with feature("invoke.grpc.missing"):
        try:
            d.invoke_method("nobody", "echo", data="{}", content_type="application/json")
            raise AssertionError("somebody answered")
        except grpc.RpcError as error:
            same((error.code().name, error.details().partition(", err: ")[0]),
                 ("INTERNAL", "failed to invoke, id: nobody"))


def to_http(d):
    with feature("invoke.service"):
        target = os.environ["HTTP_TARGET"]
        answer = d.invoke_method(target, "hello", http_verb="GET",
                                 http_querystring=(("name", "Ann Lee"), ("verbose", "true")))
        same(answer.json(), {"hello": "Ann Lee"})
        answer = d.invoke_method(target, "echo", data=json.dumps({"id": 1}), content_type="application/json",
                                 http_verb="POST", metadata=(("x-colour", "blue"),))
        same((answer.json(), answer.headers["x-shape"], answer.headers["dapr-http-status"]),
             ({"id": 1}, ["round"], ["200"]))
        try:
            d.invoke_method(target, "refuse", data="{}", content_type="application/json", http_verb="POST")
            raise AssertionError("it was taken")
        except grpc.RpcError as error:
            same((error.code().name, error.details()), ("PERMISSION_DENIED", "Forbidden"))


with DaprClient() as client:
    to_grpc(client)
    to_http(client)
