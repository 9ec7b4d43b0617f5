"""Health of the sidecar (contract 4.15) and of the app as the sidecar probes it (5.11)."""

import pytest

from harness.app import reply
from harness.errors import assert_error
from harness.wait import until

HEALTHZ = "/v1.0/healthz"


@pytest.fixture(scope="module")
def sidecar(shared):
    return shared.sidecar(app_id="healthy")


@pytest.mark.quick
@pytest.mark.parametrize("path", [HEALTHZ, HEALTHZ + "/outbound", HEALTHZ + "?appid=healthy"])
def test_a_ready_sidecar_is_204(sidecar, path):
    answer = sidecar.get(path)
    assert answer.status == 204 and answer.body == b""
    assert answer.names == ["Date"]


@pytest.mark.quick
@pytest.mark.parametrize("value", ["other", ""])
def test_another_app_id_is_refused(sidecar, value):
    assert_error(sidecar.get(f"{HEALTHZ}?appid={value}"), 500, "ERR_HEALTH_APPID_NOT_MATCH",
                 "dapr app-id does not match")


def test_outbound_does_not_look_at_the_app_id(sidecar):
    assert sidecar.get(HEALTHZ + "/outbound?appid=other").status == 204


def test_health_answers_carry_no_traceparent(sidecar):
    assert sidecar.get(HEALTHZ + "?appid=other").header("Traceparent") is None
    parent = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    assert sidecar.get(HEALTHZ, parent).header("Traceparent") is None


def test_only_get_is_health(sidecar):
    assert sidecar.post(HEALTHZ).status == 404
    assert sidecar.get(HEALTHZ + "/x").status == 404


def test_before_the_app_listens_only_outbound_is_ready(bench):
    app = bench.app(start=False)
    sidecar = bench.sidecar(app=app, ready=False)
    until(sidecar.is_outbound_ready, "outbound health")
    answer = sidecar.get(HEALTHZ)
    assert answer.status == 500
    assert answer.json["errorCode"] == "ERR_HEALTH_NOT_READY"
    assert answer.json["message"].startswith("dapr is not ready: ")
    assert sidecar.logged(f"application protocol: http. waiting on port {app.port}.  "
                          "This will block until the app is listening on that port.")
    app.start()
    sidecar.wait_ready()
    assert sidecar.logged(f"application discovered on port {app.port}")


# --- Probes of the app ---

PROBED = {"enable-app-health-check": "true", "app-health-probe-interval": 1,
          "app-health-threshold": 1}


def invoke(sidecar):
    return sidecar.get(f"/v1.0/invoke/{sidecar.app_id}/method/hi")


def names(tmp_path):
    return {"nameResolution": {"component": "sqlite", "version": "v1", "configuration": {
        "connectionString": str(tmp_path / "names.db")}}}


def test_a_probe_is_a_plain_get(bench, tmp_path):
    app = bench.app()
    app.route("/alive", reply(204))
    bench.sidecar(app=app, env={"APP_API_TOKEN": "secret"}, config=names(tmp_path),
                  flags={**PROBED, "app-health-check-path": "/alive"})
    probe = app.wait_one("/alive")
    assert probe.method == "GET" and probe.body == b""
    assert not [name for name in probe.names if name.lower().startswith("dapr")]
    assert probe.header("Traceparent") is None


def test_an_unhealthy_app_is_not_invoked_and_comes_back(bench, tmp_path):
    app = bench.app()
    app.route("/healthz", reply(503))
    app.route("/hi", reply(200, "hello"))
    sidecar = bench.sidecar(app=app, flags=PROBED, config=names(tmp_path))
    for _ in range(2):
        answer = until(lambda: _when(invoke(sidecar), 500), "refused invocation")
        assert_error(answer, 500, "ERR_DIRECT_INVOKE",
                     f"failed to invoke, id: {sidecar.app_id}, err: rpc error: code = Internal "
                     "desc = app is not in a healthy state")
        assert sidecar.get(HEALTHZ).status == 204
        app.route("/healthz", reply(200))
        until(lambda: invoke(sidecar).status == 200, "invocation to come back")
        app.route("/healthz", reply(503))
    assert sidecar.logged("App entered healthy status")
    sidecar.wait_log("App entered un-healthy status")


def _when(answer, status):
    return answer if answer.status == status else None


def test_the_apps_start_calls_wait_for_its_health(bench):
    app = bench.app()
    app.route("/healthz", reply(503))
    sidecar = bench.sidecar(app=app, flags=PROBED)
    app.wait_for("/healthz", 2)
    assert not app.requests("/dapr/config")
    app.route("/healthz", reply(200))
    app.wait_one("/dapr/config")
    assert sidecar.logged("App health probes starting")


def test_start_calls_are_repeated_when_the_app_comes_back(bench):
    app = bench.app()
    bench.sidecar(app=app, flags=PROBED)
    app.wait_for("/dapr/config", 1)
    app.route("/healthz", [reply(503), reply(200)])
    app.wait_for("/dapr/config", 2)


def test_failures_before_the_threshold_change_nothing(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app, flags={**PROBED, "app-health-threshold": 2})
    app.wait_one("/dapr/config")
    app.route("/healthz", [reply(503), reply(200)])
    seen = len(app.requests("/healthz"))
    app.wait_for("/healthz", seen + 2)
    assert not sidecar.logged("App entered un-healthy status")


def test_a_slow_probe_counts_as_a_failure(bench):
    app = bench.app()
    sidecar = bench.sidecar(app=app, flags={**PROBED, "app-health-probe-timeout": 200})
    app.wait_one("/dapr/config")
    app.route("/healthz", lambda request, sock: None if not sock.recv(1) else None)
    sidecar.wait_log("App entered un-healthy status")


def test_a_probe_longer_than_its_interval_stops_the_start(bench):
    sidecar = bench.sidecar(ready=False, flags={**PROBED, "app-health-probe-timeout": 1500})
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Fatal error from runtime: value for 'health-probe-timeout' must be "
                          "smaller than 'health-probe-interval'")
