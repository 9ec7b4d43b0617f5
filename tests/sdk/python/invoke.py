"""Calls of the application TARGET at another sidecar, with `DaprClient.invoke_method` over HTTP, its default."""

import json
import os

from dapr.clients import DaprClient
from dapr.clients.exceptions import DaprInternalError

from say import feature, same

TARGET = os.environ["TARGET"]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MEGABYTE = os.urandom(512 * 1024).hex().encode()


def main(d):
    with feature("invoke.get"):
        answer = d.invoke_method(TARGET, "hello", http_verb="GET",
                                 http_querystring=(("name", "Ann Lee"), ("verbose", "true")))
        same((answer.status_code, answer.json()), (200, {"hello": "Ann Lee"}))
    with feature("invoke.post"):
        answer = d.invoke_method(TARGET, "echo", data=json.dumps({"id": 1}), content_type="application/json",
                                 http_verb="POST", metadata=(("x-colour", "blue"),))
        same((answer.status_code, answer.json(), answer.content_type), (200, {"id": 1}, "application/json"))
    with feature("invoke.headers"):
        same({name.lower(): value for name, value in answer.headers.items()}["x-shape"], ["round"])
    with feature("invoke.bytes"):
        answer = d.invoke_method(TARGET, "mirror", data=b"\x00\xff", content_type="application/octet-stream",
                                 http_verb="POST")
        same((answer.data, answer.content_type), (b"\x00\xff", "application/octet-stream"))
    with feature("invoke.trace"):
        with DaprClient(headers_callback=lambda: {"traceparent": TRACE}) as traced:
            answer = traced.invoke_method(TARGET, "trace", data="{}", content_type="application/json",
                                          http_verb="POST")
        same(answer.json(), {"traceparent": TRACE})
    with feature("invoke.large"):
        answer = d.invoke_method(TARGET, "mirror", data=MEGABYTE, content_type="text/plain", http_verb="POST")
        assert answer.data == MEGABYTE, f"{len(answer.data)} other bytes"
    with feature("invoke.error"):
        try:
            d.invoke_method(TARGET, "refuse", data="{}", content_type="application/json", http_verb="POST")
            raise AssertionError("it was taken")
        except DaprInternalError as error:
            same((error.status_code, json.loads(error.raw_response_bytes)), (403, {"reason": "not today"}))
    with feature("invoke.missing"):
        try:
            d.invoke_method("nobody", "hello", http_verb="GET")
            raise AssertionError("somebody answered")
        except DaprInternalError as error:
            same((error.status_code, error.error_code), (500, "ERR_DIRECT_INVOKE"))


with DaprClient() as client:
    main(client)
