"""The exchanges of the contract's appendix A, byte for byte but for ids, etags, dates and addresses. What a sidecar may
spell otherwise (the order of members in a stored value) is compared as JSON, and the headers of a request to the app are
compared without their order."""

import json
import re

import pytest

from harness import raw
from harness.app import App, reply
from harness.resources import component

ZERO = "00-00000000000000000000000000000000-0000000000000000-00"
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NO_CONTENT = ["HTTP/1.1 204 No Content", f"Traceparent: {ZERO}", "Date: *"]


def hello(request, sock):
    if request.path != "/hello":
        return reply(404, b"nope", reason="Not Found")
    return reply(200, b'{"hi":"there"}', [("Content-Type", "application/json"), ("X-App", "1")])


def callee_app(shared):
    app = App()
    shared.stack.callback(app.stop)
    app.otherwise = hello
    return app.start()


@pytest.fixture(scope="module")
def scene(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("appendix")
    (folder / "s.json").write_text('{"db":"pw<1>","api":"k"}')
    names = {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": str(folder / "names.db")}}}
    app = App(subscriptions=[{"pubsubname": "pubsub", "topic": "orders", "route": "/orders"},
                             {"pubsubname": "pubsub", "topic": "bulk", "route": "/bulk", "bulkSubscribe": {"enabled": True}}])
    shared.stack.callback(app.stop)
    app.otherwise = hello
    for path in ("/orders", "/bulk"):
        app.route(path, reply(200))
    other = callee_app(shared)
    shared.sidecar(app=other, app_id="callee", config=names)
    scopes = {"secrets": {"scopes": [{"storeName": "secrets", "defaultAccess": "allow", "deniedSecrets": ["api"]}]}}
    made = shared.sidecar(app=app.start(), app_id="caller", config={**names, **scopes}, resources=[
        component("secrets", "secretstores.local.file", {"secretsFile": str(folder / "s.json")}),
        component("statestore", "state.in-memory"), component("pubsub", "pubsub.in-memory")])
    made.app, made.other = app, other
    return made


def exchange(sidecar, method, target, body=None, headers=()):
    """The lines of the answer's head with the date as a star, and its body as it came on the wire."""
    lines = list(headers)
    if body is not None and not [1 for name, _ in lines if name == "Content-Type"]:
        lines.insert(0, ("Content-Type", "application/json"))
    with raw.Connection(sidecar.http) as connection:
        connection.send(raw.request_bytes(sidecar.http, method, target, lines, body))
        head = connection.reader.until(b"\r\n\r\n").decode()
        found = head.split("\r\n")
        assert [line for line in found if DATE.fullmatch(line.removeprefix("Date: "))], head
        found = ["Date: *" if line.startswith("Date: ") else line for line in found]
        return found, rest_of(connection, head)


def rest_of(connection, head):
    if "Transfer-Encoding: chunked" in head:
        data = b""
        while not data.endswith(b"\r\n0\r\n\r\n"):
            data += connection.reader.exactly(1)
        return data
    match = re.search(r"Content-Length: (\d+)", head)
    return connection.reader.exactly(int(match.group(1))) if match else b""


def assert_exchange(found, wanted, body):
    """wanted: the head's lines without Content-Length, which follows from the body."""
    head, got = found
    assert head == [*wanted, f"Content-Length: {len(got)}"]
    assert got == body


def error(status, text):
    return [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Traceparent: {ZERO}", "Date: *"], text.encode()


def assert_error(found, status, text):
    assert_exchange(found, *error(status, text))


SAVE = b'[{"key":"k1","value":{"b":1,"a":"<x>"}},{"key":"k2","value":"two","metadata":{"ttlInSeconds":"60"}}]'
INFO = '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":'


def save(scene):
    assert exchange(scene, "POST", "/v1.0/state/statestore", SAVE) == (NO_CONTENT, b"")


def etag_of(scene):
    head, _ = exchange(scene, "GET", "/v1.0/state/statestore/k1")
    return next(line for line in head if line.startswith("Etag: "))[6:]


def test_a1_save_state(scene):
    save(scene)


def test_a2_read_state(scene):
    save(scene)
    head, body = exchange(scene, "GET", "/v1.0/state/statestore/k1")
    assert re.fullmatch(f"Etag: {UUID}", head[2]), head
    assert head[:2] + head[3:] == ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Traceparent: {ZERO}", "Date: *",
                                   f"Content-Length: {len(body)}"]
    assert json.loads(body) == {"a": "<x>", "b": 1}


def test_a3_etag_conflict(scene):
    save(scene)
    etag = etag_of(scene)
    assert_error(exchange(scene, "POST", "/v1.0/state/statestore", b'[{"key":"k1","value":2,"etag":"bad"}]'), "409 Conflict",
                 '{"errorCode":"ERR_STATE_SAVE","message":"failed saving state in state store statestore: possible etag mismatch. '
                 f'error from state store: state etag not match for key=caller||k1: current={etag}, expect=bad"}}')


def test_a4_bulk_read(scene):
    save(scene)
    head, body = exchange(scene, "POST", "/v1.0/state/statestore/bulk", b'{"keys":["k1","k2","none"]}')
    assert head == ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Traceparent: {ZERO}", "Date: *",
                    f"Content-Length: {len(body)}"]
    assert body.endswith(b"]\n") or body.endswith(b"]")
    items = {item["key"]: item for item in json.loads(body)}
    assert list(items["k1"]) == ["key", "data", "etag"] and items["k1"]["data"] == {"a": "<x>", "b": 1}
    assert list(items["k2"]) == ["key", "data", "etag", "metadata"] and items["k2"]["data"] == "two"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", items["k2"]["metadata"]["ttlExpireTime"])
    assert items["none"] == {"key": "none"} and len(items) == 3


def test_a5_delete_with_if_match(scene):
    save(scene)
    assert exchange(scene, "DELETE", "/v1.0/state/statestore/k1", headers=[("If-Match", etag_of(scene))]) == (NO_CONTENT, b"")
    assert exchange(scene, "GET", "/v1.0/state/statestore/k1") == (NO_CONTENT, b"")


def test_a6_illegal_key(scene):
    text = "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'"
    assert_error(exchange(scene, "GET", "/v1.0/state/statestore/a%7C%7Cb"), "400 Bad Request",
                 f'{{"errorCode":"ERR_MALFORMED_REQUEST","message":"{text}","details":[{{"@type":"type.googleapis.com/google.rpc.'
                 f'BadRequest","field_violations":[{{"field":"a||b","description":"{text}"}}]}},{{"@type":"type.googleapis.com/'
                 'google.rpc.ResourceInfo","description":"","owner":"","resource_name":"statestore","resource_type":"state"},'
                 f'{INFO}null,"reason":"DAPR_STATE_ILLEGAL_KEY"}}]}}')


def test_a7_unknown_store(scene):
    assert_error(exchange(scene, "GET", "/v1.0/state/nope/k"), "400 Bad Request",
                 '{"errorCode":"ERR_STATE_STORE_NOT_FOUND","message":"state store nope is not found","details":['
                 f'{INFO}{{"appID":"caller"}},"reason":"DAPR_STATE_NOT_FOUND"}}]}}')


def app_lines(request):
    return [f"{request.method} {request.target} {request.version}"] + [f"{name}: {value}" for name, value in request.headers]


def assert_app_got(app, request, wanted):
    lines = app_lines(request)
    host = f"Host: 127.0.0.1:{app.port}"
    assert lines[0] == wanted[0] and sorted(lines[1:]) == sorted([host, *wanted[1:]])


EVENT = (rb'\{"data":DATA,"datacontenttype":"application/json","id":"UUID","pubsubname":"pubsub","source":"caller",'
         rb'"specversion":"1\.0","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)","topic":"TOPIC","traceid":"",'
         rb'"traceparent":"","tracestate":"","type":"com\.dapr\.event\.sent"\}').replace(b"UUID", UUID.encode())


def test_a8_publish_and_delivery(scene):
    scene.app.forget()
    assert exchange(scene, "POST", "/v1.0/publish/pubsub/orders?metadata.foo=bar", b'{"id":1}') == (NO_CONTENT, b"")
    request = scene.app.wait_one("/orders")
    assert_app_got(scene.app, request, [
        "POST /orders HTTP/1.1", "User-Agent: Go-http-client/1.1", f"Content-Length: {len(request.body)}",
        "Content-Type: application/cloudevents+json", "Foo: bar", "Pubsubname: pubsub", f"Traceparent: {ZERO}",
        "Accept-Encoding: gzip"])
    assert re.fullmatch(EVENT.replace(b"DATA", rb'\{"id":1\}').replace(b"TOPIC", b"orders"), request.body), request.body


def test_a9_publish_to_unknown_pubsub(scene):
    assert_error(exchange(scene, "POST", "/v1.0/publish/nope/t?metadata.a=b", b"{}"), "404 Not Found",
                 '{"errorCode":"ERR_PUBSUB_NOT_FOUND","message":"pubsub nope is not found","details":['
                 f'{INFO}{{"a":"b"}},"reason":"DAPR_PUBSUB_NOT_FOUND"}}]}}')


def test_a10_bulk_publish_bad_entry(scene):
    text = ("error when marshalling cloud event envelope for topic orders pubsub pubsub: error: mismatch between contentType and "
            "event")
    assert_error(exchange(scene, "POST", "/v1.0/publish/bulk/pubsub/orders",
                          b'[{"entryId":"1","event":{"a":1},"contentType":"text/plain"}]'), "400 Bad Request",
                 f'{{"errorCode":"ERR_PUBSUB_EVENTS_SER","message":"{text}","details":[{{"@type":"type.googleapis.com/google.rpc.'
                 f'ResourceInfo","description":"{text}","owner":"","resource_name":"pubsub","resource_type":"pubsub"}},{INFO}'
                 '{"appID":"caller","error":"error: mismatch between contentType and event"},"reason":"DAPR_PUBSUB_MARSHAL_ENVELOPE"}]}')


def test_a11_bulk_subscribe_delivery(scene):
    scene.app.forget()
    assert exchange(scene, "POST", "/v1.0/publish/pubsub/bulk", b'{"id":2}') == (NO_CONTENT, b"")
    request = scene.app.wait_one("/bulk")
    assert_app_got(scene.app, request, [
        "POST /bulk HTTP/1.1", "User-Agent: Go-http-client/1.1", f"Content-Length: {len(request.body)}",
        "Content-Type: application/json", "Pubsubname: pubsub", f"Traceparent: {ZERO}", "Accept-Encoding: gzip"])
    event = EVENT.replace(b"DATA", rb'\{"id":2\}').replace(b"TOPIC", b"bulk")
    wanted = (rb'\{"entries":\[\{"entryId":"UUID","event":EVENT,"metadata":\{\},"contentType":"application/cloudevents\+json"\}\],'
              rb'"id":"UUID","metadata":\{"pubsubName":"pubsub"\},"pubsubname":"pubsub","topic":"bulk",'
              rb'"type":"com\.dapr\.event\.sent\.bulk"\}').replace(b"UUID", UUID.encode()).replace(b"EVENT", event)
    assert re.fullmatch(wanted, request.body), request.body


ANSWER = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Traceparent: {ZERO}", "X-App: 1", "Date: *",
          "Transfer-Encoding: chunked"]
