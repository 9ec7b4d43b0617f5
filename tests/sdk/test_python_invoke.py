"""Python: calls from one sidecar's application to another's, in every form the SDK has."""

import pytest

from frame import python_command, python_sdk

HTTP, AIO = python_sdk("Python", "HTTP"), python_sdk("Python, async", "HTTP")
GRPC = python_sdk("Python", "gRPC")
# Program, column, features.
PROGRAMS = {
    "invoke.py": (HTTP, """invoke.get invoke.post invoke.headers invoke.bytes invoke.trace invoke.large invoke.error
        invoke.missing"""),
    "invoke_aio.py": (AIO, "invoke.get invoke.post invoke.error"),
    "invoke_service.py": (GRPC, """invoke.grpc.post invoke.grpc.headers invoke.grpc.bytes
        invoke.grpc.trace invoke.grpc.large
        invoke.grpc.error invoke.grpc.missing invoke.service"""),
    "proxy.py": (GRPC, "proxy.unary proxy.stream proxy.error"),
}
CASES = [(script, feature) for script, (_, features) in PROGRAMS.items() for feature in features.split()]


def targets(place):
    """An application over HTTP and one over gRPC, each with its sidecar."""
    def make():
        return (place.serve(python_command("fastapi_app.py"), "http"),
                place.serve(python_command("grpc_app.py"), "grpc"))
    return place.once("targets", make)


def ran(place, script):
    def make():
        (_, over_http), (_, over_grpc) = targets(place)
        env = {"TARGET": over_grpc.app_id if script == "proxy.py" else over_http.app_id,
               "HTTP_TARGET": over_http.app_id, "GRPC_TARGET": over_grpc.app_id}
        if script == "invoke_service.py":
            env["DAPR_API_METHOD_INVOCATION_PROTOCOL"] = "grpc"
        caller = place.once("caller", place.sidecar)
        return place.program(python_command(script), caller, env).finish()
    return place.once(script, make)


@pytest.mark.parametrize("script, feature", CASES)
def test_a_call(place, row, script, feature):
    sdk, _ = PROGRAMS[script]
    row(sdk, feature)
    ran(place, script).check(feature)


@pytest.mark.parametrize("script", PROGRAMS)
def test_nothing_it_does_is_left_out(place, script):
    assert set(ran(place, script).results()) == set(PROGRAMS[script][1].split())


def test_the_service_of_the_application_was_called(place, row):
    row(python_sdk("Python, App", "gRPC"), "app.proxy")
    ran(place, "proxy.py")
    _, (app, _) = targets(place)
    app.wait_feature("app.proxy")
