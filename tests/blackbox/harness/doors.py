"""One client with the same operations over both doors of a sidecar, results and failures in the same words.

    door = doors.open(sidecar, "http") or doors.open(sidecar, "grpc")
    door.save("store", [item("k", b'"v"', etag="1")]);  door.get("store", "k") == Value(b'"v"', "2", {})

What one door cannot say is not here: values that are saved are JSON, since HTTP can carry nothing else. A failure is
raised as Refused: code (an HTTP status, or the name of a gRPC code), name (the errorCode of HTTP), message, and details
as rpc.Failure has them. refused(...) is the same as an expectation, with what each door says."""

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import grpc

from harness import raw, rpc

DOORS = ("http", "grpc")
VERBS = {"GET": 1, "HEAD": 2, "POST": 3, "PUT": 4, "DELETE": 5, "CONNECT": 6, "OPTIONS": 7, "TRACE": 8, "PATCH": 9}
CONCURRENCY = {None: 0, "first-write": 1, "last-write": 2}
CONSISTENCY = {None: 0, "eventual": 1, "strong": 2}


# ----------------------------------------------------------------------------------------- results
@dataclass
class Value:
    """What get answers; etag None and data empty: there is no such item."""
    data: bytes = b""
    etag: str = None
    metadata: dict = field(default_factory=dict)


@dataclass
class Item:
    """One item to save, to delete or to have in a transaction; of bulk_get's answer too, with its error."""
    key: str
    value: bytes = None
    etag: str = None
    metadata: dict = field(default_factory=dict)
    concurrency: str = None
    consistency: str = None
    error: str = ""


@dataclass
class Entry:
    """One event of a bulk publish. event are the bytes that are published."""
    id: str
    event: bytes
    content_type: str = "application/json"
    metadata: dict = None


@dataclass
class Reply:
    """What an invoked app answered."""
    data: bytes
    content_type: str
    headers: dict


def item(key, value=None, **more):
    return Item(key, value, **more)


class Refused(AssertionError):
    def __init__(self, door, code, name, message, details):
        self.door, self.code, self.name, self.message, self.details = door, code, name, message, details
        super().__init__(f"{door}: {code} {name}: {message} {details}")


@dataclass
class Refusal:
    """What both doors are expected to say. http: status, errorCode, details; grpc: code, details."""
    message: str
    http: tuple
    grpc: tuple
    http_message: str = None

    def check(self, found):
        if found.door == "http":
            status, name, *details = self.http
            said = (found.code, found.name, found.message, found.details)
            assert said == (status, name, self.http_message or self.message, list(*details) if details else [])
        else:
            code, *details = self.grpc
            said = (found.code, found.message, found.details)
            assert said == (code, self.message, list(*details) if details else [])


def refused(message, http, grpc, http_message=None):
    return Refusal(message, http, grpc, http_message)


def open(sidecar, kind, seconds=raw.SECONDS):
    """seconds: the longest silence of an answer over HTTP."""
    return HttpDoor(sidecar, seconds) if kind == "http" else GrpcDoor(sidecar)


# -------------------------------------------------------------------------------------------- HTTP
def _details(listed):
    found = []
    for one in listed:
        name = one.pop("@type").rpartition(".")[2]
        found.append((name, {key: value for key, value in one.items() if value}))
    return found


