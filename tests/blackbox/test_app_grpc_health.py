"""Health of an app that serves gRPC, as the sidecar probes it (grpc-api.md 5.2, http-api.md 5.11)."""

import grpc

from harness.grpc_app import HEALTH, Answer
from harness.metrics import value
from harness.wait import until

OK = Answer()
BROKEN = Answer(code=grpc.StatusCode.INTERNAL, text="not today")


def probed(bench, app, **more):
    flags = {"app-protocol": "grpc", "enable-app-health-check": "true", "app-health-probe-interval": 1,
             "app-health-probe-timeout": 500, "app-health-threshold": 2, **more.pop("flags", {})}
    return bench.sidecar(app=app, flags=flags, **more)


def test_a_probe_is_a_health_check(bench):
    app = bench.grpc_app()
    app.route(HEALTH, OK)
    sidecar = probed(bench, app, env={"APP_API_TOKEN": "secret"})
    sidecar.wait_log("App entered healthy status")
    call = app.wait_one(HEALTH)
    assert call.message == b"" and 0 < call.seconds <= 0.5
    names = {key for key, _ in call.metadata}
    assert not names & {"dapr-api-token", "traceparent", "grpc-trace-bin", "dapr-app-id"}
    assert call.value("user-agent")


def test_an_app_without_the_method_is_unhealthy(bench):
    app = bench.grpc_app()
    sidecar = probed(bench, app)
    until(lambda: len(app.seen(HEALTH)) >= 3, "probes")
    assert len(sidecar.logged("App is not healthy yet: rpc error: code = Unimplemented")) == 1
    assert sidecar.logged("App health probes starting") and not sidecar.logged("App entered healthy status")
    app.route(HEALTH, OK)
    sidecar.wait_log("App entered healthy status")


def test_it_becomes_unhealthy_and_well_again(bench):
    app = bench.grpc_app()
    app.route(HEALTH, OK)
    sidecar = probed(bench, app)
    sidecar.wait_log("App entered healthy status")
    app.route(HEALTH, BROKEN)
    line = sidecar.wait_log("App entered un-healthy status")[0]
    assert "rpc error: code = Internal desc = not today" in line
    app.route(HEALTH, OK)
    sidecar.wait_log("App entered healthy status", count=2)
    assert sidecar.is_ready()


def test_an_app_that_is_gone_is_unhealthy(bench):
    app = bench.grpc_app()
    app.route(HEALTH, OK)
    sidecar = probed(bench, app)
    sidecar.wait_log("App entered healthy status")
    app.stop()
    line = sidecar.wait_log("App entered un-healthy status")[0]
    assert "code = Unavailable" in line


def test_an_app_that_does_not_answer_is_unhealthy(bench):
    app = bench.grpc_app()
    app.route(HEALTH, OK)
    sidecar = probed(bench, app, flags={"app-health-probe-timeout": 100})
    sidecar.wait_log("App entered healthy status")

    def stall(call, context):
        done = []
        context.add_callback(lambda: done.append(1))
        until(lambda: done, "the end of the call")
        return OK

    app.route(HEALTH, stall)
    line = sidecar.wait_log("App entered un-healthy status")[0]
    assert "code = DeadlineExceeded" in line


def test_without_health_checks_nothing_is_asked(bench):
    app = bench.grpc_app()
    bench.sidecar(app=app, flags={"app-protocol": "grpc"})
    assert not app.seen(HEALTH)


def test_probes_are_counted_by_their_status(bench):
    app = bench.grpc_app()
    app.route(HEALTH, BROKEN)
    sidecar = probed(bench, app)
    until(lambda: app.seen(HEALTH), "a probe")

    until(lambda: value(sidecar, "dapr_grpc_io_healthprobes_completed_count", grpc_client_status="Internal"),
          "the metric")