CHUNKS = b'e\r\n{"hi":"there"}\r\n0\r\n\r\n'


def test_a12_invoke_own_app(scene):
    scene.app.forget()
    found = exchange(scene, "POST", "/v1.0/invoke/caller/method/hello?q=1", b'{"n":1}', [
        ("Content-Type", "application/json"), ("X-Custom", "v")])
    assert found == (ANSWER, CHUNKS)
    request = scene.app.wait_one("/hello")
    assert_app_got(scene.app, request, [
        "POST /hello?q=1 HTTP/1.1", "User-Agent: Go-http-client/1.1", "Content-Length: 7", "Content-Type: application/json",
        f"Traceparent: {ZERO}", "X-Custom: v", "Accept-Encoding: gzip"])
    assert request.body == b'{"n":1}'


def test_a13_invoke_remote_app(scene):
    scene.other.forget()
    assert exchange(scene, "GET", "/v1.0/invoke/callee/method/hello", headers=[("X-Custom", "v")]) == (ANSWER, CHUNKS)
    request = scene.other.wait_one("/hello")
    address, host = request.header("X-Forwarded-For"), request.header("X-Forwarded-Host")
    assert_app_got(scene.other, request, [
        "GET /hello HTTP/1.1", "User-Agent: Go-http-client/1.1", "Dapr-Callee-App-Id: callee", "Dapr-Caller-App-Id: caller",
        "Dapr-Caller-Namespace: default", f"Forwarded: for={address};by={address};host={host}", f"Traceparent: {ZERO}",
        "X-Custom: v", f"X-Forwarded-For: {address}", f"X-Forwarded-Host: {host}", "Accept-Encoding: gzip"])