class HttpDoor:
    kind = "http"

    def __init__(self, sidecar, seconds=raw.SECONDS):
        self.sidecar, self.seconds = sidecar, seconds

    def call(self, method, path, headers=(), body=None, metadata=None, query=None, expect=(200, 204)):
        pairs = [*(query or {}).items(), *((f"metadata.{key}", value) for key, value in (metadata or {}).items())]
        pairs = [(key, value) for key, value in pairs if value is not None]
        path += "?" + urlencode(pairs) if pairs else ""
        answer = raw.request(self.sidecar.http, method, path, headers, body, self.seconds)
        if answer.status not in expect:
            self.refuse(answer)
        return answer

    def refuse(self, answer):
        said = json.loads(answer.body) if answer.body.startswith(b'{"errorCode"') else {}
        raise Refused("http", answer.status, said.get("errorCode"), said.get("message", answer.text),
                      _details(said.get("details", [])))

    def close(self):
        pass

    # State
    def save(self, store, items, metadata=None):
        body = b"[" + b",".join(self.item(one) for one in items) + b"]"
        self.call("POST", f"/v1.0/state/{quote(store, safe='')}", JSON, body, metadata)

    def item(self, one):
        members = {"key": one.key, "etag": one.etag, "metadata": one.metadata or None,
                   "options": {key: value for key, value in (("concurrency", one.concurrency),
                                                             ("consistency", one.consistency)) if value} or None}
        written = json.dumps({key: value for key, value in members.items() if value is not None}).encode()
        return written if one.value is None else written[:-1] + b',"value":' + one.value + b"}"

    def get(self, store, key, consistency=None, metadata=None):
        answer = self.call("GET", f"/v1.0/state/{quote(store, safe='')}/{quote(key, safe='')}", (), None, metadata,
                           {"consistency": consistency})
        expiry = answer.header("Metadata.ttlexpiretime")
        return Value(answer.body, answer.header("Etag"), {"ttlExpireTime": expiry} if expiry else {})

    def delete(self, store, key, etag=None, concurrency=None, consistency=None, metadata=None):
        headers = [("If-Match", etag)] if etag is not None else []
        self.call("DELETE", f"/v1.0/state/{quote(store, safe='')}/{quote(key, safe='')}", headers, None, metadata,
                  {"concurrency": concurrency, "consistency": consistency})

    def bulk_get(self, store, keys, parallelism=None, metadata=None):
        body = {"keys": keys, **({"parallelism": parallelism} if parallelism else {}), **({"metadata": metadata} if metadata else {})}
        answer = self.call("POST", f"/v1.0/state/{quote(store, safe='')}/bulk", JSON, json.dumps(body).encode())
        return [Item(one["key"], json.dumps(one["data"]).encode() if "data" in one else b"", one.get("etag"),
                     one.get("metadata", {}), error=one.get("error", "")) for one in answer.json]

    def transact(self, store, operations, metadata=None):
        listed = b",".join(b'{"operation":' + json.dumps(kind).encode() + b',"request":' + self.item(one) + b"}"
                           for kind, one in operations)
        self.call("POST", f"/v1.0/state/{quote(store, safe='')}/transaction", JSON, b'{"operations":[' + listed + b"]}", metadata)

    def query(self, store, query, metadata=None):
        answer = self.call("POST", f"/v1.0-alpha1/state/{quote(store, safe='')}/query", JSON, query, metadata)
        found = answer.json if answer.body else {"results": []}
        return [Item(one["key"], json.dumps(one["data"]).encode(), one.get("etag")) for one in found["results"]]

    # Publish
    def publish(self, pubsub, topic, data=b"", content_type=None, metadata=None):
        headers = [("Content-Type", content_type)] if content_type is not None else []
        self.call("POST", f"/v1.0/publish/{quote(pubsub, safe='')}/{quote(topic)}", headers, data, metadata)

    def bulk_publish(self, pubsub, topic, entries, metadata=None):
        """The failed entries, as pairs of id and error."""
        listed = [self.entry(one) for one in entries]
        answer = self.call("POST", f"/v1.0/publish/bulk/{quote(pubsub, safe='')}/{quote(topic)}", JSON,
                           json.dumps(listed).encode(), metadata)
        return [(one["entryId"], one["error"]) for one in answer.json["failedEntries"]] if answer.body else []

    def entry(self, one):
        event = one.event
        if one.content_type.startswith("text/"):
            event = event.decode()
        elif "json" in one.content_type:
            event = json.loads(event)
        else:
            event = base64.b64encode(event).decode()
        made = {"entryId": one.id, "event": event, "contentType": one.content_type, "metadata": one.metadata}
        return {key: value for key, value in made.items() if value is not None}

    # Secrets
    def secret(self, store, key, metadata=None):
        answer = self.call("GET", f"/v1.0/secrets/{quote(store, safe='')}/{quote(key, safe='')}", (), None, metadata)
        return answer.json if answer.body else {}

    def bulk_secret(self, store, metadata=None):
        answer = self.call("GET", f"/v1.0/secrets/{quote(store, safe='')}/bulk", (), None, metadata)
        return answer.json if answer.body else {}

    # The sidecar
    # Configuration
    def settings(self, store, keys=(), metadata=None):
        """{key: (value, version, metadata)}"""
        wanted = [("key", key) for key in keys] + [(f"metadata.{key}", value) for key, value in (metadata or {}).items()]
        answer = self.call("GET", f"/v1.0/configuration/{quote(store, safe='')}" + ("?" + urlencode(wanted) if wanted else ""))
        found = answer.json if answer.body else {}
        return {key: (one.get("value", ""), one.get("version", ""), one.get("metadata", {})) for key, one in found.items()}

    # Bindings
    def bind(self, binding, operation, data=None, metadata=None):
        """The answer's data and metadata, whose names are in lower case. data: JSON."""
        body = json.dumps({"operation": operation, "metadata": metadata or {}}).encode()
        if data is not None:
            body = body[:-1] + b',"data":' + data + b"}"
        answer = self.call("POST", f"/v1.0/bindings/{quote(binding, safe='')}", JSON, body)
        found = {name.lower(): value for name, value in answer.headers}
        return answer.body, {name[9:]: value for name, value in found.items() if name.startswith("metadata.")}

    # Locks
    def lock(self, store, resource, owner, expiry=60):
        answer = self.call("POST", f"/v1.0-alpha1/lock/{quote(store, safe='')}", JSON,
                           json.dumps({"resourceId": resource, "lockOwner": owner, "expiryInSeconds": expiry}).encode())
        return answer.json["success"]

    def unlock(self, store, resource, owner):
        answer = self.call("POST", f"/v1.0-alpha1/unlock/{quote(store, safe='')}", JSON,
                           json.dumps({"resourceId": resource, "lockOwner": owner}).encode())
        return answer.json["status"]

    # Cryptography
    def encrypt(self, component, data, key, algorithm, cipher=None, omit=None, decryption_key=None):
        given = (("dapr-key-name", key), ("dapr-key-wrap-algorithm", algorithm), ("dapr-data-encryption-cipher", cipher),
                 ("dapr-omit-decryption-key-name", omit), ("dapr-decryption-key-name", decryption_key))
        return self.call("PUT", f"/v1.0-alpha1/crypto/{quote(component, safe='')}/encrypt",
                         [(name, value) for name, value in given if value], data).body

    def decrypt(self, component, data, key=None):
        return self.call("PUT", f"/v1.0-alpha1/crypto/{quote(component, safe='')}/decrypt",
                         [("dapr-key-name", key)] if key else [], data).body

    def metadata(self):
        return self.call("GET", "/v1.0/metadata").json

    def set_metadata(self, key, value):
        self.call("PUT", f"/v1.0/metadata/{quote(key, safe='')}", (), value.encode())

    def shutdown(self, force=None):
        self.call("POST", "/v1.0/shutdown", [("dapr-force-shutdown", force)] if force is not None else [])

    # Invocation
    def invoke(self, app_id, method, data=b"", content_type=None, verb="POST", query=None, headers=()):
        """headers: what the app shall see, names in lower case. Any status of the app but a 2xx is a Refused."""
        lines = [*headers, *([("Content-Type", content_type)] if content_type is not None else [])]
        answer = self.call(verb, f"/v1.0/invoke/{app_id}/method/{method}", lines, data, None, query, range(200, 300))
        found = {name.lower(): value for name, value in answer.headers}
        return Reply(answer.body, found.pop("content-type", ""), found)


