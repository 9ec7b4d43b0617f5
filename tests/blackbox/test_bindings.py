"""Output bindings (contract 4.5, 8.5, A22; grpc-api.md 3.4): what one door alone can say, and what the component is
given. Behind them are files of bindings.localstorage, and HTTP servers of the tests for bindings.http."""

import json
import uuid
from contextlib import closing

import pytest

from harness import metrics, raw, rpc
from harness.app import reply
from harness.resources import component

NO_TRACE = "00-00000000000000000000000000000000-0000000000000000-00"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def target(shared):
    """What bindings.http calls."""
    made = shared.app()
    made.otherwise = reply(200, b'"well"', [("Content-Type", "application/json"), ("X-Two", "1"), ("X-Two", "2")])
    made.route("/missing", reply(404, b"gone", reason="Not Found"))
    made.route("/empty", reply(200, b""))
    return made


@pytest.fixture(scope="module")
def sidecar(shared, root, target):
    return shared.sidecar(app_id="binder", resources=[
        component("files", "bindings.localstorage", {"rootPath": str(root)}),
        component("web", "bindings.http", {"url": f"http://127.0.0.1:{target.port}"}),
        component("input-only", "bindings.localstorage", {"rootPath": str(root), "direction": "input"}),
        component("output-only", "bindings.localstorage", {"rootPath": str(root), "direction": " Output , x"})])


@pytest.fixture
def name():
    return f"file-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def called(target):
    target.forget()
    return target


@pytest.fixture
def dapr(sidecar):
    with closing(rpc.Dapr(sidecar.grpc)) as made:
        yield made


def invoke(sidecar, binding, body, headers=(), method="POST"):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return raw.request(sidecar.http, method, f"/v1.0/bindings/{binding}", [("Content-Type", "application/json"), *headers], body)


# --- The request ---

@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_both_methods_are_taken(sidecar, root, name, method):
    answer = invoke(sidecar, "files", {"operation": "create", "data": {"a": 1}, "metadata": {"fileName": name}}, method=method)
    assert (answer.status, answer.json) == (200, {"fileName": name})
    assert answer.header("Content-Type") == "application/json"
    assert (root / name).read_bytes() == b'{"a":1}'


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_other_methods_are_not(sidecar, method):
    assert raw.request(sidecar.http, method, "/v1.0/bindings/files").status in (404, 405)


@pytest.mark.parametrize("given,kept", [
    pytest.param(b'{ "b" : 1.50, "a":[1, 2 ]}', b'{"b":1.50,"a":[1,2]}', marks=pytest.mark.differs),
    pytest.param(b"12345678901234567890", b"12345678901234567890", marks=pytest.mark.differs),
    pytest.param(b"true", b"true", marks=pytest.mark.differs), pytest.param(b"null", b"null", marks=pytest.mark.differs),
    (b'{ "a" : [1, 2 ]}', b'{"a":[1,2]}'),
    (b"[]", b"[]")])
def test_the_component_is_given_the_text_of_data(sidecar, root, name, given, kept):
    body = b'{"operation":"create","metadata":{"fileName":"' + name.encode() + b'"},"data":' + given + b"}"
    assert invoke(sidecar, "files", body).status == 200
    assert (root / name).read_bytes() == kept


def test_a_string_keeps_its_quotes_on_the_way(sidecar, called):
    assert invoke(sidecar, "web", {"operation": "post", "data": 'a "b" ü\n'}).status == 200
    assert called.wait_one("/").body in (b'"a \\"b\\" \\u00fc\\n"', '"a \\"b\\" ü\\n"'.encode())


def test_no_data_is_null(sidecar, called):
    assert invoke(sidecar, "web", {"operation": "post"}).status == 200
    assert called.wait_one("/").body == b"null"


@pytest.mark.parametrize("body,text", [
    (b"", "EOF"), (b"{", "unexpected EOF"), (b"x", "invalid character 'x' looking for beginning of value")])
def test_a_body_that_is_no_json_is_malformed(sidecar, body, text):
    answer = invoke(sidecar, "files", body)
    assert answer.status == 400
    assert answer.json == {"errorCode": "ERR_MALFORMED_REQUEST", "message": f"failed deserializing HTTP body: {text}"}


@pytest.mark.parametrize("body", [b"[]", b'"x"', b'{"operation":1}', b'{"operation":"get","metadata":[]}',
                                  b'{"operation":"get","metadata":{"fileName":1}}'])
