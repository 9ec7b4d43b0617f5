"""Calls of a gRPC service of the application TARGET by its stub: only the address and `dapr-app-id` differ."""

import os

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from greeter import GreeterStub
from say import feature, same

TO = (("dapr-app-id", os.environ["TARGET"]),)


def say(text):
    return StringValue(value=text)


def main(stub):
    with feature("proxy.unary"):
        answer, call = stub.SayHello.with_call(say("Ann"), metadata=TO)
        same((answer.value, dict(call.trailing_metadata())["x-closing"]), ("Hello Ann", "time"))
    with feature("proxy.stream"):
        same([one.value for one in stub.Repeat(say("x"), metadata=TO)], [f"x {n}" for n in range(5)])
        same(stub.Collect(iter([say("a"), say("b")]), metadata=TO).value, "a+b")
        same([one.value for one in stub.Chat(iter([say("a"), say("b")]), metadata=TO)], ["you said a", "you said b"])
    with feature("proxy.error"):
        try:
            stub.Refuse(say("Ann"), metadata=TO)
            raise AssertionError("it was taken")
        except grpc.RpcError as error:
            same((error.code().name, error.details()), ("FAILED_PRECONDITION", "not today"))


with grpc.insecure_channel(f"127.0.0.1:{os.environ['DAPR_GRPC_PORT']}") as channel:
    main(GreeterStub(channel))
