"""A server that speaks the documented REST interface of Azure Key Vault about secrets, of Entra's token endpoint
(client secret, certificate assertion, federated token) and of managed identities. Not Azure: all in memory.

    azure.py PORT CERTIFICATE-OF-THE-CLIENT [CERTIFICATE KEY [PROXY-PORT]]

With a certificate it speaks TLS; at PROXY-PORT it is a proxy for which every host is this server."""

import base64
import hashlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from urllib.parse import parse_qs

from rest import Handler, serve

KEPT = {}                               # name -> list of {"value", "enabled"}
TOKENS = {}
PAGE = 2
TENANT, CLIENT, SECRET = "tenant-1", "client-1", "s3cr&t=/ä"


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed(assertion):
    signed, _, signature = assertion.rpartition(".")
    key = subprocess.run(["openssl", "x509", "-in", sys.argv[2], "-noout", "-pubkey"], capture_output=True, check=True)
    with tempfile.NamedTemporaryFile() as public, tempfile.NamedTemporaryFile() as file:
        public.write(key.stdout)
        public.flush()
        file.write(decoded(signature))
        file.flush()
        done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public.name, "-signature", file.name],
                              input=signed.encode(), capture_output=True, check=False)
    return done.returncode == 0


def thumbprint():
    der = subprocess.run(["openssl", "x509", "-in", sys.argv[2], "-outform", "DER"], capture_output=True, check=True)
    return base64.urlsafe_b64encode(hashlib.sha1(der.stdout).digest()).decode().rstrip("=")


def is_assertion(text, audience):
    if text == "federated-token":
        return True
    header, claims, _ = text.split(".")
    header, claims = json.loads(decoded(header)), json.loads(decoded(claims))
    return (header["x5t"] == thumbprint() and claims["iss"] == claims["sub"] == CLIENT and claims["jti"]
            and claims["aud"].endswith(audience) and claims["nbf"] <= time.time() < claims["exp"] and is_signed(text))


class Azure(Handler):
    def allowed(self):
        if self.path.endswith("/token") or self.path.startswith("/metadata/identity/"):
            return True
        kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
        if kind == "Bearer" and TOKENS.get(token, 0) > time.time():
            return True
        self.answer(401, {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer or PoP token."}},
                    [("WWW-Authenticate", f'Bearer authorization="{self._base()}/{TENANT}", resource="https://vault.azure.net"')])
        return False

    def give_token(self, seconds):
        token = f"token-{len(TOKENS)}"
        TOKENS[token] = time.time() + int(seconds)
        self.answer(200, {"token_type": "Bearer", "expires_in": seconds, "access_token": token})

    def token(self, match, _, body):
        form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
        known = match[1] == TENANT and form.get("client_id") == CLIENT and form.get("scope", "").endswith("/.default")
        if known and (form.get("client_secret") == SECRET or
                      ("client_assertion" in form and is_assertion(form["client_assertion"], f"/{TENANT}/oauth2/v2.0/token"))):
            return self.give_token(3599)
        return self.answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."})

    def managed(self, _, query, __):
        if self.headers.get("Metadata") != "true" or "resource" not in query:
            return self.answer(400, {"error": "invalid_request", "error_description": "Required metadata header not specified"})
        return self.give_token("86399")

    def _base(self):
        return f"{'https' if len(sys.argv) > 3 else 'http'}://{self.headers['Host']}"

    def read(self, match, query, _):
        if query.get("api-version") is None:
            return self.answer(400, {"error": {"code": "BadParameter", "message": "api-version must be specified"}})
        versions = KEPT.get(match[1].lower(), [])
        number = int(match[2]) if match[2] and match[2].isdigit() else len(versions) if not match[2] else 0
        if not 1 <= number <= len(versions):
            return self.answer(404, {"error": {"code": "SecretNotFound", "message":
                               f"A secret with (name/id) {match[1]} was not found in this key vault."}})
        one = versions[number - 1]
        if not one["enabled"]:
            return self.answer(403, {"error": {"code": "Forbidden", "message": "Operation get is not allowed on a disabled secret."}})
        return self.answer(200, {"value": one["value"], "id": f"{self._base()}/secrets/{match[1]}/{number}",
                                 "attributes": {"enabled": True}})

    def names(self, _, query, __):
        found = sorted(KEPT)
        start = int(query.get("$skiptoken") or 0)
        value = [{"id": f"{self._base()}/secrets/{name}", "attributes": {"enabled": KEPT[name][-1]["enabled"]}}
                 for name in found[start:start + PAGE]]
        link = f"{self._base()}/secrets?api-version=7.4&$skiptoken={start + PAGE}" if start + PAGE < len(found) else None
        self.answer(200, {"value": value, "nextLink": link})

    def write(self, match, _, body):
        KEPT.setdefault(match[1].lower(), []).append({"value": json.loads(body)["value"], "enabled": True})
        return self.read((None, match[1], ""), {"api-version": "7.4"}, None)

    routes = (("POST", "/([^/]+)/oauth2/v2.0/token", token), ("PUT", "/secrets/([^/]+)", write), ("GET", "/metadata/identity/oauth2/token", managed),
              ("GET", "/secrets/([^/]+)(?:/([^/]*))?", read), ("GET", "/secrets", names))

    def _test(self, path, body):
        if path == "/_test/put":
            one = json.loads(body)
            KEPT.setdefault(one["name"].lower(), []).append({"value": one["value"], "enabled": one.get("enabled", True)})
        elif path == "/_test/revoke":
            TOKENS.clear()
        else:
            return super()._test(path, body)
        return self.answer(200, {})


def pump(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    for end in (one, other):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def proxy(listener, port):
    while True:
        near, _ = listener.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            more = near.recv(4096)
            if not more:
                break
            head += more
        if not head.startswith(b"CONNECT "):
            near.close()
            continue
        far = socket.create_connection(("127.0.0.1", port))
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=pump, args=(near, far), daemon=True).start()
        threading.Thread(target=pump, args=(far, near), daemon=True).start()


if len(sys.argv) > 5:
    LISTENER = socket.create_server(("127.0.0.1", int(sys.argv[5])))
    threading.Thread(target=proxy, args=(LISTENER, int(sys.argv[1])), daemon=True).start()
serve(Azure, int(sys.argv[1]), *sys.argv[3:5])
