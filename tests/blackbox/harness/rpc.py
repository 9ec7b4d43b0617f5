"""The public gRPC API, spoken by the official grpcio: messages and methods come out of proto/, nothing is generated.

    dapr = rpc.Dapr(sidecar.grpc)
    dapr.SaveState(store_name="s", states=[{"key": "k", "value": b"1"}])
    answer = dapr.GetState(store_name="s", key="k", metadata={...}, call={"timeout": 5})

A failure is raised as a Failure: code, message and the details in plain words. rpc.message("runtime.v1.X") is a class."""

import os
import subprocess
import tempfile

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PROTO = os.path.join(ROOT, "proto")
SERVICE = "dapr.proto.runtime.v1.Dapr"
SECONDS = 20
T = descriptor_pb2.FieldDescriptorProto

# google.rpc, as far as errors use it: name, number, kind, or (name, number, repeated message).
STATUS_MESSAGES = {
    "Status": [("code", 1, T.TYPE_INT32), ("message", 2, T.TYPE_STRING), ("details", 3, ".google.protobuf.Any")],
    "ErrorInfo": [("reason", 1, T.TYPE_STRING), ("domain", 2, T.TYPE_STRING), ("metadata", 3, ".google.rpc.Pair")],
    "Pair": [("key", 1, T.TYPE_STRING), ("value", 2, T.TYPE_STRING)],
    "ResourceInfo": [("resource_type", 1, T.TYPE_STRING), ("resource_name", 2, T.TYPE_STRING),
                     ("owner", 3, T.TYPE_STRING), ("description", 4, T.TYPE_STRING)],
    "BadRequest": [("field_violations", 1, ".google.rpc.Violation")],
    "Violation": [("field", 1, T.TYPE_STRING), ("description", 2, T.TYPE_STRING)],
    "Help": [("links", 1, ".google.rpc.Link")],
    "Link": [("description", 1, T.TYPE_STRING), ("url", 2, T.TYPE_STRING)],
}


def _status_file():
    made = descriptor_pb2.FileDescriptorProto(name="google/rpc/errors.proto", package="google.rpc", syntax="proto3",
                                              dependency=["google/protobuf/any.proto"])
    for name, fields in STATUS_MESSAGES.items():
        one = made.message_type.add(name=name)
        for field, number, kind in fields:
            if isinstance(kind, str):
                one.field.add(name=field, number=number, type=T.TYPE_MESSAGE, type_name=kind, label=T.LABEL_REPEATED)
            else:
                one.field.add(name=field, number=number, type=kind, label=T.LABEL_OPTIONAL)
    return made


def _files():
    """What every .proto of the public and the peer protocol says, imports included."""
    names = [os.path.join(folder, name) for folder, _, found in os.walk(os.path.join(PROTO, "dapr"))
             for name in sorted(found) if name.endswith(".proto")]
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["protoc", "-I", PROTO, "--include_imports", f"--descriptor_set_out={out.name}", *names], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(out.read()).file


def _pool():
    pool = descriptor_pool.DescriptorPool()
    for one in _files():
        pool.Add(one)
    try:
        pool.FindFileByName("google/protobuf/any.proto")
    except KeyError:
        pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(_status_file())
    return pool


POOL = _pool()


def message(name):
    """The class of "runtime.v1.GetStateRequest", "common.v1.StateItem", …"""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName("dapr.proto." + name))


def _class(descriptor):
    return message_factory.GetMessageClass(descriptor)


class_of = _class


def detail(name, **fields):
    """A message of google.rpc; a dict of metadata becomes its pairs."""
    pairs = fields.pop("metadata", {})
    made = _class(POOL.FindMessageTypeByName("google.rpc." + name))(**fields)
    for key, value in pairs.items():
        made.metadata.add(key=key, value=value)
    return made


Any = _class(POOL.FindMessageTypeByName("google.protobuf.Any"))
Status = _class(POOL.FindMessageTypeByName("google.rpc.Status"))


# ----------------------------------------------------------------------------------------- failures
def error_info(reason, metadata=None):
    """ErrorInfo as Failure.details has it; what is empty is absent."""
    return ("ErrorInfo", {"reason": reason, "domain": "dapr.io", **({"metadata": metadata} if metadata else {})})


def resource_info(kind, name, description=""):
    pairs = {"resource_type": kind, "resource_name": name, "description": description}
    return ("ResourceInfo", {key: value for key, value in pairs.items() if value})


def bad_request(field, description):
    return ("BadRequest", {"field_violations": [{"field": field, "description": description}]})


