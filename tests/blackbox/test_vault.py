"""secretstores.hashicorp.vault (contract, components 2.15) against a server of ours that speaks the documented API of
the KV engine, version 2, over TLS: layout, versions, faults, and what never happens to a secret."""

import json
import os
import ssl
import threading
import urllib.request
from urllib.parse import quote

import pytest

from harness.admin import Admin
from harness.errors import assert_error
from harness.raw import Connection, request_bytes
from harness.resources import component
from harness.services import Service
from harness.tap import Tap

BASE = "/v1.0/secrets"
TOKEN = "root-token"


class Vault(Service):
    """The server, and an administrator's client of it."""

    def __init__(self):
        super().__init__("vault")
        self.ca = os.path.join(self.folder, "ca.pem")
        self.url = f"https://{self.address}"

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + quote(path), None if body is None else json.dumps(body).encode(), method=method,
                                         headers={"X-Vault-Token": TOKEN, "X-Vault-Request": "true"})
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def put(self, path, data, mount="secret"):
        self.call("POST", f"/v1/{mount}/data/{path}", {"data": data})

    def fail(self, status, times=1, path="", **more):
        self.call("PUT", "/_test/fault", {"status": status, "times": times, "path": path, **more})

    def requests(self):
        return self.call("GET", "/_test/requests")


@pytest.fixture(scope="module")
def vault():
    made = Vault()
    made.put("dapr/db", {"user": "u", "password": "p\"w<ü>\n"})
    made.put("dapr/folder/deep/leaf", {"leaf": "x"})
    made.put("dapr/empty", {})
    made.put("dapr/number", {"n": 1, "s": "t"})
    made.put("dapr/two words", {"k": "v"})
    made.put("bare", {"bare": "b"})
    made.put("app/x", {"x": "team"}, mount="kv2/team")
    made.put("dapr/rotated", {"v": "one"})
    made.put("dapr/rotated", {"v": "two"})
    made.put("dapr/gone", {"v": "gone"})
    made.call("DELETE", "/v1/secret/data/dapr/gone")
    yield made
    made.stop()


def store(vault, name="vault", **more):
    options = {"vaultAddr": vault.url, "vaultToken": TOKEN, "caCert": vault.ca, **more}
    return component(name, "secretstores.hashicorp.vault", {k: v for k, v in options.items() if v is not None})


