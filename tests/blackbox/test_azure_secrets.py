"""secretstores.azure.keyvault (contract, components 0.3 and 2.15) against a server of ours that speaks the documented REST
interface of the vault and of Entra; with the real names of both, through a proxy, as it would be in life."""

import base64
import json
import os
import ssl
import time
import urllib.parse
import urllib.request

import pytest

from harness.resources import component
from harness.services import Service
from harness.tap import Tap

BASE = "/v1.0/secrets"
SECRET = "s3cr&t=/ä"


class Azure(Service):
    def __init__(self, *options):
        super().__init__("azure", *options)
        self.url = f"{'https' if options else 'http'}://{self.address}"
        with open(os.path.join(self.folder, "client.pem"), encoding="ascii") as file:
            self.pem = file.read()
        for name, value, enabled in (("plain", "p\"<ü>\n", True), ("off", "x", False), ("rotated", "one", True), ("rotated", "two", True)):
            self.put(name, value, enabled)

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(), method=method)
        context = ssl._create_unverified_context() if self.url.startswith("https") else None
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return json.loads(answer.read())

    def put(self, name, value, enabled=True):
        self.call("PUT", "/_test/put", {"name": name, "value": value, "enabled": enabled})

    def fail(self, status, times=1, path="", **more):
        self.call("PUT", "/_test/fault", {"status": status, "times": times, "path": path, **more})


@pytest.fixture(scope="module")
def azure():
    made = Azure()
    yield made
    made.stop()


def store(azure, name="azure", **more):
    options = {"vaultName": azure.url, "azureTenantId": "tenant-1", "azureClientId": "client-1", "azureClientSecret": SECRET, **more}
    return component(name, "secretstores.azure.keyvault", {k: v for k, v in options.items() if v is not None})


@pytest.fixture(scope="module")
def sidecar(shared, azure):
    file = os.path.join(azure.folder, "client.pem")
    pfx = os.path.join(azure.folder, "client.pfx")
    with open(pfx, "rb") as stream:
        coded = base64.b64encode(stream.read()).decode()
    return shared.sidecar(env={"AZURE_AUTHORITY_HOST": azure.url}, resources=[
        store(azure), store(azure, "older", azureTenantId=None, azureClientId=None, azureClientSecret=None, spnTenantId="tenant-1",
                            spnClientId="client-1", spnClientSecret=SECRET),
        store(azure, "file", azureClientSecret=None, azureCertificateFile=file),
        store(azure, "text", azureClientSecret=None, azureCertificate=azure.pem),
        store(azure, "pfx", azureClientSecret=None, azureCertificateFile=pfx, azureCertificatePassword="mighty-pw"),
        store(azure, "coded", azureClientSecret=None, azureCertificate=coded, azureCertificatePassword="mighty-pw"),
        store(azure, "chosen", azureClientSecret="wrong", azureCertificate=azure.pem, azureAuthMethods="cert, creds"),
        store(azure, "wrong", azureClientSecret="wrong")])


@pytest.mark.parametrize("name", ["azure", "older", "file", "text", "pfx", "coded", "chosen"])
def test_a_secret(sidecar, name):
    assert sidecar.get(f"{BASE}/{name}/plain").json == {"plain": "p\"<ü>\n"}


def test_versions(sidecar):
    assert sidecar.get(f"{BASE}/azure/rotated").json == {"rotated": "two"}
    assert sidecar.get(f"{BASE}/azure/rotated?metadata.version_id=1").json == {"rotated": "one"}


@pytest.mark.parametrize("name, why", [("nope", "was not found in this key vault"), ("off", "disabled"), ("a%2Fb", "404")])
def test_what_cannot_be_read(sidecar, name, why):
    answer = sidecar.get(f"{BASE}/azure/{name}")
    assert answer.status == 500 and why in answer.json["message"]


def test_who_is_not_known(sidecar):
    answer = sidecar.get(f"{BASE}/wrong/plain")
    assert answer.status == 500 and "AADSTS7000215" in answer.json["message"]


def test_all_that_are_enabled(sidecar):
    everything = {"conftestsecret": "abcd", "secondsecret": "efgh", "plain": "p\"<ü>\n", "rotated": "two"}
    assert sidecar.get(f"{BASE}/azure/bulk").json == {k: {k: v} for k, v in everything.items()}
    assert len(sidecar.get(f"{BASE}/azure/bulk?metadata.maxresults=1").json) in (1, 2)


def test_no_page_leads_away_from_the_vault(sidecar, azure):
    azure.fail(200, path="^/secrets$", body={"value": [], "nextLink": "http://127.0.0.1:1/secrets"})
    assert "lead away" in sidecar.get(f"{BASE}/azure/bulk").json["message"]
    azure.fail(200, path="^/secrets$", body={"value": [], "nextLink": azure.url + ".example.com/secrets"})
    assert "lead away" in sidecar.get(f"{BASE}/azure/bulk").json["message"]


def test_workload_identity(bench, azure, tmp_path):
    (tmp_path / "jwt").write_text("federated-token\n")
    sidecar = bench.sidecar(resources=[store(azure, azureTenantId=None, azureClientId=None, azureClientSecret=None)],
                            env={"AZURE_AUTHORITY_HOST": azure.url + "/", "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "jwt"),
                                 "AZURE_TENANT_ID": "tenant-1", "AZURE_CLIENT_ID": "client-1"})
    assert sidecar.get(f"{BASE}/azure/plain").status == 200