JSON = (("Content-Type", "application/json"),)


# -------------------------------------------------------------------------------------------- gRPC
class GrpcDoor:
    kind = "grpc"

    def __init__(self, sidecar):
        self.dapr = rpc.Dapr(sidecar.grpc)

    def close(self):
        self.dapr.close()

    def call(self, method, headers=(), **fields):
        return self.answered(method, headers, **fields)[0]

    def answered(self, method, headers=(), **fields):
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            return getattr(self.dapr, method).answered(call={"metadata": list(headers)}, **given)
        except rpc.Failure as failure:
            raise Refused("grpc", failure.code, None, failure.message, failure.details) from None

    # State
    def save(self, store, items, metadata=None):
        listed = [self.item(one) for one in items]
        for one in listed:
            one["metadata"] = {**one["metadata"], **(metadata or {})}
        self.call("SaveState", store_name=store, states=listed)

    def item(self, one):
        made = {"key": one.key, "metadata": dict(one.metadata)}
        if one.value is not None:
            made["value"] = one.value
        if one.etag is not None:
            made["etag"] = {"value": one.etag}
        if one.concurrency or one.consistency:
            made["options"] = self.options(one.concurrency, one.consistency)
        return made

    def options(self, concurrency, consistency):
        if not concurrency and not consistency:
            return None
        return {"concurrency": CONCURRENCY[concurrency], "consistency": CONSISTENCY[consistency]}

    def get(self, store, key, consistency=None, metadata=None):
        answer = self.call("GetState", store_name=store, key=key, consistency=CONSISTENCY[consistency], metadata=metadata)
        return Value(answer.data, answer.etag or None, dict(answer.metadata))

    def delete(self, store, key, etag=None, concurrency=None, consistency=None, metadata=None):
        self.call("DeleteState", store_name=store, key=key, metadata=metadata,
                      etag=None if etag is None else {"value": etag}, options=self.options(concurrency, consistency))

    def bulk_get(self, store, keys, parallelism=None, metadata=None):
        answer = self.call("GetBulkState", store_name=store, keys=keys, parallelism=parallelism, metadata=metadata)
        return [Item(one.key, one.data, one.etag or None, dict(one.metadata), error=one.error) for one in answer.items]

    def transact(self, store, operations, metadata=None):
        self.call("ExecuteStateTransaction", storeName=store, metadata=metadata,
                      operations=[{"operationType": kind, "request": self.item(one)} for kind, one in operations])

    def query(self, store, query, metadata=None):
        answer = self.call("QueryStateAlpha1", store_name=store, query=query.decode(), metadata=metadata)
        return [Item(one.key, one.data, one.etag or None) for one in answer.results]

    # Publish
    def publish(self, pubsub, topic, data=b"", content_type=None, metadata=None):
        self.call("PublishEvent", pubsub_name=pubsub, topic=topic, data=data, data_content_type=content_type, metadata=metadata)

    def bulk_publish(self, pubsub, topic, entries, metadata=None):
        listed = [{"entry_id": one.id, "event": one.event, "content_type": one.content_type, "metadata": one.metadata or {}}
                  for one in entries]
        answer = self.call("BulkPublishEvent", pubsub_name=pubsub, topic=topic, entries=listed, metadata=metadata)
        return [(one.entry_id, one.error) for one in answer.failedEntries]

    # Secrets
    def secret(self, store, key, metadata=None):
        return dict(self.call("GetSecret", store_name=store, key=key, metadata=metadata).data)

    def bulk_secret(self, store, metadata=None):
        answer = self.call("GetBulkSecret", store_name=store, metadata=metadata)
        return {name: dict(one.secrets) for name, one in answer.data.items()}

    # The sidecar
    # Configuration
    def settings(self, store, keys=(), metadata=None):
        answer = self.call("GetConfiguration", store_name=store, keys=list(keys), metadata=metadata)
        return {key: (one.value, one.version, dict(one.metadata)) for key, one in answer.items.items()}

    # Bindings
    def bind(self, binding, operation, data=None, metadata=None):
        answer, before, _ = self.answered("InvokeBinding", name=binding, operation=operation, data=data, metadata=metadata)
        found = {name.lower(): value for name, value in answer.metadata.items()}
        assert found.items() <= {name[9:]: value for name, value in before if name.startswith("metadata.")}.items()
        return answer.data, found

    # Locks
    def lock(self, store, resource, owner, expiry=60):
        return self.call("TryLockAlpha1", store_name=store, resource_id=resource, lock_owner=owner,
                         expiry_in_seconds=expiry).success

    def unlock(self, store, resource, owner):
        return self.call("UnlockAlpha1", store_name=store, resource_id=resource, lock_owner=owner).status

    # Cryptography
    def encrypt(self, component, data, key, algorithm, cipher=None, omit=None, decryption_key=None):
        return self.crossed("EncryptAlpha1", data, component_name=component, key_name=key, key_wrap_algorithm=algorithm,
                            data_encryption_cipher=cipher, omit_decryption_key_name=bool(omit) or None,
                            decryption_key_name=decryption_key)

    def decrypt(self, component, data, key=None):
        return self.crossed("DecryptAlpha1", data, component_name=component, key_name=key)

    def crossed(self, method, data, **options):
        """What a stream makes of the data; its pieces are numbered without gaps."""
        pieces = []
        made = getattr(self.dapr, method)
        given = {name: value for name, value in options.items() if value is not None}
        try:
            for answer in made.stream(rpc.numbered(made, data, given)):
                assert answer.payload.seq == len(pieces)
                pieces.append(answer.payload.data)
        except grpc.RpcError as error:
            failure = rpc.Failure(error)
            raise Refused("grpc", failure.code, None, failure.message, failure.details) from None
        return b"".join(pieces)

    def metadata(self):
        """In the words of HTTP: what the message says, member by member."""
        return metadata_of(self.call("GetMetadata"))

    def set_metadata(self, key, value):
        self.call("SetMetadata", key=key, value=value)

    def shutdown(self, force=None):
        self.call("Shutdown", [("dapr-force-shutdown", force)] if force is not None else [])

    # Invocation
    def invoke(self, app_id, method, data=b"", content_type=None, verb="POST", query=None, headers=()):
        message = {"method": method, "data": {"value": data}, "content_type": content_type or "",
                   "http_extension": {"verb": VERBS[verb], "querystring": urlencode(query or {})}}
        answer, initial, trailing = self.answered("InvokeService", headers, id=app_id, message=message)
        return Reply(answer.data.value, answer.content_type, dict([*initial, *trailing]))


