"""The HTTP server itself (contract 2.1 to 2.4, 2.8): protocol, routing, limits, the public server."""

import socket

import h2.config
import h2.connection
import h2.events
import pytest

from harness import raw
from harness.app import reply
from harness.errors import assert_error
from harness.resources import component
from harness.wait import until

PLAIN = "text/plain; charset=utf-8"
NO_TARGET = "failed getting app id either from the URL path or the header dapr-app-id"
STORE = "/v1.0/state/store"


@pytest.fixture(scope="module")
def sidecar(shared):
    return shared.sidecar(app_id="server", resources=[component("store", "state.in-memory")])


def talk(sidecar, data, port=None):
    """The answer to exactly these bytes, and the connection."""
    connection = raw.Connection(port or sidecar.http)
    connection.send(data)
    return connection.answer_read(), connection


def assert_no_target(answer):
    assert_error(answer, 404, "ERR_DIRECT_INVOKE", NO_TARGET)


# --- 2.1 Protocol ---

@pytest.mark.quick
def test_answers_have_date_and_length_and_no_server(sidecar):
    answer = sidecar.get("/v1.0/metadata")
    assert answer.status == 200 and answer.header("Server") is None
    assert answer.header("Content-Type") == "application/json"
    assert answer.names[-2:] in (["Date", "Content-Length"], ["Date", "Transfer-Encoding"])
    names = answer.names[:-2]
    assert names == sorted(names)


def test_pipelined_requests_are_answered_in_order(sidecar):
    with raw.Connection(sidecar.http) as connection:
        connection.send(b"".join(raw.request_bytes(sidecar.http, "GET", f"/v1.0/healthz?appid={name}")
                                 for name in ("server", "x", "server")))
        assert [connection.answer_read().status for _ in range(3)] == [204, 500, 204]


def test_a_connection_is_kept(sidecar):
    with raw.Connection(sidecar.http) as connection:
        for _ in range(50):
            assert connection.request("GET", "/v1.0/healthz").status == 204


def test_connection_close_is_obeyed(sidecar):
    with raw.Connection(sidecar.http) as connection:
        answer = connection.request("GET", "/v1.0/healthz", [("Connection", "close")])
        assert answer.status == 204 and answer.header("Connection") == "close"
        assert connection.at_end()


