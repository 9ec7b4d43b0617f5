"""Other sidecars, played by the official gRPC library: one that calls ours, and one that ours calls."""

import sqlite3
import time
from concurrent import futures

import grpc

from harness.messages import Request, RequestChunk, Response, ResponseChunk, SERVICE


class Caller:
    """Another sidecar that calls ours."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.unary = self.channel.unary_unary(f"/{SERVICE}/CallLocal", Request.SerializeToString, Response.FromString)
        self.stream = self.channel.stream_stream(f"/{SERVICE}/CallLocalStream", RequestChunk.SerializeToString,
                                                 ResponseChunk.FromString)

    def call(self, sent, **more):
        return list(self.stream(iter(sent), timeout=20, **more))


class Callee:
    """Another sidecar that ours calls. stream and unary are functions of (requests, context); None: it does
    not know that method."""

    def __init__(self, stream=None, unary=None):
        self.calls = []
        handlers = {}

        def streamed(requests, context):
            got = list(requests)
            self.calls.append((got, context))
            yield from stream(got, context)

        def whole(got, context):
            self.calls.append((got, context))
            return unary(got, context)

        if stream:
            handlers["CallLocalStream"] = grpc.stream_stream_rpc_method_handler(
                streamed, RequestChunk.FromString, ResponseChunk.SerializeToString)
        if unary:
            handlers["CallLocal"] = grpc.unary_unary_rpc_method_handler(
                whole, Request.FromString, Response.SerializeToString)
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def stop(self):
        self.server.stop(None)


def make_known(names, port, app_id="other"):
    """Another sidecar enters the sqlite resolver's table; the file is there once a sidecar of ours uses it."""
    with sqlite3.connect(names) as db:
        db.execute("REPLACE INTO hosts VALUES (?, ?, ?, '', ?)",
                   (str(port), f"127.0.0.1:{port}", app_id, int(time.time()) + 1000))