def test_a14_remote_app_answers_404_without_content_type(scene):
    head, body = exchange(scene, "GET", "/v1.0/invoke/callee/method/missing")
    assert head[0] == "HTTP/1.1 404 Not Found"
    assert sorted(head[1:]) == ["Content-Length: 4", "Content-Type: application/json", "Date: *", f"Traceparent: {ZERO}"]
    assert body == b"nope"


def test_a15_invoke_unknown_app(scene):
    assert_error(exchange(scene, "GET", "/v1.0/invoke/ghost/method/x"), "500 Internal Server Error",
                 '{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to invoke, id: ghost, err: no host found with the given ID"}')


def test_a16_unknown_route(scene):
    assert_error(exchange(scene, "GET", "/v1.0/nothing"), "404 Not Found",
                 '{"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path or the header '
                 'dapr-app-id"}')


def test_a17_secret(scene):
    assert_exchange(exchange(scene, "GET", "/v1.0/secrets/secrets/db"),
                    ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Traceparent: {ZERO}", "Date: *"],
                    b'{"db":"pw\\u003c1\\u003e"}\n')


def test_a18_secret_refused_by_scope(scene):
    assert_error(exchange(scene, "GET", "/v1.0/secrets/secrets/api"), "403 Forbidden",
                 '{"errorCode":"ERR_PERMISSION_DENIED","message":"access denied by policy to get \\"api\\" from \\"secrets\\""}')


