"""bindings.aws.s3 (contract, components 2.14 and 6.16) against moto; what is stored is looked at with boto3, and the other
way round. Faults, and what a client hears of them."""

import base64
import re
import threading
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.resources import component
from harness.services import Service
from harness.tap import Tap

boto3 = pytest.importorskip("boto3")
BUCKET = "my-bucket"


@pytest.fixture(scope="module")
def moto():
    made = Service("moto")
    made.url = f"http://{made.address}"
    made.client = boto3.client("s3", endpoint_url=made.url, region_name="us-east-1", aws_access_key_id="t", aws_secret_access_key="t")
    made.client.create_bucket(Bucket=BUCKET)
    made.client.create_bucket(Bucket="versioned")
    made.client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    yield made
    made.stop()


def bucket(moto, name="s3", **more):
    options = {"bucket": BUCKET, "endpoint": moto.url, "region": "us-east-1", "forcePathStyle": "true", "accessKey": "id-1",
               "secretKey": "mighty-secret", **more}
    return component(name, "bindings.aws.s3", {k: v for k, v in options.items() if v is not None})


@pytest.fixture(scope="module")
def sidecar(shared, moto):
    return shared.sidecar(resources=[bucket(moto), bucket(moto, "coded", decodeBase64="true", encodeBase64="true"),
                                     bucket(moto, "lasting", presignTTL="15m", storageClass="STANDARD_IA"),
                                     bucket(moto, "versioned", bucket="versioned"), bucket(moto, "absent", bucket="no-such-bucket"),
                                     bucket(moto, "byaddress", forcePathStyle="false")])


def invoke(sidecar, operation, data=None, binding="s3", **metadata):
    return sidecar.post(f"/v1.0/bindings/{binding}", {"operation": operation, "metadata": metadata,
                                                      **({} if data is None else {"data": data})})


def stored(moto, key, name=BUCKET):
    return moto.client.get_object(Bucket=name, Key=key)["Body"].read()


@pytest.fixture
def key():
    return f"k-{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("data, bytes_", [("p\"<ü>\n", "p\"<ü>\n".encode()), ({"a": [1, 1.5]}, b'{"a":[1,1.5]}'), (None, b"null"), (7, b"7"),
                                          ("x" * 300000, b"x" * 300000)])
def test_what_is_created_is_stored(sidecar, moto, key, data, bytes_):
    answer = invoke(sidecar, "create", data, key=key)
    assert answer.status == 200, answer.text
    assert answer.json == {"location": f"{moto.url}/{BUCKET}/{key}", "versionID": None}
    assert answer.header("Metadata.key") == key
    assert stored(moto, key) == bytes_
    assert invoke(sidecar, "get", key=key).body == bytes_


def test_without_a_key_one_is_made(sidecar, moto):
    answer = invoke(sidecar, "create", "x")
    key = answer.header("Metadata.key")
    assert re.fullmatch("[0-9a-f-]{36}", key) and stored(moto, key) == b"x"


@pytest.mark.parametrize("odd", ["a/b c", "ümläut+plus&amp;", "../up", "q?x=1#y", "100%", "a//b", "<tag>"])
def test_odd_names(sidecar, moto, odd, key):
    name = f"{key}/{odd}"
    assert invoke(sidecar, "create", "x", key=name).status == 200
    assert stored(moto, name) == b"x"
    assert invoke(sidecar, "get", key=name).body == b"x"
    assert any(one["Key"] == name for one in invoke(sidecar, "list", {"prefix": key}).json["Contents"])
    assert invoke(sidecar, "bulkDelete", {"keys": [name]}).json == [{"key": name}]
    assert invoke(sidecar, "get", key=name).status == 500


def test_what_is_said_of_an_object(sidecar, moto, key):
    assert invoke(sidecar, "create", "x", key=key, **{"Content-Type": "text/plain", "tags": "a=1, b=x y+z", "storageClass": "STANDARD_IA"}).status == 200
    head = moto.client.head_object(Bucket=BUCKET, Key=key)
    assert (head["ContentType"], head["StorageClass"]) == ("text/plain", "STANDARD_IA")
    tags = moto.client.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
    assert {one["Key"]: one["Value"] for one in tags} == {"a": "1", "b": "x y+z"}
    assert "key=value" in invoke(sidecar, "create", "x", key=key, tags="a").json["message"]


def test_base64(sidecar, moto, key):
    raw = bytes(range(256))
    coded = base64.b64encode(raw).decode()
    assert invoke(sidecar, "create", coded, "coded", key=key).status == 200
    assert stored(moto, key) == raw
    assert invoke(sidecar, "get", key=key).body == raw
    assert invoke(sidecar, "get", None, "coded", key=key).text == coded
    assert invoke(sidecar, "get", None, "coded", key=key, encodeBase64="false").body == raw
    assert "are not base64" in invoke(sidecar, "create", "***", "coded", key=key).json["message"]