def test_managed_identity(bench, azure):
    sidecar = bench.sidecar(resources=[store(azure, azureTenantId=None, azureClientSecret=None)],
                            env={"AZURE_POD_IDENTITY_AUTHORITY_HOST": azure.url})
    assert sidecar.get(f"{BASE}/azure/plain").status == 200


def test_under_its_real_names_through_a_proxy(bench, tmp_path):
    azure = Azure("--tls")
    try:
        with open(os.path.join(azure.folder, "proxy"), encoding="ascii") as file:
            proxy = f"http://127.0.0.1:{file.read().strip()}"
        env = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": os.path.join(azure.folder, "ca.pem")}
        resources = [store(azure, "bare", vaultName="my-vault"), store(azure, "host", vaultName="my-vault.vault.azure.net"),
                     store(azure, "url", vaultName="https://my-vault.vault.azure.net/"),
                     store(azure, "china", vaultName="my-vault.vault.azure.cn")]
        sidecar = bench.sidecar(resources=resources, env=env)
        for name in ("bare", "host", "url"):
            assert sidecar.get(f"{BASE}/{name}/plain").json == {"plain": "p\"<ü>\n"}
        assert sidecar.get(f"{BASE}/bare/bulk").status == 200
        assert "login.chinacloudapi.cn" in sidecar.get(f"{BASE}/china/plain").json["message"]
        untrusting = bench.sidecar(resources=resources[:1], env={"HTTPS_PROXY": proxy})
        assert "certificate" in untrusting.get(f"{BASE}/bare/plain").json["message"]
    finally:
        azure.stop()


class Entra:
    """What the product's own client asks for tokens; here the token endpoint of the server of ours."""

    def __init__(self, azure):
        self.azure = azure

    def get_token(self, *scopes, **_):
        from azure.core.credentials import AccessToken
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "client-1", "client_secret": SECRET,
                                       "scope": scopes[0]}).encode()
        request = urllib.request.Request(f"{self.azure.url}/tenant-1/oauth2/v2.0/token", form)
        with urllib.request.urlopen(request, timeout=10, context=ssl._create_unverified_context()) as answer:
            given = json.loads(answer.read())
        return AccessToken(given["access_token"], int(time.time()) + given["expires_in"])


def test_the_product_s_own_client_sees_what_we_see(bench):
    """What the server of ours speaks is what Azure's own client speaks; and what that writes, we read."""
    secrets = pytest.importorskip("azure.keyvault.secrets")
    from azure.core.exceptions import ResourceNotFoundError
    azure = Azure("--tls")
    try:
        ca = os.path.join(azure.folder, "ca.pem")
        client = secrets.SecretClient(azure.url, Entra(azure), verify_challenge_resource=False, connection_verify=ca)
        client.set_secret("own", "one")
        client.set_secret("own", "ü")
        sidecar = bench.sidecar(resources=[store(azure)], env={"AZURE_AUTHORITY_HOST": azure.url, "SSL_CERT_FILE": ca})
        assert sidecar.get(f"{BASE}/azure/own").json == {"own": "ü"}
        assert sidecar.get(f"{BASE}/azure/own?metadata.version_id=1").json == {"own": "one"}
        assert client.get_secret("own").value == "ü" and client.get_secret("own", "1").value == "one"
        names = [one.name for one in client.list_properties_of_secrets() if one.enabled]
        assert sorted(names) == sorted(sidecar.get(f"{BASE}/azure/bulk").json)
        with pytest.raises(ResourceNotFoundError):
            client.get_secret("nope")
    finally:
        azure.stop()


@pytest.mark.parametrize("more, why", [({"vaultName": "a b"}, "no name of a vault"), ({"azureAuthMethods": "magic"}, "does not know magic"),
                                       ({"azureAuthMethods": "cli"}, "none of the ways"), ({"azureEnvironment": "Mars"}, "azureEnvironment"),
                                       ({"azureClientSecret": None, "azureCertificate": "x"}, "no RSA key")])
def test_what_cannot_work_ends_the_start_in_one_sentence(bench, azure, more, why):
    sidecar = bench.sidecar(resources=[store(azure, **more)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(why)


def test_faults(bench, azure):
    tap = Tap(azure.port)
    sidecar = bench.sidecar(resources=[store(azure, vaultName=f"http://{tap.address}")], env={"AZURE_AUTHORITY_HOST": azure.url})
    path = f"{BASE}/azure/plain"
    assert sidecar.get(path).status == 200
    tap.refuse()
    assert sidecar.get(path).status == 500
    tap.open()
    assert sidecar.get(path).status == 200
    tap.reset()
    tap.cut_answer(50)
    assert sidecar.get(path).status == 500
    tap.flow()
    azure.call("PUT", "/_test/revoke", {})
    assert sidecar.get(path).status == 200
    azure.fail(429, path="secrets/plain", body={"error": {"message": "throttled"}})
    assert "throttled" in sidecar.get(path).json["message"]
    tap.close()


def test_no_secret_is_logged(sidecar):
    for secret in (SECRET, "PRIVATE KEY", "token-0", "mighty-pw"):
        assert not sidecar.logged(secret)
