"""The log (contract 8.1 row 11, resources.md 6.3): where it goes, the two forms of a line, levels, scopes."""

import json
import re
import socket

import pytest

from harness.resources import component

STORE = component("store", "state.in-memory")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)"
LINE = re.compile(rf'^time="{TIME}" level=(debug|info|warning|error|fatal) msg=("(?:[^"\\]|\\.)*"|[A-Za-z0-9\-._/@^+]+)((?: [\w.]+='
                  r'(?:"(?:[^"\\]|\\.)*"|[A-Za-z0-9\-._/@^+]*))*)$')
FIELD = re.compile(r' ([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')


def lines_of(sidecar):
    sidecar.stop()
    assert sidecar.stderr == []
    return sidecar.log()


@pytest.mark.quick
def test_lines_go_to_standard_output_in_one_form(bench):
    sidecar = bench.sidecar(app_id="logger", resources=[STORE])
    sidecar.get("/v1.0/state/store/k", [("User-Agent", 'a "quoted" agent')])
    lines = lines_of(sidecar)
    for line in lines:
        match = LINE.match(line)
        assert match, line
        fields = [name for name, _ in FIELD.findall(match.group(5))]
        assert fields == sorted(fields), line
        assert {"app_id", "instance", "scope", "type", "ver"} <= set(fields), line
        assert " app_id=logger " in line and f" instance={socket.gethostname()} " in line and " type=log " in line
    assert re.search(r' scope=dapr\.runtime ', "\n".join(lines))


def test_values_are_quoted_when_they_must_be(bench):
    sidecar = bench.sidecar(app_id="with-dash_under")
    sidecar.get('/v1.0/metadata', [("User-Agent", 'say "hi" to\\me')])
    line = sidecar.wait_log('useragent=')[-1]
    assert r'useragent="say \"hi\" to\\me"' in line
    assert 'method="GET /v1.0/metadata"' in line
    assert " app_id=with-dash_under " in line or ' app_id="with-dash_under" ' in line


def test_a_message_of_several_lines_stays_one(bench):
    sidecar = bench.sidecar(ready=False, resources=[component(name, "state.in-memory") for name in "abab"])
    assert sidecar.wait_end() == 1
    assert "\\nduplicate definition of Component name b" in sidecar.logged("level=fatal")[0]
    assert all(LINE.match(line) for line in sidecar.log())


def test_lines_as_json(bench):
    sidecar = bench.sidecar(app_id="logger", resources=[STORE], flags={"log-as-json": "true"})
    sidecar.get("/v1.0/state/store/k?a=<b>&c", [("User-Agent", "<agent>")])
    lines = lines_of(sidecar)
    for line in lines:
        value = json.loads(line)
        assert list(value) == sorted(value), line
        assert {"app_id", "instance", "level", "msg", "scope", "time", "type", "ver"} <= set(value), line
        assert value["app_id"] == "logger" and value["type"] == "log"
        assert re.fullmatch(TIME, value["time"]), line
        assert "<" not in line and ">" not in line
    called = [json.loads(line) for line in lines if "HTTP API Called" in line and "state" in line][0]
    assert called["scope"] == "dapr.runtime.http-info" and called["level"] == "info" and called["code"] == 204
    assert called["useragent"] == "<agent>" and isinstance(called["duration"], int) and isinstance(called["size"], int)
    assert called["method"].startswith("GET /v1.0/state/store/k")


@pytest.mark.parametrize("level, seen", [
    ("debug", {"debug", "info", "warning"}), ("INFO", {"info", "warning"}), ("warn", {"warning"}), ("error", set()),
    ("fatal", set())])
def test_levels(bench, level, seen):
    parked = component("parked", "state.in-memory", {"x": {"secretKeyRef": {"name": "a", "key": "a"}}}, auth={"secretStore": "no"})
    sidecar = bench.sidecar(resources=[STORE, parked], flags={"log-level": level})
    sidecar.get("/v1.0/metadata")
    found = {LINE.match(line).group(3) for line in lines_of(sidecar)}
    assert found == seen or (level == "debug" and found == seen - {"debug"})


def test_the_level_is_said(bench):
    assert bench.sidecar(flags={"log-level": "info"}).logged("Log level set to: info")


def test_a_file_takes_the_log(bench, tmp_path):
    path = tmp_path / "sidecar.log"
    sidecar = bench.sidecar(flags={"log-file": path})
    assert lines_of(sidecar) == []
    lines = path.read_text().splitlines()
    assert "Starting Dapr Runtime" in lines[0] and "Daprd shutdown gracefully" in lines[-1]
    assert all(LINE.match(line) for line in lines)


def test_refused_calls_are_not_in_the_api_log(bench):
    sidecar = bench.sidecar(env={"DAPR_API_TOKEN": "t"})
    assert sidecar.get("/v1.0/metadata").status == 401
    assert sidecar.get("/v1.0/metadata", [("dapr-api-token", "t")]).status == 200
    sidecar.wait_log("GET /v1.0/metadata")
    assert len([line for line in lines_of(sidecar) if "GET /v1.0/metadata" in line]) == 1


def test_the_public_server_is_not_in_the_api_log(bench):
    sidecar = bench.sidecar()
    assert sidecar.request("GET", "/v1.0/metadata?public", port=sidecar.public).status == 200
    sidecar.get("/v1.0/metadata?api")
    sidecar.wait_log("GET /v1.0/metadata")
    assert len([line for line in lines_of(sidecar) if "GET /v1.0/metadata" in line]) == 1


@pytest.mark.parametrize("method, path, name", [
    ("GET", "/v1.0/state/store/k", "GetState"), ("POST", "/v1.0/state/store", "SaveState"),
    ("DELETE", "/v1.0/state/store/k", "DeleteState"), ("POST", "/v1.0/state/store/bulk", "GetBulkState"),
    ("POST", "/v1.0/state/store/transaction", "ExecuteStateTransaction"), ("GET", "/v1.0/metadata", "GetMetadata"),
    ("PUT", "/v1.0/metadata/k", "PutMetadata"), ("POST", "/v1.0/publish/p/t", "PublishEvent"),
    ("POST", "/v1.0/publish/bulk/p/t", "BulkPublishEvent"), ("GET", "/v1.0/secrets/s/k", "GetSecret"),
    ("GET", "/v1.0/secrets/s/bulk", "GetBulkSecret"), ("GET", "/v1.0/healthz", "Healthz"),
    ("GET", "/v1.0/healthz/outbound", "HealthzOutbound"), ("GET", "/v1.0/invoke/other/method/m", "InvokeService/other")])
def test_the_name_of_each_endpoint(shared_obfuscated, method, path, name):
    shared_obfuscated.request(method, path, body=b"[]" if method in ("POST", "PUT") else None)
    lines = shared_obfuscated.wait_log("HTTP API Called")
    shared_obfuscated.wait_log(f"method={name}" if "/" not in name else name)
    assert not [line for line in lines if path in line]


@pytest.fixture(scope="module")
def shared_obfuscated(shared):
    return shared.sidecar(resources=[STORE], config={"logging": {"apiLogging": {"enabled": True, "obfuscateURLs": True}}})
