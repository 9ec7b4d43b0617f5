"""An application next to the sidecar: an HTTP/1.1 server that keeps every request as it came and
answers what the test has told it to."""

import json
import socket
import threading
from dataclasses import dataclass, field

from harness.ports import free_port
from harness.raw import Reader, body_bytes, chunks_read, header_list
from harness.wait import until


@dataclass
class Request:
    method: str
    target: str
    version: str
    headers: list = field(default_factory=list)
    body: bytes = b""
    chunked: bool = False

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]

    @property
    def names(self):
        return [key for key, _ in self.headers]

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.values(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Reply:
    """What the app answers; `raw` are exact bytes instead, after which the connection closes."""

    status: int = 200
    body: bytes = b""
    headers: list = field(default_factory=list)
    reason: str = "OK"
    raw: bytes = None


def reply(status=200, body=b"", headers=(), reason="OK"):
    return Reply(status, body_bytes(body), header_list(headers), reason)


def json_reply(value, status=200):
    return reply(status, json.dumps(value), [("Content-Type", "application/json")])


def raw_reply(data):
    return Reply(raw=data)


def _reply_bytes(answer, method):
    lines = list(answer.headers)
    given = {name.lower() for name, _ in lines}
    bodyless = answer.status in (204, 304) or answer.status < 200
    if not bodyless and not given & {"content-length", "transfer-encoding"}:
        lines.append(("Content-Length", str(len(answer.body))))
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines)
    return head.encode("utf-8") + b"\r\n" + (b"" if method == "HEAD" else answer.body)


class App:
    """A reply may be a Reply, a list of replies (the last one stays), or a function of the request
    and the socket; the function returns a Reply, or None when it has written for itself."""

    def __init__(self, port=None, subscriptions=(), config=None, host="127.0.0.1"):
        self.port = port or free_port()
        self.host = host
        self.lock = threading.Lock()
        self.seen = []
        self.sockets = set()
        self.replies = {}
        self.otherwise = reply(404)
        self.route("/dapr/config", json_reply(config or {}))
        self.route("/dapr/subscribe", json_reply(list(subscriptions)))
        self.route("/healthz", reply(200))
        self.listener = None

    def start(self):
        self.listener = socket.create_server((self.host, self.port), backlog=256)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        with self.lock:
            for sock in self.sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def route(self, path, answer):
        with self.lock:
            self.replies[path] = list(answer) if isinstance(answer, (list, tuple)) else [answer]

    def requests(self, path=None, method=None):
        with self.lock:
            return [one for one in self.seen
                    if path in (None, one.path) and method in (None, one.method)]

    def wait_for(self, path, count=1, method=None, seconds=30):
        """The requests to that path, once there are `count` of them."""
        def enough():
            found = self.requests(path, method)
            return found if len(found) >= count else None
        return until(enough, f"{count} request(s) to {path} at the app", seconds)

    def wait_one(self, path, seconds=30):
        return self.wait_for(path, 1, None, seconds)[0]

    def wait_where(self, condition, what, seconds=30):
        def matching():
            return [one for one in self.requests() if condition(one)]
        return until(matching, what, seconds)

    def forget(self):
        with self.lock:
            self.seen.clear()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.sockets.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        reader = Reader(sock)
        try:
            while self._exchange(sock, reader):
                pass
        except (EOFError, OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.sockets.discard(sock)
            sock.close()

    def _exchange(self, sock, reader):
        request = _head_read(reader)
        if "100-continue" in "".join(request.values("Expect")).lower():
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        _body_read(reader, request)
        with self.lock:
            self.seen.append(request)
            answer = self._reply_find(request)
        if callable(answer):
            answer = answer(request, sock)
        if answer is None:
            return False
        if answer.raw is not None:
            sock.sendall(answer.raw)
            return False
        sock.sendall(_reply_bytes(answer, request.method))
        return True

    def _reply_find(self, request):
        queue = self.replies.get(request.target) or self.replies.get(request.path)
        if not queue:
            return self.otherwise
        return queue.pop(0) if len(queue) > 1 else queue[0]


def _head_read(reader):
    lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ", 2)
    headers = [tuple(part.strip(" \t") for part in line.split(":", 1)) for line in lines[1:]]
    return Request(method, target, version, headers)


def _body_read(reader, request):
    if "chunked" in "".join(request.values("Transfer-Encoding")):
        request.chunked = True
        request.body = b"".join(chunks_read(reader))
    elif request.values("Content-Length"):
        request.body = reader.exactly(int(request.values("Content-Length")[0]))
