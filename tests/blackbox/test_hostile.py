"""Strangers on every port: random bytes, heads that never end, half-closed peers, floods of HTTP/2 frames, and
protobuf that is deep or endless. The sidecar refuses, stays up, and its memory stays bounded."""

import os
import random
import socket
import struct
import threading

import pytest

from harness import raw
from harness.resources import component
from harness.wait import until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
RANDOM_BYTES = 64 << 20
GROWTH_KB = 65536


def resident_kb(sidecar):
    with open(f"/proc/{sidecar.process.pid}/statm", encoding="ascii") as handle:
        return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.fixture(scope="module")
def sidecar(shared):
    return shared.sidecar(app_id="fortress", flags={"enable-api-logging": "false", "log-level": "error"},
                          resources=[component("store", "state.in-memory")])


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


SETTINGS = frame(4)


def assert_alive(sidecar):
    assert sidecar.is_ready()
    assert sidecar.post("/v1.0/state/store", [{"key": "k", "value": 1}]).status == 204


def pour(port, data):
    """Sends until the peer has had enough; reads nothing back but what comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass


@pytest.mark.parametrize("name", ["http", "grpc", "peer", "public", "metrics"])
def test_random_bytes_on_every_port(sidecar, name):
    port, dice = getattr(sidecar, name), random.Random(4711)
    before = resident_kb(sidecar)
    piece = 1 << 20
    for number in range(RANDOM_BYTES // piece):
        data = dice.randbytes(piece)
        pour(port, PREFACE + SETTINGS + data if number % 3 == 1 else b"POST / HTTP/1.1\r\nHost: x\r\n" + data if number % 3 else data)
    assert_alive(sidecar)
    assert resident_kb(sidecar) - before < GROWTH_KB


def slow_heads(sidecar, count):
    held = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", sidecar.http), timeout=30)
        sock.sendall(b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX: ")
        held.append(sock)
    return held


def test_a_head_that_never_ends_is_cut_while_others_are_served(sidecar):
    held = slow_heads(sidecar, 200)
    stop = threading.Event()

    def drip():
        while not stop.wait(0.5):
            for sock in held:
                try:
                    sock.send(b"a")
                except OSError:
                    pass

    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    try:
        assert_alive(sidecar)
        for sock in held:
            try:
                while sock.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        assert_alive(sidecar)
    finally:
        stop.set()
        dripping.join()
        for sock in held:
            sock.close()


def test_a_half_closed_peer_still_gets_its_answer(sidecar):
    with socket.create_connection(("127.0.0.1", sidecar.http), timeout=10) as sock:
        sock.sendall(raw.request_bytes(sidecar.http, "GET", "/v1.0/metadata"))
        sock.shutdown(socket.SHUT_WR)
        data = b""
        while (piece := sock.recv(65536)):
            data += piece
    assert data.startswith(b"HTTP/1.1 200 ") and b'"fortress"' in data


def test_a_peer_that_goes_away_in_the_middle_costs_nothing(sidecar):
    for cut in range(1, 60):
        with socket.create_connection(("127.0.0.1", sidecar.http), timeout=10) as sock:
            data = raw.request_bytes(sidecar.http, "POST", "/v1.0/state/store", body=b'[{"key":"a","value":1}]')
            sock.sendall(data[:cut * len(data) // 60])
            if cut % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert_alive(sidecar)


def flood(port, frames, most=200_000):
    """Sends the frames again and again; True when the peer ended the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(PREFACE + SETTINGS)
        reader = threading.Thread(target=swallow, args=(sock,), daemon=True)
        reader.start()
        try:
            for number in range(most // 100):
                sock.sendall(b"".join(frames(number * 100 + i) for i in range(100)))
        except OSError:
            return True
        finally:
            reader.join(0)
        reader.join(60)
        return not reader.is_alive()


def swallow(sock):
    try:
        while sock.recv(65536):
            pass
    except OSError:
        pass


HEAD = b"\x82\x86\x44\x02/x\x41\x01a"
PATHS = {"http": b"/v1.0/state/store", "grpc": b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
         "peer": b"/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream"}


def open_head(name):
    """A request whose body is waited for."""
    path, kind = PATHS[name], b"application/grpc"
    return b"\x83\x86\x44" + bytes([len(path)]) + path + b"\x41\x01a\x5f" + bytes([len(kind)]) + kind + b"\x40\x0bdapr-app-id\x01x"
FLOODS = {
    "settings": lambda n, name: frame(4, 0, 0, struct.pack(">HI", 4, 65535)),
    "ping": lambda n, name: frame(6, 0, 0, b"12345678"),
    "reset": lambda n, name: frame(1, 5, 2 * n + 1, HEAD) + frame(3, 0, 2 * n + 1, b"\0\0\0\x08"),
    "continuation": lambda n, name: frame(1, 1, 1, HEAD) if n == 0 else frame(9, 0, 1, b"\x00\x01x\x01y"),
    "empty data": lambda n, name: frame(1, 4, 1, open_head(name)) if n == 0 else frame(0, 0, 1),
    "data of a closed stream": lambda n, name: frame(1, 5, 1, HEAD) if n == 0 else frame(0, 0, 1, bytes(100)),
    "window": lambda n, name: frame(8, 0, 0, b"\0\0\0\0"),
    "priority": lambda n, name: frame(2, 0, 2 * n + 1, b"\0\0\0\0\0"),
}


@pytest.mark.parametrize("name", ["http", "grpc", "peer"])
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_frames_ends_the_connection(sidecar, name, kind):
    before = resident_kb(sidecar)
    assert flood(getattr(sidecar, name), lambda n: FLOODS[kind](n, name)), f"{kind} went on for ever"
    assert resident_kb(sidecar) - before < GROWTH_KB
    assert_alive(sidecar)


def grpc_call(port, path, message):
    """One unary call by hand: the trailers' text, or what ended it."""
    import h2.connection
    import h2.events
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        connection.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", path),
                                    ("content-type", "application/grpc"), ("te", "trailers")])
        sock.sendall(connection.data_to_send())
        data = b"\x00" + struct.pack(">I", len(message)) + message
        return _exchange(sock, connection, data, h2.events)


