"""An HTTP/1.1 client that sends exactly the bytes it is told and keeps the answer as it came."""

import json
import socket
from dataclasses import dataclass, field

SECONDS = 30


@dataclass
class Answer:
    version: str = ""
    status: int = 0
    reason: str = ""
    headers: list = field(default_factory=list)
    body: bytes = b""
    chunks: list = field(default_factory=list)
    cut: bool = False

    def header(self, name):
        """The value of the only line of that name; None when there is none."""
        values = self.values(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def names(self):
        return [key for key, _ in self.headers]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)


class Reader:
    """Reads from a socket by line and by count; says whether the peer has closed."""

    def __init__(self, sock):
        self.sock = sock
        self.rest = b""
        self.closed = False

    def fill(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
        self.rest += data
        return bool(data)

    def until(self, mark):
        while mark not in self.rest:
            if not self.fill():
                raise EOFError(f"closed before {mark!r}; had {self.rest!r}")
        found, self.rest = self.rest.split(mark, 1)
        return found

    def exactly(self, count):
        while len(self.rest) < count:
            if not self.fill():
                raise EOFError(f"closed after {len(self.rest)} of {count} bytes")
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def all(self):
        while self.fill():
            pass
        found, self.rest = self.rest, b""
        return found


def _head_parse(head):
    lines = head.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status, _, reason = rest.partition(" ")
    headers = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.append((name, value.strip(" \t")))
    return Answer(version, int(status), reason, headers)


def chunks_read(reader):
    """Yields the data of each chunk, consumes the trailer."""
    while True:
        size = int(reader.until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            while reader.until(b"\r\n"):
                pass
            return
        yield reader.exactly(size)
        assert reader.exactly(2) == b"\r\n"


class Connection:
    def __init__(self, port, host="127.0.0.1", path=None, seconds=SECONDS):
        if path is None:
            self.sock = socket.create_connection((host, port), timeout=seconds)
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(seconds)
            self.sock.connect(path)
        self.port = port
        self.reader = Reader(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def head_read(self):
        return _head_parse(self.reader.until(b"\r\n\r\n"))

    def answer_read(self, method="GET"):
        """A whole answer; a body that ends before its length is kept with cut=True."""
        answer = self.head_read()
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        try:
            self._body_read(answer)
        except EOFError:
            answer.cut = True
        return answer

    def _body_read(self, answer):
        if answer.values("Transfer-Encoding") == ["chunked"]:
            for chunk in chunks_read(self.reader):
                answer.chunks.append(chunk)
                answer.body += chunk
        elif answer.values("Content-Length"):
            answer.body = self.reader.exactly(int(answer.values("Content-Length")[0]))
        else:
            answer.body = self.reader.all()

    def request(self, method, target, headers=(), body=None):
        self.send(request_bytes(self.port, method, target, headers, body))
        return self.answer_read(method)

    def at_end(self):
        """True when the peer closes without another byte."""
        return self.reader.rest == b"" and not self.reader.fill()


def header_list(headers):
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


def request_bytes(port, method, target, headers=(), body=None):
    """The bytes of a request: Host first unless given, Content-Length when there is a body."""
    lines = header_list(headers)
    given = {name.lower() for name, _ in lines}
    if "host" not in given:
        lines.insert(0, ("Host", f"127.0.0.1:{port}"))
    if body is not None and not given & {"content-length", "transfer-encoding"}:
        lines.append(("Content-Length", str(len(body))))
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines)
    return head.encode("utf-8") + b"\r\n" + (body or b"")


def body_bytes(body):
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode("utf-8")
    return json.dumps(body).encode("utf-8")


def request(port, method, target, headers=(), body=None, seconds=SECONDS):
    """One request on a connection of its own."""
    with Connection(port, seconds=seconds) as connection:
        return connection.request(method, target, headers, body_bytes(body))
