"""A server that speaks the documented REST interface of Google Cloud's Secret Manager (versions, access, paged lists)
and the token endpoint of service accounts, whose assertions it checks. Not Google: it keeps everything in memory.

    gcp.py PORT PUBLIC-KEY"""

import base64
import json
import subprocess
import sys
import tempfile
import time
from urllib.parse import parse_qs

from rest import Handler, serve

KEPT = {}                               # (project, name) -> list of payloads
TOKENS = {}                             # token -> until
PAGE = 2


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed(assertion):
    signed, _, signature = assertion.rpartition(".")
    with tempfile.NamedTemporaryFile() as file:
        file.write(decoded(signature))
        file.flush()
        done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", sys.argv[2], "-signature", file.name],
                              input=signed.encode(), capture_output=True, check=False)
    return done.returncode == 0


def fault(code, status, message):
    return {"error": {"code": code, "message": message, "status": status}}


class Google(Handler):
    def allowed(self):
        if self.path in ("/token", "/computeMetadata/v1/instance/service-accounts/default/token"):
            return True
        kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if kind == "Bearer" and TOKENS.get(token, 0) > time.time():
            return True
        self.answer(401, fault(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."))
        return False

    def give_token(self, seconds=3600):
        token = f"token-{len(TOKENS)}"
        TOKENS[token] = time.time() + seconds
        self.answer(200, {"access_token": token, "expires_in": seconds, "token_type": "Bearer"})

    def token(self, _, __, body):
        form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
        if form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") == "refresh" and form.get("client_secret") == "secret":
                return self.give_token()
            return self.answer(400, {"error": "invalid_grant", "error_description": "Bad refresh token."})
        header, claims, _ = form["assertion"].split(".")
        header, claims = json.loads(decoded(header)), json.loads(decoded(claims))
        good = (form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer" and header["alg"] == "RS256"
                and claims["iss"] == "sa@test" and claims["scope"].endswith("/cloud-platform")
                and claims["iat"] <= time.time() < claims["exp"] <= claims["iat"] + 3600 and is_signed(form["assertion"]))
        if not good:
            return self.answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        return self.give_token()

    def metadata(self, *_):
        if self.headers.get("Metadata-Flavor") != "Google":
            return self.answer(403, {})
        return self.give_token()

    def access(self, match, *_):
        versions = KEPT.get((match[1], match[2]), [])
        number = len(versions) if match[3] == "latest" else int(match[3]) if match[3].isdigit() else 0
        if not 1 <= number <= len(versions):
            return self.answer(404, fault(404, "NOT_FOUND", f"Secret [{match[2]}] not found or has no versions."))
        payload = versions[number - 1]
        return self.answer(200, {"name": f"projects/42/secrets/{match[2]}/versions/{number}", "payload": {"data": payload}})

    def names(self, match, query, _):
        found = sorted(name for project, name in KEPT if project == match[1])
        start = int(query.get("pageToken") or 0)
        answer = {"secrets": [{"name": f"projects/{match[1]}/secrets/{name}"} for name in found[start:start + PAGE]],
                  "totalSize": len(found)}
        if start + PAGE < len(found):
            answer["nextPageToken"] = str(start + PAGE)
        self.answer(200, answer)

    path = "/v1/projects/([^/]+)/secrets"
    routes = (("POST", "/token", token), ("GET", "/computeMetadata/v1/instance/service-accounts/default/token", metadata),
              ("GET", path + "/([^/]+)/versions/([^/]+):access", access), ("GET", path, names))

    def _test(self, path, body):
        if path == "/_test/put":
            one = json.loads(body)
            KEPT.setdefault((one["project"], one["name"]), []).append(base64.b64encode(one["value"].encode()).decode())
        elif path == "/_test/revoke":
            TOKENS.clear()
        else:
            return super()._test(path, body)
        return self.answer(200, {})


serve(Google, int(sys.argv[1]))
