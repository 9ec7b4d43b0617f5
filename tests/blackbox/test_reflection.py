"""gRPC reflection on both servers (grpc-api.md 1.1, 1.6), asked by the official client."""

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

PEERS = "dapr.proto.internals.v1.ServiceInvocation"


@pytest.fixture(scope="module")
def sidecar(shared):
    return shared.sidecar(app_id="mirror")


def ask(port, metadata=(("dapr-app-id", "mirror"),), **question):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(host="h", **question)
        answers = list(stub.ServerReflectionInfo(iter([request, request]), metadata=metadata, timeout=10))
    assert len(answers) == 2 and answers[0] == answers[1]
    assert answers[0].valid_host == "h" and answers[0].original_request == request
    return answers[0]


@pytest.mark.parametrize("server", ["grpc", "peer"])
def test_services_are_listed(sidecar, server):
    names = {one.name for one in ask(getattr(sidecar, server), list_services="").list_services_response.service}
    assert {"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"} <= names
    assert (PEERS in names) == (server == "peer")


@pytest.mark.parametrize("symbol", [PEERS, PEERS + ".CallLocalStream", "dapr.proto.common.v1.HTTPExtension.Verb",
                                    "dapr.proto.runtime.v1.Dapr", "dapr.proto.runtime.v1.AppCallback.OnTopicEvent"])
def test_a_symbol_brings_its_file_and_what_it_imports(sidecar, symbol):
    files = ask(sidecar.peer, file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto
    assert files and len(set(files)) == len(files)


def test_a_file_is_found_by_its_name(sidecar):
    name = "dapr/proto/internals/v1/service_invocation.proto"
    files = ask(sidecar.peer, file_by_filename=name).file_descriptor_response.file_descriptor_proto
    assert name.encode() in files[0]


@pytest.mark.parametrize("question", [{"file_containing_symbol": "no.such"}, {"file_by_filename": "no.proto"},
                                      {"all_extension_numbers_of_type": "no.such"}])
def test_what_is_not_there_is_not_found(sidecar, question):
    assert ask(sidecar.grpc, **question).error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


@pytest.mark.differs
def test_no_app_id_is_needed(sidecar):
    """Nor any setting of the tracing (grpc-api.md 10, row 4)."""
    assert ask(sidecar.grpc, metadata=(), list_services="").list_services_response.service
