"""bindings.http (contract 2.14): what is asked, what is answered, options, certificates, faults."""

import json
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest

from harness import raw
from harness.app import raw_reply, reply
from harness.resources import component

TYPE = "application/json; charset=utf-8"


def web(app, name="web", path="", **more):
    return component(name, "bindings.http", {"url": f"http://127.0.0.1:{app.port}{path}", **more})


@pytest.fixture(scope="module")
def server(shared):
    made = shared.app()
    made.otherwise = reply(200, b"{}")
    return made


@pytest.fixture(scope="module")
def sidecar(shared, server):
    return shared.sidecar(resources=[
        web(server), web(server, "based", "/base/"), web(server, "quiet", errorIfNot2XX="false"),
        web(server, "small", maxResponseBodySize="1k"), web(server, "hasty", responseTimeout="200ms"),
        web(server, "signed", securityToken="pass", securityTokenHeader="X-Key")])


@pytest.fixture
def asked(server):
    server.forget()
    return server


def invoke(sidecar, operation, metadata=None, data=None, binding="web"):
    body = {"operation": operation, "metadata": metadata or {}, **({"data": data} if data is not None else {})}
    return raw.request(sidecar.http, "POST", f"/v1.0/bindings/{binding}", [("Content-Type", "application/json")],
                       json.dumps(body).encode())


# --- What is asked ---

@pytest.mark.parametrize("operation", ["create", "get", "head", "post", "put", "patch", "delete", "options", "trace"])
def test_operations_are_methods(sidecar, asked, operation):
    has_body = operation in ("create", "post", "put", "patch")
    assert invoke(sidecar, operation, {"path": f"/{operation}"}, {"a": 1}).status == 200
    came, = asked.requests(f"/{operation}")
    assert came.method == ("POST" if operation == "create" else operation.upper())
    assert came.body == (b'{"a":1}' if has_body else b"")
    assert came.header("Content-Type") == (TYPE if has_body else None)
    assert came.header("Accept") == TYPE


def test_other_words_are_none(sidecar, asked):
    answer = invoke(sidecar, "GET")
    assert answer.json["message"] == ("error invoking output binding web: binding web does not support operation GET. "
                                      "supported operations:create get head post put patch delete options trace")
    assert not asked.requests()


def test_all_that_is_sent(sidecar, asked):
    invoke(sidecar, "post", {"X-Mine": "1", "not": "me", "Content-Type": "text/plain"}, "ü")
    came, = asked.requests("/")
    assert set(came.headers) == {
        ("Host", f"127.0.0.1:{asked.port}"), ("User-Agent", "Go-http-client/1.1"), ("Content-Type", "text/plain"),
        ("Accept", TYPE), ("X-Mine", "1"), ("Content-Length", str(len(came.body))),
        ("traceparent", "00-00000000000000000000000000000000-0000000000000000-00")}


@pytest.mark.parametrize("binding,path,target", [
    ("web", "a", "/a"), ("web", "//a/b?c=d", "/a/b?c=d"), ("based", "x", "/base/x"), ("based", "/x", "/base/x"),
    ("based", None, "/base/")])
def test_a_path_is_joined(sidecar, asked, binding, path, target):
    invoke(sidecar, "get", {"path": path} if path else {}, binding=binding)
    assert asked.requests()[0].target == target


@pytest.mark.parametrize("metadata", [{"X-A": "1\r\nEvil: 1"}, {"X A": "1"}, {"X-A\r\nEvil": "1"}])
def test_what_no_header_can_be_is_refused(sidecar, asked, metadata):
    assert invoke(sidecar, "get", metadata).status == 500
    assert not asked.requests()


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "Connection"])
def test_metadata_cannot_speak_for_the_connection(sidecar, asked, name):
    assert invoke(sidecar, "post", {name: "7"}, {"a": 1}).status == 200
    came, = asked.requests("/")
    assert came.body == b'{"a":1}' and came.header("Host") == f"127.0.0.1:{asked.port}" and not came.chunked


def test_a_security_token(sidecar, asked):
    invoke(sidecar, "get", {"X-Key": "mine"}, binding="signed")
    assert asked.requests()[0].header("X-Key") == "pass"


# --- What is answered ---

@pytest.mark.parametrize("binding,metadata,status", [
    ("web", {}, 500), ("web", {"errorIfNot2XX": "false"}, 200), ("quiet", {}, 200), ("quiet", {"errorIfNot2XX": "true"}, 500)])
def test_a_status_that_is_no_2xx(sidecar, asked, binding, metadata, status):
    asked.route("/teapot", reply(418, b"short and stout", reason="I'm a teapot"))
    answer = invoke(sidecar, "get", {"path": "teapot", **metadata}, binding=binding)
    assert answer.status == status
    assert answer.header("Metadata.statuscode") == "418" and answer.header("Metadata.status") == "418 I'm a teapot"
    if status == 200:
        assert answer.body == b"short and stout"
    else:
        assert answer.json["message"] == f"error invoking output binding {binding}: received status code 418"


@pytest.mark.parametrize("status", [201, 204, 206])
def test_every_2xx_is_well(sidecar, asked, status):
    asked.route("/well", reply(status, b"" if status == 204 else b"x"))
    assert invoke(sidecar, "get", {"path": "well"}).status == 200


def test_a_redirect_is_followed(sidecar, asked):
    asked.route("/from", reply(302, b"", [("Location", "/to")]))
    asked.route("/to", reply(200, b"there"))
    assert invoke(sidecar, "get", {"path": "from"}).body == b"there"
    asked.route("/round", reply(302, b"", [("Location", "/round")]))
    assert invoke(sidecar, "get", {"path": "round"}).status == 500


