"""A push by OCI's distribution protocol: what a registry has is not sent again; signs in as `docker login` has left it."""
import base64
import json
import os
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from imaging import Fault
from imaging.layer import digest
from imaging.oci import INDEX, MANIFEST, SPDX, document

LOCAL = re.compile(r"^(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?$")
NAMED = r"(?P<name>{}[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}))?"
REFERENCE = re.compile(r"(?P<host>[^/]+)/" + NAMED.format(""))
NAME = re.compile(NAMED.format(r"(?:[A-Za-z0-9.-]+:[0-9]+/)?"))
PATIENCE = 60


def split(reference):
    """Registry, name, tag (or None)."""
    found = REFERENCE.fullmatch(reference)
    if not found or not ("." in found["host"] or ":" in found["host"] or found["host"] == "localhost"):
        raise Fault(f"'{reference}' does not say where to: HOST[:PORT]/NAME[:TAG], in lower case")
    return found["host"], found["name"], found["tag"]


def name_and_tag(text):
    """Name, tag (or None) of an image in an archive."""
    found = NAME.fullmatch(text)
    if not found:
        raise Fault(f"--name '{text}' is not NAME or NAME:TAG, the name in lower case")
    return found["name"], found["tag"]


# ------------------------------------------------------------------------------------ who we are
def _helper(program, host):
    try:
        out = subprocess.run([f"docker-credential-{program}", "get"], input=host, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    said = json.loads(out)
    if said["Username"] == "<token>":
        return {"identitytoken": said["Secret"]}
    return {"auth": base64.b64encode(f"{said['Username']}:{said['Secret']}".encode()).decode()}


def known(host):
    """What Docker's configuration says of a registry: `auth` (user:password in base 64) or `identitytoken`."""
    folder = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    path = Path(os.environ.get("REGISTRY_AUTH_FILE") or f"{folder}/config.json")
    try:
        config = json.loads(path.read_text())
    except OSError:
        return {}
    except ValueError as fault:
        raise Fault(f"{path} is no JSON: {fault}") from None
    helper = config.get("credHelpers", {}).get(host) or config.get("credsStore")
    entries = config.get("auths", {})
    entry = entries.get(host) or entries.get(f"https://{host}") or entries.get(f"https://{host}/v2/") or {}
    return entry if entry.get("auth") or entry.get("identitytoken") or not helper else _helper(helper, host)


# ------------------------------------------------------------------------------------ how to speak
def _has_tls(host):
    """Whether a registry of this machine answers a greeting of TLS; its certificate is judged later."""
    place = urllib.parse.urlsplit(f"//{host}")
    try:
        with socket.create_connection((place.hostname, place.port or 443), PATIENCE) as line:
            ssl.create_default_context().wrap_socket(line, server_hostname=place.hostname)
    except ssl.SSLCertVerificationError:
        return True
    except OSError:
        return False
    return True


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Registry:
    def __init__(self, host, name, plain):
        self.name, self.host = name, host
        is_plain = plain or (LOCAL.match(host) and not _has_tls(host))
        self.base = f"{'http' if is_plain else 'https'}://{host}"
        proxies = [urllib.request.ProxyHandler({})] if LOCAL.match(host) else []
        self.opener = urllib.request.build_opener(_Stay, *proxies)
        self.entry, self.header = known(host), None

    # -------------------------------------------------------------------------------- requests
    def _send(self, method, url, data=None, headers=None):
        request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
        try:
            with self.opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.headers, answer.read()
        except (urllib.error.URLError, OSError) as fault:
            why = getattr(fault, "reason", fault)
            raise Fault(f"{self.host} does not answer: {getattr(why, 'strerror', None) or why}") from None

    def ask(self, method, path, wanted, data=None, headers=None):
        """An answer with one of the wanted statuses; signs in when told to."""
        url = path if path.startswith("http") else self.base + path
        is_own = urllib.parse.urlsplit(url)[:2] == urllib.parse.urlsplit(self.base)[:2]    # others get no password of ours
        for last in (False, True):
            own = {"Authorization": self.header} if self.header and is_own else {}
            status, heads, body = self._send(method, url, data, {**(headers or {}), **own})
            if status != 401 or last:
                break
            self._sign_in(heads.get("WWW-Authenticate", ""))
        if status in wanted:
            return status, heads, body
        why = re.sub(r"\s+", " ", body.decode(errors="replace"))[:200] or "without a word"
        raise Fault(f"{self.host} answers {method} {urllib.parse.urlsplit(url).path} with {status}: {why}"
                    + ("; sign in with `docker login` first" if status in (401, 403) and not self.entry else ""))

    def _sign_in(self, challenge):
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self.entry.get("auth"):
            self.header = f"Basic {self.entry['auth']}"
        elif kind.lower() == "bearer":
            said = dict(re.findall(r'([a-z]+)="([^"]*)"', rest))
            self.header = f"Bearer {self._token(said)}"

    def _token(self, said):
        scope = said.get("scope") or f"repository:{self.name}:pull,push"
        query = {"service": said.get("service", self.host), "scope": scope}
        data, headers, url = None, {}, said.get("realm", "")
        if self.entry.get("identitytoken"):
            data = urllib.parse.urlencode({**query, "grant_type": "refresh_token", "client_id": "trilby-image",
                                           "refresh_token": self.entry["identitytoken"]}).encode()
        else:
            url += ("&" if "?" in url else "?") + urllib.parse.urlencode(query)
            headers = {"Authorization": f"Basic {self.entry['auth']}"} if self.entry.get("auth") else {}
        status, _, body = self._send("POST" if data else "GET", url, data, headers)
        if status != 200:
            raise Fault(f"{url.split('?')[0]} gives no token for {self.host}/{self.name}: it answers {status}")
        given = json.loads(body)
        return given.get("token") or given["access_token"]

    # -------------------------------------------------------------------------------- the push
    def blob(self, data):
        """True when it was sent, false when it was there."""
        name = digest(data)
        if self.ask("HEAD", f"/v2/{self.name}/blobs/{name}", (200, 404))[0] == 200:
            return False
        _, heads, _ = self.ask("POST", f"/v2/{self.name}/blobs/uploads/", (202,), b"")
        place = urllib.parse.urljoin(self.base, heads["Location"])
        place += ("&" if "?" in place else "?") + urllib.parse.urlencode({"digest": name})
        self.ask("PUT", place, (201,), data, {"Content-Type": "application/octet-stream"})
        return True

    def manifest(self, data, reference, media=MANIFEST):
        return self.ask("PUT", f"/v2/{self.name}/manifests/{reference}", (201,), data, {"Content-Type": media})[1]

    def push(self, image, tag):
        sent = sum(self.blob(image.data(x)) for x in [image.config, *image.layers])
        self.manifest(image.data(image.manifest), tag)
        attached = json.loads(image.data(image.attached))
        for descriptor in [attached["config"], *attached["layers"]]:
            self.blob(image.data(descriptor))
        heads = self.manifest(image.data(image.attached), image.attached["digest"])
        if not heads.get("OCI-Subject"):
            self._refer(image)
        return sent

    def _refer(self, image):
        """A registry without the referrers API: a list under a tag made of the digest, as the protocol says."""
        tag = image.manifest["digest"].replace(":", "-")
        status, _, body = self.ask("GET", f"/v2/{self.name}/manifests/{tag}", (200, 404), headers={"Accept": INDEX})
        index = json.loads(body) if status == 200 else {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
        others = [x for x in index["manifests"] if x["digest"] != image.attached["digest"]]
        index["manifests"] = [*others, {**image.attached, "artifactType": SPDX}]
        self.manifest(document(index), tag, INDEX)
