"""gRPC by the frame: a server and a client on HTTP/2 that see heads as they came and may break every rule."""

import queue
import socket
import struct
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from harness.ports import free_port
from harness.wait import until

HEAD = [(b":status", b"200"), (b"content-type", b"application/grpc")]
OK = [(b"grpc-status", b"0"), (b"grpc-message", b"")]


def message(data=b"", flag=0):
    return struct.pack(">BI", flag, len(data)) + data


def messages(data):
    """What a stream of bytes holds, as (flag, message)."""
    found = []
    while data:
        flag, length = struct.unpack(">BI", data[:5])
        assert len(data) >= 5 + length, "a message broke off"
        found.append((flag, data[5:5 + length]))
        data = data[5 + length:]
    return found


def values(headers, name):
    wanted = name.encode()
    return [value.decode() for key, value in headers if key == wanted]


def value(headers, name):
    found = values(headers, name)
    assert len(found) <= 1, f"{name} came {len(found)} times: {found}"
    return found[0] if found else None


class Stream:
    """One call at the server; `ended` is set by its END_STREAM, `reset` holds the code of a RST_STREAM."""

    def __init__(self, wire, number, headers):
        self.wire, self.number, self.headers = wire, number, headers
        self.body, self.took = b"", 0
        self.ended, self.reset = threading.Event(), None
        self.gone = threading.Event()

    @property
    def path(self):
        return value(self.headers, ":path")

    @property
    def messages(self):
        return messages(self.body)

    def head(self, headers=HEAD, end=False):
        self.wire.send(lambda h: h.send_headers(self.number, headers, end_stream=end))

    def data(self, data, end=False):
        """Small data: as much as fits the windows at once."""
        self.wire.send(lambda h: h.send_data(self.number, data, end_stream=end))

    def trailers(self, headers=OK):
        self.head(headers, end=True)

    def answer(self, data=b"", headers=HEAD, trailers=OK):
        self.head(headers)
        self.data(message(data))
        self.trailers(trailers)

    def only_trailers(self, trailers, headers=HEAD):
        self.head([*headers, *trailers], end=True)

    def break_off(self, code):
        self.wire.send(lambda h: h.reset_stream(self.number, code))


class Wire:
    """One connection. send(f) runs f on the HTTP/2 state and writes what came of it; a stream that the other side
    has reset swallows what is sent."""

    def __init__(self, sock, is_client, settings=None):
        self.sock, self.lock = sock, threading.RLock()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=is_client, header_encoding=None, validate_inbound_headers=False, validate_outbound_headers=False,
            normalize_outbound_headers=False, normalize_inbound_headers=False))
        if settings is not None:
            self.h2.local_settings = h2.settings.Settings(client=is_client, initial_values=settings)
        self.streams = {}
        self.pings = 0
        self.ping_acks = queue.Queue()
        self.goaways = []
        self.closed = threading.Event()

    def send(self, act):
        with self.lock:
            try:
                act(self.h2)
            except h2.exceptions.StreamClosedError:
                pass
            self.flush()

    def flush(self):
        with self.lock:
            data = self.h2.data_to_send()
            if data:
                try:
                    self.sock.sendall(data)
                except OSError:
                    pass

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def events(self):
        try:
            while True:
                data = self.sock.recv(1 << 16)
                if not data:
                    return
                with self.lock:
                    found = self.h2.receive_data(data)
                    self.flush()
                yield from found
        except (OSError, h2.exceptions.ProtocolError):
            return
        finally:
            self.closed.set()
            self.sock.close()


class FrameApp:
    """A server whose behaviour is a function of the Stream, called in a thread of its own as soon as its head
    is there. `consume` False: nothing that comes opens the window again; `keep` False: bytes are counted only."""

    def __init__(self, handle, settings=None, on_wire=None, tls=None):
        self.handle, self.settings, self.on_wire, self.tls = handle, settings, on_wire, tls
        self.consume = self.keep = True
        self.port = free_port()
        self.wires, self.calls = [], []
        self.listener = None

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        for wire in self.wires:
            wire.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def wait_call(self, count=1, seconds=30):
        return until(lambda: self.calls[count - 1] if len(self.calls) >= count else None, f"{count} call(s)", seconds)

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        if self.tls:
            try:
                sock = self.tls.wrap_socket(sock, server_side=True)
            except OSError:
                return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock, False, self.settings)
        wire.send(lambda h: h.initiate_connection())
        self.wires.append(wire)
        if self.on_wire:
            self.on_wire(wire)
        for event in wire.events():
            self._take(wire, event)
        for stream in wire.streams.values():
            stream.gone.set()

    def _take(self, wire, event):
        stream = wire.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RequestReceived):
            stream = wire.streams[event.stream_id] = Stream(wire, event.stream_id, event.headers)
            self.calls.append(stream)
            threading.Thread(target=self.handle, args=(stream,), daemon=True).start()
        elif isinstance(event, h2.events.DataReceived):
            stream.took += len(event.data)
            if self.keep:
                stream.body += event.data
            if self.consume and event.flow_controlled_length:
                wire.send(lambda h: h.acknowledge_received_data(event.flow_controlled_length, event.stream_id))
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended.set()
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code
            stream.ended.set()
            stream.gone.set()
        elif isinstance(event, h2.events.PingReceived):
            wire.pings += 1
        elif isinstance(event, h2.events.PingAckReceived):
            wire.ping_acks.put(event.ping_data)
        elif isinstance(event, h2.events.ConnectionTerminated):
            wire.goaways.append(event)


