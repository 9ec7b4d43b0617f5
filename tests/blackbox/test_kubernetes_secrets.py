"""secretstores.kubernetes (contract, components 2.15) against a server of ours that speaks the API server's documented
requests about Secrets over TLS: namespaces, kubeconfig, the pod's service account and its rotation."""

import base64
import json
import os
import ssl
import urllib.request

import pytest

from harness.errors import assert_error
from harness.resources import component
from harness.services import Service
from harness.tap import Tap

BASE = "/v1.0/secrets"


class Cluster(Service):
    def __init__(self):
        super().__init__("kubernetes")
        self.ca = os.path.join(self.folder, "ca.pem")
        self.config = os.path.join(self.folder, "kubeconfig")
        self.account = os.path.join(self.folder, "account")

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"https://{self.address}{path}", None if body is None else json.dumps(body).encode(),
                                         method=method, headers={"Authorization": "Bearer admin-token"})
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.ca), timeout=10) as answer:
            return json.loads(answer.read())

    def put(self, namespace, name, values):
        data = None if values is None else {k: base64.b64encode(v).decode() for k, v in values.items()}
        self.call("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name}, "data": data})

    def fail(self, status, times=1, path="", **more):
        self.call("PUT", "/_test/fault", {"status": status, "times": times, "path": path, **more})

    def requests(self):
        return self.call("GET", "/_test/requests")


@pytest.fixture(scope="module")
def cluster():
    made = Cluster()
    made.put("default", "pair", {"user": b"u", "pass": b"p\"<\xc3\xbc>\n"})
    made.put("default", "none", None)
    made.put("other", "pair", {"user": b"other"})
    made.put("third", "pair", {"user": b"third"})
    yield made
    made.stop()


def store(cluster, name="k8s", **more):
    options = {"kubeconfigPath": cluster.config, "defaultNamespace": "default", **more}
    return component(name, "secretstores.kubernetes", {k: v for k, v in options.items() if v is not None})


@pytest.fixture(scope="module")
def sidecar(shared, cluster):
    return shared.sidecar(resources=[store(cluster), store(cluster, "homeless", defaultNamespace=None)])


def test_a_secret_is_its_values(sidecar):
    assert sidecar.get(f"{BASE}/k8s/pair").json == {"user": "u", "pass": "p\"<ü>\n"}
    assert sidecar.get(f"{BASE}/k8s/none").json == {}


def test_a_request_may_name_the_namespace(sidecar):
    assert sidecar.get(f"{BASE}/k8s/pair?metadata.namespace=other").json == {"user": "other"}
    assert sidecar.get(f"{BASE}/homeless/pair?metadata.namespace=other").json == {"user": "other"}
    assert "namespace is missing" in sidecar.get(f"{BASE}/homeless/pair").json["message"]


def test_the_environment_names_it_before_the_component(bench, cluster):
    sidecar = bench.sidecar(resources=[store(cluster)], env={"NAMESPACE": "third"})
    assert sidecar.get(f"{BASE}/k8s/pair").json == {"user": "third"}
    assert sidecar.get(f"{BASE}/k8s/pair?metadata.namespace=other").json == {"user": "other"}


def test_what_is_not_there(sidecar):
    assert_error(sidecar.get(f"{BASE}/k8s/nope"), 500, "ERR_SECRET_GET",
                 'failed getting secret with key nope from secret store k8s: kubernetes answered 404: secrets "nope" not found')


@pytest.mark.parametrize("name", ["..", ".", "..%2F..%2Fother%2Fsecrets%2Fpair", "%20"])
def test_no_name_leads_elsewhere(sidecar, name):
    answer = sidecar.get(f"{BASE}/k8s/{name}")
    assert answer.status in (404, 500) and b"other" not in answer.body.replace(b"another", b"").split(b"message")[0]


def test_all_of_a_namespace(sidecar):
    assert sidecar.get(f"{BASE}/k8s/bulk").json == {
        "conftestsecret": {"conftestsecret": "abcd"}, "secondsecret": {"secondsecret": "efgh"},
        "pair": {"user": "u", "pass": "p\"<ü>\n"}, "none": {}}
    assert sidecar.get(f"{BASE}/k8s/bulk?metadata.namespace=other").json == {"pair": {"user": "other"}}
    assert sidecar.get(f"{BASE}/k8s/bulk?metadata.namespace=empty").status in (200, 204)
    answer = sidecar.get(f"{BASE}/k8s/bulk?metadata.namespace=forbidden")
    assert answer.status == 500 and "403" in answer.json["message"]


def test_a_pod_s_token_is_read_anew(bench, cluster, tmp_path):
    account = tmp_path / "account"
    account.mkdir()
    with open(cluster.ca, "rb") as file:
        (account / "ca.crt").write_bytes(file.read())
    (account / "token").write_text("old-token\n")
    tokens = os.path.join(cluster.folder, "tokens")
    with open(tokens, "a", encoding="ascii") as file:
        file.write("old-token\n")
    sidecar = bench.sidecar(resources=[store(cluster, kubeconfigPath=None, serviceAccountPath=str(account))],
                            env={"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(cluster.port),
                                 "HOME": str(tmp_path)})
    assert sidecar.get(f"{BASE}/k8s/pair").status == 200
    with open(tokens, "w", encoding="ascii") as file:
        file.write("admin-token\nnew-token\n")
    answer = sidecar.get(f"{BASE}/k8s/pair")
    assert answer.status == 500 and "401" in answer.json["message"]
    (account / "token").write_text("new-token")
    assert sidecar.get(f"{BASE}/k8s/pair").status == 200
    for secret in ("old-token", "new-token"):
        assert not sidecar.logged(secret)


def test_the_home_has_a_kubeconfig(bench, cluster, tmp_path):
    (tmp_path / ".kube").mkdir()
    with open(cluster.config, encoding="ascii") as file:
        text = file.read().replace("certificate-authority: ca.pem", f"certificate-authority: {cluster.ca}")
    (tmp_path / ".kube" / "config").write_text(text)
    sidecar = bench.sidecar(resources=[store(cluster, kubeconfigPath=None)], env={"HOME": str(tmp_path)})
    assert sidecar.get(f"{BASE}/k8s/pair").status == 200


CONFIG = """current-context: c
contexts: [{{name: c, context: {{cluster: k, user: u}}}}]
clusters: [{{name: k, cluster: {cluster}}}]
users: [{{name: u, user: {user}}}]
"""


def coded(path):
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode()


@pytest.mark.parametrize("user, status", [("server", 200), (None, 500)])
def test_a_client_certificate_is_shown(bench, cluster, tmp_path, user, status):
    """The server's own is as good as another: it is of the authority that the server knows."""
    pair = "{}" if user is None else json.dumps({
        "client-certificate-data": coded(os.path.join(cluster.folder, f"{user}.pem")),
        "client-key-data": coded(os.path.join(cluster.folder, f"{user}.key"))})
    where = json.dumps({"server": f"https://{cluster.address}/", "certificate-authority-data": coded(cluster.ca)})
    (tmp_path / "kubeconfig").write_text(CONFIG.format(cluster=where, user=pair))
    sidecar = bench.sidecar(resources=[store(cluster, kubeconfigPath=str(tmp_path / "kubeconfig"))])
    assert sidecar.get(f"{BASE}/k8s/pair").status == status
    assert not sidecar.logged("PRIVATE KEY")


@pytest.mark.parametrize("text, why", [
    ("{", "kubeconfig:"), ("a: b", "no context named"), ("current-context: x\ncontexts: []", "no context named x"),
    (CONFIG.format(cluster="{}", user="{}"), "has no server"),
    (CONFIG.format(cluster="{server: 'https://x', certificate-authority-data: '***'}", user="{}"), "is not base64"),
    (CONFIG.format(cluster="{server: 'https://x', certificate-authority-data: 'eA=='}", user="{}"), "PEM"),
    (CONFIG.format(cluster="{server: 'https://x'}", user="{exec: {command: x}}"), "not supported"),
    (CONFIG.format(cluster="{server: 'https://x'}", user="{client-certificate: /nowhere}"), "/nowhere: No such file")])
def test_a_kubeconfig_that_cannot_work_ends_the_start(bench, cluster, tmp_path, text, why):
    (tmp_path / "kubeconfig").write_text(text)
    sidecar = bench.sidecar(resources=[store(cluster, kubeconfigPath=str(tmp_path / "kubeconfig"))], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(why)


def test_outside_of_any_cluster_the_start_says_so(bench, cluster, tmp_path):
    sidecar = bench.sidecar(resources=[store(cluster, kubeconfigPath=None)], env={"HOME": str(tmp_path)}, ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged("KUBERNETES_SERVICE_HOST")


def test_faults(bench, cluster, tmp_path):
    tap = Tap(cluster.port)
    with open(cluster.config, encoding="ascii") as file:
        text = file.read().replace(cluster.address, tap.address).replace("authority: ca.pem", f"authority: {cluster.ca}")
    (tmp_path / "kubeconfig").write_text(text)
    sidecar = bench.sidecar(resources=[store(cluster, kubeconfigPath=str(tmp_path / "kubeconfig"))])
    path = f"{BASE}/k8s/pair"
    assert sidecar.get(path).status == 200
    tap.refuse()
    assert sidecar.get(path).status == 500
    tap.open()
    assert sidecar.get(path).status == 200
    tap.reset()
    tap.cut_answer(100)
    assert sidecar.get(path).status == 500
    tap.flow()
    assert sidecar.get(path).status == 200
    cluster.fail(500, path="secrets/pair")
    assert sidecar.get(path).status == 500
    cluster.fail(200, path="secrets/pair", body="no object")
    assert sidecar.get(path).status == 500
    cluster.fail(200, path="secrets/pair", body={"data": {"user": "***"}})
    assert "not base64" in sidecar.get(path).json["message"]
    assert sidecar.get(path).status == 200
    tap.close()