def help_link(url, description):
    return ("Help", {"links": [{"description": description, "url": url}]})


def _plain(value):
    """A message as a dict without what is empty."""
    found = {}
    for field, one in value.ListFields():
        if field.name == "metadata":
            found["metadata"] = {pair.key: pair.value for pair in one}
        elif field.message_type:
            found[field.name] = [_plain(part) for part in one]
        else:
            found[field.name] = one
    return found


def _detail(packed):
    prefix, _, full = packed.type_url.rpartition("/")
    assert prefix == "type.googleapis.com", packed.type_url
    inner = _class(POOL.FindMessageTypeByName(full)).FromString(packed.value)
    return (full.rpartition(".")[2], _plain(inner))


class Failure(AssertionError):
    """How a call ended that was not OK. details are (name, members) in their order; [] when there are none."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        self.initial = list(error.initial_metadata() or ())
        self.trailing = list(error.trailing_metadata() or ())
        binary = [value for key, value in self.trailing if key == "grpc-status-details-bin"]
        assert len(binary) <= 1
        status = Status.FromString(binary[0]) if binary else None
        if status is not None:
            assert (status.code, status.message) == (error.code().value[0], self.message)
            assert status.details, "details that are empty are not sent"
        self.details = [_detail(one) for one in status.details] if status is not None else []
        super().__init__(f"{self.code}: {self.message} {self.details}")

    def is_late(self):
        """The call's time was over. The sidecar knows that time as well; when its answer wins, it tells what it asked."""
        return self.code == "DEADLINE_EXCEEDED" or "code = DeadlineExceeded" in self.message


def assert_failure(failure, code, text, details=()):
    """The whole failure, details with their number and order."""
    assert (failure.code, failure.message) == (code, text)
    assert failure.details == list(details)


def failure(do, *args, **fields):
    """How the call fails; one that does not is a failure of the test."""
    try:
        found = do(*args, **fields)
    except Failure as caught:
        return caught
    raise AssertionError(f"it did not fail, it answered {found!r}")


# What an access list leaves out.
DENIED = [error_info("Not Implemented", {"http.code": "501", "http.error_message": "requested endpoint is not available"})]


# ------------------------------------------------------------------------------------------- calls
class Method:
    """One method of the service. A unary call answers its message; answered() also the metadata around it."""

    def __init__(self, client, descriptor):
        self.client = client
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.request = _class(descriptor.input_type)
        self.response = _class(descriptor.output_type)

    def _prepare(self, call):
        options = {"timeout": SECONDS, **(call or {})}
        options["metadata"] = [*self.client.metadata, *options.get("metadata", ())]
        return options

    def answered(self, *given, call=None, **fields):
        """The message, the metadata in front of it and behind it."""
        made = given[0] if given else self.request(**fields)
        multi = self.client.channel.unary_unary(self.path, self.request.SerializeToString, self.response.FromString)
        try:
            answer, done = multi.with_call(made, **self._prepare(call))
        except grpc.RpcError as error:
            raise Failure(error) from None
        return answer, list(done.initial_metadata()), list(done.trailing_metadata())

    def __call__(self, *given, call=None, **fields):
        return self.answered(*given, call=call, **fields)[0]

    def raw(self, data, call=None):
        """Sends these bytes as the message; answers bytes."""
        multi = self.client.channel.unary_unary(self.path)
        try:
            return multi(data, **self._prepare(call))
        except grpc.RpcError as error:
            raise Failure(error) from None

    def stream(self, requests, call=None):
        """A method that streams both ways: requests is an iterator; answers grpcio's call object."""
        multi = self.client.channel.stream_stream(self.path, self.request.SerializeToString, self.response.FromString)
        return multi(requests, **self._prepare(call))


def numbered(method, data, options, size=50000):
    """Messages of a stream that carries data in numbered pieces, behind options."""
    yield method.request(options=options)
    for seq, at in enumerate(range(0, len(data), size)):
        yield method.request(payload={"data": data[at:at + size], "seq": seq})


class Client:
    """The methods of one service at an address, over one connection."""

    def __init__(self, port, service=SERVICE, metadata=(), options=()):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}" if isinstance(port, int) else port, options=[
            ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1), *options])
        self.metadata = list(metadata)
        self.service = POOL.FindServiceByName(service)
        for one in self.service.methods:
            setattr(self, one.name, Method(self, one))

    def close(self):
        self.channel.close()


def Dapr(port, metadata=(), options=()):
    return Client(port, SERVICE, metadata, options)
