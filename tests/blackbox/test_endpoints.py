"""External calls: HTTPEndpoint resources and URLs (contract 4.2, 8.2, resources 2.5)."""

import http.server
import json
import signal
import ssl
import subprocess
import threading

import pytest

from harness.app import raw_reply, reply
from harness.errors import assert_error
from harness.resources import component, endpoint


@pytest.fixture(scope="module")
def outside(shared):
    made = shared.app()
    made.otherwise = reply(200, b"ok", [("Content-Type", "text/plain")])
    made.route("/typed", reply(404, b"nope"))
    return made


@pytest.fixture(scope="module")
def url(outside):
    return f"http://127.0.0.1:{outside.port}"


@pytest.fixture(scope="module")
def sidecar(shared, outside, url, tmp_path_factory):
    secrets = tmp_path_factory.mktemp("secrets") / "s.json"
    secrets.write_text('{"token": "from-secret"}')
    named = endpoint("named", url, {"X-Own": "endpoint", "X-Both": "endpoint"})
    hidden = endpoint("hidden", url + "/base/")
    hidden["spec"]["headers"] = [{"name": "X-Secret", "secretKeyRef": {"name": "token", "key": "token"}}]
    hidden["auth"] = {"secretStore": "secrets"}
    return shared.sidecar(
        resources=[named, hidden, endpoint("dead", "http://127.0.0.1:1"), endpoint("odd.name.here", url),
                   component("secrets", "secretstores.local.file", {"secretsFile": str(secrets)})],
        env={"APP_API_TOKEN": "app-token"})


@pytest.fixture(autouse=True)
def fresh(outside):
    outside.forget()


def invoke(sidecar, target, path="/x", method="GET", headers=(), body=None):
    return sidecar.request(method, f"/v1.0/invoke/{target}/method{path}", headers, body)


def failed(answer, target):
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_DIRECT_INVOKE", answer.text
    begin = f"failed to invoke, id: {target}, err: "
    assert answer.json["message"].startswith(begin)
    return answer.json["message"][len(begin):]


@pytest.mark.quick
def test_a_named_endpoint(sidecar, outside):
    answer = invoke(sidecar, "named", "/a/b?q=1&r", "POST",
                    [("X-Both", "client"), ("X-Mine", "1"), ("Connection", "X-Gone"), ("X-Gone", "1"),
                     ("dapr-app-id", ""), ("Content-Type", "a/b")], b"body")
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.header("Transfer-Encoding") == "chunked"
    seen = outside.wait_one("/a/b")
    assert (seen.method, seen.query, seen.body) == ("POST", "q=1&r", b"body")
    assert seen.header("X-Own") == "endpoint" and seen.header("X-Both") == "endpoint"
    assert seen.header("X-Mine") == "1" and seen.header("Content-Type") == "a/b"
    assert seen.header("Content-Length") == "4" and seen.header("Host") == f"127.0.0.1:{outside.port}"
    assert not seen.values("X-Gone") and not seen.values("dapr-app-id") and not seen.values("dapr-api-token")


def test_by_the_header(sidecar, outside):
    assert sidecar.get("/deep/path", [("dapr-app-id", "named")]).status == 200
    assert not outside.wait_one("/deep/path").values("dapr-app-id")


def test_a_name_with_dots(sidecar, outside):
    assert invoke(sidecar, "odd.name.here").status == 200


def test_a_base_path_and_a_secret_header(sidecar, outside):
    assert invoke(sidecar, "hidden", "/x").status == 200
    assert outside.wait_one("/base/x").header("X-Secret") == "from-secret"


@pytest.mark.parametrize("escaped", [False, True])
def test_a_url_is_a_target(sidecar, outside, url, escaped):
    target = url.replace(":", "%3A").replace("/", "%2F") if escaped else url
    answer = invoke(sidecar, target, "/y?z=1")
    assert answer.status == 200
    seen = outside.wait_one("/y")
    assert seen.query == "z=1"
    assert seen.header("dapr-api-token") == "app-token"


