"""A gRPC service of an application's own, which others reach through the sidecars: what a generated module would
hold, with the well-known message StringValue for its messages."""

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from say import ok

NAME = "shop.Greeter"


class Greeter:
    def SayHello(self, request, context):
        ok("app.proxy")
        context.set_trailing_metadata((("x-closing", "time"),))
        return StringValue(value=f"Hello {request.value}")

    def Refuse(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")

    def Repeat(self, request, context):
        for number in range(5):
            yield StringValue(value=f"{request.value} {number}")

    def Collect(self, requests, context):
        return StringValue(value="+".join(one.value for one in requests))

    def Chat(self, requests, context):
        for one in requests:
            yield StringValue(value=f"you said {one.value}")


def add_to_server(servicer, server):
    kinds = {"SayHello": grpc.unary_unary_rpc_method_handler, "Refuse": grpc.unary_unary_rpc_method_handler,
             "Repeat": grpc.unary_stream_rpc_method_handler, "Collect": grpc.stream_unary_rpc_method_handler,
             "Chat": grpc.stream_stream_rpc_method_handler}
    handlers = {name: kind(getattr(servicer, name), request_deserializer=StringValue.FromString,
                           response_serializer=StringValue.SerializeToString) for name, kind in kinds.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))


class GreeterStub:
    def __init__(self, channel):
        coders = {"request_serializer": StringValue.SerializeToString,
                  "response_deserializer": StringValue.FromString}
        self.SayHello = channel.unary_unary(f"/{NAME}/SayHello", **coders)
        self.Refuse = channel.unary_unary(f"/{NAME}/Refuse", **coders)
        self.Repeat = channel.unary_stream(f"/{NAME}/Repeat", **coders)
        self.Collect = channel.stream_unary(f"/{NAME}/Collect", **coders)
        self.Chat = channel.stream_stream(f"/{NAME}/Chat", **coders)