def test_members_of_other_kinds_are_malformed(sidecar, body):
    answer = invoke(sidecar, "files", body)
    assert (answer.status, answer.json["errorCode"]) == (400, "ERR_MALFORMED_REQUEST")
    assert answer.json["message"].startswith("failed deserializing HTTP body: json: cannot unmarshal ")


def test_of_two_metadata_of_one_name_the_last_counts(sidecar, root, name):
    body = '{"operation":"create","data":1,"metadata":{"fileName":"not-this","fileName":"%s"}}' % name
    assert invoke(sidecar, "files", body.encode()).json == {"fileName": name}


def test_a_body_over_the_limit(bench, root):
    sidecar = bench.sidecar(flags={"max-body-size": "1k"}, resources=[
        component("files", "bindings.localstorage", {"rootPath": str(root)})])
    answer = invoke(sidecar, "files", {"operation": "create", "data": "x" * 2000})
    assert answer.status == 400
    assert answer.json == {"errorCode": "ERR_MALFORMED_REQUEST",
                           "message": "failed deserializing HTTP body: stream too large"}


# --- The answer ---

def test_nothing_to_answer_is_204(sidecar, root, name):
    (root / name).write_text("x")
    answer = invoke(sidecar, "files", {"operation": "delete", "metadata": {"fileName": name}})
    assert (answer.status, answer.body, answer.header("Content-Length")) == (204, b"", None)
    assert not (root / name).exists()


def test_an_answer_without_bytes_is_200(sidecar, root, name):
    (root / name).write_bytes(b"")
    answer = invoke(sidecar, "files", {"operation": "get", "metadata": {"fileName": name}})
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "0")
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Traceparent") == NO_TRACE


def test_bytes_are_answered_as_they_are(sidecar, root, name):
    (root / name).write_bytes(bytes(range(256)) * 300)
    answer = invoke(sidecar, "files", {"operation": "get", "metadata": {"fileName": name}})
    assert answer.body == bytes(range(256)) * 300


def test_metadata_of_the_answer_are_headers(sidecar, called):
    answer = invoke(sidecar, "web", {"operation": "get"})
    assert (answer.status, answer.body) == (200, b'"well"')
    assert answer.header("Metadata.statuscode") == "200" and answer.header("Metadata.status") == "200 OK"
    assert answer.header("Metadata.content-Type") == "application/json"
    assert answer.header("Metadata.x-Two") == "1, 2"
    assert "Metadata.statuscode" in [name for name, _ in answer.headers]


def test_metadata_are_headers_of_a_failure_too(sidecar, called):
    answer = invoke(sidecar, "web", {"operation": "get", "metadata": {"path": "missing"}})
    assert answer.status == 500
    assert answer.json == {"errorCode": "ERR_INVOKE_OUTPUT_BINDING",
                           "message": "error invoking output binding web: received status code 404"}
    assert answer.header("Metadata.statuscode") == "404" and answer.header("Metadata.status") == "404 Not Found"
    assert answer.header("Content-Type") == "application/json"


# --- Failures ---

@pytest.mark.parametrize("binding,body,text", [
    ("nowhere", {}, "operation field is missing from request"),
    ("nowhere", None, "operation field is missing from request"),
    ("files", {"operation": ""}, "operation field is missing from request"),
    ("nowhere", {"operation": "get"}, "couldn't find output binding nowhere"),
    ("input-only", {"operation": "get"}, "couldn't find output binding input-only"),
    ("files", {"operation": "Get"},
     "binding files does not support operation Get. supported operations:create get list delete"),
    ("files", {"operation": "get", "metadata": {"fileName": "no-such-file"}}, "file not found: {root}/no-such-file")])
def test_failures_in_their_order(sidecar, root, binding, body, text):
    answer = invoke(sidecar, binding, body)
    assert answer.status == 500
    assert answer.json == {"errorCode": "ERR_INVOKE_OUTPUT_BINDING",
                           "message": f"error invoking output binding {binding}: {text.format(root=root)}"}


def test_a_direction_limits_what_a_component_is(sidecar):
    assert invoke(sidecar, "output-only", {"operation": "list"}).status == 200
    sidecar.wait_log("binding input-only does nothing")


# --- What is added ---