def test_a_long_body_is_cut(sidecar, asked):
    asked.route("/long", reply(200, b"x" * 5000))
    answer = invoke(sidecar, "get", {"path": "long"}, binding="small")
    assert (answer.status, answer.body) == (200, b"x" * 1000)
    assert invoke(sidecar, "get", {"path": "long"}).body == b"x" * 5000


def test_an_answer_without_an_end_is_cut(sidecar, asked):
    """8.5: what an endless target costs is bounded."""
    over = threading.Event()

    def endless(request, sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n")
        try:
            while True:
                sock.sendall(b"x" * 65536)
        except OSError:
            over.set()
    asked.route("/endless", endless)
    answer = invoke(sidecar, "get", {"path": "endless"}, binding="small")
    assert (answer.status, answer.body) == (200, b"x" * 1000)
    assert over.wait(10)


# --- Faults ---

def test_a_time_limit(sidecar, asked):
    go = threading.Event()
    asked.route("/slow", lambda request, sock: go.wait(30) and None)
    began = time.monotonic()
    answer = invoke(sidecar, "get", {"path": "slow"}, binding="hasty")
    assert answer.status == 500 and time.monotonic() - began < 10
    go.set()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n"])
def test_an_answer_that_breaks_is_a_failure(sidecar, asked, said):
    asked.route("/broken", raw_reply(said))
    answer = invoke(sidecar, "get", {"path": "broken"})
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_INVOKE_OUTPUT_BINDING"


def test_a_server_that_is_not_there_is_a_failure_until_it_is(bench):
    app = bench.app(start=False)
    sidecar = bench.sidecar(resources=[web(app)])
    assert "connect" in invoke(sidecar, "get").json["message"].lower()
    app.otherwise = reply(200, b"here")
    app.start()
    assert invoke(sidecar, "get").body == b"here"


def test_a_client_that_leaves_leaves_nothing(sidecar, asked):
    gone = threading.Event()

    def watch(request, sock):
        sock.settimeout(10)
        gone.set() if sock.recv(1) == b"" else None
    asked.route("/left", watch)
    body = b'{"operation":"get","metadata":{"path":"left"}}'
    with socket.create_connection(("127.0.0.1", sidecar.http)) as client:
        client.sendall(b"POST /v1.0/bindings/web HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        asked.wait_one("/left")
    assert gone.wait(10)


@pytest.mark.parametrize("options,word", [
    ({"url": "ftp://x"}, "no URL of HTTP"), ({"MTLSClientCert": "x"}, "MTLSClientKey"), ({"MTLSRootCA": "/no/such/file"}, "MTLSRootCA"),
    ({"MTLSRenegotiation": "Sometimes"}, "MTLSRenegotiation"), ({"responseTimeout": "soon"}, "responseTimeout"),
    ({"MTLSRootCA": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"}, "no certificate")])
def test_wrong_options_end_the_start(bench, options, word):
    sidecar = bench.sidecar(ready=False, resources=[component("web", "bindings.http", {"url": "http://127.0.0.1:1", **options})])
    assert sidecar.wait_end() == 1
    line, = sidecar.logged("Fatal error from runtime")
    assert word in line


# --- Certificates ---

@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """An authority, and what it has signed for a server and for a client."""
    folder = tmp_path_factory.mktemp("papers")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for who in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{who}.key", "-out", f"{who}.csr", "-subj", f"/CN={who}")
        (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        openssl("x509", "-req", "-in", f"{who}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{who}.pem",
                "-days", "2", "-extfile", "ext")
    return folder


class Secure:
    """A server of TLS that answers with the name of the client's certificate."""

    def __init__(self, papers, asks):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(papers / "server.pem", papers / "server.key")
        self.context.load_verify_locations(papers / "ca.pem")
        self.context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
                with self.context.wrap_socket(sock, server_side=True) as secure:
                    secure.recv(65536)
                    who = dict(one[0] for one in (secure.getpeercert() or {}).get("subject", ())).get("commonName", "nobody")
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(who), who.encode()))
            except ssl.SSLError:
                continue
            except OSError:
                if self.listener.fileno() < 0:
                    return


@pytest.fixture(params=["text", "file"])
def shown(request, papers):
    """How certificates are given."""
    def show(name):
        return str(papers / name) if request.param == "file" else (papers / name).read_text()
    return show


def secure(bench, papers, asks, **options):
    server = Secure(papers, asks)
    bench.stack.callback(server.listener.close)
    return bench.sidecar(resources=[component("web", "bindings.http", {"url": f"https://localhost:{server.port}", **options})])


def test_an_authority_of_ones_own(bench, papers, shown):
    assert invoke(secure(bench, papers, False, MTLSRootCA=shown("ca.pem")), "get").body == b"nobody"


def test_a_certificate_to_show(bench, papers, shown):
    sidecar = secure(bench, papers, True, MTLSRootCA=shown("ca.pem"), MTLSClientCert=shown("client.pem"),
                     MTLSClientKey=shown("client.key"), MTLSRenegotiation="RenegotiateOnceAsClient")
    assert invoke(sidecar, "get").body == b"client"


def test_a_server_of_nobody_knows_whom_is_refused(bench, papers):
    answer = invoke(secure(bench, papers, False), "get")
    assert answer.status == 500 and "certificate" in answer.json["message"].lower()
    assert os.path.exists(papers / "ca.pem")