class Answer:
    """What a call by the frame got: head, body, trailers (a head that is also the end has no trailers), or the
    code of a reset."""

    def __init__(self):
        self.head = self.trailers = self.reset = None
        self.body = b""
        self.pieces = queue.Queue()
        self.has_head, self.ended = threading.Event(), threading.Event()

    @property
    def messages(self):
        return messages(self.body)

    @property
    def last(self):
        return self.trailers if self.trailers is not None else self.head

    @property
    def status(self):
        return value(self.last, "grpc-status"), value(self.last, "grpc-message")


class FrameClient:
    """A client on one connection. Windows are opened by what was read unless `consume` is False."""

    def __init__(self, port, settings=None):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wire = Wire(sock, True, settings)
        self.consume = True
        self.answers = {}
        self.opened = threading.Condition()
        self.wire.send(lambda h: h.initiate_connection())
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.close()

    def begin(self, path, metadata=(), end=False, **pseudo):
        head = [(b":method", pseudo.get("method", b"POST")), (b":scheme", b"http"), (b":path", path.encode()),
                (b":authority", b"localhost"), (b"content-type", pseudo.get("content_type", b"application/grpc")),
                (b"te", b"trailers")]
        head += [(key.encode(), one if isinstance(one, bytes) else one.encode()) for key, one in metadata]
        with self.wire.lock:
            number = self.wire.h2.get_next_available_stream_id()
            self.answers[number] = Answer()
            self.wire.send(lambda h: h.send_headers(number, head, end_stream=end))
        return number

    def data(self, number, data, end=False):
        self.wire.send(lambda h: h.send_data(number, data, end_stream=end))

    def room(self, number):
        with self.wire.lock:
            return self.wire.h2.local_flow_control_window(number)

    def wait_room(self, number, seconds=30):
        with self.opened:
            assert self.opened.wait_for(lambda: self.room(number), seconds), "no room"

    def ping(self, seconds=30):
        """Comes back after whatever the server had to say before."""
        self.wire.send(lambda h: h.ping(b"12345678"))
        self.wire.ping_acks.get(timeout=seconds)

    def send_some(self, number, most):
        """A frame, as far as the windows let it; returns its size."""
        with self.wire.lock:
            n = min(self.room(number), self.wire.h2.max_outbound_frame_size, most)
            if n:
                self.data(number, bytes(n))
            return n

    def reset(self, number, code=h2.errors.ErrorCodes.CANCEL):
        self.wire.send(lambda h: h.reset_stream(number, code))

    def call(self, path, metadata=(), body=message(b""), seconds=20, **pseudo):
        number = self.begin(path, metadata, **pseudo)
        self.data(number, body, end=True)
        return self.wait(number, seconds)

    def wait(self, number, seconds=20):
        answer = self.answers[number]
        assert answer.ended.wait(seconds), f"no end of the answer; so far {answer.head} {len(answer.body)} bytes"
        return answer

    def _read(self):
        for event in self.wire.events():
            self._take(event)
            if isinstance(event, h2.events.WindowUpdated):
                with self.opened:
                    self.opened.notify_all()
        for answer in self.answers.values():
            answer.ended.set()

    def _take(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            answer.head = event.headers
            answer.has_head.set()
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = event.headers
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            answer.pieces.put(event.data)
            if self.consume and event.flow_controlled_length:
                self.wire.send(lambda h: h.acknowledge_received_data(event.flow_controlled_length, event.stream_id))
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended.set()
        elif isinstance(event, h2.events.StreamReset):
            if answer and not answer.ended.is_set():
                answer.reset = event.error_code
                answer.ended.set()
        elif isinstance(event, h2.events.PingAckReceived):
            self.wire.ping_acks.put(event.ping_data)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.wire.goaways.append(event)