@pytest.fixture(scope="module")
def sidecar(shared, vault, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vault")
    (folder / "token").write_text(f"  {TOKEN}\n")
    (folder / "cas" / "sub").mkdir(parents=True)
    with open(vault.ca, encoding="ascii") as file:
        pem = file.read()
    (folder / "cas" / "sub" / "one.pem").write_text(pem)
    return shared.sidecar(resources=[
        store(vault), store(vault, "text", vaultValueType="text"), store(vault, "bare", vaultKVUsePrefix="false"),
        store(vault, "team", enginePath="kv2/team", vaultKVPrefix="app"),
        store(vault, "mounted", vaultToken=None, vaultTokenMountPath=str(folder / "token")),
        store(vault, "pem", caCert="/nowhere", caPem=pem), store(vault, "walked", caCert="/nowhere", caPath=str(folder / "cas")),
        store(vault, "named", vaultAddr=vault.url.replace("127.0.0.1", "localhost"), tlsServerName="vault.test"),
        store(vault, "misnamed", tlsServerName="other.test"), store(vault, "untrusted", caCert=None),
        store(vault, "careless", caCert=None, skipVerify="true"), store(vault, "yes", caCert=None, skipVerify="yes"),
        store(vault, "stranger", vaultToken="wrong-token")])


def test_a_secret_is_its_values(sidecar):
    assert sidecar.get(f"{BASE}/vault/db").json == {"user": "u", "password": "p\"w<ü>\n"}


def test_values_may_be_none(sidecar):
    assert sidecar.get(f"{BASE}/vault/empty").json == {}


def test_names_are_paths_below_the_prefix(sidecar, vault):
    assert sidecar.get(f"{BASE}/vault/folder%2Fdeep%2Fleaf").json == {"leaf": "x"}
    assert sidecar.get(f"{BASE}/vault/two%20words").json == {"k": "v"}
    assert sidecar.get(f"{BASE}/bare/bare").json == {"bare": "b"}
    assert sidecar.get(f"{BASE}/team/x").json == {"x": "team"}
    last = vault.requests()[-1]
    assert last["target"] == "/v1/kv2/team/data/app/x?version=0"
    assert last["headers"]["x-vault-token"] == TOKEN and last["headers"]["x-vault-request"] == "true"


@pytest.mark.parametrize("name", ["..%2Fbare", "..%2F..%2Fdata%2Fbare", ".", "a%2F..%2F..%2Fbare"])
def test_no_name_leads_out_of_the_prefix(sidecar, name):
    answer = sidecar.get(f"{BASE}/vault/{name}")
    assert answer.status in (404, 500) and b'"b"' not in answer.body


def test_a_version_can_be_asked_for(sidecar):
    assert sidecar.get(f"{BASE}/vault/rotated").json == {"v": "two"}
    assert sidecar.get(f"{BASE}/vault/rotated?metadata.version_id=1").json == {"v": "one"}
    assert sidecar.get(f"{BASE}/vault/rotated?metadata.version_id=9").status == 500


@pytest.mark.parametrize("name", ["nope", "gone", "folder"])
def test_what_is_not_there(sidecar, name):
    assert_error(sidecar.get(f"{BASE}/vault/{name}"), 500, "ERR_SECRET_GET",
                 f"failed getting secret with key {name} from secret store vault: secret key or version not exist")


def test_a_value_that_is_no_text_fails_as_a_map_and_is_read_as_text(sidecar):
    assert "the value n of number is a JSON number" in sidecar.get(f"{BASE}/vault/number").json["message"]
    assert sidecar.get(f"{BASE}/text/number").json == {"number": '{"n":1,"s":"t"}'}


def test_features_depend_on_the_value_type(sidecar):
    features = {one["name"]: one.get("capabilities", []) for one in sidecar.metadata()["components"]}
    assert features["vault"] == ["MULTIPLE_KEY_VALUES_PER_SECRET"] and features["text"] == []


def test_all_of_them(sidecar):
    assert sidecar.get(f"{BASE}/text/bulk").json == {
        "conftestsecret": {"conftestsecret": '{"conftestsecret":"abcd"}'}, "secondsecret": {"secondsecret": '{"secondsecret":"efgh"}'},
        "db": {"db": '{"password":"p\\"w\\u003cü\\u003e\\n","user":"u"}'}, "empty": {"empty": "{}"},
        "folder/deep/leaf": {"folder/deep/leaf": '{"leaf":"x"}'}, "number": {"number": '{"n":1,"s":"t"}'},
        "rotated": {"rotated": '{"v":"two"}'}, "two words": {"two words": '{"k":"v"}'}}


def test_a_failing_member_fails_the_bulk(sidecar, vault):
    assert "the value n of number" in sidecar.get(f"{BASE}/vault/bulk").json["message"]
    vault.fail(500, path="metadata/dapr/folder/$")
    assert sidecar.get(f"{BASE}/text/bulk").status == 500
    assert sidecar.get(f"{BASE}/text/bulk").status == 200


@pytest.mark.parametrize("name", ["mounted", "pem", "walked", "named", "careless"])
def test_ways_to_trust_and_be_trusted(sidecar, name):
    assert sidecar.get(f"{BASE}/{name}/conftestsecret").json == {"conftestsecret": "abcd"}


@pytest.mark.parametrize("name, why", [("misnamed", "certificate"), ("untrusted", "certificate"), ("yes", "certificate"),
                                       ("stranger", "403")])
def test_who_is_not_trusted(sidecar, name, why):
    answer = sidecar.get(f"{BASE}/{name}/conftestsecret")
    assert answer.status == 500 and why in answer.json["message"]
    assert "abcd" not in answer.text


def test_a_server_in_trouble_is_told_and_asked_again(sidecar, vault):
    vault.fail(503, path="data/dapr/db", body={"errors": ["Vault is sealed"]})
    answer = sidecar.get(f"{BASE}/vault/db")
    assert answer.status == 500 and "503" in answer.json["message"] and "Vault is sealed" in answer.json["message"]
    assert sidecar.get(f"{BASE}/vault/db").status == 200


def test_a_standby_node_leads_to_the_active_one(sidecar, vault):
    vault.fail(307, path="data/dapr/db", headers={"Location": f"{vault.url}/v1/secret/data/dapr/conftestsecret"})
    assert sidecar.get(f"{BASE}/vault/db").json == {"conftestsecret": "abcd"}


def test_what_is_no_answer_is_told(sidecar, vault):
    for body in ("no json", [1], {"data": None}, {"data": {"data": "x"}}):
        vault.fail(200, path="data/dapr/db", body=body)
        assert sidecar.get(f"{BASE}/vault/db").status == 500
    assert sidecar.get(f"{BASE}/vault/db").status == 200


def test_a_component_takes_its_secret_from_it(bench, vault, tmp_path):
    (tmp_path / "s.json").write_text('{"a:b":"c"}')
    vault.put("dapr/path", {"file": str(tmp_path / "s.json")})
    user = component("file", "secretstores.local.file", {"secretsFile": {"secretKeyRef": {"name": "path", "key": "file"}}},
                     auth={"secretStore": "vault"})
    sidecar = bench.sidecar(resources=[store(vault), user])
    assert sidecar.get(f"{BASE}/file/a:b").json == {"a:b": "c"}


def test_faults_of_the_line(bench, vault):
    tap = Tap(vault.port)
    sidecar = bench.sidecar(resources=[store(vault, vaultAddr=f"https://{tap.address}")])
    path = f"{BASE}/vault/conftestsecret"
    good = {"conftestsecret": "abcd"}
    assert sidecar.get(path).json == good
    tap.refuse()
    assert sidecar.get(path).status == 500
    tap.open()
    assert sidecar.get(path).json == good
    tap.reset()
    assert sidecar.get(path).json == good
    tap.reset()
    tap.cut_answer(100)
    assert sidecar.get(path).status == 500
    tap.flow()
    assert sidecar.get(path).json == good
    tap.close()


def test_a_silent_server_holds_nobody_up(bench, vault):
    tap = Tap(vault.port)
    sidecar = bench.sidecar(resources=[store(vault, vaultAddr=f"https://{tap.address}"), store(vault, "straight")])
    assert sidecar.get(f"{BASE}/vault/conftestsecret").status == 200
    tap.stall()
    waiting = [Connection(sidecar.http) for _ in range(20)]
    for one in waiting:
        one.send(request_bytes(sidecar.http, "GET", f"{BASE}/vault/conftestsecret"))
    assert sidecar.get(f"{BASE}/straight/conftestsecret").status == 200
    for one in waiting[:10]:
        one.close()
    tap.flow()
    tap.reset()
    assert all(one.answer_read().status in (200, 500) for one in waiting[10:])
    assert sidecar.get(f"{BASE}/vault/conftestsecret").status == 200
    tap.close()


def test_starts_without_the_server(bench, vault):
    tap = Tap(vault.port)
    tap.refuse()
    sidecar = bench.sidecar(resources=[store(vault, vaultAddr=f"https://{tap.address}")])
    assert sidecar.get(f"{BASE}/vault/conftestsecret").status == 500
    tap.open()
    assert sidecar.get(f"{BASE}/vault/conftestsecret").json == {"conftestsecret": "abcd"}
    tap.close()


@pytest.mark.parametrize("more, why", [({"vaultToken": None}, "exactly one of vaultToken and vaultTokenMountPath"),
                                       ({"vaultTokenMountPath": "/x"}, "exactly one of vaultToken and vaultTokenMountPath"),
                                       ({"vaultToken": None, "vaultTokenMountPath": "/nowhere"}, "/nowhere: No such file"),
                                       ({"caPem": "none"}, "no certificate in PEM form"), ({"caCert": "/nowhere"}, "/nowhere: No such file"),
                                       ({"vaultValueType": "list"}, "vaultValueType")])
def test_what_cannot_work_ends_the_start_in_one_sentence(bench, vault, more, why):
    sidecar = bench.sidecar(resources=[store(vault, **more)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(why)


@pytest.mark.differs
def test_the_plugin_is_replaced_under_load(bench, vault, tmp_path):
    """By name, so that the library's threads that look names up are there, too."""
    socket = str(tmp_path / "admin")
    sidecar = bench.sidecar(resources=[store(vault, vaultAddr=vault.url.replace("127.0.0.1", "localhost"))],
                            flags={"admin-listen": f"unix:{socket}"})
    stop, answers = threading.Event(), []

    def read():
        while not stop.is_set():
            answers.append(sidecar.get(f"{BASE}/vault/conftestsecret").status)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for one in readers:
        one.start()
    swaps = 0
    while swaps < 10 or len(answers) < 100:
        swaps += 1
        answer = Admin(path=socket).swap("secretstores.hashicorp.vault")
        assert answer.status == 200, answer.text
    stop.set()
    for one in readers:
        one.join()
    assert set(answers) == {200}


def test_no_secret_is_logged(sidecar):
    sidecar.get(f"{BASE}/vault/db")
    for secret in (TOKEN, "abcd", "p\\\"w"):
        assert not sidecar.logged(secret)


def test_the_product_s_own_client_sees_what_we_see(sidecar, vault):
    """What the server of ours speaks is what the field's client for Vault speaks; and what that writes, we read."""
    hvac = pytest.importorskip("hvac")
    client = hvac.Client(url=vault.url, token=TOKEN, verify=vault.ca)
    kv = client.secrets.kv.v2
    kv.create_or_update_secret(path="dapr/own/client", secret={"a": "1", "b": "ü"})
    kv.create_or_update_secret(path="dapr/own/client", secret={"a": "2", "b": "ü"})
    assert sidecar.get(f"{BASE}/vault/own%2Fclient").json == {"a": "2", "b": "ü"}
    assert sidecar.get(f"{BASE}/vault/own%2Fclient?metadata.version_id=1").json == {"a": "1", "b": "ü"}
    assert kv.read_secret_version(path="dapr/own/client", raise_on_deleted_version=True)["data"]["data"] == {"a": "2", "b": "ü"}
    assert kv.list_secrets(path="dapr/own")["data"]["keys"] == ["client"]
    kv.delete_latest_version_of_secret(path="dapr/own/client")
    with pytest.raises(hvac.exceptions.InvalidPath):
        kv.read_secret_version(path="dapr/own/client", raise_on_deleted_version=True)
    assert sidecar.get(f"{BASE}/vault/own%2Fclient").status == 500
