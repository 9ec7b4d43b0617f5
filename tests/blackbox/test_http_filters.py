"""What stands before the routes (contract 2.5 to 2.7, 2.9, 2.10): CORS, token, lists, the API log, trace headers."""

import re

import pytest

from harness.app import reply
from harness.errors import assert_error
from harness.resources import component

PLAIN = "text/plain; charset=utf-8"
NO_TARGET = "failed getting app id either from the URL path or the header dapr-app-id"
ZERO = "00-00000000000000000000000000000000-0000000000000000-00"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"
VARY = ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"]


def preflight(sidecar, path="/v1.0/metadata", method="GET", origin="http://a.example", headers=None):
    lines = [("Access-Control-Request-Method", method)]
    if origin:
        lines.append(("Origin", origin))
    if headers:
        lines.append(("Access-Control-Request-Headers", headers))
    return sidecar.request("OPTIONS", path, lines)


def cors_names(answer):
    return [name for name in answer.names if name.lower().startswith("access-control")]


# --- 2.5 CORS ---

@pytest.fixture(scope="module")
def closed(shared):
    return shared.sidecar()


@pytest.fixture(scope="module")
def everyone(shared):
    return shared.sidecar(flags={"allowed-origins": "*"}, env={"DAPR_API_TOKEN": "t"})


@pytest.fixture(scope="module")
def listed(shared):
    return shared.sidecar(flags={"allowed-origins": "http://a.example,https://*.b.example"})


def test_without_origins_there_is_no_cors(closed):
    answer = closed.request("GET", "/v1.0/metadata", [("Origin", "http://a.example")])
    assert not cors_names(answer) and answer.header("Vary") is None
    assert_error(preflight(closed), 404, "ERR_DIRECT_INVOKE", NO_TARGET)


def test_a_star_lets_everyone_in(everyone):
    answer = everyone.request("GET", "/v1.0/healthz", [("Origin", "http://x")])
    assert answer.header("Access-Control-Allow-Origin") == "*"


def test_a_preflight_needs_no_token(everyone):
    answer = preflight(everyone, headers="x-one, X-two")
    assert answer.status == 200 and answer.header("Content-Length") == "0"
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Access-Control-Allow-Methods") == "GET"
    assert answer.header("Access-Control-Allow-Headers") == "X-One, X-Two"
    assert answer.values("Vary") == VARY


def test_the_request_itself_needs_it(everyone):
    answer = everyone.request("GET", "/v1.0/metadata", [("Origin", "http://x")])
    assert answer.status == 401 and answer.header("Access-Control-Allow-Origin") == "*"


@pytest.mark.parametrize("origin", ["http://a.example", "HTTP://A.example", "https://x.b.example"])
def test_a_listed_origin_is_echoed(listed, origin):
    answer = listed.request("GET", "/v1.0/metadata", [("Origin", origin)])
    assert answer.header("Access-Control-Allow-Origin") == origin and answer.values("Vary") == ["Origin"]
    answer = preflight(listed, origin=origin)
    assert answer.header("Access-Control-Allow-Origin") == origin
    assert answer.header("Access-Control-Allow-Headers") is None


@pytest.mark.parametrize("origin", ["http://c.example", "null", "https://b.example", None])
def test_another_origin_gets_no_headers_but_an_answer(listed, origin):
    lines = [("Origin", origin)] if origin else []
    answer = listed.request("GET", "/v1.0/metadata", lines)
    assert answer.status == 200 and not cors_names(answer) and answer.values("Vary") == ["Origin"]
    answer = preflight(listed, origin=origin)
    assert answer.status == 200 and not cors_names(answer) and answer.values("Vary") == VARY


def test_an_unknown_method_is_not_allowed(listed):
    answer = preflight(listed, method="BREW")
    assert answer.status == 200 and not cors_names(answer) and answer.values("Vary") == VARY


def test_options_without_a_method_is_an_ordinary_request(listed):
    answer = listed.request("OPTIONS", "/v1.0/metadata", [("Origin", "http://a.example")])
    assert_error(answer, 404, "ERR_DIRECT_INVOKE", NO_TARGET)
    assert answer.header("Access-Control-Allow-Origin") == "http://a.example"


def test_health_varies_too(listed):
    assert listed.get("/v1.0/healthz").values("Vary") == ["Origin"]


