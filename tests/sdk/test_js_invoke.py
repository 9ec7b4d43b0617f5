"""JavaScript: calls from one sidecar's application to another's over both protocols, and the API token."""

import pytest

from frame import js_command, js_sdk

SDKS = {"http": js_sdk("JavaScript", "HTTP"), "grpc": js_sdk("JavaScript", "gRPC")}
FEATURES = {"http": "invoke.get invoke.headers invoke.post invoke.large invoke.error invoke.missing".split(),
            "grpc": "invoke.grpc.post invoke.grpc.large invoke.grpc.error invoke.grpc.missing".split()}
CASES = [(protocol, feature) for protocol, features in FEATURES.items() for feature in features]


def ran(place, protocol):
    def make():
        env = {"PROTOCOL": protocol}
        _, other = place.serve(js_command("server.mjs"), protocol, env)
        return place.program(js_command("invoke.mjs"), place.sidecar(), {**env, "TARGET": other.app_id}).finish()
    return place.once(protocol, make)


@pytest.mark.parametrize("protocol, feature", CASES)
def test_a_call(place, row, protocol, feature):
    row(SDKS[protocol], feature)
    ran(place, protocol).check(feature)


@pytest.mark.parametrize("protocol", SDKS)
def test_nothing_it_does_is_left_out(place, protocol):
    assert set(ran(place, protocol).results()) == set(FEATURES[protocol])


@pytest.mark.parametrize("protocol", SDKS)
def test_a_client_sends_the_token(place, row, protocol):
    row(SDKS[protocol], "token")
    token = {"DAPR_API_TOKEN": "a word between us"}
    env = {**token, "PROTOCOL": protocol}
    place.program(js_command("api_token.mjs"), place.sidecar(env=token), env).finish().check("token")
