"""The primary of a replica set, as far as a state store talks to one: OP_MSG over loopback, documents in memory, updates
by pipeline, transactions. It keeps every command it was sent, and can be told to fail.

It stands where no mongod can be installed; what it checks is what goes over the wire."""

import copy
import datetime
import re
import socket
import struct
import threading

import bson
from bson.int64 import Int64

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
QUIET = {"hello", "isMaster", "ismaster", "ping", "endSessions", "buildInfo"}


class Refused(Exception):
    def __init__(self, code, message, labels=()):
        super().__init__(message)
        self.code, self.labels = code, labels


class Replica:
    def __init__(self):
        self.docs = {}
        self.begun = {}                         # a transaction's own view, by session
        self.commands = []                      # (name, command), those that are not QUIET
        self.failures = []                      # (command, Refused), each once
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def sent(self, name):
        return [command for told, command in self.commands if told == name]

    # --- The wire ---

    def _accept(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line):
        try:
            with line, line.makefile("rb") as source:
                while head := source.read(16):
                    length, request, _, opcode = struct.unpack("<iiii", head)
                    body = source.read(length - 16)
                    if opcode == OP_QUERY:
                        command = bson.decode(body[4 + body[4:].index(0) + 1 + 8:])
                        answer = bson.encode(self._answer(command))
                        payload = struct.pack("<iqii", 8, 0, 0, 1) + answer
                        line.sendall(struct.pack("<iiii", 16 + len(payload), 1, request, OP_REPLY) + payload)
                    else:
                        try:
                            answer = self._answer(self._command(body))
                        except bson.errors.InvalidBSON:
                            answer = {"ok": 0.0, "code": 2, "errmsg": "a string is no UTF-8"}
                        payload = struct.pack("<I", 0) + b"\0" + bson.encode(answer)
                        line.sendall(struct.pack("<iiii", 16 + len(payload), 1, request, OP_MSG) + payload)
        except OSError:
            pass

    @staticmethod
    def _command(body):
        """Section 0 is the command, sections 1 are lists of its documents."""
        command, lists, at = None, {}, 4
        while at < len(body):
            kind, size = body[at], struct.unpack_from("<i", body, at + 1)[0]
            if kind == 0:
                command = bson.decode(body[at + 1:at + 1 + size])
            else:
                end = body.index(0, at + 5)
                name, inner = body[at + 5:end].decode(), end + 1
                lists[name] = []
                while inner < at + 1 + size:
                    length = struct.unpack_from("<i", body, inner)[0]
                    lists[name].append(bson.decode(body[inner:inner + length]))
                    inner += length
            at += 1 + size
        return {**command, **lists}

    def _answer(self, command):
        name = next(iter(command))
        with self.lock:
            if name not in QUIET:
                self.commands.append((name, command))
            try:
                for planned in self.failures:
                    if planned[0] == name:
                        self.failures.remove(planned)
                        raise planned[1]
                return {**getattr(self, "_" + name.lower())(command), "ok": 1.0}
            except Refused as refused:
                return {"ok": 0.0, "code": refused.code, "codeName": "X", "errmsg": str(refused),
                        **({"errorLabels": list(refused.labels)} if refused.labels else {})}

    # --- Commands ---

    def _hello(self, command):
        return {"helloOk": True, "ismaster": True, "isWritablePrimary": True, "secondary": False, "setName": "rs0",
                "setVersion": 1, "hosts": [self.address], "me": self.address, "primary": self.address,
                "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000,
                "localTime": datetime.datetime.now(datetime.timezone.utc), "logicalSessionTimeoutMinutes": 30,
                "minWireVersion": 0, "maxWireVersion": 17, "readOnly": False}

    _ismaster = _hello

    def _nothing(self, command):
        return {}

    _ping = _endsessions = _createindexes = _nothing

    def _view(self, command):
        """The documents that this command sees: a transaction has its own until it commits."""
        if "autocommit" not in command:
            return self.docs
        session = bytes(command["lsid"]["id"])
        if command.get("startTransaction"):
            self.begun[session] = copy.deepcopy(self.docs)
        if session not in self.begun:
            raise Refused(251, "no such transaction", ["TransientTransactionError"])
        return self.begun[session]

    def _committransaction(self, command):
        self.docs = self._view(command)
        self.begun.pop(bytes(command["lsid"]["id"]))
        return {}

    def _aborttransaction(self, command):
        self.begun.pop(bytes(command["lsid"]["id"]), None)
        return {}

    def _update(self, command):
        docs, matched, upserted = self._view(command), 0, []
        for index, one in enumerate(command["updates"]):
            found = [doc for doc in docs.values() if matches(doc, one["q"])]
            for doc in found[:1]:
                matched += 1
                apply(doc, one["u"])
            if not found and one.get("upsert"):
                key = one["q"]["_id"]
                if key in docs:
                    return {"n": matched, "nModified": matched, "writeErrors": [
                        {"index": index, "code": 11000, "errmsg": "E11000 duplicate key error"}]}
                docs[key] = {"_id": key}
                apply(docs[key], one["u"])
                upserted.append({"index": index, "_id": key})
        answer = {"n": matched + len(upserted), "nModified": matched}
        return {**answer, "upserted": upserted} if upserted else answer

    def _delete(self, command):
        docs = self._view(command)
        found = [key for key, doc in docs.items() if matches(doc, command["deletes"][0]["q"])][:1]
        for key in found:
            del docs[key]
        return {"n": len(found)}

    def _find(self, command):
        found = [doc for doc in self._view(command).values() if matches(doc, command["filter"])]
        for path, direction in reversed(list(command.get("sort", {}).items())):
            found.sort(key=lambda doc: (at(doc, path) is not None, at(doc, path)), reverse=direction < 0)
        found = found[command.get("skip", 0):]
        if command.get("limit"):
            found = found[:command["limit"]]
        return {"cursor": {"id": Int64(0), "ns": f"{command['$db']}.{command['find']}", "firstBatch": found}}