# --- 2.6 API token ---

@pytest.fixture(scope="module")
def guarded(shared):
    app = shared.app()
    app.route("/hi", reply(200, b"hi"))
    made = shared.sidecar(app_id="guarded", app=app, env={"DAPR_API_TOKEN": "secret"})
    made.app = app
    return made


def assert_unauthorized(answer):
    assert answer.status == 401 and answer.text == "invalid api token\n"
    assert answer.header("Content-Type") == PLAIN and answer.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.quick
@pytest.mark.parametrize("path, lines", [
    ("/v1.0/metadata", []), ("/v1.0/metadata", [("dapr-api-token", "wrong")]), ("/unknown", []),
    ("/v1.0/metadata?dapr-api-token=secret", []), ("/v1.0/metadata", [("Authorization", "Bearer secret")]),
    ("/v1.0/metadata", [("dapr-api-token", "wrong"), ("dapr-api-token", "secret")]), ("/v1.0/healthz/x", [])])
def test_without_the_token_everything_is_401(guarded, path, lines):
    assert_unauthorized(guarded.request("GET", path, lines))


def test_with_the_token_everything_goes_on(guarded):
    assert guarded.get("/v1.0/metadata", [("dapr-api-token", "secret")]).status == 200
    assert guarded.get("/v1.0/metadata", [("dapr-api-token", "secret"), ("dapr-api-token", "wrong")]).status == 200
    assert_error(guarded.get("/unknown", [("dapr-api-token", "secret")]), 404, "ERR_DIRECT_INVOKE", NO_TARGET)


def test_health_needs_no_token(guarded):
    assert guarded.get("/v1.0/healthz").status == 204
    assert guarded.get("/v1.0/healthz/outbound").status == 204
    assert guarded.get("/v1.0/healthz/").status == 204
    assert_unauthorized(guarded.post("/v1.0/healthz"))


def test_options_is_401_without_cors(guarded):
    assert_unauthorized(guarded.request("OPTIONS", "/v1.0/metadata"))


def test_the_token_never_reaches_the_app(guarded):
    guarded.app.forget()
    assert guarded.get("/v1.0/invoke/guarded/method/hi", [("dapr-api-token", "secret")]).status == 200
    assert guarded.app.wait_one("/hi").header("dapr-api-token") is None


def test_without_token_auth_it_is_a_header_like_any(bench):
    app = bench.app()
    app.route("/hi", reply(200))
    sidecar = bench.sidecar(app_id="open", app=app)
    sidecar.get("/v1.0/invoke/open/method/hi", [("dapr-api-token", "mine")])
    assert app.wait_one("/hi").header("dapr-api-token") == "mine"


# --- 2.7 Lists ---

def lists(bench, allowed=None, denied=None):
    api = {key: value for key, value in (("allowed", allowed), ("denied", denied)) if value}
    return bench.sidecar(config={"api": api}, resources=[component("store", "state.in-memory")])


def rule(name, version="v1", protocol="http"):
    found = {"name": name, "version": version, "protocol": protocol}
    return {key: value for key, value in found.items() if value}


def state_of(sidecar):
    return sidecar.get("/v1.0/state/store/k").status


@pytest.mark.parametrize("version", ["v1", "v1.0"])
def test_a_denied_api_is_an_unknown_path(bench, version):
    sidecar = lists(bench, denied=[rule("state", version)])
    assert_error(sidecar.get("/v1.0/state/store/k"), 404, "ERR_DIRECT_INVOKE", NO_TARGET)
    assert sidecar.get("/v1.0/metadata").status == 200
    assert sidecar.post("/v1.0-alpha1/state/store/query", b"{}").json["errorCode"] == "ERR_STATE_STORE_NOT_SUPPORTED"


def test_an_allowed_list_leaves_the_rest_out(bench):
    sidecar = lists(bench, allowed=[rule("state"), rule("invoke")])
    assert state_of(sidecar) == 204
    assert_error(sidecar.get("/v1.0/metadata"), 404, "ERR_DIRECT_INVOKE", NO_TARGET)
    assert sidecar.get("/v1.0/healthz").status == 204