STATUS = ("INITIALIZING", "DISABLED", "RUNNING")
KINDS = ("UNKNOWN", "DECLARATIVE", "PROGRAMMATIC", "STREAMING")


def _filled(**members):
    return {name: value for name, value in members.items() if value}


def _subscription(one):
    rules = [_filled(match=rule.match, path=rule.path) for rule in one.rules.rules]
    return {"pubsubname": one.pubsub_name, "topic": one.topic, **_filled(metadata=dict(one.metadata), rules=rules),
            "deadLetterTopic": one.dead_letter_topic, "type": KINDS[one.type]}


def _app(one):
    health = one.health
    return {**_filled(port=one.port), "protocol": one.protocol,
            **_filled(channelAddress=one.channel_address, maxConcurrency=one.max_concurrency), **_filled(health=_filled(
                healthCheckPath=health.health_check_path, healthProbeInterval=health.health_probe_interval,
                healthProbeTimeout=health.health_probe_timeout, healthThreshold=health.health_threshold))}


def metadata_of(m):
    """GetMetadataResponse as the document of HTTP."""
    runtime = {"runtimeStatus": STATUS[m.actor_runtime.runtime_status], "hostReady": m.actor_runtime.host_ready,
               **_filled(placement=m.actor_runtime.placement)}
    named = lambda listed: [{"name": one.name} for one in listed]  # noqa: E731
    components = [{"name": one.name, "type": one.type, **_filled(version=one.version, capabilities=list(one.capabilities))}
                  for one in m.registered_components]
    found = {"id": m.id, "runtimeVersion": m.runtime_version, **_filled(
        enabledFeatures=list(m.enabled_features), components=components), "extended": dict(m.extended_metadata),
        **_filled(subscriptions=[_subscription(one) for one in m.subscriptions], httpEndpoints=named(m.http_endpoints))}
    if m.HasField("app_connection_properties"):
        found["appConnectionProperties"] = _app(m.app_connection_properties)
    return {**found, "actorRuntime": runtime, **_filled(
        mcpServers=named(m.mcp_servers), workflowAccessPolicies=named(m.workflow_access_policies),
        resiliencies=named(m.resiliencies))}
