"""tools/image --push, to a real registry (Debian's docker-registry) on loopback: without a password, with one, and with
tokens that a server of ours gives out and the registry verifies."""

import base64
import contextlib
import crypt
import hashlib
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest
from conftest import ROOT, run

SECRET = base64.b64encode(b"user:secret").decode()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def registry(folder, auth=None, tls=None):
    """HOST:PORT of a registry that has begun to listen."""
    host = f"127.0.0.1:{free_port()}"
    config = {"version": 0.1, "log": {"level": "warn"}, "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
              "http": {"addr": host, "secret": "x", **({"tls": tls} if tls else {})}, **({"auth": auth} if auth else {})}
    (folder / "registry.yml").write_text(json.dumps(config))
    with open(folder / "registry.log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", folder / "registry.yml"], stdout=log, stderr=log)
    try:
        for _ in range(1000):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", int(host.split(":")[1]))).close()
                break
            assert process.poll() is None, (folder / "registry.log").read_text()
            time.sleep(0.01)
        yield host
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def push(installed, tmp_path):
    """push(host, tag): tools/image with a home of its own; `auths` is what `docker login` would have left."""
    def go(reference, *words, auths=None, ok=True, **more):
        folder = tmp_path / "docker"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"auths": auths or {}}))
        env = {**os.environ, "DOCKER_CONFIG": str(folder), "SOURCE_DATE_EPOCH": "1700000000", **more}
        return run(ROOT / "tools/image", "minimal", "state.redis", *words, "--from", installed, "--push", reference, ok=ok, env=env)
    return go


def get(host, path, auth=None, accept="application/vnd.oci.image.manifest.v1+json"):
    headers = {"Accept": accept, **({"Authorization": auth} if auth else {})}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"http://{host}/v2/{path}", headers=headers)) as answer:
        return answer.read()


def test_what_is_pushed_is_the_image_and_its_bill_of_materials(push, tmp_path):
    bill = tmp_path / "bill.json"
    with registry(tmp_path) as host:
        said = push(f"{host}/trilby/sidecar:1.2", "--sbom", bill).stdout
        manifest = get(host, "trilby/sidecar/manifests/1.2")
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        assert said == f"{host}/trilby/sidecar:1.2: {digest}, 3 blobs sent\n"
        layers = json.loads(manifest)["layers"]
        assert all(hashlib.sha256(get(host, f"trilby/sidecar/blobs/{x['digest']}")).hexdigest() == x["digest"][7:] for x in layers)
        index = json.loads(get(host, f"trilby/sidecar/manifests/{digest.replace(':', '-')}", accept="application/vnd.oci.image.index.v1+json"))
        attached, = index["manifests"]
        assert attached["artifactType"] == "application/spdx+json"
        about = json.loads(get(host, f"trilby/sidecar/manifests/{attached['digest']}"))
        assert about["subject"]["digest"] == digest
        assert get(host, f"trilby/sidecar/blobs/{about['layers'][0]['digest']}") == bill.read_bytes()
        run("skopeo", "copy", "--src-tls-verify=false", f"docker://{host}/trilby/sidecar:1.2", f"dir:{tmp_path / 'copy'}")


def test_what_the_registry_has_is_not_sent_again(push, tmp_path):
    with registry(tmp_path) as host:
        push(f"{host}/a:1")
        assert push(f"{host}/a:2").stdout.endswith(", 0 blobs sent\n")
        tag = json.loads(push(f"{host}/a").stdout and get(host, "a/tags/list"))["tags"]
        assert {"1", "2", "0.1.0"} <= set(tag)


def test_a_password_is_taken_from_docker_s_configuration(push, tmp_path):
    (tmp_path / "htpasswd").write_text("user:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)) + "\n")
    with registry(tmp_path, {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}}) as host:
        assert "with 401" in (said := push(f"{host}/a:1", ok=False).stderr) and "docker login" in said
        wrong = base64.b64encode(b"user:wrong").decode()
        assert "with 401" in push(f"{host}/a:1", auths={host: {"auth": wrong}}, ok=False).stderr
        push(f"{host}/a:1", auths={host: {"auth": SECRET}})
        assert json.loads(get(host, "a/tags/list", f"Basic {SECRET}"))["name"] == "a"