def test_http_1_0_is_answered_as_such(sidecar):
    answer, connection = talk(sidecar, b"GET /v1.0/healthz HTTP/1.0\r\nHost: x\r\n\r\n")
    assert answer.version == "HTTP/1.0" and answer.status == 204 and connection.at_end()
    answer, connection = talk(sidecar, b"GET /v1.0/healthz HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
    assert answer.version == "HTTP/1.0" and answer.status == 204
    assert connection.request("GET", "/v1.0/healthz").status == 204


def test_expect_is_answered_before_the_body(sidecar):
    with raw.Connection(sidecar.http) as connection:
        connection.send(raw.request_bytes(sidecar.http, "POST", STORE, [("Content-Length", "24"), ("Expect", "100-continue"),
                                                                       ("Content-Type", "application/json")]))
        assert connection.head_read().status == 100
        connection.send(b'[{"key":"e","value":123}]'[:24].ljust(24))
        assert connection.answer_read().status in (204, 400)


def test_chunked_bodies_are_taken(sidecar):
    with raw.Connection(sidecar.http) as connection:
        connection.send(raw.request_bytes(sidecar.http, "POST", STORE, [("Transfer-Encoding", "chunked")]))
        for part in (b'[{"key":"chunked",', b'"value":', b'"v"}]'):
            connection.send(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
        connection.send(b"0\r\nTrailer: x\r\n\r\n")
        assert connection.answer_read().status == 204
    assert sidecar.get(STORE + "/chunked").body == b'"v"'


@pytest.mark.parametrize("line", [
    b"GET /v1.0/healthz\r\nHost: x\r\n\r\n", b"GET  /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"G T /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1.0/healthz HTTP/x\r\nHost: x\r\n\r\n",
    b"GET /v1.0/state/store/%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v1.0/state/store/%2 HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_malformed_request_line_is_a_bare_400(sidecar, line):
    answer, connection = talk(sidecar, line)
    assert answer.status == 400 and answer.reason == "Bad Request" and answer.text == "400 Bad Request"
    assert answer.header("Content-Type") == PLAIN and answer.header("Connection") == "close"
    assert answer.header("Content-Length") is None and answer.header("Date") is None
    assert connection.at_end()


def test_a_missing_host_is_told(sidecar):
    answer, connection = talk(sidecar, b"GET /v1.0/healthz HTTP/1.1\r\n\r\n")
    assert answer.status == 400 and answer.text == "400 Bad Request: missing required Host header"
    assert answer.reason == "Bad Request: missing required Host header" and connection.at_end()


SMUGGLED = [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Content-Length: +5\r\n", b"Content-Length: 5, 6\r\n", b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length : 5\r\n", b" Content-Length: 5\r\n", b"Content-Length: 0x5\r\n", b"X: a\r\n folded\r\n",
    b"X\x00Y: a\r\n", b"X: a\x00b\r\n", b": novalue\r\n"]


@pytest.mark.parametrize("headers", SMUGGLED)
def test_smuggling_forms_are_refused_not_guessed(sidecar, headers):
    inner = b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answer, connection = talk(sidecar, b"POST /v1.0/state/store HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n0\r\n\r\n" + inner)
    assert answer.status in (400, 501), answer.text
    assert connection.at_end()


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nhelloX\r\n", b"-1\r\n", b"ffffffffffffffffff\r\n", b"5 \r\n" + b"x" * 20000])
def test_a_broken_chunk_ends_the_connection(sidecar, body):
    with raw.Connection(sidecar.http) as connection:
        connection.send(raw.request_bytes(sidecar.http, "POST", STORE, [("Transfer-Encoding", "chunked")]) + body)
        try:
            answer = connection.answer_read()
            assert answer.status == 400
        except EOFError:
            pass
        assert connection.reader.all() == b""


def test_a_large_head_is_431(sidecar):
    answer, connection = talk(sidecar, b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n")
    assert answer.status == 431 and answer.text == "431 Request Header Fields Too Large"
    assert answer.header("Content-Type") == PLAIN and answer.header("Connection") == "close"
    assert answer.header("Content-Length") is None and answer.header("Date") is None
    assert connection.at_end()


def test_the_head_limit_is_the_flag_and_4096(bench):
    sidecar = bench.sidecar(flags={"read-buffer-size": "16Ki"})
    head = b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nX: "
    fits = 16384 + 4096 - len(head) - 4
    answer, _ = talk(sidecar, head + b"a" * (fits - 200) + b"\r\n\r\n")
    assert answer.status == 204
    answer, _ = talk(sidecar, head + b"a" * (fits + 200) + b"\r\n\r\n")
    assert answer.status == 431


def test_a_long_url_counts_as_head(sidecar):
    answer, _ = talk(sidecar, b"GET /v1.0/healthz?a=" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == 431


def test_options_star_is_answered_before_everything(bench):
    sidecar = bench.sidecar(env={"DAPR_API_TOKEN": "t"})
    answer, _ = talk(sidecar, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == 200 and answer.header("Content-Length") == "0"


def h2_get(sock, connection, path, stream=1):
    connection.send_headers(stream, [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", path)], True)
    sock.sendall(connection.data_to_send())
    return h2_answer(sock, connection, stream)


def h2_answer(sock, connection, stream):
    headers, body = {}, b""
    while True:
        data = sock.recv(65536)
        assert data, "closed"
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                headers = {str(k, "ascii") if isinstance(k, bytes) else k: str(v, "utf-8") if isinstance(v, bytes) else v
                           for k, v in event.headers}
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded) and event.stream_id == stream:
                sock.sendall(connection.data_to_send())
                return headers, body
        sock.sendall(connection.data_to_send())


def test_http_2_by_prior_knowledge(sidecar):
    with socket.create_connection(("127.0.0.1", sidecar.http), timeout=10) as sock:
        connection = h2.connection.H2Connection()
        connection.initiate_connection()
        headers, body = h2_get(sock, connection, "/v1.0/healthz")
        assert headers[":status"] == "204" and body == b""
        headers, body = h2_get(sock, connection, "/v1.0/metadata", 3)
        assert headers[":status"] == "200" and headers["content-type"] == "application/json" and b'"server"' in body


def upgrade_bytes():
    return (b"GET /v1.0/healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")


def test_http_2_by_upgrade(sidecar):
    with raw.Connection(sidecar.http) as client:
        client.send(upgrade_bytes())
        answer = client.head_read()
        assert answer.status == 101 and answer.header("Connection") == "Upgrade" and answer.header("Upgrade") == "h2c"
        connection = h2.connection.H2Connection()
        connection.initiate_upgrade_connection()
        client.send(connection.data_to_send())
        rest, seen = client.reader.rest, {}
        while ":status" not in seen:
            for event in connection.receive_data(rest or client.sock.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    seen = dict((str(k, "ascii") if isinstance(k, bytes) else k, v) for k, v in event.headers)
            rest = b""
        assert seen[":status"] in (b"204", "204")


def test_h2c_can_be_switched_off(bench):
    sidecar = bench.sidecar(env={"DAPR_HTTP_DISABLE_H2C": "true"})
    answer, _ = talk(sidecar, upgrade_bytes())
    assert answer.status == 204
    with socket.create_connection(("127.0.0.1", sidecar.http), timeout=10) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert not sock.recv(65536).startswith(b"\x00\x00")


def test_several_addresses_are_listened_on(bench):
    sidecar = bench.sidecar(flags={"dapr-listen-addresses": "127.0.0.1,127.0.0.2"})
    with raw.Connection(sidecar.http, host="127.0.0.2") as connection:
        assert connection.request("GET", "/v1.0/healthz").status == 204


def test_unix_sockets_take_the_place_of_ports(bench, tmp_path):
    sidecar = bench.sidecar(app_id="sock", ready=False, flags={"unix-domain-socket": str(tmp_path)})
    path = tmp_path / "dapr-sock-http.socket"

    def is_up():
        sidecar.assert_alive()
        try:
            with raw.Connection(0, path=str(path)) as connection:
                return connection.request("GET", "/v1.0/healthz").status == 204
        except OSError:
            return False
    until(is_up, "the socket")
    with pytest.raises(OSError):
        raw.request(sidecar.http, "GET", "/v1.0/healthz")


# --- 2.3 Routing ---

@pytest.mark.parametrize("method, path", [
    ("GET", "/"), ("GET", "/v1.0"), ("GET", "/v1.0/unknown"), ("OPTIONS", "/v1.0/metadata"), ("GET", "/v1.0/workflow/x/y"),
    ("DELETE", "/v1.0/metadata"), ("POST", "/v1.0/healthz"), ("TRACE", "/v1.0/metadata"), ("BREW", "/v1.0/metadata"),
    ("GET", "/v1.0/state//k"), ("POST", "/v1.0/publish//t"), ("GET", "/v1.0/secrets/s/"), ("POST", "/v1.0/publish/p/"),
    ("GET", "/v1.0/state/s/a/b"), ("GET", "/v1.0/%6detadata"), ("GET", "/V1.0/metadata")])
def test_what_no_route_takes_has_no_target(sidecar, method, path):
    assert_no_target(sidecar.request(method, path))


def test_head_is_not_implied_by_get(sidecar):
    answer = sidecar.request("HEAD", "/v1.0/metadata")
    assert answer.status == 404 and answer.header("Content-Length") == "118" and answer.body == b""


def test_repeated_slashes_and_dots_are_cleaned(sidecar):
    for path in ("//v1.0////metadata", "/v1.0/./metadata", "/v1.0/x/../metadata", "/v1.0/metadata/"):
        assert sidecar.get(path).status == 200, path


def test_parameters_are_unescaped_with_query_rules(sidecar):
    sidecar.post(STORE, [{"key": "a b/c", "value": 1}])
    for key in ("a+b%2Fc", "a%20b%2fc"):
        assert sidecar.get(f"{STORE}/{key}").body == b"1"
    assert sidecar.get("/v1.0/state/st%6fre/a+b%2Fc").body == b"1"


def test_an_absolute_target_is_served_like_its_path(sidecar):
    answer, _ = talk(sidecar, b"GET http://somewhere/v1.0/metadata HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == 200


def test_an_app_id_header_makes_an_unknown_path_a_call(bench):
    app = bench.app()
    app.route("/some/path", raw_ok())
    sidecar = bench.sidecar(app_id="me", app=app)
    answer = sidecar.get("/some/path", [("dapr-app-id", "me")])
    assert answer.status == 200 and answer.body == b"ok"
    assert sidecar.get("/v1.0/metadata", [("dapr-app-id", "me")]).json["id"] == "me"


def raw_ok():
    return reply(200, b"ok")


# --- 2.4 Body limit ---

@pytest.fixture(scope="module")
def small(shared):
    return shared.sidecar(app_id="small", flags={"max-body-size": "1k"},
                          resources=[component("store", "state.in-memory"), component("ps", "pubsub.in-memory")])


def test_a_save_over_the_limit_is_malformed(small):
    assert_error(small.post(STORE, [{"key": "k", "value": "x" * 2000}]), 400, "ERR_MALFORMED_REQUEST", "stream too large")


@pytest.mark.parametrize("path", ["/bulk", "/transaction"])
def test_other_state_calls_say_it_with_their_prefix(small, path):
    assert_error(small.post(STORE + path, b"{" + b" " * 2000), 400, "ERR_MALFORMED_REQUEST",
                 "failed deserializing HTTP body: stream too large")


def test_a_query_over_the_limit_cannot_be_read(small):
    assert_error(small.post("/v1.0-alpha1/state/store/query", b" " * 2000), 400, "ERR_BODY_READ",
                 "failed to read request body: stream too large")


def test_a_publish_over_the_limit_fails(small):
    answer = small.post("/v1.0/publish/ps/t", b"x" * 1002)
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_PUBSUB_PUBLISH_MESSAGE"
    assert answer.json["message"] == "error when publishing to topic t in pubsub ps: stream too large"
    assert small.post("/v1.0/publish/ps/t", b"x" * 1000).status == 204


@pytest.mark.differs
def test_one_byte_over_the_limit_is_over_it(small):
    assert small.post("/v1.0/publish/ps/t", b"x" * 1001).json["message"].endswith("stream too large")
    assert small.post(STORE, b'[{"key":"k","value":"' + b"x" * 976 + b'"}]').status == 204
    assert small.post(STORE, b'[{"key":"k","value":"' + b"x" * 976 + b'"}] ').status == 400


def test_a_bulk_publish_over_the_limit_cannot_be_read(small):
    answer = small.post("/v1.0/publish/bulk/ps/t", b" " * 2000)
    assert answer.status == 400 and answer.json["errorCode"] == "ERR_PUBSUB_EVENTS_SER"
    assert answer.json["message"].endswith("stream too large")


def test_a_metadata_value_is_cut_at_the_limit(small):
    assert small.put("/v1.0/metadata/long", b"y" * 3000).status == 204
    assert len(small.metadata()["extended"]["long"]) in (1000, 1001)


def test_chunked_bodies_meet_the_same_limit(small):
    with raw.Connection(small.http) as connection:
        connection.send(raw.request_bytes(small.http, "POST", STORE, [("Transfer-Encoding", "chunked")]))
        connection.send(b"7d0\r\n" + b" " * 2000 + b"\r\n0\r\n\r\n")
        assert_error(connection.answer_read(), 400, "ERR_MALFORMED_REQUEST", "stream too large")


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_an_answer_before_the_end_of_a_long_body_says_whether_the_connection_stays(small, framing):
    """A client that is told of no close sends its next request over the same connection."""
    body, headers = b"x" * 1000000, [("Content-Length", "1000000")]
    if framing == "chunked":
        body, headers = b"f4240\r\n" + body + b"\r\n0\r\n\r\n", [("Transfer-Encoding", "chunked")]
    with raw.Connection(small.http) as connection:
        connection.send(raw.request_bytes(small.http, "POST", STORE, headers))
        connection.send(body)
        answer = connection.answer_read()
        assert_error(answer, 400, "ERR_MALFORMED_REQUEST", "stream too large")
        if answer.header("Connection") == "close":
            assert connection.reader.all() == b""
            return
        connection.send(raw.request_bytes(small.http, "GET", "/v1.0/healthz"))
        assert connection.answer_read().status == 204


def test_zero_is_no_limit(bench):
    sidecar = bench.sidecar(flags={"max-body-size": "0"}, resources=[component("store", "state.in-memory")])
    big = "x" * 6_000_000
    assert sidecar.post(STORE, [{"key": "k", "value": big}]).status == 204
    assert len(sidecar.get(STORE + "/k").body) == len(big) + 2


# --- 2.8 Public server ---

@pytest.fixture(scope="module")
def guarded(shared):
    return shared.sidecar(app_id="guarded", env={"DAPR_API_TOKEN": "secret"}, ready=True)


def public(sidecar, method, path, body=None):
    return raw.request(sidecar.public, method, path, body=body)


def test_the_public_server_has_four_routes_and_no_token(guarded):
    assert public(guarded, "GET", "/v1.0/healthz").status == 204
    assert public(guarded, "GET", "/v1.0/healthz/outbound").status == 204
    assert public(guarded, "GET", "/v1.0/metadata").json["id"] == "guarded"
    assert public(guarded, "GET", "/v1.0/metadata/").status == 200
    assert public(guarded, "PUT", "/v1.0/metadata/k", b"v").status == 204


def test_the_public_server_knows_nothing_else(guarded):
    answer = public(guarded, "GET", "/v1.0/state/store/k")
    assert answer.status == 404 and answer.text == "404 page not found\n" and answer.header("Content-Type") == PLAIN
    answer = public(guarded, "POST", "/v1.0/metadata")
    assert answer.status == 405 and answer.header("Content-Length") == "0" and answer.values("Allow") == ["GET"]