def test_without_invoke_a_refused_call_is_plain(bench):
    sidecar = lists(bench, allowed=[rule("state")])
    answer = sidecar.get("/v1.0/metadata")
    assert answer.status == 404 and answer.text == "404 page not found\n"
    assert answer.header("Content-Type") == PLAIN and answer.header("X-Content-Type-Options") == "nosniff"
    answer = sidecar.post("/v1.0/healthz")
    assert answer.status == 405 and answer.header("Content-Length") == "0" and answer.values("Allow") == ["GET"]
    answer = sidecar.request("PATCH", "/v1.0/state/store/k")
    assert answer.status == 405 and sorted(answer.values("Allow")) == ["DELETE", "GET"]


def test_denied_beats_allowed(bench):
    sidecar = lists(bench, allowed=[rule("state"), rule("invoke")], denied=[rule("state")])
    assert state_of(sidecar) == 404


@pytest.mark.parametrize("denied", [rule("state", None), rule("state", "v1", "grpc"), rule("state/store")])
def test_rules_that_mean_nothing_here(bench, denied):
    assert state_of(lists(bench, denied=[denied])) == 204


def test_a_list_for_grpc_leaves_http_open(bench):
    assert state_of(lists(bench, allowed=[rule("secrets", "v1", "grpc")])) == 204


def test_a_deeper_name_matches_no_route(bench):
    assert state_of(lists(bench, allowed=[rule("state/store")])) == 404


def test_an_entry_without_a_protocol_is_for_http(bench):
    assert state_of(lists(bench, denied=[rule("state", "v1", None)])) == 404


@pytest.mark.parametrize("name, version, is_covered", [("sta", "v1.0", True), ("state/", "v1.0", True), ("sta", "v1", False),
                                                       ("state/store", "v1.0", False)])
def test_the_older_spelling_is_a_prefix(bench, name, version, is_covered):
    assert (state_of(lists(bench, denied=[rule(name, version)])) == 404) == is_covered


@pytest.mark.parametrize("name, method, path", [
    ("invoke", "GET", "/v1.0/invoke/me/method/hi"), ("state", "GET", "/v1.0/state/store/k"), ("publish", "POST", "/v1.0/publish/p/t"),
    ("secrets", "GET", "/v1.0/secrets/s/k"), ("metadata", "GET", "/v1.0/metadata"), ("shutdown", "POST", "/v1.0/shutdown")])
def test_each_api_may_be_denied(bench, name, method, path):
    sidecar = lists(bench, denied=[rule(name)])
    answer = sidecar.request(method, path)
    if name == "invoke":
        assert (answer.status, answer.text) == (404, "404 page not found\n")
    else:
        assert_error(answer, 404, "ERR_DIRECT_INVOKE", NO_TARGET)
    assert sidecar.is_ready() and sidecar.get("/v1.0/healthz/outbound").status == 204


def test_a_denied_api_may_be_a_path_of_the_app(bench):
    app = bench.app()
    app.route("/v1.0/state/store/k", reply(200, b"the app's"))
    sidecar = bench.sidecar(app=app, app_id="me", config={"api": {"denied": [rule("state")]}},
                            resources=[component("store", "state.in-memory")])
    assert sidecar.get("/v1.0/state/store/k", [("dapr-app-id", "me")]).body == b"the app's"


# --- 2.9 API log ---

def api_lines(sidecar):
    return [line for line in sidecar.log() if 'HTTP API Called' in line]


def test_calls_are_logged_with_their_fields(bench):
    sidecar = bench.sidecar()
    sidecar.get("/v1.0/metadata", [("User-Agent", "tester/1")])
    line, = [one for one in sidecar.wait_log("HTTP API Called") if "metadata" in one][:1] or \
        [sidecar.wait_log("GET /v1.0/metadata")[0]]
    assert "level=info" in line and "scope=dapr.runtime.http-info" in line
    assert 'method="GET /v1.0/metadata"' in line and "useragent=tester/1" in line.replace('"', "")
    assert re.search(r"duration=\d+ ", line) and "code=200" in line and re.search(r"size=\d+", line)


def test_urls_can_be_obfuscated_and_health_left_out(bench):
    sidecar = bench.sidecar(config={"logging": {"apiLogging": {"enabled": True, "obfuscateURLs": True,
                                                               "omitHealthChecks": True}}},
                            flags={"enable-api-logging": None})
    sidecar.get("/v1.0/healthz")
    sidecar.get("/v1.0/metadata")
    sidecar.wait_log("method=GetMetadata")
    assert not [line for line in api_lines(sidecar) if "ealthz" in line]


