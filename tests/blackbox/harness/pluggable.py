"""A component in a process of its own, as Dapr's pluggable components are: a gRPC server on a Unix socket that answers
server reflection, by the official library; its messages come out of proto/.

    store = Store(); with Server(folder / "mine.sock", store): ...

Every call is kept with what x-component-instance said."""

import os
import queue
import threading
from concurrent import futures

import grpc
from grpc_reflection.v1alpha import reflection

from harness import rpc

PACKAGE = "dapr.proto.components.v1."


def message(name, **fields):
    return rpc.message("components.v1." + name)(**fields)


def service_of(name):
    return rpc.POOL.FindServiceByName(PACKAGE + name)


def refuse(context, code, text, *details):
    """Ends the call with a status, and details: (google.rpc name, fields)."""
    packed = [rpc.Any(type_url="type.googleapis.com/google.rpc." + name, value=rpc.detail(name, **fields).SerializeToString())
              for name, fields in details]
    if packed:
        status = rpc.Status(code=code.value[0], message=text, details=packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, text)


class Server:
    """Serves the methods of its parts: each names its services and has a function for each method."""

    def __init__(self, path, *parts, reflects=True, workers=40):
        self.path, self.parts, self.reflects, self.workers = str(path), parts, reflects, workers
        self.server, self.calls, self.lock = None, [], threading.Lock()

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = grpc.server(futures.ThreadPoolExecutor(self.workers))
        names = []
        for part in self.parts:
            for name in part.services:
                self.server.add_generic_rpc_handlers((self._handlers(part, service_of(name)),))
                names.append(PACKAGE + name)
        if self.reflects:
            reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self.server)
        assert self.server.add_insecure_port("unix:" + self.path)
        self.server.start()
        return self

    def _handlers(self, part, service):
        made = {}
        for method in service.methods:
            function = getattr(part, method.name, None)
            if function is None:
                continue
            kind = grpc.stream_stream_rpc_method_handler if method.name in ("PullMessages", "Read") \
                else grpc.unary_unary_rpc_method_handler
            made[method.name] = kind(self._kept(service.name, method.name, function),
                                     rpc.class_of(method.input_type).FromString,
                                     lambda answer: answer.SerializeToString())
        return grpc.method_handlers_generic_handler(service.full_name, made)

    def _kept(self, service, name, function):
        def call(request, context):
            instance = dict(context.invocation_metadata()).get("x-component-instance")
            with self.lock:
                self.calls.append((f"{service}.{name}", instance, request))
            return function(request, context)
        return call

    def called(self, name):
        with self.lock:
            return [(instance, request) for one, instance, request in self.calls if one == name]

    def stop(self):
        if self.server:
            self.server.stop(0).wait()
        self.server = None

    __enter__ = start

    def __exit__(self, *_):
        self.stop()


class Part:
    features = ()

    def Init(self, request, context):
        self.properties = dict(request.metadata.properties)
        return message(self.init_response)

    def Features(self, request, context):
        return message("FeaturesResponse", features=self.features)


