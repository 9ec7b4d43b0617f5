"""The end over gRPC (grpc-api.md 3.14). What both doors share is in doors/metadata.py too."""

import pytest

from harness import rpc
from harness.rpc import DENIED, assert_failure, failure


def test_shutdown_is_ok_then_graceful(bench):
    sidecar = bench.sidecar()
    answer = rpc.Dapr(sidecar.grpc).Shutdown()
    assert answer.SerializeToString() == b""
    assert sidecar.wait_end() == 0
    assert sidecar.logged("Shutdown requested via API") and sidecar.logged("Daprd shutdown gracefully")


@pytest.mark.parametrize("word", ["true", "TRUE", "True"])
def test_shutdown_by_force_exits_with_1(bench, word):
    sidecar = bench.sidecar()
    rpc.Dapr(sidecar.grpc).Shutdown(call={"metadata": [("dapr-force-shutdown", word)]})
    assert sidecar.wait_end() == 1
    assert sidecar.logged("Force shutdown requested, exiting immediately without graceful shutdown")
    assert not sidecar.logged("Daprd shutdown gracefully")


@pytest.mark.parametrize("word", ["false", "1", ""])
def test_another_word_forces_nothing(bench, word):
    sidecar = bench.sidecar()
    rpc.Dapr(sidecar.grpc).Shutdown(call={"metadata": [("dapr-force-shutdown", word)]})
    assert sidecar.wait_end() == 0


def test_a_message_that_is_none_ends_nothing(bench):
    sidecar = bench.sidecar()
    dapr = rpc.Dapr(sidecar.grpc)
    assert_failure(failure(dapr.Shutdown.raw, b"\x0a\xff"), "INTERNAL",
                   "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data")
    assert dapr.GetMetadata().id == sidecar.app_id


def test_the_access_list_knows_it(bench):
    sidecar = bench.sidecar(config={"api": {"denied": [{"name": "shutdown", "version": "v1", "protocol": "grpc"}]}})
    dapr = rpc.Dapr(sidecar.grpc)
    assert_failure(failure(dapr.Shutdown), "UNIMPLEMENTED", "Not Implemented", DENIED)
    assert dapr.GetMetadata().id == sidecar.app_id
