"""Invocation by gRPC: a client that says InvokeService in one line, and an app whose OnInvoke answers by method.

    app = InvokedApp(bench.grpc_app());  app.on("hello", said(b"hi", "text/plain"))
    client = Invoker(sidecar);  client.call("callee", "hello", b"body").data
"""

import grpc

from harness import rpc
from harness.doors import VERBS
from harness.grpc_app import CALLBACK, Answer

Request = rpc.message("common.v1.InvokeRequest")
Response = rpc.message("common.v1.InvokeResponse")


def said(data=b"", content_type="", type_url="", **more):
    """What OnInvoke answers."""
    made = Response(content_type=content_type)
    if data or type_url:
        made.data.value = data
        made.data.type_url = type_url
    return Answer(message=made.SerializeToString(), **more)


def failed(code, text, details=None, **more):
    """details: a list of google.protobuf.Any that the status carries."""
    packed = None
    if details:
        packed = rpc.Status(code=code.value[0], message=text, details=details).SerializeToString()
    return Answer(code=code, text=text, details=packed, **more)


class Invoked:
    """One call of OnInvoke, as it came."""

    def __init__(self, call):
        self.call = call
        self.message = Request.FromString(call.message)
        self.method = self.message.method
        self.body = self.message.data.value
        self.metadata = call.metadata
        self.values, self.value = call.values, call.value

    @property
    def names(self):
        return [key for key, _ in self.metadata]


class InvokedApp:
    """Its routes are methods; a route is an Answer or a function of Invoked and grpcio's context."""

    def __init__(self, app):
        self.app = app
        self.routes = {}
        self.otherwise = failed(grpc.StatusCode.UNKNOWN, "invalid method")
        app.route("OnInvoke", self._serve)

    @property
    def port(self):
        return self.app.port

    def on(self, method, answer):
        self.routes[method] = answer

    def forget(self):
        self.app.forget()

    def seen(self):
        return [Invoked(one) for one in self.app.seen(CALLBACK + "OnInvoke")]

    def only(self):
        found = self.seen()
        assert len(found) == 1, [one.message for one in found]
        return found[0]

    def _serve(self, call, context):
        invoked = Invoked(call)
        answer = self.routes.get(invoked.method, self.otherwise)
        return answer(invoked, context) if callable(answer) else answer


def echo(invoked, context):
    return said(invoked.body, invoked.message.content_type, invoked.message.data.type_url)


class Result:
    def __init__(self, answer, initial, trailing):
        self.data, self.content_type, self.type_url = answer.data.value, answer.content_type, answer.data.type_url
        self.has_data = answer.HasField("data")
        self.headers, self.trailers = list(initial), list(trailing)

    def values(self, name):
        return [value for key, value in self.headers if key == name]

    def value(self, name):
        found = self.values(name)
        assert len(found) <= 1, found
        return found[0] if found else None


class Invoker:
    """A client of InvokeService. verb None: the message has no HTTP extension."""

    def __init__(self, sidecar, **options):
        self.dapr = rpc.Dapr(sidecar.grpc, **options)

    def call(self, app_id, method="", data=b"", content_type="", verb="POST", query="", type_url="", metadata=(), seconds=20):
        message = {"method": method, "content_type": content_type}
        if data or type_url:
            message["data"] = {"value": data, "type_url": type_url}
        if verb is not None:
            message["http_extension"] = {"verb": VERBS.get(verb, 0), "querystring": query}
        call = {"metadata": list(metadata), "timeout": seconds}
        return Result(*self.dapr.InvokeService.answered(id=app_id, message=message, call=call))

    def close(self):
        self.dapr.close()