def test_files(sidecar, moto, key, tmp_path):
    (tmp_path / "in").write_bytes(b"\0file")
    assert invoke(sidecar, "create", "ignored", key=key, filePath=str(tmp_path / "in")).status == 200
    assert stored(moto, key) == b"\0file"
    answer = invoke(sidecar, "get", key=key, filePath=str(tmp_path / "out"))
    assert answer.status in (200, 204) and answer.body == b""
    assert (tmp_path / "out").read_bytes() == b"\0file"
    assert "No such file" in invoke(sidecar, "create", key=key, filePath=str(tmp_path / "none")).json["message"]


def test_what_is_not_there(sidecar):
    assert "object not found" in invoke(sidecar, "get", key="nope").json["message"]
    assert "needs metadata key" in invoke(sidecar, "get").json["message"]
    assert "needs metadata key" in invoke(sidecar, "delete").json["message"]
    assert "NoSuchBucket" in invoke(sidecar, "create", "x", "absent", key="k").json["message"]
    assert "NoSuchBucket" in invoke(sidecar, "list", None, "absent").json["message"]


def test_delete(sidecar, moto, key):
    moto.client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    answer = invoke(sidecar, "delete", key=key)
    assert (answer.status, answer.body) == (204, b"")
    assert invoke(sidecar, "get", key=key).status == 500


def test_a_version_is_told(sidecar, moto, key):
    answer = invoke(sidecar, "create", "x", "versioned", key=key)
    assert answer.json["versionID"] == moto.client.head_object(Bucket="versioned", Key=key)["VersionId"]


def test_an_endpoint_that_is_an_address_has_the_bucket_in_the_path(sidecar, moto, key):
    assert invoke(sidecar, "create", "x", "byaddress", key=key).json["location"] == f"{moto.url}/{BUCKET}/{key}"


def test_list(sidecar, moto, key):
    for n in range(5):
        moto.client.put_object(Bucket=BUCKET, Key=f"{key}/d{n % 2}/{n}&", Body=b"x" * n)
    moto.client.put_object(Bucket=BUCKET, Key=f"{key}/top", Body=b"12345")
    whole = invoke(sidecar, "list", {"prefix": key + "/"}).json
    assert [one["Key"] for one in whole["Contents"]] == sorted([f"{key}/d{n % 2}/{n}&" for n in range(5)] + [f"{key}/top"])
    assert (whole["Name"], whole["Prefix"], whole["IsTruncated"], whole["MaxKeys"]) == (BUCKET, key + "/", False, 1000)
    top = whole["Contents"][-1]
    assert top["Size"] == 5 and top["StorageClass"] == "STANDARD" and top["ETag"] == '"827ccb0eea8a706c4c34a16891f84e7b"'
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", top["LastModified"])
    folders = invoke(sidecar, "list", {"prefix": key + "/", "delimiter": "/"}).json
    assert folders["CommonPrefixes"] == [{"Prefix": f"{key}/d0/"}, {"Prefix": f"{key}/d1/"}]
    assert [one["Key"] for one in folders["Contents"]] == [f"{key}/top"]
    page = invoke(sidecar, "list", {"prefix": key + "/", "maxResults": 2}).json
    assert len(page["Contents"]) == 2 and page["IsTruncated"] is True
    rest = invoke(sidecar, "list", {"prefix": key + "/", "marker": page["Contents"][-1]["Key"]}).json
    assert len(rest["Contents"]) == 4
    assert invoke(sidecar, "list", {"prefix": key + "/none"}).json["Contents"] is None
    assert invoke(sidecar, "list").status == 200
    assert invoke(sidecar, "list", [1]).status == 500 and invoke(sidecar, "list", {"maxResults": -1}).status == 500


def test_urls_for_others(sidecar, moto, key):
    moto.client.put_object(Bucket=BUCKET, Key=key, Body=b"shared")
    url = invoke(sidecar, "presign", key=key, presignTTL="1m").json["presignURL"]
    assert url.startswith(f"{moto.url}/{BUCKET}/{key}?X-Amz-Algorithm=AWS4-HMAC-SHA256&") and "X-Amz-Expires=60&" in url
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"shared"
    assert "presignURL" in invoke(sidecar, "create", "x", "lasting", key=key).json
    assert "presignURL" not in invoke(sidecar, "create", "x", key=key).json
    for ttl in ("", "soon", "0s", "200h"):
        assert invoke(sidecar, "presign", key=key, presignTTL=ttl).status == 500