def test_the_trace_goes_on(sidecar, called):
    headers = [("Traceparent", PARENT), ("Tracestate", "a=b"), ("Baggage", "k=v"), ("Baggage", "l=w")]
    answer = invoke(sidecar, "web", {"operation": "get", "metadata": {"traceparent": NO_TRACE}}, headers)
    came = called.wait_one("/")
    assert came.header("Traceparent") == PARENT
    assert came.header("Tracestate") == "a=b"
    assert came.header("Baggage") == "k=v,l=w"
    assert answer.header("Traceparent") == PARENT


def test_without_a_trace_there_are_zeros(sidecar, called):
    assert invoke(sidecar, "web", {"operation": "get"}).status == 200
    assert called.wait_one("/").header("Traceparent") == NO_TRACE


def test_bad_baggage_is_refused_before_the_binding(sidecar, called):
    answer = invoke(sidecar, "web", {"operation": "get"}, [("Baggage", "=x")])
    assert answer.status == 400 and answer.text.startswith("invalid baggage header: ")
    assert not called.requests()


# --- gRPC ---

def test_bytes_pass_over_grpc(dapr, root, name):
    data = bytes(range(256)) * 4
    dapr.InvokeBinding(name="files", operation="create", data=data, metadata={"fileName": name})
    assert (root / name).read_bytes() == data
    assert dapr.InvokeBinding(name="files", operation="get", metadata={"fileName": name}).data == data


def test_the_metadata_of_the_answer_are_there_twice(dapr, called):
    answer, before, _ = dapr.InvokeBinding.answered(name="web", operation="get")
    assert answer.data == b'"well"'
    assert answer.metadata["statusCode"] == "200" and answer.metadata["status"] == "200 OK"
    assert ("metadata.statuscode", "200") in before
    assert ("metadata.x-two", "1, 2") in before


def test_metadata_go_before_a_failure_too(dapr, called):
    caught = rpc.failure(dapr.InvokeBinding, name="web", operation="get", metadata={"path": "/missing"})
    rpc.assert_failure(caught, "INTERNAL", "error invoking output binding web: received status code 404",
                       [rpc.error_info("ERR_INVOKE_OUTPUT_BINDING")])
    assert ("metadata.statuscode", "404") in caught.initial + caught.trailing


def test_metadata_of_the_call_are_copied(sidecar, called):
    with closing(rpc.Dapr(sidecar.grpc, metadata=[("x-mine", "1"), ("x-mine", "2"), ("path", "there"), ("traceparent", PARENT)])) as dapr:
        dapr.InvokeBinding(name="web", operation="get")
        assert called.wait_one("/there").header("Traceparent") == PARENT
        dapr.InvokeBinding(name="web", operation="get", metadata={"path": "here"})
        assert called.wait_one("/here")


# --- Around ---

def test_the_metadata_list_capabilities(sidecar):
    found = {one["name"]: one for one in sidecar.metadata()["components"]}
    assert found["files"] == {"name": "files", "type": "bindings.localstorage", "version": "v1",
                              "capabilities": ["OUTPUT_BINDING"]}


def test_calls_are_counted(sidecar, root, name):
    labels = {"app_id": "binder", "component": "output-only", "namespace": ""}
    invoke(sidecar, "output-only", {"operation": "create", "data": 1, "metadata": {"fileName": name}})
    invoke(sidecar, "output-only", {"operation": "get", "metadata": {"fileName": "no-such-file"}})
    metrics.wait_value(sidecar, "dapr_component_output_binding_count", 1, operation="create", success="true", **labels)
    metrics.wait_value(sidecar, "dapr_component_output_binding_count", 1, operation="get", success="false", **labels)
    assert metrics.value(sidecar, "dapr_component_output_binding_latencies_count", operation="get", success="false", **labels) == 1


def test_the_lists_of_allowed_calls_know_bindings(bench):
    allowed = [{"name": "bindings", "version": "v1", "protocol": "grpc"}]
    sidecar = bench.sidecar(config={"api": {"allowed": allowed}})
    with closing(rpc.Dapr(sidecar.grpc)) as dapr:
        caught = rpc.failure(dapr.InvokeBinding, name="n", operation="get")
        assert caught.message == "error invoking output binding n: couldn't find output binding n"
        assert rpc.failure(dapr.GetState, store_name="s", key="k").code == "UNIMPLEMENTED"
    denied = bench.sidecar(config={"api": {"denied": [{"name": "bindings", "version": "v1", "protocol": "http"}]}})
    assert invoke(denied, "n", {"operation": "get"}).status == 404
