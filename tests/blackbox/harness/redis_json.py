"""A Redis that knows JSON documents and searches them, which Debian's does not: fakeredis executes all but FT.*, an
emulator of RedisJSON; the text of a search is executed by Debian's RediSearch 1.2, which is real but knows hashes
only, so that the documents are laid before it as such. What was asked is written down."""

import json
import os
import socket
import socketserver
import threading

import redis

from harness.services import Service

SEARCH_MODULE = "/usr/lib/redis/modules/redisearch.so"
HAS_SEARCH = os.path.exists(SEARCH_MODULE)


def line_read(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    return line


def reply_read(stream):
    """The bytes of one reply."""
    line = line_read(stream)
    if line[:1] == b"$" and line != b"$-1\r\n":
        return line + stream.read(int(line[1:]) + 2)
    if line[:1] == b"*" and line != b"*-1\r\n":
        return line + b"".join(reply_read(stream) for _ in range(int(line[1:])))
    return line


def command_read(stream):
    """The bytes of a command, and its words."""
    line = line_read(stream)
    raw, words = line, []
    for _ in range(int(line[1:])):
        part = reply_read(stream)
        raw += part
        words.append(part.split(b"\r\n", 1)[1][:-2])
    return raw, words


def bulk(value):
    return b"$%d\r\n%s\r\n" % (len(value), value)


def as_redis(name, answer):
    """The emulator's answers in the form that Redis gives them."""
    if answer.startswith(b"-ERR WRONGTYPE"):
        return answer.replace(b"-ERR ", b"-", 1)
    return bulk(answer[1:-2]) if name in (b"JSON.GET", b"SCRIPT") and answer[:1] == b"+" else answer


class _Front(socketserver.StreamRequestHandler):
    def handle(self):
        owner = self.server.owner
        with owner.emulator_connect() as behind:
            stream = behind.makefile("rb")
            while True:
                try:
                    raw, words = command_read(self.rfile)
                except (EOFError, ConnectionError, ValueError):
                    return
                owner.asked.append([word.decode("utf-8", "replace") for word in words])
                if words[0].startswith(b"FT."):
                    self.wfile.write(owner.search_answer([word.decode() for word in words]))
                    continue
                if words[0] == b"JSON.GET" and words[1:] and owner.is_hash(words[1]):
                    self.wfile.write(b"-Existing key has wrong Redis type\r\n")
                    continue
                behind.sendall(raw)
                self.wfile.write(as_redis(words[0], reply_read(stream)))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class RedisJson:
    """searches: with RediSearch behind FT.*; else these commands are unknown."""

    def __init__(self, searches=True):
        self.asked = []
        self.indexes = {}                       # name: {alias: (path, kind)}
        self.laid = {}                          # (index, key): the fields that the search server has
        self.lock = threading.Lock()
        self.emulator = Service("fakeredis")
        self.search_server = Service("redis", "--module", SEARCH_MODULE) if searches else None
        self.search = redis.Redis(port=self.search_server.port, protocol=2) if searches else None
        self.front = _Server(("127.0.0.1", 0), _Front)
        self.front.owner = self
        threading.Thread(target=self.front.serve_forever, daemon=True).start()
        self.client = redis.Redis(port=self.emulator.port, decode_responses=True, protocol=2)

    @property
    def address(self):
        return f"127.0.0.1:{self.front.server_address[1]}"

    def emulator_connect(self):
        return socket.create_connection(("127.0.0.1", self.emulator.port))

    def is_hash(self, key):
        try:
            return self.client.hlen(key) > 0
        except redis.ResponseError:
            return False

    def commands(self, name):
        return [words for words in self.asked if words[0] == name]

    def document(self, key):
        found = self.client.execute_command("JSON.GET", key, "$")
        return json.loads(found)[0] if found else None

    def search_answer(self, words):
        if not self.search:
            return b"-ERR unknown command '%s', with args beginning with: \r\n" % words[0].encode()
        with self.lock:
            try:
                return {"FT.CREATE": self.create, "FT.DROPINDEX": self.drop, "FT.SEARCH": self.find}[words[0]](*words[1:])
            except redis.ResponseError as error:
                return b"-%s\r\n" % str(error).encode()

    def create(self, name, *words):
        assert words[:5] == ("ON", "JSON", "STOPWORDS", "0", "SCHEMA"), words
        if name in self.indexes:
            return b"-Index already exists\r\n"
        keys, flat, words = {}, [], words[5:]
        for at in range(0, len(words), 5):
            path, as_, alias, kind, sortable = words[at:at + 5]
            assert (as_, sortable) == ("AS", "SORTABLE") and path.startswith("$.data."), words
            keys[alias] = (path.split(".")[2:], kind)
            flat += [alias, kind, "SORTABLE"]
        self.search.execute_command("FT.CREATE", name, "STOPWORDS", 0, "SCHEMA", *flat)
        self.indexes[name] = keys
        return b"+OK\r\n"

    def drop(self, name):
        if name not in self.indexes:
            return b"-Unknown Index name\r\n"
        del self.indexes[name]
        self.search.execute_command("FT.DROP", name)
        return b"+OK\r\n"

    def _fields(self, name, document):
        for alias, (path, kind) in self.indexes[name].items():
            value = document["data"]
            for part in path:
                value = value.get(part) if isinstance(value, dict) else None
            if isinstance(value, str if kind == "TEXT" else (int, float)):
                yield from (alias, value)

    def _documents(self):
        for key in sorted(self.client.keys("*")):
            if not self.is_hash(key):
                yield key, self.document(key)

    def find(self, name, *words):
        documents = dict(self._documents())
        for key, document in documents.items():
            fields = list(self._fields(name, document))
            if fields and self.laid.get((name, key)) != fields:
                self.laid[name, key] = fields
                self.search.execute_command("FT.ADD", name, key, 1, "REPLACE", "FIELDS", *fields)
        found = self.search.execute_command("FT.SEARCH", name, *words)
        rows = [(key.decode(), documents[key.decode()]) for key in found[1::2]]
        answer = b"*%d\r\n:%d\r\n" % (1 + 2 * len(rows), found[0])
        for key, document in rows:
            data = json.dumps(document["data"], ensure_ascii=False).encode()
            answer += bulk(key.encode()) + b"*4\r\n" + bulk(b"$.data") + bulk(data) + bulk(b"$.version")
            answer += bulk(str(document["version"]).encode())
        return answer

    def stop(self):
        self.front.shutdown()
        self.front.server_close()
        for server in (self.emulator, self.search_server):
            if server:
                server.stop()
