"""An app that serves any method of any service with any kind of streams, by the official library; messages are
bytes. And a client of the same kind."""

import threading
from concurrent import futures
from dataclasses import dataclass, field

import grpc

from harness.ports import free_port
from harness.wait import until


@dataclass
class Seen:
    path: str
    metadata: list
    messages: list = field(default_factory=list)
    seconds: float = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    half_closed: threading.Event = field(default_factory=threading.Event)

    def values(self, name):
        return [value for key, value in self.metadata if key == name]


class AnyApp(grpc.GenericRpcHandler):
    """route(path, serve): serve(seen, messages, context) yields the answer's messages; `messages` is what comes,
    kept in seen.messages as it is read."""

    def __init__(self, workers=200, options=(), credentials=None):
        self.port = free_port()
        self.workers, self.options, self.credentials = workers, list(options), credentials
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

    def route(self, path, serve):
        self.routes[path] = serve

    def forget(self):
        with self.lock:
            self.calls.clear()

    def seen(self, path=None):
        with self.lock:
            return [one for one in self.calls if path in (None, one.path)]

    def wait_one(self, path=None, seconds=30):
        return until(lambda: self.seen(path), f"a call of {path}", seconds)[0]

    def service(self, details):
        serve = self.routes.get(details.method)
        if serve is None:
            with self.lock:
                self.calls.append(Seen(details.method, [tuple(one) for one in details.invocation_metadata]))
            return None

        def run(requests, context):
            seen = Seen(details.method, [tuple(one) for one in context.invocation_metadata()],
                        seconds=context.time_remaining())
            context.add_callback(seen.cancelled.set)
            with self.lock:
                self.calls.append(seen)

            def messages():
                for one in requests:
                    seen.messages.append(one)
                    yield one
                seen.half_closed.set()

            yield from serve(seen, messages(), context)

        return grpc.stream_stream_rpc_method_handler(run)


def echo(seen, messages, context):
    """Each message goes back at once."""
    yield from messages


def join(seen, messages, context):
    """All messages go back as one."""
    yield b"".join(messages)


def fail(code, text="", details=None, trailers=()):
    def serve(seen, messages, context):
        for _ in messages:
            pass
        more = ((("grpc-status-details-bin", details),) if details is not None else ()) + tuple(trailers)
        if more:
            context.set_trailing_metadata(more)
        context.set_code(code)
        context.set_details(text)
        return
        yield

    return serve


@dataclass
class Code:
    """A status code that the library has no name for."""

    value: tuple


class Client:
    def __init__(self, port, *metadata, options=()):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=list(options) + [
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1)])
        self.metadata = list(metadata)

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def stream(self, path, messages, metadata=(), timeout=20, **more):
        return self.channel.stream_stream(path)(iter(messages), metadata=self.metadata + list(metadata),
                                                timeout=timeout, **more)

    def unary(self, path, message=b"", metadata=(), timeout=20, **more):
        return self.channel.unary_unary(path)(message, metadata=self.metadata + list(metadata), timeout=timeout, **more)

    def whole(self, path, message=b"", metadata=(), timeout=20, **more):
        """The answer, and the call: its metadata and trailers."""
        return self.channel.unary_unary(path).with_call(message, metadata=self.metadata + list(metadata),
                                                        timeout=timeout, **more)