def test_a19_unknown_secret_store(scene):
    assert_error(exchange(scene, "GET", "/v1.0/secrets/nope/db"), "401 Unauthorized",
                 '{"errorCode":"ERR_SECRET_STORE_NOT_FOUND","message":"failed finding secret store with key nope"}')


def test_a20_read_metadata(scene):
    head, body = exchange(scene, "GET", "/v1.0/metadata")
    assert head == ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Traceparent: {ZERO}", "Date: *",
                    f"Content-Length: {len(body)}"]
    text = body.decode()
    for part in ('{"id":"caller","runtimeVersion":"',
                 '{"name":"statestore","type":"state.in-memory","version":"v1","capabilities":["ETAG","TRANSACTIONAL","TTL",'
                 '"DELETE_WITH_PREFIX","KEYS_LIKE","ACTOR"]}',
                 '{"name":"pubsub","type":"pubsub.in-memory","version":"v1","capabilities":["SUBSCRIBE_WILDCARDS"]}',
                 '{"name":"secrets","type":"secretstores.local.file","version":"v1"}',
                 '"subscriptions":[{"pubsubname":"pubsub","topic":"orders","rules":[{"path":"/orders"}],"deadLetterTopic":"","type":'
                 '"PROGRAMMATIC"},{"pubsubname":"pubsub","topic":"bulk","rules":[{"path":"/bulk"}],"deadLetterTopic":"","type":'
                 '"PROGRAMMATIC"}]',
                 f'"appConnectionProperties":{{"port":{scene.app.port},"protocol":"http","channelAddress":"127.0.0.1"}},'
                 '"actorRuntime":{"runtimeStatus":"DISABLED","hostReady":false,"placement":"placement: disconnected"}}\n'):
        assert part in text, part


def test_a21_health(scene):
    assert exchange(scene, "GET", "/v1.0/healthz") == (["HTTP/1.1 204 No Content", "Date: *"], b"")


def test_a25_missing_api_token(bench):
    sidecar = bench.sidecar(app_id="caller", env={"DAPR_API_TOKEN": "t"})
    assert_exchange(exchange(sidecar, "GET", "/v1.0/metadata"),
                    ["HTTP/1.1 401 Unauthorized", "Content-Type: text/plain; charset=utf-8", f"Traceparent: {ZERO}",
                     "X-Content-Type-Options: nosniff", "Date: *"], b"invalid api token\n")
