"""A server that speaks the documented part of Kubernetes' API about Secrets: get, list, create, replace, delete in
namespaces, bearer tokens, client certificates (of the authority, any name). Not a cluster: it keeps everything in memory.

    kubernetes.py PORT TOKEN-FILE CERTIFICATE KEY AUTHORITY

A token counts when it stands in TOKEN-FILE at that moment, so that rotation can be tested."""

import json
import sys
import threading

from rest import Handler, serve

LOCK = threading.Lock()
KEPT = {}                               # (namespace, name) -> secret


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "code": code}


class Kubernetes(Handler):
    def allowed(self):
        with open(sys.argv[2], encoding="ascii") as file:
            tokens = file.read().split()
        kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if self.connection.getpeercert() or (kind == "Bearer" and token in tokens):
            return True
        self.answer(401, status(401, "Unauthorized", "Unauthorized"))
        return False

    def read(self, match, *_):
        with LOCK:
            found = KEPT.get((match[1], match[2]))
        if found:
            return self.answer(200, found)
        return self.answer(404, status(404, "NotFound", f'secrets "{match[2]}" not found'))

    def everything(self, match, *_):
        if match[1] == "forbidden":
            return self.answer(403, status(403, "Forbidden", "secrets is forbidden"))
        with LOCK:
            items = [{"metadata": one["metadata"], "data": one["data"], "type": one["type"]}
                     for key, one in sorted(KEPT.items()) if key[0] == match[1]]
        return self.answer(200, {"kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})

    def write(self, match, _, body):
        given = json.loads(body)
        name = given["metadata"]["name"]
        made = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name, "namespace": match[1]},
                "data": given.get("data"), "type": "Opaque"}
        with LOCK:
            KEPT[(match[1], name)] = made
        return self.answer(201, made)

    def remove(self, match, *_):
        with LOCK:
            KEPT.pop((match[1], match[2]), None)
        return self.answer(200, {"kind": "Status", "status": "Success"})

    path = "/api/v1/namespaces/([^/]+)/secrets"
    routes = (("GET", path + "/([^/]+)", read), ("GET", path, everything), ("POST", path, write),
              ("DELETE", path + "/([^/]+)", remove))


serve(Kubernetes, int(sys.argv[1]), *sys.argv[3:6])
