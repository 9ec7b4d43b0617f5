"""Rows of docs/compatibility.md that belong to no other file: what is read, and what is said of it."""

import pytest

from harness.resources import component

pytestmark = pytest.mark.differs
HEAD = "apiVersion: dapr.io/v1alpha1\n"
RESILIENCY = HEAD + "kind: Resiliency\nmetadata:\n  name: careful\nspec:\n  policies:\n    timeouts:\n      short: 2s\n"
STORE = HEAD + "kind: Component\nmetadata:\n  name: store\nspec:\n  type: state.in-memory\n  version: v1\n"


def test_a_resiliency_counts_in_any_document(bench):
    sidecar = bench.sidecar(resources=[STORE + "---\n" + RESILIENCY])
    assert sidecar.metadata()["resiliencies"] == [{"name": "careful"}]


def test_a_resiliency_whose_name_is_no_path_segment_is_refused_at_start(bench):
    sidecar = bench.sidecar(resources=[RESILIENCY.replace("careful", "a/b"), RESILIENCY])
    assert sidecar.metadata()["resiliencies"] == [{"name": "careful"}]
    assert sidecar.logged("a/b")


def test_subscriptions_without_a_name_are_each_heard(bench):
    one = HEAD + "kind: Subscription\nspec:\n  pubsubname: ps\n  topic: {0}\n  route: /{0}\n"
    sidecar = bench.sidecar(resources=[component("ps", "pubsub.in-memory"), one.format("a") + "---\n" + one.format("b")])
    assert {entry["topic"] for entry in sidecar.metadata()["subscriptions"]} == {"a", "b"}


@pytest.mark.parametrize("text", ["soon", "-1s", "0s"])
def test_a_time_to_start_that_is_none_is_five_seconds(bench, text):
    sidecar = bench.sidecar(resources=[STORE.replace("  version: v1\n", f"  version: v1\n  initTimeout: \"{text}\"\n")])
    assert sidecar.component_names() == {"store"}
    assert any("level=warning" in line for line in sidecar.logged("initTimeout"))


def test_an_unknown_renegotiation_drops_the_endpoint(bench):
    sidecar = bench.sidecar(resources=[
        HEAD + "kind: HTTPEndpoint\nmetadata:\n  name: shop\nspec:\n  baseUrl: http://127.0.0.1:1\n  clientTLS:\n"
        "    renegotiation: Sometimes\n"])
    assert "httpEndpoints" not in sidecar.metadata()
    assert any("0.yaml:" in line for line in sidecar.logged("renegotiation"))


def test_a_key_twice_in_a_configuration_ends_the_start(bench):
    text = HEAD + "kind: Configuration\nmetadata:\n  name: c\nspec:\n  tracing:\n    samplingRate: \"1\"\n    samplingRate: \"0\"\n"
    sidecar = bench.sidecar(ready=False, config=text)
    assert sidecar.wait_end() == 1
    assert sidecar.logged("samplingRate")


def test_buckets_are_sorted_and_unique(bench):
    sidecar = bench.sidecar(config={"metrics": {"latencyDistributionBuckets": [100, 5, 100]}},
                            resources=[component("store", "state.in-memory")])
    sidecar.get("/v1.0/state/store/k")
    text = sidecar.request("GET", "/metrics", port=sidecar.metrics).text
    lines = [line for line in text.splitlines() if line.startswith("dapr_http_server_latency_bucket") and "state" in line]
    assert [line.partition('le="')[2].partition('"')[0] for line in lines] == ["5", "100", "+Inf"]


def test_the_log_level_is_also_called_warning(bench):
    sidecar = bench.sidecar(flags={"log-level": "warning"})
    assert not any("level=info" in line for line in sidecar.logged("level="))


def test_an_option_that_nobody_knows_is_told_of(bench):
    sidecar = bench.sidecar(resources=[component("store", "state.in-memory", {"colour": "red"})])
    assert any("level=warning" in line and "0.yaml:" in line for line in sidecar.logged("'colour'"))