# --- Filters, expressions and pipelines ---

def at(doc, path):
    for part in path.split("."):
        doc = doc.get(part) if isinstance(doc, dict) else None
    return doc


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def evaluate(value, doc):
    if value == "$$NOW":
        return now()
    if isinstance(value, str) and value.startswith("$"):
        return at(doc, value[1:])
    if isinstance(value, list):
        return [evaluate(one, doc) for one in value]
    if not isinstance(value, dict):
        return value
    operator = next(iter(value), "")
    if not operator.startswith("$"):
        if any(not key or "." in key for key in value):
            raise Refused(16412, "field names of an expression may not be empty or contain '.'")
        return {key: evaluate(one, doc) for key, one in value.items()}
    if operator == "$literal":
        return value[operator]
    terms = [evaluate(one, doc) for one in value[operator]]
    if operator == "$add":
        return terms[0] + datetime.timedelta(milliseconds=terms[1])
    return {"$eq": lambda: terms[0] == terms[1], "$or": lambda: any(terms), "$and": lambda: all(terms),
            "$ifNull": lambda: terms[1] if terms[0] is None else terms[0],
            "$gt": lambda: order(*terms) > 0, "$gte": lambda: order(*terms) >= 0, "$lt": lambda: order(*terms) < 0}[operator]()


def order(one, other):
    """null is below everything."""
    if one is None or other is None:
        return (one is not None) - (other is not None)
    return (one > other) - (one < other)


def apply(doc, pipeline):
    for stage in pipeline:
        for key, value in next(iter(stage.values())).items():
            if value == "$$REMOVE":
                doc.pop(key, None)
                continue
            made = evaluate(value, doc)
            if made is None and isinstance(value, str):
                doc.pop(key, None)              # a path to nothing
            else:
                doc[key] = made


def meets(value, condition):
    if not isinstance(condition, dict) or not next(iter(condition), "").startswith("$"):
        return value == condition
    tests = {"$eq": lambda a: value == a, "$ne": lambda a: value != a, "$in": lambda a: value in a,
             "$regex": lambda a: re.search(a.replace("\\z", "\\Z"), value, re.S) is not None, "$options": lambda a: True,
             "$gt": lambda a: type(value) is type(a) and value > a, "$gte": lambda a: type(value) is type(a) and value >= a,
             "$lt": lambda a: type(value) is type(a) and value < a, "$lte": lambda a: type(value) is type(a) and value <= a}
    return all(tests[operator](argument) for operator, argument in condition.items())


def matches(doc, condition):
    for key, wanted in condition.items():
        if key == "$and" and not all(matches(doc, one) for one in wanted):
            return False
        if key == "$or" and not any(matches(doc, one) for one in wanted):
            return False
        if key == "$expr" and not evaluate(wanted, doc):
            return False
        if not key.startswith("$") and not meets(at(doc, key), wanted):
            return False
    return True
