"""What our client makes of the negative server: a sidecar has it as its app, the official library calls."""

import grpc

from harness.any_app import Client
from negative_server import ANSWER, NegativeServer

PATH = "/grpc.testing.TestService/UnaryCall"
CASES = {}


def case(check):
    CASES[check.__name__] = check
    return check


def begin(client, message=b"m"):
    return client.channel.unary_unary(PATH).future(message, metadata=client.metadata, timeout=20)


@case
def goaway(server, client):
    """New calls go on a new connection, the old call is finished."""
    old = begin(client)
    server.wait_call(1)
    assert server.said.wait(10)
    assert begin(client).result() == ANSWER
    assert not old.done() and server.calls[1].wire is not server.calls[0].wire
    server.hold.set()
    assert old.result() == ANSWER
    assert begin(client).result() == ANSWER
    assert server.calls[2].wire is server.calls[1].wire


def fails(server, client):
    fault = begin(client).exception()
    assert fault is not None and fault.code() == grpc.StatusCode.INTERNAL, fault
    assert fault.details() == "stream terminated by RST_STREAM with error code: NO_ERROR", fault.details()
    assert len(server.calls) == 1


@case
def rst_after_header(server, client):
    fails(server, client)


@case
def rst_during_data(server, client):
    fails(server, client)


@case
def rst_after_data(server, client):
    fails(server, client)


@case
def ping(server, client):
    """Every ping is answered, whatever the call is doing."""
    assert begin(client).result() == ANSWER
    assert server.pings == 5


@case
def max_streams(server, client):
    """Calls wait, and all complete."""
    assert begin(client).result() == ANSWER
    calls = [begin(client) for _ in range(15)]
    assert [one.result() for one in calls] == [ANSWER] * 15
    assert server.most_open == 1


def run(name, sidecar_for):
    """None: it passed. Else why not."""
    with NegativeServer(name) as server:
        sidecar = sidecar_for(server)
        with Client(sidecar.grpc, ("dapr-app-id", "negative")) as client:
            try:
                CASES[name](server, client)
            except (AssertionError, grpc.RpcError) as fault:
                return repr(fault)
    return None
