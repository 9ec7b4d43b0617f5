"""A server that speaks the documented HTTP API of Vault's KV engine, version 2, mounted at secret/ and kv2/team/:
data and metadata, versions, deletion, LIST, tokens. Not a vault: it keeps everything in memory, unsealed.

    vault.py PORT TOKEN [CERTIFICATE KEY]"""

import json
import sys
import threading

from rest import Handler, serve

MOUNTS = "(secret|kv2/team)"
LOCK = threading.Lock()
KEPT = {}                               # (mount, path) -> list of versions: {"data":…, "deleted": bool}
TOKEN = sys.argv[2]


def envelope(data):
    return {"request_id": "r", "lease_id": "", "renewable": False, "lease_duration": 0, "data": data, "warnings": None}


class Vault(Handler):
    def allowed(self):
        if self.headers.get("X-Vault-Request") != "true":
            self.answer(400, {"errors": ["missing 'X-Vault-Request' header"]})
        elif self.headers.get("X-Vault-Token") != TOKEN:
            self.answer(403, {"errors": ["permission denied"]})
        else:
            return True
        return False

    def read(self, match, query, _):
        with LOCK:
            versions = KEPT.get((match[1], match[2]), [])
            number = int(query.get("version") or 0) or len(versions)
            if not 1 <= number <= len(versions):
                return self.answer(404, {"errors": []})
            one = versions[number - 1]
        meta = {"created_time": "2026-01-01T00:00:00Z", "custom_metadata": None, "destroyed": False, "version": number,
                "deletion_time": "2026-01-02T00:00:00Z" if one["deleted"] else ""}
        if one["deleted"]:
            return self.answer(404, envelope({"data": None, "metadata": meta}))
        return self.answer(200, envelope({"data": one["data"], "metadata": meta}))

    def write(self, match, _, body):
        with LOCK:
            versions = KEPT.setdefault((match[1], match[2]), [])
            versions.append({"data": json.loads(body)["data"], "deleted": False})
        return self.answer(200, envelope({"version": len(versions)}))

    def remove(self, match, *_):
        with LOCK:
            for one in KEPT.get((match[1], match[2]), [])[-1:]:
                one["deleted"] = True
        return self.answer(204)

    def names(self, match, *_):
        folder = match[2] if not match[2] or match[2].endswith("/") else match[2] + "/"
        with LOCK:
            rests = [path[len(folder):] for mount, path in KEPT if mount == match[1] and path.startswith(folder)]
        found = sorted({rest.split("/")[0] + "/" if "/" in rest else rest for rest in rests})
        return self.answer(200, envelope({"keys": found})) if found else self.answer(404, {"errors": []})

    routes = (("GET", f"/v1/{MOUNTS}/data/(.+)", read), ("POST", f"/v1/{MOUNTS}/data/(.+)", write),
              ("DELETE", f"/v1/{MOUNTS}/data/(.+)", remove), ("LIST", f"/v1/{MOUNTS}/metadata/(.*)", names))


serve(Vault, int(sys.argv[1]), *sys.argv[3:5])