class Store(Part):
    """A dict with versions, transactions and a query that finds everything. fails: method -> what answers instead."""

    init_response = "InitResponse"

    def __init__(self, features=("ETAG", "TRANSACTIONAL", "QUERY_API"), extras=True, most=None):
        self.features, self.items, self.version, self.fails, self.most = list(features), {}, 0, {}, most
        self.services = ["StateStore"] + (["TransactionalStateStore", "QueriableStateStore"] if extras else [])
        if most is not None:
            self.services.append("TransactionalStoreMultiMaxSize")

    def _fault(self, name, context):
        if name in self.fails:
            self.fails[name](context)

    def _check(self, one, context):
        if one.HasField("etag") and (one.key not in self.items or self.items[one.key][1] != one.etag.value):
            refuse(context, grpc.StatusCode.FAILED_PRECONDITION, "no match",
                   ("BadRequest", {"field_violations": [{"field": "etag", "description": "the version is another"}]}))

    def _set(self, one):
        self.version += 1
        self.items[one.key] = (one.value, str(self.version), one.content_type)

    def Get(self, request, context):
        self._fault("Get", context)
        found = self.items.get(request.key)
        if not found:
            return message("GetResponse")
        return message("GetResponse", data=found[0], etag={"value": found[1]}, content_type=found[2],
                       metadata={"from": "afar"})

    def Set(self, request, context):
        self._fault("Set", context)
        self._check(request, context)
        self._set(request)
        return message("SetResponse")

    def Delete(self, request, context):
        self._fault("Delete", context)
        self._check(request, context)
        self.items.pop(request.key, None)
        return message("DeleteResponse")

    def BulkGet(self, request, context):
        self._fault("BulkGet", context)
        answer = message("BulkGetResponse")
        for one in reversed(request.items):
            found = self.items.get(one.key)
            if one.key.endswith("broken"):
                answer.items.add(key=one.key, error="it is broken")
            elif found:
                answer.items.add(key=one.key, data=found[0], etag={"value": found[1]})
        return answer

    def BulkSet(self, request, context):
        self._fault("BulkSet", context)
        for one in request.items:
            self._check(one, context)
        for one in request.items:
            self._set(one)
        return message("BulkSetResponse")

    def BulkDelete(self, request, context):
        self._fault("BulkDelete", context)
        for one in request.items:
            self.items.pop(one.key, None)
        return message("BulkDeleteResponse")

    def Transact(self, request, context):
        self._fault("Transact", context)
        for one in request.operations:
            if one.WhichOneof("request") == "set":
                self._set(one.set)
            else:
                self.items.pop(one.delete.key, None)
        return message("TransactionalStateResponse")

    def MultiMaxSize(self, request, context):
        return message("MultiMaxSizeResponse", max_size=self.most)

    def Query(self, request, context):
        self._fault("Query", context)
        answer = message("QueryResponse", token="more")
        for key, (value, etag, _) in sorted(self.items.items()):
            answer.items.add(key=key, data=value, etag={"value": etag})
        return answer


class Secrets(Part):
    services, init_response = ["SecretStore"], "SecretStoreInitResponse"
    features = ["MULTIPLE_KEY_VALUES_PER_SECRET"]
    secrets = {"db": {"user": "u", "password": "p"}, "plain": {"plain": "text"}}

    def Get(self, request, context):
        if request.key not in self.secrets:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such secret")
        return message("GetSecretResponse", data=self.secrets[request.key])

    def BulkGet(self, request, context):
        answer = message("BulkGetSecretResponse")
        for name, values in self.secrets.items():
            answer.data[name].secrets.update(values)
        return answer


class Events:
    """What a test puts in is streamed to whoever reads; what comes back is kept."""

    def __init__(self):
        self.waiting, self.answers, self.ended = queue.Queue(), queue.Queue(), threading.Event()

    def put(self, one):
        self.waiting.put(one)

    def stream(self, requests, context):
        def take():
            try:
                for one in requests:
                    self.answers.put(one)
            except Exception:  # the stream is broken: who waits for events hears it below
                pass
            self.ended.set()
            self.waiting.put(None)
        threading.Thread(target=take, daemon=True).start()
        while (one := self.waiting.get()) is not None:
            yield one


class Output(Part):
    services, init_response, operations = ["OutputBinding"], "OutputBindingInitResponse", ["create", "echo"]

    def ListOperations(self, request, context):
        return message("ListOperationsResponse", operations=self.operations)

    def Invoke(self, request, context):
        if request.metadata.get("fail"):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, request.metadata["fail"])
        return message("InvokeResponse", data=request.data, metadata={"was": request.operation}, content_type="text/plain")


class Input(Part):
    services, init_response = ["InputBinding"], "InputBindingInitResponse"

    def __init__(self):
        self.events = Events()

    def Read(self, requests, context):
        return self.events.stream(requests, context)


class Broker(Part):
    """A subscription gets what is put into events[topic]; what is published is kept, and fails as the test says."""

    services, init_response = ["PubSub"], "PubSubInitResponse"

    def __init__(self, features=()):
        self.features, self.published, self.events, self.failing = list(features), [], {}, None
        self.lock = threading.Lock()

    def topic(self, name):
        with self.lock:
            return self.events.setdefault(name, Events())

    def Publish(self, request, context):
        self.published.append(request)
        if self.failing:
            context.abort(*self.failing)
        return message("PublishResponse")

    def BulkPublish(self, request, context):
        self.published.append(request)
        answer = message("BulkPublishResponse")
        for one in request.entries:
            if b"bad" in one.event:
                answer.failed_entries.add(entry_id=one.entry_id, error="it is bad")
        return answer

    def PullMessages(self, requests, context):
        first = next(requests)
        self.first = first
        return self.topic(first.topic.name).stream(requests, context)


__all__ = ["Broker", "Events", "Input", "Output", "Part", "Secrets", "Server", "Store", "message", "refuse"]
