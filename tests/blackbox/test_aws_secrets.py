"""secretstores.aws.secretmanager (contract, components 0.3 and 2.15) against moto, written by boto3; and where the keys
come from: options, environment, shared files, roles, web identity, a container's endpoint, an instance's metadata."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.errors import assert_error
from harness.resources import component
from harness.services import Service
from harness.tap import Tap

boto3 = pytest.importorskip("boto3")
BASE = "/v1.0/secrets"
ROLE = "arn:aws:iam::123456789012:role/app"


@pytest.fixture(scope="module")
def moto():
    made = Service("moto")
    made.url = f"http://{made.address}"
    made.client = boto3.client("secretsmanager", endpoint_url=made.url, region_name="us-east-1", aws_access_key_id="t",
                               aws_secret_access_key="t")
    put = made.client.create_secret
    put(Name="plain", SecretString="p\"<ü>\n")
    made.arn = put(Name="team/db", SecretString='{"user":"u","n":1.50,"deep":{"a":[1]},"nul":null}')["ARN"]
    put(Name="list", SecretString="[1]")
    put(Name="bytes", SecretBinary=b"\x00\x01")
    put(Name="rotated", SecretString="one")
    made.old = made.client.describe_secret(SecretId="rotated")["VersionIdsToStages"]
    made.client.put_secret_value(SecretId="rotated", SecretString="two")
    yield made
    made.stop()


def store(moto, name="aws", **more):
    options = {"endpoint": moto.url, "region": "us-east-1", "accessKey": "id-1", "secretKey": "mighty-secret", **more}
    return component(name, "secretstores.aws.secretmanager", {k: v for k, v in options.items() if v is not None})


@pytest.fixture(scope="module")
def sidecar(shared, moto):
    return shared.sidecar(resources=[store(moto), store(moto, "multi", multipleKeyValuesPerSecret="true")])


def test_a_secret(sidecar):
    assert sidecar.get(f"{BASE}/aws/plain").json == {"plain": "p\"<ü>\n"}
    assert sidecar.get(f"{BASE}/aws/team%2Fdb").json["team/db"].startswith('{"user"')


def test_one_that_is_asked_for_by_its_arn_is_named_by_its_name(sidecar, moto):
    assert list(sidecar.get(f"{BASE}/aws/{moto.arn.replace('/', '%2F')}").json) == ["team/db"]


def test_several_values(sidecar):
    assert sidecar.get(f"{BASE}/multi/team%2Fdb").json == {"user": "u", "n": "1.50", "deep": '{"a":[1]}', "nul": "null"}
    assert sidecar.get(f"{BASE}/multi/plain").json == {"plain": "p\"<ü>\n"}
    assert sidecar.get(f"{BASE}/multi/list").json == {"list": "[1]"}
    features = {one["name"]: one.get("capabilities", []) for one in sidecar.metadata()["components"]}
    assert features == {"aws": [], "multi": ["MULTIPLE_KEY_VALUES_PER_SECRET"]}


def test_bytes_are_no_text(sidecar):
    assert sidecar.get(f"{BASE}/aws/bytes").json == {}


def test_versions(sidecar, moto):
    version = next(iter(moto.old))
    assert sidecar.get(f"{BASE}/aws/rotated").json == {"rotated": "two"}
    assert sidecar.get(f"{BASE}/aws/rotated?metadata.version_id={version}").json == {"rotated": "one"}
    assert sidecar.get(f"{BASE}/aws/rotated?metadata.version_stage=AWSPREVIOUS").json == {"rotated": "one"}


def test_what_is_not_there(sidecar):
    answer = sidecar.get(f"{BASE}/aws/nope")
    assert_error(answer, 500, "ERR_SECRET_GET", answer.json["message"])
    assert "ResourceNotFoundException" in answer.json["message"]


def test_all_of_them(sidecar, moto):
    for n in range(120):
        moto.client.create_secret(Name=f"many-{n}", SecretString=str(n))
    everything = sidecar.get(f"{BASE}/aws/bulk").json
    assert len(everything) == 127 and everything["plain"] == {"plain": "p\"<ü>\n"} and everything["bytes"] == {}
    assert all(everything[f"many-{n}"] == {f"many-{n}": str(n)} for n in range(120))
    for n in range(120):
        moto.client.delete_secret(SecretId=f"many-{n}", ForceDeleteWithoutRecovery=True)


class Around:
    """A line to moto that notes who asks, and is a container's and an instance's endpoint of credentials."""

    def __init__(self, moto):
        around = self
        self.seen, self.bodies, self.lifetime = [], [], "2099-01-01T00:00:00Z"

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def say(self, text, status=200):
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def keys(self, name):
                self.say(json.dumps({"AccessKeyId": name, "SecretAccessKey": "s", "Token": "session-1", "Expiration": around.lifetime}))

            def do_PUT(self):
                good = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
                self.say("imds-token" if good else "", 200 if good else 400)

            def do_GET(self):
                role = "/latest/meta-data/iam/security-credentials/"
                if self.path == "/container" and self.headers["Authorization"] == "container-token":
                    self.keys("container-id")
                elif self.path == role and self.headers["X-aws-ec2-metadata-token"] == "imds-token":
                    self.say("the-role\n")
                elif self.path == role + "the-role" and self.headers["X-aws-ec2-metadata-token"] == "imds-token":
                    self.keys("instance-id")
                else:
                    self.say("no", 403)

            def do_POST(self):
                import urllib.request
                body = self.rfile.read(int(self.headers["Content-Length"]))
                found = re.search("Credential=([^/]+)/([^,]+)", self.headers.get("Authorization") or "")
                around.seen.append(found[1] if found else None)
                around.bodies.append(body.decode())
                around.token = self.headers.get("X-Amz-Security-Token")
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length")}
                with urllib.request.urlopen(urllib.request.Request(moto.url + self.path, body, headers)) as answer:
                    self.say(answer.read().decode())

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def around(moto):
    made = Around(moto)
    yield made
    made.stop()


def bare(moto, around, **more):
    return store(moto, **{"endpoint": around.url, "accessKey": None, "secretKey": None, "region": None, **more})


def good(sidecar):
    answer = sidecar.get(f"{BASE}/aws/plain")
    assert answer.json == {"plain": "p\"<ü>\n"}, answer.text
    return True


def test_keys_of_the_options(bench, moto, around):
    good(bench.sidecar(resources=[bare(moto, around, accessKey="opt-id", secretKey="s", sessionToken="st", region="us-east-1")],
                              env={"AWS_ACCESS_KEY_ID": "env-id", "AWS_SECRET_ACCESS_KEY": "s"}))
    assert around.seen == ["opt-id"] and around.token == "st"


def test_keys_of_the_environment(bench, moto, around):
    good(bench.sidecar(resources=[bare(moto, around)], env={"AWS_ACCESS_KEY_ID": "env-id", "AWS_SECRET_ACCESS_KEY": "s",
                                                            "AWS_SESSION_TOKEN": "st", "AWS_REGION": "us-east-1"}))
    assert around.seen == ["env-id"] and around.token == "st"


def test_keys_of_the_shared_files(bench, moto, around, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("# mine\n[default]\naws_access_key_id=no\naws_secret_access_key=no\n[work]\n"
                                                   "aws_access_key_id = file-id\naws_secret_access_key = s\n")
    (tmp_path / ".aws" / "config").write_text("[default]\nregion=no-where-1\n[profile work]\nregion = us-east-1\n")
    good(bench.sidecar(resources=[bare(moto, around)], env={"HOME": str(tmp_path), "AWS_PROFILE": "work"}))
    assert around.seen == ["file-id"]


def test_a_role_is_assumed(bench, moto, around):
    sidecar = bench.sidecar(resources=[bare(moto, around, accessKey="base-id", secretKey="s", region="us-east-1", assumeRoleArn=ROLE)],
                            env={"AWS_ENDPOINT_URL_STS": around.url})
    assert good(sidecar) and good(sidecar)
    assert around.seen[0] == "base-id" and around.seen[1] != "base-id" and around.token
    assert "Action=AssumeRole&" in around.bodies[0] and "RoleSessionName=DaprDefaultSession" in around.bodies[0]


def test_a_web_identity(bench, moto, around, tmp_path):
    (tmp_path / "jwt").write_text("a.b.c\n")
    good(bench.sidecar(resources=[bare(moto, around)],
                       env={"AWS_ENDPOINT_URL_STS": around.url, "AWS_REGION": "us-east-1", "AWS_ROLE_ARN": ROLE,
                            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "jwt")}))
    assert around.seen[0] is None and "WebIdentityToken=a.b.c" in around.bodies[0] and around.seen[1]


def test_a_container(bench, moto, around):
    sidecar = bench.sidecar(resources=[bare(moto, around)],
                            env={"AWS_REGION": "us-east-1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{around.url}/container",
                                 "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token"})
    good(sidecar)
    assert around.seen == ["container-id"] and around.token == "session-1"


def test_an_instance(bench, moto, around):
    good(bench.sidecar(resources=[bare(moto, around)], env={"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_SERVICE_ENDPOINT": around.url}))
    assert around.seen == ["instance-id"]


def test_without_any_keys_each_call_says_so(bench, moto, around):
    sidecar = bench.sidecar(resources=[bare(moto, around, region="us-east-1")], env={"AWS_EC2_METADATA_DISABLED": "true"})
    assert "there are no keys" in sidecar.get(f"{BASE}/aws/plain").json["message"]


def test_a_container_s_keys_are_fetched_from_here_only(bench, moto, around):
    sidecar = bench.sidecar(resources=[bare(moto, around, region="us-east-1")],
                            env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"})
    assert "leads away" in sidecar.get(f"{BASE}/aws/plain").json["message"]


@pytest.mark.parametrize("more, why", [({"region": None}, "the region is missing"), ({"secretKey": None}, "belong together"),
                                       ({"trustAnchorArn": "arn:x"}, "Roles Anywhere"), ({"region": "a/b"}, "no name of a region")])
def test_what_cannot_work_ends_the_start_in_one_sentence(bench, moto, more, why):
    sidecar = bench.sidecar(resources=[store(moto, **more)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(why)


def test_faults_of_the_line(bench, moto):
    tap = Tap(moto.port)
    sidecar = bench.sidecar(resources=[store(moto, endpoint=f"http://{tap.address}")])
    assert good(sidecar)
    tap.refuse()
    assert sidecar.get(f"{BASE}/aws/plain").status == 500
    tap.open()
    assert good(sidecar)
    tap.reset()
    tap.cut_answer(30)
    assert sidecar.get(f"{BASE}/aws/plain").status == 500
    tap.flow()
    assert good(sidecar)
    tap.close()


def test_no_secret_is_logged(sidecar):
    assert not sidecar.logged("mighty-secret")
