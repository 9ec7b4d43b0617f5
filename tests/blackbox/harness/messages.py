"""The peer protocol's messages as Python classes, made from proto/ by protoc."""

import os
import subprocess
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
SERVICE = "dapr.proto.internals.v1.ServiceInvocation"


def _load():
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", "-I", os.path.join(ROOT, "proto"), "--include_imports",
                        f"--descriptor_set_out={out.name}",
                        os.path.join(ROOT, "proto/dapr/proto/internals/v1/service_invocation.proto")], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read())
    pool = descriptor_pool.DescriptorPool()
    for one in files.file:
        pool.Add(one)
    return pool


_pool = _load()


def message(name):
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName("dapr.proto." + name))


Request = message("internals.v1.InternalInvokeRequest")
Response = message("internals.v1.InternalInvokeResponse")
RequestChunk = message("internals.v1.InternalInvokeRequestStream")
ResponseChunk = message("internals.v1.InternalInvokeResponseStream")
VERBS = {"GET": 1, "HEAD": 2, "POST": 3, "PUT": 4, "DELETE": 5, "CONNECT": 6, "OPTIONS": 7, "TRACE": 8, "PATCH": 9}


def request(method="x", verb="POST", metadata=(), query="", content_type="", data=None):
    made = Request(ver=1)
    made.metadata.get_or_create("Accept").values.append("*/*")
    for key, value in metadata:
        made.metadata[key].values.append(value)
    made.message.method = method
    made.message.content_type = content_type
    made.message.http_extension.verb = VERBS[verb]
    made.message.http_extension.querystring = query
    if data is not None:
        made.message.data.value = data
    return made


def response(code=200, headers=(), content_type="", data=None, message=""):
    made = Response()
    made.status.code = code
    made.status.message = message
    for key, value in headers:
        made.headers[key].values.append(value)
    made.message.content_type = content_type
    if data is not None:
        made.message.data.value = data
    return made


def pieces(data, size=2048):
    return [data[at:at + size] for at in range(0, len(data), size)]


def chunks(kind, first, data=b"", size=2048):
    """The first message and its payloads, numbered, as Dapr's sidecars cut them."""
    made = [kind(request=first) if kind is RequestChunk else kind(response=first)]
    for number, piece in enumerate(pieces(data, size)):
        if number:
            made.append(kind())
        made[-1].payload.data = piece
        made[-1].payload.seq = number
    return made