class Keys(BaseHTTPRequestHandler):
    """A container's endpoint of credentials."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        body = b'{"AccessKeyId":"fetched-id","SecretAccessKey":"s","Token":"session/1","Expiration":"2099-01-01T00:00:00Z"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_url_is_signed_with_keys_that_are_fetched_for_it(bench, moto, key):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    moto.client.put_object(Bucket=BUCKET, Key=key, Body=b"shared")
    sidecar = bench.sidecar(resources=[bucket(moto, accessKey=None, secretKey=None)],
                            env={"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{server.server_address[1]}/keys"})
    for _ in range(2):
        url = invoke(sidecar, "presign", key=key, presignTTL="1m").json["presignURL"]
        assert "Credential=fetched-id%2F" in url and "&X-Amz-Security-Token=session%2F1&" in url
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.read() == b"shared"
    server.shutdown()
    server.server_close()


def test_bulk(sidecar, moto, key, tmp_path):
    (tmp_path / "f").write_bytes(b"from a file")
    items = [{"key": f"{key}/{n}", "data": f"v{n}", "contentType": "text/plain"} for n in range(30)]
    items += [{"key": f"{key}/json", "data": {"a": 1}}, {"key": f"{key}/file", "filePath": str(tmp_path / "f")}, {"data": "x"}]
    made = invoke(sidecar, "bulkCreate", {"items": items}).json
    assert made[:30] == [{"key": f"{key}/{n}", "location": f"{moto.url}/{BUCKET}/{key}/{n}"} for n in range(30)]
    assert made[32]["key"] == "" and "no key" in made[32]["error"]
    assert stored(moto, f"{key}/json") == b'{"a":1}' and stored(moto, f"{key}/file") == b"from a file"
    asked = [{"key": f"{key}/{n}"} for n in range(30)] + [{"key": f"{key}/nope"}, {"key": f"{key}/7", "filePath": str(tmp_path / "out")}]
    got = invoke(sidecar, "bulkGet", {"items": asked, "concurrency": 4}).json
    assert got[:30] == [{"key": f"{key}/{n}", "data": f"v{n}"} for n in range(30)]
    assert "object not found" in got[30]["error"] and got[31] == {"key": f"{key}/7"} and (tmp_path / "out").read_bytes() == b"v7"
    gone = invoke(sidecar, "bulkDelete", {"keys": [f"{key}/{n}" for n in range(30)] + [f"{key}/nope"]}).json
    assert gone == [{"key": f"{key}/{n}"} for n in range(30)] + [{"key": f"{key}/nope"}]
    assert [one["Key"] for one in invoke(sidecar, "list", {"prefix": key}).json["Contents"]] == [f"{key}/file", f"{key}/json"]


def test_a_bulk_delete_of_many_goes_in_batches(sidecar, moto, key):
    names = [f"{key}/{n}" for n in range(1500)]
    for name in names[::100]:
        moto.client.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    assert invoke(sidecar, "bulkDelete", {"keys": names}).json == [{"key": name} for name in names]
    assert invoke(sidecar, "list", {"prefix": key}).json["Contents"] is None
    lost = invoke(sidecar, "bulkDelete", {"keys": names}, "absent").json
    assert len(lost) == 1500 and all("NoSuchBucket" in one["error"] for one in lost)


@pytest.mark.parametrize("operation", ["bulkGet", "bulkCreate", "bulkDelete"])
@pytest.mark.parametrize("data", [None, [1], {}, {"items": [], "keys": []}, {"items": 1, "keys": 1}])
def test_bulk_data_that_are_none(sidecar, operation, data):
    assert invoke(sidecar, operation, data).status == 500


def test_an_operation_that_is_none(sidecar):
    message = invoke(sidecar, "rename", key="x").json["message"]
    assert "create delete get list" in message or "create get delete list" in message


def test_faults(bench, moto, key):
    tap = Tap(moto.port)
    sidecar = bench.sidecar(resources=[bucket(moto, endpoint=f"http://{tap.address}")])
    assert invoke(sidecar, "create", "x", key=key).status == 200
    tap.refuse()
    assert invoke(sidecar, "get", key=key).status == 500
    assert all("error" in one for one in invoke(sidecar, "bulkGet", {"items": [{"key": key}, {"key": key}]}).json)
    tap.open()
    assert invoke(sidecar, "get", key=key).body == b"x"
    moto.client.put_object(Bucket=BUCKET, Key=key, Body=b"y" * 100000)
    tap.reset()
    tap.cut_answer(50000)
    assert invoke(sidecar, "get", key=key).status == 500
    tap.flow()
    assert invoke(sidecar, "get", key=key).body == b"y" * 100000
    tap.close()


def test_too_large_is_refused(bench, moto, key):
    sidecar = bench.sidecar(resources=[bucket(moto, maxSize="10")])
    moto.client.put_object(Bucket=BUCKET, Key=key, Body=b"y" * 11)
    assert "exceeds 10 bytes" in invoke(sidecar, "get", key=key).json["message"]


@pytest.mark.parametrize("more, why", [({"bucket": None}, "bucket"), ({"region": None}, "the region is missing"),
                                       ({"secretKey": None}, "belong together"), ({"maxSize": "many"}, "maxSize")])
def test_what_cannot_work_ends_the_start_in_one_sentence(bench, moto, more, why):
    sidecar = bench.sidecar(resources=[bucket(moto, **more)], ready=False)
    assert sidecar.wait_end() != 0
    assert sidecar.logged(why)


def test_no_secret_is_logged(sidecar):
    assert not sidecar.logged("mighty-secret")