def test_a_url_in_the_header(sidecar, outside, url):
    assert sidecar.get("/from/header", [("dapr-app-id", url)]).status == 200
    assert outside.wait_one("/from/header")


def test_statuses_pass_as_they_are(sidecar, outside):
    answer = invoke(sidecar, "named", "/typed")
    assert (answer.status, answer.body) == (404, b"nope")
    assert answer.header("Content-Type") == "application/json" and answer.header("Content-Length") == "4"


@pytest.mark.parametrize("status,method,arrives", [(301, "GET", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"),
                                                   (307, "POST", "POST"), (308, "PUT", "PUT")])
def test_a_named_endpoint_is_followed(sidecar, outside, url, status, method, arrives):
    outside.route("/from", reply(status, b"", [("Location", "/to?a=b")]))
    body = None if method == "GET" else b"data"
    assert invoke(sidecar, "named", "/from", method, (), body).body == b"ok"
    seen = outside.wait_one("/to")
    assert (seen.method, seen.query, seen.body) == (arrives, "a=b", body if arrives == method and body else b"")
    assert seen.header("Referer") == url + "/from" and seen.header("X-Own") == "endpoint"


def test_a_redirect_elsewhere_takes_no_credentials(sidecar, outside, shared):
    other = shared.app()
    other.otherwise = reply(200, b"there", [("Content-Type", "a/b")])
    outside.route("/away", reply(302, b"", [("Location", f"http://127.0.0.1:{other.port}/landing")]))
    answer = invoke(sidecar, "named", "/away", headers=[("Authorization", "Bearer x"), ("Cookie", "c=1")])
    assert answer.body == b"there"
    seen = other.wait_one("/landing")
    assert not seen.values("Authorization") and not seen.values("Cookie")


def test_redirects_in_a_circle_end(sidecar, outside):
    outside.route("/loop", reply(302, b"", [("Location", "/loop")]))
    assert failed(invoke(sidecar, "named", "/loop"), "named").endswith("stopped after 10 redirects")
    assert len(outside.requests("/loop")) == 11


def test_a_urls_redirect_is_the_clients(sidecar, outside, url):
    outside.route("/from", reply(301, b"", [("Location", "/to")]))
    answer = invoke(sidecar, url, "/from")
    assert (answer.status, answer.header("Location")) == (301, "/to")
    assert not outside.requests("/to")


def test_nobody_listens(sidecar):
    assert failed(invoke(sidecar, "dead"), "dead").endswith("connect: connection refused")


def test_it_closes_without_an_answer(sidecar, outside, url):
    outside.route("/gone", raw_reply(b""))
    assert failed(invoke(sidecar, "named", "/gone"), "named") == f'Get "{url}/gone": EOF'


@pytest.mark.parametrize("target", ["http://", "http://127.0.0.1:notaport", "http://127.0.0.1:99999"])
def test_urls_that_are_none(sidecar, target):
    failed(sidecar.get("/x", [("dapr-app-id", target)]), target)


def test_connect(sidecar):
    assert failed(invoke(sidecar, "named", method="CONNECT"), "named") == \
        "rpc error: code = InvalidArgument desc = invalid HTTP verb"


def test_an_unhealthy_app_does_not_matter(bench, outside, url):
    app = bench.app()
    app.route("/healthz", reply(500))
    sidecar = bench.sidecar(app=app, resources=[endpoint("named", url)], flags={
        "enable-app-health-check": "true", "app-health-probe-interval": 1, "app-health-threshold": 1,
        "app-health-probe-timeout": 500})
    assert invoke(sidecar, "named").status == 200


def test_a_running_call_is_finished_at_the_end(bench, outside, url):
    begun, go_on = threading.Event(), threading.Event()

    def slow(request, sock):
        begun.set()
        assert go_on.wait(20)
        return reply(200, b"late", [("Content-Type", "a/b")])

    outside.route("/slow", slow)
    sidecar = bench.sidecar(resources=[endpoint("named", url)])
    answers = []
    calling = threading.Thread(target=lambda: answers.append(invoke(sidecar, "named", "/slow")))
    calling.start()
    assert begun.wait(10)
    sidecar.signal(signal.SIGTERM)
    sidecar.wait_log("beginning shutdown")
    go_on.set()
    calling.join(20)
    assert (answers[0].status, answers[0].body) == (200, b"late")
    assert sidecar.wait_end() == 0


# ---------------------------------------------------------------------------------------- TLS
def run(*words, cwd):
    subprocess.run(words, cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A root, a server's and a client's certificate, and a stranger's."""
    folder = tmp_path_factory.mktemp("tls")
    for root in ("root", "stranger"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={root}", "-keyout", f"{root}.key", "-out", f"{root}.pem", cwd=folder)
    for name, root, extra in (("server", "root", "subjectAltName=IP:127.0.0.1"), ("client", "root", "subjectAltName=DNS:c"),
                              ("wrong", "stranger", "subjectAltName=DNS:w")):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=folder)
        (folder / f"{name}.ext").write_text(extra)
        run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", f"{root}.pem", "-CAkey", f"{root}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem", cwd=folder)
    return folder


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "a/b")
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"secret")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def secure(certificates):
    """Serves only clients whose certificate the root has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    context.load_verify_locations(certificates / "root.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def tls_sidecar(shared, secure, certificates, tmp_path_factory):
    def text(name):
        return (certificates / name).read_text()

    def made(name, ca="root.pem", certificate=None, key=None):
        one = endpoint(name, f"https://127.0.0.1:{secure}")
        one["spec"]["clientTLS"] = {"rootCA": {"value": text(ca)}}
        if certificate:
            one["spec"]["clientTLS"].update(certificate={"value": text(certificate)}, privateKey={"value": text(key)})
        return one

    store = tmp_path_factory.mktemp("store") / "s.json"
    store.write_text(json.dumps({"ca": text("root.pem"), "crt": text("client.pem"), "key": text("client.key")}))
    referred = endpoint("referred", f"https://127.0.0.1:{secure}")
    referred["auth"] = {"secretStore": "secrets"}
    referred["spec"]["clientTLS"] = {
        "rootCA": {"secretKeyRef": {"name": "ca", "key": "ca"}},
        "certificate": {"secretKeyRef": {"name": "crt", "key": "crt"}},
        "privateKey": {"secretKeyRef": {"name": "key", "key": "key"}}}
    return shared.sidecar(resources=[
        made("good", certificate="client.pem", key="client.key"), made("wrong", certificate="wrong.pem", key="wrong.key"),
        made("none"), made("distrusted", ca="stranger.pem", certificate="client.pem", key="client.key"), referred,
        endpoint("system", f"https://127.0.0.1:{secure}"),
        component("secrets", "secretstores.local.file", {"secretsFile": str(store)})])


@pytest.mark.parametrize("name", ["good", "referred"])
def test_mutual_tls(tls_sidecar, name):
    answer = invoke(tls_sidecar, name)
    assert (answer.status, answer.body) == (200, b"secret")


@pytest.mark.parametrize("name", ["wrong", "none"])
def test_the_server_refuses_the_client(tls_sidecar, name):
    failed(invoke(tls_sidecar, name), name)


@pytest.mark.parametrize("name", ["distrusted", "system"])
def test_the_server_is_not_trusted(tls_sidecar, name):
    assert "tls: failed to verify certificate" in failed(invoke(tls_sidecar, name), name)


def test_the_metadata_lists_the_names(sidecar):
    names = sidecar.metadata()["httpEndpoints"]
    assert sorted(one["name"] for one in names) == ["dead", "hidden", "named", "odd.name.here"]


def test_a_scoped_endpoint_is_not_ours(bench, url):
    foreign = endpoint("foreign", url)
    foreign["scopes"] = ["somebody-else"]
    sidecar = bench.sidecar(resources=[foreign])
    assert "httpEndpoints" not in sidecar.metadata()
    assert_error(invoke(sidecar, "foreign"), 500, "ERR_DIRECT_INVOKE",
                 "failed to invoke, id: foreign, err: couldn't find service: foreign")