def test_tls_is_spoken_where_the_registry_speaks_it_and_its_certificate_counts(push, tmp_path):
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1",
        "-days", "2", "-keyout", key, "-out", certificate)
    with registry(tmp_path, tls={"certificate": str(certificate), "key": str(key)}) as host:
        assert "certificate verify failed" in push(f"{host}/a:1", ok=False).stderr
        assert push(f"{host}/a:1", SSL_CERT_FILE=str(certificate)).stdout.endswith(", 3 blobs sent\n")
        assert "with 400" in push(f"{host}/a:1", "--plain-http", ok=False).stderr


# ------------------------------------------------------------------------------------ tokens
class Tokens:
    """Gives a token to who knows the password, signed with a key that the registry trusts."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=tokens", "-days", "2",
            "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
        tokens = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                tokens.asked.append(query)
                known = self.headers.get("Authorization") == f"Basic {SECRET}"
                body = json.dumps({"token": tokens.token(query)}).encode() if known else b"no"
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.realm = f"http://127.0.0.1:{self.server.server_port}/token"

    def token(self, query):
        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")
        kind, name, actions = query["scope"].split(":")
        certificate = "".join((self.folder / "cert.pem").read_text().split("\n")[1:-2])
        head = {"alg": "RS256", "typ": "JWT", "x5c": [certificate]}
        claims = {"iss": "tests", "aud": query["service"], "sub": "user", "exp": int(time.time()) + 60, "nbf": int(time.time()) - 60,
                  "iat": int(time.time()) - 1, "jti": "1", "access": [{"type": kind, "name": name, "actions": actions.split(",")}]}
        text = part(json.dumps(head).encode()) + b"." + part(json.dumps(claims).encode())
        signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.folder / "key.pem"], input=text, capture_output=True, check=True)
        return (text + b"." + part(signed.stdout)).decode()


def test_a_token_is_fetched_where_the_registry_says(push, tmp_path):
    tokens = Tokens(tmp_path)
    auth = {"token": {"realm": tokens.realm, "service": "registry", "issuer": "tests", "rootcertbundle": str(tmp_path / "cert.pem")}}
    with registry(tmp_path, auth) as host:
        assert "gives no token" in push(f"{host}/some/name:1", ok=False).stderr
        push(f"{host}/some/name:1", auths={host: {"auth": SECRET}})
        assert tokens.asked[-1]["service"] == "registry" and tokens.asked[-1]["scope"].startswith("repository:some/name:")
        header = f"Bearer {tokens.token({'scope': 'repository:some/name:pull', 'service': 'registry'})}"
        assert json.loads(get(host, "some/name/tags/list", header))["tags"]
    tokens.server.shutdown()


# ------------------------------------------------------------------------------------ mistakes
@pytest.mark.parametrize("reference", ["sidecar:1", "user/sidecar:1", "127.0.0.1:5000/Upper:1", "127.0.0.1:5000/a:b:c"])
def test_a_name_without_a_registry_is_refused_before_anything_is_made(push, reference):
    assert f"'{reference}' does not say where to: HOST[:PORT]/NAME[:TAG]" in push(reference, ok=False).stderr


def test_a_registry_that_is_not_there_is_told(push):
    host = f"127.0.0.1:{free_port()}"
    assert f"{host} does not answer: " in push(f"{host}/a:1", ok=False).stderr


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    """A registry that wants a password and has blobs put somewhere else, and that other place: a server of its own."""
    protocol_version, other, heard = "HTTP/1.1", None, []

    def _answer(self, status, **heads):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        for name, text in {**heads, "Content-Length": "0"}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()

    def do_HEAD(self):
        self._answer(404 if self.headers.get("Authorization") else 401, **{"WWW-Authenticate": 'Basic realm="here"'})

    def do_POST(self):
        self._answer(202, Location=f"http://{self.other}/there?x=1")

    def do_PUT(self):
        self.heard.append((self.path.split("&")[0], self.headers.get("Authorization")))
        self._answer(201)

    def log_message(self, *_):
        pass


def test_a_password_is_the_registry_s_alone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from imaging.registry import Registry
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) for _ in range(2)]
    host, _Elsewhere.other = (f"127.0.0.1:{s.server_port}" for s in servers)
    (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": SECRET}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    assert Registry(host, "a/b", True).blob(b"bytes")
    for server in servers:
        server.shutdown()
    assert _Elsewhere.heard == [("/there?x=1", None)]