def test_the_flag_beats_the_configuration(bench):
    sidecar = bench.sidecar(config={"logging": {"apiLogging": {"enabled": True}}}, flags={"enable-api-logging": "false"})
    sidecar.get("/v1.0/metadata")
    sidecar.stop()
    assert not api_lines(sidecar)


# --- 2.10 Trace headers ---

@pytest.fixture(scope="module")
def traced(shared):
    app = shared.app()
    app.route("/hi", reply(200, b"hi"))
    app.route("/own", reply(200, b"hi", [("Traceparent", PARENT)]))
    made = shared.sidecar(app_id="traced", app=app)
    made.app = app
    return made


def seen_by_app(sidecar, lines=(), path="/hi"):
    sidecar.app.forget()
    answer = sidecar.get(f"/v1.0/invoke/traced/method{path}", list(lines))
    return answer, sidecar.app.wait_one(path)


def test_a_parent_goes_on_unchanged_without_a_provider(traced):
    answer, call = seen_by_app(traced, [("traceparent", PARENT), ("tracestate", "a=b")])
    assert call.header("traceparent") == PARENT and call.header("tracestate") == "a=b"
    assert answer.header("traceparent") == PARENT and answer.header("tracestate") == "a=b"


def test_none_is_all_zero(traced):
    answer, call = seen_by_app(traced)
    assert call.header("traceparent") == ZERO and answer.header("traceparent") == ZERO


def test_an_invalid_parent_is_zero_in_the_answer_and_forwarded(traced):
    answer, call = seen_by_app(traced, [("traceparent", "nonsense")])
    assert answer.header("traceparent") == ZERO and call.header("traceparent") == "nonsense"


@pytest.mark.parametrize("parent", [
    "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033-01",
    "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01", "-".join(["00"] * 4), ""])
def test_what_is_no_parent(traced, parent):
    answer, _ = seen_by_app(traced, [("traceparent", parent)])
    assert answer.header("traceparent") == ZERO


def test_the_apps_own_answer_wins(traced):
    answer, _ = seen_by_app(traced, path="/own")
    assert answer.header("traceparent") == PARENT


def test_the_apps_start_calls_carry_none(bench):
    app = bench.app()
    bench.sidecar(app=app, resources=[component("pubsub", "pubsub.in-memory")])
    assert app.wait_one("/dapr/config").header("traceparent") is None
    assert app.wait_one("/dapr/subscribe").header("traceparent") is None


def test_a_rate_of_zero_turns_it_off(bench):
    sidecar = bench.sidecar(config={"tracing": {"samplingRate": "0"}})
    assert sidecar.get("/v1.0/metadata", [("traceparent", PARENT)]).header("traceparent") is None


def test_an_explicit_rate_makes_new_ids(bench):
    app = bench.app()
    app.route("/hi", reply(200))
    sidecar = bench.sidecar(app_id="rated", app=app, config={"tracing": {"samplingRate": "1"}})
    sidecar.get("/v1.0/invoke/rated/method/hi", [("traceparent", PARENT)])
    parts = app.wait_one("/hi").header("traceparent").split("-")
    assert parts[1] == PARENT.split("-")[1] and parts[2] != PARENT.split("-")[2]
    app.forget()
    sidecar.get("/v1.0/invoke/rated/method/hi")
    assert app.wait_one("/hi").header("traceparent").split("-")[1] != "0" * 32


def test_baggage_is_forwarded_and_echoed(traced):
    answer, call = seen_by_app(traced, [("baggage", "a=1"), ("baggage", "b=2")])
    assert call.header("baggage") == "a=1,b=2" and answer.header("baggage") == "a=1,b=2"


def test_invalid_baggage_is_refused_before_routing(traced):
    for path in ("/v1.0/metadata", "/unknown"):
        answer = traced.get(path, [("baggage", "=1")])
        assert answer.status == 400 and answer.text == 'invalid baggage header: invalid key: ""\n'
        assert answer.header("Content-Type") == PLAIN and answer.header("X-Content-Type-Options") == "nosniff"
