"""An application next to the sidecar that serves gRPC, by the official library: it keeps every unary call
as it came and answers what the test has told it to. Messages are bytes."""

import threading
from concurrent import futures
from dataclasses import dataclass, field

import grpc

from harness.ports import free_port
from harness.wait import until

HEALTH = "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck"
CALLBACK = "/dapr.proto.runtime.v1.AppCallback/"


@dataclass
class Call:
    method: str
    message: bytes
    metadata: list = field(default_factory=list)
    seconds: float = None

    def values(self, name):
        return [value for key, value in self.metadata if key == name]

    def value(self, name):
        values = self.values(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


@dataclass
class Answer:
    """What the app answers: a message, or a status with its details (a serialised google.rpc.Status)."""

    message: bytes = b""
    code: grpc.StatusCode = grpc.StatusCode.OK
    text: str = ""
    details: bytes = None
    headers: tuple = ()
    trailers: tuple = ()
    compress: bool = False


class GrpcApp(grpc.GenericRpcHandler):
    def __init__(self, port=None, workers=32, streams=None, options=(), credentials=None):
        self.port = port or free_port()
        self.workers, self.credentials = workers, credentials
        self.options = list(options)
        if streams:
            self.options.append(("grpc.max_concurrent_streams", streams))
        self.lock = threading.Lock()
        self.calls, self.routes = [], {}
        self.server = None

    def start(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(self.workers), handlers=[self],
                                  options=self.options + [("grpc.so_reuseport", 0)])
        where = f"127.0.0.1:{self.port}"
        bound = self.server.add_secure_port(where, self.credentials) if self.credentials else \
            self.server.add_insecure_port(where)
        assert bound == self.port
        self.server.start()
        return self

    def stop(self, grace=None):
        if self.server is not None:
            self.server.stop(grace).wait(10)
            self.server = None

    def route(self, method, answer):
        """answer: an Answer, or a function of the Call (and the library's context) that makes one."""
        self.routes[method if method.startswith("/") else CALLBACK + method] = answer

    def forget(self):
        with self.lock:
            self.calls.clear()

    def seen(self, method):
        wanted = method if method.startswith("/") else CALLBACK + method
        with self.lock:
            return [one for one in self.calls if one.method == wanted]

    def wait_one(self, method, seconds=30):
        return until(lambda: self.seen(method), f"a call of {method}", seconds)[0]

    def service(self, details):
        if details.method not in self.routes:
            self._keep(Call(details.method, None, list(details.invocation_metadata)))
            return None
        return grpc.unary_unary_rpc_method_handler(lambda message, context: self._serve(details.method, message, context))

    def _keep(self, call):
        with self.lock:
            self.calls.append(call)

    def _serve(self, method, message, context):
        call = Call(method, message, [tuple(one) for one in context.invocation_metadata()], context.time_remaining())
        self._keep(call)
        answer = self.routes[method]
        if callable(answer):
            answer = answer(call, context)
        if answer.headers:
            context.send_initial_metadata(answer.headers)
        trailers = tuple(answer.trailers)
        if answer.details is not None:
            trailers += (("grpc-status-details-bin", answer.details),)
        if trailers:
            context.set_trailing_metadata(trailers)
        if answer.compress:
            context.set_compression(grpc.Compression.Gzip)
        if answer.code != grpc.StatusCode.OK:
            context.set_code(answer.code)
            context.set_details(answer.text)
        return answer.message
