"""secretstores.gcp.secretmanager (contract, components 0.3 and 2.15) against a server of ours that speaks the documented
REST interface and checks the assertions of service accounts."""

import json
import os
import urllib.request

import pytest

from harness.resources import component
from harness.services import Service
from harness.tap import Tap

BASE = "/v1.0/secrets"


class Google(Service):
    def __init__(self):
        super().__init__("gcp")
        self.url = f"http://{self.address}"
        self.account = os.path.join(self.folder, "account.json")
        with open(self.account, encoding="utf-8") as file:
            self.key = json.load(file)

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(), method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def put(self, name, value, project="p-1"):
        self.call("PUT", "/_test/put", {"project": project, "name": name, "value": value})

    def fail(self, status, times=1, path="", **more):
        self.call("PUT", "/_test/fault", {"status": status, "times": times, "path": path, **more})

    def requests(self, path):
        return [one for one in self.call("GET", "/_test/requests") if one["target"].startswith(path)]


@pytest.fixture(scope="module")
def google():
    made = Google()
    for name, value in (("plain", "p\"<ü>\n"), ("rotated", "one"), ("rotated", "two"), ("c", "3"), ("d", "4"), ("e", "5")):
        made.put(name, value)
    yield made
    made.stop()


def store(google, name="gcp", **more):
    options = {"endpoint": google.url, "projectID": "p-1", **more}
    return component(name, "secretstores.gcp.secretmanager", {k: v for k, v in options.items() if v is not None})


def keyed(google, name="gcp", **more):
    return store(google, name, **{"type": "service_account", "private_key_id": "k1", "client_email": "sa@test",
                                  "private_key": google.key["private_key"], "token_uri": google.key["token_uri"], **more})


@pytest.fixture(scope="module")
def sidecar(shared, google):
    folded = google.key["private_key"].replace("\n", "\\n")
    return shared.sidecar(resources=[keyed(google), keyed(google, "folded", private_key=folded), store(google, "ambient")],
                          env={"GOOGLE_APPLICATION_CREDENTIALS": google.account})


@pytest.mark.parametrize("name", ["gcp", "folded", "ambient"])
def test_a_secret(sidecar, name):
    assert sidecar.get(f"{BASE}/{name}/plain").json == {"plain": "p\"<ü>\n"}


def test_versions(sidecar):
    assert sidecar.get(f"{BASE}/gcp/rotated").json == {"rotated": "two"}
    assert sidecar.get(f"{BASE}/gcp/rotated?metadata.version_id=1").json == {"rotated": "one"}
    assert sidecar.get(f"{BASE}/gcp/rotated?metadata.version_id=7").status == 500


@pytest.mark.parametrize("name", ["nope", "..", "a%2Fb", "projects%2Fp-1%2Fsecrets%2F..", "%3Fx"])
def test_what_is_not_there(sidecar, name):
    assert sidecar.get(f"{BASE}/gcp/{name}").status in (404, 500)


def test_all_of_them_by_their_full_names(sidecar):
    full = {f"projects/p-1/secrets/{k}": v for k, v in (("plain", "p\"<ü>\n"), ("rotated", "two"), ("c", "3"), ("d", "4"), ("e", "5"))}
    assert sidecar.get(f"{BASE}/gcp/bulk").json == {name: {name: value} for name, value in full.items()}
    assert sidecar.get(f"{BASE}/gcp/projects%2Fp-1%2Fsecrets%2Fc").json == {"projects/p-1/secrets/c": "3"}


def test_one_failure_fails_the_bulk(sidecar, google):
    google.fail(404, path="secrets/d/")
    assert sidecar.get(f"{BASE}/gcp/bulk").status == 500


def test_a_token_is_used_until_it_is_refused(bench, google):
    sidecar = bench.sidecar(resources=[keyed(google)], env={"GOMAXPROCS": "1"})
    before = len(google.requests("/token"))
    for _ in range(10):
        assert sidecar.get(f"{BASE}/gcp/plain").status == 200
    used = len(google.requests("/token")) - before
    assert 1 <= used <= (os.cpu_count() or 1)
    google.call("PUT", "/_test/revoke", {})
    assert sidecar.get(f"{BASE}/gcp/plain").status == 200


def test_a_user_s_credentials(bench, google, tmp_path):
    (tmp_path / ".config" / "gcloud").mkdir(parents=True)
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "secret", "refresh_token": "refresh"}
    (tmp_path / ".config" / "gcloud" / "application_default_credentials.json").write_text(json.dumps(user))
    sidecar = bench.sidecar(resources=[store(google)], env={"HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:1"})
    assert "127.0.0.1" in sidecar.get(f"{BASE}/gcp/plain").json["message"]      # it went to Google's own, by the proxy


def test_the_metadata_server(bench, google, tmp_path):
    sidecar = bench.sidecar(resources=[store(google)], env={"HOME": str(tmp_path), "GCE_METADATA_HOST": google.address})
    assert sidecar.get(f"{BASE}/gcp/plain").json == {"plain": "p\"<ü>\n"}


def test_a_wrong_key_is_told(bench, google, tmp_path):
    sidecar = bench.sidecar(resources=[keyed(google, client_email="other@test")])
    assert "Invalid JWT Signature" in sidecar.get(f"{BASE}/gcp/plain").json["message"]


@pytest.mark.parametrize("more, why", [({"type": None}, "are needed"), ({"private_key": "x"}, "no RSA key"), ({"projectID": None}, "projectID")])
def test_what_cannot_work_ends_the_start_in_one_sentence(bench, google, more, why):
    sidecar = bench.sidecar(resources=[keyed(google, **more)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(why)


def test_faults(bench, google):
    tap = Tap(google.port)
    sidecar = bench.sidecar(resources=[keyed(google, endpoint=f"http://{tap.address}")])
    path = f"{BASE}/gcp/plain"
    assert sidecar.get(path).status == 200
    tap.refuse()
    assert sidecar.get(path).status == 500
    tap.open()
    assert sidecar.get(path).status == 200
    tap.reset()
    tap.cut_answer(50)
    assert sidecar.get(path).status == 500
    tap.flow()
    assert sidecar.get(path).status == 200
    google.fail(503, path="secrets/plain", body={"error": {"message": "try later"}})
    assert "try later" in sidecar.get(path).json["message"]
    google.fail(200, path="secrets/plain", body={"payload": {"data": "***"}})
    assert "not base64" in sidecar.get(path).json["message"]
    tap.close()


def test_no_secret_is_logged(sidecar):
    assert not sidecar.logged("PRIVATE KEY") and not sidecar.logged("token-0")