def _exchange(sock, connection, data, events):
    fields, ended = {}, False
    while True:
        while data and not ended:
            room = min(connection.local_flow_control_window(1), connection.max_outbound_frame_size, len(data))
            if not room:
                break
            connection.send_data(1, data[:room], end_stream=room == len(data))
            data = data[room:]
        sock.sendall(connection.data_to_send())
        got = sock.recv(65536)
        if not got:
            return fields
        for event in connection.receive_data(got):
            if isinstance(event, (events.ResponseReceived, events.TrailersReceived)):
                fields.update({_text(k): _text(v) for k, v in event.headers})
            if isinstance(event, (events.StreamEnded, events.StreamReset, events.ConnectionTerminated)):
                return fields


def _text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else value


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def nested(depth):
    message = b""
    for _ in range(depth):
        message = b"\x1a" + varint(len(message)) + message
    return message


def unknown_fields(size):
    one = b"\xfa\x7f\x04abcd"
    return one * (size // len(one))


PEER_CALL = "/dapr.proto.internals.v1.ServiceInvocation/CallLocal"
MESSAGES = {"deep": nested(10_000), "unknown": unknown_fields((4 << 20) - 16), "groups": b"\x0b" * 100_000,
            "cut": b"\x1a\xff\xff\xff\x7f", "zero": b"\x00" * 1000}


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("name, path", [("peer", PEER_CALL), ("grpc", "/dapr.proto.runtime.v1.Dapr/GetState")])
def test_deep_and_endless_messages_are_refused(sidecar, kind, name, path):
    before = resident_kb(sidecar)
    for _ in range(5):
        fields = grpc_call(getattr(sidecar, name), path, MESSAGES[kind])
        assert fields.get("grpc-status") not in (None, "0"), fields
    assert resident_kb(sidecar) - before < GROWTH_KB
    assert_alive(sidecar)


def test_nothing_is_left_behind(sidecar):
    fds = f"/proc/{sidecar.process.pid}/fd"
    until(lambda: len(os.listdir(fds)) < 120, "descriptors to be closed")
